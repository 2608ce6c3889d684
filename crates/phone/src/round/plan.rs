//! What each meter of a house is to get: the same for all, by the unit, up to a target, or pasted.

use crate::courier::PurchaseLine;
use crate::records::KeptMeter;
use crate::{Amount, Asked, AskedError, Quantity, as_typed};
use coinless_protocol::{Commodity, MeterId, Units};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// How the sums of a round are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The same for each meter.
    Same(Asked),
    /// So much money for each share of a meter ([`KeptMeter::shares`]).
    PerShare(Amount),
    /// So much that the meter holds this much afterwards, as far as its last balance is known.
    Target(Quantity),
    /// Each by itself, by the meter's label; who is not in it gets nothing.
    Each(HashMap<String, String>),
}

/// What one meter is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The meter's label.
    pub label: String,
    /// What is asked for; none if it is to get nothing.
    pub asked: Result<Option<Asked>, NotPlanned>,
}

/// Why nothing can be asked for a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPlanned {
    /// The text is no amount and no quantity.
    #[error("not an amount such as 50.00 or a quantity such as 12m3")]
    NotAnAmount,
    /// The sum is too large.
    #[error("the sum is too large")]
    TooLarge,
    /// A target needs the last balance, and this phone does not know it.
    #[error("the meter's balance is not known on this phone")]
    NoBalance,
    /// The target is in another unit than the meter counts in.
    #[error("the target is in another unit than the meter counts in")]
    OtherUnit,
    /// The label is none.
    #[error("not a meter's number")]
    NotAMeter,
}

/// Finds what each of `meters` is to get. `balance` gives a meter's last known balance in credit units.
pub fn plan(meters: &[KeptMeter], plan: &Plan, balance: impl Fn(&MeterId) -> Option<i64>) -> Vec<Planned> {
    let planned = |meter: &KeptMeter| Planned { label: meter.label.clone(), asked: asked(meter, plan, &balance) };
    meters.iter().map(planned).collect()
}

/// The lines of what was planned; meters that are to get nothing are left out.
///
/// # Errors
/// The label of the first meter that nothing can be asked for, and why.
pub fn lines(planned: &[Planned]) -> Result<Vec<PurchaseLine>, (String, NotPlanned)> {
    let line = |planned: &Planned| {
        let asked = match &planned.asked {
            Ok(None) => return None,
            Ok(Some(asked)) => asked.clone(),
            Err(why) => return Some(Err((planned.label.clone(), *why))),
        };
        let meter = MeterId::from_label(&planned.label).map_err(|_| (planned.label.clone(), NotPlanned::NotAMeter));
        Some(meter.map(|meter| PurchaseLine { meter, asked }))
    };
    planned.iter().filter_map(line).collect()
}

/// What a person wrote for a meter: an amount or a quantity, or nothing, which is written as `0`, a dash or no text. A comma before
/// one or two digits is a decimal point; before three it may divide thousands, so that one is refused.
///
/// # Errors
/// [`AskedError`] for any other text.
pub fn sum_of(text: &str) -> Result<Option<Asked>, AskedError> {
    let typed = as_typed(text);
    if typed.chars().all(|letter| matches!(letter, '0' | '.' | '-' | '–')) {
        return Ok(None);
    }
    let decimals = |rest: &str| rest.chars().take_while(char::is_ascii_digit).count();
    match text.split_once(',') {
        Some((_, rest)) if !matches!(decimals(rest), 1 | 2) => text.parse(),
        _ => typed.parse(),
    }
    .map(Some)
}

/// Sums that were pasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pasted {
    /// The sums as they were written, by the labels of their meters.
    pub sums: HashMap<String, String>,
    /// The numbers of the lines that are neither a label with a sum nor a sum, or name a meter again.
    pub wrong: Vec<usize>,
    /// Labels of meters that are not among those of the list.
    pub strangers: Vec<String>,
}

/// Reads pasted sums: on each line a label and a sum, between them a tab, a semicolon, a comma or spaces; or a column of sums
/// alone, one for each of `meters` in their order. An empty line of such a column is for a meter that gets nothing.
pub fn pasted(text: &str, meters: &[KeptMeter]) -> Pasted {
    let mut pasted = Pasted::default();
    let mut places = meters.iter();
    let lines: Vec<Vec<&str>> = text.trim_end().lines().map(cells).collect();
    let label_of = |cells: &[&str]| cells.iter().find_map(|cell| MeterId::from_label(cell).ok());
    let is_column = !lines.iter().any(|cells| label_of(cells).is_some());
    for (number, cells) in (1..).zip(&lines) {
        let (label, sum) = match (label_of(cells), cells.as_slice()) {
            (None, [""]) if !is_column => continue,
            (Some(meter), [_, .., sum]) if MeterId::from_label(sum).is_err() => (meter.label().to_string(), *sum),
            (None, [sum]) if is_column && let Some(meter) = places.next() => (meter.label.clone(), *sum),
            _ => {
                pasted.wrong.push(number);
                continue;
            }
        };
        if !meters.iter().any(|meter| meter.label == label) {
            pasted.strangers.push(label);
            continue;
        }
        match (sum_of(sum), pasted.sums.entry(label)) {
            (Ok(_), Entry::Vacant(place)) => drop(place.insert(sum.to_owned())),
            _ => pasted.wrong.push(number),
        }
    }
    pasted
}

/// The cells of a pasted line; one cell if it is a sum alone.
fn cells(line: &str) -> Vec<&str> {
    let line = line.trim_matches(' ');
    let after_label = || {
        let at = line.find([',', ' '])?;
        MeterId::from_label(line.get(..at)?).ok().and_then(|_| line.get(at..)?.chars().next())
    };
    let separator = ['\t', ';'].into_iter().find(|separator| line.contains(*separator)).or_else(after_label);
    let Some(separator) = separator else { return vec![line] };
    let cells: Vec<&str> = line.split(separator).map(str::trim).collect();
    let is_number = |cell: &&str| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    match cells.as_slice() {
        // `20,50` behind a comma: one sum or two cells?
        [.., whole, rest] if separator == ',' && is_number(whole) && is_number(rest) => vec![line, ""],
        _ => cells,
    }
}

fn asked(
    meter: &KeptMeter,
    plan: &Plan,
    balance: &impl Fn(&MeterId) -> Option<i64>,
) -> Result<Option<Asked>, NotPlanned> {
    match plan {
        Plan::Same(asked) => Ok(Some(asked.clone())),
        Plan::PerShare(_) if meter.shares == 0 => Ok(None),
        Plan::PerShare(amount) => {
            amount.times(meter.shares).map(|sum| Some(Asked::Amount(sum))).ok_or(NotPlanned::TooLarge)
        }
        Plan::Target(target) => up_to(meter, target, balance),
        Plan::Each(sums) => {
            let sum = sums.get(&meter.label).map_or("", String::as_str);
            sum_of(sum).map_err(|_| NotPlanned::NotAnAmount)
        }
    }
}

fn up_to(
    meter: &KeptMeter,
    target: &Quantity,
    balance: &impl Fn(&MeterId) -> Option<i64>,
) -> Result<Option<Asked>, NotPlanned> {
    let id = meter.meter().ok_or(NotPlanned::NotAMeter)?;
    let commodity = meter.info.as_ref().map_or("", |info| info.commodity.as_str());
    let commodity = Commodity::from_name(commodity).filter(|_| target.fits(commodity)).ok_or(NotPlanned::OtherUnit)?;
    let has = balance(&id).ok_or(NotPlanned::NoBalance)?;
    let wanted = i64::try_from(target.units().get()).map_err(|_| NotPlanned::TooLarge)?;
    let missing = wanted.checked_sub(has).ok_or(NotPlanned::TooLarge)?;
    let Ok(missing) = u64::try_from(missing) else { return Ok(None) };
    let units = Units::new(missing).map_err(|_| NotPlanned::TooLarge)?;
    Ok(Quantity::of_units(units, commodity).map(Asked::Quantity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MeterInfo;

    fn meter(number: u32, shares: u32) -> KeptMeter {
        let id: MeterId = format!("CLS{number:010}").parse().unwrap();
        let info = MeterInfo {
            meter: id.to_string(),
            label: id.label().to_string(),
            commodity: "gas".into(),
            utility: None,
            customer: None,
            place: None,
            currency: None,
            public_key: String::new(),
        };
        KeptMeter { shares, info: Some(info), ..KeptMeter::new(&id, "https://x") }
    }

    fn sums(plan_of: &Plan, balance: Option<i64>) -> Vec<String> {
        let planned = plan(&[meter(17, 2), meter(28, 3), meter(39, 0)], plan_of, |_| balance);
        let words = |planned: Planned| match planned.asked {
            Ok(asked) => asked.map_or("-".to_owned(), |asked| asked.to_string()),
            Err(why) => why.to_string(),
        };
        planned.into_iter().map(words).collect()
    }

    #[test]
    fn every_way() {
        assert_eq!(sums(&Plan::Same("50.00".parse().unwrap()), None), ["50.00"; 3]);
        assert_eq!(sums(&Plan::PerShare("7.50".parse().unwrap()), None), ["15.00", "22.50", "-"]);
        let target = Plan::Target("10m3".parse().unwrap());
        assert_eq!(sums(&target, Some(2_500)), ["7.5m3"; 3]);
        assert_eq!(sums(&target, Some(-2_000)), ["12m3"; 3]);
        assert_eq!(sums(&target, Some(10_000)), ["-"; 3]);
        assert_eq!(sums(&target, None), ["the meter's balance is not known on this phone"; 3]);
        let kilowatts = Plan::Target("10kWh".parse().unwrap());
        assert!(sums(&kilowatts, Some(0)).iter().all(|words| words.contains("another unit")));
        let each = HashMap::from([(meter(17, 1).label, "5".to_owned()), (meter(28, 1).label, "x".to_owned())]);
        assert_eq!(sums(&Plan::Each(each), None), ["5", "not an amount such as 50.00 or a quantity such as 12m3", "-"]);
    }

    #[test]
    fn what_is_written() {
        for (text, wanted) in [
            ("20", "20"),
            (" 20,5 ", "20.5"),
            ("20.50", "20.50"),
            ("12,5m3", "12.5m3"),
            ("30 kWh", "30kWh"),
            ("٢٠٫٥", "20.5"),
        ] {
            assert_eq!(sum_of(text), Ok(Some(wanted.parse().unwrap())), "{text}");
        }
        for nothing in ["", " ", "0", "0.00", "0,00", "-", "–"] {
            assert_eq!(sum_of(nothing), Ok(None), "{nothing}");
        }
        for wrong in ["1,000", "1,234.50", "1.234,50", "1,2,3", "x", "-5", "5l"] {
            assert!(sum_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_pasted() {
        let meters = [meter(17, 1), meter(28, 1)];
        let (first, second) = (&meters[0].label, &meters[1].label);
        let sums = |one: &str, other: &str| {
            HashMap::from([(first.clone(), one.to_owned()), (second.clone(), other.to_owned())])
        };
        for text in [
            format!("{first}\t50\n{second};12m3"),
            "50\n12m3\n\n".into(),
            format!("{second} x 12m3\n\n{first},50"),
            format!("Flat 1\t{first}\t50\nFlat 2\t{second}\t12m3\n"),
        ] {
            assert_eq!(pasted(&text, &meters), Pasted { sums: sums("50", "12m3"), ..Pasted::default() }, "{text}");
        }
        // A decimal comma is part of the sum.
        let text = format!("{first}\t20,50\n{second} 7,5");
        assert_eq!(pasted(&text, &meters).sums, sums("20,50", "7,5"));
        // Sums do not move up into the place of an empty one.
        assert_eq!(pasted("\n60\n", &meters).sums, sums("", "60"));
    }

    #[test]
    fn what_is_pasted_wrongly() {
        let meters = [meter(17, 1), meter(28, 1)];
        let (first, second) = (&meters[0].label, &meters[1].label);
        assert_eq!(pasted("50\n60\n70", &meters).wrong, [3]);
        assert_eq!(pasted("50\n1,000", &meters).wrong, [2]);
        assert_eq!(pasted("CLS0000000017-K 50", &meters).wrong, [1]);
        assert_eq!(
            pasted(&format!("{first},20,50\n{second}\t5\n{second}\t6\n{first}\n7"), &meters).wrong,
            [1, 3, 4, 5]
        );
        let stranger = meter(39, 1).label;
        assert_eq!(pasted(&format!("{stranger} 5"), &meters).strangers, [stranger]);
    }
}
