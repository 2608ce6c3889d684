//! Taking a token over from another phone, which cannot reach the meter itself.

use crate::Error;
use crate::records::{StoredToken, TokenKey};
use crate::store::Store;
use coinless_protocol::token::Token;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A token as one phone hands it to another: `https://STATION/s/carry#ORDER.LINE.TOKEN`, the token in hexadecimal. What stands
/// behind `#` is never sent to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The station's URL.
    pub station: String,
    /// The order that the token came with.
    pub order: Uuid,
    /// The line of that order.
    pub line: u32,
    /// The token as signed.
    pub bytes: Vec<u8>,
}

/// The text hands no token over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no link that hands a token over")]
pub struct NoHandOver;

const PATH: &str = "/s/carry#";

impl HandOver {
    /// The link for a token of this phone.
    pub fn of(token: &StoredToken) -> Self {
        let StoredToken { station, order, line, bytes, .. } = token;
        Self { station: station.clone(), order: *order, line: *line, bytes: bytes.clone() }
    }

    /// The link without its station.
    pub fn path(&self) -> String {
        format!("{PATH}{}.{}.{}", self.order, self.line, crate::hex::encode(&self.bytes))
    }
}

impl fmt::Display for HandOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.station, self.path())
    }
}

impl FromStr for HandOver {
    type Err = NoHandOver;

    fn from_str(text: &str) -> Result<Self, NoHandOver> {
        let (station, rest) = text.trim().rsplit_once(PATH).ok_or(NoHandOver)?;
        let mut parts = rest.splitn(3, '.');
        let mut part = || parts.next().ok_or(NoHandOver);
        let (order, line, token) = (part()?, part()?, part()?);
        Ok(Self {
            station: station.to_owned(),
            order: order.parse().map_err(|_| NoHandOver)?,
            line: line.parse().map_err(|_| NoHandOver)?,
            bytes: crate::hex::decode(token).filter(|bytes| Token::parse(bytes).is_ok()).ok_or(NoHandOver)?,
        })
    }
}

/// Keeps a token that another phone handed over, to be carried to its meter. One that is here already stays as it is.
///
/// # Errors
/// [`Error::StationAnswer`] if it sets nothing; [`Error::Store`].
pub async fn carry<S: Store>(store: &mut S, token: &HandOver) -> Result<TokenKey, Error> {
    let key = TokenKey::of(&token.bytes).map_err(|error| Error::StationAnswer(error.to_string()))?;
    let contents = store.load().await?;
    if !contents.tokens.iter().any(|known| known.key == key) {
        let HandOver { station, order, line, bytes } = token.clone();
        let token = StoredToken { key, station, order, line, bytes, handed: false, answered: None };
        store.save_token(&token).await?;
    }
    Ok(key)
}
