//! How well the sandbox utility behaves, and what goes wrong with the next call.

use serde::{Deserialize, Serialize};

/// How the sandbox utility behaves. Each can go wrong in several ways; which one is drawn from the seed, or named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Well.
    #[default]
    Ok,
    /// Works, and answers too late; or works too late.
    Slow,
    /// 503, or breaks the connection; nothing is done.
    Down,
    /// Works, and answers 500, half an answer, or one that cannot be read.
    Unclear,
    /// Sells, and says that it failed; or says another quantity, amount or sale.
    Contradictory,
    /// Sells, answers 500, and does not know of it when it is asked.
    Forgetful,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Lookups, trials, lists.
    Read,
    /// A sale.
    Vend,
    /// What became of a sale.
    LastResponse,
    /// Confirmation or reversal.
    Change,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; 503.
    Unavailable,
    /// Nothing is done; the connection breaks.
    Refuse,
    /// Done, and answered when it is too late.
    LateAnswer,
    /// Done when it is too late.
    LateWork,
    /// Done; 500.
    Internal,
    /// Done; half an answer, and the connection breaks.
    HalfAnswer,
    /// Done; an answer that cannot be read.
    Garbage,
    /// Done; said to have failed for good.
    SaysFailed,
    /// Done; another quantity is named.
    OtherUnits,
    /// Done; another amount is named.
    OtherAmount,
    /// Done; another sale is named.
    OtherSale,
    /// Not found, whatever is known.
    NotFound,
}

/// How the sandbox is to behave from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// How.
    pub behaviour: Behaviour,
    /// For how many calls that it affects; then well again. For ever if it is left out.
    #[serde(default)]
    pub calls: Option<u32>,
    /// In which of its ways ([`Behaviour::faults`]), from 0; drawn from the seed if it is left out.
    #[serde(default)]
    pub way: Option<usize>,
}

impl Behaviour {
    /// Every behaviour.
    pub const ALL: [Self; 6] = [Self::Ok, Self::Slow, Self::Down, Self::Unclear, Self::Contradictory, Self::Forgetful];

    /// The ways in which a call can go wrong; none if it goes well.
    pub fn faults(self, call: CallKind) -> &'static [Fault] {
        match (self, call) {
            (Self::Down, _) => &[Fault::Unavailable, Fault::Refuse],
            (Self::Slow, CallKind::Vend | CallKind::Change) => &[Fault::LateAnswer, Fault::LateWork],
            (Self::Unclear, CallKind::Vend | CallKind::Change) => &[Fault::Internal, Fault::HalfAnswer, Fault::Garbage],
            (Self::Contradictory, CallKind::Vend) => {
                &[Fault::SaysFailed, Fault::OtherUnits, Fault::OtherAmount, Fault::OtherSale]
            }
            (Self::Forgetful, CallKind::Vend) => &[Fault::Internal],
            (Self::Forgetful, CallKind::LastResponse) => &[Fault::NotFound],
            _ => &[],
        }
    }
}

impl Setting {
    /// What goes wrong with this call, by the next draw from `random`; counts the call.
    pub fn next(&mut self, call: CallKind, random: &mut fastrand::Rng) -> Option<Fault> {
        let faults = self.behaviour.faults(call);
        if faults.is_empty() {
            return None;
        }
        match &mut self.calls {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let way = self.way.unwrap_or_else(|| random.usize(..faults.len()));
        faults.get(way % faults.len()).copied()
    }
}
