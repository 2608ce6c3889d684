//! What each meter of a house is to get: the same for all, by the unit, up to a target, or pasted.

use crate::courier::PurchaseLine;
use crate::records::KeptMeter;
use crate::{Amount, Asked, Quantity};
use coinless_protocol::{Commodity, MeterId, Units};
use std::collections::HashMap;

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

/// Reads pasted sums: on each line a label and a sum, between them a tab, a semicolon, a comma or spaces; or sums alone, one for
/// each of `meters` in their order. Gives them by label, and the lines that are neither, by their number.
pub fn pasted(text: &str, meters: &[KeptMeter]) -> (HashMap<String, String>, Vec<usize>) {
    let (mut sums, mut wrong) = (HashMap::new(), Vec::new());
    let mut place = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let cells: Vec<&str> = line.split(['\t', ';', ',', ' ']).filter(|cell| !cell.is_empty()).collect();
        let labelled = cells.first().and_then(|cell| MeterId::from_label(cell).ok());
        let (label, sum) = match (labelled, cells.as_slice()) {
            (_, []) => continue,
            (Some(meter), [_, .., sum]) => (meter.label().to_string(), *sum),
            (None, [sum]) if meters.get(place).is_some() => {
                place += 1;
                (meters[place - 1].label.clone(), *sum)
            }
            _ => {
                wrong.push(number);
                continue;
            }
        };
        match sum.parse::<Asked>() {
            Ok(_) => drop(sums.insert(label, sum.to_owned())),
            Err(_) => wrong.push(number),
        }
    }
    (sums, wrong)
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
        Plan::Each(sums) => match sums.get(&meter.label).map(|sum| sum.trim()) {
            None | Some("") => Ok(None),
            Some(sum) => sum.parse().map(Some).map_err(|_| NotPlanned::NotAnAmount),
        },
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
    fn what_is_pasted() {
        let meters = [meter(17, 1), meter(28, 1)];
        let (first, second) = (&meters[0].label, &meters[1].label);
        let both = HashMap::from([(first.clone(), "50".to_owned()), (second.clone(), "12m3".to_owned())]);
        for text in [format!("{first}\t50\n{second};12m3"), "50\n\n12m3\n".into(), format!("{second} x 12m3\n50")] {
            assert_eq!(pasted(&text, &meters), (both.clone(), vec![]), "{text}");
        }
        assert_eq!(pasted("50\n60\n70", &meters).1, [3]);
        assert_eq!(pasted("CLS0000000017-K 50", &meters).1, [1]);
    }
}
