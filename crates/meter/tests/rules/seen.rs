//! What can be seen of a meter, and the words for what changed.

use crate::support::Flash;
use coinless_meter::Meter;
use coinless_meter::State;
use coinless_protocol::FineCredit;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::report::Event;
use coinless_protocol::state::ShutCause;

/// A meter at one moment.
pub struct Seen {
    open: bool,
    state: State,
    registers: RegisterNumbers,
    emergency_offered: bool,
    debt: FineCredit,
    price: Option<u64>,
    largest: u64,
}

impl Seen {
    pub fn of(meter: &Meter<Flash>, open: bool) -> Self {
        Self {
            open,
            state: *meter.state().unwrap(),
            registers: meter.registers(),
            emergency_offered: meter.offers_emergency(),
            debt: meter.debt(),
            price: meter.price(),
            largest: meter.max_credit().get(),
        }
    }

    /// What is different `after`, in the words of the table.
    pub fn until(&self, after: &Self) -> Vec<String> {
        let mut words = Vec::new();
        let mut flag = |before: bool, after: bool, begins: &str, ends: &str| {
            if before != after {
                words.push(if after { begins } else { ends }.to_owned());
            }
        };
        let (old, new) = (&self.state, &after.state);
        flag(self.open, after.open, "opens", "shuts");
        flag(old.flags.armed, new.flags.armed, "armed", "no longer armed");
        flag(old.watch, new.watch, "check begins", "check ends");
        flag(old.by_hand, new.by_hand, "by hand only", "no longer by hand only");
        flag(old.flags.valve_failed, new.flags.valve_failed, "valve failed", "valve repaired");
        flag(old.emergency, new.emergency, "emergency credit taken", "emergency credit paid back");
        flag(
            self.emergency_offered,
            after.emergency_offered,
            "emergency credit offered",
            "no emergency credit offered",
        );
        flag(old.friendly, new.friendly, "friendly credit begins", "friendly credit ends");
        flag(old.closed, new.closed, "closed", "not closed");
        flag(old.clock_trusted, new.clock_trusted, "clock known", "clock not known");
        for cause in ShutCause::ALL {
            let name = cause.words();
            let (before, after) = (old.flags.causes.contains(cause), new.flags.causes.contains(cause));
            flag(before, after, &format!("cause {name}"), &format!("no longer cause {name}"));
        }
        words.extend(self.counts(after));
        words.extend(self.amounts(after));
        words
    }

    fn counts(&self, after: &Self) -> Vec<String> {
        let mut words = Vec::new();
        for event in Event::ALL {
            match after.state.events.of(event) - self.state.events.of(event) {
                0 => {}
                1 => words.push(format!("counted: {}", event.words())),
                more => words.push(format!("counted {more} times: {}", event.words())),
            }
        }
        let numbers = |seen: &Self| {
            let RegisterNumbers { epoch, credit, tariff, settings, keys } = seen.registers;
            let valve = seen.state.in_epoch(epoch).valve;
            [
                ("epoch", u32::from(epoch.0)),
                ("credit number", credit.0),
                ("tariff number", tariff),
                ("settings number", settings),
                ("keys number", keys),
                ("valve number", valve),
                ("alarm", u32::from(seen.state.alarm)),
                ("uncontrolled openings", u32::from(seen.state.openings)),
            ]
        };
        for ((name, before), (_, after)) in numbers(self).into_iter().zip(numbers(after)) {
            if before != after {
                words.push(format!("{name} {after}"));
            }
        }
        if self.price != after.price {
            words.extend(after.price.map(|price| format!("price {price}")));
        }
        if self.largest != after.largest {
            words.push(format!("largest credit {}", after.largest));
        }
        words
    }

    fn amounts(&self, after: &Self) -> Vec<String> {
        let (old, new) = (&self.state, &after.state);
        let total = |state: &State| state.total.fine();
        let amounts = [
            ("added", total(old), total(new)),
            ("used", old.consumed, new.consumed),
            ("charged", old.sums.charged, new.sums.charged),
            ("withdrawn", old.sums.withdrawn, new.sums.withdrawn),
            ("debt paid", old.debt_paid, new.debt_paid),
        ];
        assert!(new.sums_hold(), "the sum of DESIGN §6");
        let mut words: Vec<_> = amounts
            .into_iter()
            .filter(|(_, before, after)| before != after)
            .map(|(name, before, after)| format!("{name} {}", units(after.0 - before.0)))
            .collect();
        // What is measured is said where it is not what is used.
        let (measured, used) = (new.metered.0 - old.metered.0, new.consumed.0 - old.consumed.0);
        if measured != used {
            words.push(format!("measured {}", units(measured)));
        }
        if self.debt != after.debt && old.debt_paid == new.debt_paid {
            words.push(format!("debt {}", units(after.debt.0)));
        }
        words
    }
}

/// Thousandths as units, without needless digits.
fn units(fine: i64) -> String {
    let (sign, fine) = (if fine < 0 { "-" } else { "" }, fine.unsigned_abs());
    match fine % 1_000 {
        0 => format!("{sign}{}", fine / 1_000),
        rest => format!("{sign}{}.{}", fine / 1_000, format!("{rest:03}").trim_end_matches('0')),
    }
}

/// Words that must be in the table somewhere: every cause and every event, and what else may begin and end.
pub fn words() -> Vec<String> {
    let causes = ShutCause::ALL.into_iter().map(|cause| format!("; cause {}", cause.words()));
    let ended = ShutCause::ALL
        .into_iter()
        .filter(|cause| !matches!(cause, ShutCause::ClosedAccount | ShutCause::Fault))
        .map(|cause| format!("no longer cause {}", cause.words()));
    let events = Event::ALL.into_iter().map(|event| format!("counted: {}", event.words()));
    let others = [
        "opens",
        "shuts",
        "; armed",
        "no longer armed",
        "check begins",
        "check ends",
        "by hand only",
        "no longer by hand only",
        "valve failed",
        "valve repaired",
        "emergency credit taken",
        "emergency credit paid back",
        "emergency credit offered",
        "no emergency credit offered",
        "friendly credit begins",
        "friendly credit ends",
        "; closed",
        "clock known",
        "clock not known",
        "alarm 0",
        "alarm 1",
        "alarm 2",
        "withdrawn",
        "charged",
        "debt paid",
        "price",
        "measured",
        "epoch 1",
        "driven shut again",
    ];
    causes.chain(ended).chain(events).chain(others.map(str::to_owned)).collect()
}
