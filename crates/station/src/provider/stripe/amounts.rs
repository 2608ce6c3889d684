//! Amounts as Stripe counts them. Its units are not ISO 4217's in all currencies (*Supported currencies: zero-decimal,
//! three-decimal, special cases*).

use crate::money::{Currency, Money};

const NO_DIGIT: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Amounts of these end with a zero: card networks know two of the three digits.
const THREE_DIGITS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Decimal digits of Stripe's unit. ISK and UGX have none by ISO 4217, and two at Stripe, always `00`: 5 UGX are `500`.
fn digits(currency: Currency) -> u32 {
    match currency.code() {
        code if NO_DIGIT.contains(&code) => 0,
        code if THREE_DIGITS.contains(&code) => 3,
        _ => 2,
    }
}

/// An amount in Stripe's unit; none if Stripe cannot collect exactly that.
pub(super) fn to_stripe(currency: Currency, amount: Money) -> Option<i64> {
    let scaled = scale(amount.minor(), u32::from(currency.digits()), digits(currency))?;
    (scaled > 0 && (digits(currency) < 3 || scaled % 10 == 0)).then_some(scaled)
}

/// What an amount in Stripe's unit, of a currency in its spelling (`eur`), is here; none if it is no whole number of our minor
/// units, or the currency is none.
pub(super) fn from_stripe(code: &str, amount: i64) -> Option<(Money, Currency)> {
    let currency = Currency::from_code(&code.to_ascii_uppercase()).ok()?;
    Some((Money::from_minor(scale(amount, digits(currency), u32::from(currency.digits()))?), currency))
}

fn scale(amount: i64, from: u32, to: u32) -> Option<i64> {
    if to >= from {
        return amount.checked_mul(10_i64.checked_pow(to - from)?);
    }
    let divisor = 10_i64.checked_pow(from - to)?;
    (amount % divisor == 0).then(|| amount / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(code: &str, minor: i64) -> Option<i64> {
        to_stripe(Currency::from_code(code).unwrap(), Money::from_minor(minor))
    }

    #[test]
    fn units_of_stripe() {
        assert_eq!(there("EUR", 1050), Some(1050));
        assert_eq!(there("JPY", 500), Some(500));
        // Special cases: none by ISO 4217, two at Stripe.
        assert_eq!(there("UGX", 5), Some(500));
        assert_eq!(there("ISK", 5), Some(500));
        assert_eq!(from_stripe("ugx", 500), Some((Money::from_minor(5), Currency::from_code("UGX").unwrap())));
        assert_eq!(from_stripe("ugx", 501), None);
        // Three digits, the last of which must be zero.
        assert_eq!(there("KWD", 5120), Some(5120));
        assert_eq!(there("KWD", 5124), None);
        // Nothing is rounded, whatever the number of digits is here.
        for code in ["MGA", "XPF", "CLP"] {
            let one = 10_i64.pow(u32::from(Currency::from_code(code).unwrap().digits()));
            assert_eq!(there(code, 7 * one), Some(7), "{code}");
            assert_eq!(from_stripe(&code.to_lowercase(), 7).unwrap().0, Money::from_minor(7 * one), "{code}");
        }
        assert_eq!(there("EUR", 0), None);
        assert_eq!(there("EUR", -5), None);
        assert_eq!(there("UGX", i64::MAX), None);
        assert_eq!(from_stripe("e", 1), None);
    }
}
