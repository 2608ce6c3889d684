//! What tasks need from outside, performed: calls to providers, sales systems and the signer.

use super::{Station, now_ms};
use crate::issue::SignRequest;
use crate::payments;
use crate::problem::Error;
use crate::provider::{PaymentOutcome, RefundOutcome};
use crate::reconcile;
use crate::recovery::Found;
use crate::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome};
use crate::sell::Ask;
use crate::signer::SignError;
use crate::tasks::{Effect, EffectResult};

impl Station {
    /// A payment that its provider must be asked for only once is noted before; one that was noted before is asked about.
    pub(super) async fn once(&self, effect: Effect) -> Result<Effect, Error> {
        let Effect::StartPayment(name, request) = effect else { return Ok(effect) };
        if self.provider(Some(&name)).is_ok_and(|provider| provider.may_start_again()) {
            return Ok(Effect::StartPayment(name, request));
        }
        let order_id = request.payment_id.clone();
        let first = self.run("mark_sent", move |work| payments::mark_sent(work, &order_id)).await?;
        Ok(if first { Effect::StartPayment(name, request) } else { Effect::QueryPayment(name, request) })
    }

    /// Performs what a task needs from outside.
    pub(super) async fn effect(&self, effect: Effect) -> EffectResult {
        let utilities = self.utilities();
        // What the configuration does not have any more is unknown until it has it again.
        let why = |error: Error| error.to_string();
        match effect {
            Effect::None => EffectResult::None,
            Effect::StartPayment(name, request) => EffectResult::Payment(match self.provider(Some(&name)) {
                Ok(provider) => provider.start(&request).await,
                Err(error) => PaymentOutcome::Unknown { why: why(error) },
            }),
            Effect::QueryPayment(name, request) => EffectResult::Payment(match self.provider(Some(&name)) {
                Ok(provider) => provider.query(&request).await,
                Err(error) => PaymentOutcome::Unknown { why: why(error) },
            }),
            Effect::Sell(ask, utility, sale) => match (utilities.find(&utility), ask) {
                (Ok(utility), Ask::Vend) => EffectResult::Sale(utility.sales.vend(&sale).await),
                (Ok(utility), Ask::LastResponse) => EffectResult::Sale(utility.sales.last_response(&sale).await),
                (Ok(utility), Ask::Reverse) => EffectResult::Reversal(utility.sales.reverse(&sale).await),
                (Err(error), Ask::Reverse) => {
                    EffectResult::Reversal(ReversalOutcome::Unknown { why: why(error), contradicts: false })
                }
                (Err(error), _) => EffectResult::Sale(SaleOutcome::Unknown { why: why(error), contradicts: false }),
            },
            Effect::Sign(request) => EffectResult::Signed(self.sign(&request).await),
            Effect::Reverse(utility, sale) => EffectResult::Reversal(match utilities.find(&utility) {
                Ok(utility) => utility.sales.reverse(&sale).await,
                Err(error) => ReversalOutcome::Unknown { why: why(error), contradicts: false },
            }),
            Effect::Recover(from_ms) => EffectResult::Found(self.find_since(from_ms).await),
            Effect::Refund(name, request) => EffectResult::Refund(match self.provider(Some(&name)) {
                Ok(provider) => provider.refund(&request).await,
                Err(error) => RefundOutcome::Pending { why: why(error) },
            }),
            Effect::Confirm(utility, sale) => EffectResult::Confirmed(match utilities.find(&utility) {
                Ok(utility) => utility.sales.confirm(&sale).await,
                Err(error) => ConfirmationOutcome::Unknown { why: why(error) },
            }),
            Effect::Reconcile => {
                let look =
                    reconcile::Look { store: self.inner.store.clone(), now_ms: now_ms(), probe: self.inner.probe };
                let compared = reconcile::daily(&look, &self.inner.providers, utilities).await;
                // What is asked because of it is in the outbox.
                self.inner.look.notify_one();
                EffectResult::Reconciled(compared.map_err(why))
            }
        }
    }

    async fn sign(&self, request: &SignRequest) -> Result<Vec<u8>, SignError> {
        let signed = self.inner.signer.sign(request).await;
        if signed.is_err() {
            self.telemetry().signer_refused();
        }
        let token = signed?;
        let keys = self.keys().of(&request.utility).map_err(|error| SignError::Unavailable(error.to_string()))?;
        if keys.is_own_token(&token, &request.payload, &request.meter_key) {
            return Ok(token);
        }
        let utility = &request.utility;
        Err(SignError::Refused(format!("the signer signs with another key than the operational.pub of {utility} here")))
    }

    /// Reads all statements, and the sales of utilities that keep their own.
    async fn find_since(&self, from_ms: i64) -> Found {
        let to_ms = now_ms();
        let mut found = Found { statements: Vec::new(), sales: Vec::new() };
        for provider in &self.inner.providers {
            found.statements.push((provider.name().to_owned(), provider.statement(from_ms, to_ms).await));
        }
        for utility in self.utilities().all().filter(|utility| utility.sales.keeps_sales_apart()) {
            found.sales.push((utility.name.clone(), utility.sales.sales(from_ms, to_ms).await));
        }
        found
    }
}
