//! Giving money back. A refund carries our id in its metadata, and is looked for before it is made: Stripe forgets an
//! idempotency key after 24 hours, the metadata never.

use super::api::{Failure, Form, Refusal};
use super::objects::{Expandable, Metadata, Refund, Session, id};
use super::payments::MAX_OF_A_CHARGE;
use super::{ATTEMPT, PAYMENT_ID, REFUND_ID, Stripe, amounts};
use crate::provider::{RefundOutcome, RefundRequest, try_id};

impl Stripe {
    pub(super) async fn give_back(&self, request: &RefundRequest) -> RefundOutcome {
        self.try_give_back(request).await.unwrap_or_else(|failure| match failure {
            Failure::Refused(refusal) if is_final(&refusal) => {
                RefundOutcome::Declined { reason: Failure::Refused(refusal).why() }
            }
            failure => RefundOutcome::Pending { why: failure.why() },
        })
    }

    async fn try_give_back(&self, request: &RefundRequest) -> Result<RefundOutcome, Failure> {
        let Some(of) = self.collected_as(request).await? else {
            return Ok(pending("Stripe's id of what was collected is not known"));
        };
        let Some(amount) = amounts::to_stripe(request.currency, request.amount) else {
            return Ok(RefundOutcome::Declined { reason: "Stripe cannot give back exactly this amount".to_owned() });
        };
        let made: Vec<Refund> = self.api.list("refunds", &vec![of.clone()], MAX_OF_A_CHARGE).await?;
        let attempt = request.attempt.to_string();
        // One that has failed ends its own try only: while the money is here, it can be given back again.
        let made = made.into_iter().filter(|refund| refund.metadata.value(REFUND_ID) == Some(&request.refund_id));
        let made = made.into_iter().find(|refund| !has_failed(refund) || attempt_of(&refund.metadata) == attempt);
        let refund = match made {
            Some(refund) => refund,
            None => {
                let mut form: Form = vec![
                    of,
                    ("amount", amount.to_string()),
                    ("metadata[coinless_refund_id]", request.refund_id.clone()),
                    ("metadata[coinless_payment_id]", request.payment_id.clone()),
                ];
                if request.attempt > 1 {
                    form.push(("metadata[coinless_attempt]", attempt));
                }
                let key = format!("coinless-refund-{}", try_id(&request.refund_id, request.attempt));
                self.api.post("refunds", &form, Some(&key)).await?
            }
        };
        let same = refund.metadata.value(PAYMENT_ID) == Some(&request.payment_id)
            && refund.amount == amount
            && refund.currency.eq_ignore_ascii_case(request.currency.code());
        Ok(match (same, refund.status.as_deref()) {
            (false, _) => {
                pending("Stripe has a refund with this id for another sum or payment: a fault of this program")
            }
            (true, Some("succeeded")) => RefundOutcome::Refunded,
            (true, _) if has_failed(&refund) => {
                RefundOutcome::Declined { reason: "the refund failed; the money is in the Stripe balance".to_owned() }
            }
            (true, _) => pending("the refund is under way"),
        })
    }

    /// What is to be refunded: the charge, which is the receipt; without one the intent.
    async fn collected_as(&self, request: &RefundRequest) -> Result<Option<(&'static str, String)>, Failure> {
        let charge = request.receipt.as_deref().and_then(|receipt| id(receipt, "ch_").or(id(receipt, "py_")));
        if let Some(charge) = charge {
            return Ok(Some(("charge", charge.to_owned())));
        }
        let Some(reference) = request.reference.as_deref() else { return Ok(None) };
        let Some(session) = id(reference, "cs_") else {
            return Ok(id(reference, "pi_").map(|intent| ("payment_intent", intent.to_owned())));
        };
        let session: Session = self.api.get(&format!("checkout/sessions/{session}"), &Form::new()).await?;
        Ok(session.payment_intent.map(|intent| match intent {
            Expandable::Id(id) => ("payment_intent", id),
            Expandable::Object(intent) => ("payment_intent", intent.id),
        }))
    }
}

fn has_failed(refund: &Refund) -> bool {
    matches!(refund.status.as_deref(), Some("failed" | "canceled"))
}

/// The number of the try that a refund was made in; the first one carries none.
pub(super) fn attempt_of(metadata: &Metadata) -> &str {
    metadata.value(ATTEMPT).unwrap_or("1")
}

/// Refusals that asking again does not change: a person must look (*Error codes*). A balance that is too low may change.
fn is_final(refusal: &Refusal) -> bool {
    let code =
        matches!(refusal.code.as_str(), "charge_already_refunded" | "charge_disputed" | "refund_disputed_payment");
    code || (refusal.kind == "invalid_request_error" && refusal.param == "amount")
}

fn pending(why: &str) -> RefundOutcome {
    RefundOutcome::Pending { why: why.to_owned() }
}
