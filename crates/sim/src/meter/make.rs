//! Making a simulated meter: a new key, a new state file.

use crate::flash::{FileFlash, FileFlashError, layout};
use coinless_meter::factory::IN_SECURE_ELEMENT;
use coinless_meter::{CommissionError, Factory, Issuer, OpeningCheck, commission};
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::{Commodity, CreditKind, MeterId, Units};
use std::fs::File;
use std::io;
use std::path::Path;

/// What a meter is to be.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Who it is.
    pub id: MeterId,
    /// What it measures.
    pub commodity: Commodity,
    /// What its credit is counted in.
    pub credit: CreditKind,
    /// Whose tokens it accepts, at most 4.
    pub issuers: Vec<Issuer>,
    /// To whom it seals its readings; needed with issuers.
    pub readings_key: Option<PublicKey>,
    /// Credit that it is made with; none for [`Blueprint::DEFAULT_INITIAL_GAS`] and its like, and for money nothing: it has no
    /// prices yet.
    pub initial: Option<Units>,
    /// The most credit that it can hold; none for [`Blueprint::DEFAULT_MAX_CREDIT`] or [`Blueprint::DEFAULT_MAX_MONEY`].
    pub max_credit: Option<Units>,
}

/// Why a meter was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The file exists. Another meter's key and credit may be in it.
    #[error(
        "the file exists and is left as it is; choose another name, or delete it if that meter is not needed any more"
    )]
    Exists,
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileFlashError),
    /// More issuer keys than a meter holds.
    #[error("a meter knows at most 4 issuer keys")]
    TooManyIssuers,
    /// The meter makes no sense.
    #[error(transparent)]
    Commission(#[from] CommissionError),
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers for the meter's key: {0}")]
    Random(getrandom::Error),
}

impl Blueprint {
    /// Credit that lets an installer open and check a gas or water meter: 2 m³.
    pub const DEFAULT_INITIAL_GAS: u64 = 2_000;
    /// The same for electricity: 10 kWh.
    pub const DEFAULT_INITIAL_ELECTRICITY: u64 = 10_000;
    /// The most credit that a meter holds: 500 m³ or 500 kWh.
    pub const DEFAULT_MAX_CREDIT: u64 = 500_000;

    /// The same of money, in whole units of the currency.
    pub const DEFAULT_MAX_MONEY: u64 = 1_000;

    /// Credit that it is made with.
    pub fn initial(&self) -> Units {
        let default = match (self.credit, self.commodity) {
            (CreditKind::Money(_), _) => 0,
            (CreditKind::Unit, Commodity::Gas | Commodity::Water) => Self::DEFAULT_INITIAL_GAS,
            (CreditKind::Unit, Commodity::Electricity) => Self::DEFAULT_INITIAL_ELECTRICITY,
        };
        self.initial.or(Units::new(default).ok()).unwrap_or_default()
    }

    /// The most credit that it can hold.
    pub fn max_credit(&self) -> Units {
        let default = match self.credit {
            CreditKind::Unit => Self::DEFAULT_MAX_CREDIT,
            CreditKind::Money(currency) => Self::DEFAULT_MAX_MONEY * 10_u64.pow(currency.exponent().into()),
        };
        self.max_credit.or(Units::new(default).ok()).unwrap_or_default()
    }

    /// The factory record of a meter with the private key `secret`.
    ///
    /// # Errors
    /// [`MakeError::TooManyIssuers`].
    pub fn factory(&self, secret: [u8; 32]) -> Result<Factory, MakeError> {
        let gas = self.commodity == Commodity::Gas;
        Ok(Factory {
            meter: self.id,
            commodity: self.commodity,
            credit: self.credit,
            secret,
            issuers: heapless::Vec::from_slice(&self.issuers).map_err(|_| MakeError::TooManyIssuers)?,
            readings_key: self.readings_key,
            initial: self.initial(),
            max_credit: self.max_credit(),
            opening: if gas { OpeningCheck::GAS } else { OpeningCheck::NONE },
            open_by_token: false,
        })
    }
}

/// Makes a meter with a new key in a new file; gives its public key.
///
/// # Errors
/// [`MakeError`]; then there is no file that was not there before.
pub fn make(path: &Path, blueprint: &Blueprint) -> Result<PublicKey, MakeError> {
    let (secret, pair) = draw_key()?;
    write(path, &blueprint.factory(secret)?)?;
    Ok(pair.public_key())
}

/// Makes the flash of a meter whose private key is in its secure element, in a new file. The simulated meter has no such element.
///
/// # Errors
/// [`MakeError`]; then there is no file that was not there before.
pub fn make_for_element(path: &Path, blueprint: &Blueprint) -> Result<(), MakeError> {
    write(path, &blueprint.factory(IN_SECURE_ELEMENT)?)
}

fn write(path: &Path, factory: &Factory) -> Result<(), MakeError> {
    factory.check().map_err(CommissionError::Factory)?;
    let flash = FileFlash::create(path).map_err(|error| match error {
        FileFlashError::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => MakeError::Exists,
        error => MakeError::File(error),
    })?;
    let made = commission(flash, &layout(), factory).map_err(MakeError::from).and_then(|_| sync_folder(path));
    if made.is_err() {
        // A file that holds no meter is in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    }
    made
}

/// A private key is drawn again if it is none of the curve, which happens once in 2^32.
fn draw_key() -> Result<([u8; 32], KeyPair), MakeError> {
    loop {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(MakeError::Random)?;
        if let Ok(pair) = KeyPair::from_secret(&secret) {
            return Ok((secret, pair));
        }
    }
}

/// Makes the name of the new file last.
fn sync_folder(path: &Path) -> Result<(), MakeError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| MakeError::File(error.into()))
}
