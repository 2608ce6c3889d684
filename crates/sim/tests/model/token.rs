//! Order lines, ranges of numbers, credit tokens, and the book that keeps them.

use std::fmt;

/// How many order lines the world has.
pub const LINES: usize = 3;
/// The highest number that any token of the model can have: seven are explored, and perseverance, which shows that
/// a state can still be settled, needs head-room of its own.
pub const MAX_NUMBER: usize = 13;

/// The number of a token, and the meter's own; 0 is what the meter was made with.
pub type Number = u8;

/// The numbers in a set that has one bit for each.
pub fn numbers(bits: u16) -> impl Iterator<Item = Number> {
    (0..=MAX_NUMBER as Number).filter(move |number| bits >> number & 1 == 1)
}

/// A set of order lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Lines(u8);

impl Lines {
    /// No line.
    pub const NONE: Lines = Lines(0);
    /// Every line.
    pub const ALL: Lines = Lines((1 << LINES) - 1);

    /// The set of one line.
    pub fn one(line: usize) -> Lines {
        Lines(1 << line)
    }

    /// Whether `line` is in the set.
    pub fn has(self, line: usize) -> bool {
        self.0 >> line & 1 == 1
    }

    /// Both sets together.
    pub fn with(self, other: Lines) -> Lines {
        Lines(self.0 | other.0)
    }

    /// This set without the lines of `other`.
    pub fn without(self, other: Lines) -> Lines {
        Lines(self.0 & !other.0)
    }

    /// How many lines the set has.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The total of the set, in credit units, when each line is worth so many.
    pub fn total(self, worth: &[u8; LINES]) -> u8 {
        (0..LINES).filter(|&line| self.has(line)).map(|line| worth[line]).sum()
    }

    /// The same set after the lines were put in another order: line `order[l]` is now called `l`.
    pub fn reorder(self, order: [usize; LINES]) -> Lines {
        (0..LINES).filter(|&line| self.has(order[line])).fold(Lines::NONE, |all, line| all.with(Lines::one(line)))
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..LINES).filter(|&line| self.has(line)).map(name)).finish()
    }
}

/// What traces call a line.
pub fn name(line: usize) -> char {
    char::from(b'A' + line as u8)
}

/// The numbers from `first` to `last`, both included; none if `first > last`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Range {
    /// The first number.
    pub first: Number,
    /// The last number.
    pub last: Number,
}

impl Range {
    /// The range without numbers.
    pub const NONE: Range = Range { first: 1, last: 0 };

    /// The least range with all of `numbers`.
    pub fn over(numbers: impl Iterator<Item = Number>) -> Range {
        numbers.fold(Range::NONE, |range, n| range.hull(Range { first: n, last: n }))
    }

    /// Whether the range has no number.
    pub fn is_none(self) -> bool {
        self.first > self.last
    }

    /// Whether `number` is in the range.
    pub fn has(self, number: Number) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// The part of the range that is not below `floor`.
    pub fn from(self, floor: Number) -> Range {
        let rest = Range { first: self.first.max(floor), ..self };
        if rest.is_none() { Range::NONE } else { rest }
    }

    /// The least range with both: a token has room for one range only.
    pub fn hull(self, other: Range) -> Range {
        match (self.is_none(), other.is_none()) {
            (true, _) => other,
            (_, true) => self,
            _ => Range { first: self.first.min(other.first), last: self.last.max(other.last) },
        }
    }
}

/// What the station signs under one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token {
    /// The lines that the total counts. The meter sees the total only.
    pub counts: Lines,
    /// A meter whose own number is in here refuses the token.
    pub refused: Range,
}

/// Tokens by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Book([Option<Token>; MAX_NUMBER + 1]);

impl Book {
    /// A book without tokens.
    pub const EMPTY: Book = Book([None; MAX_NUMBER + 1]);

    /// The token with `number`, if the book has it.
    pub fn at(&self, number: Number) -> Option<Token> {
        self.0[usize::from(number)]
    }

    /// Writes down that `number` has this content.
    pub fn write(&mut self, number: Number, token: Token) {
        self.0[usize::from(number)] = Some(token);
    }

    /// Forgets the tokens below `floor`, and the numbers below it that others refuse.
    pub fn forget_below(&mut self, floor: Number) {
        for (number, token) in (0..).zip(&mut self.0) {
            if let Some(Token { refused, .. }) = token {
                *refused = refused.from(floor);
            }
            if number < floor {
                *token = None;
            }
        }
    }

    /// Puts the lines in another order, as [`Lines::reorder`].
    pub fn reorder(&mut self, order: [usize; LINES]) {
        for token in self.0.iter_mut().flatten() {
            token.counts = token.counts.reorder(order);
        }
    }

    /// The numbers of the tokens that count `line`, one bit each.
    pub fn counting(&self, line: usize) -> u16 {
        self.tokens().filter(|(_, token)| token.counts.has(line)).fold(0, |bits, (number, _)| bits | 1 << number)
    }

    /// Takes all tokens above `number` out of the book.
    pub fn split_off(&mut self, number: Number) -> Book {
        let mut above = Book::EMPTY;
        for n in usize::from(number) + 1..=MAX_NUMBER {
            above.0[n] = self.0[n].take();
        }
        above
    }

    /// The tokens of the book, with their numbers, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = (Number, Token)> + '_ {
        (0..).zip(&self.0).filter_map(|(number, token)| token.map(|token| (number, token)))
    }

    /// The newest token of the book; number 0 and nothing if there is none.
    pub fn newest(&self) -> (Number, Token) {
        self.tokens().last().unwrap_or((0, Token { counts: Lines::NONE, refused: Range::NONE }))
    }
}
