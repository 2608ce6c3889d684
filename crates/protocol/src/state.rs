//! What a meter shows of its state: the causes that hold its valve shut, and a few flags.

/// The causes that hold a valve (or relay) shut, a set (DESIGN §6). Opening needs it empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ShutCauses(u8);

/// One cause that holds a valve shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ShutCause {
    /// The balance is used up. The only cause that credit clears.
    NoCredit = 1,
    /// The utility's command.
    Command = 1 << 1,
    /// The meter was tampered with; a technician clears it.
    Tamper = 1 << 2,
    /// Leak, excess flow, or three openings in a row into an open appliance; a technician clears it.
    Flow = 1 << 3,
    /// The battery is too low to promise that the valve can be shut later.
    LowBattery = 1 << 4,
    /// Not used for long.
    Disuse = 1 << 5,
    /// The account is closed.
    ClosedAccount = 1 << 6,
    /// The meter found its own state wrong.
    Fault = 1 << 7,
}

impl ShutCause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::NoCredit,
        Self::Command,
        Self::Tamper,
        Self::Flow,
        Self::LowBattery,
        Self::Disuse,
        Self::ClosedAccount,
        Self::Fault,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoCredit => "no credit",
            Self::Command => "command of the utility",
            Self::Tamper => "tamper",
            Self::Flow => "leak or uncontrolled flow",
            Self::LowBattery => "low battery",
            Self::Disuse => "long disuse",
            Self::ClosedAccount => "closed account",
            Self::Fault => "fault",
        }
    }
}

impl ShutCauses {
    /// No cause.
    pub const NONE: Self = Self(0);

    /// The set of the bits of [`ShutCause`].
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// One bit for each cause.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether nothing holds the valve shut.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `cause` is in the set.
    pub fn contains(self, cause: ShutCause) -> bool {
        self.0 & cause as u8 != 0
    }

    /// The set with `cause`.
    #[must_use]
    pub fn with(self, cause: ShutCause) -> Self {
        Self(self.0 | cause as u8)
    }

    /// The set without `cause`.
    #[must_use]
    pub fn without(self, cause: ShutCause) -> Self {
        Self(self.0 & !(cause as u8))
    }

    /// Its causes.
    pub fn iter(self) -> impl Iterator<Item = ShutCause> {
        ShutCause::ALL.into_iter().filter(move |cause| self.contains(*cause))
    }
}

/// State that a meter tells everybody: valve, armed, valve failed, and the causes. As a number: bit 0 open, bit 1 armed,
/// bit 2 valve failed, bits 8 to 15 the causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags {
    /// The valve was last driven open.
    pub open: bool,
    /// A person may open the valve by pressing the button.
    pub armed: bool,
    /// There was flow while the valve was shut.
    pub valve_failed: bool,
    /// What holds it shut.
    pub causes: ShutCauses,
}

impl Flags {
    /// As a number.
    pub fn bits(self) -> u16 {
        u16::from(self.open)
            | u16::from(self.armed) << 1
            | u16::from(self.valve_failed) << 2
            | u16::from(self.causes.bits()) << 8
    }

    /// From a number; none if a bit is set that has no meaning.
    pub fn from_bits(bits: u16) -> Option<Self> {
        let [low, causes] = bits.to_le_bytes();
        (low < 8).then_some(Self {
            open: low & 1 != 0,
            armed: low & 2 != 0,
            valve_failed: low & 4 != 0,
            causes: ShutCauses::from_bits(causes),
        })
    }
}
