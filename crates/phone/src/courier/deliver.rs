//! Handing tokens to the meter at hand.

use super::meter;
use crate::Error;
use crate::io::Link;
use crate::records::{StoredReceipt, StoredToken};
use crate::store::{Contents, Damaged, Store};
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;

/// What became of the tokens for one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The meter.
    pub identity: Identity,
    /// One entry for each of its tokens, newest first; empty if this phone has none for it.
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
}

impl DeliveryOutcome {
    /// Whether the meter needs this token no more.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Applied | Self::Covered)
    }

    fn of(token: &StoredToken, receipt: &StoredReceipt) -> Self {
        let outcome = receipt.receipt.outcome;
        let about_it = outcome.token == token.key.number;
        match outcome.decision {
            Decision::Applied if about_it && receipt.covers(&token.key) => Self::Applied,
            _ if receipt.covers(&token.key) => Self::Covered,
            Decision::Read | Decision::Applied | Decision::NotNewer => Self::Unclear,
            decision if about_it => Self::NotApplied(decision),
            _ => Self::Unclear,
        }
    }
}

/// Hands the meter at hand its tokens, newest number first, until one is applied or a receipt covers the rest. Every receipt
/// is in the store before the next token is sent. No token is deleted here, and tokens for other meters are not touched.
///
/// # Errors
/// [`Error`] if the meter did not say who it is or the store cannot be read; then nothing was sent.
pub async fn deliver<S: Store, L: Link>(store: &mut S, link: &mut L) -> Result<Delivered, Error> {
    let identity = meter::identity(link).await?;
    let contents = store.load().await?;
    let current = contents.current_tokens();
    let for_meter = |token: &&StoredToken| token.key.meter == identity.meter && current.contains(&token.key);
    let mut tokens: Vec<&StoredToken> = contents.tokens.iter().filter(for_meter).collect();
    tokens.sort_by_key(|token| std::cmp::Reverse((token.key.epoch, token.key.number)));
    let mut delivered =
        Delivered { identity, deliveries: Vec::new(), interrupted: None, damaged: contents.damaged.clone() };
    let mut last: Option<StoredReceipt> = None;
    for token in tokens {
        let outcome = if token.key.meter_key != identity.meter_key {
            (DeliveryOutcome::OtherKey, None)
        } else if last.as_ref().is_some_and(|receipt| receipt.covers(&token.key)) {
            (DeliveryOutcome::Covered, last.clone())
        } else {
            match hand_over(store, link, token, &identity, &contents).await {
                Ok(receipt) => {
                    last = Some(receipt.clone());
                    (DeliveryOutcome::of(token, &receipt), Some(receipt))
                }
                Err(error) if meter::is_about_one_answer(&error) => (DeliveryOutcome::NotTaken(error), None),
                Err(error) => {
                    delivered.interrupted = Some(error);
                    break;
                }
            }
        };
        let (outcome, receipt) = outcome;
        let again = receipt.as_ref().is_some_and(|receipt| contents.receipts.iter().any(|r| r.key == receipt.key));
        delivered.deliveries.push(Delivery { token: token.clone(), outcome, receipt, again });
    }
    Ok(delivered)
}

/// Hands one token over and keeps the receipt. The store knows before the meter does that it was handed over: without an answer,
/// nobody may call it not loaded.
async fn hand_over<S: Store, L: Link>(
    store: &mut S,
    link: &mut L,
    token: &StoredToken,
    identity: &Identity,
    contents: &Contents,
) -> Result<StoredReceipt, Error> {
    if !token.handed {
        store.save_token(&StoredToken { handed: true, ..token.clone() }).await?;
    }
    let answer = meter::post_token(link, &token.bytes, identity, contents, &token.station).await;
    if let (Err(Error::Refused(_)), false) = (&answer, token.handed) {
        store.save_token(token).await?;
    }
    meter::save_receipt(store, answer?, contents).await
}
