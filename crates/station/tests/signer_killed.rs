//! A signer in another process that is killed while many wait for it. By itself: what is forked holds the locks and sockets of
//! other tests for a moment.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "signer/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the signer")]
mod support;

use coinless_protocol::CreditNumber;
use coinless_station::signer::{LocalSigner, Peers, SignError, SocketSigner, TokenSigner, listen, serve};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::*;
use tokio::sync::Notify;

const FOLDER: &str = "COINLESS_TEST_SIGNER_FOLDER";
const METERS: u32 = 64;
const LIMIT: u64 = 1_000_000;

#[test]
#[ignore = "the other process of the test below"]
fn process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let path = Path::new(&folder);
        let signer = LocalSigner::open(path, [&utility()], || START_MS).await.unwrap();
        let listener = listen(&path.join("socket"), &Peers::default()).unwrap();
        println!("\nready");
        serve(listener, signer, Peers::default(), std::future::pending()).await.unwrap();
    });
}

fn start(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"), "the signer did not start");
    child
}

/// Signs one number of a meter after the other, each adding a unit, until nobody answers; gives the last that was signed.
async fn sign_on(signer: &SocketSigner, n: u32, from: u32, signed: &AtomicU32, enough: &Notify) -> u32 {
    for number in from.. {
        match signer.sign(&credit(meter(n), number, number.into())).await {
            Ok(_) if signed.fetch_add(1, Ordering::Relaxed) == 5 * METERS => enough.notify_one(),
            Ok(_) => {}
            Err(SignError::Unavailable(_)) => return number - 1,
            other => panic!("{other:?}"),
        }
    }
    unreachable!("numbers do not end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_counted_whenever_the_signer_is_killed() {
    let (place, signer) = Place::with_limits(LIMIT, LIMIT).await;
    drop(signer);
    let mut last = vec![0; METERS as usize];
    for _ in 0..3 {
        let mut child = start(place.path());
        let signer = Arc::new(SocketSigner::new(&place.path().join("socket")));
        let (signed, enough) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let tasks: Vec<_> = (0..METERS)
            .map(|n| {
                let (signer, signed, enough) = (signer.clone(), signed.clone(), enough.clone());
                let from = last[n as usize] + 1;
                tokio::spawn(async move { sign_on(&signer, n, from, &signed, &enough).await })
            })
            .collect();
        enough.notified().await;
        child.kill().unwrap();
        child.wait().unwrap();
        for (n, task) in tasks.into_iter().enumerate() {
            last[n] = task.await.unwrap();
        }
    }
    let signer = place.open().await.unwrap();
    let mut counted = 0;
    for (n, last) in (0..).zip(last) {
        let (_, highest) = signer.highest_number(&utility(), meter(n)).await.unwrap().unwrap();
        // At most the one that was under way when it was killed is more.
        assert!((CreditNumber(last)..=CreditNumber(last + 1)).contains(&highest), "{highest:?} after {last}");
        counted += u64::from(highest.0);
        refused(&signer, &credit(meter(n), last, 0)).await;
    }
    over(&signer, &credit(meter(METERS), 1, LIMIT - counted + 1)).await;
    signs(&signer, &credit(meter(METERS), 1, LIMIT - counted)).await;
}
