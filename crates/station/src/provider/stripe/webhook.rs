//! Stripe's events (*Receive Stripe events in your webhook endpoint: verify webhook signatures manually*).
//!
//! The station's shared address is the endpoint. An event only makes the station ask, but for a refund that failed: that is
//! Stripe's last word on it.

use super::objects::{Metadata, id};
use super::refunds::attempt_of;
use super::{PAYMENT_ID, REFUND_ID};
use crate::provider::{BadCallback, Callback, Notice, RefundOutcome, try_id};
use crate::records::from_hex;
use ring::hmac;
use serde::Deserialize;

/// How far the time of an event's signature may be from ours, before or after: 300 seconds, as Stripe's libraries have it.
pub const TOLERANCE_MS: i64 = 300_000;
/// Longest header and most signatures that are looked at.
const MAX_HEADER: usize = 4096;
const MAX_SIGNATURES: usize = 16;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    status: Option<String>,
    /// The charge of a dispute.
    charge: Option<serde_json::Value>,
    #[serde(default)]
    metadata: Metadata,
}

/// Whether a callback has a signature by one of the secrets, and is not a repetition of an old one.
pub(super) fn verify(keys: &[hmac::Key], callback: &Callback<'_>) -> Result<(), BadCallback> {
    let bad = |why: &str| BadCallback(why.to_owned());
    let header = callback.headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let header = header.filter(|header| header.len() <= MAX_HEADER).ok_or_else(|| bad("it has no Stripe-Signature"))?;
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let mut times = fields().filter(|(name, _)| *name == "t").map(|(_, time)| time);
    let (Some(time), None) = (times.next(), times.next()) else { return Err(bad("its signature has no time")) };
    let signed_ms = Some(time).filter(|time| time.bytes().all(|byte| byte.is_ascii_digit()));
    let signed_ms = signed_ms.and_then(|time| time.parse::<i64>().ok()?.checked_mul(1000));
    let signed_ms = signed_ms.ok_or_else(|| bad("its signature has no time"))?;
    let mut message = format!("{time}.").into_bytes();
    message.extend_from_slice(callback.body);
    // Schemes other than v1 are for tests of Stripe's own (v0), or not known: they prove nothing.
    let signatures: Vec<Vec<u8>> = fields()
        .filter(|(name, _)| *name == "v1")
        .take(MAX_SIGNATURES)
        .filter_map(|(_, signature)| from_hex(signature))
        .collect();
    let right = keys.iter().any(|key| signatures.iter().any(|given| hmac::verify(key, &message, given).is_ok()));
    if !right {
        return Err(bad("the signature of the callback is not right"));
    }
    if callback.now_ms.abs_diff(signed_ms) > TOLERANCE_MS.unsigned_abs() {
        return Err(bad("the signature of the callback is too old, or of the future: look at the clock"));
    }
    Ok(())
}

/// What a genuine event is about. No event names a payment's reference: that is the session or intent that the payer was told of,
/// and Stripe also tells of others, whose answers were lost.
pub(super) fn notice(body: &[u8]) -> Result<Notice, BadCallback> {
    let event: Event =
        serde_json::from_slice(body).map_err(|_| BadCallback("it is no event of Stripe's".to_owned()))?;
    let object = event.data.object;
    let payment = || match object.metadata.value(PAYMENT_ID) {
        Some(payment) => Notice::Payment { payment_id: payment.to_owned(), reference: None },
        // Another program's, that shares this account.
        None => Notice::Nothing,
    };
    Ok(match event.kind.as_str() {
        kind if kind.starts_with("checkout.session.") || kind.starts_with("payment_intent.") => payment(),
        "charge.refund.updated" | "refund.failed" | "refund.updated" => failed_refund(&object),
        // A dispute has no metadata of ours, only its charge, which is our receipt.
        kind if kind.starts_with("charge.dispute.") => {
            let charge = object
                .charge
                .as_ref()
                .and_then(serde_json::Value::as_str)
                .and_then(|charge| id(charge, "ch_").or(id(charge, "py_")));
            charge.map_or(Notice::Nothing, |receipt| Notice::Money { receipt: receipt.to_owned() })
        }
        // Stripe copies an intent's metadata to its charges (*How metadata works with related objects*).
        kind if kind.starts_with("charge.") => payment(),
        _ => Notice::Nothing,
    })
}

/// That a refund succeeded is not taken from an event: events come in any order, and a refund can fail after it succeeded.
fn failed_refund(object: &Object) -> Notice {
    match (object.metadata.value(REFUND_ID), object.status.as_deref()) {
        (Some(refund), Some("failed" | "canceled")) => Notice::Refund {
            refund_id: try_id(refund, attempt_of(&object.metadata).parse().unwrap_or(1)),
            said: RefundOutcome::Declined {
                reason: "the refund failed; the money is in the Stripe balance".to_owned(),
            },
        },
        _ => Notice::Nothing,
    }
}
