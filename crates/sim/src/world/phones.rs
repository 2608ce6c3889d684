//! Phones and what people do with them.

use super::hub::Hub;
use super::io::{Handset, Http};
use super::radio::Radio;
use super::station::URL;
use coinless_phone::Error;
use coinless_phone::api;
use coinless_phone::courier::{Buyer, Draws, Purchase, deliver, refund, restore, sync, tell};
use coinless_phone::io::Link;
use coinless_phone::memory_store::MemoryStore;
use coinless_phone::records::StoredOrder;
use coinless_protocol::MeterId;
use coinless_protocol::coap::{ContentFormat, Method, Request};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use uuid::Uuid;

/// How long people wait for a payment and a sale.
const WAIT_MS: u64 = 60_000;

/// A phone.
pub(super) struct Phone {
    pub handset: Handset,
    pub doing: Option<Doing>,
    pub wish: Option<Wish>,
    /// Ids of orders that the owner has on paper since the phone was lost.
    pub paper: Vec<Uuid>,
}

/// What a phone is doing.
pub(super) struct Doing {
    pub words: String,
    future: Pin<Box<dyn Future<Output = String>>>,
}

/// How it ended.
pub(super) enum Done {
    /// By itself.
    Ended(String),
    /// The app died.
    Died(String),
}

/// Something that the owner wants to buy, once, however often it takes.
pub(super) struct Wish {
    pub purchase: Purchase,
    /// The ids that were offered for it.
    pub ids: Vec<Uuid>,
    pub tries: u32,
}

/// Something to do with a phone.
pub(super) enum Errand {
    Buy {
        id: Uuid,
        purchase: Purchase,
    },
    BuyAt {
        meter: usize,
        draws: Draws,
        purchase: Purchase,
    },
    Deliver {
        meter: usize,
    },
    Sync,
    Refund {
        order: Uuid,
        line: Option<u32>,
    },
    /// Hand a copied token to some meter.
    Hand {
        meter: usize,
        token: Vec<u8>,
    },
    /// Bring a copied receipt to the station.
    Bring {
        receipt: Vec<u8>,
    },
    /// Fetch orders again whose ids are on paper.
    Recover {
        orders: Vec<Uuid>,
    },
}

impl Phone {
    pub fn new(hub: &Rc<RefCell<Hub>>, phone: usize) -> Self {
        let handset = Handset {
            hub: hub.clone(),
            phone,
            dead: Rc::new(Cell::new(false)),
            shown: Rc::new(Cell::new(false)),
            memory: Rc::new(RefCell::new(MemoryStore::default())),
        };
        Self { handset, doing: None, wish: None, paper: Vec::new() }
    }

    /// Begins an errand.
    pub fn begin(&mut self, words: String, errand: Errand) {
        let future = Box::pin(run(self.handset.clone(), errand));
        self.doing = Some(Doing { words, future });
    }

    /// Goes on with what it is doing; gives its end.
    pub fn poll(&mut self) -> Option<Done> {
        let doing = self.doing.as_mut()?;
        match doing.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(words) => {
                self.doing = None;
                Some(Done::Ended(words))
            }
            Poll::Pending if self.handset.dead.replace(false) => Some(Done::Died(self.doing.take()?.words)),
            Poll::Pending => None,
        }
    }

    /// Ends what it is doing, as a battery does.
    pub fn kill(&mut self) -> bool {
        self.doing.take().is_some()
    }

    /// The phone is lost. Its owner has the ids of all orders on paper, and nothing else.
    pub fn lose(&mut self) {
        self.doing = None;
        self.wish = None;
        let memory = self.handset.memory.take();
        self.paper.extend(memory.contents.orders.iter().map(|order| order.id));
    }

    /// Whether an order is on paper that the phone does not know.
    pub fn misses_some(&self) -> bool {
        let contents = &self.handset.memory.borrow().contents;
        self.paper.iter().any(|id| contents.order(*id).is_none())
    }

    /// The orders that the phone knows.
    pub fn orders(&self) -> Vec<StoredOrder> {
        self.handset.memory.borrow().contents.orders.clone()
    }

    /// The meters for which it has tokens to carry.
    pub fn meters(&self) -> Vec<MeterId> {
        let contents = &self.handset.memory.borrow().contents;
        let tokens = contents.tokens.iter().filter(|token| contents.is_current(token));
        let mut meters: Vec<MeterId> = tokens.map(|token| token.key.meter).collect();
        meters.sort_unstable();
        meters.dedup();
        meters
    }
}

/// Runs an errand; says in words how it ended.
async fn run(mut phone: Handset, errand: Errand) -> String {
    let mut http = Http(phone.clone());
    match errand {
        Errand::Buy { id, purchase } => {
            let bought = buyer(&mut phone.clone(), &mut http, &phone, &mut |_| {}).buy(id, &purchase).await;
            match bought {
                Ok(bought) => {
                    let trouble = bought.trouble;
                    show(&mut phone, bought.order).await;
                    format!("bought, trouble {trouble:?}")
                }
                Err(error) => failed(&phone, &error),
            }
        }
        Errand::BuyAt { meter, draws, purchase } => {
            let mut radio = Radio::new(&phone, meter);
            let mut store = phone.clone();
            let mut progress = |_: coinless_phone::courier::Progress<'_>| {};
            let bought = buyer(&mut store, &mut http, &phone, &mut progress).buy_at(&mut radio, draws, &purchase).await;
            match bought {
                Ok(bought) => {
                    phone.hub.borrow_mut().stats.count("purchases at the meter");
                    let trouble = bought.bought.trouble;
                    show(&mut phone, bought.bought.order).await;
                    format!("bought at the meter, trouble {trouble:?}")
                }
                Err(error) => failed(&phone, &error),
            }
        }
        Errand::Deliver { meter } => {
            let mut radio = Radio::new(&phone, meter);
            match deliver(&mut phone, &mut radio).await {
                Ok(delivered) => {
                    let outcomes: Vec<_> = delivered
                        .deliveries
                        .iter()
                        .map(|one| format!("{}: {:?}", one.token.key, one.outcome))
                        .collect();
                    format!("delivered {outcomes:?}, interrupted {:?}", delivered.interrupted)
                }
                Err(error) => failed(&phone, &error),
            }
        }
        Errand::Sync => match sync(&mut phone, &mut http, URL).await {
            Ok(report) => format!("synced, problems {:?}", report.problems),
            Err(error) => failed(&phone, &error),
        },
        Errand::Refund { order, line } => match refund(&mut phone, &mut http, order, line).await {
            Ok(asked) => {
                phone.hub.borrow_mut().stats.count("refunds asked for");
                format!("asked for lines {:?} back", asked.lines)
            }
            Err(error) => failed(&phone, &error),
        },
        Errand::Hand { meter, token } => hand(&phone, meter, &token).await,
        Errand::Bring { receipt } => match api::receipt(&mut http, &receipt).await {
            Ok(taken) => format!("receipt {} of {} brought, new {}", taken.receipt, taken.meter, taken.new),
            Err(error) => failed(&phone, &error.into()),
        },
        Errand::Recover { orders } => recover(&mut phone, &mut http, &orders).await,
    }
}

fn buyer<'a>(
    store: &'a mut Handset,
    station: &'a mut Http,
    time: &'a Handset,
    progress: &'a mut dyn FnMut(coinless_phone::courier::Progress<'_>),
) -> Buyer<'a, Handset, Http, Handset> {
    Buyer { store, station, url: URL, time, wait_ms: WAIT_MS, progress }
}

fn failed(phone: &Handset, error: &Error) -> String {
    let hub = &mut *phone.hub.borrow_mut();
    hub.stats.count(if error.is_unknown() { "errands that ended unknown" } else { "errands refused" });
    // Everything on the way is honest: what cannot be trusted or does not fit must not occur.
    let impossible = matches!(error, Error::NotAuthentic(_) | Error::StationAnswer(_) | Error::OtherOrder(_));
    if impossible || matches!(error, Error::Damaged(_) | Error::MeterAnswer(_)) {
        hub.fail(format!("phone {}: {error}", phone.phone));
    }
    error.to_string()
}

/// Shows the owner how a purchase ended; sometimes nobody looks. From then on the owner knows, whatever becomes of the app.
async fn show(phone: &mut Handset, mut order: StoredOrder) {
    if !order.is_settled() || phone.hub.borrow_mut().random.u32(0..6) == 0 {
        return;
    }
    phone.shown.set(true);
    // What is not written is shown again.
    let _ = tell(phone, &mut order).await;
}

async fn hand(phone: &Handset, meter: usize, token: &[u8]) -> String {
    let mut radio = Radio::new(phone, meter);
    let format = Some(ContentFormat::CoseSign1);
    let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: token };
    let answer = radio.exchange(&request).await.map(|response| response.code);
    phone.hub.borrow_mut().stats.count("copied tokens handed over");
    format!("handed a copied token over: {answer:?}")
}

/// Fetches orders again of which only the ids are known.
async fn recover(phone: &mut Handset, http: &mut Http, orders: &[Uuid]) -> String {
    let mut found = 0;
    for id in orders {
        match restore(phone, http, URL, *id).await {
            Ok(restored) if restored.is_new => {
                found += 1;
                let mut order = restored.order;
                // The owner has seen it on paper.
                if let Err(error) = tell(phone, &mut order).await {
                    return failed(phone, &error);
                }
            }
            Ok(_) => {}
            Err(error) if error.is_unknown() || matches!(error, Error::UnknownOrder(_)) => {}
            Err(error) => return failed(phone, &error),
        }
    }
    phone.hub.borrow_mut().stats.add("orders fetched by a new phone", found);
    format!("fetched {found} of {} orders", orders.len())
}
