//! Power cuts: what a meter may know after one.

use crate::model::{Facts, Model, Terms};
use crate::play::{Game, Played};
use coinless_meter::unbilled_bound;

impl Game {
    /// The power goes off and comes back, maybe several times. What the meter then knows must be one of what it may know.
    pub fn restart(&mut self, passed_s: Option<u64>, cuts: &[u64]) -> Played {
        let measured = self.model.measured();
        let mut whole = std::mem::take(&mut self.model.past);
        let mut half = half_taken(&whole);
        let clock = passed_s.map(|passed_s| self.model.clock() + passed_s).filter(|_| self.model.clock() > 0);
        let mut cuts = cuts.iter();
        loop {
            let flash = self.meter.take().unwrap().into_flash();
            flash.power_on();
            let cut = cuts.next();
            if let Some(steps) = cut {
                flash.cut_after(*steps);
            }
            self.mount(flash, clock);
            self.settle_meter(0);
            if !self.is_cut() {
                break;
            }
            self.saw("starts that were cut");
            whole = with_starts(&self.model, &whole, clock);
            half = with_starts(&self.model, &half, clock);
        }
        self.meter().flash().power_on();
        self.saw("restarts");
        let known = self.adopt(&whole, clock, measured);
        if known.is_err() && self.adopt(&half, clock, measured).is_ok() {
            self.saw("tokens half taken");
            return Ok(());
        }
        known
    }

    /// Takes that of the candidates for the model which the meter is.
    fn adopt(&mut self, candidates: &[(Terms, Facts)], clock: Option<u64>, measured: i128) -> Played {
        let mut why = String::new();
        let mut fitting: Option<Model> = None;
        // What they differ in may be hidden until the next start, so all that fit may be true.
        let mut past = Vec::new();
        for candidate in candidates {
            let mut model = started(&self.model, candidate, clock);
            model.keep();
            std::mem::swap(&mut self.model, &mut model);
            let same = self.compare();
            std::mem::swap(&mut self.model, &mut model);
            match same {
                Ok(()) => {
                    past.append(&mut model.past);
                    fitting = Some(model);
                }
                Err(error) => why = error,
            }
        }
        let none = || format!("after a restart the meter is none of {} that it may be; {why}", candidates.len());
        self.model = Model { past, ..fitting.ok_or_else(none)? };
        self.check_loss(measured - self.model.measured())
    }

    fn check_loss(&mut self, lost: i128) -> Played {
        let bound = i128::from(unbilled_bound(self.model.made.commodity).0);
        if lost > 0 {
            self.saw("consumption lost in a cut");
        }
        let epoch = self.model.terms.epoch;
        if self.model.facts.credits.last().is_some_and(|(before, ..)| *before < epoch) {
            self.saw("restarts in a new epoch");
        }
        if lost > bound + self.pulse { Err(format!("a cut lost {lost} thousandths")) } else { Ok(()) }
    }
}

/// The model after a start with what `candidate` keeps.
fn started(model: &Model, (terms, facts): &(Terms, Facts), clock: Option<u64>) -> Model {
    let mut model = Model { terms: terms.clone(), facts: facts.clone(), past: Vec::new(), ..model.clone() };
    model.note();
    model.start(clock);
    model.tick();
    model
}

/// What may be kept of a token that was cut after its terms and before the rest of it.
fn half_taken(candidates: &[(Terms, Facts)]) -> Vec<(Terms, Facts)> {
    let mut all = Vec::new();
    for (at, (terms, _)) in candidates.iter().enumerate() {
        let older = candidates.iter().take(at).filter(|(older, _)| older != terms);
        all.extend(older.map(|(_, facts)| (terms.clone(), facts.clone())));
    }
    all
}

/// The candidates, and what a start may have made of each.
fn with_starts(model: &Model, candidates: &[(Terms, Facts)], clock: Option<u64>) -> Vec<(Terms, Facts)> {
    candidates.iter().flat_map(|candidate| started(model, candidate, clock).past).collect()
}
