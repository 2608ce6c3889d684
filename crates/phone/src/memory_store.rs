//! A store in memory, for tests and simulations. It survives what its owner survives.

use crate::records::{MeterKey, ReceiptKey, StoredOrder, StoredReceipt, StoredToken, StoredVisit, TokenKey};
use crate::store::{Contents, Store, StoreError};

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    /// What is in it.
    pub contents: Contents,
}

fn put<T>(records: &mut Vec<T>, record: T, same: impl Fn(&T) -> bool) {
    match records.iter_mut().find(|known| same(known)) {
        Some(known) => *known = record,
        None => records.push(record),
    }
}

impl Store for MemoryStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(self.contents.clone())
    }

    async fn save_order(&mut self, order: &StoredOrder) -> Result<(), StoreError> {
        put(&mut self.contents.orders, order.clone(), |known| known.id == order.id);
        Ok(())
    }

    async fn save_token(&mut self, token: &StoredToken) -> Result<(), StoreError> {
        put(&mut self.contents.tokens, token.clone(), |known| known.key == token.key);
        Ok(())
    }

    async fn remove_token(&mut self, token: &TokenKey) -> Result<(), StoreError> {
        self.contents.tokens.retain(|known| known.key != *token);
        Ok(())
    }

    async fn save_receipt(&mut self, receipt: &StoredReceipt) -> Result<(), StoreError> {
        put(&mut self.contents.receipts, receipt.clone(), |known| known.key == receipt.key);
        Ok(())
    }

    async fn remove_receipt(&mut self, receipt: &ReceiptKey) -> Result<(), StoreError> {
        self.contents.receipts.retain(|known| known.key != *receipt);
        Ok(())
    }

    async fn save_visit(&mut self, visit: &StoredVisit) -> Result<(), StoreError> {
        put(&mut self.contents.visits, visit.clone(), |known| known.key == visit.key);
        Ok(())
    }

    async fn remove_visit(&mut self, meter: &MeterKey) -> Result<(), StoreError> {
        self.contents.visits.retain(|known| known.key != *meter);
        Ok(())
    }
}
