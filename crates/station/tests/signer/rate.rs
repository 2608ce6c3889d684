//! How many signatures a second; run by hand: `cargo test --release --test signer -- --ignored --nocapture rate`.

use crate::support::*;
use coinless_station::signer::{Peers, SocketSigner, TokenSigner, listen, serve};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOR: Duration = Duration::from_secs(3);

async fn rate(what: &str, callers: u32, signer: Arc<dyn TokenSigner>) {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let signer = signer.clone();
            tokio::spawn(async move {
                let mut number = 0;
                while begun.elapsed() < FOR {
                    number += 1;
                    signs(&*signer, &credit(meter(caller), number, u64::from(number))).await;
                }
                number
            })
        })
        .collect();
    let mut signed = 0;
    for task in tasks {
        signed += task.await.unwrap();
    }
    println!(
        "{what}, {callers} callers: {} signatures a second",
        u128::from(signed) * 1000 / begun.elapsed().as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn rate_of_signatures() {
    for callers in [1, 64] {
        let (_place, signer) = Place::with_limits(1 << 40, 1 << 40).await;
        rate("in process", callers, Arc::new(signer)).await;
        let (place, signer) = Place::with_limits(1 << 40, 1 << 40).await;
        let path = place.path().join("socket");
        let peers = Peers::default();
        let listener = listen(&path, &peers).unwrap();
        let serving = tokio::spawn(serve(listener, signer, peers, std::future::pending()));
        rate("by socket", callers, Arc::new(SocketSigner::new(&path))).await;
        serving.abort();
    }
}
