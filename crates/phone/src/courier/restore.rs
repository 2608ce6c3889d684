//! Fetching an order onto a phone that has lost it, or never had it.

use super::orders;
use crate::api::{self, ApiError};
use crate::io::Station;
use crate::records::{Consent, StoredOrder, TokenKey};
use crate::store::Store;
use crate::wire::{LineView, OrderRequest, OrderView, RequestLine};
use crate::{Asked, Error, Quantity};
use coinless_protocol::{Commodity, MeterId, Units};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An order that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The order, as it is in the store.
    pub order: StoredOrder,
    /// This phone did not have it.
    pub is_new: bool,
    /// Tokens that are new on this phone.
    pub new_tokens: Vec<TokenKey>,
    /// What could not be fetched: a token that cannot be read, or a meter's key, without which this phone cannot verify that
    /// meter's receipts. The order is in the store; the same again is right.
    pub trouble: Option<Error>,
}

/// Fetches the order `id` of the station at `url`, and stores it with its tokens as after a purchase. On a phone that has the order,
/// it brings what is new: an answer older than what the phone knows changes nothing. It pays nothing: nobody on this phone has
/// agreed to. Any number of phones may do so any number of times.
///
/// # Errors
/// [`Error::UnknownOrder`], or others if the station does not answer or the store fails; then nothing was changed.
pub async fn restore<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    url: &str,
    id: Uuid,
) -> Result<Restored, Error> {
    let contents = store.load().await?;
    let named = |name: &str| name.contains(&id.to_string());
    if let Some(damaged) = contents.damaged.iter().find(|damaged| damaged.may_be_order && named(&damaged.name)) {
        return Err(Error::DamagedOrder(damaged.clone()));
    }
    let known = contents.order(id).cloned();
    if let Some(other) = known.as_ref().filter(|order| order.station != url) {
        return Err(Error::OtherStation { order: id, station: other.station.clone() });
    }
    let view = match api::order(station, id).await {
        Err(ApiError::Refused(problem)) if problem.status == 404 => return Err(Error::UnknownOrder(id)),
        answer => answer?,
    };
    let is_new = known.is_none();
    let mut order = match known {
        Some(order) => order,
        None => from_view(url, &view)?,
    };
    let is_old = order.view.as_ref().is_some_and(|known| known.version > view.version);
    let (mut new_tokens, mut trouble) = (Vec::new(), None);
    if !is_old {
        match orders::take_view(store, &mut order, view).await {
            Ok(new) => new_tokens = new,
            Err(error @ Error::StationAnswer(_)) => trouble = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Err(error) = add_meters(store, station, &mut order).await? {
        trouble = trouble.or(Some(error));
    }
    Ok(Restored { order, is_new, new_tokens, trouble })
}

/// Asks for the meters that the order does not have yet. The inner error is about the last of them.
async fn add_meters<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: &mut StoredOrder,
) -> Result<Result<(), Error>, Error> {
    let mut meters: Vec<MeterId> =
        order.request.lines.iter().filter_map(|line| MeterId::from_label(&line.meter).ok()).collect();
    meters.sort_unstable();
    meters.dedup();
    meters.retain(|meter| !order.meters.iter().any(|info| info.meter == meter.as_str()));
    let (before, mut result) = (order.meters.len(), Ok(()));
    for meter in meters {
        match api::meter(station, &meter).await {
            Ok(info) if info.meter == meter.as_str() => order.meters.push(info),
            Ok(info) => result = Err(Error::StationAnswer(format!("it speaks of the meter {}", info.meter))),
            Err(error) => {
                let unreachable = matches!(error, ApiError::NoAnswer(_));
                result = Err(error.into());
                if unreachable {
                    break;
                }
            }
        }
    }
    if order.meters.len() > before {
        store.save_order(order).await?;
    }
    Ok(result)
}

/// The order as its station tells it. How it was asked for and what was agreed to is not known here.
fn from_view(url: &str, view: &OrderView) -> Result<StoredOrder, Error> {
    let lines = view.lines.iter().map(request_line).collect::<Option<Vec<_>>>();
    let lines = lines.ok_or_else(|| Error::StationAnswer("a line of the order makes no sense".into()))?;
    Ok(StoredOrder {
        id: view.id,
        station: url.to_owned(),
        request: OrderRequest { lines, currency: None, payer: None, provider: None },
        consent: Consent::QuoteFirst,
        accepted: None,
        view: None,
        rejected: None,
        told: false,
        meters: Vec::new(),
        round: None,
        receipts: BTreeMap::new(),
    })
}

fn request_line(line: &LineView) -> Option<RequestLine> {
    let meter: MeterId = line.meter.parse().ok()?;
    let asked = match line.amount.parse() {
        Ok(amount) => Asked::Amount(amount),
        // It costs nothing: a quantity that is free.
        Err(_) => {
            let commodities = [Commodity::Electricity, Commodity::Gas, Commodity::Water];
            let commodity = commodities.into_iter().find(|commodity| commodity.name() == line.commodity)?;
            let units = Units::new(line.quote.as_ref()?.units).ok()?;
            Asked::Quantity(Quantity::of_units(units, commodity)?)
        }
    };
    Some(RequestLine { meter: meter.label().to_string(), asked, immediate: false })
}
