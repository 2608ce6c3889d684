//! The phone's store with its fail points.

use coinless_phone::file_store::FileStore;
use coinless_phone::records::record::Record;
use coinless_phone::store::{Contents, Store, StoreError};
use coinless_sim::failpoint;
use std::path::Path;

/// The store in a directory.
pub struct PhoneStore(FileStore);

impl PhoneStore {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        FileStore::open(directory).map(Self)
    }
}

impl Store for PhoneStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        self.0.load().await
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        let points = match record {
            Record::Order(_) => Some(["phone.before_order_stored", "phone.after_order_stored"]),
            Record::Token(_) => Some(["phone.before_token_stored", "phone.after_token_stored"]),
            Record::Receipt(_) => Some(["phone.before_receipt_stored", "phone.after_receipt_stored"]),
            Record::Visit(_) | Record::Meter(_) | Record::Walk(_) | Record::Reader(_) | Record::Problem(_) => None,
        };
        if let Some([before, _]) = points {
            failpoint::reach(before);
        }
        self.0.save(record).await?;
        if let Some([_, after]) = points {
            failpoint::reach(after);
        }
        Ok(())
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        if !Record::is_token_name(name) {
            return self.0.remove(name).await;
        }
        failpoint::reach("phone.before_token_deleted");
        self.0.remove(name).await?;
        failpoint::reach("phone.after_token_deleted");
        Ok(())
    }
}
