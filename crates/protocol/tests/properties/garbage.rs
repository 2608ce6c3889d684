//! Whatever bytes they are given, decoders return a value or an error.

use crate::strategies;
use crate::support::{meter, meter_id, station};
use coinless_protocol::coap::Message;
use coinless_protocol::cose::{Label, Sign1};
use coinless_protocol::identity::Identity;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::{MAX_SEALED_REPORT_BYTES, Report};
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::Token;
use coinless_protocol::{Bytes, Commodity, MeterId};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    /// A decoder accepts one form of a value only: what it accepts is what it would write.
    #[test]
    fn decoders(bytes in strategies::bytes()) {
        if let Ok(token) = Token::from_payload(&bytes) {
            prop_assert_eq!(token.to_payload().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(receipt) = Receipt::from_payload(&bytes) {
            prop_assert_eq!(receipt.to_payload().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(identity) = Identity::from_bytes(&bytes) {
            prop_assert_eq!(identity.to_bytes().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(report) = Report::from_payload(&bytes) {
            prop_assert_eq!(report.to_payload().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(tariff) = Tariff::from_bytes(&bytes) {
            prop_assert!(tariff.is_sensible());
            prop_assert_eq!(tariff.to_bytes().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(settings) = Settings::from_bytes(&bytes) {
            prop_assert!(settings.is_sensible());
            prop_assert_eq!(settings.to_bytes().unwrap().to_vec(), bytes.clone());
        }
        if let Ok(keys) = OperationalKeys::from_bytes(&bytes) {
            prop_assert_eq!(keys.to_bytes().unwrap().to_vec(), bytes.clone());
        }
        let _ = (Sign1::parse(&bytes).map(|object| object.payload.len()), Report::parse(&bytes).is_ok());
        let _ = (Token::parse(&bytes).is_ok(), Receipt::parse(&bytes).is_ok(), Refusal::from_bytes(&bytes).is_ok());
        if let Ok(message) = Message::parse(&bytes) {
            let options: usize = message.options().map(|(_, value)| value.len()).sum();
            prop_assert!(options + message.payload.len() + message.token.len() + 4 <= bytes.len());
            let _ = (message.uint(12), message.has_critical_option(&[11]));
        }
    }

    #[test]
    fn texts(text in "(https?://[a-z/]{0,6}/?m?/?)?[A-Za-z0-9 ÄÖ漢\\-?#/]{0,24}") {
        let _ = (text.parse::<MeterId>().is_ok(), Commodity::from_name(&text));
        for meter in [MeterId::from_label(&text), MeterId::from_label_url(&text)].into_iter().flatten() {
            prop_assert!((4..=MeterId::MAX_BYTES).contains(&meter.as_str().len()));
        }
    }

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = (MeterId::from_label(&text).is_ok(), MeterId::from_label_url(&text).is_ok(), text.parse::<MeterId>().is_ok());
        let _ = Commodity::Gas.parse_amount(&format!("{text}m3"));
    }

    #[test]
    fn amounts(text in "-?[0-9]{0,22}\\.?[0-9]{0,8} ?(m3|m³|kWh|)") {
        for commodity in [Commodity::Gas, Commodity::Electricity] {
            if let Ok(fine) = commodity.parse_amount(&text) {
                prop_assert!(fine.0 >= 0);
                let _ = fine.display(commodity).to_string();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8 + 1, ..ProptestConfig::default() })]

    #[test]
    fn verifiers(bytes in strategies::bytes(), number: u32) {
        let (meter, hash) = (meter(), meter().hash());
        prop_assert!(Receipt::verified(&bytes, &meter.public(), &hash).is_err());
        prop_assert!(Identity::verified(&bytes, &meter.public(), &hash).is_err());
        prop_assert!(Report::verified(&bytes, &meter.public(), &hash).is_err());
        if let Ok(object) = Sign1::parse(&bytes) {
            prop_assert!(!object.verify(&meter.public(), Label::Receipt, &hash));
        }
        let key = ReadingsKey::agree(&station().pair, &meter.public(), &meter_id());
        prop_assert!(key.open(number, &bytes).is_err());
        if let Ok(sealed) = Bytes::<MAX_SEALED_REPORT_BYTES>::copy_of(&bytes) {
            let report = Report { meter: meter_id(), number, sealed };
            prop_assert!(key.open_report(&report).is_err());
        }
    }

    #[test]
    fn keys(public in proptest::collection::vec(any::<u8>(), 0..70), secret: [u8; 32]) {
        if let Ok(key) = PublicKey::from_sec1(&public) {
            prop_assert_eq!(PublicKey::from_sec1(&key.to_sec1()), Ok(key));
        }
        let _ = KeyPair::from_secret(&secret).is_ok();
    }
}
