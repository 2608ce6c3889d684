//! What is counted, what is free, what is never signed.

use crate::support::*;
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{CreditNumber, Epoch};
use coinless_station::signer::{ReadSignRequest, SignError, SignedBefore, TokenSigner};
use std::sync::Arc;

#[tokio::test]
async fn a_quota_ends_and_the_next_hour_and_day_begin_another() {
    let (place, signer) = Place::with_limits(100, 150).await;
    signs(&signer, &credit(meter(1), 1, 60)).await;
    let next = credit(meter(1), 2, 101);
    let hour_ends = START_MS - START_MS % HOUR_MS + HOUR_MS;
    assert_eq!(over(&signer, &next).await, Some(hour_ends));
    // Nothing of it was counted: what still fits is signed, for whichever meter.
    let token = credit(meter(2), 1, 40);
    assert!(place.is_genuine(&token, &signs(&signer, &token).await));
    assert_eq!(over(&signer, &credit(meter(3), 1, 1)).await, Some(hour_ends));
    place.pass(HOUR_MS);
    signs(&signer, &next).await;
    let day_ends = START_MS - START_MS % (24 * HOUR_MS) + 24 * HOUR_MS;
    let third = credit(meter(3), 1, 10);
    assert_eq!(over(&signer, &third).await, Some(day_ends));
    place.pass(22 * HOUR_MS);
    assert_eq!(over(&signer, &third).await, Some(day_ends));
    place.pass(HOUR_MS);
    signs(&signer, &third).await;
    // A clock that is set back finds the earlier day used up.
    place.pass(-24 * HOUR_MS);
    assert_eq!(over(&signer, &credit(meter(4), 1, 10)).await, Some(hour_ends));
}

#[tokio::test]
async fn what_no_period_holds_is_said_to_come_never() {
    let (_place, signer) = Place::with_limits(100, 150).await;
    assert_eq!(over(&signer, &credit(meter(1), 1, 101)).await, None);
    // Also the largest that a token can hold.
    assert_eq!(over(&signer, &credit(meter(1), 1, 1_000_000_000_000_000)).await, None);
    signs(&signer, &credit(meter(1), 1, 100)).await;
}

#[tokio::test]
async fn the_same_content_again_is_free_and_other_content_is_refused_for_ever() {
    let (place, signer) = Place::with_limits(100, 100).await;
    let first = credit(meter(1), 1, 100);
    signs(&signer, &first).await;
    for _ in 0..3 {
        assert!(place.is_genuine(&first, &signs(&signer, &first).await));
    }
    assert!(refused(&signer, &credit(meter(1), 1, 99)).await.contains("another content"));
    place.pass(48 * HOUR_MS);
    assert!(refused(&signer, &credit(meter(1), 1, 99)).await.contains("another content"));
    // The same payload for a meter with another key is other content, even if its hint is the same.
    let mut other_key = first.clone();
    other_key.meter_key.0[31] ^= 1;
    assert!(refused(&signer, &other_key).await.contains("another content"));
    signs(&signer, &first).await;
}

#[tokio::test]
async fn voids_and_issuing_again_are_free_and_so_is_what_takes_their_place() {
    let (_place, signer) = Place::with_limits(100, 100).await;
    signs(&signer, &credit(meter(1), 1, 100)).await;
    signs(&signer, &void(meter(1), 2, 0)).await;
    signs(&signer, &void(meter(1), 3, 0)).await;
    // No meter can hold more than the highest total that was ever signed for it.
    signs(&signer, &void(meter(1), 4, 100)).await;
    assert!(over(&signer, &void(meter(1), 5, 101)).await.is_some());
    // In any order: an older number that says less adds nothing.
    let late = credit(meter(2), 1, 0);
    signs(&signer, &late).await;
}

#[tokio::test]
async fn only_credit_tokens_of_that_meter_are_signed() {
    let (_place, signer) = Place::with_limits(100, 100).await;
    let mut of_another = credit(meter(1), 1, 10);
    of_another.meter = meter(2);
    assert!(refused(&signer, &of_another).await.contains("for meter"));
    let read = of(meter(1), &token(meter(1), Order::Read([1; 8])));
    assert!(refused(&signer, &read).await.contains("no credit register"));
    let mut other_key = credit(meter(1), 1, 10);
    other_key.meter_key.0[0] ^= 1;
    assert!(refused(&signer, &other_key).await.contains("another key"));
    let mut garbage = credit(meter(1), 1, 10);
    garbage.payload.push(0);
    refused(&signer, &garbage).await;
    let mut of_nobody = credit(meter(1), 1, 10);
    of_nobody.utility = "beta".parse().unwrap();
    assert!(refused(&signer, &of_nobody).await.contains("no key"));
    // None of these used number 1.
    signs(&signer, &credit(meter(1), 1, 10)).await;
}

#[tokio::test]
async fn read_requests_cost_nothing_and_hold_no_credit() {
    let (_place, signer) = Place::with_limits(0, 0).await;
    let request = ReadSignRequest {
        utility: utility(),
        meter: meter(1),
        meter_key: meter_key().hash(),
        epoch: Epoch(0),
        challenge: [5; 8],
    };
    let bytes = signer.sign_read_request(&request).await.unwrap();
    let (_, read) = Token::parse(&bytes).unwrap();
    assert_eq!(read, token(meter(1), Order::Read([5; 8])));
    over(&signer, &credit(meter(1), 1, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_never_sign_more_than_the_limit_together() {
    const EACH: u64 = 7;
    const LIMIT: u64 = 200;
    let (_place, signer) = Place::with_limits(LIMIT, LIMIT).await;
    let signer = Arc::new(signer);
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.sign(&credit(meter(n), 1, EACH)).await })
        })
        .collect();
    let (mut signed, mut over) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => signed += 1,
            Err(SignError::OverQuota { .. }) => over += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((signed, over), (LIMIT / EACH, 64 - LIMIT / EACH));
    // Exactly what is left fits, and not one unit more.
    assert!(signer.sign(&credit(meter(100), 1, LIMIT % EACH + 1)).await.is_err());
    signs(&*signer, &credit(meter(100), 1, LIMIT % EACH)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_contents_under_one_number_only_one_is_signed() {
    let (_place, signer) = Place::with_limits(1_000, 1_000).await;
    let signer = Arc::new(signer);
    let tasks: Vec<_> = (1..=64)
        .map(|total| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.sign(&credit(meter(1), 1, total)).await.is_ok() })
        })
        .collect();
    let mut signed = 0;
    for task in tasks {
        signed += u32::from(task.await.unwrap());
    }
    assert_eq!(signed, 1);
}

#[tokio::test]
async fn the_highest_number_of_a_meter_is_known() {
    let (_place, signer) = Place::with_limits(100, 100).await;
    signs(&signer, &credit(meter(1), 5, 1)).await;
    signs(&signer, &credit(meter(1), 4, 1)).await;
    assert_eq!(signer.highest_number(&utility(), meter(1)).await, Ok(Some((Epoch(0), CreditNumber(5)))));
    assert_eq!(signer.highest_number(&utility(), meter(2)).await, Ok(None));
    // What was not signed does not count.
    over(&signer, &credit(meter(1), 6, 1_000)).await;
    assert_eq!(signer.highest_number(&utility(), meter(1)).await, Ok(Some((Epoch(0), CreditNumber(5)))));
}

#[tokio::test]
async fn tokens_from_before_are_learnt_by_their_signature_alone() {
    let (place, signer) = Place::with_limits(10, 10).await;
    let old = credit(meter(1), 7, 5_000);
    let before = |token| SignedBefore { utility: utility(), meter_key: meter_key().hash(), token };
    let forged = before(signed_by(&place.root(), &old));
    assert!(matches!(signer.learn(&forged).await, Err(SignError::Refused(_))));
    over(&signer, &credit(meter(1), 8, 5_010)).await;
    // As a signer that lost its database would have signed it.
    let (other, generous) = Place::with_limits(5_000, 5_000).await;
    drop(generous);
    std::fs::copy(place.keys().join("operational.key"), other.keys().join("operational.key")).unwrap();
    std::fs::copy(place.keys().join("operational.pub"), other.keys().join("operational.pub")).unwrap();
    other.seal(&coinless_station::signer::Limits {
        serial: 2,
        units_hour: 5_000,
        units_day: 5_000,
        ..Default::default()
    });
    let token = signs(&other.open().await.unwrap(), &old).await;
    signer.learn(&before(token.clone())).await.unwrap();
    signer.learn(&before(token)).await.unwrap();
    signs(&signer, &credit(meter(1), 8, 5_010)).await;
    assert!(refused(&signer, &credit(meter(1), 7, 5_001)).await.contains("another content"));
}
