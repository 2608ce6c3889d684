//! Tokens as a phone keeps them, and their names.

use crate::hex;
use coinless_protocol::keys::KeyHint;
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{CreditNumber, DecodeError, Epoch, MeterId};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The name of a token: whose registers it sets to which numbers. Two tokens of one name have one content, even if their bytes
/// differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The meter that it is for.
    pub meter: MeterId,
    /// The hint of that meter's key.
    pub meter_key: KeyHint,
    /// The epoch of its numbers.
    pub epoch: Epoch,
    /// The registers that it sets.
    pub numbers: TokenNumbers,
}

/// The registers that a token sets, by the number of each; 0 for those that it leaves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TokenNumbers {
    /// Credit register.
    pub credit: CreditNumber,
    /// Tariff register.
    pub tariff: u32,
    /// Settings register.
    pub settings: u32,
    /// Keys register; the token may begin a new epoch.
    pub keys: u32,
    /// Valve command.
    pub valve: u32,
    /// Clock, in seconds since 1970-01-01 UTC: it is its own number.
    pub clock: u64,
}

/// Why bytes are not a token that a phone carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCarried {
    /// Not a token.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A read request, or a register's number 0, at which every meter begins.
    #[error("the token sets no register")]
    SetsNothing,
}

impl TokenNumbers {
    /// Whether it sets a register whose number no receipt tells.
    pub fn has_untold(&self) -> bool {
        self.valve > 0 || self.clock > 0
    }

    /// The registers that it sets besides credit, with their numbers; those that others wait for come first.
    pub fn others(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let others = [
            ("keys", self.keys.into()),
            ("settings", self.settings.into()),
            ("tariff", self.tariff.into()),
            ("valve", self.valve.into()),
            ("clock", self.clock),
        ];
        others.into_iter().filter(|(_, number)| *number > 0)
    }
}

impl TokenKey {
    /// The name of the token `bytes`.
    ///
    /// # Errors
    /// [`NotCarried`] if they are no token, or one that sets nothing.
    pub fn of(bytes: &[u8]) -> Result<Self, NotCarried> {
        let (_, token) = Token::parse(bytes)?;
        let none = TokenNumbers::default();
        let numbers = match &token.order {
            Order::Read(_) => none,
            Order::Keys(keys) => TokenNumbers { keys: keys.number, ..none },
            Order::Set(set) => TokenNumbers {
                credit: set.credit.map_or(none.credit, |credit| credit.register.number),
                tariff: set.tariff.map_or(0, |tariff| tariff.number),
                settings: set.settings.map_or(0, |settings| settings.number),
                keys: 0,
                valve: set.valve.map_or(0, |valve| valve.number),
                clock: set.clock.map_or(0, |clock| clock.unix_s),
            },
        };
        if numbers == none {
            return Err(NotCarried::SetsNothing);
        }
        Ok(Self { meter: token.meter, meter_key: token.meter_key, epoch: token.epoch, numbers })
    }

    /// Whether it sets the credit register.
    pub fn has_credit(&self) -> bool {
        self.numbers.credit > CreditNumber(0)
    }

    /// Whether a meter that has taken this token has the valve command and the clock of `other` or newer ones.
    pub(crate) fn is_beyond(&self, other: &Self) -> bool {
        (self.meter, self.meter_key, self.epoch) == (other.meter, other.meter_key, other.epoch)
            && self.numbers.valve >= other.numbers.valve
            && self.numbers.clock >= other.numbers.clock
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.meter, hex::encode(&self.meter_key.0), self.epoch.0)?;
        if self.has_credit() {
            write!(f, "-{}", self.numbers.credit.0)?;
        }
        self.numbers.others().try_for_each(|(register, number)| write!(f, "-{register}-{number}"))
    }
}

/// A token on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Its name.
    pub key: TokenKey,
    /// The station that issued it.
    pub station: String,
    /// The order that it came with first.
    pub order: Uuid,
    /// The line of that order.
    pub line: u32,
    /// The token as signed.
    pub bytes: Vec<u8>,
    /// It was handed to the meter at least once; what the meter did with it is in its receipt, if that came back.
    pub handed: bool,
    /// The number of the last receipt that answered this very token, if it sets other registers than credit. The receipt may be
    /// lost; then the token is handed over again.
    pub answered: Option<u32>,
}

/// How a token is written into a store.
#[derive(Serialize, Deserialize)]
struct RawToken {
    station: String,
    order: Uuid,
    line: u32,
    token: String,
    #[serde(default)]
    handed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<u32>,
}

impl Serialize for StoredToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawToken {
            station: self.station.clone(),
            order: self.order,
            line: self.line,
            token: hex::encode(&self.bytes),
            handed: self.handed,
            answered: self.answered,
        };
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let RawToken { station, order, line, token, handed, answered } = RawToken::deserialize(deserializer)?;
        let bytes = hex::decode(&token).ok_or_else(|| D::Error::custom("the token is not hexadecimal"))?;
        let key = TokenKey::of(&bytes).map_err(D::Error::custom)?;
        Ok(Self { key, station, order, line, bytes, handed, answered })
    }
}
