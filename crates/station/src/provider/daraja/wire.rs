//! What Daraja is sent and what it answers, as far as it is used. Telephone numbers and names in answers are not read.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Asks a telephone (`/mpesa/stkpush/v1/processrequest`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Push<'a> {
    pub business_short_code: &'a str,
    pub password: &'a str,
    pub timestamp: &'a str,
    pub transaction_type: &'a str,
    pub amount: &'a str,
    pub party_a: &'a str,
    pub party_b: &'a str,
    pub phone_number: &'a str,
    #[serde(rename = "CallBackURL")]
    pub call_back_url: &'a str,
    pub account_reference: &'a str,
    pub transaction_desc: &'a str,
}

/// Its answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pushed {
    pub response_code: Code,
    #[serde(rename = "CheckoutRequestID")]
    pub checkout_request_id: Option<String>,
    pub response_description: Option<String>,
}

/// Asks what became of it (`/mpesa/stkpushquery/v1/query`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PushQuery<'a> {
    pub business_short_code: &'a str,
    pub password: &'a str,
    pub timestamp: &'a str,
    #[serde(rename = "CheckoutRequestID")]
    pub checkout_request_id: &'a str,
}

/// Its answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PushResult {
    pub response_code: Code,
    pub result_code: Option<Code>,
}

/// `/mpesa/c2b/v2/registerurl`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RegisterUrls<'a> {
    pub short_code: &'a str,
    pub response_type: &'a str,
    #[serde(rename = "ConfirmationURL")]
    pub confirmation_url: &'a str,
    #[serde(rename = "ValidationURL")]
    pub validation_url: &'a str,
}

/// An answer that only says whether a request was taken in.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Acceptance {
    pub response_code: Code,
    pub response_description: Option<String>,
}

/// `/pulltransactions/v1/register`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RegisterPull<'a> {
    pub short_code: &'a str,
    pub request_type: &'a str,
    pub nominated_number: &'a str,
    #[serde(rename = "CallBackURL")]
    pub call_back_url: &'a str,
}

/// Its answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PullRegistered {
    pub response_status: Code,
}

/// A page of the statement (`/pulltransactions/v1/query`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pull<'a> {
    pub short_code: &'a str,
    pub start_date: &'a str,
    pub end_date: &'a str,
    pub off_set_value: &'a str,
}

/// Its answer: a list of lists, and a text in its place if there is nothing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pulled<'a> {
    pub response_code: Code,
    pub response_message: Option<String>,
    #[serde(borrow)]
    pub response: Option<&'a RawValue>,
}

/// An entry of the statement.
#[derive(Deserialize)]
pub(super) struct PulledRow<'a> {
    #[serde(rename = "transactionId")]
    pub transaction_id: String,
    #[serde(rename = "trxDate")]
    pub trx_date: String,
    #[serde(default)]
    pub transactiontype: String,
    #[serde(default)]
    pub billreference: Option<String>,
    #[serde(borrow)]
    pub amount: &'a RawValue,
}

/// Gives money out (`/mpesa/b2c/v3/paymentrequest`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PayOut<'a> {
    #[serde(rename = "OriginatorConversationID")]
    pub originator_conversation_id: &'a str,
    pub initiator_name: &'a str,
    pub security_credential: &'a str,
    #[serde(rename = "CommandID")]
    pub command_id: &'a str,
    pub amount: &'a str,
    pub party_a: &'a str,
    pub party_b: &'a str,
    pub remarks: &'a str,
    #[serde(rename = "QueueTimeOutURL")]
    pub queue_time_out_url: &'a str,
    #[serde(rename = "ResultURL")]
    pub result_url: &'a str,
    // Spelt so by Daraja.
    pub occassion: &'a str,
}

/// An error of any call.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    pub error_code: Code,
    pub error_message: Option<String>,
}

/// Callback of a prompt.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PushCallback {
    pub body: PushCallbackBody,
}

/// What is in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushCallbackBody {
    pub stk_callback: PushedBack,
}

/// The prompt that it is about. Its result is not believed, so it is not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PushedBack {
    #[serde(rename = "CheckoutRequestID")]
    pub checkout_request_id: String,
}

/// A customer paid by himself, or wants to.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Confirmation {
    #[serde(rename = "TransID")]
    pub trans_id: String,
    pub bill_ref_number: Option<String>,
}

/// The result of money given out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PaidOut {
    pub result: PaidOutResult,
}

/// What is in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PaidOutResult {
    pub result_type: Option<Code>,
    pub result_code: Code,
    pub result_desc: Option<String>,
    #[serde(rename = "TransactionID")]
    pub transaction_id: Option<String>,
}

/// A code, which Daraja writes as a number or as a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code(pub String);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(text.get().trim_matches('"').to_owned()))
    }
}
