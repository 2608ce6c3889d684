//! The station, its provider, the meter, and everything that phones may carry between them.

use std::fmt;

use crate::explore::{Model, Violation};
use crate::meter::Meter;
use crate::scope::Scope;
use crate::station::{Line, Station};
use crate::token::{Book, LINES, Lines, Number, Token, name, numbers};

/// How often perseverance tries, and so how many tokens it may sign.
const ROUNDS: usize = 6;

/// The one backup of the station.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backup {
    /// Not taken yet.
    Never,
    /// Taken when the station was like this.
    Taken(Station),
    /// The station was restored from it.
    Restored,
}

/// One state of the model.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    /// The station, without its book.
    pub station: Station,
    /// The tokens that the station knows to have signed.
    pub book: Book,
    /// The backup.
    pub backup: Backup,
    /// The provider's statement: lines paid. No restore of the station changes it.
    pub paid: Lines,
    /// The provider's statement: lines refunded. A line is refunded once, however often it is asked for.
    pub refunded: Lines,
    /// The meter.
    pub meter: Meter,
    /// Tokens that phones may carry and the station does not know to have signed.
    pub forgotten: Book,
    /// The numbers of all receipts that phones may carry, one bit each.
    pub receipts: u16,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The station sells a line.
    Sell(usize),
    /// The station takes a line back.
    Void(usize),
    /// As `Void`, but the station crashes after signing and before committing.
    CrashInVoid(usize),
    /// The station signs the token that it owes.
    Sign,
    /// A phone fetches a token and hands it to the meter.
    Hand(Number),
    /// A phone hands the meter a token that the station has forgotten.
    HandForgotten(Number),
    /// A phone brings the station a receipt.
    Bring(Number),
    /// The station is backed up.
    Backup,
    /// The station is restored from its backup.
    Restore,
    /// The restored station reads the provider's statement.
    Recover,
}

impl Model for World {
    type Action = Action;

    const LAST: &'static str = "persevere";

    fn actions(&self, scope: &Scope) -> Vec<Action> {
        let mut actions = self.station_actions(scope);
        actions.extend(self.book.tokens().map(|(number, _)| Action::Hand(number)));
        actions.extend(self.forgotten.tokens().map(|(number, _)| Action::HandForgotten(number)));
        actions.extend(numbers(self.receipts).map(Action::Bring));
        actions
    }

    fn after(&self, action: Action, scope: &Scope) -> Result<World, Violation> {
        let rules = &scope.rules;
        let mut next = *self;
        match action {
            Action::Sell(line) if self.paid.has(line) => return Err(Violation::SoldTwice(line)),
            Action::Sell(line) => {
                next.paid = next.paid.with(Lines::one(line));
                next.station.sell(line, &mut next.book, rules);
            }
            Action::Void(line) => {
                let refunds = next.station.void(line, &mut next.book, rules);
                next.refund(refunds);
            }
            Action::CrashInVoid(line) => {
                let (mut station, mut book) = (self.station, self.book);
                station.void(line, &mut book, rules);
                let (number, token) = book.newest();
                next.forgotten.write(number, token);
            }
            Action::Sign => next.station.sign(&mut next.book, rules),
            Action::Hand(_) | Action::HandForgotten(_) => next.hand(self.handed(action), scope),
            Action::Bring(number) => next.bring(number, scope),
            Action::Backup => next.backup = Backup::Taken(self.station),
            Action::Restore => next.restore(scope),
            Action::Recover => next.station.recover(self.paid, self.refunded),
        }
        next.check(self, scope)?;
        Ok(if scope.merge { next.merged() } else { next })
    }

    fn last_check(&self, scope: &Scope) -> Result<(), Violation> {
        self.persevere(scope)
    }
}

impl World {
    /// A new station and a new meter, which says where it stands when it is asked.
    pub const NEW: World = World {
        station: Station::NEW,
        book: Book::EMPTY,
        backup: Backup::Never,
        paid: Lines::NONE,
        refunded: Lines::NONE,
        meter: Meter::NEW,
        forgotten: Book::EMPTY,
        receipts: 1,
    };

    /// What the station can do, or what can happen to it.
    pub fn station_actions(&self, scope: &Scope) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.station.last_number < scope.numbers {
            for line in 0..LINES {
                if self.station.sells(line, &scope.rules) {
                    actions.push(Action::Sell(line));
                }
                if self.station.lines[line] == Line::Issued {
                    actions.push(Action::Void(line));
                    if !scope.rules.commit_before_signing && self.forgotten == Book::EMPTY {
                        actions.push(Action::CrashInVoid(line));
                    }
                }
            }
            if self.station.owes_token(&self.book, &scope.rules) {
                actions.push(Action::Sign);
            }
        }
        if self.station.recovering {
            actions.push(Action::Recover);
        }
        match self.backup {
            Backup::Never => actions.push(Action::Backup),
            Backup::Taken(_) => actions.push(Action::Restore),
            Backup::Restored => {}
        }
        actions
    }

    /// The station reads a receipt.
    pub fn bring(&mut self, number: Number, scope: &Scope) {
        let refunds = self.station.read(number, &self.book, &scope.rules);
        self.refund(refunds);
    }

    /// Whether every line is settled, and the station, the provider and the meter agree about all of them.
    pub fn is_settled(&self) -> bool {
        let delivered = self.station.lines(|line| line == Line::Delivered);
        let refunded = self.station.lines(|line| line == Line::Refunded);
        !self.station.recovering
            && delivered.with(refunded) == self.paid
            && self.meter.counts == self.paid.without(self.refunded)
    }

    /// The token that is handed over in this action, with its number.
    pub fn handed(&self, action: Action) -> Option<(Number, Token)> {
        match action {
            Action::Hand(number) => self.book.at(number).map(|token| (number, token)),
            Action::HandForgotten(number) => self.forgotten.at(number).map(|token| (number, token)),
            _ => None,
        }
    }

    fn hand(&mut self, token: Option<(Number, Token)>, scope: &Scope) {
        let receipt = token.and_then(|(number, token)| self.meter.hand(number, token, scope));
        self.receipts |= receipt.map_or(0, |number| 1 << number);
    }

    fn refund(&mut self, lines: Lines) {
        self.refunded = self.refunded.with(lines);
    }

    fn restore(&mut self, scope: &Scope) {
        if let Backup::Taken(station) = self.backup {
            let used = self.station.last_number;
            self.backup = Backup::Restored;
            self.station = station;
            self.forgotten = self.book.split_off(station.last_number);
            self.station.restore(used, &scope.rules);
        }
    }

    /// What must hold in every state, and in every step from the state `before`.
    pub fn check(&self, before: &World, scope: &Scope) -> Result<(), Violation> {
        let delivered = self.station.lines(|line| line == Line::Delivered);
        let cases = [
            (before.meter.counts.total(&scope.worth) > self.meter.counts.total(&scope.worth), Violation::TotalFell),
            (self.refunded.without(self.meter.loaded) != self.refunded, Violation::RefundedAndLoaded),
            (self.meter.loaded.without(self.meter.counts) != Lines::NONE, Violation::LoadedAndTakenAway),
            (self.meter.counts.without(self.paid.without(self.refunded)) != Lines::NONE, Violation::NeverSold),
            (delivered.without(self.meter.loaded) != Lines::NONE, Violation::DeliveredNotLoaded),
        ];
        cases.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, violation)| Err(violation))
    }

    /// Plain perseverance settles everything from here, even if both phones are lost first: some phone fetches the
    /// newest token, hands it over and brings back the receipt; the station signs what it owes.
    fn persevere(&self, scope: &Scope) -> Result<(), Violation> {
        let mut world = *self;
        for _ in 0..ROUNDS {
            if world.is_settled() {
                return Ok(());
            }
            if world.station.recovering {
                world.station.recover(world.paid, world.refunded);
            }
            if world.station.owes_token(&world.book, &scope.rules) {
                world.station.sign(&mut world.book, &scope.rules);
            }
            let before = world;
            let (number, token) = world.book.newest();
            if let Some(receipt) = world.meter.hand(number, token, scope) {
                world.bring(receipt, scope);
            }
            world.check(&before, scope)?;
        }
        Err(Violation::NeitherForEver)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Action::Sell(line) => write!(f, "sell {}", name(line)),
            Action::Void(line) => write!(f, "void {}", name(line)),
            Action::CrashInVoid(line) => write!(f, "void {}, but crash before committing", name(line)),
            Action::Sign => write!(f, "sign a fresh token"),
            Action::Hand(number) => write!(f, "hand over token {number}"),
            Action::HandForgotten(number) => write!(f, "hand over forgotten token {number}"),
            Action::Bring(number) => write!(f, "bring receipt {number}"),
            Action::Backup => write!(f, "back up"),
            Action::Restore => write!(f, "restore"),
            Action::Recover => write!(f, "recover the sales"),
        }
    }
}
