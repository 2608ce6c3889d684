//! What providers say, in their own words. Shapes: the pages named in `docs/payments/daraja.md` and `docs/payments/stripe.md`.

use crate::server::Reply;
use crate::{ASKED, ORDER};
use coinless_station::service::now_ms;
use serde_json::{Value, json};

pub const OAUTH: &str = "/oauth/v1/generate";
pub const PUSH: &str = "/mpesa/stkpush/v1/processrequest";
pub const QUERY: &str = "/mpesa/stkpushquery/v1/query";
pub const PULL: &str = "/pulltransactions/v1/query";
pub const PAY_OUT: &str = "/mpesa/b2c/v3/paymentrequest";
pub const REFERENCE: &str = "ws_CO_191220191020363925";
pub const INTENT: &str = "/v1/payment_intents/pi_1";
pub const INTENTS: &str = "POST /v1/payment_intents";
pub const CHARGE: &str = "ch_1";

/// Whole KES of minor units.
pub fn kes(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

pub fn ok(body: Value) -> Reply {
    Reply::Json(200, body)
}

/// A payment as the sandbox tells it.
pub fn sandbox(status: &str, minor: i64, taken_back: Option<i64>) -> Value {
    let mut payment = json!({ "id": ORDER, "status": status, "amount": kes(minor), "currency": "KES" });
    if let Some(minor) = taken_back {
        payment["taken_back"] = json!(kes(minor));
    }
    payment
}

/// A prompt that was taken in.
pub fn pushed() -> Value {
    json!({ "MerchantRequestID": "1", "CheckoutRequestID": REFERENCE, "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing" })
}

/// How a prompt ended.
pub fn pushed_end(code: &str) -> Value {
    json!({ "ResponseCode": "0", "ResponseDescription": "accepted", "MerchantRequestID": "1",
        "CheckoutRequestID": REFERENCE, "ResultCode": code, "ResultDesc": "words" })
}

/// A prompt that is still open.
pub fn under_way() -> Reply {
    Reply::Json(
        500,
        json!({ "requestId": "1", "errorCode": "500.001.1001", "errorMessage": "The transaction is being processed" }),
    )
}

/// The callback of a prompt.
pub fn prompt_callback(code: i64) -> Value {
    json!({ "Body": { "stkCallback": { "MerchantRequestID": "1", "CheckoutRequestID": REFERENCE, "ResultCode": code,
        "ResultDesc": "words" } } })
}

/// The callback of a payment into the paybill.
pub fn confirmation(receipt: &str, account: &str) -> Value {
    json!({ "TransactionType": "Pay Bill", "TransID": receipt, "TransTime": "20191122063845", "TransAmount": "500",
        "BusinessShortCode": "174379", "BillRefNumber": account, "MSISDN": "25470****149" })
}

/// The callback of a refund that was paid out.
pub fn paid_out() -> Value {
    json!({ "Result": { "ResultType": 0, "ResultCode": 0, "ResultDesc": "words", "OriginatorConversationID": "53e3",
        "ConversationID": "AG_1", "TransactionID": "SG632NMUAB" } })
}

/// An entry of M-Pesa's statement: receipt, account, minor units, and whether it takes money away again.
pub type Row<'a> = (&'a str, &'a str, i64, bool);

/// M-Pesa's statement.
pub fn statement(rows: &[Row<'_>]) -> Value {
    if rows.is_empty() {
        return json!({ "ResponseRefID": "1", "ResponseCode": "1001", "ResponseMessage": "Null", "Response": "[[]]" });
    }
    let row = |(receipt, account, minor, is_reversal): &Row<'_>| {
        let kind = if *is_reversal { "c2b-payment-reversal" } else { "c2b-pay-bill-debit" };
        json!({ "transactionId": receipt, "trxDate": utc(now_ms()), "msisdn": 722_000_000, "sender": "MPESA",
            "transactiontype": kind, "billreference": account, "amount": kes(*minor), "organizationname": "Shop" })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    json!({ "ResponseRefID": "1", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [rows] })
}

/// A time as Daraja writes it; SQLite does the calendar.
fn utc(at_ms: i64) -> String {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch')";
    sqlite.query_row(sql, [at_ms / 1000], |row| row.get(0)).unwrap()
}

/// A PaymentIntent of Stripe's over `minor`, which was collected, refunded by us and disputed as said.
pub fn intent(status: &str, minor: i64, refunded: i64, disputed: bool) -> Value {
    let succeeded = status == "succeeded";
    let charge = json!({ "id": CHARGE, "object": "charge", "amount": minor, "amount_captured": minor, "currency": "kes",
        "amount_refunded": refunded, "captured": true, "disputed": disputed, "status": "succeeded",
        "metadata": { "coinless_payment_id": ORDER } });
    json!({ "id": "pi_1", "object": "payment_intent", "amount": ASKED, "currency": "kes", "status": status,
        "amount_received": if succeeded { minor } else { 0 }, "client_secret": "pi_1_secret_x",
        "latest_charge": if succeeded { charge } else { Value::Null }, "metadata": { "coinless_payment_id": ORDER } })
}

/// A list of Stripe's.
pub fn list(data: Value) -> Value {
    json!({ "object": "list", "has_more": false, "data": data })
}

/// A refund of ours at Stripe.
pub fn stripe_refund(refund_id: &str, minor: i64) -> Value {
    json!({ "id": "re_1", "object": "refund", "amount": minor, "currency": "kes", "status": "succeeded", "charge": CHARGE,
        "metadata": { "coinless_refund_id": refund_id, "coinless_payment_id": ORDER } })
}

/// An event of Stripe's.
pub fn event(kind: &str, object: Value) -> Value {
    json!({ "id": "evt_1", "type": kind, "data": { "object": object } })
}
