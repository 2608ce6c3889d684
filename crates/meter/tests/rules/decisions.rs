//! The table of outcomes: each row is what holds first.

use crate::table;
use coinless_meter::{Standing, decide};
use coinless_protocol::keys::KeyHint;
use coinless_protocol::receipt::{Decision, RegisterNumbers};
use coinless_protocol::token::{Conditions, Credit, Needs, Order, RefusedRange, Set, Token};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, MAX_NUMBER_JUMP, Register, Units};

fn units(units: u64) -> Units {
    Units::new(units).unwrap()
}

/// A meter at number 10, full to the brim, and a token that it would take if it were not.
struct Case {
    standing: Standing,
    epoch: Epoch,
    read: bool,
    credit: Credit,
}

impl Case {
    fn new() -> Self {
        let registers = RegisterNumbers { credit: CreditNumber(10), ..RegisterNumbers::default() };
        let standing = Standing {
            registers,
            valve: 0,
            total: units(1000),
            balance: FineCredit(0),
            max_credit: units(1000),
            closed: false,
            unpriced: false,
            clock_is_news: false,
        };
        let register = Register { number: CreditNumber(11), total: units(1500) };
        let credit = Credit { register, conditions: Conditions::default(), closing: false };
        Self { standing, epoch: Epoch(0), read: false, credit }
    }

    /// Makes the row with this outcome hold. *Bad content* and *applied* are no conditions of this kind.
    fn with(&mut self, outcome: &str) {
        let conditions = &mut self.credit.conditions;
        match outcome {
            "read" => self.read = true,
            "other epoch" => self.epoch = Epoch(7),
            "not newer" => self.credit.register.number = CreditNumber(10),
            "jump too far" => self.credit.register.number = CreditNumber(11 + MAX_NUMBER_JUMP),
            "in refused range" => conditions.refused = RefusedRange::new(CreditNumber(1), CreditNumber(10)),
            "total would fall" => self.credit.register.total = units(999),
            "closed" => self.standing.closed = true,
            "needs newer register" => conditions.needs = Needs { tariff: 9, ..Needs::default() },
            "not yet" => self.standing.balance = FineCredit(900_000),
            "bad content" | "applied" => {}
            outcome => panic!("no decision is called '{outcome}'"),
        }
    }

    fn decided(&self) -> &'static str {
        let order = match self.read {
            true => Order::Read([0; 8]),
            false => Order::Set(Set { credit: Some(self.credit), ..Set::default() }),
        };
        let token =
            Token { meter: "CLS0000000017".parse().unwrap(), meter_key: KeyHint([0; 4]), epoch: self.epoch, order };
        decide(&self.standing, &token).decision.name()
    }
}

#[test]
fn the_first_row_that_holds_is_the_outcome() {
    let rows = table::read(&["the token", "outcome"]);
    let outcomes: Vec<_> = rows.iter().map(|row| row.cells[1].as_str()).collect();
    // A number cannot be both, and whether a content is one is seen only when it would be taken.
    let alone = |first: &str, later: &str| (first, later) == ("not newer", "jump too far");
    for (at, first) in outcomes.iter().enumerate() {
        for later in outcomes.iter().skip(at).filter(|later| !alone(first, later)) {
            let mut case = Case::new();
            // The first one last, as it may touch the same field.
            case.with(later);
            case.with(first);
            let decided = case.decided();
            let expected = if *first == "bad content" { *later } else { *first };
            if expected != "bad content" {
                assert_eq!(decided, expected, "{first} and {later}");
            }
        }
    }
    let known: Vec<_> = (0..=10)
        .map(|code| Decision::from_code(code, u64::from(code == 6)).or(Decision::from_code(code, 0)).unwrap().name())
        .collect();
    assert!(known.iter().all(|name| outcomes.contains(name)) && known.len() == outcomes.len(), "{known:?}");
}
