//! Making a meter: the first state record and the factory record.

use crate::factory::{FACTORY_BYTES, Factory, FactoryError};
use crate::journal::{CommitError, Journal, LayoutError};
use crate::state::State;
use crate::terms::Terms;
use core::ops::Range;
use embedded_storage::nor_flash::NorFlash;

/// Which part of a flash is for what; bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The factory record: whole sectors, at least 512 bytes.
    pub factory: Range<u32>,
    /// The journal of states: at least two whole groups ([`group_bytes`](crate::journal::group_bytes)).
    pub journal: Range<u32>,
    /// The journal of terms, likewise.
    pub terms: Range<u32>,
}

/// Why a meter could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommissionError {
    /// The factory record makes no sense.
    #[error(transparent)]
    Factory(#[from] FactoryError),
    /// The layout does not suit the flash.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The flash holds a meter already. Its key and its credit must not be overwritten.
    #[error("this flash holds a meter already")]
    AlreadyMade,
    /// The flash did not take the first state.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The flash did not take the factory record.
    #[error("the flash did not take the factory record")]
    Flash,
}

/// Makes a meter: writes its first state and then `factory`, which is what makes it one. Cut anywhere, it can be done again.
///
/// # Errors
/// [`CommissionError`].
pub fn commission<F: NorFlash>(mut flash: F, layout: &Layout, factory: &Factory) -> Result<F, CommissionError> {
    factory.check()?;
    if read_factory(&mut flash, layout).is_some() {
        return Err(CommissionError::AlreadyMade);
    }
    flash.erase(layout.factory.start, layout.factory.end).map_err(|_| CommissionError::Flash)?;
    flash.erase(layout.journal.start, layout.journal.end).map_err(|_| CommissionError::Flash)?;
    let (mut journal, _) = Journal::open(&mut flash, layout.journal.clone())?;
    journal.commit(&mut flash, &State::new(factory.initial))?;
    flash.erase(layout.terms.start, layout.terms.end).map_err(|_| CommissionError::Flash)?;
    let (mut journal, _) = Journal::open(&mut flash, layout.terms.clone())?;
    journal.commit(&mut flash, &Terms::default())?;
    let record = factory.to_record();
    flash.write(layout.factory.start, &record).map_err(|_| CommissionError::Flash)?;
    match read_record(&mut flash, layout) {
        Some(read) if read == record => Ok(flash),
        _ => Err(CommissionError::Flash),
    }
}

/// The factory record; none if there is no valid one.
#[inline(never)]
pub(crate) fn read_factory<F: NorFlash>(flash: &mut F, layout: &Layout) -> Option<Factory> {
    Factory::from_record(&read_record(flash, layout)?)
}

fn read_record<F: NorFlash>(flash: &mut F, layout: &Layout) -> Option<[u8; FACTORY_BYTES]> {
    const {
        assert!(FACTORY_BYTES.is_multiple_of(F::WRITE_SIZE) && FACTORY_BYTES.is_multiple_of(F::READ_SIZE));
    }
    let mut record = [0; FACTORY_BYTES];
    flash.read(layout.factory.start, &mut record).ok()?;
    Some(record)
}
