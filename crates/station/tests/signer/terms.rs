//! Tokens for registers other than credit: what is signed, how many, and what never.

use crate::support::*;
use coinless_protocol::token::{Clock, Conditions, Content, Credit, Order, Set, Valve, ValveOrder};
use coinless_protocol::{CreditNumber, MeterId, Register, Units};
use coinless_station::issue::SignRequest;
use coinless_station::signer::{Limits, SignError, TokenSigner};

fn sets(meter: MeterId, set: Set<'_>) -> SignRequest {
    of(meter, &token(meter, Order::Set(set)))
}

fn tariff(meter: MeterId, number: u32, bytes: &[u8]) -> SignRequest {
    sets(meter, Set { tariff: Some(Content { number, bytes }), ..Set::default() })
}

fn valve(number: u32, command: ValveOrder) -> SignRequest {
    sets(meter(1), Set { valve: Some(Valve { number, command }), ..Set::default() })
}

fn clock(unix_s: i64, answers: Option<[u8; 8]>) -> SignRequest {
    let clock = Clock { unix_s: unix_s.try_into().unwrap(), answers };
    sets(meter(1), Set { clock: Some(clock), ..Set::default() })
}

async fn refused_terms(signer: &dyn TokenSigner, request: &SignRequest) -> String {
    match signer.sign_terms(request).await {
        Err(SignError::Refused(why)) => why,
        other => panic!("it should be refused: {other:?}"),
    }
}

#[tokio::test]
async fn one_content_under_a_number_of_a_register() {
    let (place, signer) = Place::with_limits(0, 0).await;
    let first = tariff(meter(1), 1, &[0xa0]);
    for _ in 0..3 {
        assert!(place.is_genuine(&first, &signer.sign_terms(&first).await.unwrap()));
    }
    assert!(refused_terms(&signer, &tariff(meter(1), 1, &[0xa1, 4, 1])).await.contains("another content"));
    // Another register, another meter: numbers of their own.
    signer.sign_terms(&valve(1, ValveOrder::HoldShut)).await.unwrap();
    assert!(refused_terms(&signer, &valve(1, ValveOrder::Release)).await.contains("another content"));
    signer.sign_terms(&tariff(meter(2), 1, &[0xa1, 4, 1])).await.unwrap();
}

#[tokio::test]
async fn so_many_an_hour_and_a_day() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    place.seal(&Limits { serial: 1, registers_hour: 2, registers_day: 3, ..Limits::default() });
    let signer = place.open().await.unwrap();
    let over = async |number| match signer.sign_terms(&tariff(meter(1), number, &[0xa0])).await {
        Err(SignError::OverQuota { until_ms, words }) => {
            assert!(words.contains("tokens for registers"), "{words}");
            until_ms
        }
        other => panic!("it should be over the quota: {other:?}"),
    };
    let sign = async |number| signer.sign_terms(&tariff(meter(1), number, &[0xa0])).await.unwrap();
    sign(1).await;
    sign(2).await;
    sign(2).await;
    let hour_ends = START_MS - START_MS % HOUR_MS + HOUR_MS;
    assert_eq!(over(3).await, Some(hour_ends));
    // The quota of units is another one.
    signs(&signer, &credit(meter(1), 1, 60)).await;
    place.pass(HOUR_MS);
    sign(3).await;
    assert_eq!(over(4).await, Some(START_MS - START_MS % (24 * HOUR_MS) + 24 * HOUR_MS));
    // A closing takes credit away from somebody, and counts as well.
    let register = Register { number: CreditNumber(2), total: Units::new(60).unwrap() };
    let closing = Credit { register, conditions: Conditions::default(), closing: true };
    let closing = sets(meter(1), Set { credit: Some(closing), ..Set::default() });
    assert!(crate::support::over(&signer, &closing).await.is_some());
    place.pass(24 * HOUR_MS);
    signs(&signer, &closing).await;
}

#[tokio::test]
async fn nothing_else_passes_for_one() {
    let (_place, signer) = Place::with_limits(100, 100).await;
    assert!(refused_terms(&signer, &credit(meter(1), 1, 10)).await.contains("carries credit"));
    let content = Some(Content { number: 1, bytes: &[0xa0] });
    let both = sets(meter(1), Set { tariff: content, settings: content, ..Set::default() });
    assert!(refused_terms(&signer, &both).await.contains("sets several"));
    let keys = of(meter(1), &token(meter(1), Order::Keys(Content { number: 1, bytes: &[0x80] })));
    assert!(refused_terms(&signer, &keys).await.contains("sets none"));
    let mut of_another = tariff(meter(1), 1, &[0xa0]);
    of_another.meter = meter(2);
    assert!(refused_terms(&signer, &of_another).await.contains("another meter"));
    // And none of them goes with credit, where nobody would count it.
    let register = Register { number: CreditNumber(1), total: Units::new(10).unwrap() };
    let credit = Some(Credit { register, conditions: Conditions::default(), closing: false });
    let smuggled = sets(meter(1), Set { credit, tariff: content, ..Set::default() });
    assert!(refused(&signer, &smuggled).await.contains("other registers"));
    let order = Order::Set(Set { tariff: content, ..Set::default() });
    assert!(refused(&signer, &of(meter(1), &token(meter(1), order))).await.contains("no credit register"));
}

#[tokio::test]
async fn the_time_is_the_signers_own() {
    let (_place, signer) = Place::with_limits(100, 100).await;
    let now_s = START_MS / 1000;
    signer.sign_terms(&clock(now_s, None)).await.unwrap();
    // It is at least so late: that stays true.
    signer.sign_terms(&clock(now_s - 100_000, None)).await.unwrap();
    signer.sign_terms(&clock(now_s - 30, Some([1; 8]))).await.unwrap();
    for wrong in [clock(now_s + 3_600, None), clock(now_s + 3_600, Some([1; 8])), clock(now_s - 3_600, Some([1; 8]))] {
        assert!(refused_terms(&signer, &wrong).await.contains("not that time"));
    }
}
