//! The phone's store with its fail points.

use coinless_phone::file_store::FileStore;
use coinless_phone::records::{MeterKey, ReceiptKey, StoredOrder, StoredReceipt, StoredToken, StoredVisit, TokenKey};
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

    async fn save_order(&mut self, order: &StoredOrder) -> Result<(), StoreError> {
        failpoint::reach("phone.before_order_stored");
        self.0.save_order(order).await?;
        failpoint::reach("phone.after_order_stored");
        Ok(())
    }

    async fn save_token(&mut self, token: &StoredToken) -> Result<(), StoreError> {
        failpoint::reach("phone.before_token_stored");
        self.0.save_token(token).await?;
        failpoint::reach("phone.after_token_stored");
        Ok(())
    }

    async fn remove_token(&mut self, token: &TokenKey) -> Result<(), StoreError> {
        failpoint::reach("phone.before_token_deleted");
        self.0.remove_token(token).await?;
        failpoint::reach("phone.after_token_deleted");
        Ok(())
    }

    async fn save_receipt(&mut self, receipt: &StoredReceipt) -> Result<(), StoreError> {
        failpoint::reach("phone.before_receipt_stored");
        self.0.save_receipt(receipt).await?;
        failpoint::reach("phone.after_receipt_stored");
        Ok(())
    }

    async fn remove_receipt(&mut self, receipt: &ReceiptKey) -> Result<(), StoreError> {
        self.0.remove_receipt(receipt).await
    }

    async fn save_visit(&mut self, visit: &StoredVisit) -> Result<(), StoreError> {
        self.0.save_visit(visit).await
    }

    async fn remove_visit(&mut self, meter: &MeterKey) -> Result<(), StoreError> {
        self.0.remove_visit(meter).await
    }
}
