//! What Daraja posts to the station. Nothing of it is signed: the address is what makes it genuine, and of payments nothing of
//! it is believed.

use super::Daraja;
use super::codes::pay_out_refused;
use super::stk::is_reference;
use super::text::{account, clean};
use super::wire::{Confirmation, PaidOut, PaidOutResult, PushCallback};
use crate::provider::{Acknowledgement, BadCallback, Notice, RefundOutcome};

/// What M-Pesa wants to hear, also after a validation: every payment is taken.
pub(super) const ACKNOWLEDGEMENT: Acknowledgement =
    Acknowledgement { status: 200, body: Some(("application/json", r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#)) };

/// A prompt has ended, at the address of its payment.
pub(super) fn push(payment_id: &str, body: &[u8]) -> Result<Notice, BadCallback> {
    let unreadable = || BadCallback("this is no callback of a prompt".to_owned());
    let callback: PushCallback = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let reference = callback.body.stk_callback.checkout_request_id;
    if !is_reference(&reference) {
        return Err(unreadable());
    }
    Ok(Notice::Payment { payment_id: payment_id.to_owned(), reference: Some(reference) })
}

/// A customer has paid by himself, or asks whether he may, at the address for all.
pub(super) fn confirmation(daraja: &Daraja, body: &[u8]) -> Result<Notice, BadCallback> {
    let unreadable = || BadCallback("this is no confirmation of a payment".to_owned());
    let confirmation: Confirmation = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let receipt = confirmation.trans_id.trim().to_ascii_uppercase();
    if !(1..=64).contains(&receipt.len()) || !receipt.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unreadable());
    }
    let account = account(confirmation.bill_ref_number.as_deref().unwrap_or_default());
    // A prompt has an address of its own.
    Ok(if daraja.is_prompt(&account) { Notice::Nothing } else { Notice::Push { account, receipt } })
}

/// Money was given out, or was not, or its request waited too long; at the address of its refund.
pub(super) fn refund(refund_id: &str, body: &[u8]) -> Result<Notice, BadCallback> {
    let unreadable = || BadCallback("this is no JSON".to_owned());
    serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|_| unreadable())?;
    let said = match serde_json::from_slice::<PaidOut>(body) {
        Ok(paid_out) => result(&paid_out.result),
        // The result may still come.
        Err(_) => RefundOutcome::Pending { why: "M-Pesa says that the refund waited too long".to_owned() },
    };
    Ok(Notice::Refund { refund_id: refund_id.to_owned(), said })
}

fn result(result: &PaidOutResult) -> RefundOutcome {
    let code = result.result_code.0.as_str();
    let is_last = result.result_type.as_ref().is_none_or(|kind| kind.0 == "0");
    let has_number = result.transaction_id.as_deref().is_some_and(|id| !id.trim().is_empty());
    match pay_out_refused(code) {
        _ if !is_last => RefundOutcome::Pending { why: "M-Pesa will say more of the refund".to_owned() },
        None if code == "0" && has_number => RefundOutcome::Refunded,
        Some(reason) => RefundOutcome::Declined { reason: format!("{reason} (M-Pesa code {code})") },
        None => {
            let words = clean(result.result_desc.as_deref().unwrap_or_default());
            RefundOutcome::Pending { why: format!("M-Pesa said {} of the refund: {words}", clean(code)) }
        }
    }
}
