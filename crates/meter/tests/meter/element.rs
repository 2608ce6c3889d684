//! A meter whose private key is in a secure element that sometimes does not answer.

use crate::support::*;
use coinless_meter::factory::IN_SECURE_ELEMENT;
use coinless_meter::{CHALLENGE_MS, Factory, Meter, MountError};
use coinless_protocol::Commodity;
use coinless_protocol::keys::{KeyHint, KeyPair, MeterKey, PublicKey, SIGNATURE_BYTES, SharedSecret, Signer};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;
use std::cell::Cell;

/// The element of a meter, which is lent to it so that the test can unplug it.
struct Element {
    pair: KeyPair,
    plugged: Cell<bool>,
}

#[derive(Debug, PartialEq, Eq)]
struct NoAnswer;

impl Element {
    fn new() -> Self {
        Self { pair: key(1), plugged: Cell::new(true) }
    }

    fn answer(&self) -> Result<&KeyPair, NoAnswer> {
        if self.plugged.get() { Ok(&self.pair) } else { Err(NoAnswer) }
    }
}

impl Signer for &Element {
    type Error = NoAnswer;

    fn key_hint(&self) -> KeyHint {
        self.pair.key_hint()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], NoAnswer> {
        self.answer()?.sign(message).map_err(|_| NoAnswer)
    }
}

impl MeterKey for &Element {
    fn public_key(&self) -> PublicKey {
        self.pair.public_key()
    }

    fn agree(&self, other: &PublicKey) -> Result<SharedSecret, NoAnswer> {
        self.answer()?.agree(other).map_err(|_| NoAnswer)
    }
}

fn element_factory() -> Factory {
    Factory { secret: IN_SECURE_ELEMENT, ..factory(Commodity::Water) }
}

fn meter_with(element: &Element) -> Meter<Flash, &Element> {
    Meter::mount_with_key(made(&element_factory()), &layout(), |secret| {
        (*secret == IN_SECURE_ELEMENT).then_some(element)
    })
    .unwrap()
}

#[test]
fn it_is_a_meter_like_any_other() {
    let element = Element::new();
    let mut meter = meter_with(&element);
    let answer = meter.token(0, &credit(1, 500)).unwrap();
    assert_eq!(answer.outcome.decision, Decision::Applied);
    // Signed by the key of the element, with readings that the station can open.
    assert_eq!(opened(answer.receipt).0.total, units(500));
    let first = meter.challenge(1).unwrap();
    assert_eq!(meter.challenge(2), Ok(first), "the same to everybody who asks for a while");
    assert_ne!(meter.challenge(1 + CHALLENGE_MS / 2), Ok(first));
}

#[test]
fn one_private_key_and_no_more() {
    assert_eq!(Meter::mount(made(&element_factory()), &layout()).err(), Some(MountError::NoKey));
    let none = |_: &[u8; 32]| None::<KeyPair>;
    let flash = made(&factory(Commodity::Gas));
    assert_eq!(Meter::mount_with_key(flash, &layout(), none).err(), Some(MountError::NoKey));
}

#[test]
fn an_element_that_fails_costs_no_credit() {
    let element = Element::new();
    let mut meter = meter_with(&element);
    element.plugged.set(false);
    // Before a key for the readings was agreed: no token is taken, but consumption counts.
    assert_eq!(meter.token(0, &credit(1, 500)).err(), Some(Refusal::OutOfService));
    meter.consume(1, fine(20));
    assert_eq!((meter.state().unwrap().total, meter.state().unwrap().consumed), (units(0), fine(20)));
    element.plugged.set(true);
    assert_eq!(meter.token(2, &credit(1, 500)).unwrap().outcome.decision, Decision::Applied);
    // After it: the credit is applied once, and its receipt comes when the element answers again.
    element.plugged.set(false);
    assert_eq!(meter.token(3, &credit(2, 700)).err(), Some(Refusal::OutOfService));
    assert_eq!(meter.receipt(4).err(), Some(Refusal::OutOfService));
    element.plugged.set(true);
    let receipt = opened(meter.receipt(5).unwrap()).0;
    assert_eq!((receipt.total, receipt.registers.credit.0), (units(700), 2));
    assert_eq!(meter.state().unwrap().balance, fine(INITIAL as i64 + 700 - 20));
}
