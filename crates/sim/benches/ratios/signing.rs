//! Tokens signed by the station's signer, which commits and counts them first, against the bare signature of the same library.

use crate::stations::keys;
use crate::{print, rate};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{CreditNumber, Epoch, Register, Units};
use coinless_station::issue::SignRequest;
use coinless_station::signer::TokenSigner;
use coinless_station::utilities::UtilityName;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A typical credit token of the meter with the test key.
pub fn token(meter: &KeyPair, number: u32, total: u64) -> Token<'static> {
    Token {
        meter: "CLS0000000017".parse().expect("a meter's identity"),
        meter_key: meter.public_key().hash().hint(),
        epoch: Epoch(0),
        order: Order::credit(
            Register { number: CreditNumber(number), total: Units::new(total).expect("in range") },
            Conditions::default(),
        ),
    }
}

/// Callers at once.
const CALLERS: u64 = 64;

pub async fn run(measure: Duration) {
    let random = SystemRandom::new();
    let secret = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let bare = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret.as_ref(), &random).expect("a key");
    let message = [7; 160];
    let base = rate(measure, || assert!(bare.sign(&random, &message).is_ok()));
    print("bare signature (ring, ES256)", base, None);
    for callers in [1, CALLERS] {
        let ours = signed(measure, callers).await;
        let what = format!("token committed, counted and signed by the signer, {callers} at once");
        print(&what, ours, Some((base, "the bare signature")));
    }
}

/// Tokens a second, each with a number and content of its own, which is durable before the signature is given out.
async fn signed(measure: Duration, callers: u64) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let utility: UtilityName = "bench".parse().expect("a name");
    let (_keys, signer) = keys(folder.path(), &utility).await;
    let signer = Arc::new(signer);
    let started = Instant::now();
    let callers = (1..=callers).map(|caller| {
        let (signer, utility) = (signer.clone(), utility.clone());
        tokio::spawn(async move {
            let meter = KeyPair::from_secret(&[caller as u8; 32]).expect("a key");
            let meter_key = meter.public_key().hash();
            let mut number = 0;
            while started.elapsed() < measure || number == 0 {
                number += 1;
                let id = format!("CLS{caller:010}").parse().expect("a meter's identity");
                let token = Token { meter: id, ..token(&meter, number, u64::from(number) * 1_000) };
                let payload = token.to_payload().expect("it fits").to_vec();
                let request = SignRequest { utility: utility.clone(), meter: token.meter, payload, meter_key };
                signer.sign(&request).await.expect("a signature");
            }
            u64::from(number)
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut tokens = 0;
    for caller in callers {
        tokens += caller.await.expect("a caller");
    }
    tokens as f64 / started.elapsed().as_secs_f64()
}
