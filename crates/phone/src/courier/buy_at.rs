//! Buying at the meter: identity, room for credit, payment, sale and loading in one go.

use super::buy::Bought;
use super::{Buyer, Delivered, Progress, Purchase, SyncReport, deliver, fresh_receipt, scan, sync};
use crate::Error;
use crate::io::{Link, Station, Time};
use crate::records::StoredOrder;
use crate::store::Store;
use coinless_protocol::identity::Identity;
use coinless_protocol::{Challenge, MeterId, Units};
use uuid::Uuid;

/// The random numbers of one purchase at the meter, each drawn for it alone.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    /// Id of the order if it is a new one (UUIDv7).
    pub order: Uuid,
    /// Challenge of the scan.
    pub scan: Challenge,
    /// Challenge of the read request.
    pub read: Challenge,
}

/// A purchase at the meter, as far as it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoughtAt {
    /// The purchase.
    pub bought: Bought,
    /// The loading; none if there was nothing to load.
    pub delivered: Option<Result<Delivered, Error>>,
    /// The way of the receipt to the station.
    pub synced: Option<Result<SyncReport, Error>>,
    /// The total that the meter's last receipt before the loading stated.
    pub total_before: Option<Units>,
}

impl<S: Store, N: Station, T: Time> Buyer<'_, S, N, T> {
    /// Buys for the meter at `link`, as [`Buyer::buy`] does, and loads the credit at once. Before anybody pays, the meter has
    /// proved that it is in the order, and its fresh receipt has told the station how much room it has. Lines for other
    /// meters are bought along and kept for later.
    ///
    /// # Errors
    /// [`Error`] if nothing was ordered, or a begun order was not gone on with because another meter is at the link.
    pub async fn buy_at<L: Link>(
        &mut self,
        link: &mut L,
        draws: Draws,
        purchase: &Purchase,
    ) -> Result<BoughtAt, Error> {
        purchase.check()?;
        let scanned = scan(link, draws.scan).await?;
        let identity = scanned.identity;
        if !purchase.lines.iter().any(|line| line.meter == identity.meter) {
            return Err(Error::WrongMeter(identity.meter));
        }
        let contents = self.contents().await?;
        let begun = purchase.begun(&contents, self.url)?.cloned();
        let meters = match &begun {
            Some(order) => order.meters.clone(),
            None => self.look_up(purchase).await?,
        };
        let info = meters.iter().find(|info| info.meter == identity.meter.as_str());
        let (info, key) = info
            .and_then(|info| Some((info, info.key()?)))
            .ok_or_else(|| Error::StationAnswer("it gives no public key of the meter".into()))?;
        let code = scanned.verify(&key)?;
        (self.progress)(Progress::Meter(info, Some(code)));
        // Once the payment may be on its way, the room for credit does not matter any more.
        if begun.as_ref().is_none_or(|order| order.accepted.is_none()) {
            let receipt =
                fresh_receipt(self.store, link, (self.station, self.url), (&identity, &key), draws.read).await?;
            (self.progress)(Progress::Read(&receipt));
        }
        let bought = match begun {
            Some(order) => self.resume(order, purchase).await?,
            None => {
                let order = self.begin(&contents, draws.order, purchase, meters, Some(identity.meter)).await?;
                self.go_on(order, false).await
            }
        };
        Ok(self.load(link, bought, &identity).await)
    }

    async fn load<L: Link>(&mut self, link: &mut L, bought: Bought, identity: &Identity) -> BoughtAt {
        let mut result = BoughtAt { bought, delivered: None, synced: None, total_before: None };
        if !has_token_for(&result.bought.order, &identity.meter) {
            return result;
        }
        let delivered = deliver(self.store, link).await;
        if let Ok(delivered) = &delivered {
            delivered.deliveries.iter().for_each(|delivery| (self.progress)(Progress::Delivered(delivery)));
        }
        result.delivered = Some(delivered);
        result.total_before = self.total_before(result.delivered.as_ref(), identity).await;
        result.synced = Some(sync(self.store, self.station, self.url).await);
        if let Ok(contents) = self.store.load().await
            && let Some(order) = contents.order(result.bought.order.id)
        {
            result.bought.order = order.clone();
        }
        result
    }

    /// The total of the last receipt before the one that answered the first credit token.
    async fn total_before(
        &mut self,
        delivered: Option<&Result<Delivered, Error>>,
        identity: &Identity,
    ) -> Option<Units> {
        let mut deliveries = delivered?.as_ref().ok()?.deliveries.iter();
        // What shows that another register is there may be an older receipt.
        let receipt = deliveries.find_map(|one| one.receipt.as_ref().filter(|_| one.token.key.has_credit()))?;
        let mut contents = self.store.load().await.ok()?;
        contents.receipts.retain(|earlier| earlier.key.number < receipt.key.number);
        Some(contents.newest_receipt(&identity.meter, identity.meter_key)?.receipt.total)
    }
}

/// Whether there is something to load; also a line that is loaded already, whose receipt may still be on its way.
fn has_token_for(order: &StoredOrder, meter: &MeterId) -> bool {
    use crate::wire::LineState::{Delivered, Issued};
    let lines = order.view.iter().flat_map(|view| &view.lines).filter(|line| line.meter == meter.as_str());
    lines.filter(|line| matches!(line.state, Issued | Delivered)).count() > 0
}
