//! What a register may hold.

use crate::audit::Action;
use crate::meters::Meter;
use crate::problem::{Code, Error};
use coinless_protocol::Commodity;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{self, Clock, Set, Valve, ValveOrder};

/// The registers beside credit, in the order in which a meter should get their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegisterName {
    /// The operational keys.
    Keys,
    /// How the meter behaves.
    Settings,
    /// Prices, standing charge and debt.
    Tariff,
    /// Held shut by command or not.
    Valve,
    /// The time.
    Clock,
}

impl RegisterName {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Keys, Self::Settings, Self::Tariff, Self::Valve, Self::Clock];

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Settings => "settings",
            Self::Tariff => "tariff",
            Self::Valve => "valve",
            Self::Clock => "clock",
        }
    }

    /// The one of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|register| register.name() == name)
    }

    pub(super) fn stored(name: &str) -> Result<Self, Error> {
        Self::from_name(name).ok_or_else(|| Error::inconsistent(format!("a register {name}")))
    }

    pub(super) fn action(self) -> Action {
        match self {
            Self::Keys => Action::KeysToken,
            Self::Settings => Action::SettingsToken,
            Self::Tariff => Action::TariffToken,
            Self::Valve => Action::ValveToken,
            Self::Clock => Action::ClockToken,
        }
    }
}

/// The content of a register that an operational key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Of the tariff register.
    Tariff(Tariff),
    /// Of the settings register.
    Settings(Settings),
    /// A valve command.
    Valve(ValveOrder),
    /// It is at least the time at which this is committed.
    Clock,
}

impl Content {
    /// Which register it is for.
    pub fn register(&self) -> RegisterName {
        match self {
            Self::Tariff(_) => RegisterName::Tariff,
            Self::Settings(_) => RegisterName::Settings,
            Self::Valve(_) => RegisterName::Valve,
            Self::Clock => RegisterName::Clock,
        }
    }

    /// Its bytes: of tariff and settings those that the meter keeps, of a valve command one byte, of the clock none.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it makes no sense or is longer than a token can carry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let too_long = |_| {
            let detail = format!("this is longer than the {} bytes that a token can carry", token::MAX_CONTENT_BYTES);
            Error::refused(Code::Malformed, detail)
        };
        let odd = |_| Error::refused(Code::Malformed, "no meter would take this");
        Ok(match self {
            Self::Tariff(tariff) => {
                let bytes = tariff.to_bytes().map_err(too_long)?;
                Tariff::from_bytes(&bytes).map_err(odd)?;
                bytes.to_vec()
            }
            Self::Settings(settings) => {
                let bytes = settings.to_bytes().map_err(too_long)?;
                Settings::from_bytes(&bytes).map_err(odd)?;
                bytes.to_vec()
            }
            Self::Valve(command) => vec![*command as u8],
            Self::Clock => Vec::new(),
        })
    }

    /// The stored content of a register.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if it is none. Keys are read by [`keys`].
    pub fn stored(register: RegisterName, bytes: &[u8]) -> Result<Self, Error> {
        let odd = || Error::inconsistent(format!("the stored content of a register {}", register.name()));
        Ok(match register {
            RegisterName::Tariff => Self::Tariff(Tariff::from_bytes(bytes).map_err(|_| odd())?),
            RegisterName::Settings => Self::Settings(Settings::from_bytes(bytes).map_err(|_| odd())?),
            RegisterName::Valve => Self::Valve(match bytes {
                [0] => ValveOrder::Release,
                [1] => ValveOrder::HoldShut,
                [2] => ValveOrder::Service,
                _ => return Err(odd()),
            }),
            RegisterName::Clock => Self::Clock,
            RegisterName::Keys => return Err(odd()),
        })
    }

    /// Refuses what the meter would refuse.
    pub(super) fn check(&self, meter: &Meter) -> Result<(), Error> {
        let refused =
            |detail: &str| Err(Error::refused(Code::Malformed, format!("meter {}: {detail}", meter.id.label())));
        match self {
            Self::Tariff(tariff) if meter.currency.is_none() && !tariff.rates.is_empty() => refused(
                "it counts units and not money, so its tariff has no prices (they are in the station's own tariff)",
            ),
            Self::Tariff(tariff) if meter.currency.is_some() && tariff.rates.is_empty() => {
                refused("it counts money, so its tariff needs prices: give it one with coinless station token tariff")
            }
            Self::Settings(settings) if meter.commodity == Commodity::Gas && settings.open_by_token == Some(true) => {
                refused("a gas valve is opened by a person at the meter and never by a token")
            }
            _ => Ok(()),
        }
    }

    /// The registers that a token with this content sets. `bytes`: those of [`Self::to_bytes`].
    pub(super) fn set<'a>(&self, number: u64, bytes: &'a [u8]) -> Result<Set<'a>, Error> {
        let short = || u32::try_from(number).map_err(|_| Error::inconsistent("a number of a register"));
        let content = || Ok::<_, Error>(Some(token::Content { number: short()?, bytes }));
        Ok(match self {
            Self::Tariff(_) => Set { tariff: content()?, ..Set::default() },
            Self::Settings(_) => Set { settings: content()?, ..Set::default() },
            Self::Valve(command) => {
                Set { valve: Some(Valve { number: short()?, command: *command }), ..Set::default() }
            }
            Self::Clock => Set { clock: Some(Clock { unix_s: number, answers: None }), ..Set::default() },
        })
    }
}

/// The stored content of a keys register.
///
/// # Errors
/// [`Error::Inconsistent`] if it is none.
pub fn keys(bytes: &[u8]) -> Result<OperationalKeys, Error> {
    OperationalKeys::from_bytes(bytes).map_err(|_| Error::inconsistent("the stored content of a register keys"))
}
