//! The station's part for one meter: what it knows, what it signs, what it learns from receipts.

use crate::rules::Rules;
use crate::token::{Book, LINES, Lines, Number, Range, Token};

/// What the station knows of an order line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Line {
    /// Not sold.
    Unsold,
    /// Sold, and counted by the tokens.
    Issued,
    /// To be taken back. Only these numbers may count it.
    Voided(Range),
    /// A receipt showed a number that counts it.
    Delivered,
    /// A receipt showed that it can never be loaded.
    Refunded,
}

/// The station's state for the meter, but for the book of the tokens that it signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Station {
    /// The order lines.
    pub lines: [Line; LINES],
    /// The highest number used or skipped.
    pub last_number: Number,
    /// The highest number of the book that a receipt has shown: the meter stands there or later.
    pub shown: Number,
    /// The numbers that a restore has skipped: they may have been signed, the book does not know with what.
    pub gap: Range,
    /// The lines that a number of the gap may count.
    pub gap_lines: Lines,
    /// Restored, and the sales since the backup are not recovered yet.
    pub recovering: bool,
}

impl Station {
    /// A station that has sold nothing.
    pub const NEW: Station = Station {
        lines: [Line::Unsold; LINES],
        last_number: 0,
        shown: 0,
        gap: Range::NONE,
        gap_lines: Lines::NONE,
        recovering: false,
    };

    /// The lines in one of the states that `which` names.
    pub fn lines(&self, which: impl Fn(Line) -> bool) -> Lines {
        (0..LINES).filter(|&line| which(self.lines[line])).fold(Lines::NONE, |all, line| all.with(Lines::one(line)))
    }

    /// Puts the lines in another order, as [`Lines::reorder`].
    pub fn reorder(&mut self, order: [usize; LINES]) {
        self.lines = order.map(|line| self.lines[line]);
        self.gap_lines = self.gap_lines.reorder(order);
    }

    /// Whether the station may sell `line` now.
    pub fn sells(&self, line: usize, rules: &Rules) -> bool {
        self.lines[line] == Line::Unsold && !(self.recovering && rules.restore_sells_nothing_before_recovery)
    }

    /// Sells `line`: the next token counts it.
    pub fn sell(&mut self, line: usize, book: &mut Book, rules: &Rules) {
        self.lines[line] = Line::Issued;
        self.sign(book, rules);
    }

    /// Takes back the issued `line`: the next token leaves it out and refuses the numbers that may count it.
    /// Says which lines that refunds at once: none, as long as a refund needs a receipt.
    pub fn void(&mut self, line: usize, book: &mut Book, rules: &Rules) -> Lines {
        let counting = (self.shown..=self.last_number).filter(|&n| self.may_count(n, line, book, rules));
        self.lines[line] = Line::Voided(Range::over(counting));
        let token = self.content(Some(line), book, rules);
        self.write(token, book);
        if rules.refund_needs_receipt {
            return Lines::NONE;
        }
        self.lines[line] = Line::Refunded;
        Lines::one(line)
    }

    /// Signs a fresh token that counts all live lines.
    pub fn sign(&mut self, book: &mut Book, rules: &Rules) {
        let token = self.content(None, book, rules);
        self.write(token, book);
    }

    /// Whether a fresh token is due: the newest one was lost with a restore, or would no longer be signed like
    /// that. Then a meter may wait for credit that the newest token does not count, or refuse it for a range
    /// that is settled.
    pub fn owes_token(&self, book: &Book, rules: &Rules) -> bool {
        let (number, newest) = book.newest();
        let fresh = self.content(None, book, rules);
        (rules.restore_signs_afresh && number < self.last_number)
            || newest.counts != fresh.counts
            || newest.refused.from(self.shown) != fresh.refused.from(self.shown)
    }

    /// Reads a receipt that shows the meter at `number`. Says which lines that refunds.
    pub fn read(&mut self, number: Number, book: &Book, rules: &Rules) -> Lines {
        if book.at(number).is_some() || !rules.gap_is_refused_until_recovered {
            self.shown = self.shown.max(number);
        }
        let mut refunds = Lines::NONE;
        for line in 0..LINES {
            let loaded = book.at(number).is_some_and(|token| token.counts.has(line));
            let unclear = !loaded && self.may_count(number, line, book, rules);
            self.lines[line] = match self.lines[line] {
                Line::Issued | Line::Voided(_) if loaded => Line::Delivered,
                Line::Voided(range) if range.has(number) && unclear => self.unclear_void(range, rules),
                Line::Voided(range) if number > range.last || !rules.refund_needs_later_number => {
                    refunds = refunds.with(Lines::one(line));
                    Line::Refunded
                }
                // The meter has passed the numbers up to here without it; only later ones can still load it.
                Line::Voided(range) if rules.receipt_narrows_range => Line::Voided(range.from(number + 1)),
                line => line,
            };
        }
        refunds
    }

    /// Starts again from a backup. Numbers above the backup's last one, up to `used`, may have been signed.
    pub fn restore(&mut self, used: Number, rules: &Rules) {
        self.recovering = true;
        if !rules.restore_skips_numbers {
            return;
        }
        self.gap = Range { first: self.last_number + 1, last: used };
        self.gap_lines = Lines::ALL;
        self.last_number = used;
        if rules.restore_refuses_gap && rules.restore_widens_voids {
            for line in &mut self.lines {
                // It may have been found loaded and counted again since.
                if let Line::Voided(range) = line {
                    *range = range.hull(self.gap);
                }
            }
        }
    }

    /// Reads the provider's statement: every line ever paid and every line refunded.
    pub fn recover(&mut self, paid: Lines, refunded: Lines) {
        for line in 0..LINES {
            if refunded.has(line) {
                self.lines[line] = Line::Refunded;
            } else if paid.has(line) && self.lines[line] == Line::Unsold {
                self.lines[line] = Line::Issued;
            }
        }
        self.recovering = false;
        self.gap_lines = self.lines(|line| line != Line::Unsold);
    }

    /// A receipt from the gap does not say whether the line of a void is loaded. Counting it again is right in
    /// both cases; a refund is right in one. Before the recovery the station does not even know all lines.
    fn unclear_void(&self, range: Range, rules: &Rules) -> Line {
        if rules.gap_receipt_ends_void && !self.recovering { Line::Issued } else { Line::Voided(range) }
    }

    /// Whether a meter at `number` may have loaded `line`, for all that the station knows.
    fn may_count(&self, number: Number, line: usize, book: &Book, rules: &Rules) -> bool {
        match book.at(number) {
            Some(token) => token.counts.has(line),
            None => rules.restore_refuses_gap && self.gap.has(number) && self.gap_lines.has(line),
        }
    }

    /// What a token signed now says; `void` is the line that it takes back, if it is a void's own token.
    fn content(&self, void: Option<usize>, book: &Book, rules: &Rules) -> Token {
        let mut token = Token { counts: Lines::NONE, refused: self.refused_gap(rules) };
        for (line, state) in self.lines.into_iter().enumerate() {
            let counted = match state {
                Line::Unsold | Line::Refunded => false,
                Line::Issued => true,
                Line::Delivered => rules.loaded_line_is_counted_again || book.newest().1.counts.has(line),
                Line::Voided(range) => {
                    if rules.later_tokens_carry_range || void == Some(line) {
                        token.refused = token.refused.hull(range);
                    }
                    !rules.later_tokens_leave_line_out && void != Some(line)
                }
            };
            if counted {
                token.counts = token.counts.with(Lines::one(line));
            }
        }
        token
    }

    /// The range that every token carries because of a restore.
    fn refused_gap(&self, rules: &Rules) -> Range {
        let settled = !rules.gap_is_refused_until_recovered && self.gap.has(self.shown);
        if self.recovering && rules.restore_refuses_gap && !settled { self.gap } else { Range::NONE }
    }

    fn write(&mut self, token: Token, book: &mut Book) {
        self.last_number += 1;
        book.write(self.last_number, token);
    }
}
