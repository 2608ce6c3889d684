//! The end of a world: no faults any more, everybody delivers and syncs, and then nothing may be left open.

use super::home::{Power, Seen};
use super::hub::{Event, Hub};
use super::phones::{Errand, Phone};
use super::station::PROVIDER;
use super::{Violation, World};
use coinless_phone::wire::{LineState, LineView};
use coinless_protocol::{MeterId, Units};
use coinless_station::ledger::{self, Account, Balance};
use coinless_station::meters;
use coinless_station::store::Row;

/// Most rounds of everybody delivering and syncing until nothing changes.
const MAX_ROUNDS: usize = 20;
/// Rounds after which people take back what a meter still cannot take.
const PATIENT_ROUNDS: usize = 4;
/// Most events of one round.
const MAX_EVENTS: u64 = 200_000;
/// Longer than any opening check, in milliseconds.
const WATCH_MS: u64 = 61_000;
/// Pulses in which a full meter is used up.
const PULSES: u32 = 40;

/// What changes as long as something is going on.
#[derive(PartialEq, Eq)]
struct Condition {
    versions: i64,
    meters: Vec<Seen>,
    tokens: usize,
    unacknowledged: usize,
}

impl World {
    /// Ends all faults, lets everybody deliver and sync until nothing changes, and checks that nothing is left open.
    ///
    /// # Errors
    /// The first [`Violation`], also if it does not become quiet.
    pub fn quiesce(&mut self) -> Result<(), Violation> {
        {
            let hub = &mut *self.hub.borrow_mut();
            hub.faults = Default::default();
            hub.quiet = true;
            hub.tell(|| "no more faults".to_owned());
        }
        let mut before = None;
        for round in 0..MAX_ROUNDS {
            self.drain()?;
            self.everybody()?;
            if self.scale.restores > 0 && round >= PATIENT_ROUNDS {
                self.take_back()?;
            }
            let recovers = self.hub.borrow_mut().go_on_recovering();
            let now = self.condition();
            let carries = |phone: &Phone| !phone.meters().is_empty();
            let waits = self.scale.restores > 0 && round <= PATIENT_ROUNDS && self.phones.iter().any(carries);
            if before.as_ref() == Some(&now) && !recovers && !waits {
                return self.judge();
            }
            before = Some(now);
        }
        self.hub.borrow_mut().fail("it does not become quiet".to_owned());
        self.verdict()
    }

    /// Lets everything happen that is under way.
    fn drain(&mut self) -> Result<(), Violation> {
        for _ in 0..MAX_EVENTS {
            if self.hub.borrow().is_idle() {
                return Ok(());
            }
            self.step();
            self.check()?;
        }
        self.hub.borrow_mut().fail("it goes on for ever".to_owned());
        self.verdict()
    }

    fn everybody(&mut self) -> Result<(), Violation> {
        for which in 0..self.phones.len() {
            if !self.phones[which].paper.is_empty() {
                let orders = self.phones[which].paper.clone();
                self.errand(which, Errand::Recover { orders })?;
            }
            self.errand(which, Errand::Sync)?;
            for meter in self.phones[which].meters() {
                self.visit(which, meter)?;
            }
        }
        Ok(())
    }

    /// After a restore a meter may be owed more at once than it can ever take: whoever waits for that asks for the money back.
    fn take_back(&mut self) -> Result<(), Violation> {
        for which in 0..self.phones.len() {
            for meter in self.phones[which].meters() {
                let orders = self.phones[which].orders();
                let waits = |line: &LineView| line.meter == meter.as_str() && line.state == LineState::Issued;
                let line = orders.iter().find_map(|order| {
                    let line = order.view.as_ref()?.lines.iter().find(|line| waits(line))?;
                    Some((order.id, line.line))
                });
                if let Some((order, line)) = line {
                    self.errand(which, Errand::Refund { order, line: Some(line) })?;
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, which: usize, meter: MeterId) -> Result<(), Violation> {
        let Some(at) = self.hub.borrow().truth.places.get(&meter).copied() else { return Ok(()) };
        self.errand(which, Errand::Deliver { meter: at })?;
        self.errand(which, Errand::Sync)?;
        if self.phones[which].meters().contains(&meter) {
            // Too full, or it has to be told twice: some of its credit is used first.
            self.use_up(at)?;
            self.errand(which, Errand::Deliver { meter: at })?;
            self.errand(which, Errand::Sync)?;
        }
        Ok(())
    }

    fn errand(&mut self, which: usize, errand: Errand) -> Result<(), Violation> {
        self.begin(which, errand);
        self.drain()
    }

    fn use_up(&mut self, at: usize) -> Result<(), Violation> {
        {
            let hub = &mut *self.hub.borrow_mut();
            hub.clear(at);
            hub.press(at);
            hub.after(WATCH_MS, Event::MeterDue { meter: at });
        }
        self.drain()?;
        let hub = &mut *self.hub.borrow_mut();
        if let Power::On(meter) = &hub.homes[at].power {
            let units = meter.balance().0 / 1000;
            hub.consume(at, units / i64::from(PULSES) + 1, PULSES + 1);
        }
        Ok(())
    }

    fn condition(&mut self) -> Condition {
        let contents = || self.phones.iter().map(|phone| phone.handset.memory.borrow());
        let tokens = contents().map(|memory| memory.contents.tokens.len()).sum();
        let unacknowledged = |memory: &coinless_phone::memory_store::MemoryStore| {
            memory.contents.receipts.iter().filter(|receipt| !receipt.acknowledged).count()
        };
        let unacknowledged = contents().map(|memory| unacknowledged(&memory)).sum();
        let hub = &mut *self.hub.borrow_mut();
        let versions = hub.number("SELECT CAST(COALESCE(sum(version), 0) AS BIGINT) FROM orders");
        Condition { versions, meters: hub.homes.iter().map(|home| home.seen).collect(), tokens, unacknowledged }
    }

    /// Nothing is left open, and everything fits.
    fn judge(&mut self) -> Result<(), Violation> {
        for which in 0..self.phones.len() {
            self.close_wish(which);
            if let Some(order) = self.phones[which].orders().iter().find(|order| is_waiting(order)) {
                self.hub.borrow_mut().fail(format!("phone {which} still waits for order {}", order.id));
            }
        }
        {
            let hub = &mut *self.hub.borrow_mut();
            hub.judging = true;
            if let Err(error) = hub.sweep() {
                hub.fail(error.to_string());
            }
            let balances = hub.read(ledger::balances).unwrap_or_default();
            hub.check_books(&balances);
            let held = hub.judge_lines();
            hub.judge_meters();
            hub.count_recovered();
            hub.judge_accounts(&balances, &held);
            let tasks = hub.number("SELECT count(*) FROM outbox");
            if tasks != 0 {
                hub.fail(format!("{tasks} tasks are left"));
            }
        }
        self.verdict()
    }
}

/// What waits for a person, which is all that may be left.
#[derive(Debug, Default)]
struct Held {
    /// Lines whose refund was declined: minor units.
    refunds_due: i64,
}

impl Hub {
    pub(super) fn number(&mut self, sql: &'static str) -> i64 {
        self.rows(sql).first().and_then(|row| row.int(0).ok()).unwrap_or(-1)
    }

    fn rows(&mut self, sql: &'static str) -> Vec<Row> {
        self.read(|work| Ok(work.query(sql, &[])?)).unwrap_or_default()
    }

    /// Checks every entry of the ledger, and the ledger against the orders and the provider.
    pub(super) fn check_books(&mut self, balances: &[Balance]) {
        if let Err(error) = self.read(ledger::check) {
            self.fail(error.to_string());
        }
        if self.station.era > 0 && !self.judging {
            // Until its recovery ends and its phones are back, a restored station knows less than others.
            return;
        }
        let noted = self.number("SELECT CAST(COALESCE(sum(captured), 0) AS BIGINT) FROM orders");
        // What the provider holds, and what it gave back.
        let refunded = self.number(
            "SELECT CAST(COALESCE(sum(-e.amount), 0) AS BIGINT) FROM entry e
             JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
             WHERE m.event = 'refunded' AND e.amount < 0",
        );
        let captured = balance(balances, &Account::Clearing(PROVIDER.to_owned())) + refunded;
        let under_way = "SELECT order_id FROM orders WHERE payment_state IN ('sent', 'unknown')";
        let under_way: Vec<_> =
            self.rows(under_way).iter().filter_map(|row| Some(row.text(0).ok()?.to_owned())).collect();
        let waiting: i64 = under_way.iter().filter_map(|id| self.captured_at_provider(id)).sum();
        let all: i64 = self.provider.payments.keys().filter_map(|id| self.captured_at_provider(id)).sum();
        // Accepted in a life that is forgotten, and paid when the quote had run out here: the daily comparison finds that.
        let unaccepted = "SELECT order_id FROM order_line WHERE state = 'expired' GROUP BY order_id";
        let unaccepted: Vec<_> =
            self.rows(unaccepted).iter().filter_map(|row| Some(row.text(0).ok()?.to_owned())).collect();
        let forgotten: i64 = unaccepted.iter().filter_map(|id| self.captured_at_provider(id)).sum();
        if captured != noted || captured + waiting + forgotten != all || (forgotten > 0 && self.station.era == 0) {
            self.fail(format!(
                "captured: {captured} in the ledger, {noted} in the orders, {all} at the provider, {waiting} under way, \
                 {forgotten} forgotten"
            ));
        }
        let given = self.provider.refunds.values().filter(|refund| refund.given);
        let given: i64 = given.map(|refund| refund.amount.minor()).sum();
        if refunded > given || given > captured {
            self.fail(format!("refunded: {refunded} in the ledger, {given} at the provider of {captured}"));
        }
        let odd = "SELECT subject, cause, detail FROM exception WHERE cause NOT IN ('refund_declined', 'other_amount', 'sale_stuck',
                   'recovery_waits')";
        if let Some(row) = self.rows(odd).first() {
            self.fail(format!("an exception without a reason: {row:?}"));
        }
    }

    /// Every line is delivered or refunded, was never paid, or is an exception that a person is shown.
    fn judge_lines(&mut self) -> Held {
        let lines = self.rows(
            "SELECT l.order_id, l.line, l.meter_id, l.amount, l.units, l.state, o.captured,
                    (SELECT min(e.cause) FROM exception e
                     WHERE e.subject = l.order_id OR e.subject = l.order_id || '/' || l.line),
                    (SELECT s.state FROM sale s WHERE s.sale_id = l.order_id || '/' || l.line)
             FROM order_line l JOIN orders o ON o.order_id = l.order_id",
        );
        let mut held = Held::default();
        for line in &lines {
            let text = |at| line.optional_text(at).ok().flatten().unwrap_or("");
            let number = |at| line.int(at).unwrap_or(-1);
            let (state, cause, sale) = (text(5), text(7), text(8));
            let fits = match (state, cause) {
                ("delivered", _) => sale == "sold",
                ("refunded", _) => sale == "reversed",
                ("expired", _) => number(6) == 0 && sale.is_empty(),
                ("failed", _) => number(6) == 0 && sale.is_empty(),
                ("exception", "refund_declined") => {
                    held.refunds_due += number(3);
                    sale == "reversed"
                }
                ("exception", "other_amount" | "captured_after_decline") => sale.is_empty(),
                _ => false,
            };
            if !fits {
                self.fail(format!("a line is forgotten: {line:?}"));
            }
            self.stats.count(match state {
                "delivered" => "lines delivered in the end",
                "refunded" => "lines refunded in the end",
                "exception" => "lines before a person in the end",
                _ => "lines never paid in the end",
            });
        }
        let settled = "SELECT count(*) FROM meter_line WHERE state = 'delivered' AND last_number IS NOT NULL";
        let loaded = self.number(settled);
        let voided = self.number("SELECT count(*) FROM meter_line WHERE state = 'voided'");
        self.stats.add("voids that found their line loaded", loaded.max(0) as u64);
        self.stats.add("voids that found their line not loaded", voided.max(0) as u64);
        held
    }

    /// Every meter has all its live lines, no room is reserved for nothing, and its newest receipt is what counts.
    fn judge_meters(&mut self) {
        let stale = "SELECT meter_id FROM meter m WHERE receipt_number <>
                     (SELECT max(r.number) FROM receipt r WHERE r.meter_id = m.meter_id)";
        if let Some(row) = self.rows(stale).first() {
            self.fail(format!("the newest receipt of a meter is not the one that counts: {row:?}"));
        }
        for meter in self.read(meters::all).unwrap_or_default() {
            let Some(at) = self.truth.places.get(&meter.id).copied() else { continue };
            let total = self.homes[at].seen.total;
            if total != meter.live_total {
                self.fail(format!("{} has total {total:?}, its live lines are {:?}", meter.id, meter.live_total));
            }
            if meter.reserved != Units::ZERO {
                self.fail(format!("{:?} are still reserved in {}", meter.reserved, meter.id));
            }
        }
    }

    fn judge_accounts(&mut self, balances: &[Balance], held: &Held) {
        let other = self.number(
            "SELECT CAST(COALESCE(sum(captured), 0) AS BIGINT) FROM orders o WHERE EXISTS
             (SELECT 1 FROM exception e WHERE e.subject = o.order_id AND e.cause IN ('other_amount', 'captured_after_decline'))",
        );
        let expected = [
            (Account::PayerMoneyHeld, 0),
            (Account::SoldUndelivered, 0),
            (Account::Suspense, other),
            (Account::RefundsDue, held.refunds_due),
        ];
        for (account, explained) in expected {
            let left = -balance(balances, &account);
            if left != explained {
                self.fail(format!("{left} are left in {}, explained are {explained}", account.name()));
            }
        }
    }
}

fn balance(balances: &[Balance], account: &Account) -> i64 {
    let name = account.name();
    balances.iter().filter(|known| known.account == name).map(|known| known.balance.minor()).sum()
}

/// What waits for a person may do so for ever here: nobody looks.
fn is_waiting(order: &coinless_phone::records::StoredOrder) -> bool {
    order.is_open() && !order.view.as_ref().is_some_and(coinless_phone::wire::OrderView::waits_for_person)
}
