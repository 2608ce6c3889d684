//! The phone's store in IndexedDB: one row for each record, its name and its JSON.
//!
//! Every change is one transaction with strict durability (Indexed Database API 3.0 §2.7.3): the browser says *complete* when it
//! has asked the system to write to the disk. In the same transaction the row of the working tab is read: a tab that was overtaken
//! changes nothing. The bindings are our own because no library passes the durability on.

use super::rows::{Rows, RowsError};
use crate::part::courier;
use coinless_phone::Error;
use coinless_phone::records::record::{ORDER, Record};
use coinless_phone::store::{Contents, Damaged, Store, StoreError};
use leptos::prelude::{GetUntracked, RwSignal, Set, Update};
use std::rc::Rc;
use std::sync::Arc;

/// The store. Its copies are one store; what it holds is in memory too, where the screens see it, since nobody else may change it.
#[derive(Clone)]
pub struct PageStore {
    rows: Rc<Rows>,
    contents: RwSignal<Arc<Contents>>,
    overtaken: Rc<dyn Fn()>,
}

impl PageStore {
    /// Opens the store for this tab alone; other tabs are overtaken. What is in it is put into `contents`, after each change too;
    /// `overtaken` is called when another tab has taken over.
    ///
    /// # Errors
    /// [`Error::Store`] if the browser gives no storage, or if a newer version of the app has written it; [`Error::Station`] if
    /// there is something to read and the part of the program that reads it cannot be loaded.
    pub async fn open(contents: RwSignal<Arc<Contents>>, overtaken: impl Fn() + 'static) -> Result<Self, Error> {
        let rows = Rows::open().await.map_err(|error| failed("opening the phone's storage", &error))?;
        let found = rows.all().await.map_err(|error| failed("reading the phone's storage", &error))?;
        if !found.is_empty() {
            contents.set(Arc::new(read(found).await?));
        }
        Ok(Self { rows: Rc::new(rows), contents, overtaken: Rc::new(overtaken) })
    }

    /// The number of this tab.
    pub fn tab(&self) -> u64 {
        self.rows.tab()
    }

    /// Writes `records` and removes those of the names `gone`: all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError`] if it is not certain that all is done.
    pub async fn exchange(&self, records: &[Record], gone: &[String]) -> Result<(), StoreError> {
        let row = |record: &Record| {
            let name = record.name();
            let json = record.to_json().map_err(|error| StoreError::Failed(format!("writing {name}: {error}")))?;
            Ok((name, Some(json)))
        };
        let mut rows = records.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        rows.extend(gone.iter().map(|name| (name.clone(), None)));
        if rows.is_empty() {
            return Ok(());
        }
        let changed = self.rows.change(&rows).await;
        if matches!(changed, Err(RowsError::Overtaken)) {
            (self.overtaken)();
        }
        changed.map_err(|error| failed("writing into the phone's storage", &error))?;
        // In its place: a round of 500 lines is large.
        self.contents.update(|contents| {
            let contents = Arc::make_mut(contents);
            records.iter().for_each(|record| contents.put(record.clone()));
            gone.iter().for_each(|name| contents.remove(name));
        });
        Ok(())
    }
}

impl Store for PageStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(Contents::clone(&self.contents.get_untracked()))
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        self.save_all(std::slice::from_ref(record)).await
    }

    /// All or none of them.
    async fn save_all(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.exchange(records, &[]).await
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.exchange(&[], &[name.to_owned()]).await
    }
}

courier! {
    /// The rows, in the order of their names: orders are UUIDv7, so this is also the order in which they were made.
    async fn read(rows: Vec<(String, String)>) -> Result<Contents, Error> {
        let mut contents = Contents::default();
        for (name, text) in rows {
            match Record::read(&name, &text) {
                Ok(record) => contents.add(record),
                Err(why) => contents.damaged.push(Damaged { may_be_order: name.starts_with(ORDER), name, why }),
            }
        }
        Ok(contents)
    }
}

fn failed(doing: &str, error: &RowsError) -> StoreError {
    match error {
        RowsError::Newer => {
            StoreError::OtherFormat { place: "in this browser".into(), found: "of a newer version".into() }
        }
        RowsError::Overtaken | RowsError::Browser(_) => StoreError::Failed(format!("{doing}: {error}")),
    }
}
