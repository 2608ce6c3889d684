//! What a signer notices of its files.

use crate::support::*;
use coinless_station::keys::{KeyError, Keys};
use coinless_station::records::to_hex;
use coinless_station::signer::{Life, Limits, OpenError, QUOTA_FILE, RESET_FILE, SealError, seal_quota, seal_reset};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn remove_database(place: &Place) {
    for name in ["signer.db", "signer.db-wal", "signer.db-shm"] {
        // The other two are there only while it is open.
        let _ = fs::remove_file(place.path().join(name));
    }
    assert!(!place.path().join("signer.db").exists());
}

fn lost(result: Result<coinless_station::signer::LocalSigner, OpenError>) -> (u64, Life) {
    match result.err() {
        Some(OpenError::Lost { signed, life, .. }) => (signed, life),
        other => panic!("it should notice a lost database: {other:?}"),
    }
}

#[tokio::test]
async fn without_a_file_there_are_limits_too() {
    let place = Place::new();
    let signer = place.open().await.unwrap();
    let limits = signer.limits(&utility()).unwrap();
    assert_eq!(limits, Limits::default());
    assert!(limits.units_hour > 0 && limits.units_hour <= limits.units_day);
    assert!(over(&signer, &credit(meter(1), 1, limits.units_hour + 1)).await.is_none());
    signs(&signer, &credit(meter(1), 1, limits.units_hour)).await;
}

#[tokio::test]
async fn counts_outlive_a_signer_that_is_killed() {
    let (place, signer) = Place::with_limits(100, 100).await;
    signs(&signer, &credit(meter(1), 1, 60)).await;
    // As kill -9 leaves it: the log is not folded in, nothing is closed.
    let copy = tempfile::tempdir().unwrap();
    for name in ["signer.db", "signer.db-wal"] {
        fs::copy(place.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(signer);
    remove_database(&place);
    for name in ["signer.db", "signer.db-wal"] {
        fs::copy(copy.path().join(name), place.path().join(name)).unwrap();
    }
    let signer = place.open().await.unwrap();
    signs(&signer, &credit(meter(1), 1, 60)).await;
    over(&signer, &credit(meter(1), 2, 101)).await;
    refused(&signer, &credit(meter(1), 1, 50)).await;
    signs(&signer, &credit(meter(1), 2, 100)).await;
}

#[tokio::test]
async fn a_quota_that_was_tampered_with_is_not_taken() {
    let (place, signer) = Place::with_limits(100, 1_000).await;
    drop(signer);
    let path = place.keys().join(QUOTA_FILE);
    let good = fs::read_to_string(&path).unwrap();
    let seal = |limits: &Limits, key, root| seal_quota(limits, key, root).unwrap();
    let limits = Limits { serial: 9, units_hour: 1, units_day: 1, ..Limits::default() };
    let other = Place::new();
    drop(other.open().await.unwrap());
    let bad = [
        (good.replace("\"units_hour\": 100", "\"units_hour\": 101").into_bytes(), SealError::Signature),
        (good.replace("\"serial\": 1", "\"serial\": 2").into_bytes(), SealError::Signature),
        (good.replace("units_day", "units_week").into_bytes(), SealError::Malformed),
        (Vec::new(), SealError::Malformed),
        (vec![b' '; 10_000], SealError::Malformed),
        (seal(&limits, &place.operational(), &other.root()), SealError::Signature),
        (seal(&limits, &other.operational(), &place.root()), SealError::OtherKey),
        (seal_reset(Life([1; 16]), &place.operational(), &place.root()).unwrap(), SealError::Malformed),
    ];
    for (bytes, why) in bad {
        fs::write(&path, &bytes).unwrap();
        match place.open().await.err() {
            Some(OpenError::Sealed { source, .. }) => assert_eq!(source, why),
            other => panic!("{why}: {other:?}"),
        }
    }
    fs::write(&path, good).unwrap();
    assert_eq!(place.open().await.unwrap().limits(&utility()).unwrap().units_hour, 100);
}

#[tokio::test]
async fn a_quota_is_replaced_by_newer_ones_only() {
    let (place, signer) = Place::with_limits(1_000, 1_000).await;
    drop(signer);
    let path = place.keys().join(QUOTA_FILE);
    let generous = fs::read(&path).unwrap();
    place.seal(&Limits { serial: 2, units_hour: 5, units_day: 5, ..Limits::default() });
    let signer = place.open().await.unwrap();
    assert_eq!(over(&signer, &credit(meter(1), 1, 6)).await, None);
    drop(signer);
    fs::write(&path, generous).unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::OldQuota { serial: 2, .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::OldQuota { serial: 2, .. })));
    place.seal(&Limits { serial: 3, units_hour: 7, units_day: 7, ..Limits::default() });
    assert_eq!(place.open().await.unwrap().limits(&utility()).unwrap().units_hour, 7);
    assert_eq!(
        seal_quota(
            &Limits { serial: 0, units_hour: 1, units_day: 1, ..Limits::default() },
            &place.operational(),
            &place.root()
        ),
        Err(SealError::NoSerial)
    );
}

#[tokio::test]
async fn a_database_that_is_gone_or_old_is_noticed_until_the_root_key_says_so() {
    let (place, signer) = Place::with_limits(100, 100).await;
    signs(&signer, &credit(meter(1), 1, 100)).await;
    drop(signer);
    let old = fs::read(place.path().join("signer.db")).unwrap();
    let signer = place.open().await.unwrap();
    signs(&signer, &credit(meter(1), 2, 100)).await;
    drop(signer);
    // Older than the mark.
    fs::write(place.path().join("signer.db"), old).unwrap();
    let (signed, life) = lost(place.open().await);
    assert_eq!(signed, 2);
    // Gone; and again, in case the first try began a new one.
    remove_database(&place);
    assert_eq!(lost(place.open().await), (2, life));
    assert_eq!(lost(place.open().await), (2, life));
    // A reset for another life, or by another root key, says nothing of this one.
    let reset = place.keys().join(RESET_FILE);
    fs::write(&reset, seal_reset(Life([9; 16]), &place.operational(), &place.root()).unwrap()).unwrap();
    assert_eq!(lost(place.open().await), (2, life));
    let other = Place::new();
    drop(other.open().await.unwrap());
    fs::write(&reset, seal_reset(life, &place.operational(), &other.root()).unwrap()).unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::Sealed { source: SealError::Signature, .. })));
    fs::write(&reset, seal_reset(life, &place.operational(), &place.root()).unwrap()).unwrap();
    let signer = place.open().await.unwrap();
    // What it does not know any more, it counts again.
    signs(&signer, &credit(meter(1), 3, 100)).await;
    over(&signer, &credit(meter(2), 1, 1)).await;
    drop(signer);
    // The reset was for that once.
    remove_database(&place);
    let (signed, another) = lost(place.open().await);
    assert_eq!(signed, 1);
    assert_ne!(another, life);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_keeps_up_with_a_signer_that_is_never_closed() {
    let place = Place::new();
    let signer = place.open().await.unwrap();
    let old = tempfile::tempdir().unwrap();
    fs::copy(place.path().join("signer.db"), old.path().join("signer.db")).unwrap();
    for number in 1..=130 {
        signs(&signer, &credit(meter(1), number, 1)).await;
    }
    let mark = place.keys().join("signed.json");
    let text = || fs::read_to_string(&mark).unwrap();
    // Written apart from the signatures: it comes when it comes.
    let written = async {
        while text().contains("\"signed\":0") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), written).await.unwrap();
    let marked = fs::read(&mark).unwrap();
    drop(signer);
    fs::write(&mark, marked).unwrap();
    remove_database(&place);
    assert!(lost(place.open().await).0 >= 64);
}

#[tokio::test]
async fn one_signer_works_with_a_key_store() {
    let place = Place::new();
    let signer = place.open().await.unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::InUse(_))));
    drop(signer);
    drop(place.open().await.unwrap());
}

#[tokio::test]
async fn a_station_apart_needs_no_private_key_and_makes_none() {
    let place = Place::new();
    let signer = place.open().await.unwrap();
    let station = tempfile::tempdir().unwrap();
    let open = || Keys::open_apart(station.path(), [&utility()]);
    assert!(matches!(open().err(), Some(KeyError::Missing(_))));
    let folder = station.path().join("alpha");
    for name in ["operational.pub", "root.pub"] {
        fs::copy(place.keys().join(name), folder.join(name)).unwrap();
    }
    let keys = open().unwrap();
    let record = keys.of(&utility()).unwrap().record();
    assert_eq!(record.issuers[0].public_key.0, signer.operational_key(&utility()).unwrap());
    assert_eq!(record.issuers[1].public_key.0, place.root().public_key());
    let request = credit(meter(1), 1, 10);
    let token = signs(&signer, &request).await;
    assert!(keys.of(&utility()).unwrap().is_own_token(&token, &request.payload, &request.meter_key));
    assert!(!folder.join("operational.key").exists() && !folder.join("root.key").exists());
    // And the other way: the signer's folder holds nothing of the station's.
    assert!(!place.keys().join("readings.key").exists());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.keys()), mode(&place.keys().join("operational.key"))), (0o700, 0o600));
}

#[tokio::test]
async fn a_signing_key_is_neither_made_anew_nor_mixed_up() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let path = place.keys().join("operational.key");
    let key = fs::read(&path).unwrap();
    fs::write(&path, to_hex(&[5; 32])).unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::Key(KeyError::Mismatch(_)))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(place.open().await.err(), Some(OpenError::Key(KeyError::Missing(_)))));
    fs::write(&path, key).unwrap();
    drop(place.open().await.unwrap());
}
