//! A store in memory, for tests and simulations. It survives what its owner survives.

use crate::records::record::Record;
use crate::store::{Contents, Store, StoreError};

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    /// What is in it.
    pub contents: Contents,
}

impl Store for MemoryStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(self.contents.clone())
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        self.contents.put(record.clone());
        Ok(())
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.contents.remove(name);
        Ok(())
    }
}
