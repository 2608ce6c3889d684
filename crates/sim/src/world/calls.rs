//! The station's tasks, and its calls to the provider and the sales system, which may get lost, come late or come twice.

use super::hub::{Event, Hub};
use coinless_protocol::cose::{self, Label};
use coinless_station::provider::{PaymentOutcome, RefundOutcome, StatementError};
use coinless_station::sales::builtin;
use coinless_station::sales::{ReversalOutcome, SaleOutcome, SaleRequest};
use coinless_station::sell::Ask;
use coinless_station::signer::SignError;
use coinless_station::tasks::{self, Effect, EffectResult, Task};

/// How long the station waits for the answer to a call.
const CALL_TIMEOUT_MS: u64 = 5_000;

impl Hub {
    /// The station turns to a task: prepares it and sends what it needs.
    pub fn begin_task(&mut self, life: u32, task: Task) {
        if life != self.station.life || self.may_crash() {
            return;
        }
        let context = self.station.context.clone();
        let Ok(effect) = self.read(|work| tasks::prepare(work, &task, &context)) else { return };
        match effect {
            None => drop(self.run(|work| Ok(work.finish(&task)?))),
            Some(Effect::Recover(_)) if self.quiet && !std::mem::take(&mut self.may_recover) => {}
            Some(Effect::None) => self.end_task(life, task, EffectResult::None),
            Some(Effect::Sign(request) | Effect::SignTerms(request)) => {
                let signed = cose::sign(&request.payload, Label::Token, &request.meter_key, &self.station.operational);
                let result = EffectResult::Signed(
                    signed.map(|bytes| bytes.to_vec()).map_err(|e| SignError::Unavailable(e.to_string())),
                );
                self.stats.count("tokens signed");
                self.after(5, Event::Result { life, task, result });
            }
            Some(effect) => self.call(life, task, effect),
        }
    }

    fn call(&mut self, life: u32, task: Task, effect: Effect) {
        let lost = self.chance(self.faults.call_lost);
        let astray = self.chance(self.faults.call_astray);
        let unanswered = self.chance(self.faults.call_answer_lost);
        if lost || astray || unanswered {
            self.stats.count("calls of the station whose outcome it does not know");
            let result = self.unknown(&effect);
            self.after(CALL_TIMEOUT_MS, Event::Result { life, task: task.clone(), result });
        }
        if lost {
            return;
        }
        let soon = self.delay(1_500);
        if astray {
            self.stats.count("calls of the station that arrive late or twice");
            let late = CALL_TIMEOUT_MS + self.delay(120_000);
            let era = self.station.era;
            self.after(late, Event::Call { task: task.clone(), effect: effect.clone(), answered: None, era });
            if self.random.bool() {
                return;
            }
        }
        let answered = (!astray && !unanswered).then_some(life);
        self.after(soon, Event::Call { task, effect, answered, era: self.station.era });
    }

    /// A call of the station arrives at the provider or the sales system.
    pub fn arrive(&mut self, task: Task, effect: Effect, answered: Option<u32>, era: u32) {
        self.from_lost_era = era != self.station.era;
        if self.from_lost_era && matches!(effect, Effect::Sell(..) | Effect::Reverse(..)) {
            // This sales system lived in the database that is lost.
            return;
        }
        let result = match &effect {
            Effect::StartPayment(_, request) => EffectResult::Payment(self.provider_start(request)),
            Effect::QueryPayment(_, request) => EffectResult::Payment(self.provider_query(request)),
            Effect::Refund(_, request) => EffectResult::Refund(self.provider_refund(request)),
            Effect::Sell(Ask::Reverse, _, sale) => EffectResult::Reversal(self.reverse(sale)),
            Effect::Sell(_, _, sale) => EffectResult::Sale(self.vend(sale)),
            Effect::Reverse(_, sale) => EffectResult::Reversal(self.reverse(sale)),
            // Nothing here queues a comparison: the world holds all books against its own truth.
            Effect::None | Effect::Sign(_) | Effect::SignTerms(_) | Effect::Confirm(..) | Effect::Reconcile => return,
            Effect::Recover(_) => EffectResult::Found(self.found(Ok(self.statement()))),
        };
        if let Some(life) = answered {
            let delay = self.delay(500);
            self.after(delay, Event::Result { life, task, result });
        }
    }

    fn vend(&mut self, sale: &SaleRequest) -> SaleOutcome {
        let tariffs = self.station.tariffs.clone();
        if self.chance(self.faults.sale_failed) {
            let known = self.read(|work| {
                let id = [sale.sale_id.as_str().into()];
                Ok(work.query_first("SELECT state FROM sale WHERE sale_id = $1", &id)?.is_some())
            });
            if known.is_ok_and(|known| !known) {
                // Its own tombstone is how this sales system says a final no.
                self.stats.count("sales refused");
                let _ = self.run(|work| builtin::reverse(work, &tariffs, sale));
            }
        }
        let outcome = self.run(|work| builtin::vend(work, &tariffs, sale));
        outcome.unwrap_or_else(|error| SaleOutcome::Unknown { why: error.to_string(), contradicts: false })
    }

    fn reverse(&mut self, sale: &SaleRequest) -> ReversalOutcome {
        let tariffs = self.station.tariffs.clone();
        self.truth_of_reversal(&sale.sale_id);
        let outcome = self.run(|work| builtin::reverse(work, &tariffs, sale));
        outcome.unwrap_or_else(|error| ReversalOutcome::Unknown { why: error.to_string(), contradicts: false })
    }

    /// The result of a task reaches the station.
    pub fn end_task(&mut self, life: u32, task: Task, result: EffectResult) {
        if life != self.station.life || self.may_crash() {
            return;
        }
        self.tell(|| format!("{} {}: {}", task.kind.name(), task.subject, in_short(&result)));
        let context = self.station.context.clone();
        let _ = self.run(|work| tasks::complete(work, &task, &result, &context));
        self.may_crash();
    }

    fn unknown(&self, effect: &Effect) -> EffectResult {
        let why = "no answer in time".to_owned();
        match effect {
            Effect::Recover(_) => EffectResult::Found(self.found(Err(StatementError::Unavailable(why)))),
            Effect::Refund(..) => EffectResult::Refund(RefundOutcome::Pending { why }),
            Effect::Sell(Ask::Reverse, ..) | Effect::Reverse(..) => {
                EffectResult::Reversal(ReversalOutcome::Unknown { why, contradicts: false })
            }
            Effect::Sell(..) => EffectResult::Sale(SaleOutcome::Unknown { why, contradicts: false }),
            _ => EffectResult::Payment(PaymentOutcome::Unknown { why }),
        }
    }
}

fn in_short(result: &EffectResult) -> String {
    match result {
        EffectResult::Signed(Ok(_)) => "signed".to_owned(),
        EffectResult::Found(found) => match &found.statements[..] {
            [(_, Ok(entries))] => format!("{} entries in the statement", entries.len()),
            _ => "no statement".to_owned(),
        },
        other => format!("{other:?}"),
    }
}
