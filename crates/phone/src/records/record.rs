//! Records as a store writes them: each under a name of its own, as JSON with the format's version.

use super::{
    KeptMeter, MeterKey, ReceiptKey, StoredOrder, StoredProblem, StoredReader, StoredReceipt, StoredToken, StoredVisit,
    StoredWalk, TokenKey,
};
use crate::store::Contents;
use coinless_protocol::MeterId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Version of the records' format.
pub const FORMAT: u32 = 1;

/// What the name of an order begins with.
pub const ORDER: &str = "order-";
const TOKEN: &str = "token-";
const RECEIPT: &str = "receipt-";
const VISIT: &str = "visit-";
const METER: &str = "meter-";
const WALK: &str = "walk-";
const READER: &str = "reader-";
const PROBLEM: &str = "problem-";
/// What the names of records begin with.
pub const KINDS: [&str; 8] = [ORDER, TOKEN, RECEIPT, VISIT, METER, WALK, READER, PROBLEM];

/// A record of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An order.
    Order(Box<StoredOrder>),
    /// A token.
    Token(StoredToken),
    /// A receipt.
    Receipt(Box<StoredReceipt>),
    /// What is noted of a meter.
    Visit(StoredVisit),
    /// A kept meter.
    Meter(Box<KeptMeter>),
    /// What is noted of a round.
    Walk(StoredWalk),
    /// What entitles to a meter's readings.
    Reader(StoredReader),
    /// A problem that is to be reported.
    Problem(StoredProblem),
}

/// What each text holds.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: u32,
    record: T,
}

/// The name of an order.
pub fn order_name(id: Uuid) -> String {
    format!("{ORDER}{id}")
}

/// The name of a token.
pub fn token_name(token: &TokenKey) -> String {
    format!("{TOKEN}{token}")
}

/// The name of a receipt.
pub fn receipt_name(receipt: &ReceiptKey) -> String {
    format!("{RECEIPT}{receipt}")
}

/// The name of what is noted of a meter.
pub fn visit_name(meter: &MeterKey) -> String {
    format!("{VISIT}{meter}")
}

/// The name of a kept meter.
pub fn meter_name(label: &str) -> String {
    format!("{METER}{label}")
}

/// The name of what is noted of a round.
pub fn walk_name(order: Uuid) -> String {
    format!("{WALK}{order}")
}

/// The name of what entitles to a meter's readings.
pub fn reader_name(meter: &MeterId) -> String {
    format!("{READER}{meter}")
}

/// The name of a problem that is to be reported.
pub fn problem_name(id: Uuid) -> String {
    format!("{PROBLEM}{id}")
}

impl Record {
    /// The name of the record.
    pub fn name(&self) -> String {
        match self {
            Self::Order(order) => order_name(order.id),
            Self::Token(token) => token_name(&token.key),
            Self::Receipt(receipt) => receipt_name(&receipt.key),
            Self::Visit(visit) => visit_name(&visit.key),
            Self::Meter(meter) => meter_name(&meter.label),
            Self::Walk(walk) => walk_name(walk.order),
            Self::Reader(reader) => reader_name(&reader.meter),
            Self::Problem(problem) => problem_name(problem.id),
        }
    }

    /// Its JSON, on one line.
    ///
    /// # Errors
    /// What the writer says; it does not fail for records of this crate.
    pub fn to_json(&self) -> Result<String, String> {
        let json = match self {
            Self::Order(order) => serde_json::to_string(&Envelope { format: FORMAT, record: order }),
            Self::Token(token) => serde_json::to_string(&Envelope { format: FORMAT, record: token }),
            Self::Receipt(receipt) => serde_json::to_string(&Envelope { format: FORMAT, record: receipt }),
            Self::Visit(visit) => serde_json::to_string(&Envelope { format: FORMAT, record: visit }),
            Self::Meter(meter) => serde_json::to_string(&Envelope { format: FORMAT, record: meter }),
            Self::Walk(walk) => serde_json::to_string(&Envelope { format: FORMAT, record: walk }),
            Self::Reader(reader) => serde_json::to_string(&Envelope { format: FORMAT, record: reader }),
            Self::Problem(problem) => serde_json::to_string(&Envelope { format: FORMAT, record: problem }),
        };
        json.map_err(|error| error.to_string())
    }

    /// Whether this is the name of a token.
    pub fn is_token_name(name: &str) -> bool {
        name.starts_with(TOKEN)
    }

    /// Reads the record that is kept under `name`.
    ///
    /// # Errors
    /// Why it cannot be read, in words: another format, damaged, or under the name of another record.
    pub fn read(name: &str, json: &str) -> Result<Self, String> {
        let is = |kind| name.starts_with(kind);
        let record = match () {
            () if is(ORDER) => Self::Order(Box::new(record(json)?)),
            () if is(TOKEN) => Self::Token(record(json)?),
            () if is(RECEIPT) => Self::Receipt(Box::new(record(json)?)),
            () if is(VISIT) => Self::Visit(record(json)?),
            () if is(METER) => Self::Meter(Box::new(record(json)?)),
            () if is(WALK) => Self::Walk(record(json)?),
            () if is(READER) => Self::Reader(record(json)?),
            () if is(PROBLEM) => Self::Problem(record(json)?),
            () => return Err("does not belong into a phone's store".into()),
        };
        if record.name() == name { Ok(record) } else { Err("under the name of another record".into()) }
    }
}

fn record<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let envelope: Envelope<serde_json::Value> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if envelope.format != FORMAT {
        return Err(format!("format {}; this program knows format {FORMAT}", envelope.format));
    }
    serde_json::from_value(envelope.record).map_err(|error| error.to_string())
}

impl Contents {
    /// Adds a record of any kind, in the place of the one with the same name.
    pub fn put(&mut self, record: Record) {
        match record {
            Record::Order(order) => put(&mut self.orders, *order, |one| one.id),
            Record::Token(token) => put(&mut self.tokens, token, |one| one.key),
            Record::Receipt(receipt) => put(&mut self.receipts, *receipt, |one| one.key),
            Record::Visit(visit) => put(&mut self.visits, visit, |one| one.key),
            Record::Meter(meter) => put(&mut self.meters, *meter, |one| one.label.clone()),
            Record::Walk(walk) => put(&mut self.walks, walk, |one| one.order),
            Record::Reader(reader) => put(&mut self.readers, reader, |one| one.meter),
            Record::Problem(problem) => put(&mut self.problems, problem, |one| one.id),
        }
    }

    /// Removes the record of this name, if there is one.
    pub fn remove(&mut self, name: &str) {
        match () {
            () if name.starts_with(ORDER) => self.orders.retain(|one| order_name(one.id) != name),
            () if name.starts_with(TOKEN) => self.tokens.retain(|one| token_name(&one.key) != name),
            () if name.starts_with(RECEIPT) => self.receipts.retain(|one| receipt_name(&one.key) != name),
            () if name.starts_with(VISIT) => self.visits.retain(|one| visit_name(&one.key) != name),
            () if name.starts_with(METER) => self.meters.retain(|one| meter_name(&one.label) != name),
            () if name.starts_with(WALK) => self.walks.retain(|one| walk_name(one.order) != name),
            () if name.starts_with(READER) => self.readers.retain(|one| reader_name(&one.meter) != name),
            () if name.starts_with(PROBLEM) => self.problems.retain(|one| problem_name(one.id) != name),
            () => {}
        }
    }

    /// Adds a record that is known to be the only one of its name.
    pub fn add(&mut self, record: Record) {
        match record {
            Record::Order(order) => self.orders.push(*order),
            Record::Token(token) => self.tokens.push(token),
            Record::Receipt(receipt) => self.receipts.push(*receipt),
            Record::Visit(visit) => self.visits.push(visit),
            Record::Meter(meter) => self.meters.push(*meter),
            Record::Walk(walk) => self.walks.push(walk),
            Record::Reader(reader) => self.readers.push(reader),
            Record::Problem(problem) => self.problems.push(problem),
        }
    }
}

fn put<T, K: PartialEq>(records: &mut Vec<T>, record: T, key: impl Fn(&T) -> K) {
    let name = key(&record);
    match records.iter_mut().find(|known| key(known) == name) {
        Some(known) => *known = record,
        None => records.push(record),
    }
}
