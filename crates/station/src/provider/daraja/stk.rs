//! Asks the payer's telephone (M-Pesa Express, also called STK push or Lipa na M-Pesa online).

use super::codes::{PushEnd, push_end};
use super::statement::{KEPT_MS, SURELY_STATED_MS};
use super::text::{clean, phone, timestamp};
use super::wire::{Push, PushQuery, PushResult, Pushed};
use super::{Daraja, DarajaError, PHONE_HINT, PROMPT_MARK, STK_NAME, notices, refund, shillings, statement};
use crate::app::PayerNeed;
use crate::provider::{
    Acknowledgement, BadCallback, Call, Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider,
    PaymentRequest, RefundOutcome, RefundRequest, StatementEntry, StatementError,
};
use crate::service::now_ms;
use crate::telemetry::Words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// M-Pesa, asked for by a prompt on the payer's telephone. Each request prompts again, so it is sent once.
pub struct DarajaStk {
    daraja: Arc<Daraja>,
    passkey: String,
}

impl DarajaStk {
    /// Prompts on behalf of the shop `daraja`.
    ///
    /// # Errors
    /// [`DarajaError`] if it has no passkey.
    pub fn new(daraja: Arc<Daraja>) -> Result<Self, DarajaError> {
        let missing = || DarajaError("passkey_file is needed to ask telephones".to_owned());
        let passkey = daraja.passkey.as_ref().ok_or_else(missing)?.0.clone();
        Ok(Self { daraja, passkey })
    }

    /// Time and password of a request.
    fn signature(&self) -> (String, String) {
        let timestamp = timestamp(now_ms());
        let password = STANDARD.encode(format!("{}{}{timestamp}", self.daraja.short_code, self.passkey));
        (timestamp, password)
    }

    async fn push(&self, request: &PaymentRequest) -> PaymentOutcome {
        let declined = |reason: String| PaymentOutcome::Declined { reason };
        let amount = match shillings(request.amount, request.currency) {
            Ok(amount) => amount,
            Err(reason) => return declined(reason),
        };
        let Some(payer) = request.payer.as_deref() else {
            return declined("M-Pesa needs the telephone number of the payer".to_owned());
        };
        let phone = match phone(payer) {
            Ok(phone) => phone,
            Err(reason) => return declined(reason),
        };
        let (timestamp, password) = self.signature();
        let push = Push {
            business_short_code: &self.daraja.short_code,
            password: &password,
            timestamp: &timestamp,
            transaction_type: "CustomerPayBillOnline",
            amount: &amount,
            party_a: &phone,
            party_b: &self.daraja.short_code,
            phone_number: &phone,
            call_back_url: &request.callback_url,
            account_reference: &prompt_account(&request.account),
            transaction_desc: "Prepaid",
        };
        let answer = match self.daraja.client.post("/mpesa/stkpush/v1/processrequest", &push).await {
            Ok(answer) => answer,
            Err(none) if none.may_have_arrived => return PaymentOutcome::Unknown { why: none.why },
            Err(none) => {
                tracing::error!(why = %Words(&none.why), "no prompt could be asked for");
                return declined(
                    "M-Pesa does not answer now, and nothing was asked of you: order again later".to_owned(),
                );
            }
        };
        if let Some(words) = answer.bad_request() {
            return declined(format!("M-Pesa found the request wrong: {words}"));
        }
        match answer.body::<Pushed>() {
            Ok(Pushed { response_code, checkout_request_id: Some(reference), .. })
                if response_code.0 == "0" && is_reference(&reference) =>
            {
                let instructions = "Enter your M-Pesa PIN on the telephone that is being asked now.".to_owned();
                PaymentOutcome::Pending { reference: Some(reference), instructions: Some(instructions) }
            }
            Ok(pushed) => {
                let words = clean(&pushed.response_description.unwrap_or_default());
                PaymentOutcome::Unknown {
                    why: format!("the prompt was answered {}: {words}", clean(&pushed.response_code.0)),
                }
            }
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }

    async fn ask(&self, request: &PaymentRequest) -> PaymentOutcome {
        let Some(reference) = request.reference.as_deref() else { return self.look_for(request).await };
        let (timestamp, password) = self.signature();
        let query = PushQuery {
            business_short_code: &self.daraja.short_code,
            password: &password,
            timestamp: &timestamp,
            checkout_request_id: reference,
        };
        let answer = match self.daraja.client.post("/mpesa/stkpushquery/v1/query", &query).await {
            Ok(answer) => answer,
            Err(none) => return PaymentOutcome::Unknown { why: none.why },
        };
        // The same code stands for several errors; only its words say which.
        if answer.failure().is_some_and(|(code, words)| {
            code == "500.001.1001" && words.to_ascii_lowercase().contains("being processed")
        }) {
            return PaymentOutcome::Pending { reference: None, instructions: None };
        }
        match answer.body::<PushResult>() {
            Ok(result) => self.ended(request, reference, &result).await,
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }

    async fn ended(&self, request: &PaymentRequest, reference: &str, result: &PushResult) -> PaymentOutcome {
        let unknown = |why: String| PaymentOutcome::Unknown { why };
        let Some(code) = result.result_code.as_ref().filter(|_| result.response_code.0 == "0") else {
            return unknown(format!("asking for a prompt was answered {}", clean(&result.response_code.0)));
        };
        match push_end(&code.0) {
            PushEnd::Paid => self.paid(request, reference).await,
            PushEnd::NotPaid(reason) => PaymentOutcome::Declined { reason: reason.to_owned() },
            PushEnd::Unlisted => {
                unknown(format!("the prompt ended with a code that is not listed: {}", clean(&code.0)))
            }
        }
    }

    /// The money of a prompt that was paid. The answer does not have M-Pesa's number of it; the statement does.
    async fn paid(&self, request: &PaymentRequest, reference: &str) -> PaymentOutcome {
        let Some(recent) = &self.daraja.recent else {
            // A prompt cannot be paid with another sum.
            let (amount, currency) = (request.amount, request.currency);
            return PaymentOutcome::Captured(vec![MoneyReceipt { receipt: reference.to_owned(), amount, currency }]);
        };
        let account = prompt_account(&request.account);
        match self.daraja.collected(recent, &account, request.created_ms).await {
            Ok(None) => {
                let instructions = "M-Pesa has taken the payment; it is being looked up in the statement.".to_owned();
                PaymentOutcome::Pending { reference: None, instructions: Some(instructions) }
            }
            Ok(Some(outcome)) => outcome,
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }

    /// The answer to the prompt was lost, and no callback came: only the statement may know.
    async fn look_for(&self, request: &PaymentRequest) -> PaymentOutcome {
        let unknown = |why: &str| PaymentOutcome::Unknown { why: why.to_owned() };
        let Some(recent) = &self.daraja.recent else {
            return unknown(
                "the answer to the prompt was lost, and without Pull Transactions only its callback can tell",
            );
        };
        let account = prompt_account(&request.account);
        match self.daraja.collected(recent, &account, request.created_ms).await {
            // The telephone asks for a minute or two, and the statement is whole since then.
            Ok(None) if (SURELY_STATED_MS..KEPT_MS).contains(&(now_ms() - request.created_ms)) => {
                PaymentOutcome::Declined { reason: "the prompt was not answered: order again".to_owned() }
            }
            Ok(None) => unknown("the answer to the prompt was lost, and the statement has no payment of it so far"),
            Ok(Some(outcome)) => outcome,
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }
}

/// The account of a prompt in the shop's statement: at most 12 characters.
fn prompt_account(account: &str) -> String {
    let mut account: String = account.chars().take(11).collect();
    account.push(PROMPT_MARK);
    account
}

/// Whether a text may be a CheckoutRequestID. It becomes a receipt number where there is no statement.
pub(super) fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

impl PaymentProvider for DarajaStk {
    fn name(&self) -> &str {
        STK_NAME
    }

    fn may_start_again(&self) -> bool {
        false
    }

    fn payer(&self) -> (PayerNeed, Option<&'static str>) {
        (PayerNeed::Required, Some(PHONE_HINT))
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.push(request))
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.ask(request))
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(refund::refund(&self.daraja, request))
    }

    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(statement::entries(&self.daraja, from_ms, to_ms, true))
    }

    fn states_refunds(&self) -> bool {
        false
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        match callback.subject {
            Some(subject) if subject.contains('/') => notices::refund(subject, callback.body),
            Some(subject) => notices::push(subject, callback.body),
            None => Err(BadCallback("prompts have an address of their own each".to_owned())),
        }
    }

    fn acknowledgement(&self) -> Acknowledgement {
        notices::ACKNOWLEDGEMENT
    }
}
