//! Buying: one order for one purchase, through any crash.

use super::{Delivery, orders};
use crate::io::{Events, Station, Time};
use crate::records::{Consent, StoredOrder};
use crate::sse::EventParser;
use crate::store::{Contents, Store};
use crate::wire::{MeterInfo, OrderRequest, OrderView, RequestLine};
use crate::{Amount, Error, api};
use coinless_protocol::MeterId;
use coinless_protocol::receipt::Receipt;
use uuid::Uuid;

/// How often the order and its payment are sent before the courier says that the outcome is unknown.
const SEND_ATTEMPTS: u32 = 3;
/// Pause before sending again and before opening a broken stream of events again, in milliseconds.
const PAUSE_MS: u64 = 1_000;
/// How many times in a row the station may not answer at all while the courier waits for the outcome.
const MAX_SILENT_ROUNDS: u32 = 5;

/// What a payer wants to buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// For which meters, and what is to be paid for each.
    pub lines: Vec<PurchaseLine>,
    /// Who pays, in the payer's own words.
    pub payer: Option<String>,
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseLine {
    /// The meter.
    pub meter: MeterId,
    /// What is to be paid.
    pub amount: Amount,
}

/// How a purchase goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What the station says of a meter, and the code on its display if it is at hand.
    Meter(&'a MeterInfo, Option<u32>),
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
    /// Buys: the order with its id is in the store before it is first sent; the payer agrees to pay the amounts. If the store
    /// holds the same purchase with an outcome that the payer was not shown, that one goes on and `new_id` is not used.
    /// Returns when every line has its token or has ended, when the time is over, or when the station gives no answer. The
    /// caller shows the outcome and then calls [`super::tell`].
    ///
    /// # Errors
    /// [`Error`] if nothing was ordered.
    pub async fn buy(&mut self, new_id: Uuid, purchase: &Purchase) -> Result<Bought, Error> {
        let contents = self.contents().await?;
        if let Some(order) = same_purchase(&contents, self.url, purchase) {
            return Ok(self.go_on(order.clone(), true).await);
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
        Ok(meters)
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
        let line = |line: &PurchaseLine| RequestLine {
            meter: line.meter.label().to_string(),
            amount: line.amount.clone(),
            immediate: at == Some(line.meter),
        };
        let lines = purchase.lines.iter().map(line).collect();
        let order = StoredOrder {
            id,
            station: self.url.to_owned(),
            request: OrderRequest { lines, currency: None, payer: purchase.payer.clone() },
            consent: Consent::Amounts,
            accepted: None,
            view: None,
            rejected: None,
            told: false,
            meters,
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
            for event in complete {
                // What is no order, or an older state of it, says nothing.
                let Ok(view) = serde_json::from_slice::<OrderView>(&event) else { continue };
                let newer = order.view.as_ref().is_none_or(|known| view.version > known.version);
                if view.id == order.id && newer {
                    orders::take_view(self.store, order, view).await?;
                    self.show(order);
                }
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

/// An order for the same meters and amounts at the same station whose outcome the payer was not shown.
pub(super) fn same_purchase<'a>(contents: &'a Contents, url: &str, purchase: &Purchase) -> Option<&'a StoredOrder> {
    contents.orders.iter().filter(|order| order.station == url && !order.told && order.rejected.is_none()).find(
        |order| {
            let lines = &order.request.lines;
            lines.len() == purchase.lines.len()
                && lines.iter().zip(&purchase.lines).all(|(stored, line)| {
                    MeterId::from_label(&stored.meter) == Ok(line.meter) && stored.amount == line.amount
                })
        },
    )
}
