//! Opening a signer: its keys, what the root key said of them, and whether its database is the one that they know.

use super::book;
use super::local::SigningKey;
use super::mark::{self, Mark};
use super::seal::{self, Life, Limits, QUOTA_FILE, RESET_FILE, SealError};
use crate::keys::files;
use crate::keys::{FastSigner, FastVerifier, KeyError};
use crate::store::{Store, StoreError};
use crate::utilities::UtilityName;
use coinless_protocol::keys::PublicKey;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// Why a signer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be read.
    #[error("file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The signer's database cannot be opened.
    #[error("the signer's {0}")]
    Store(#[from] StoreError),
    /// Another signer works with these keys.
    #[error("another signer is running with the keys in {0}: stop it first")]
    InUse(PathBuf),
    /// A sealed statement is not believed.
    #[error("{path}: {source}. The signer does not start with it: put the right file there")]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// A sealed quota was taken away or replaced by an older one.
    #[error(
        "{path} must be the sealed quota with serial {serial} or a newer one: the signer has worked with that one. Put it \
         back, or seal a newer one with the root key"
    )]
    OldQuota {
        /// The file.
        path: PathBuf,
        /// The serial that was seen.
        serial: u32,
    },
    /// The mark beside a key cannot be read.
    #[error("{0} cannot be read: put it back from a backup, together with signer.db")]
    Mark(PathBuf),
    /// The database does not hold what this key is known to have signed.
    #[error(
        "the key of the utility {utility} has signed at least {signed} tokens that signer.db does not know: it is missing, or \
         older than the key's mark. Put the newest signer.db back. If it is lost, seal a reset for the life {life} with the \
         root key, put it into {reset}, and let the signer learn from the station's newest tokens"
    )]
    Lost {
        /// Whose key.
        utility: UtilityName,
        /// How many tokens it signed, at least.
        signed: u64,
        /// The life that a reset must name.
        life: Life,
        /// Where a reset belongs.
        reset: PathBuf,
    },
}

/// The keys of one folder.
pub(super) struct Pair {
    folder: PathBuf,
    pair: FastSigner,
    operational: PublicKey,
    root: PublicKey,
}

impl Pair {
    pub(super) fn open(folder: PathBuf) -> Result<Self, OpenError> {
        files::make_folder(&folder)?;
        let path = folder.join("operational.key");
        let public = folder.join("operational.pub");
        if public.exists() && !path.exists() {
            // A key made anew would be one that no meter knows.
            return Err(KeyError::Missing(path).into());
        }
        let secret = files::load_or_make(&path)?;
        let operational = files::pair(&path, &secret)?.public_key();
        if files::load_or_make_public(&folder, "operational")? != operational {
            return Err(KeyError::Mismatch(public).into());
        }
        let root = files::load_or_make_public(&folder, "root")?;
        let pair = FastSigner::new(&secret, &operational).ok_or(KeyError::Content(path))?;
        Ok(Self { folder, pair, operational, root })
    }
}

/// Opens what is known of a key, and makes it ready to sign.
pub(super) async fn open_key(store: &Arc<dyn Store>, name: &UtilityName, pair: Pair) -> Result<SigningKey, OpenError> {
    let row = {
        let name = name.clone();
        store.read(move |tx| book::key_row(tx, &name)).await?
    };
    let marked = mark::read(&pair.folder)?;
    let known = |mark: Mark| row.is_some_and(|row| row.life == mark.life && row.signed >= mark.signed);
    let life = match (marked, row) {
        (Some(mark), _) if !known(mark) => {
            allow_reset(&pair, name, mark)?;
            tracing::warn!(utility = %name, "the signer begins anew, as the root key allows");
            None
        }
        (_, row) => row.map(|row| row.life),
    };
    let life = match life {
        Some(life) => life,
        None => {
            let (name, life) = (name.clone(), Life::draw()?);
            store.write(move |tx| book::begin_life(tx, &name, life)).await?;
            life
        }
    };
    let limits = quota(&pair, row.map_or(0, |row| row.quota_serial))?;
    let utility = name.clone();
    store.write(move |tx| book::set_serial(tx, &utility, limits.serial)).await?;
    let signed = row.map_or(0, |row| row.signed);
    mark::write(&pair.folder, Mark { life, signed })?;
    let Pair { folder, pair, operational, .. } = pair;
    let verifier = FastVerifier::new(&operational);
    let (signed, marked) = (AtomicU64::new(signed), Mutex::new(signed));
    Ok(SigningKey { folder, pair, operational, verifier, limits, life, signed, marked })
}

/// Whether the root key allows to go on without the database that a mark names.
fn allow_reset(pair: &Pair, utility: &UtilityName, mark: Mark) -> Result<(), OpenError> {
    let path = pair.folder.join(RESET_FILE);
    let lost =
        || OpenError::Lost { utility: utility.clone(), signed: mark.signed, life: mark.life, reset: path.clone() };
    let bytes = seal::read_small(&path)?.ok_or_else(lost)?;
    let life = seal::read_reset(&bytes, &pair.operational, &pair.root);
    let life = life.map_err(|source| OpenError::Sealed { path: path.clone(), source })?;
    // A reset from an earlier time says nothing of this one.
    if life == mark.life { Ok(()) } else { Err(lost()) }
}

/// The limits of a key: the sealed ones, or those that are built in as long as no sealed ones were seen.
fn quota(pair: &Pair, seen: u32) -> Result<Limits, OpenError> {
    let limits = sealed(&pair.folder, &pair.operational, &pair.root)?;
    let path = pair.folder.join(QUOTA_FILE);
    if limits.serial < seen { Err(OpenError::OldQuota { path, serial: seen }) } else { Ok(limits) }
}

/// The limits in a key folder: the sealed ones, or those that are built in.
pub(super) fn sealed(folder: &Path, operational: &PublicKey, root: &PublicKey) -> Result<Limits, OpenError> {
    let path = folder.join(QUOTA_FILE);
    match seal::read_small(&path)? {
        None => Ok(Limits::default()),
        Some(bytes) => seal::read_quota(&bytes, operational, root).map_err(|source| OpenError::Sealed { path, source }),
    }
}

/// Makes sure that one signer works with a key store. Unlocked when it is closed.
pub(super) fn lock_alone(path: &Path) -> Result<File, OpenError> {
    files::make_folder(path)?;
    let file = path.join("signer.lock");
    let lock = File::create(&file).map_err(|source| OpenError::File { path: file, source })?;
    let locked = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    locked.map_err(|_| OpenError::InUse(path.to_owned()))?;
    Ok(lock)
}
