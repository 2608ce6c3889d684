//! Tokens verified and applied by the meter core, against the bare verification of the same library.

use crate::signing::token;
use crate::{print, rate};
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::{Factory, Issuer, IssuerRole, Layout, Meter, OpeningCheck, commission};
use coinless_protocol::keys::{KeyPair, Signer, Verifier};
use coinless_protocol::receipt::Decision;
use coinless_protocol::{Commodity, Units};
use std::time::Duration;

/// Tokens made beforehand, so that only the meter is measured.
const TOKENS: u32 = 2_000;

pub fn run(measure: Duration) {
    let issuer = KeyPair::from_secret(&[5; 32]).expect("a key");
    let own = KeyPair::from_secret(&[7; 32]).expect("a key");
    let meter_key = own.public_key().hash();
    let message = [7; 160];
    let signature = issuer.sign(&message).expect("a signature");
    let key = issuer.public_key();
    let verified = rate(measure, || assert!(key.verify(&message, &signature)));
    let signed = rate(measure, || assert!(issuer.sign(&message).is_ok()));

    let tokens: Vec<_> = (1..=TOKENS)
        .map(|number| token(&own, number, u64::from(number)).sign(&meter_key, &issuer).expect("a token"))
        .collect();
    let mut meter = mount(&issuer);
    let mut next = tokens.iter();
    let applied = rate(measure, || {
        let bytes = next.next().unwrap_or_else(|| {
            // A new life of the meter, when all tokens are used.
            meter = mount(&issuer);
            next = tokens.iter();
            next.next().expect("there are tokens")
        });
        let answer = meter.token(0, bytes).expect("an authentic token");
        assert_eq!(answer.outcome.decision, Decision::Applied);
    });
    print("bare verification (p256)", verified, None);
    print("bare signature (p256)", signed, None);
    let bare = 1.0 / (1.0 / verified + 1.0 / signed);
    print("token verified, applied, journaled, receipt signed", applied, Some((verified, "the bare verification")));
    print("  the same", applied, Some((bare, "bare verification and signature together")));
}

const SECTOR: usize = 4096;
const FLASH: usize = 6 * SECTOR;

fn mount(issuer: &KeyPair) -> Meter<RamFlash<FLASH, 4, SECTOR>> {
    let mut issuers = heapless::Vec::new();
    let known = Issuer { role: IssuerRole::Operational, key: issuer.public_key() };
    assert!(issuers.push(known).is_ok(), "one issuer fits");
    let factory = Factory {
        meter: "CLS0000000017".parse().expect("a meter's identity"),
        commodity: Commodity::Gas,
        credit: coinless_protocol::CreditKind::Unit,
        secret: [7; 32],
        issuers,
        readings_key: Some(issuer.public_key()),
        initial: Units::ZERO,
        max_credit: Units::new(1_000_000).expect("in range"),
        opening: OpeningCheck::GAS,
        open_by_token: false,
    };
    let sector = SECTOR as u32;
    let layout = Layout { factory: 0..sector, journal: sector..4 * sector, terms: 4 * sector..FLASH as u32 };
    let flash = commission(RamFlash::new(1), &layout, &factory).expect("a meter");
    Meter::mount(flash, &layout).expect("a meter")
}
