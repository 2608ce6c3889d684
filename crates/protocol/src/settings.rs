//! The content of the settings register: how a meter behaves.
//!
//! A CBOR map in deterministic encoding, at most [`MAX_CONTENT_BYTES`] long. What is not there has the value of
//! [`Settings::default`]; a value that says the same as leaving it out is malformed.
//!
//! | key | content | unit |
//! |----:|---------|------|
//! | 0, 1 | low-credit alarm, first and second level; the second is not above the first | credit units |
//! | 2 | emergency credit; 0 for none | credit units |
//! | 3 | friendly-credit cap: how far a friendly period may go beyond | credit units |
//! | 4 | weekly friendly periods, 3 bytes each: weekdays, from, to in half hours; at most 4 | |
//! | 5 | friendly days (holidays), 4 bytes each: first and last day, big-endian; at most 6 | days since 1970-01-01 |
//! | 6 | days on which a vulnerable customer is not cut off, likewise; at most 2 | days |
//! | 7 | how far such days may go beyond; 0 for without bound | credit units |
//! | 8 | local time less UTC | quarter hours, −48 to 56 |
//! | 9 | a token may open (not gas), in place of the factory record's word | |
//! | 10 | most credit, in place of the factory record's | credit units |
//! | 11 | correction of the volume | millionths, 500 000 to 2 000 000 |
//! | 12, 13 | load limit of electricity and the time over it that trips; 0 for none | W, s |
//! | 14 | most flow; more is excess flow; 0 for no limit | units per minute |
//! | 15 | flow without a pause of half an hour that is a leak; 0 for never | hours |
//! | 16 | time without consumption after which the valve is shut; 0 for never | days |
//! | 17 | what shuts the valve: bit 0 cover, 1 magnet, 2 reverse flow, 3 low battery, 4 leak | |

use crate::cbor::{self, DecodeError, Decoder, Keys, Object, Writer, differs, narrow, other};
use crate::tariff::{read_packed, write_packed};
use crate::token::MAX_CONTENT_BYTES;
use crate::weekly::{Days, WeeklyPeriod};
use crate::{Bytes, Full, Units};
use heapless::Vec;

/// Most weekly friendly periods.
pub const MAX_FRIENDLY_PERIODS: usize = 4;
/// Most ranges of friendly days.
pub const MAX_FRIENDLY_DAYS: usize = 6;
/// Most ranges of days without cut-off.
pub const MAX_NO_CUT_DAYS: usize = 2;

/// How a meter behaves. Amounts are in whole credit units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Balance at or below which the first low-credit alarm is given.
    pub low_credit: u32,
    /// The same for the second alarm.
    pub very_low_credit: u32,
    /// Emergency credit that a person may take at the meter; 0 for none.
    pub emergency: u32,
    /// How far the balance may fall beyond in a friendly period.
    pub friendly_cap: u32,
    /// Friendly periods.
    pub friendly: Vec<WeeklyPeriod, MAX_FRIENDLY_PERIODS>,
    /// Friendly days.
    pub friendly_days: Vec<Days, MAX_FRIENDLY_DAYS>,
    /// Days on which a vulnerable customer is not cut off.
    pub no_cut: Vec<Days, MAX_NO_CUT_DAYS>,
    /// How far the balance may fall beyond on those days; 0 for without bound.
    pub no_cut_cap: u32,
    /// Local time less UTC, in quarter hours, −48 to 56.
    pub utc_offset_quarters: i8,
    /// Whether a token may open the valve of water or electricity that was shut for used-up credit alone; none for what the
    /// meter was made with.
    pub open_by_token: Option<bool>,
    /// The most credit; none for what the meter was made with.
    pub max_credit: Option<Units>,
    /// Corrected volume of a measured one, in millionths.
    pub correction_ppm: u32,
    /// Most power in W; 0 for no limit.
    pub load_limit_w: u32,
    /// Seconds over the load limit that trip.
    pub load_limit_s: u16,
    /// Most flow in units per minute; 0 for no limit.
    pub excess_flow: u32,
    /// Hours of flow without a pause of half an hour that are a leak; 0 for never.
    pub leak_h: u8,
    /// Days without consumption after which the valve is shut; 0 for never.
    pub disuse_days: u16,
    /// What shuts the valve.
    pub shut_on: SensorSet,
}

/// What a sensor may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Sensor {
    /// The cover was opened.
    Cover = 1,
    /// A strong magnet is near.
    Magnet = 1 << 1,
    /// Something flows backwards.
    ReverseFlow = 1 << 2,
    /// The battery is low.
    LowBattery = 1 << 3,
    /// Flow without a pause. Not the port's, but the meter's own.
    Leak = 1 << 4,
}

impl Sensor {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Cover, Self::Magnet, Self::ReverseFlow, Self::LowBattery, Self::Leak];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Cover => "cover",
            Self::Magnet => "magnet",
            Self::ReverseFlow => "reverse flow",
            Self::LowBattery => "low battery",
            Self::Leak => "leak",
        }
    }
}

/// A set of [`Sensor`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SensorSet(u8);

impl SensorSet {
    /// All of them.
    pub const ALL: Self = Self(0x1f);
    /// None.
    pub const NONE: Self = Self(0);

    /// The set of the bits of [`Sensor`]; none if a bit has no meaning.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits & !Self::ALL.0 == 0).then_some(Self(bits))
    }

    /// One bit for each.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `sensor` is in it.
    pub fn contains(self, sensor: Sensor) -> bool {
        self.0 & sensor as u8 != 0
    }

    /// The set with `sensor`.
    #[must_use]
    pub fn with(self, sensor: Sensor) -> Self {
        Self(self.0 | sensor as u8)
    }

    /// The set without `sensor`.
    #[must_use]
    pub fn without(self, sensor: Sensor) -> Self {
        Self(self.0 & !(sensor as u8))
    }
}

/// Volume as it is measured.
pub const NO_CORRECTION_PPM: u32 = 1_000_000;

impl Default for Settings {
    /// A meter that was told nothing: no alarms, no emergency or friendly credit, no limits, and every sensor shuts.
    fn default() -> Self {
        Self {
            low_credit: 0,
            very_low_credit: 0,
            emergency: 0,
            friendly_cap: 0,
            friendly: Vec::new(),
            friendly_days: Vec::new(),
            no_cut: Vec::new(),
            no_cut_cap: 0,
            utc_offset_quarters: 0,
            open_by_token: None,
            max_credit: None,
            correction_ppm: NO_CORRECTION_PPM,
            load_limit_w: 0,
            load_limit_s: 0,
            excess_flow: 0,
            leak_h: 0,
            disuse_days: 0,
            shut_on: SensorSet::ALL,
        }
    }
}

impl Settings {
    /// Their encoding.
    ///
    /// # Errors
    /// None in practice: the longest settings fit, which a test shows.
    pub fn to_bytes(&self) -> Result<Bytes<MAX_CONTENT_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads settings.
    ///
    /// # Errors
    /// [`DecodeError`] if they are none, or not [sensible](Settings::is_sensible).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let settings = cbor::decode_exact::<Self>(bytes)?;
        if settings.is_sensible() { Ok(settings) } else { Err(DecodeError::Malformed) }
    }

    /// Whether they make sense: the second level is not above the first, a load limit has its time, and every value is in its
    /// range. A station asks before it signs; a decoder refuses what does not.
    pub fn is_sensible(&self) -> bool {
        self.very_low_credit <= self.low_credit
            && (-48..=56).contains(&self.utc_offset_quarters)
            && (500_000..=2_000_000).contains(&self.correction_ppm)
            && (self.load_limit_w > 0) == (self.load_limit_s > 0)
            && self.max_credit != Some(Units::ZERO)
    }

    /// The values that are numbers, with key and default.
    fn numbers(&self) -> [(u8, u32, u32); 12] {
        [
            (0, self.low_credit, 0),
            (1, self.very_low_credit, 0),
            (2, self.emergency, 0),
            (3, self.friendly_cap, 0),
            (7, self.no_cut_cap, 0),
            (11, self.correction_ppm, NO_CORRECTION_PPM),
            (12, self.load_limit_w, 0),
            (13, self.load_limit_s.into(), 0),
            (14, self.excess_flow, 0),
            (15, self.leak_h.into(), 0),
            (16, self.disuse_days.into(), 0),
            (17, self.shut_on.bits().into(), SensorSet::ALL.bits().into()),
        ]
    }

    fn entries(&self) -> usize {
        let others = [
            !self.friendly.is_empty(),
            !self.friendly_days.is_empty(),
            !self.no_cut.is_empty(),
            self.utc_offset_quarters != 0,
            self.open_by_token.is_some(),
            self.max_credit.is_some(),
        ];
        let numbers = self.numbers().iter().filter(|(_, value, default)| value != default).count();
        numbers.saturating_add(others.iter().filter(|there| **there).count())
    }
}

impl Object<'_> for Settings {
    fn write(&self, out: &mut Writer<'_>) {
        out.map(self.entries());
        for key in 0..=17 {
            match key {
                4 => pack(out, key, self.friendly.iter().map(|period| period.to_bytes())),
                5 => pack(out, key, self.friendly_days.iter().map(|days| days.to_bytes())),
                6 => pack(out, key, self.no_cut.iter().map(|days| days.to_bytes())),
                8 if self.utc_offset_quarters != 0 => {
                    out.uint(key).int(self.utc_offset_quarters);
                }
                9 => {
                    if let Some(open) = self.open_by_token {
                        out.uint(key).bool(open);
                    }
                }
                10 => {
                    if let Some(max) = self.max_credit {
                        out.uint(key).uint(max.get());
                    }
                }
                _ => {
                    for (known, value, default) in self.numbers() {
                        if known == key && value != default {
                            out.uint(key).uint(value);
                        }
                    }
                }
            }
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut settings = Self::default();
        let mut keys = Keys::default();
        for _ in 0..input.map()? {
            match keys.next(input)? {
                0 => settings.low_credit = other(input, 0)?,
                1 => settings.very_low_credit = other(input, 0)?,
                2 => settings.emergency = other(input, 0)?,
                3 => settings.friendly_cap = other(input, 0)?,
                4 => settings.friendly = read_packed(input, WeeklyPeriod::from_bytes)?,
                5 => settings.friendly_days = read_packed(input, Days::from_bytes)?,
                6 => settings.no_cut = read_packed(input, Days::from_bytes)?,
                7 => settings.no_cut_cap = other(input, 0)?,
                8 => settings.utc_offset_quarters = differs(input.i8()?, 0)?,
                9 => settings.open_by_token = Some(input.bool()?),
                10 => settings.max_credit = Some(Units::new(input.u64()?).map_err(|_| DecodeError::Malformed)?),
                11 => settings.correction_ppm = other(input, NO_CORRECTION_PPM)?,
                12 => settings.load_limit_w = other(input, 0)?,
                13 => settings.load_limit_s = narrow(other(input, 0)?)?,
                14 => settings.excess_flow = other(input, 0)?,
                15 => settings.leak_h = narrow(other(input, 0)?)?,
                16 => settings.disuse_days = narrow(other(input, 0)?)?,
                17 => {
                    let bits = narrow(other(input, SensorSet::ALL.bits().into())?)?;
                    settings.shut_on = SensorSet::from_bits(bits).ok_or(DecodeError::Malformed)?;
                }
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        Ok(settings)
    }
}

/// Writes records as one byte string, if there are any.
fn pack<const B: usize>(out: &mut Writer<'_>, key: u8, records: impl ExactSizeIterator<Item = [u8; B]>) {
    if records.len() > 0 {
        out.uint(key);
        write_packed(out, records);
    }
}
