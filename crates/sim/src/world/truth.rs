//! The truth that no part of the system keeps by itself: which lines each number counts and what each meter has loaded. And
//! the invariants that follow from it (DESIGN §8), checked where something happens.

use super::home::{Power, Seen};
use super::hub::Hub;
use coinless_protocol::{CreditNumber, MeterId, Units};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::meters;
use coinless_station::orders;
use coinless_station::problem::Error;
use coinless_station::provider::RefundRequest;
use coinless_station::work::Work;
use std::collections::{BTreeMap, BTreeSet};

/// A line: `order/line`.
type LineName = String;

/// What the world knows for certain.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Orders that changed since they were last checked.
    pub changed: BTreeSet<String>,
    /// Where each meter is among the homes.
    pub places: BTreeMap<MeterId, usize>,
    /// The lines that each number counts, as they were when it was committed, and its total.
    counted: BTreeMap<(MeterId, CreditNumber), (BTreeSet<LineName>, Units)>,
}

impl Hub {
    /// Notes which lines a number counts that was just committed. Subject: meter/epoch/number.
    pub fn note_committed(&mut self, subject: &str) {
        let mut parts = subject.split('/');
        let meter = parts.next().and_then(|id| id.parse::<MeterId>().ok());
        let number = parts.nth(1).and_then(|number| number.parse().ok()).map(CreditNumber);
        let (Some(meter), Some(number)) = (meter, number) else {
            return self.fail(format!("a number without a name: {subject}"));
        };
        let Ok((lines, sum, total)) = self.read(|work| counted_now(work, meter, number)) else { return };
        if sum != total {
            self.fail(format!("number {} of {meter} has total {total:?}, its live lines {sum:?}", number.0));
        }
        let known = self.truth.counted.insert((meter, number), (lines.clone(), total));
        if known.is_some_and(|known| known != (lines, total)) {
            self.fail(format!("number {} of {meter} was committed twice", number.0));
        }
    }

    /// The lines that a meter has loaded: those that its number counts.
    pub fn loaded(&self, at: usize) -> BTreeSet<LineName> {
        let home = &self.homes[at];
        let counted = self.truth.counted.get(&(home.id, home.seen.number));
        counted.map(|(lines, _)| lines.clone()).unwrap_or_default()
    }

    fn is_loaded(&self, meter: MeterId, line: &str) -> bool {
        self.truth.places.get(&meter).is_some_and(|at| self.loaded(*at).contains(line))
    }

    /// Checks a meter after something happened to it.
    pub fn check_meter(&mut self, at: usize) {
        let home = &self.homes[at];
        let Power::On(meter) = &home.power else { return };
        let (id, seen, fault) = (home.id, home.seen, meter.meter().fault());
        let max_credit = meter.meter().max_credit();
        let Some(state) = meter.meter().state().copied().filter(|_| fault.is_none()) else {
            return self.fail(format!("{id} is out of service: {fault:?}"));
        };
        if !state.sums_hold() {
            self.fail(format!("the sums of {id} do not hold"));
        }
        if state.balance > max_credit.fine() {
            self.fail(format!("{id} holds {:?}, at most it may {max_credit:?}", state.balance));
        }
        let now = Seen { number: state.credit, total: state.total, consumed: state.consumed };
        if now.number < seen.number || now.total < seen.total || now.consumed < seen.consumed {
            self.fail(format!("a register of {id} fell: {seen:?}, then {now:?}"));
        }
        if now.number != seen.number {
            self.check_loading(at, now);
        } else if now.total != seen.total {
            self.fail(format!("{id} has another total for the same number: {seen:?}, then {now:?}"));
        }
        self.homes[at].seen = now;
    }

    /// A meter has taken a number: its total is the one signed, what it had loaded stays loaded, and nothing that it loads was
    /// given back.
    fn check_loading(&mut self, at: usize, now: Seen) {
        let id = self.homes[at].id;
        let before = self.loaded(at);
        let Some((lines, total)) = self.truth.counted.get(&(id, now.number)).cloned() else {
            return self.fail(format!("{id} stands at number {}, which was never committed", now.number.0));
        };
        if total != now.total {
            self.fail(format!("{id} has total {:?} for number {}, signed was {total:?}", now.total, now.number.0));
        }
        if let Some(gone) = before.difference(&lines).next() {
            self.fail(format!("{id} had loaded {gone}, and number {} does not count it", now.number.0));
        }
        for line in lines.difference(&before) {
            let Ok(found) = self.read(|work| orders::line_of_subject(work, line)) else { continue };
            // A refund that was declined before a restore is forgotten with it.
            let given = self.provider.refunds.get(line).is_some_and(|refund| refund.given || self.station.era == 0);
            if is_taken_back(found.state) || given {
                self.fail(format!("{id} loads {line}, which is {}", found.state.name()));
            }
            self.stats.count("lines loaded");
        }
    }

    /// The provider is about to give money back.
    pub fn truth_of_refund(&mut self, request: &RefundRequest) {
        if self.from_lost_era {
            return;
        }
        let Ok(line) = self.read(|work| orders::line_of_subject(work, &request.refund_id)) else {
            return self.fail(format!("a refund of no line: {}", request.refund_id));
        };
        if self.is_loaded(line.meter, &request.refund_id) {
            self.fail(format!("line {} is refunded and loaded", request.refund_id));
        }
        if !matches!(line.state, LineState::SaleReversed | LineState::Failed) || line.amount != request.amount {
            self.fail(format!("line {} is refunded in state {}", request.refund_id, line.state.name()));
        }
        let given =
            self.provider.refunds.values().filter(|refund| refund.payment == request.payment_id && refund.given);
        let sum: i64 = given.map(|refund| refund.amount.minor()).sum::<i64>() + request.amount.minor();
        let captured = self.captured_at_provider(&request.payment_id).unwrap_or(0);
        if sum > captured {
            self.fail(format!("{sum} of payment {} are given back, {captured} were collected", request.payment_id));
        }
    }

    /// The sales system is about to take a sale back.
    pub fn truth_of_reversal(&mut self, sale: &str) {
        let Ok(line) = self.read(|work| orders::line_of_subject(work, sale)) else { return };
        // A late call may find the refund declined already, and the line before a person.
        // Or the station lost its patience before it was sold.
        let unsold = matches!(line.state, LineState::Paid | LineState::SaleUnknown);
        let taken_back = is_taken_back(line.state) || unsold || self.provider.refunds.contains_key(sale);
        if self.is_loaded(line.meter, sale) || !taken_back {
            self.fail(format!("the sale {sale} is taken back in state {}", line.state.name()));
        }
    }

    /// Checks an order that changed: its payment against the provider, its lines against their meters.
    pub fn check_order(&mut self, id: &str) {
        let found = self.read(|work| {
            let row = work.query_first("SELECT captured FROM orders WHERE order_id = $1", &[id.into()])?;
            let captured = row.map_or(Ok(0), |row| row.int(0))?;
            Ok((orders::find(work, id)?, captured, orders::lines(work, id)?))
        });
        let Ok((order, captured, lines)) = found else { return };
        let at_provider = self.captured_at_provider(id);
        let asked = self.provider.payments.contains_key(id);
        let money_fits = match order.payment {
            PaymentState::None => (!asked || self.station.era > 0) && captured == 0,
            PaymentState::Sent | PaymentState::Unknown => captured == 0,
            PaymentState::Captured | PaymentState::Exception => at_provider == Some(captured),
            PaymentState::TakenBack => false,
            PaymentState::Declined => at_provider.is_none() && captured == 0,
        };
        if !money_fits {
            self.fail(format!("order {id}: payment {:?} of {captured}, provider {at_provider:?}", order.payment));
        }
        if order.payment == PaymentState::Unknown {
            self.stats.count("changes of orders with an unknown payment");
        }
        for line in lines {
            let (name, state) = (line.subject(), line.state);
            let loaded = self.is_loaded(line.meter, &name);
            if state == LineState::SaleUnknown {
                self.stats.count("changes of orders with an unknown sale");
            }
            if (loaded && is_taken_back(state)) || (!loaded && state == LineState::Delivered) {
                self.fail(format!("line {name} is {}, and loaded: {loaded}", state.name()));
            }
            let refunded = self.provider.refunds.get(&name).is_some_and(|refund| refund.given);
            if state == LineState::Refunded && !refunded {
                self.fail(format!("line {name} is refunded here and not at the provider"));
            }
        }
    }

    /// What the provider has collected under an id.
    pub fn captured_at_provider(&self, id: &str) -> Option<i64> {
        match self.provider.payments.get(id)?.status {
            super::provider::Status::Captured(amount) => Some(amount.minor()),
            _ => None,
        }
    }
}

/// Whether a line in this state can never be loaded any more.
fn is_taken_back(state: LineState) -> bool {
    matches!(state, LineState::Voided | LineState::SaleReversed | LineState::Refunded | LineState::Failed)
}

/// The live lines of a meter, the sum of their units, and the total of `number`.
fn counted_now(
    work: &mut Work<'_>,
    meter: MeterId,
    number: CreditNumber,
) -> Result<(BTreeSet<LineName>, Units, Units), Error> {
    let rows = work.query(
        "SELECT order_id, line, units FROM meter_line WHERE meter_id = $1 AND state IN ('issued', 'delivered')",
        &[meter.as_str().into()],
    )?;
    let (mut lines, mut sum) = (BTreeSet::new(), Units::ZERO);
    for row in &rows {
        lines.insert(format!("{}/{}", row.text(0)?, row.int(1)?));
        let units = meters::stored_units(row, 2)?;
        sum = sum.checked_add(units).ok_or_else(|| Error::inconsistent("units"))?;
    }
    let row = work.query_first(
        "SELECT total FROM token WHERE meter_id = $1 AND epoch = 0 AND number = $2",
        &[meter.as_str().into(), number.0.into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("a committed token is missing"))?;
    Ok((lines, sum, meters::stored_units(&row, 0)?))
}
