//! Tokens signed by the station's signer, against the bare signature of the same library.

use crate::{print, rate};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{CreditNumber, Epoch, Register, Units};
use coinless_station::keys::Keys;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::time::Duration;

/// A typical credit token of the meter with the test key.
pub fn token(meter: &KeyPair, number: u32, total: u64) -> Token {
    Token {
        meter: "CLS0000000017".parse().expect("a meter's identity"),
        meter_key: meter.public_key().hash().hint(),
        epoch: Epoch(0),
        order: Order::Credit {
            register: Register { number: CreditNumber(number), total: Units::new(total).expect("in range") },
            conditions: Conditions::default(),
        },
    }
}

pub fn run(measure: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Keys::open(folder.path()).expect("keys");
    let meter = KeyPair::from_secret(&[7; 32]).expect("a key");
    let meter_key = meter.public_key().hash();
    let payload = token(&meter, 1, 50_000).to_payload().expect("it fits");
    let random = SystemRandom::new();
    let secret = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let bare = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret.as_ref(), &random).expect("a key");
    let message = [7; 160];

    let base = rate(measure, || assert!(bare.sign(&random, &message).is_ok()));
    let ours = rate(measure, || drop(keys.sign_token(&payload, &meter_key).expect("a token")));
    print("bare signature (ring, ES256)", base, None);
    print("token signed", ours, Some((base, "the bare signature")));
}
