//! Words for people about what a meter says.

use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use coinless_protocol::{CreditKind, Units};

/// Why a meter does not take a token, and what to do, in words for whoever stands at it.
pub fn refusal_words(decision: Decision, meter: &Identity) -> String {
    match decision {
        Decision::NotYet { use_first } => {
            let first = credit_words(use_first, meter);
            format!("not yet, the meter is too full; use {first} first, then do the same again")
        }
        Decision::NeedsNewerRegister => {
            "another token must come first (tariff, settings or keys): `coinless phone sync` fetches it, then deliver again"
                .to_owned()
        }
        Decision::InRefusedRange => {
            "the meter stands where it must refuse it, since what it takes back is loaded; `coinless phone sync`".to_owned()
        }
        Decision::Closed => {
            "closed: the account of this meter is closed, and it takes no credit any more; `coinless phone sync` tells the \
             station, and `coinless phone refund` asks for the money back"
                .to_owned()
        }
        Decision::BadContent => {
            "bad content: the token is genuine, but holds what this meter cannot use, and nothing of it was taken; \
             `coinless phone sync` tells the station, which must make another one"
                .to_owned()
        }
        other => format!("{}; `coinless phone sync` tells the station", other.name()),
    }
}

/// Credit of a meter with its unit: `12.345 m³`, or `12.34 EUR` if it counts money.
pub fn credit_words(credit: Units, meter: &Identity) -> String {
    match meter.credit {
        CreditKind::Unit => credit.fine().display(meter.commodity).to_string(),
        CreditKind::Money(currency) => {
            let digits = usize::from(currency.exponent());
            let padded = format!("{:0width$}", credit.get(), width = digits + 1);
            let (whole, part) = padded.split_at(padded.len() - digits);
            let point = if digits > 0 { "." } else { "" };
            format!("{whole}{point}{part} {currency}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::keys::KeyHint;
    use coinless_protocol::receipt::RegisterNumbers;
    use coinless_protocol::state::Flags;
    use coinless_protocol::{Commodity, Currency};

    #[test]
    fn credit_has_its_unit() {
        let meter = |credit| Identity {
            meter: "CLS0000000017".parse().unwrap(),
            meter_key: KeyHint([0; 4]),
            commodity: Commodity::Gas,
            credit,
            registers: RegisterNumbers::default(),
            flags: Flags::default(),
            challenge: None,
        };
        let money = |code, exponent| CreditKind::Money(Currency::new(code, exponent).unwrap());
        let words = |units, credit| credit_words(Units::new(units).unwrap(), &meter(credit));
        assert_eq!(words(12_345, CreditKind::Unit), "12.345 m³");
        assert_eq!(words(5, money(*b"EUR", 2)), "0.05 EUR");
        assert_eq!(words(123_456, money(*b"EUR", 2)), "1234.56 EUR");
        assert_eq!(words(1_200, money(*b"UGX", 0)), "1200 UGX");
    }
}
