//! Visits every reachable state, breadth first, and remembers the shortest way to each.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::scope::Scope;
use crate::token::name;

/// A state, what can happen in it, and what must hold.
pub trait Model: Copy + Eq + Hash {
    /// What can happen.
    type Action: Copy + fmt::Display;

    /// What [`Model::last_check`] tries, in words.
    const LAST: &'static str;

    /// What can happen in this state.
    fn actions(&self, scope: &Scope) -> Vec<Self::Action>;

    /// The state after `action`, or what went wrong.
    fn after(&self, action: Self::Action, scope: &Scope) -> Result<Self, Violation>;

    /// What must hold for the future of this state.
    fn last_check(&self, scope: &Scope) -> Result<(), Violation>;
}

/// What must never be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The meter's total fell.
    TotalFell,
    /// A line is refunded, and the meter has or had it in its total.
    RefundedAndLoaded,
    /// A loaded line is no longer in the meter's total, though the total did not fall: another purchase was
    /// swallowed for it.
    LoadedAndTakenAway,
    /// The meter's total counts a line that was not sold, or no longer is.
    NeverSold,
    /// The station's books say delivered of a line that was not loaded.
    DeliveredNotLoaded,
    /// A line that is paid already was sold again.
    SoldTwice(usize),
    /// A line is neither delivered nor refunded, and nothing that is done helps.
    NeitherForEver,
    /// A phone went to the meter and back without network, and the news or the credit is missing.
    TripInVain,
}

/// A set of states.
pub type States<M> = HashSet<M, BuildHasherDefault<Mixer>>;

/// What an exploration saw.
pub struct Seen<M: Model> {
    /// The states.
    pub states: States<M>,
    /// How many steps there are between them.
    pub steps: usize,
}

/// A violation and the shortest sequence of actions that leads to it.
pub struct Trace {
    /// What went wrong.
    pub violation: Violation,
    /// What happened, in words.
    pub actions: Vec<String>,
}

/// Visits every state that can be reached from `start`; `watch` sees every step.
pub fn explore<M: Model>(start: M, scope: &Scope, mut watch: impl FnMut(&M, M::Action, &M)) -> Result<Seen<M>, Trace> {
    let mut seen = Seen { states: States::default(), steps: 0 };
    // The step that first led to each state, by the index of the state; none led to the start.
    let mut ways: Vec<Option<(u32, M::Action)>> = vec![None];
    let mut level = vec![(start, 0)];
    seen.states.insert(start);
    while !level.is_empty() {
        for (state, index) in &level {
            state.last_check(scope).map_err(|violation| trace(violation, *index, M::LAST.to_string(), &ways))?;
        }
        let mut next_level = Vec::new();
        for (state, index) in level {
            for action in state.actions(scope) {
                let next = state.after(action, scope);
                let next = next.map_err(|violation| trace(violation, index, action.to_string(), &ways))?;
                watch(&state, action, &next);
                seen.steps += 1;
                if seen.states.insert(next) {
                    next_level.push((next, ways.len() as u32));
                    ways.push(Some((index, action)));
                }
            }
        }
        level = next_level;
    }
    Ok(seen)
}

fn trace<A: Copy + fmt::Display>(
    violation: Violation,
    mut index: u32,
    last: String,
    ways: &[Option<(u32, A)>],
) -> Trace {
    let mut actions = vec![last];
    while let Some((from, action)) = ways[index as usize] {
        actions.push(action.to_string());
        index = from;
    }
    actions.reverse();
    Trace { violation, actions }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} => {}", self.actions.join("; "), self.violation)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Violation::TotalFell => write!(f, "the total fell"),
            Violation::RefundedAndLoaded => write!(f, "a line is both refunded and loaded"),
            Violation::LoadedAndTakenAway => write!(f, "a loaded line was taken away again"),
            Violation::NeverSold => write!(f, "the total counts a line that is not sold"),
            Violation::DeliveredNotLoaded => write!(f, "a line is called delivered and is not loaded"),
            Violation::SoldTwice(line) => write!(f, "line {} was sold twice", name(line)),
            Violation::NeitherForEver => write!(f, "a line is neither delivered nor refunded, for ever"),
            Violation::TripInVain => write!(f, "a phone's trip was in vain"),
        }
    }
}

/// A quick hash for states of many single bytes; nobody chooses them to collide.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u8(byte);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    // What derived hashes write for the variant of an enum.
    fn write_isize(&mut self, variant: isize) {
        self.write_u64(variant as u64);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
