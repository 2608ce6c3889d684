//! Buying: one order for one purchase, through any crash.

use super::{Delivery, Purchase, orders};
use crate::io::{Events, Station, Time};
use crate::records::{Consent, StoredOrder};
use crate::sse::EventParser;
use crate::store::{Contents, Store};
use crate::wire::{MeterInfo, OrderView, Quote};
use crate::{Error, api};
use coinless_protocol::MeterId;
use coinless_protocol::receipt::Receipt;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How often the order and its payment are sent before the courier says that the outcome is unknown.
const SEND_ATTEMPTS: u32 = 3;
/// Pause before sending again and before opening a broken stream of events again, in milliseconds.
const PAUSE_MS: u64 = 1_000;
/// How many times in a row the station may not answer at all while the courier waits for the outcome.
const MAX_SILENT_ROUNDS: u32 = 5;

/// How a purchase goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What the station says of a meter, and the code on its display if it is at hand.
    Meter(&'a MeterInfo, Option<u32>),
    /// What the lines cost, if quantities were asked for. The payer agrees to pay that.
    Quoted(&'a Quote),
    /// The order is in the store; it is an earlier one that goes on if `true`.
    Order(&'a StoredOrder, bool),
    /// The order has changed.
    Changed(&'a OrderView),
    /// The meter at hand has stated how it stands.
    Read(&'a Receipt),
    /// A token was handed to the meter.
    Delivered(&'a Delivery),
}

/// What buying needs.
pub struct Buyer<'a, S, N, T> {
    /// The phone's memory.
    pub store: &'a mut S,
    /// The station.
    pub station: &'a mut N,
    /// The station's URL, as kept with the order.
    pub url: &'a str,
    /// A clock for waiting.
    pub time: &'a T,
    /// How long to wait for the payment and the sale, in milliseconds.
    pub wait_ms: u64,
    /// Is told how it goes on.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
}

/// A purchase, as far as it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// The order, as it is in the store.
    pub order: StoredOrder,
    /// It was begun earlier and went on now.
    pub resumed: bool,
    /// What kept the courier from waiting for the outcome. If [`Error::is_unknown`], the purchase may have been made: the same
    /// again, or a sync, goes on with the same order.
    pub trouble: Option<Error>,
}

impl<S: Store, N: Station, T: Time> Buyer<'_, S, N, T> {
    /// Buys: the order with its id is in the store before it is first sent; the payer agrees to pay the amounts, and for quantities
    /// what a quote says that they cost at this moment. If the store holds the same purchase with an outcome that the payer was not shown, that one goes on and `new_id` is not used.
    /// Returns when every line has its token or has ended, when the time is over, or when the station gives no answer. The
    /// caller shows the outcome and then calls [`super::tell`].
    ///
    /// # Errors
    /// [`Error`] if nothing was ordered.
    pub async fn buy(&mut self, new_id: Uuid, purchase: &Purchase) -> Result<Bought, Error> {
        purchase.check()?;
        let contents = self.contents().await?;
        if let Some(order) = purchase.begun(&contents, self.url)? {
            return self.resume(order.clone(), purchase).await;
        }
        let meters = self.look_up(purchase).await?;
        for info in &meters {
            (self.progress)(Progress::Meter(info, None));
        }
        let order = self.begin(&contents, new_id, purchase, meters, None).await?;
        Ok(self.go_on(order, false).await)
    }

    /// The store's contents, if no order among them is damaged.
    pub(super) async fn contents(&mut self) -> Result<Contents, Error> {
        let contents = self.store.load().await?;
        match contents.damaged.iter().find(|damaged| damaged.may_be_order) {
            Some(damaged) => Err(Error::Damaged(damaged.clone())),
            None => Ok(contents),
        }
    }

    /// What the station says of the meters of a purchase.
    pub(super) async fn look_up(&mut self, purchase: &Purchase) -> Result<Vec<MeterInfo>, Error> {
        let mut meters: Vec<MeterInfo> = Vec::new();
        for line in &purchase.lines {
            if meters.iter().any(|info| info.meter == line.meter.as_str()) {
                continue;
            }
            let info = api::meter(self.station, &line.meter).await?;
            if info.meter != line.meter.as_str() {
                return Err(Error::StationAnswer(format!("it speaks of the meter {}", info.meter)));
            }
            meters.push(info);
        }
        purchase.check_units(&meters)?;
        Ok(meters)
    }

    /// Asks what quantities cost, so that the payer's agreement has a bound.
    async fn consent(&mut self, purchase: &Purchase) -> Result<Consent, Error> {
        if purchase.lines.iter().all(|line| line.asked.amount().is_some()) {
            purchase.check_most(&purchase.sum().to_string(), "in all")?;
            return Ok(Consent::Amounts);
        }
        let quote = api::quote(self.station, &purchase.request(None)).await?;
        (self.progress)(Progress::Quoted(&quote));
        purchase.check_most(&quote.total, &quote.currency)?;
        let total = quote.total.parse().map_err(|_| Error::StationAnswer(format!("it quotes {}", quote.total)))?;
        Ok(Consent::AtMost(total))
    }

    /// Goes on with an earlier order for the same purchase. Buying it is agreeing to its amounts, also if the order came from a
    /// link and nobody on this phone had agreed to it.
    pub(super) async fn resume(&mut self, mut order: StoredOrder, purchase: &Purchase) -> Result<Bought, Error> {
        let total = order.view.as_ref().map(|view| (view.total.clone(), view.currency.clone()));
        let mut changed = false;
        if let (Consent::QuoteFirst, None, Some((total, currency))) = (&order.consent, order.accepted, total) {
            purchase.check_most(&total, &currency)?;
            let most = total.parse().map_err(|_| Error::StationAnswer(format!("the order's total is {total}")))?;
            order.consent = Consent::AtMost(most);
            changed = true;
        }
        if purchase.round.is_some() && order.round != purchase.round {
            order.round.clone_from(&purchase.round);
            changed = true;
        }
        if changed {
            self.store.save_order(&order).await?;
        }
        Ok(self.go_on(order, true).await)
    }

    /// Writes a new order into the store; lines of the meter `at` are to be loaded at once.
    pub(super) async fn begin(
        &mut self,
        contents: &Contents,
        id: Uuid,
        purchase: &Purchase,
        meters: Vec<MeterInfo>,
        at: Option<MeterId>,
    ) -> Result<StoredOrder, Error> {
        if contents.order(id).is_some() {
            return Err(Error::OtherOrder(format!("the id {id} is used already")));
        }
        let consent = self.consent(purchase).await?;
        let order = StoredOrder {
            id,
            station: self.url.to_owned(),
            request: purchase.request(at),
            consent,
            accepted: None,
            view: None,
            rejected: None,
            told: false,
            meters,
            round: purchase.round.clone(),
            receipts: BTreeMap::new(),
        };
        self.store.save_order(&order).await?;
        Ok(order)
    }

    /// Takes an order of the store to its outcome.
    pub(super) async fn go_on(&mut self, mut order: StoredOrder, resumed: bool) -> Bought {
        (self.progress)(Progress::Order(&order, resumed));
        let trouble = match self.send(&mut order).await {
            Ok(()) => self.wait(&mut order).await.err(),
            Err(error) => Some(error),
        };
        Bought { order, resumed, trouble }
    }

    async fn send(&mut self, order: &mut StoredOrder) -> Result<(), Error> {
        for _ in 1..SEND_ATTEMPTS {
            match orders::advance(self.store, self.station, order).await {
                Err(error) if error.is_unknown() => self.time.pause(PAUSE_MS).await,
                result => return result.map(|_| self.show(order)),
            }
        }
        orders::advance(self.store, self.station, order).await.map(|_| self.show(order))
    }

    async fn wait(&mut self, order: &mut StoredOrder) -> Result<(), Error> {
        let until_ms = self.time.now_ms().saturating_add(self.wait_ms);
        let mut silent = 0;
        while !order.is_settled() && self.time.now_ms() < until_ms {
            if let Ok(events) = self.station.watch(&api::events_path(order.id)).await {
                self.follow(order, events, until_ms).await?;
            }
            if order.is_settled() {
                break;
            }
            // The stream broke or there is none: ask once, then try again.
            self.time.pause(PAUSE_MS).await;
            match orders::advance(self.store, self.station, order).await {
                Ok(_) => silent = 0,
                Err(error) if error.is_unknown() && silent < MAX_SILENT_ROUNDS => silent += 1,
                Err(error) => return Err(error),
            }
            self.show(order);
        }
        Ok(())
    }

    /// Follows a stream of events until the outcome is there, the stream ends, or the time is over.
    async fn follow(&mut self, order: &mut StoredOrder, mut events: N::Events, until_ms: u64) -> Result<(), Error> {
        let mut parser = EventParser::default();
        loop {
            let most_ms = until_ms.saturating_sub(self.time.now_ms());
            let Ok(Some(chunk)) = events.chunk(most_ms).await else { return Ok(()) };
            let Ok(complete) = parser.feed(&chunk) else { return Ok(()) };
            if let Some(view) = newest(&complete, order) {
                orders::take_change(self.store, order, view).await?;
                self.show(order);
            }
            if order.is_settled() || self.time.now_ms() >= until_ms {
                return Ok(());
            }
        }
    }

    fn show(&mut self, order: &StoredOrder) {
        if let Some(view) = &order.view {
            (self.progress)(Progress::Changed(view));
        }
    }
}

/// The newest state of `order` among `events`, if it is newer than what is known: what is no order, or an older state of it, says
/// nothing, and the newest one says everything.
pub(super) fn newest(events: &[Vec<u8>], order: &StoredOrder) -> Option<OrderView> {
    let views = events.iter().filter_map(|event| serde_json::from_slice::<OrderView>(event).ok());
    let newer = |view: &OrderView| order.view.as_ref().is_none_or(|known| view.version > known.version);
    views.filter(|view| view.id == order.id && newer(view)).max_by_key(|view| view.version)
}
