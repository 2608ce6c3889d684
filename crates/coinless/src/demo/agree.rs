//! The end of the demo's purchase: the meters' balances, the ledger and the receipts must say the same.

use super::FAMILY;
use super::once::{Story, text};
use crate::output::Failure;
use serde_json::{Value, json};

/// Compares; `loaded` is what each meter said when it took its token, and `used_fine` what of the gas was used since.
pub(super) fn agree(story: &mut Story<'_>, order: &str, loaded: &[Value], used_fine: i64) -> Result<(), Failure> {
    let order = story.newest("order", Some(order))?;
    let ledger = story.newest("ledger", None)?;
    let (mut checks, mut balances) = (Vec::new(), Vec::new());
    for (place, (family, loaded)) in FAMILY.iter().zip(loaded).enumerate() {
        let meter = story.control(place, "show", "show")?;
        let receipt = story.newest("receipts", Some(family.id))?;
        let line = &order["lines"][place];
        let used = if place == 0 { used_fine } else { 0 };
        let left = loaded["balance_fine"].as_i64().map(|fine| fine - used);
        balances.push(text(&meter["balance"]));
        checks.extend([
            ("a line is delivered", line["state"] == "delivered"),
            ("a line is of its utility", line["utility"] == family.utility),
            ("a meter's total is what was bought", meter["total_units"] == line["quote"]["units"]),
            ("a receipt's total is the meter's", receipt["total_units"] == meter["total_units"]),
            ("a receipt's number is the meter's", receipt["credit_number"] == meter["number"]),
            ("a receipt's balance is what the meter showed", receipt["balance_fine"] == loaded["balance_fine"]),
            ("a balance is that less what was used", left.is_some() && meter["balance_fine"].as_i64() == left),
        ]);
    }
    let balance = |account: &str| {
        let mut accounts = ledger["accounts"].as_array().into_iter().flatten();
        accounts.find(|known| text(&known["account"]).starts_with(account)).map(|known| text(&known["balance"]))
    };
    let holds = |account, expected: &str| balance(account).as_deref() == Some(expected);
    checks.extend([
        ("the books add up to zero", ledger["balanced"] == true),
        ("the money was captured, once", holds("provider:sandbox:clearing", "100.00")),
        ("nothing is held", holds("payer_money_held", "0.00")),
        ("nothing is sold and undelivered", holds("sold_undelivered", "0.00")),
        // 50.00 and 30.00 without 19 %, each rounded: 42.02 + 25.21.
        ("the one utility is owed its part", holds("utility:sample-energy:payable", "-67.23")),
        ("and its tax", holds("utility:sample-energy:tax", "-12.77")),
        // 20.00 without 7 %.
        ("the other utility is owed its part", holds("utility:sample-water:payable", "-18.69")),
        ("and its tax", holds("utility:sample-water:tax", "-1.31")),
    ]);
    let wrong: Vec<_> = checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| *what).collect();
    let value = json!({ "agree": wrong.is_empty(), "wrong": wrong });
    if wrong.is_empty() {
        let (count, balances) = (checks.len(), balances.join(", "));
        let line = format!("meters, ledger and receipts agree: balances {balances}; {count} checks");
        return story.tell("agree", &value, &[line]);
    }
    story.tell("DISAGREE", &value, &wrong.iter().map(|what| format!("not so: {what}")).collect::<Vec<_>>())?;
    Err(Failure::new("meters, ledger and receipts do not agree"))
}
