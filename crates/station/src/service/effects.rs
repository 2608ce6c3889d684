//! What tasks need from outside, performed: calls to providers, sales systems and the signer.

use super::{Station, now_ms};
use crate::issue::SignRequest;
use crate::payments;
use crate::problem::Error;
use crate::provider::{PaymentOutcome, PaymentProvider, RefundOutcome, StatementEntry, StatementError};
use crate::reconcile;
use crate::recovery::Found;
use crate::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome};
use crate::sell::Ask;
use crate::signer::SignError;
use crate::tasks::{Effect, EffectResult};

/// A statement that reaches back only so far is read from so much later on: how far it reaches moves on with the clock.
const FORGETS_MS: i64 = 60_000;

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
            Effect::Sign(request) => {
                EffectResult::Signed(self.checked(&request, self.inner.signer.sign(&request).await))
            }
            Effect::SignTerms(request) => EffectResult::Signed(self.sign_terms(&request).await),
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

    /// Has a token for another register than credit signed.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn sign_terms(&self, request: &SignRequest) -> Result<Vec<u8>, SignError> {
        self.checked(request, self.inner.signer.sign_terms(request).await)
    }

    /// What a signer gave, if it is what it was asked for.
    fn checked(&self, request: &SignRequest, signed: Result<Vec<u8>, SignError>) -> Result<Vec<u8>, SignError> {
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
            found.statements.extend(statement_since(provider.as_ref(), from_ms, to_ms).await);
        }
        for utility in self.utilities().all().filter(|utility| utility.sales.keeps_sales_apart()) {
            found.sales.push((utility.name.clone(), utility.sales.sales(from_ms, to_ms).await));
        }
        found
    }
}

/// A provider's statement; if it does not reach back so far, that, and what it has.
async fn statement_since(provider: &dyn PaymentProvider, from_ms: i64, to_ms: i64) -> Vec<Statement> {
    let name = provider.name().to_owned();
    let statement = provider.statement(from_ms, to_ms).await;
    let Err(StatementError::TooOld { since_ms }) = statement else { return vec![(name, statement)] };
    let rest = provider.statement((since_ms + FORGETS_MS).min(to_ms), to_ms).await.map_err(|error| match error {
        StatementError::TooOld { .. } => StatementError::Unavailable(error.to_string()),
        error => error,
    });
    vec![(name.clone(), statement), (name, rest)]
}

/// A provider with its statement.
type Statement = (String, Result<Vec<StatementEntry>, StatementError>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{BadCallback, Call, Callback, Notice, PaymentRequest, RefundRequest};

    /// Its statement reaches back to this time.
    struct Forgets(i64);

    impl PaymentProvider for Forgets {
        fn name(&self) -> &str {
            "forgets"
        }

        fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
            self.query(request)
        }

        fn query<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
            Box::pin(async { PaymentOutcome::NotFound })
        }

        fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
            Box::pin(async { RefundOutcome::Refunded })
        }

        fn statement<'a>(&'a self, from_ms: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
            let since_ms = self.0;
            Box::pin(async move {
                if from_ms < since_ms { Err(StatementError::TooOld { since_ms }) } else { Ok(Vec::new()) }
            })
        }

        fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
            Ok(Notice::Nothing)
        }
    }

    #[tokio::test]
    async fn a_statement_is_read_as_far_as_it_reaches_back() {
        let name = || "forgets".to_owned();
        let too_old = |since_ms| (name(), Err(StatementError::TooOld { since_ms }));
        assert_eq!(statement_since(&Forgets(5), 5, 10).await, [(name(), Ok(Vec::new()))]);
        let day_ms = 24 * 60 * 60 * 1000;
        assert_eq!(statement_since(&Forgets(5), 0, day_ms).await, [too_old(5), (name(), Ok(Vec::new()))]);
        let all_is_forgotten = statement_since(&Forgets(2 * day_ms), 0, day_ms).await;
        assert!(matches!(&all_is_forgotten[1], (_, Err(StatementError::Unavailable(_)))), "{all_is_forgotten:?}");
    }
}
