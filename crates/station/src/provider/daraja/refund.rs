//! Gives money back by the B2C API. Its answer only says that the request was taken in; the result is posted later.

use super::Daraja;
use super::shillings;
use super::text::{phone, uuid_like};
use super::wire::PayOut;
use crate::provider::{RefundOutcome, RefundRequest, try_id};
use ring::digest::{SHA256, digest};

/// Asks M-Pesa to give money to who paid. The same refund again has the same id, under which M-Pesa pays once.
pub(super) async fn refund(daraja: &Daraja, request: &RefundRequest) -> RefundOutcome {
    let declined = |reason: &str| RefundOutcome::Declined { reason: reason.to_owned() };
    let Some(refunds) = &daraja.refunds else {
        return declined("giving money back by M-Pesa is not set up here: give it back in the M-Pesa portal");
    };
    let amount = match shillings(request.amount, request.currency) {
        Ok(amount) => amount,
        Err(reason) => return RefundOutcome::Declined { reason },
    };
    let Some(payer) = request.payer.as_deref() else {
        return declined("M-Pesa does not tell who paid into the paybill: reverse the payment in the M-Pesa portal");
    };
    let phone = match phone(payer) {
        Ok(phone) => phone,
        Err(reason) => return RefundOutcome::Declined { reason },
    };
    // M-Pesa gives no second answer under one id.
    let id = conversation_id(&try_id(&request.refund_id, request.attempt));
    let pay_out = PayOut {
        originator_conversation_id: &id,
        initiator_name: &refunds.initiator,
        security_credential: &refunds.credential.0,
        command_id: "BusinessPayment",
        amount: &amount,
        party_a: &refunds.short_code,
        party_b: &phone,
        remarks: "Refund",
        queue_time_out_url: &request.callback_url,
        result_url: &request.callback_url,
        occassion: "Refund",
    };
    let pending = |why: String| RefundOutcome::Pending { why };
    let answer = match daraja.client.post("/mpesa/b2c/v3/paymentrequest", &pay_out).await {
        Ok(answer) => answer,
        Err(none) => return pending(none.why),
    };
    if let Some(words) = answer.bad_request() {
        return RefundOutcome::Declined { reason: format!("M-Pesa found the request wrong: {words}") };
    }
    match answer.accepted() {
        Ok(()) => pending("M-Pesa has taken the refund in; its result comes later".to_owned()),
        // Also a "duplicate OriginatorConversationID": it was taken in before, and its result comes, or came.
        Err(why) => pending(why),
    }
}

/// The id of a refund at M-Pesa: SHA-256 of ours in the form of a UUID of version 8 (RFC 9562 §5.8).
fn conversation_id(refund_id: &str) -> String {
    let hash = digest(&SHA256, refund_id.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_ref()[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    uuid_like(&id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refund_one_id() {
        let id = conversation_id("01890a5d-ac96-774b-bcce-b302099a8057/1");
        assert_eq!(id, conversation_id("01890a5d-ac96-774b-bcce-b302099a8057/1"));
        assert_ne!(id, conversation_id("01890a5d-ac96-774b-bcce-b302099a8057/2"));
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'8'));
        assert!(uuid::Uuid::parse_str(&id).is_ok());
    }
}
