//! The sandbox utility's books: its sales in a file, one JSON object a line, so that it remembers them when it is killed.

use coinless_station::sales::http::wire::{EntryBody, FailureBody, FinalCode, SaleAnswer, SaleBody};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// What is known under one id: a sale, a failed one, or a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    sale_id: String,
    body: SaleBody,
    /// Sold at this time, in milliseconds since 1970.
    sold_ms: Option<i64>,
    reversed: bool,
    confirmed: bool,
    failure: Option<FailureBody>,
}

/// Why something is not done about a sale.
#[derive(Debug)]
pub enum Refused {
    /// The id stands for another sale.
    Conflict,
    /// Nothing is known under this id.
    Unknown,
    /// For a reason of the closed list.
    For(FinalCode),
    /// The books cannot be written.
    Books(io::Error),
}

/// Every sale, and the file that keeps them.
pub struct Book {
    entries: BTreeMap<String, Entry>,
    file: File,
}

impl Book {
    /// Opens the books in the file `path`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut entries = BTreeMap::new();
        for line in BufReader::new(&file).lines() {
            // A line that was cut short is a sale that was never answered for.
            if let Ok(entry) = serde_json::from_str::<Entry>(&line?) {
                entries.insert(entry.sale_id.clone(), entry);
            }
        }
        // Ends a line that was cut short, so that the next one stands alone.
        file.write_all(b"\n")?;
        Ok(Self { entries, file })
    }

    /// Makes a sale unless `failure` says why not; the first word under an id stands.
    ///
    /// # Errors
    /// [`Refused::Conflict`], [`Refused::Books`].
    pub fn vend(
        &mut self,
        sale_id: &str,
        body: &SaleBody,
        failure: Option<FailureBody>,
        now_ms: i64,
    ) -> Result<Entry, Refused> {
        if let Some(known) = self.entries.get(sale_id) {
            return if known.body == *body { Ok(known.clone()) } else { Err(Refused::Conflict) };
        }
        let sold_ms = failure.is_none().then_some(now_ms);
        let entry = Entry { sold_ms, failure, ..Entry::new(sale_id, body) };
        self.keep(entry)
    }

    /// What is known under an id.
    pub fn find(&self, sale_id: &str) -> Option<&Entry> {
        self.entries.get(sale_id)
    }

    /// Notes that the meter has the credit.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn confirm(&mut self, sale_id: &str, body: &SaleBody) -> Result<Entry, Refused> {
        let known = self.entries.get(sale_id).ok_or(Refused::Unknown)?;
        if known.body != *body {
            return Err(Refused::Conflict);
        }
        if let Some(failure) = known.failure() {
            return Err(Refused::For(FinalCode::from_name(&failure.code).unwrap_or(FinalCode::NotSold)));
        }
        let entry = Entry { confirmed: true, ..known.clone() };
        self.keep(entry)
    }

    /// Takes a sale back; one that was never made leaves a tombstone.
    ///
    /// # Errors
    /// [`Refused`], for one whose credit is in the meter [`FinalCode::NotReversible`].
    pub fn reverse(&mut self, sale_id: &str, body: &SaleBody) -> Result<Entry, Refused> {
        let known = self.entries.get(sale_id).cloned().unwrap_or_else(|| Entry::new(sale_id, body));
        if known.body != *body {
            return Err(Refused::Conflict);
        }
        if known.confirmed {
            return Err(Refused::For(FinalCode::NotReversible));
        }
        self.keep(Entry { reversed: true, ..known })
    }

    /// The sales made from `from_ms` (inclusive) to `to_ms` (exclusive), oldest first, those that were taken back too.
    pub fn sales(&self, from_ms: i64, to_ms: i64) -> Vec<EntryBody> {
        let sold = self.entries.values().filter_map(|entry| Some((entry, entry.sold_ms?)));
        let sold = sold.filter(|(_, at_ms)| (from_ms..to_ms).contains(at_ms));
        let mut sales: Vec<_> = sold.map(|(entry, at_ms)| entry.listed(at_ms)).collect();
        sales.sort_by(|a, b| (a.at_ms, &a.sale_id).cmp(&(b.at_ms, &b.sale_id)));
        sales
    }

    fn keep(&mut self, entry: Entry) -> Result<Entry, Refused> {
        if self.entries.get(&entry.sale_id) != Some(&entry) {
            self.write(&entry).map_err(Refused::Books)?;
            self.entries.insert(entry.sale_id.clone(), entry.clone());
        }
        Ok(entry)
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        // Begun with a new line too: what a full disk cut short before stays alone.
        let mut line = b"\n".to_vec();
        line.extend(serde_json::to_vec(entry)?);
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

impl Entry {
    fn new(sale_id: &str, body: &SaleBody) -> Self {
        let (sale_id, body) = (sale_id.to_owned(), body.clone());
        Self { sale_id, body, sold_ms: None, reversed: false, confirmed: false, failure: None }
    }

    /// Whether the meter has the credit, as far as is known here.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Why it is not sold, if it is not.
    pub fn failure(&self) -> Option<FailureBody> {
        let reversed = || FailureBody { code: FinalCode::SaleReversed.name().to_owned(), detail: String::new() };
        self.failure.clone().or_else(|| self.reversed.then(reversed))
    }

    /// The sale as it is told.
    pub fn told(&self) -> SaleAnswer {
        let failure = self.failure();
        let outcome = if failure.is_some() { "failed" } else { "successful" };
        let body = self.body.clone();
        SaleAnswer {
            sale_id: self.sale_id.clone(),
            meter: body.meter,
            commodity: body.commodity,
            unit: body.unit,
            units: body.units,
            currency: body.currency,
            amount: body.amount,
            outcome: outcome.to_owned(),
            failure,
        }
    }

    fn listed(&self, at_ms: i64) -> EntryBody {
        let told = self.told();
        EntryBody {
            sale_id: told.sale_id,
            meter: told.meter,
            commodity: told.commodity,
            unit: told.unit,
            units: told.units,
            currency: told.currency,
            amount: told.amount,
            reversed: self.reversed,
            at_ms,
        }
    }
}
