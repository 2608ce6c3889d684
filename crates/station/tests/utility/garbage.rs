//! No bytes from a sales system make the adapter panic or believe.

use crate::support::{METER, PATIENT_MS, Raw, TOKEN, adapter, raw, sale};
use coinless_protocol::Commodity;
use coinless_station::sales::{ConfirmationOutcome, Lookup, QuoteError, ReversalOutcome, SaleOutcome, SalesSystem};
use proptest::prelude::*;

/// What a server may write: anything, or a head that is right with anything after it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        "[\\[\\]{}:,\"a-z0-9._ -]{0,200}".prop_map(String::into_bytes),
        Just(b"[".repeat(40_000)),
        Just(br#"{"sale_id":"order.1","outcome":"successful"}"#.to_vec()),
        Just(br#"{"code":"not_sold"}"#.to_vec()),
        Just(br#"{"sales":[{}]}"#.to_vec()),
    ];
    let media_type =
        prop_oneof![Just("application/json".to_owned()), Just("application/problem+json".to_owned()), "[ -~]{0,40}",];
    let head = (100_u16..1000, media_type, any::<bool>(), body).prop_map(|(status, media_type, length, body)| {
        let mut bytes =
            format!("HTTP/1.1 {status} x\r\ncontent-type: {media_type}\r\nconnection: close\r\n").into_bytes();
        if length {
            bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        bytes
    });
    prop_oneof![1 => proptest::collection::vec(any::<u8>(), 0..300), 4 => head]
}

async fn judge(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let address = raw(Raw::Bytes(bytes)).await;
    let sales = adapter(&folder, &format!("http://{address}"), TOKEN, PATIENT_MS);
    let asked = sale("order/1");
    let meter = METER.parse().unwrap();
    for said in [sales.vend(&asked).await, sales.last_response(&asked).await] {
        prop_assert!(matches!(said, SaleOutcome::Unknown { .. }), "{said:?}");
    }
    let reversed = sales.reverse(&asked).await;
    prop_assert!(matches!(reversed, ReversalOutcome::Unknown { .. }), "{reversed:?}");
    let confirmed = sales.confirm(&asked).await;
    prop_assert!(matches!(confirmed, ConfirmationOutcome::Unknown { .. }), "{confirmed:?}");
    prop_assert!(sales.sales(0, 1).await.is_err());
    // A lookup and a quote may be refused in the contract's words alone; they are about no money yet.
    let known = sales.lookup(meter).await;
    prop_assert!(matches!(known, Lookup::Unavailable { .. } | Lookup::Refused { .. }), "{known:?}");
    let quote = sales.trial(meter, Commodity::Gas, asked.asked).await;
    prop_assert!(matches!(quote, Err(QuoteError::Unavailable { .. } | QuoteError::NotSold(_))), "{quote:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_unknown(bytes in bytes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(judge(bytes))?;
    }
}
