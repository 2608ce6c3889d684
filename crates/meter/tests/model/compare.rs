//! Whether a meter, its receipts and its reports are what the model says.

use crate::play::{Game, Played};
use crate::support::meter_key;
use coinless_protocol::Challenge;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::Report;

/// Says that the meter and the model differ in `$what`, if they do.
macro_rules! same {
    ($what:expr, $meter:expr, $model:expr) => {
        match ($meter, $model) {
            (meter, model) if meter == model => {}
            (meter, model) => return Err(format!("{}: the meter {meter:?}, the model {model:?}", $what)),
        }
    };
}

impl Game {
    /// Whether the meter is what the model says.
    pub fn compare(&self) -> Played {
        let (meter, model, facts) = (self.meter.as_ref().unwrap(), &self.model, &self.model.facts);
        same!("fault", meter.fault(), None);
        let state = meter.state().unwrap();
        same!("balance", i128::from(state.balance.0), model.balance());
        let sums = [
            ("initial", state.sums.initial, i128::from(model.made.initial) * 1_000),
            ("withdrawn", state.sums.withdrawn, model.withdrawn()),
            ("charged", state.sums.charged, model.charged()),
            ("consumed", state.consumed, model.consumed()),
            ("metered", state.metered, model.measured()),
            ("debt paid", state.debt_paid, model.debt_paid()),
            ("debt", meter.debt(), model.debt()),
            ("used in this month", state.used_in_month, model.used_in_month()),
        ];
        for (name, really, expected) in sums {
            same!(name, i128::from(really.0), expected);
        }
        let registers = meter.registers();
        let numbers = [registers.credit.0, registers.tariff, registers.settings, registers.keys];
        let terms = &model.terms;
        let expected = [model.credit_number(), terms.tariff.0, terms.settings.0, terms.keys.0];
        same!("register numbers", (registers.epoch.0, numbers), (terms.epoch, expected));
        same!("command number", state.in_epoch(registers.epoch).valve, model.command_number());
        same!("total", state.total.get(), model.total());
        same!(
            "tariff and settings",
            (&meter.terms().tariff, &meter.terms().settings),
            (model.tariff(), model.settings())
        );
        same!("largest credit", meter.max_credit().get(), model.max_credit());
        let flags = state.flags;
        same!("causes", Vec::from_iter(flags.causes.iter()), Vec::from_iter(facts.causes.iter()));
        same!("open, armed", (flags.open, flags.armed), (facts.open, model.armed()));
        same!(
            "valve failed, checking, by hand",
            (flags.valve_failed, state.watch, state.by_hand),
            (facts.valve_failed, facts.checking, facts.by_hand)
        );
        same!("uncontrolled openings", state.openings, facts.openings);
        same!(
            "emergency, closed, friendly",
            (state.emergency, state.closed, state.friendly),
            (facts.emergency, facts.closed, facts.friendly)
        );
        same!("emergency offered", meter.offers_emergency(), model.offers_emergency());
        same!("alarm", state.alarm, facts.alarm);
        same!("clock", (state.clock, state.clock_trusted), (facts.clock, facts.clock_known));
        same!(
            "days, month",
            (state.charged_day, state.used_day, state.month),
            (facts.charged_day, facts.used_day, facts.month)
        );
        same!(
            "rests",
            (i128::from(state.price_rest), i128::from(state.correction_rest)),
            (if model.made.by_money { model.price_rest() } else { 0 }, model.correction_rest())
        );
        same!("price", meter.price().map(i128::from), model.price().filter(|_| !model.tariff().rates.is_empty()));
        same!("events", state.events.to_array().map(u32::from), facts.events);
        same!("receipt number", state.receipt_number, facts.receipts);
        same!("outcome", (state.outcome.decision, state.outcome.token.0), (facts.decision, facts.about));
        same!("stock of work", state.work_stock, facts.stock);
        if self.valve_open && !flags.open {
            return Err("the valve stands open where the meter says shut".into());
        }
        Ok(())
    }

    pub fn compare_receipt(&self, receipt: &[u8], challenge: Option<Challenge>) -> Played {
        let receipt = Receipt::verified(receipt, &meter_key(), &meter_key().hash()).unwrap();
        let readings = self.readings.open(receipt.number, &receipt.readings).unwrap();
        let (model, facts) = (&self.model, &self.model.facts);
        same!("receipt: number", receipt.number, facts.receipts);
        same!("receipt: outcome", (receipt.outcome.decision, receipt.outcome.token.0), (facts.decision, facts.about));
        same!("receipt: total", receipt.total.get(), model.total());
        same!("receipt: challenge", receipt.challenge, challenge);
        same!("receipt: causes", receipt.flags.causes, facts.causes);
        same!("receipt: open", (receipt.flags.open, receipt.flags.armed), (facts.open, model.armed()));
        let sums =
            [receipt.sums.initial, receipt.sums.withdrawn, receipt.sums.charged, readings.balance, readings.consumed];
        let initial = i128::from(model.made.initial) * 1_000;
        let expected = [initial, model.withdrawn(), model.charged(), model.balance(), model.consumed()];
        same!("receipt: sums", sums.map(|sum| i128::from(sum.0)), expected);
        same!("receipt: clock", readings.clock.unwrap_or(0), facts.clock);
        Ok(())
    }

    pub fn compare_report(&self, signed: &[u8]) -> Played {
        let report = Report::verified(signed, &meter_key(), &meter_key().hash()).unwrap();
        let content = self.readings.open_report(&report).unwrap();
        let (model, facts) = (&self.model, &self.model.facts);
        same!("report: number", report.number, facts.receipts);
        same!("report: metered", i128::from(content.metered.0), model.measured());
        same!("report: valve", content.valve, model.command_number());
        same!("report: emergency", content.emergency_taken, facts.emergency);
        same!("report: clock", content.clock_trusted, facts.clock_known);
        same!("report: debt", i128::from(content.debt_total.0), i128::from(model.tariff().debt.total.0));
        same!("report: debt paid", i128::from(content.debt_paid.0), model.debt_paid());
        same!("report: events", content.events.to_array().map(u32::from), facts.events);
        Ok(())
    }
}
