//! Handing over a single token that did not come with an order: a technician's.

use super::deliver::DeliveryOutcome;
use super::meter;
use crate::io::Link;
use crate::records::{NotCarried, StoredReceipt, StoredToken, TokenKey};
use crate::store::Store;
use crate::{Error, hex};
use coinless_protocol::MeterId;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use coinless_protocol::token::Token;
use serde::Deserialize;
use uuid::Uuid;

/// A token that a station has signed for somebody to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile {
    /// The meter that it is for.
    pub meter: MeterId,
    /// What it sets; none for a read request.
    pub key: Option<TokenKey>,
    /// The token as signed.
    pub bytes: Vec<u8>,
}

/// Why a file holds no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFileError {
    /// Not the JSON of a token file.
    #[error("a token file is JSON with the fields meter and token ({0})")]
    Json(String),
    /// The token in it is none.
    #[error("the token cannot be read: {0}")]
    Token(String),
    /// The file names another meter than its token.
    #[error("the file says {said}, but its token is for {is}")]
    OtherMeter {
        /// The meter that the file names.
        said: String,
        /// The meter that the token is for.
        is: String,
    },
}

/// What became of a token that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The meter at hand.
    pub identity: Identity,
    /// What became of the token.
    pub outcome: DeliveryOutcome,
    /// The receipt that says so; it is in the store.
    pub receipt: StoredReceipt,
}

impl Handed {
    /// Whether the token held a valve command and the meter has it: only a report tells the station so.
    pub fn has_new_valve(&self, file: &TokenFile) -> bool {
        self.outcome.is_done() && file.key.is_some_and(|key| key.numbers.valve > 0)
    }
}

impl TokenFile {
    /// Reads what `coinless station token --out` writes: `{"meter": LABEL, "token": HEXADECIMAL}`; other fields are ignored.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn read(json: &[u8]) -> Result<Self, TokenFileError> {
        #[derive(Deserialize)]
        struct Raw {
            meter: String,
            token: String,
        }
        let raw: Raw = serde_json::from_slice(json).map_err(|error| TokenFileError::Json(error.to_string()))?;
        let not_hex = || TokenFileError::Token("it is not hexadecimal".to_owned());
        let bytes = hex::decode(raw.token.trim()).ok_or_else(not_hex)?;
        let (_, token) = Token::parse(&bytes).map_err(|error| TokenFileError::Token(error.to_string()))?;
        let meter = token.meter;
        if MeterId::from_label(&raw.meter) != Ok(meter) {
            return Err(TokenFileError::OtherMeter { said: raw.meter, is: meter.label().to_string() });
        }
        let key = match TokenKey::of(&bytes) {
            Ok(key) => Some(key),
            Err(NotCarried::SetsNothing) => None,
            Err(NotCarried::Decode(error)) => return Err(TokenFileError::Token(error.to_string())),
        };
        Ok(Self { meter, key, bytes })
    }
}

/// Hands the meter at hand the token of a file, and keeps the receipt for the station at `url`. If no answer comes, the same again
/// is right.
///
/// # Errors
/// [`Error`] if the meter is another one (nothing was sent), does not answer, or does not take it as a token.
pub async fn hand<S: Store, L: Link>(
    store: &mut S,
    link: &mut L,
    url: &str,
    file: &TokenFile,
) -> Result<Handed, Error> {
    let identity = meter::identity(link).await?;
    if identity.meter != file.meter {
        return Err(Error::OtherMeter { is: identity.meter, wanted: file.meter });
    }
    if file.key.is_some_and(|key| key.meter_key != identity.meter_key) {
        return Err(Error::NotAuthentic("the token is for another key of this meter; nothing was sent"));
    }
    let contents = store.load().await?;
    let newest = contents.newest_receipt(&identity.meter, identity.meter_key).map(|known| known.key.number);
    let receipt = meter::post_token(link, &file.bytes, &identity, &contents, url).await?;
    let receipt = meter::save_receipt(store, receipt, &contents).await?;
    let decision = receipt.receipt.outcome.decision;
    let outcome = match file.key {
        None if decision == Decision::Read => DeliveryOutcome::Applied,
        None => DeliveryOutcome::Unclear,
        Some(key) => {
            // An older receipt that somebody on the way plays back is not the answer; the last one given again is.
            let answered = Some(receipt.key.number).filter(|number| newest.is_none_or(|newest| *number >= newest));
            let (station, bytes) = (url.to_owned(), file.bytes.clone());
            let token = StoredToken { key, station, order: Uuid::nil(), line: 0, bytes, handed: true, answered };
            DeliveryOutcome::of(&token, &receipt)
        }
    };
    Ok(Handed { identity, outcome, receipt })
}
