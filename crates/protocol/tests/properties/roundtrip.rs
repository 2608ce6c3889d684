//! decode(encode(x)) = x, and a change of any bit of a signed object is noticed.

use crate::support::{issuer, meter, station, test_key};
use crate::{contents, strategies};
use coinless_protocol::coap::Message;
use coinless_protocol::cose::{Label, MAX_PAYLOAD_BYTES, Sign1, sign};
use coinless_protocol::identity::Identity;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::Signer;
use coinless_protocol::readings::{MAX_SEALED_BYTES, OpenError, ReadingsKey};
use coinless_protocol::receipt::{MAX_RECEIPT_BYTES, Receipt};
use coinless_protocol::report::{MAX_REPORT_BYTES, MAX_SEALED_REPORT_BYTES, Report};
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{MAX_CONTENT_BYTES, MAX_TOKEN_BYTES, Order, Token};
use coinless_protocol::{MeterId, VERSION};
use proptest::prelude::*;

proptest! {
    #[test]
    fn tokens(token in strategies::token()) {
        let payload = token.to_payload().unwrap();
        prop_assert_eq!(Token::from_payload(&payload), Ok(token));
        prop_assert!(payload.len() + 80 <= MAX_TOKEN_BYTES);
        let sets_credit = matches!(token.order, Order::Set(set) if set.credit.is_some());
        prop_assert_eq!(token.register().is_some(), sets_credit);
    }

    #[test]
    fn tariffs(tariff in contents::tariff()) {
        prop_assert!(tariff.is_sensible());
        let bytes = tariff.to_bytes().unwrap();
        prop_assert!(bytes.len() <= MAX_CONTENT_BYTES);
        prop_assert_eq!(Tariff::from_bytes(&bytes), Ok(tariff));
    }

    /// What makes no sense is not read as what it is, and everything else is.
    #[test]
    fn any_tariffs(tariff in contents::any_tariff()) {
        let read = Tariff::from_bytes(&tariff.to_bytes().unwrap());
        prop_assert_eq!(read.is_ok_and(|read| read == tariff), tariff.is_sensible());
    }

    #[test]
    fn settings(settings in contents::settings()) {
        prop_assert!(settings.is_sensible());
        let bytes = settings.to_bytes().unwrap();
        prop_assert!(bytes.len() <= MAX_CONTENT_BYTES);
        prop_assert_eq!(Settings::from_bytes(&bytes), Ok(settings));
    }

    #[test]
    fn any_settings(settings in contents::any_settings()) {
        let read = Settings::from_bytes(&settings.to_bytes().unwrap());
        prop_assert_eq!(read.is_ok(), settings.is_sensible());
        prop_assert!(read.is_err() || read == Ok(settings));
    }

    #[test]
    fn operational_keys(keys in contents::operational_keys()) {
        let bytes = keys.to_bytes().unwrap();
        prop_assert_eq!(bytes.len(), 1 + 35 * keys.as_slice().len());
        prop_assert_eq!(OperationalKeys::from_bytes(&bytes), Ok(keys));
    }

    #[test]
    fn reports(report in strategies::report()) {
        let payload = report.to_payload().unwrap();
        prop_assert_eq!(Report::from_payload(&payload), Ok(report));
        prop_assert!(payload.len() + 80 <= MAX_REPORT_BYTES);
    }

    /// What is written in another form is refused: an entry more, entries in another order, a default written out. Every entry of
    /// the map is put in again, at every place.
    #[test]
    fn one_form(token in strategies::token(), tariff in contents::tariff(), settings in contents::settings()) {
        for (bytes, accepts) in [
            (token.to_payload().unwrap().to_vec(), (|bytes| Token::from_payload(bytes).is_ok()) as fn(&[u8]) -> bool),
            (tariff.to_bytes().unwrap().to_vec(), |bytes| Tariff::from_bytes(bytes).is_ok()),
            (settings.to_bytes().unwrap().to_vec(), |bytes| Settings::from_bytes(bytes).is_ok()),
        ] {
            for other in other_forms(&bytes) {
                prop_assert!(!accepts(&other), "{other:02x?} for {bytes:02x?}");
            }
        }
    }

    #[test]
    fn receipts(receipt in strategies::receipt()) {
        let payload = receipt.to_payload().unwrap();
        prop_assert_eq!(Receipt::from_payload(&payload), Ok(receipt));
        prop_assert!(payload.len() + 80 <= MAX_RECEIPT_BYTES);
    }

    #[test]
    fn identities(identity in strategies::identity()) {
        let bytes = identity.to_bytes().unwrap();
        prop_assert_eq!(Identity::from_bytes(&bytes), Ok(identity));
    }

    #[test]
    fn labels(meter in strategies::meter_id()) {
        let label = meter.label().to_string();
        prop_assert_eq!(MeterId::from_label(&label), Ok(meter));
        prop_assert_eq!(MeterId::from_label(&format!(" {} ", label.to_lowercase())), Ok(meter));
        prop_assert_eq!(MeterId::from_label_url(&format!("https://s.example:8600/m/{label}#x")), Ok(meter));
        prop_assert_eq!(meter.to_string().parse(), Ok(meter));
    }

    #[test]
    fn coap_messages(parts in strategies::coap_parts()) {
        let Some(bytes) = parts.write() else { return Ok(()) };
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!((message.kind, message.code, message.id), (parts.kind, parts.code, parts.id));
        prop_assert_eq!(message.token, parts.token);
        prop_assert_eq!(message.options().map(|(n, v)| (n, v.to_vec())).collect::<Vec<_>>(), parts.options);
        prop_assert_eq!(message.payload, parts.payload);
    }
}

proptest! {
    // Each case signs, verifies or agrees keys.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8 + 1, ..ProptestConfig::default() })]

    #[test]
    fn signed_payloads(payload in proptest::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD_BYTES)) {
        let (meter, issuer) = (meter(), issuer());
        for label in [Label::Token, Label::Receipt, Label::Identity, Label::Report] {
            let bytes = sign(&payload, label, &meter.hash(), &issuer.pair).unwrap();
            let object = Sign1::parse(&bytes).unwrap();
            prop_assert_eq!((object.kid, object.payload), (issuer.pair.key_hint(), payload.as_slice()));
            prop_assert!(object.verify(&issuer.public(), label, &meter.hash()));
        }
    }

    #[test]
    fn sealed_reports(number: u32, content in strategies::report_content(), id in strategies::meter_id()) {
        let (meter, station) = (meter(), station());
        let key = ReadingsKey::agree(&meter.pair, &station.public(), &id);
        let sealed = key.seal_report(number, &content).unwrap();
        prop_assert!(sealed.len() <= MAX_SEALED_REPORT_BYTES);
        let report = Report { meter: id, number, sealed };
        let at_station = ReadingsKey::agree(&station.pair, &meter.public(), &id);
        prop_assert_eq!(at_station.open_report(&report), Ok(content));
        let next = Report { number: number.wrapping_add(1), ..report.clone() };
        prop_assert_eq!(at_station.open_report(&next), Err(OpenError::Malformed));
        let other = ReadingsKey::agree(&test_key("coinless test key meter-2").pair, &station.public(), &id);
        prop_assert_eq!(other.open_report(&report), Err(OpenError::Key));
        // One key seals both, and neither can be taken for the other.
        prop_assert!(at_station.open(number, &report.sealed).is_err());
    }

    #[test]
    fn sealed_readings(number: u32, readings in strategies::readings(), id in strategies::meter_id()) {
        let (meter, station) = (meter(), station());
        let key = ReadingsKey::agree(&meter.pair, &station.public(), &id);
        let sealed = key.seal(number, &readings).unwrap();
        prop_assert!(sealed.len() <= MAX_SEALED_BYTES);
        let at_station = ReadingsKey::agree(&station.pair, &meter.public(), &id);
        prop_assert_eq!(at_station.open(number, &sealed), Ok(readings));
        prop_assert_eq!(at_station.open(number.wrapping_add(1), &sealed), Err(OpenError::Malformed));
        let other = ReadingsKey::agree(&test_key("coinless test key meter-2").pair, &station.public(), &id);
        prop_assert_eq!(other.open(number, &sealed), Err(OpenError::Key));
    }
}

#[test]
fn a_payload_that_is_too_long_is_not_signed() {
    assert_eq!(VERSION, 1);
    assert!(sign(&[0; MAX_PAYLOAD_BYTES + 1], Label::Token, &meter().hash(), &issuer().pair).is_err());
}

/// The map in `bytes` with its entries in other orders, one of them twice, or one more that says a default.
fn other_forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut input = minicbor::Decoder::new(bytes);
    let Ok(Some(count)) = input.map() else { return Vec::new() };
    let mut entries = Vec::new();
    for _ in 0..count {
        let from = input.position();
        input.skip().unwrap();
        input.skip().unwrap();
        entries.push(bytes[from..input.position()].to_vec());
    }
    let map = |entries: &[Vec<u8>]| {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder.map(entries.len() as u64).unwrap();
        [encoder.into_writer(), entries.concat()].concat()
    };
    assert_eq!(map(&entries), bytes);
    let mut forms = Vec::new();
    for at in 0..entries.len() {
        let mut twice = entries.clone();
        twice.insert(at, entries[at].clone());
        forms.push(map(&twice));
        let mut turned = entries.clone();
        turned.rotate_left(1);
        if turned != entries {
            forms.push(map(&turned));
        }
    }
    // Zero, false, and an empty list or string, for every key that is not there.
    let keys: Vec<u8> = entries.iter().map(|entry| entry[0]).collect();
    for key in (0..24).filter(|key| !keys.contains(key)) {
        for default in [0x00, 0xf4, 0x40, 0x80, 0xa0] {
            let at = keys.iter().position(|other| *other > key).unwrap_or(keys.len());
            // In settings false is a value of its own, and the number 0 differs from two defaults.
            if (key == 9 && default == 0xf4) || (key == 11 || key == 17) && default == 0 {
                continue;
            }
            let mut more = entries.clone();
            more.insert(at, vec![key, default]);
            forms.push(map(&more));
        }
    }
    forms
}

/// Every byte string that differs from `bytes` in one bit.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn first<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    some(1, strategy).remove(0)
}

/// The same values every time.
fn some<T: std::fmt::Debug>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn no_token_with_a_flipped_bit_verifies() {
    let (meter, issuer) = (meter(), issuer());
    // The first of each kind: a signature is verified for each bit.
    let tokens = some(40, strategies::token());
    let kinds: [fn(&Token<'_>) -> bool; 5] = [
        |token| matches!(token.order, Order::Read(_)),
        |token| matches!(token.order, Order::Keys(_)),
        |token| matches!(token.order, Order::Set(set) if set.credit.is_some()),
        |token| matches!(token.order, Order::Set(set) if set.tariff.is_some() || set.settings.is_some()),
        |token| matches!(token.order, Order::Set(set) if set.valve.is_some() && set.clock.is_some()),
    ];
    for kind in kinds {
        let token = tokens.iter().find(|token| kind(token)).unwrap();
        let signed = token.sign(&meter.hash(), &issuer.pair).unwrap();
        for flipped in flips(&signed) {
            if let Ok((object, _)) = Token::parse(&flipped) {
                assert!(!object.verify(&issuer.public(), Label::Token, &meter.hash()), "{flipped:02x?}");
            }
        }
    }
}

#[test]
fn no_report_with_a_flipped_bit_verifies_or_opens() {
    let meter = meter();
    let key = ReadingsKey::agree(&meter.pair, &station().public(), &crate::support::meter_id());
    let sealed = key.seal_report(7, &first(strategies::report_content())).unwrap();
    let report = Report { meter: crate::support::meter_id(), number: 7, sealed };
    for flipped in flips(&report.sign(&meter.hash(), &meter.pair).unwrap()) {
        assert!(Report::verified(&flipped, &meter.public(), &meter.hash()).is_err(), "{flipped:02x?}");
    }
    for flipped in flips(&report.sealed) {
        let sealed = coinless_protocol::Bytes::copy_of(&flipped).unwrap();
        assert!(key.open_report(&Report { sealed, ..report.clone() }).is_err(), "{flipped:02x?}");
    }
}

/// A flipped bit in a content gives another content or none, never the same.
#[test]
fn no_content_with_a_flipped_bit_is_the_same() {
    for tariff in some(20, contents::tariff()) {
        for flipped in flips(&tariff.to_bytes().unwrap()) {
            assert_ne!(Tariff::from_bytes(&flipped), Ok(tariff.clone()), "{flipped:02x?}");
        }
    }
    for settings in some(20, contents::settings()) {
        for flipped in flips(&settings.to_bytes().unwrap()) {
            assert_ne!(Settings::from_bytes(&flipped), Ok(settings.clone()), "{flipped:02x?}");
        }
    }
    for keys in some(2, contents::operational_keys()) {
        for flipped in flips(&keys.to_bytes().unwrap()) {
            assert_ne!(OperationalKeys::from_bytes(&flipped), Ok(keys.clone()), "{flipped:02x?}");
        }
    }
}

#[test]
fn no_receipt_with_a_flipped_bit_verifies() {
    let meter = meter();
    let signed = first(strategies::receipt()).sign(&meter.hash(), &meter.pair).unwrap();
    for flipped in flips(&signed) {
        assert!(Receipt::verified(&flipped, &meter.public(), &meter.hash()).is_err(), "{flipped:02x?}");
    }
}

#[test]
fn no_identity_with_a_flipped_bit_verifies() {
    let meter = meter();
    let signed = first(strategies::identity()).sign(&meter.hash(), &meter.pair).unwrap();
    for flipped in flips(&signed) {
        assert!(Identity::verified(&flipped, &meter.public(), &meter.hash()).is_err(), "{flipped:02x?}");
    }
}

#[test]
fn no_sealed_readings_with_a_flipped_bit_open() {
    let key = ReadingsKey::agree(&meter().pair, &station().public(), &crate::support::meter_id());
    let sealed = key.seal(7, &first(strategies::readings())).unwrap();
    for flipped in flips(&sealed) {
        assert!(key.open(7, &flipped).is_err(), "{flipped:02x?}");
    }
}
