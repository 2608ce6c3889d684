//! The phone's store in IndexedDB: one row for each record, its name and its JSON.
//!
//! Every change is one transaction with strict durability (Indexed Database API 3.0 §2.7.3): the browser says *complete* when it
//! has asked the system to write to the disk. In the same transaction the row of the working tab is read: a tab that was overtaken
//! changes nothing. The bindings are our own because no library passes the durability on.

use super::rows::{Rows, RowsError};
use coinless_phone::records::record::{ORDER, Record};
use coinless_phone::store::{Contents, Damaged, Store, StoreError};
use std::cell::RefCell;
use std::rc::Rc;

/// The store. Its copies are one store; what it holds is kept in memory too, since nobody else may change it.
#[derive(Clone)]
pub struct PageStore {
    rows: Rc<Rows>,
    contents: Rc<RefCell<Contents>>,
    changed: Rc<dyn Fn(&Contents)>,
    overtaken: Rc<dyn Fn()>,
}

impl PageStore {
    /// Opens the store for this tab alone; other tabs are overtaken. `changed` is called after each change, `overtaken` when
    /// another tab has taken over.
    ///
    /// # Errors
    /// [`StoreError`] if the browser gives no storage, or if a newer version of the app has written it.
    pub async fn open(
        changed: impl Fn(&Contents) + 'static,
        overtaken: impl Fn() + 'static,
    ) -> Result<Self, StoreError> {
        let rows = Rows::open().await.map_err(|error| failed("opening the phone's storage", &error))?;
        let contents = read(rows.all().await.map_err(|error| failed("reading the phone's storage", &error))?);
        changed(&contents);
        Ok(Self {
            rows: Rc::new(rows),
            contents: Rc::new(RefCell::new(contents)),
            changed: Rc::new(changed),
            overtaken: Rc::new(overtaken),
        })
    }

    /// The number of this tab.
    pub fn tab(&self) -> u64 {
        self.rows.tab()
    }

    async fn change(&self, name: &str, text: Option<&str>) -> Result<(), StoreError> {
        let changed = self.rows.change(name, text).await;
        if matches!(changed, Err(RowsError::Overtaken)) {
            (self.overtaken)();
        }
        changed.map_err(|error| failed("writing into the phone's storage", &error))
    }

    fn changed(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.contents.borrow_mut());
        (self.changed)(&self.contents.borrow());
    }
}

impl Store for PageStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(self.contents.borrow().clone())
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        let name = record.name();
        let json = record.to_json().map_err(|error| StoreError::Failed(format!("writing {name}: {error}")))?;
        self.change(&name, Some(&json)).await?;
        self.changed(|contents| contents.put(record.clone()));
        Ok(())
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.change(name, None).await?;
        self.changed(|contents| contents.remove(name));
        Ok(())
    }
}

/// The rows, in the order of their names: orders are UUIDv7, so this is also the order in which they were made.
fn read(rows: Vec<(String, String)>) -> Contents {
    let mut contents = Contents::default();
    for (name, text) in rows {
        match Record::read(&name, &text) {
            Ok(record) => contents.add(record),
            Err(why) => contents.damaged.push(Damaged { may_be_order: name.starts_with(ORDER), name, why }),
        }
    }
    contents
}

fn failed(doing: &str, error: &RowsError) -> StoreError {
    StoreError::Failed(format!("{doing}: {error}"))
}
