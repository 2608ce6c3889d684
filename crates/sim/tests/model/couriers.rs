//! The same world with its two phones one by one: what each carries, loses and deletes.
//!
//! The main exploration knows no phones. It takes everything that was ever signed or answered as at hand, always:
//! whatever two phones can do in any order, however late or repeated, it can do; and what it demands of the
//! future it demands as if both phones were lost at that moment. Here phones carry only what they fetched or
//! received, and a test shows that no state of station and meter is reached that the other does not reach.

use std::fmt;

use crate::explore::{Model, Violation};
use crate::rules::Rules;
use crate::scope::Scope;
use crate::token::{Lines, Number, Range, Token, numbers};
use crate::world::{Action, World};

/// What one phone carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Phone {
    /// The numbers of its tokens, one bit each.
    pub tokens: u16,
    /// The numbers of its receipts, one bit each.
    pub receipts: u16,
    /// The newest token that it has fetched, until the station has heard of it. The checks ask for this.
    pub errand: Number,
}

/// The world and its two phones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Couriers {
    /// Station, provider and meter.
    pub world: World,
    /// The phones, in no order.
    pub phones: [Phone; 2],
    /// The highest number that the station ever read in a receipt and so acknowledged, to any phone, restored
    /// since or not.
    pub heard: Number,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Move {
    /// Something at the station.
    Station(Action),
    /// A phone fetches a token from the station.
    Fetch(usize, Number),
    /// A phone hands the meter a token that it carries, and carries the receipt from then on.
    Hand(usize, Number),
    /// Some phone brings the station a receipt that it carries, and the station acknowledges it.
    Bring(Number),
    /// A phone deletes a token and everything that goes with it.
    Delete(usize, Number),
    /// A phone is lost with all that it carries.
    Lose(usize),
}

impl Model for Couriers {
    type Action = Move;

    const LAST: &'static str = "go to the meter and home again";

    fn actions(&self, scope: &Scope) -> Vec<Move> {
        let mut moves: Vec<Move> = self.world.station_actions(scope).into_iter().map(Move::Station).collect();
        for (p, phone) in self.phones.iter().enumerate() {
            moves.extend(self.world.book.tokens().map(|(number, _)| Move::Fetch(p, number)));
            moves.extend(numbers(phone.tokens).map(|number| Move::Hand(p, number)));
            moves.extend(numbers(phone.receipts).map(Move::Bring));
            let done = numbers(phone.tokens).filter(|&number| self.may_delete(phone, number, &scope.rules));
            moves.extend(done.map(|number| Move::Delete(p, number)));
            if *phone != Phone::default() {
                moves.push(Move::Lose(p));
            }
        }
        moves
    }

    fn after(&self, action: Move, scope: &Scope) -> Result<Couriers, Violation> {
        let mut next = *self;
        match action {
            Move::Station(action) => next.world = self.world.after(action, scope)?,
            Move::Fetch(p, number) => {
                let phone = &mut next.phones[p];
                phone.tokens |= 1 << number;
                phone.errand = phone.errand.max(number);
            }
            Move::Hand(p, number) => next.hand(p, number, scope),
            Move::Bring(number) => next.bring(number, scope),
            Move::Delete(p, number) => {
                let phone = &mut next.phones[p];
                phone.tokens &= !(1 << number);
                phone.receipts &= !(1 << number);
            }
            Move::Lose(p) => next.phones[p] = Phone::default(),
        }
        next.world.check(&self.world, scope)?;
        Ok(if scope.merge { next.merged() } else { next })
    }

    /// Each phone, as it is, goes to the meter, where there is no network, and home again.
    fn last_check(&self, scope: &Scope) -> Result<(), Violation> {
        let useful = (0..self.phones.len()).all(|p| self.trip_is_useful(p, scope));
        if useful { Ok(()) } else { Err(Violation::TripInVain) }
    }
}

impl Couriers {
    /// Nothing sold, and nothing on the phones.
    pub const NEW: Couriers = {
        let phone = Phone { tokens: 0, receipts: 0, errand: 0 };
        Couriers { world: World { receipts: 0, ..World::NEW }, phones: [phone; 2], heard: 0 }
    };

    fn hand(&mut self, p: usize, number: Number, scope: &Scope) {
        let receipt = self.world.meter.hand(number, self.token(number), scope);
        self.phones[p].receipts |= receipt.map_or(0, |number| 1 << number);
    }

    fn bring(&mut self, number: Number, scope: &Scope) {
        self.world.bring(number, scope);
        self.heard = self.heard.max(number);
    }

    /// Whether the phone may delete a token: the station has acknowledged a receipt that covers it.
    fn may_delete(&self, phone: &Phone, number: Number, rules: &Rules) -> bool {
        let carried = numbers(phone.receipts).last().unwrap_or(0);
        let receipt = if rules.phone_waits_for_acknowledgement { self.heard } else { self.heard.max(carried) };
        if rules.phone_waits_for_cover { receipt >= number } else { receipt > 0 }
    }

    /// Whether a trip of this phone ends well: the meter is past the token of its errand and the station knows, or
    /// the meter refuses that token and the station knows where it stands.
    fn trip_is_useful(mut self, p: usize, scope: &Scope) -> bool {
        let phone = self.phones[p];
        numbers(phone.tokens).for_each(|number| self.hand(p, number, scope));
        numbers(self.phones[p].receipts).for_each(|number| self.bring(number, scope));
        let meter = self.world.meter;
        let refused = !meter.takes(phone.errand, self.token(phone.errand), scope);
        self.heard >= phone.errand || self.heard == meter.number && refused
    }

    /// As [`World::merged`]: what is below the floor of the world decides nothing on a phone either, the station has
    /// heard of an errand once and for all, and the phones are alike.
    fn merged(mut self) -> Couriers {
        self.world = self.world.merged();
        for phone in &mut self.phones {
            phone.tokens &= !0 << self.world.floor();
            phone.receipts &= !0 << self.world.floor();
            if phone.errand <= self.heard {
                phone.errand = 0;
            }
        }
        self.phones.sort();
        self
    }

    /// The content of a token that some phone carries. What the merging has forgotten is older than the meter's
    /// number, so that its content does not matter.
    fn token(&self, number: Number) -> Token {
        let token = self.world.book.at(number).or(self.world.forgotten.at(number));
        token.unwrap_or(Token { counts: Lines::NONE, refused: Range::NONE })
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Move::Station(action) => write!(f, "{action}"),
            Move::Fetch(_, number) => write!(f, "a phone fetches token {number}"),
            Move::Hand(_, number) => write!(f, "a phone hands over token {number}"),
            Move::Bring(number) => write!(f, "a phone brings receipt {number}"),
            Move::Delete(_, number) => write!(f, "a phone deletes token {number}"),
            Move::Lose(_) => write!(f, "a phone is lost"),
        }
    }
}
