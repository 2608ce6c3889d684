//! What people take it into their heads to do.

use super::World;
use super::hub::{Event, Hub};
use super::phones::{Errand, Wish};
use coinless_phone::courier::{Draws, Purchase, PurchaseLine};
use coinless_phone::wire::LineState;
use coinless_protocol::MeterId;
use fastrand::Rng;
use uuid::{Builder, Uuid};

/// How often a person tries the same purchase before giving up.
const MAX_TRIES: u32 = 6;

/// What people like to do, drawn for each world: in one they ask for their money back all day, in another they are slow to
/// go down to the meter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// How often they buy, deliver, sync, ask for money back, hand copied tokens over, bring copied receipts.
    weights: [u32; 6],
    /// Meters that half of all lines are for: several people pay for one of them at a time.
    popular: usize,
}

impl Habits {
    /// The habits of a world with `meters` meters.
    pub fn drawn(random: &mut Rng, meters: usize) -> Self {
        let mut often = |usual: u32| usual * [1, 2, 2, 6][random.usize(0..4)];
        let weights = [often(18), often(12), often(10), often(8), often(3), often(3)];
        Self { weights, popular: [2, 5, meters.div_ceil(8)][random.usize(0..3)].min(meters) }
    }

    fn draw(&self, random: &mut Rng) -> usize {
        let mut left = random.u32(0..self.weights.iter().sum());
        let taken = |weight: &u32| {
            let this = left < *weight;
            left = left.saturating_sub(*weight);
            this
        };
        self.weights.iter().position(taken).unwrap_or(0)
    }
}

impl World {
    /// Somebody does something with some phone.
    pub(super) fn person(&mut self) {
        let (which, what, chance) = {
            let hub = &mut *self.hub.borrow_mut();
            let delay = hub.delay(self.scale.pause_ms);
            hub.after(delay, Event::Person);
            let what = self.habits.draw(&mut hub.random);
            (hub.random.usize(0..self.phones.len()), what, hub.random.u32(0..100))
        };
        if self.scale.restores > 0 {
            self.hub.borrow_mut().operator(self.scale.restores);
        }
        if self.phones[which].doing.is_some() {
            return self.interrupt(which, chance);
        }
        if self.may_lose(which) {
            return;
        }
        let errand = match what {
            _ if chance < 25 && self.phones[which].misses_some() => self.recover(which),
            0 => self.buy(which),
            1 => self.deliver(which),
            2 => Some(Errand::Sync),
            3 => self.refund(which),
            4 => self.hand(),
            _ => self.bring(),
        };
        if let Some(errand) = errand {
            self.begin(which, errand);
        }
    }

    /// Lets a phone begin an errand.
    pub(super) fn begin(&mut self, which: usize, errand: Errand) {
        let words = format!("phone {which}: {}", self.in_words(&errand));
        self.hub.borrow_mut().tell(|| words.clone());
        self.phones[which].begin(words, errand);
        self.poll(which);
    }

    /// Somebody ends the app, or the battery is empty.
    fn interrupt(&mut self, which: usize, chance: u32) {
        let deadly = self.hub.borrow().faults.app_crash > 0;
        if chance < 4 && deadly && self.phones[which].kill() {
            let hub = &mut *self.hub.borrow_mut();
            hub.stats.count("apps killed by their owners");
            hub.tell(|| format!("phone {which}: the app is killed"));
        }
    }

    fn may_lose(&mut self, which: usize) -> bool {
        let lost = {
            let hub = &mut *self.hub.borrow_mut();
            hub.chance(hub.faults.phone_lost)
        };
        if lost {
            self.close_wish(which);
            self.phones[which].lose();
            let hub = &mut *self.hub.borrow_mut();
            hub.stats.count("phones lost");
            hub.tell(|| format!("phone {which} is lost"));
        }
        lost
    }

    fn recover(&mut self, which: usize) -> Option<Errand> {
        Some(Errand::Recover { orders: self.phones[which].paper.clone() })
    }

    /// A purchase: the one that is not done yet, or a new one while there are to be more.
    fn buy(&mut self, which: usize) -> Option<Errand> {
        let may_be_new = self.bought < self.scale.purchases;
        if self.phones[which].wish.as_ref().is_some_and(|wish| wish.tries >= MAX_TRIES) {
            self.close_wish(which);
        }
        if self.phones[which].wish.is_none() {
            if !may_be_new {
                return None;
            }
            self.bought += 1;
            let purchase = self.new_purchase();
            self.phones[which].wish = Some(Wish { purchase, ids: Vec::new(), tries: 0 });
        }
        let hub = &mut *self.hub.borrow_mut();
        let id = order_id(hub);
        let wish = self.phones[which].wish.as_mut()?;
        wish.tries += 1;
        wish.ids.push(id);
        let purchase = wish.purchase.clone();
        let meter = hub.truth.places.get(&purchase.lines.first()?.meter).copied()?;
        if hub.random.u32(0..3) == 0 {
            let draws =
                Draws { order: id, scan: hub.random.u64(..).to_be_bytes(), read: hub.random.u64(..).to_be_bytes() };
            return Some(Errand::BuyAt { meter, draws, purchase });
        }
        Some(Errand::Buy { id, purchase })
    }

    fn new_purchase(&mut self) -> Purchase {
        let popular = self.habits.popular;
        let hub = &mut *self.hub.borrow_mut();
        let count = [1, 1, 1, 2, 3][hub.random.usize(0..5)];
        let line = |hub: &mut Hub| {
            let most = if hub.random.bool() { popular } else { hub.homes.len() };
            let home = &hub.homes[hub.random.usize(0..most)];
            let cents = hub.random.u32(100..4_000);
            // The range keeps it an amount.
            let asked = format!("{}.{:02}", cents / 100, cents % 100).parse().ok()?;
            Some(PurchaseLine { meter: home.id, asked })
        };
        let mut lines: Vec<PurchaseLine> = Vec::new();
        for line in (0..count).filter_map(|_| line(hub)) {
            if lines.iter().all(|known| known.meter != line.meter) {
                lines.push(line);
            }
        }
        Purchase { lines, ..Purchase::default() }
    }

    /// People mostly go to a meter for which they have something.
    fn deliver(&mut self, which: usize) -> Option<Errand> {
        let meters: Vec<MeterId> = self.phones[which].meters();
        let hub = &mut *self.hub.borrow_mut();
        let some = hub.random.usize(0..hub.homes.len());
        let own = (!meters.is_empty() && hub.random.u32(0..10) > 0).then(|| meters[hub.random.usize(0..meters.len())]);
        let meter = own.and_then(|meter| hub.truth.places.get(&meter).copied()).unwrap_or(some);
        Some(Errand::Deliver { meter })
    }

    fn refund(&mut self, which: usize) -> Option<Errand> {
        let orders = self.phones[which].orders();
        let issued = |state| matches!(state, LineState::Issued | LineState::VoidPending);
        let lines: Vec<(Uuid, u32)> = orders
            .iter()
            .filter_map(|order| Some((order.id, order.view.as_ref()?)))
            .flat_map(|(id, view)| view.lines.iter().filter(|l| issued(l.state)).map(move |l| (id, l.line)))
            .collect();
        let hub = &mut *self.hub.borrow_mut();
        let (order, line) = *lines.get(hub.random.usize(0..lines.len().max(1)))?;
        Some(Errand::Refund { order, line: hub.random.bool().then_some(line) })
    }

    fn hand(&mut self) -> Option<Errand> {
        let hub = &mut *self.hub.borrow_mut();
        let token = hub.copies.tokens.get(hub.random.usize(0..hub.copies.tokens.len().max(1)))?.clone();
        let own = coinless_protocol::token::Token::parse(&token).ok().map(|(_, token)| token.meter);
        let own = own.and_then(|meter| hub.truth.places.get(&meter).copied());
        let some = hub.random.usize(0..hub.homes.len());
        let meter = if hub.random.bool() { own.unwrap_or(some) } else { some };
        if own != Some(meter) {
            hub.stats.count("tokens handed to the wrong meter");
        }
        Some(Errand::Hand { meter, token })
    }

    fn bring(&mut self) -> Option<Errand> {
        let hub = &mut *self.hub.borrow_mut();
        let receipt = hub.copies.receipts.get(hub.random.usize(0..hub.copies.receipts.len().max(1)))?.clone();
        Some(Errand::Bring { receipt })
    }

    fn in_words(&self, errand: &Errand) -> String {
        let hub = self.hub.borrow();
        let bought = |purchase: &Purchase| {
            let lines = purchase.lines.iter().map(|line| format!("{} for {}", line.asked, line.meter));
            lines.collect::<Vec<_>>().join(", ")
        };
        match errand {
            Errand::Buy { purchase, .. } => format!("buy {}", bought(purchase)),
            Errand::BuyAt { purchase, .. } => format!("buy at the meter {}", bought(purchase)),
            Errand::Deliver { meter } => format!("deliver to {}", hub.homes[*meter].id),
            Errand::Sync => "sync".to_owned(),
            Errand::Refund { order, line } => format!("refund line {line:?} of {order}"),
            Errand::Hand { meter, .. } => format!("hand a copied token to {}", hub.homes[*meter].id),
            Errand::Bring { .. } => "bring a copied receipt".to_owned(),
            Errand::Recover { orders } => format!("fetch {} orders again", orders.len()),
        }
    }
}

/// A UUID of version 7 of the world's time and chance.
fn order_id(hub: &mut Hub) -> Uuid {
    let mut random = [0; 10];
    hub.random.fill(&mut random);
    Builder::from_unix_timestamp_millis(hub.wall_ms() as u64, &random).into_uuid()
}
