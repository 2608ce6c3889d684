//! What customers owe a utility that sells by the built-in sales system, as an operator sees and sets it.

use super::history;
use crate::audit::{self, Action};
use crate::config::UtilityConfig;
use crate::meters;
use crate::money::{Amount, Money};
use crate::problem::{Code, Error};
use crate::work::Work;
use coinless_protocol::MeterId;
use serde::Serialize;

/// What the customer of a meter owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owes {
    /// The meter, with its check character.
    pub meter: String,
    /// The utility.
    pub utility: String,
    /// How much.
    pub debt: Amount,
    /// Its currency's ISO 4217 code.
    pub currency: String,
    /// Whether the tariff takes anything of it from a purchase, at any time.
    pub is_recovered: bool,
}

/// What the customer of a meter owes.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] if its utility is not among `utilities` or has a sales system of its own.
pub fn owes(work: &mut Work<'_>, utilities: &[UtilityConfig], id: MeterId) -> Result<Owes, Error> {
    let meter = meters::find(work, id)?;
    let utility = utilities.iter().find(|utility| utility.name == meter.utility.as_str());
    let utility = utility.ok_or_else(|| {
        let detail =
            format!("meter {} belongs to {}, which the configuration does not have", id.label(), meter.utility);
        Error::refused(Code::NotPossibleNow, detail)
    })?;
    if utility.sales.is_some() {
        let detail = format!("{} has a sales system of its own, and debts are kept there", meter.utility);
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    let tariff = utility.tariffs.get(meter.commodity.name());
    let debt = history::debt(work, &meter.utility, id)?;
    Ok(Owes {
        meter: id.label().to_string(),
        utility: utility.name.clone(),
        debt: Amount(debt, utility.currency),
        currency: utility.currency.code().to_owned(),
        is_recovered: tariff.is_some_and(|tariff| tariff.versions.iter().any(|version| version.debt.is_some())),
    })
}

/// Sets what the customer of a meter owes, in the name of `operator`, and notes that in the audit; gives what was owed before.
///
/// # Errors
/// As [`owes`]; [`Code::Malformed`] for an operator without a name, or a sum that is negative or over [`Money::MAX`].
pub fn change_debt(
    work: &mut Work<'_>,
    utilities: &[UtilityConfig],
    id: MeterId,
    debt: Money,
    operator: &str,
) -> Result<Owes, Error> {
    if !(Money::ZERO..=Money::MAX).contains(&debt) {
        return Err(Error::refused(Code::Malformed, "a debt is 0 or more, and not absurdly large"));
    }
    let meter = meters::lock(work, id)?;
    let before = owes(work, utilities, id)?;
    audit::note(work, id.as_str(), Action::SetDebt, operator)?;
    history::set_debt(work, &meter.utility, id, debt)?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::records::{DeliveryRecord, HexKey};
    use crate::store::{SqliteTx, Tx};
    use coinless_protocol::keys::KeyPair;

    fn enrolled(tx: &mut SqliteTx) -> MeterId {
        let record = DeliveryRecord {
            id: "CLS0000000017".to_owned(),
            label: "CLS0000000017-Z".to_owned(),
            commodity: "gas".to_owned(),
            public_key: HexKey(KeyPair::from_secret(&[1; 32]).unwrap().public_key()),
            initial_units: 0,
            max_credit_units: 1000,
            customer: None,
            place: None,
            money: None,
        };
        meters::enrol(&mut Work::new(tx, 5), &record, &"sample-utility".parse().unwrap()).unwrap()
    }

    #[test]
    fn who_set_a_debt_is_noted() {
        let mut tx = SqliteTx::in_memory().unwrap();
        let id = enrolled(&mut tx);
        let utilities = Config::default().utilities;
        let mut work = Work::new(&mut tx, 7);
        let owed = |work: &mut Work<'_>| owes(work, &utilities, id).unwrap().debt.to_string();
        assert_eq!(owed(&mut work), "0.00");
        let before = change_debt(&mut work, &utilities, id, Money::from_minor(6000), "manager").unwrap();
        assert_eq!((before.debt.to_string().as_str(), owed(&mut work).as_str()), ("0.00", "60.00"));
        assert!(!before.is_recovered);
        let rows = tx.query("SELECT subject, at_ms, action, operator FROM audit", &[]).unwrap();
        let row = &rows[0];
        let noted = (row.text(0).unwrap(), row.int(1).unwrap(), row.text(2).unwrap(), row.text(3).unwrap());
        assert_eq!((rows.len(), noted), (1, ("CLS0000000017", 7, "set_debt", "manager")));
    }

    #[test]
    fn what_makes_no_debt_is_refused() {
        let mut tx = SqliteTx::in_memory().unwrap();
        let id = enrolled(&mut tx);
        let utilities = Config::default().utilities;
        let mut refused = |utilities: &[UtilityConfig], minor, operator| {
            change_debt(&mut Work::new(&mut tx, 7), utilities, id, Money::from_minor(minor), operator)
                .unwrap_err()
                .details()
                .code
        };
        let code = |code: Code| code.name().to_owned();
        assert_eq!(refused(&utilities, -1, "manager"), code(Code::Malformed));
        assert_eq!(refused(&utilities, Money::MAX.minor() + 1, "manager"), code(Code::Malformed));
        assert_eq!(refused(&utilities, 1, " "), code(Code::Malformed));
        assert_eq!(refused(&[], 1, "manager"), code(Code::NotPossibleNow));
    }
}
