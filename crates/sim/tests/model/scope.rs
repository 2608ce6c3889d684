//! What one exploration covers.

use crate::rules::Rules;
use crate::token::{LINES, Number};

/// The rules in force and the bounds of an exploration.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The rules in force.
    pub rules: Rules,
    /// How many credit units each line is worth.
    pub worth: [u8; LINES],
    /// The highest number that the station may use while exploring.
    pub numbers: Number,
    /// Whether states count as one that differ in nothing that can ever make a difference. This needs all rules
    /// and lines of equal worth.
    pub merge: bool,
}

impl Scope {
    /// All rules, seven tokens, and nothing visited twice.
    pub const FULL: Scope = Scope { rules: Rules::ALL, worth: [1; LINES], numbers: 7, merge: true };

    /// Few tokens, lines of different worth, and every state just as it is: for short traces in plain words.
    pub const PLAIN: Scope = Scope { rules: Rules::ALL, worth: [1, 2, 4], numbers: 4, merge: false };
}
