//! Talking to the meter at hand.

use crate::io::{Link, Station};
use crate::records::StoredReceipt;
use crate::store::{Contents, Store};
use crate::{Error, api, hex};
use coinless_protocol::coap::{Code, ContentFormat, Method, Request, Response};
use coinless_protocol::cose::Sign1;
use coinless_protocol::identity::{Identity, display_code};
use coinless_protocol::keys::PublicKey;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{Challenge, MeterId};

/// A meter that has answered a challenge. Only [`Scanned::verify`] shows that it is the meter that it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// What the meter says of itself.
    pub identity: Identity,
    challenge: Challenge,
    bytes: Vec<u8>,
}

impl Scanned {
    /// Verifies that the meter has the key that the station knows, and gives the code that its display shows now.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] if not: this may be another meter under a pasted-over label.
    pub fn verify(&self, key: &PublicKey) -> Result<u32, Error> {
        let hash = key.hash();
        if hash.hint() != self.identity.meter_key {
            return Err(Error::NotAuthentic("the meter has another key than the station knows"));
        }
        match Identity::verified(&self.bytes, key, &hash) {
            Ok(identity) if identity == self.identity => Ok(display_code(&self.challenge, &hash)),
            _ => Err(Error::NotAuthentic("it is not signed by this meter's key")),
        }
    }
}

/// Reads the identity of the meter at hand. `challenge` is drawn at random for this one question.
///
/// # Errors
/// [`Error::Link`] if the meter does not answer, others if it answers something else than its signed identity.
pub async fn scan<L: Link>(link: &mut L, challenge: Challenge) -> Result<Scanned, Error> {
    let query = format!("c={}", hex::encode(&challenge));
    let response = get_meter(link, &[&query]).await?;
    if response.format != Some(ContentFormat::CoseSign1 as u16) {
        return Err(Error::NotAuthentic("it is not signed although it was challenged"));
    }
    let signed = Sign1::parse(&response.payload)?;
    let identity = Identity::from_bytes(signed.payload)?;
    if identity.challenge != Some(challenge) || signed.kid != identity.meter_key {
        return Err(Error::NotAuthentic("it answers another challenge"));
    }
    Ok(Scanned { identity, challenge, bytes: response.payload.to_vec() })
}

/// The identity of the meter at hand as it says it to anybody: enough to pick its tokens.
///
/// # Errors
/// [`Error::Link`] if the meter does not answer, others if it answers something else.
pub async fn identity<L: Link>(link: &mut L) -> Result<Identity, Error> {
    let response = get_meter(link, &[]).await?;
    if response.format == Some(ContentFormat::CoseSign1 as u16) {
        return Ok(Identity::from_bytes(Sign1::parse(&response.payload)?.payload)?);
    }
    Ok(Identity::from_bytes(&response.payload)?)
}

async fn get_meter<L: Link>(link: &mut L, query: &[&str]) -> Result<Response, Error> {
    let request = Request { method: Method::Get, path: &["meter"], query, format: None, payload: &[] };
    let response = link.exchange(&request).await.map_err(Error::Link)?;
    if response.code == Code::CONTENT { Ok(response) } else { Err(refusal(&response)) }
}

/// Hands the meter `token` and gives its receipt, which must be of the meter `identity` and, if its key is in `contents`,
/// signed by it.
pub(super) async fn post_token<L: Link>(
    link: &mut L,
    token: &[u8],
    identity: &Identity,
    contents: &Contents,
    station: &str,
) -> Result<StoredReceipt, Error> {
    let format = Some(ContentFormat::CoseSign1);
    let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: token };
    let response = link.exchange(&request).await.map_err(Error::Link)?;
    if response.code.class() != 2 {
        return Err(refusal(&response));
    }
    let receipt = StoredReceipt::new(&response.payload, station)?;
    if (receipt.key.meter, receipt.key.meter_key) != (identity.meter, identity.meter_key) {
        return Err(Error::NotAuthentic("the receipt is of another meter or key"));
    }
    match contents.key_of(&identity.meter, identity.meter_key) {
        Some(key) if Receipt::verified(&receipt.bytes, &key, &key.hash()).is_err() => {
            Err(Error::NotAuthentic("the receipt is not signed by this meter's key"))
        }
        key => Ok(StoredReceipt { verified: key.is_some(), ..receipt }),
    }
}

pub(super) fn refusal(response: &Response) -> Error {
    match Refusal::from_bytes(&response.payload) {
        Ok(Refusal::Busy) => Error::Busy { after_s: response.max_age_s },
        Ok(refusal) => Error::Refused(refusal),
        Err(_) => Error::MeterCode(response.code),
    }
}

/// Fetches a fresh receipt of the meter at hand for the station, which can then tell how much credit the meter has room for.
/// The meter answers with it to a read request that the station has signed over `challenge`. `key` is the meter's.
///
/// # Errors
/// [`Error`] if the meter or the station does not answer or the answers do not fit; a receipt once got is kept.
pub async fn fresh_receipt<S: Store, L: Link, N: Station>(
    store: &mut S,
    link: &mut L,
    (station, url): (&mut N, &str),
    (identity, key): (&Identity, &PublicKey),
    challenge: Challenge,
) -> Result<Receipt, Error> {
    let token = api::read_request(station, &identity.meter, &challenge).await?.token;
    let token = hex::decode(&token).filter(|token| is_read_request(token, &identity.meter, &challenge));
    let token = token.ok_or_else(|| Error::StationAnswer("no read request for this meter and challenge".into()))?;
    let contents = store.load().await?;
    let receipt = post_token(link, &token, identity, &contents, url).await?;
    if receipt.receipt.challenge != Some(challenge) {
        return Err(Error::NotAuthentic("the receipt is not a fresh one"));
    }
    if Receipt::verified(&receipt.bytes, key, &key.hash()).is_err() {
        return Err(Error::NotAuthentic("the receipt is not signed by this meter's key"));
    }
    let receipt = save_receipt(store, StoredReceipt { verified: true, ..receipt }, &contents).await?;
    upload(store, station, &receipt).await?;
    Ok(receipt.receipt)
}

fn is_read_request(token: &[u8], meter: &MeterId, challenge: &Challenge) -> bool {
    Token::parse(token).is_ok_and(|(_, token)| token.meter == *meter && token.order == Order::Read(*challenge))
}

/// Keeps a receipt, or the better one of its name that is in `contents` already.
pub(super) async fn save_receipt<S: Store>(
    store: &mut S,
    receipt: StoredReceipt,
    contents: &Contents,
) -> Result<StoredReceipt, Error> {
    let known = contents.receipts.iter().find(|known| known.key == receipt.key);
    let receipt = receipt.or_better(known);
    if known != Some(&receipt) {
        store.save_receipt(&receipt).await?;
    }
    Ok(receipt)
}

/// Brings a receipt to the station and notes that the station has it.
pub(super) async fn upload<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    receipt: &StoredReceipt,
) -> Result<(), Error> {
    let taken = api::receipt(station, &receipt.bytes).await?;
    if taken.meter != receipt.key.meter.as_str() || taken.receipt != receipt.key.number {
        return Err(Error::StationAnswer("it has taken another receipt".into()));
    }
    store.save_receipt(&StoredReceipt { acknowledged: true, ..receipt.clone() }).await?;
    Ok(())
}

/// Whether `error` is about one answer of the meter only, so that the next token may be tried.
pub(super) fn is_about_one_answer(error: &Error) -> bool {
    matches!(error, Error::Refused(_) | Error::MeterCode(_) | Error::MeterAnswer(_) | Error::NotAuthentic(_))
}
