//! Collecting: one PaymentIntent or Checkout Session for each payment, and what its states mean.
//!
//! | Stripe says | it means |
//! |---|---|
//! | intent `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`, `requires_capture` | pending |
//! | intent `succeeded` | captured, or taken back as far as there are lost disputes or refunds that are not ours |
//! | intent `canceled` | declined |
//! | session `open` | pending |
//! | session `expired`, and its intent neither succeeded nor under way | declined |
//! | session `complete`, and its intent needs another payment method | declined: nobody can pay on that page any more |
//!
//! A failed attempt alone is not final: the payer may try another card.

use super::api::{Failure, Form, Refusal};
use super::objects::{Charge, Dispute, Expandable, Intent, Metadata, Page as Found, Refund, Session, id};
use super::{PAYMENT_ID, Page, REFUND_ID, Stripe, amounts};
use crate::money::{Currency, Money};
use crate::provider::{MoneyReceipt, PaymentOutcome, PaymentRequest};

/// A Checkout Session must be open for 30 minutes at least; 5 are for the call and for clocks that differ.
const LAST_START_BEFORE_END_MS: i64 = 35 * 60_000;
/// A search can be up to an hour late (*Search PaymentIntents*).
const SEARCH_LAG_MS: i64 = 60 * 60_000;
/// Keys that a start may use, one after the other: Stripe repeats even its own errors under the same key.
const MAX_KEYS: u32 = 3;
/// Most disputes or refunds of one charge.
pub(super) const MAX_OF_A_CHARGE: usize = 1000;
/// Longest address that a payer is told.
const MAX_ADDRESS: usize = 4096;

impl Stripe {
    /// Starts a payment, or asks what became of it.
    pub(super) async fn ask(&self, request: &PaymentRequest) -> PaymentOutcome {
        let said = match &request.reference {
            Some(reference) => self.look(request, reference).await,
            None if self.age_ms(request) < self.pay_within_ms - LAST_START_BEFORE_END_MS => self.create(request).await,
            None => self.search(request).await,
        };
        said.unwrap_or_else(|failure| match failure {
            Failure::NotFound => PaymentOutcome::NotFound,
            failure => PaymentOutcome::Unknown { why: failure.why() },
        })
    }

    fn age_ms(&self, request: &PaymentRequest) -> i64 {
        (self.clock)().saturating_sub(request.created_ms)
    }

    /// Makes the session or intent, or gets the one that was made before under the same key. Nothing in the form depends on the
    /// time of the call.
    async fn create(&self, request: &PaymentRequest) -> Result<PaymentOutcome, Failure> {
        let Some(amount) = amounts::to_stripe(request.currency, request.amount) else {
            // Never sent, so never collected.
            return Ok(declined("this amount cannot be paid by card in this currency"));
        };
        let mut number = 1;
        loop {
            let key = format!("coinless-pay-{}-{number}", request.payment_id);
            let said = match &self.page {
                Page::Hosted { return_url } => {
                    let form = self.session_form(request, amount, return_url);
                    let made: Result<Session, _> = self.api.post("checkout/sessions", &form, Some(&key)).await;
                    made.map(|session| self.opened_session(request, &session))
                }
                Page::Own { url } => {
                    let form = intent_form(request, amount);
                    let made: Result<Intent, _> = self.api.post("payment_intents", &form, Some(&key)).await;
                    made.map(|intent| self.opened_intent(request, &intent, url))
                }
            };
            match said {
                // The first answer to this key was an error of Stripe's, and always will be. Another session or intent does
                // no harm: of the first one, nobody was ever told the address or the secret without which it cannot be paid.
                Err(Failure::Unclear { replayed: true, .. }) if number < MAX_KEYS => number += 1,
                Err(Failure::Refused(refusal)) if can_never_be_paid(&refusal) => {
                    return Ok(declined("the amount is too small or too large to be paid by card"));
                }
                // A 404 to a POST is no word about this payment.
                Err(Failure::NotFound) => return Ok(unknown("Stripe does not know where payments are made")),
                said => return said,
            }
        }
    }

    fn session_form(&self, request: &PaymentRequest, amount: i64, return_url: &str) -> Form {
        let ends_s = (request.created_ms + self.pay_within_ms) / 1000;
        vec![
            ("mode", "payment".to_owned()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", request.currency.code().to_ascii_lowercase()),
            ("line_items[0][price_data][unit_amount]", amount.to_string()),
            ("line_items[0][price_data][product_data][name]", self.description.clone()),
            ("success_url", return_url.to_owned()),
            ("cancel_url", return_url.to_owned()),
            ("expires_at", ends_s.to_string()),
            // Else Stripe may offer the payer to pay in another currency.
            ("adaptive_pricing[enabled]", "false".to_owned()),
            ("metadata[coinless_payment_id]", request.payment_id.clone()),
            ("payment_intent_data[metadata][coinless_payment_id]", request.payment_id.clone()),
        ]
    }

    /// A session as it was when it was made; its answer is repeated, so it says nothing of what happened since.
    fn opened_session(&self, request: &PaymentRequest, session: &Session) -> PaymentOutcome {
        if !ours(request, &session.metadata) || id(&session.id, "cs_").is_none() {
            return unknown("Stripe answered with another payment's session");
        }
        let instructions = session.url.as_deref().and_then(page_words);
        PaymentOutcome::Pending { reference: Some(session.id.clone()), instructions }
    }

    fn opened_intent(&self, request: &PaymentRequest, intent: &Intent, page: &str) -> PaymentOutcome {
        if !ours(request, &intent.metadata) || id(&intent.id, "pi_").is_none() {
            return unknown("Stripe answered with another payment's intent");
        }
        let secret = intent.client_secret.as_deref().and_then(|secret| id(secret, "pi_"));
        let address = secret.map(|secret| format!("{page}#payment_intent_client_secret={secret}"));
        let instructions = address.as_deref().and_then(page_words);
        PaymentOutcome::Pending { reference: Some(intent.id.clone()), instructions }
    }

    /// Looks for a payment whose reference never came, when it is too late to repeat its start. Until then nobody was told where
    /// to pay, so nothing is to be expected; what was paid after all is found by our id, which Stripe keeps.
    async fn search(&self, request: &PaymentRequest) -> Result<PaymentOutcome, Failure> {
        if !request.payment_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Ok(unknown("this payment's id cannot be searched for"));
        }
        let wanted = format!("metadata['{PAYMENT_ID}']:'{}'", request.payment_id);
        let query = vec![("query", wanted), ("limit", "100".to_owned()), ("expand[]", "data.latest_charge".to_owned())];
        let found: Found<Intent> = self.api.get("payment_intents/search", &query).await?;
        let intents: Vec<Intent> = found.data.into_iter().filter(|intent| ours(request, &intent.metadata)).collect();
        if found.has_more {
            return Ok(unknown("Stripe has more than 100 intents for this payment"));
        }
        if intents.is_empty() {
            let over = self.age_ms(request) > self.pay_within_ms + SEARCH_LAG_MS;
            return Ok(if over { declined("it was not paid in time") } else { unknown("it is not found yet") });
        }
        let mut receipts = Vec::new();
        for intent in intents.iter().filter(|intent| intent.status == "succeeded") {
            match self.collected(intent).await? {
                PaymentOutcome::Captured(more) => receipts.extend(more),
                other => return Ok(other),
            }
        }
        if !receipts.is_empty() {
            return Ok(PaymentOutcome::Captured(receipts));
        }
        if intents.iter().all(|intent| intent.status == "canceled") {
            return Ok(declined("the payment was canceled"));
        }
        Ok(PaymentOutcome::Pending { reference: None, instructions: None })
    }

    async fn look(&self, request: &PaymentRequest, reference: &str) -> Result<PaymentOutcome, Failure> {
        if let Some(session) = id(reference, "cs_") {
            let query = vec![("expand[]", "payment_intent.latest_charge".to_owned())];
            let session: Session = self.api.get(&format!("checkout/sessions/{session}"), &query).await?;
            return self.read_session(request, &session).await;
        }
        let Some(intent) = id(reference, "pi_") else {
            return Ok(unknown("the reference of this payment is none of Stripe's"));
        };
        let intent: Intent = self.api.get(&format!("payment_intents/{intent}"), &charged()).await?;
        if !ours(request, &intent.metadata) {
            return Ok(unknown("the reference leads to another payment's intent"));
        }
        let over = self.age_ms(request) > self.pay_within_ms;
        let open = matches!(
            intent.status.as_str(),
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "requires_capture"
        );
        if over && open {
            // An intent has no end of its own. Stripe refuses this if it was paid meanwhile; then the next look shows it.
            let path = format!("payment_intents/{}/cancel", intent.id);
            let intent: Intent = self.api.post(&path, &charged(), None).await.map_err(|failure| match failure {
                Failure::NotFound => Failure::Unclear { why: "an intent vanished".to_owned(), replayed: false },
                failure => failure,
            })?;
            return self.read_intent(&intent).await;
        }
        self.read_intent(&intent).await
    }

    async fn read_session(&self, request: &PaymentRequest, session: &Session) -> Result<PaymentOutcome, Failure> {
        if !ours(request, &session.metadata) {
            return Ok(unknown("the reference leads to another payment's session"));
        }
        let intent = match &session.payment_intent {
            Some(Expandable::Object(intent)) => Some(intent),
            Some(Expandable::Id(_)) => return Ok(unknown("Stripe left out the intent of the session")),
            None => None,
        };
        if let Some(intent) = intent.filter(|intent| matches!(intent.status.as_str(), "succeeded" | "canceled")) {
            return self.read_intent(intent).await;
        }
        let at_rest = intent
            .is_none_or(|intent| matches!(intent.status.as_str(), "requires_payment_method" | "requires_confirmation"));
        let pending = |instructions| PaymentOutcome::Pending { reference: Some(session.id.clone()), instructions };
        Ok(match session.status.as_deref() {
            Some("open") => pending(session.url.as_deref().and_then(page_words)),
            Some("expired") if at_rest => declined("it was not paid in time"),
            Some("complete") if intent.is_some() && at_rest => declined("the payment failed"),
            Some("complete") if intent.is_none() => unknown("a session is complete without a payment"),
            Some("complete" | "expired") => pending(None),
            _ => unknown("Stripe names a state of a session that is none"),
        })
    }

    async fn read_intent(&self, intent: &Intent) -> Result<PaymentOutcome, Failure> {
        Ok(match intent.status.as_str() {
            "succeeded" => return self.collected(intent).await,
            "canceled" => declined("the payment was canceled"),
            "requires_payment_method"
            | "requires_confirmation"
            | "requires_action"
            | "processing"
            | "requires_capture" => PaymentOutcome::Pending { reference: Some(intent.id.clone()), instructions: None },
            _ => unknown("Stripe names a state of an intent that is none"),
        })
    }

    /// The receipt of an intent that succeeded, or what was taken away of it again.
    async fn collected(&self, intent: &Intent) -> Result<PaymentOutcome, Failure> {
        let charge = match &intent.latest_charge {
            Some(Expandable::Object(charge)) => charge.clone(),
            Some(Expandable::Id(charge)) => match id(charge, "") {
                Some(charge) => self.api.get(&format!("charges/{charge}"), &Form::new()).await?,
                None => return Ok(unknown("the charge of an intent has an id that is none")),
            },
            None => return Ok(unknown("an intent succeeded without a charge")),
        };
        let captured = charge.amount_captured.or(charge.captured.then_some(charge.amount));
        let amount = intent.amount_received.or(captured);
        let Some((amount, currency)) = amount.and_then(|amount| amounts::from_stripe(&intent.currency, amount)) else {
            return Ok(unknown("Stripe names a sum that is none"));
        };
        let receipts = vec![MoneyReceipt { receipt: charge.id.clone(), amount, currency }];
        self.less_taken_back(&charge, receipts).await
    }

    /// Captured, or taken back as far as there are disputes or refunds that are not ours.
    async fn less_taken_back(&self, charge: &Charge, receipts: Vec<MoneyReceipt>) -> Result<PaymentOutcome, Failure> {
        let of_charge = vec![("charge", charge.id.clone())];
        let mut sums = Vec::new();
        let mut reason = "refunded by hand at Stripe";
        if charge.amount_refunded > 0 {
            let refunds: Vec<Refund> = self.api.list("refunds", &of_charge, MAX_OF_A_CHARGE).await?;
            let gone = |refund: &&Refund| !matches!(refund.status.as_deref(), Some("failed" | "canceled"));
            let not_ours = refunds.iter().filter(|refund| refund.metadata.value(REFUND_ID).is_none()).filter(gone);
            sums.extend(not_ours.map(|refund| (refund.amount, refund.currency.clone())));
        }
        if charge.disputed {
            let disputes: Vec<Dispute> = self.api.list("disputes", &of_charge, MAX_OF_A_CHARGE).await?;
            for dispute in disputes.iter().filter(|dispute| is_withdrawn(dispute)) {
                sums.push((dispute.amount, dispute.currency.clone()));
                reason = "disputed by the payer's bank";
            }
        }
        if sums.is_empty() {
            return Ok(PaymentOutcome::Captured(receipts));
        }
        Ok(match add(&charge.currency, &sums) {
            Some((amount, currency)) => {
                PaymentOutcome::TakenBack { receipts, amount, currency, reason: reason.to_owned() }
            }
            None => unknown("Stripe took back a sum that is none"),
        })
    }
}

fn charged() -> Form {
    vec![("expand[]", "latest_charge".to_owned())]
}

fn intent_form(request: &PaymentRequest, amount: i64) -> Form {
    // Payment methods are those of the account's settings: since version 2023-08-16 that is so unless others are named.
    vec![
        ("amount", amount.to_string()),
        ("currency", request.currency.code().to_ascii_lowercase()),
        ("metadata[coinless_payment_id]", request.payment_id.clone()),
    ]
}

/// Whether Stripe took the money of a dispute away: it does so when a dispute opens, not for a mere inquiry, and gives it back
/// when the dispute is won. Its movements tell; without them its state does.
fn is_withdrawn(dispute: &Dispute) -> bool {
    match &dispute.balance_transactions {
        Some(movements) => movements.iter().fold(0_i64, |sum, movement| sum.saturating_add(movement.amount)) < 0,
        None => matches!(dispute.status.as_str(), "needs_response" | "under_review" | "lost"),
    }
}

fn add(code: &str, sums: &[(i64, String)]) -> Option<(Money, Currency)> {
    let mut total = 0_i64;
    for (amount, currency) in sums {
        total = total.checked_add(*amount).filter(|_| currency == code)?;
    }
    amounts::from_stripe(code, total)
}

fn ours(request: &PaymentRequest, metadata: &Metadata) -> bool {
    metadata.value(PAYMENT_ID) == Some(request.payment_id.as_str())
}

/// Refusals of a sum (*Error codes*): the same request is refused for ever, and made nothing.
fn can_never_be_paid(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "amount_too_small" | "amount_too_large")
}

fn page_words(url: &str) -> Option<String> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    let plain = url.len() <= MAX_ADDRESS && url.bytes().all(|byte| byte.is_ascii_graphic());
    (web && plain).then(|| format!("pay on this page: {url}"))
}

fn declined(reason: &str) -> PaymentOutcome {
    PaymentOutcome::Declined { reason: reason.to_owned() }
}

fn unknown(why: &str) -> PaymentOutcome {
    PaymentOutcome::Unknown { why: why.to_owned() }
}
