//! Following an order while somebody looks at it.

use super::{buy, orders};
use crate::io::{Events, Station, Time};
use crate::records::StoredOrder;
use crate::sse::EventParser;
use crate::store::Store;
use crate::{Error, api};
use uuid::Uuid;

/// Pause before a stream that broke is opened again, in milliseconds; doubled with each time in a row that the station is silent.
const PAUSE_MS: u64 = 1_000;
/// The pause is doubled no more often than this: then it is 32 s.
const MAX_DOUBLINGS: u32 = 5;
/// How long to listen before looking whether anybody still looks, in milliseconds: the station says something every 15 s.
const LISTEN_MS: u64 = 30_000;

/// Keeps the order `id` of the store as its station tells it, and goes on with it as [`super::sync`] does, until it is finished or
/// `is_shown` says that nobody looks at it any more; what somebody looks at is told, as by [`super::tell`]. Other work on the
/// store may go on meanwhile. A station that gives no answer is asked again, ever more seldom.
///
/// # Errors
/// [`Error`] if the store fails, or if the station's answer is clear and not as it should be.
pub async fn follow<S: Store, N: Station, T: Time>(
    store: &mut S,
    station: &mut N,
    time: &T,
    id: Uuid,
    is_shown: impl Fn() -> bool,
) -> Result<(), Error> {
    let mut silent = 0;
    loop {
        let Some(order) = open_order(store, id).await?.filter(|_| is_shown()) else { return Ok(()) };
        // What the station has not heard of cannot be watched there, and before it knows that the payer agrees nothing happens.
        if order.view.is_some()
            && !orders::is_to_be_paid(&order)
            && let Ok(events) = station.watch(&api::events_path(id)).await
        {
            listen(store, events, id, &is_shown).await?;
        }
        if !is_shown() {
            return Ok(());
        }
        time.pause(PAUSE_MS << silent.min(MAX_DOUBLINGS)).await;
        let Some(mut order) = open_order(store, id).await? else { return Ok(()) };
        match orders::advance(store, station, &mut order).await {
            Ok(_) => silent = 0,
            Err(error) if error.is_unknown() => silent += 1,
            Err(error) => return Err(error),
        }
        if is_shown() {
            orders::tell(store, &mut order).await?;
        }
    }
}

/// Takes what a stream of events says until it ends.
async fn listen<S: Store, E: Events>(
    store: &mut S,
    mut events: E,
    id: Uuid,
    is_shown: &impl Fn() -> bool,
) -> Result<(), Error> {
    let mut parser = EventParser::default();
    while is_shown() {
        let Ok(Some(chunk)) = events.chunk(LISTEN_MS).await else { return Ok(()) };
        let Ok(complete) = parser.feed(&chunk) else { return Ok(()) };
        // As it is now: somebody else may have written it since.
        let Some(mut order) = open_order(store, id).await? else { return Ok(()) };
        if let Some(view) = buy::newest(&complete, &order) {
            orders::take_change(store, &mut order, view).await?;
            if orders::is_to_be_paid(&order) {
                return Ok(());
            }
        }
        if is_shown() {
            orders::tell(store, &mut order).await?;
        }
    }
    Ok(())
}

async fn open_order<S: Store>(store: &mut S, id: Uuid) -> Result<Option<StoredOrder>, Error> {
    Ok(store.load().await?.order(id).filter(|order| order.is_open()).cloned())
}
