//! What a phone's memory must be able to do.

use crate::records::record::{self, Record};
use crate::records::{
    KeptMeter, MeterKey, ReceiptKey, StoredOrder, StoredProblem, StoredReader, StoredReceipt, StoredToken, StoredVisit,
    StoredWalk, TokenKey,
};
use coinless_protocol::MeterId;
use coinless_protocol::keys::{KeyHint, PublicKey};
use std::collections::HashSet;
use std::path::PathBuf;

/// A phone's memory. **Every change is durable before its future gives a result**, and a change that was cut off has happened
/// completely or not at all. One process or page works on a store at a time.
///
/// A store keeps records under their names ([`Record::name`]); the methods for each kind of record come of that.
pub trait Store {
    /// Everything in the store.
    ///
    /// # Errors
    /// [`StoreError`] if the store as a whole cannot be read; single records that cannot are in [`Contents::damaged`].
    fn load(&mut self) -> impl Future<Output = Result<Contents, StoreError>>;

    /// Writes a record in the place of the one with the same name.
    ///
    /// # Errors
    /// [`StoreError`] if it is not certain that it is written.
    fn save(&mut self, record: &Record) -> impl Future<Output = Result<(), StoreError>>;

    /// Writes many records in their order, each as [`Store::save`]: if it is cut off, the last of them may be missing. A store that
    /// writes them faster at once does so.
    ///
    /// # Errors
    /// [`StoreError`] if it is not certain that all are written.
    fn save_all(&mut self, records: &[Record]) -> impl Future<Output = Result<(), StoreError>> {
        async move {
            for record in records {
                self.save(record).await?;
            }
            Ok(())
        }
    }

    /// Removes the record of this name; does nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it is not certain that it is gone.
    fn remove(&mut self, name: &str) -> impl Future<Output = Result<(), StoreError>>;

    /// Writes an order; fails as [`Store::save`].
    fn save_order(&mut self, order: &StoredOrder) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Order(Box::new(order.clone()));
        async move { self.save(&record).await }
    }

    /// Writes a token; fails as [`Store::save`].
    fn save_token(&mut self, token: &StoredToken) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Token(token.clone());
        async move { self.save(&record).await }
    }

    /// Removes a token; fails as [`Store::remove`].
    fn remove_token(&mut self, token: &TokenKey) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::token_name(token);
        async move { self.remove(&name).await }
    }

    /// Writes a receipt; fails as [`Store::save`].
    fn save_receipt(&mut self, receipt: &StoredReceipt) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Receipt(Box::new(receipt.clone()));
        async move { self.save(&record).await }
    }

    /// Removes a receipt; fails as [`Store::remove`].
    fn remove_receipt(&mut self, receipt: &ReceiptKey) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::receipt_name(receipt);
        async move { self.remove(&name).await }
    }

    /// Writes what is noted of a meter; fails as [`Store::save`].
    fn save_visit(&mut self, visit: &StoredVisit) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Visit(visit.clone());
        async move { self.save(&record).await }
    }

    /// Removes what is noted of a meter; fails as [`Store::remove`].
    fn remove_visit(&mut self, meter: &MeterKey) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::visit_name(meter);
        async move { self.remove(&name).await }
    }

    /// Writes a kept meter; fails as [`Store::save`].
    fn save_meter(&mut self, meter: &KeptMeter) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Meter(Box::new(meter.clone()));
        async move { self.save(&record).await }
    }

    /// Removes the kept meter of this label; fails as [`Store::remove`].
    fn remove_meter(&mut self, label: &str) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::meter_name(label);
        async move { self.remove(&name).await }
    }

    /// Writes what is noted of a round; fails as [`Store::save`].
    fn save_walk(&mut self, walk: &StoredWalk) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Walk(walk.clone());
        async move { self.save(&record).await }
    }

    /// Writes what entitles this phone to a meter's readings; fails as [`Store::save`].
    fn save_reader(&mut self, reader: &StoredReader) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Reader(reader.clone());
        async move { self.save(&record).await }
    }

    /// Removes what entitles this phone to a meter's readings; fails as [`Store::remove`].
    fn remove_reader(&mut self, meter: &MeterId) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::reader_name(meter);
        async move { self.remove(&name).await }
    }

    /// Writes a problem that is to be reported; fails as [`Store::save`].
    fn save_problem(&mut self, problem: &StoredProblem) -> impl Future<Output = Result<(), StoreError>> {
        let record = Record::Problem(problem.clone());
        async move { self.save(&record).await }
    }

    /// Removes a problem; fails as [`Store::remove`].
    fn remove_problem(&mut self, id: uuid::Uuid) -> impl Future<Output = Result<(), StoreError>> {
        let name = record::problem_name(id);
        async move { self.remove(&name).await }
    }
}

/// Everything in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The orders, oldest first.
    pub orders: Vec<StoredOrder>,
    /// The tokens.
    pub tokens: Vec<StoredToken>,
    /// The receipts.
    pub receipts: Vec<StoredReceipt>,
    /// What is noted of meters.
    pub visits: Vec<StoredVisit>,
    /// The meters that are kept by name.
    pub meters: Vec<KeptMeter>,
    /// What is noted of rounds.
    pub walks: Vec<StoredWalk>,
    /// Whose readings this phone may see, or is about to earn.
    pub readers: Vec<StoredReader>,
    /// Problems that no station has yet, oldest first.
    pub problems: Vec<StoredProblem>,
    /// What cannot be read. It stays where it is until a person has looked.
    pub damaged: Vec<Damaged>,
}

impl Contents {
    /// The order with this id.
    pub fn order(&self, id: uuid::Uuid) -> Option<&StoredOrder> {
        self.orders.iter().find(|order| order.id == id)
    }

    /// What entitles this phone to the readings of `meter`, if anything was begun.
    pub fn reader(&self, meter: &MeterId) -> Option<&StoredReader> {
        self.readers.iter().find(|reader| reader.meter == *meter)
    }

    /// The public key of `meter` that has this hint, if a station gave one.
    pub fn key_of(&self, meter: &MeterId, hint: KeyHint) -> Option<PublicKey> {
        self.orders.iter().rev().filter_map(|order| order.key_of(meter)).find(|key| key.hash().hint() == hint)
    }

    /// The URL of the station of `meter`: of the newest order for it, else of a token, receipt, visit or reader, else of everything in the
    /// store if that is one.
    pub fn station_of(&self, meter: &MeterId) -> Option<&str> {
        let is_for = |order: &&StoredOrder| {
            order.request.lines.iter().any(|line| MeterId::from_label(&line.meter).is_ok_and(|known| known == *meter))
        };
        let by_order = self.orders.iter().rev().find(is_for).map(|order| &order.station);
        let by_token = self.tokens.iter().find(|token| token.key.meter == *meter).map(|token| &token.station);
        let by_receipt =
            self.receipts.iter().find(|receipt| receipt.key.meter == *meter).map(|receipt| &receipt.station);
        let by_visit = self.visits.iter().find(|visit| visit.key.meter == *meter).map(|visit| &visit.station);
        let by_reader = self.reader(meter).map(|reader| &reader.station);
        by_order
            .or(by_token)
            .or(by_receipt)
            .or(by_visit)
            .or(by_reader)
            .or_else(|| self.only_station())
            .map(String::as_str)
    }

    fn only_station(&self) -> Option<&String> {
        let orders = self.orders.iter().map(|order| &order.station);
        let receipts = self.receipts.iter().map(|receipt| &receipt.station);
        let visits = self.visits.iter().map(|visit| &visit.station);
        let all: HashSet<&String> = orders.chain(receipts).chain(visits).collect();
        all.iter().next().copied().filter(|_| all.len() == 1)
    }

    /// Whether the token is to be carried: an order has it as its current one, or its order is not known here.
    pub fn is_current(&self, token: &StoredToken) -> bool {
        let orders = || self.orders.iter().filter(|order| order.station == token.station);
        self.order(token.order).is_none() || orders().any(|order| order.current_tokens().any(|key| key == token.key))
    }

    /// The tokens that are to be carried, as [`Contents::is_current`] says; the orders are read once for all of them.
    pub fn current_tokens(&self) -> HashSet<TokenKey> {
        let known: HashSet<_> = self.orders.iter().map(|order| order.id).collect();
        let of_order = |order| StoredOrder::current_tokens(order).map(|key| (key, order.station.as_str()));
        let wanted: HashSet<(TokenKey, &str)> = self.orders.iter().flat_map(of_order).collect();
        let is_current = |token: &&StoredToken| {
            !known.contains(&token.order) || wanted.contains(&(token.key, token.station.as_str()))
        };
        self.tokens.iter().filter(is_current).map(|token| token.key).collect()
    }

    /// The tokens that another phone handed over and that no receipt settles: their orders are not known here.
    pub fn carried(&self) -> impl Iterator<Item = &StoredToken> {
        self.tokens.iter().filter(|token| self.order(token.order).is_none() && self.settling(token).next().is_none())
    }

    /// The receipts that settle `token`: a meter that says one of them can never take anything of it any more. The answer to a
    /// newer valve command and clock settles older ones too.
    pub fn settling<'a>(&'a self, token: &'a StoredToken) -> impl Iterator<Item = &'a StoredReceipt> {
        let beyond = move |receipt: &StoredReceipt| {
            let newer = |answered: &&StoredToken| answered.key.is_beyond(&token.key);
            receipt.covers_numbers(&token.key)
                && self.tokens.iter().filter(newer).any(|answered| receipt.settles(answered))
        };
        self.receipts.iter().filter(move |receipt| receipt.settles(token) || beyond(receipt))
    }

    /// The newest receipt of `meter` with the key of this hint.
    pub fn newest_receipt(&self, meter: &MeterId, hint: KeyHint) -> Option<&StoredReceipt> {
        let of_meter = |receipt: &&StoredReceipt| (receipt.key.meter, receipt.key.meter_key) == (*meter, hint);
        self.receipts.iter().filter(of_meter).max_by_key(|receipt| receipt.key.number)
    }
}

/// A record that cannot be read, or something in the store that does not belong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Damaged {
    /// Where it is.
    pub name: String,
    /// What is wrong.
    pub why: String,
    /// Whether it is or may be an order. Then an unfinished purchase may be hidden, and nothing new is bought.
    pub may_be_order: bool,
}

/// Why a store does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process works on it.
    #[error("another command is working on the phone's store {}; wait until it has ended", .0.display())]
    InUse(PathBuf),
    /// The directory holds something else.
    #[error("{} is not empty and not a phone's store", .0.display())]
    NotAStore(PathBuf),
    /// Written by another version of this program.
    #[error("the phone's store {} has the format {found:?}; this program knows format 1", place.display())]
    OtherFormat {
        /// The store.
        place: PathBuf,
        /// What its format file says.
        found: String,
    },
    /// Reading or writing failed.
    #[error("the phone's store failed: {0}")]
    Failed(String),
}
