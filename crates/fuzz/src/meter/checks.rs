//! What must hold after every event.

use super::{Bench, Cause, Flash};
use coinless_meter::{Meter, State, ValveCommand};
use coinless_protocol::receipt::{Receipt, RegisterNumbers};
use coinless_protocol::report::Report;
use coinless_protocol::settings::Settings;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Commodity, FineCredit};
use std::collections::BTreeMap;

/// What was seen of a meter and must not be undone.
#[derive(Default)]
pub(super) struct Seen {
    state: Option<(State, RegisterNumbers)>,
    /// The last consumption, which a cut may lose besides the bound.
    pulse: i64,
    /// Payloads of receipts and reports by number: a number is used for one content only.
    statements: BTreeMap<u32, Vec<u8>>,
}

impl Seen {
    pub(super) fn pulsed(&mut self, fine: i64) {
        self.pulse = fine.max(0);
    }

    /// After a power cut nothing that was acknowledged is lost, and of consumption no more than `bound` and a pulse.
    pub(super) fn restarted(&mut self, meter: &Meter<Flash>, bound: FineCredit) {
        let after = seen(meter);
        let Some(before) = self.state.replace(after) else { return };
        let lost = before.0.metered.0.saturating_sub(after.0.metered.0);
        assert!(lost < bound.0.saturating_add(self.pulse), "a cut lost {lost}");
        not_undone(&before, &after);
    }

    fn at(&mut self, meter: &Meter<Flash>) {
        let after = seen(meter);
        if let Some(before) = self.state.replace(after) {
            assert!(after.0.metered >= before.0.metered && after.0.consumed >= before.0.consumed);
            not_undone(&before, &after);
        }
    }

    fn statement(&mut self, number: u32, payload: &[u8]) {
        let known = self.statements.entry(number).or_insert_with(|| payload.to_vec());
        assert_eq!(known, payload, "number {number} with two contents");
    }
}

fn seen(meter: &Meter<Flash>) -> (State, RegisterNumbers) {
    (*meter.state().expect("a state"), meter.registers())
}

/// What no event and no power cut may take back.
fn not_undone(before: &(State, RegisterNumbers), after: &(State, RegisterNumbers)) {
    let ((old, old_numbers), (new, new_numbers)) = (before, after);
    assert!(new.total >= old.total, "a total never falls");
    assert!(new_numbers.epoch >= old_numbers.epoch);
    if new_numbers.epoch == old_numbers.epoch {
        let numbers = |numbers: &RegisterNumbers| [numbers.credit.0, numbers.tariff, numbers.settings, numbers.keys];
        let mut pairs = numbers(new_numbers).into_iter().zip(numbers(old_numbers));
        assert!(pairs.all(|(new, old)| new >= old), "a number never falls");
        assert!(new.total == old.total || new_numbers.credit > old_numbers.credit, "one total for each number");
    }
    assert!(new.receipt_number >= old.receipt_number);
    assert!(new.sums.withdrawn >= old.sums.withdrawn && new.sums.charged >= old.sums.charged);
    assert!(new.debt_paid >= old.debt_paid);
    assert_eq!(new.sums.initial, old.sums.initial);
    assert!(new.closed || !old.closed, "closed for good");
}

impl Bench {
    /// Does what a port does after each call, and checks what must hold then.
    pub(super) fn drive(&mut self, cause: Cause) {
        let (now_ms, made_open_by_token) = (self.now_ms, self.open_by_token);
        let meter = self.meter();
        let command = meter.take_valve_command();
        let by_token = meter.terms().settings.open_by_token.unwrap_or(made_open_by_token);
        if command == Some(ValveCommand::Open) {
            assert!(meter.commodity() != Commodity::Gas || cause == Cause::Press, "gas without a press");
            assert!(cause == Cause::Press || (cause == Cause::Token && by_token), "opened by itself");
            assert!(meter.flags().causes.is_empty());
        }
        // The second journals what the first one did.
        meter.tick(now_ms);
        meter.tick(now_ms);
        let cut = meter.flash().is_cut();
        // What the ticks had to be driven comes with the next call.
        self.valve_open = command.map_or(self.valve_open, |command| command == ValveCommand::Open);
        if cut {
            self.restart(None);
            return self.drive(Cause::Other);
        }
        self.check();
    }

    fn check(&mut self) {
        let meter = self.meter.as_mut().expect("started");
        assert!(meter.fault().is_none() || self.overflown, "{:?}", meter.fault());
        if meter.fault().is_some() {
            return;
        }
        if let Some(command) = meter.take_valve_command() {
            assert_eq!(command, ValveCommand::Shut, "time opens nothing");
            self.valve_open = false;
        }
        let flags = meter.flags();
        assert!(!self.valve_open || flags.open, "the valve is never open where the meter says shut");
        let state = *meter.state().expect("in service");
        assert!(state.sums_hold());
        assert!(!flags.open || (flags.causes.is_empty() && !flags.armed));
        assert_eq!(flags.armed, !flags.open && flags.causes.is_empty(), "shut without a cause is armed");
        let settings = &meter.terms().settings;
        assert!(meter.commodity() != Commodity::Gas || settings.open_by_token != Some(true));
        if *settings == Settings::default() {
            assert!(state.balance.0 > 0 || flags.causes.contains(ShutCause::NoCredit));
        }
        // A technician may clear the closed account, but nobody the used-up credit that it leaves.
        assert!(!state.closed || flags.causes.contains(ShutCause::NoCredit), "closed and not shut");
        self.seen.at(meter);
    }

    /// Looks at what may be a receipt or a report.
    pub(super) fn statement(&mut self, bytes: &[u8]) {
        let setting = &self.setting;
        let (key, hash) = (&setting.meter_key, &setting.meter_hash);
        if let Ok((signed, receipt)) = Receipt::parse(bytes) {
            let number = receipt.number;
            self.seen.statement(number, signed.payload);
            assert!(Receipt::verified(bytes, key, hash).is_ok());
            let readings = setting.readings_key.open(number, &receipt.readings).expect("readings open");
            let sums = receipt.sums;
            let terms = [sums.initial.0, receipt.total.fine().0, -sums.withdrawn.0, -sums.charged.0];
            let sum = terms.iter().sum::<i64>() - readings.consumed.0;
            assert_eq!(readings.balance.0, sum, "the sum of a receipt");
        } else if let Ok(report) = Report::verified(bytes, key, hash) {
            self.seen.statement(report.number, bytes);
            assert!(setting.readings_key.open_report(&report).is_ok());
        }
    }
}
