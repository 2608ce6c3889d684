//! Handing tokens to the meter at hand.

use super::meter;
use crate::Error;
use crate::io::Link;
use crate::records::{StoredReceipt, StoredToken, TokenKey};
use crate::store::{Contents, Damaged, Store};
use coinless_protocol::MeterId;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use std::cmp::Reverse;
use std::collections::HashMap;

/// What became of the tokens for one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The meter.
    pub identity: Identity,
    /// One entry for each of its tokens, in the order in which they were handed over; empty if this phone has none for it.
    pub deliveries: Vec<Delivery>,
    /// What ended the delivery early. Everything is still in the store; the same again is right.
    pub interrupted: Option<Error>,
    /// What in the store cannot be read; a token for this meter may be among it.
    pub damaged: Vec<Damaged>,
}

/// What became of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The token.
    pub token: StoredToken,
    /// What became of it.
    pub outcome: DeliveryOutcome,
    /// The receipt that says so; it is in the store.
    pub receipt: Option<StoredReceipt>,
    /// The receipt was in the store before: this is what an earlier delivery has done.
    pub again: bool,
}

/// What became of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The meter has applied it.
    Applied,
    /// The meter stands at its number or beyond: there is nothing left in it to load.
    Covered,
    /// The meter has decided against it, for now or for good.
    NotApplied(Decision),
    /// The meter did not take it as a token, or gave an answer that is not to be trusted.
    NotTaken(Error),
    /// It is for another key of this meter, that is for an earlier or later life of it. It was not sent.
    OtherKey,
    /// The meter's receipt is authentic but says nothing of this token.
    Unclear,
}

impl Delivered {
    /// Whether every token was applied or covered.
    pub fn is_complete(&self) -> bool {
        self.interrupted.is_none() && self.deliveries.iter().all(|delivery| delivery.outcome.is_done())
    }

    /// Whether the meter was handed a valve command and has it: only a report tells the station so.
    pub fn has_new_valve(&self) -> bool {
        let new = |delivery: &Delivery| delivery.outcome.is_done() && !delivery.again;
        self.deliveries.iter().any(|delivery| delivery.token.key.numbers.valve > 0 && new(delivery))
    }
}

impl DeliveryOutcome {
    /// Whether the meter needs this token no more.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Applied | Self::Covered)
    }

    pub(super) fn of(token: &StoredToken, receipt: &StoredReceipt) -> Self {
        let outcome = receipt.receipt.outcome;
        let about_it = outcome.token == token.key.numbers.credit;
        match outcome.decision {
            Decision::Applied if about_it && receipt.settles(token) => Self::Applied,
            _ if receipt.settles(token) => Self::Covered,
            Decision::Read | Decision::Applied | Decision::NotNewer => Self::Unclear,
            decision if about_it => Self::NotApplied(decision),
            _ => Self::Unclear,
        }
    }
}

/// Hands the meter at hand its tokens: those for other registers first, in the order in which the station gave them and keys before
/// everything else, then credit, newest number first, until one is applied or a receipt covers the rest. Tokens of a later epoch go
/// after those of an earlier one, since its keys token ends that. Every receipt is in the store before the next token is sent. No
/// token is deleted here, and tokens for other meters are not touched.
///
/// # Errors
/// [`Error`] if the meter did not say who it is or the store cannot be read; then nothing was sent.
pub async fn deliver<S: Store, L: Link>(store: &mut S, link: &mut L) -> Result<Delivered, Error> {
    let identity = meter::identity(link).await?;
    let contents = store.load().await?;
    let mut delivered =
        Delivered { identity, deliveries: Vec::new(), interrupted: None, damaged: contents.damaged.clone() };
    let mut last: Option<StoredReceipt> = None;
    for token in tokens_for(&contents, &identity) {
        let known =
            || last.clone().filter(|receipt| receipt.covers(&token.key)).or_else(|| shown_settled(&contents, token));
        let (token, outcome, receipt) = if token.key.meter_key != identity.meter_key {
            (token.clone(), DeliveryOutcome::OtherKey, None)
        } else if let Some(receipt) = known() {
            (token.clone(), DeliveryOutcome::Covered, Some(receipt))
        } else {
            match hand_over(store, link, token, &identity, &contents, last.as_ref()).await {
                Ok((token, receipt)) => {
                    last = Some(receipt.clone());
                    let outcome = DeliveryOutcome::of(&token, &receipt);
                    (token, outcome, Some(receipt))
                }
                Err(error) if meter::is_about_one_answer(&error) => {
                    (token.clone(), DeliveryOutcome::NotTaken(error), None)
                }
                Err(error) => {
                    delivered.interrupted = Some(error);
                    break;
                }
            }
        };
        let again = receipt.as_ref().is_some_and(|receipt| contents.receipts.iter().any(|r| r.key == receipt.key));
        delivered.deliveries.push(Delivery { token, outcome, receipt, again });
    }
    Ok(delivered)
}

/// The tokens that are to be carried to a meter, in the order in which they are handed over.
fn tokens_for<'a>(contents: &'a Contents, identity: &Identity) -> Vec<&'a StoredToken> {
    let current = contents.current_tokens();
    let for_meter = |token: &&StoredToken| token.key.meter == identity.meter && current.contains(&token.key);
    let mut tokens: Vec<&StoredToken> = contents.tokens.iter().filter(for_meter).collect();
    let places = places(contents, &identity.meter);
    tokens.sort_by_key(|token| {
        let key = &token.key;
        // What belongs to an epoch that the meter has left is covered by whatever it says next.
        let past = key.epoch < identity.registers.epoch;
        let class = if key.has_credit() { 2 } else { u8::from(key.numbers.keys == 0) };
        let place = if key.has_credit() { 0 } else { places.get(key).copied().unwrap_or(usize::MAX) };
        (past, key.epoch, class, place, Reverse(key.numbers.credit))
    });
    tokens
}

/// Where the station put each token for other registers of a meter, in the newest order that brings it.
fn places(contents: &Contents, meter: &MeterId) -> HashMap<TokenKey, usize> {
    let lines = contents.orders.iter().filter_map(|order| order.view.as_ref()).flat_map(|view| &view.lines);
    let of_meter = lines.filter(|line| line.meter == meter.as_str());
    of_meter.flat_map(|line| line.register_keys().into_iter().enumerate().map(|(place, key)| (key, place))).collect()
}

/// A verified receipt in the store that settles a token for other registers: the meter is not troubled with it again.
fn shown_settled(contents: &Contents, token: &StoredToken) -> Option<StoredReceipt> {
    let mut settling = contents.settling(token).filter(|receipt| receipt.verified && !token.key.has_credit());
    settling.next().cloned()
}

/// Hands one token over and keeps the receipt. The store knows before the meter does that it was handed over: without an answer,
/// nobody may call it not loaded. Which receipt answers a token for other registers is noted before the receipt: if that is lost,
/// the meter gives it again.
async fn hand_over<S: Store, L: Link>(
    store: &mut S,
    link: &mut L,
    token: &StoredToken,
    identity: &Identity,
    contents: &Contents,
    last: Option<&StoredReceipt>,
) -> Result<(StoredToken, StoredReceipt), Error> {
    let mut handed = StoredToken { handed: true, ..token.clone() };
    if !token.handed {
        store.save_token(&handed).await?;
    }
    let answer = meter::post_token(link, &token.bytes, identity, contents, &token.station).await;
    if let (Err(Error::Refused(_) | Error::Busy { .. }), false) = (&answer, token.handed) {
        store.save_token(token).await?;
    }
    let receipt = answer?;
    let newest = contents.newest_receipt(&identity.meter, identity.meter_key).into_iter().chain(last);
    // An older receipt that somebody on the way plays back is not the answer.
    let is_new = newest.map(|known| known.key.number).max().is_none_or(|known| receipt.key.number > known);
    if is_new && token.key.numbers.others().next().is_some() {
        handed.answered = Some(receipt.key.number);
        store.save_token(&handed).await?;
    }
    let receipt = meter::save_receipt(store, receipt, contents).await?;
    Ok((handed, receipt))
}
