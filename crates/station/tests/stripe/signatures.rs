//! Signatures of events, computed here from the scheme that Stripe documents (*Verify webhook signatures manually*), with
//! HMAC as RFC 2104 writes it, and not with the code under test.

use crate::setup::{CREATED_MS, KEY, Page, WEBHOOK_SECRET, config, secret};
use axum::http::{HeaderMap, HeaderValue};
use coinless_station::provider::stripe::{Stripe, StripeConfig, TOLERANCE_MS};
use coinless_station::provider::{BadCallback, Callback, Notice, PaymentProvider, RefundOutcome};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// An event and its signature at 1700000000 by `whsec_test_one`, from `openssl dgst -sha256 -hmac`.
const EVENT: &str = concat!(
    r#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent","#,
    r#""metadata":{"coinless_payment_id":"0190-a"}}}}"#
);
const SIGNATURE: &str = "6293b434d26df8f7da84a40770f04bf34a7d65faab583d4d509c3f42180aebe1";

fn hmac(secret: &str, message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..secret.len()].copy_from_slice(secret.as_bytes());
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = digest(&SHA256, &[&pad(0x36)[..], message].concat());
    let outer = digest(&SHA256, &[&pad(0x5c)[..], inner.as_ref()].concat());
    outer.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(secret: &str, time_s: i64, body: &str) -> String {
    format!("t={time_s},v1={}", hmac(secret, format!("{time_s}.{body}").as_bytes()))
}

fn read(stripe: &Stripe, signature: &str, body: &str, now_ms: i64) -> Result<Notice, BadCallback> {
    let mut headers = HeaderMap::new();
    headers.insert("stripe-signature", HeaderValue::from_str(signature).unwrap());
    stripe.read_callback(&Callback { subject: None, headers: &headers, body: body.as_bytes(), now_ms })
}

fn stripe(page: Page, secrets: &str) -> Stripe {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), "http://127.0.0.1:9", page);
    config.webhook_secret_file = secret(folder.path(), "webhook", secrets);
    Stripe::new(&config).unwrap()
}

fn of_payment(payment_id: &str) -> Notice {
    Notice::Payment { payment_id: payment_id.to_owned(), reference: None }
}

#[test]
fn a_signature_is_right_or_nothing() {
    let stripe = stripe(Page::Own, WEBHOOK_SECRET);
    let right = of_payment("0190-a");
    let at = |signature: &str, body: &str, now_ms| read(&stripe, signature, body, now_ms);

    assert_eq!(hmac(WEBHOOK_SECRET, format!("1700000000.{EVENT}").as_bytes()), SIGNATURE);
    let header = format!("t=1700000000,v1={SIGNATURE}");
    assert_eq!(at(&header, EVENT, CREATED_MS), Ok(right.clone()));
    // While a secret is changed there are several; v0 and schemes to come prove nothing.
    let wrong = "00".repeat(32);
    for header in [
        format!("t=1700000000,v1={wrong},v1={SIGNATURE}"),
        format!("t=1700000000, v1={SIGNATURE} ,v0={wrong},v2=x"),
        format!("v1={SIGNATURE},t=1700000000"),
    ] {
        assert_eq!(at(&header, EVENT, CREATED_MS), Ok(right.clone()), "{header}");
    }
    // A clock may be off by 300 seconds, either way.
    for off_ms in [-TOLERANCE_MS, TOLERANCE_MS] {
        assert_eq!(at(&header, EVENT, CREATED_MS + off_ms), Ok(right.clone()));
        assert!(at(&header, EVENT, CREATED_MS + off_ms + off_ms.signum()).is_err());
    }
    let others = signed("whsec_another", 1_700_000_000, EVENT);
    let without_last = &SIGNATURE[..62];
    for bad in [
        others.as_str(),
        &format!("t=1700000000,v1={wrong}"),
        &format!("t=1700000001,v1={SIGNATURE}"),
        &format!("t=1700000000,v0={SIGNATURE}"),
        &format!("t=1700000000,v1={without_last}"),
        &format!("t=1700000000,t=1700000000,v1={SIGNATURE}"),
        &format!("t=+1700000000,v1={SIGNATURE}"),
        &format!("v1={SIGNATURE}"),
        "t=1700000000",
        "t=,v1=",
        "",
    ] {
        assert!(at(bad, EVENT, CREATED_MS).is_err(), "{bad}");
    }
    assert!(at(&header, &EVENT.replace("0190-a", "0190-b"), CREATED_MS).is_err());
    let empty = Callback { subject: None, headers: &HeaderMap::new(), body: EVENT.as_bytes(), now_ms: CREATED_MS };
    assert!(stripe.read_callback(&empty).is_err());
}

#[test]
fn both_secrets_hold_while_one_is_changed() {
    let stripe = stripe(Page::Own, "whsec_new\nwhsec_test_one");
    for secret in ["whsec_new", "whsec_test_one"] {
        assert!(read(&stripe, &signed(secret, 1_700_000_000, EVENT), EVENT, CREATED_MS).is_ok());
    }
    assert!(read(&stripe, &signed("whsec_old", 1_700_000_000, EVENT), EVENT, CREATED_MS).is_err());
}

#[test]
fn what_events_are_about() {
    let ours = json!({ "coinless_payment_id": "0190-a" });
    let refund = json!({ "coinless_payment_id": "0190-a", "coinless_refund_id": "0190-a/1" });
    let failed = Notice::Refund {
        refund_id: "0190-a/1".to_owned(),
        said: RefundOutcome::Declined { reason: "the refund failed; the money is in the Stripe balance".to_owned() },
    };
    let again = json!({ "coinless_payment_id": "0190-a", "coinless_refund_id": "0190-a/1", "coinless_attempt": "2" });
    let failed_again = match failed.clone() {
        Notice::Refund { said, .. } => Notice::Refund { refund_id: "0190-a/1/again/2".to_owned(), said },
        other => panic!("{other:?}"),
    };
    let object = |id: &str, metadata: &Value, status: &str| json!({ "id": id, "metadata": metadata, "status": status });
    let dispute = |charge: &str| json!({ "id": "dp_1", "charge": charge, "metadata": {}, "status": "lost" });
    let pay = || of_payment("0190-a");
    let cases = [
        (Page::Hosted, "checkout.session.completed", object("cs_1", &ours, "complete"), pay()),
        (Page::Hosted, "checkout.session.expired", object("cs_1", &ours, "expired"), pay()),
        // None names a reference: Stripe tells also of what was made by a start whose answer was lost.
        (Page::Own, "payment_intent.created", object("pi_1", &ours, "x"), pay()),
        (Page::Hosted, "payment_intent.succeeded", object("pi_1", &ours, "succeeded"), pay()),
        (Page::Own, "payment_intent.succeeded", object("pi_1", &ours, "succeeded"), pay()),
        (Page::Own, "payment_intent.payment_failed", object("pi_1", &ours, "x"), pay()),
        (Page::Own, "charge.refunded", object("ch_1", &ours, "succeeded"), pay()),
        (Page::Own, "refund.failed", object("re_1", &refund, "failed"), failed.clone()),
        (Page::Own, "charge.refund.updated", object("re_1", &refund, "canceled"), failed),
        (Page::Own, "refund.failed", object("re_2", &again, "failed"), failed_again),
        // Events come in any order: success is found by asking.
        (Page::Own, "refund.updated", object("re_1", &refund, "succeeded"), Notice::Nothing),
        (Page::Own, "charge.dispute.created", object("dp_1", &json!({}), "needs_response"), Notice::Nothing),
        (Page::Own, "charge.dispute.funds_withdrawn", dispute("ch_1"), Notice::Money { receipt: "ch_1".to_owned() }),
        (Page::Hosted, "charge.dispute.closed", dispute("../x"), Notice::Nothing),
        // Another program's on the same account, also if it calls its own ids as everybody would, and what is not known.
        (
            Page::Own,
            "payment_intent.succeeded",
            object("pi_1", &json!({ "payment_id": "17" }), "succeeded"),
            Notice::Nothing,
        ),
        (Page::Own, "refund.failed", object("re_1", &json!({ "refund_id": "17" }), "failed"), Notice::Nothing),
        (Page::Own, "payment_intent.succeeded", object("pi_1", &json!({}), "succeeded"), Notice::Nothing),
        (Page::Own, "payment_intent.succeeded", object("pi_1", &Value::Null, "succeeded"), Notice::Nothing),
        (Page::Own, "invoice.paid", object("in_1", &ours, "paid"), Notice::Nothing),
        (Page::Own, "a.new.one", json!({}), Notice::Nothing),
    ];
    for (page, kind, object, expected) in cases {
        let body = json!({ "id": "evt_1", "type": kind, "data": { "object": object } }).to_string();
        let said =
            read(&stripe(page, WEBHOOK_SECRET), &signed(WEBHOOK_SECRET, 1_700_000_000, &body), &body, CREATED_MS);
        assert_eq!(said, Ok(expected), "{kind}");
    }
    for body in ["", "{}", "[]", r#"{"type":"payment_intent.succeeded"}"#, r#"{"type":1,"data":{"object":{}}}"#] {
        let said =
            read(&stripe(Page::Own, WEBHOOK_SECRET), &signed(WEBHOOK_SECRET, 1_700_000_000, body), body, CREATED_MS);
        assert!(said.is_err(), "{body}");
    }
}

#[test]
fn secrets_stay_secret() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "http://127.0.0.1:9", Page::Own);
    let words = format!("{config:?} {:?}", Stripe::new(&config).unwrap());
    assert!(!words.contains(KEY) && !words.contains(WEBHOOK_SECRET), "{words}");

    // A file that is no key is not told.
    let mut wrong = config.clone();
    wrong.secret_key_file = secret(folder.path(), "wrong", "hunter2");
    let error = Stripe::new(&wrong).unwrap_err().to_string();
    assert!(error.contains("wrong") && !error.contains("hunter2"), "{error}");

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&config.secret_key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Stripe::new(&config).unwrap_err().to_string().contains("everybody may read it"));
}

#[test]
fn configurations_that_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let good = || config(folder.path(), "https://stripe.example", Page::Hosted);
    assert!(Stripe::new(&good()).is_ok());
    let page = |url: &str| Some(url.to_owned());
    for (wrong, word) in [
        (StripeConfig { return_url: None, ..good() }, "return_url"),
        (StripeConfig { pay_page: page("https://a.example"), ..good() }, "pay_page"),
        (StripeConfig { return_url: page("http://a.example"), ..good() }, "https"),
        (StripeConfig { url: page("http://a.example"), ..good() }, "https"),
        (StripeConfig { pay_within_min: Some(89), ..good() }, "pay_within_min"),
        (StripeConfig { pay_within_min: Some(1381), ..good() }, "pay_within_min"),
        (StripeConfig { timeout_ms: Some(0), ..good() }, "timeout_ms"),
        (StripeConfig { description: page(" "), ..good() }, "description"),
    ] {
        let error = Stripe::new(&wrong).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
