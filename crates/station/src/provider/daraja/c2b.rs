//! The customer pays by himself into the paybill, and names the order's account (C2B).

use super::{C2B_NAME, Daraja, DarajaError, PHONE_HINT, notices, refund, shillings, statement};
use crate::app::PayerNeed;
use crate::provider::{
    Acknowledgement, BadCallback, Call, Callback, Notice, PaymentOutcome, PaymentProvider, PaymentRequest,
    RefundOutcome, RefundRequest, StatementEntry, StatementError,
};
use std::sync::Arc;

/// M-Pesa, paid by the customer himself into the shop's paybill.
pub struct DarajaC2b {
    daraja: Arc<Daraja>,
}

impl DarajaC2b {
    /// The paybill of the shop `daraja`.
    ///
    /// # Errors
    /// [`DarajaError`] without Pull Transactions: nobody could be asked whether a confirmation is true.
    pub fn new(daraja: Arc<Daraja>) -> Result<Self, DarajaError> {
        if daraja.recent.is_none() {
            let why = "pull_transactions is needed where customers pay by themselves: a confirmation is not signed, and only \
                       the statement can be believed";
            return Err(DarajaError(why.to_owned()));
        }
        Ok(Self { daraja })
    }

    /// Waiting, with what the customer has to do; or why he cannot pay it so.
    fn waiting(&self, request: &PaymentRequest) -> PaymentOutcome {
        match shillings(request.amount, request.currency) {
            Ok(amount) => {
                let to = &self.daraja.short_code;
                let instructions = format!("Pay {amount} KES to Paybill {to}, account {}", request.account);
                PaymentOutcome::Pending { reference: None, instructions: Some(instructions) }
            }
            Err(reason) => PaymentOutcome::Declined { reason },
        }
    }

    async fn ask(&self, request: &PaymentRequest) -> PaymentOutcome {
        let Some(recent) = &self.daraja.recent else {
            return PaymentOutcome::Unknown { why: "there is no statement to look into".to_owned() };
        };
        match self.daraja.collected(recent, &request.account, request.created_ms).await {
            Ok(None) => self.waiting(request),
            Ok(Some(outcome)) => outcome,
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }
}

impl PaymentProvider for DarajaC2b {
    fn name(&self) -> &str {
        C2B_NAME
    }

    fn is_push(&self) -> bool {
        true
    }

    /// M-Pesa does not tell who paid, so a refund needs it.
    fn payer(&self) -> (PayerNeed, Option<&'static str>) {
        if self.daraja.refunds.is_some() { (PayerNeed::Optional, Some(PHONE_HINT)) } else { (PayerNeed::None, None) }
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async { self.waiting(request) })
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.ask(request))
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(refund::refund(&self.daraja, request))
    }

    /// Everything but prompts, also what nobody's account was named for.
    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(statement::entries(&self.daraja, from_ms, to_ms, false))
    }

    fn states_refunds(&self) -> bool {
        false
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        match callback.subject {
            Some(subject) if subject.contains('/') => notices::refund(subject, callback.body),
            Some(_) => Err(BadCallback("customers who pay by themselves are told of at one address".to_owned())),
            None => notices::confirmation(&self.daraja, callback.body),
        }
    }

    fn acknowledgement(&self) -> Acknowledgement {
        notices::ACKNOWLEDGEMENT
    }
}
