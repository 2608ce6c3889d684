//! The keys of the station itself: a key store in files, with keys of its own for each utility. The private key that signs
//! credit is not among them: that one belongs to the [signer](crate::signer), which may be another process.

mod fast;
pub(crate) mod files;

pub(crate) use fast::FastSigner;
pub use fast::FastVerifier;

use crate::problem::Error;
use crate::records::{HexKey, IssuerKey, IssuerRecord, IssuerRole};
use crate::utilities::UtilityName;
use coinless_protocol::MeterId;
use coinless_protocol::cose::{Label, Sign1};
use coinless_protocol::keys::{KeyHash, KeyPair, PublicKey};
use coinless_protocol::readings::ReadingsKey;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Why the key store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A file does not hold a private key.
    #[error("key file {0} does not hold 64 hexadecimal digits of a P-256 private key")]
    Content(PathBuf),
    /// A file does not hold a public key.
    #[error("key file {0} does not hold 130 hexadecimal digits of a P-256 public key")]
    Public(PathBuf),
    /// A file is needed here and must not be made anew.
    #[error("key file {0} is missing: copy it here from the key folder of the signer")]
    Missing(PathBuf),
    /// There are no keys here.
    #[error(
        "{0} holds no public keys of a signer: start the station or its signer once, or name the signer's own key folder"
    )]
    NoSigner(PathBuf),
    /// A private key and the public key beside it are of two pairs.
    #[error("key file {0} is not the public key of the private key beside it")]
    Mismatch(PathBuf),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// The private key in a key file, with its public key. For the root key, where it is kept.
///
/// # Errors
/// [`KeyError`].
pub fn read_pair(path: &Path) -> Result<KeyPair, KeyError> {
    files::pair(path, &*files::load(path)?)
}

/// The public key in a key file.
///
/// # Errors
/// [`KeyError`].
pub fn read_public(path: &Path) -> Result<PublicKey, KeyError> {
    let missing = || KeyError::File { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
    files::public(path)?.ok_or_else(missing)
}

/// The keys of a station. Their files are readable by their owner alone.
pub struct Keys {
    callback: [u8; 32],
    utilities: BTreeMap<UtilityName, UtilityKeys>,
}

/// The keys of one utility: meters of another one do not know them.
pub struct UtilityKeys {
    operational: PublicKey,
    verifier: FastVerifier,
    root: PublicKey,
    readings: KeyPair,
}

impl Keys {
    /// Opens the key store in the folder `path`, and makes what is missing: one folder for each utility. The signer may have
    /// its keys in the same folders.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open<'a>(path: &Path, utilities: impl IntoIterator<Item = &'a UtilityName>) -> Result<Self, KeyError> {
        Self::open_with(path, utilities, files::load_or_make_public)
    }

    /// Opens the key store of a station whose signer is another process with key folders of its own: `operational.pub` and
    /// `root.pub` of each utility were copied here and are never made anew.
    ///
    /// # Errors
    /// [`KeyError`], and [`KeyError::Missing`] for a public key that was not copied.
    pub fn open_apart<'a>(path: &Path, utilities: impl IntoIterator<Item = &'a UtilityName>) -> Result<Self, KeyError> {
        Self::open_with(path, utilities, |folder, name| {
            let missing = || KeyError::Missing(folder.join(format!("{name}.pub")));
            files::load_public(folder, name)?.ok_or_else(missing)
        })
    }

    fn open_with<'a>(
        path: &Path,
        utilities: impl IntoIterator<Item = &'a UtilityName>,
        public: impl Fn(&Path, &str) -> Result<PublicKey, KeyError>,
    ) -> Result<Self, KeyError> {
        let _lock = files::lock(path)?;
        let folders = files::folders(path, utilities);
        let open = |(name, folder): (UtilityName, PathBuf)| Ok((name, UtilityKeys::open(&folder, &public)?));
        Ok(Self {
            callback: *files::load_or_make(&path.join("callback.key"))?,
            utilities: folders.into_iter().map(open).collect::<Result<_, KeyError>>()?,
        })
    }

    /// The keys of a utility.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if the configuration has no such utility any more.
    pub fn of(&self, utility: &UtilityName) -> Result<&UtilityKeys, Error> {
        let keys = self.utilities.get(utility);
        keys.ok_or_else(|| Error::inconsistent(format!("no keys of the utility {utility} are open")))
    }

    /// The secret that makes callback URLs unguessable.
    pub fn callback_key(&self) -> [u8; 32] {
        self.callback
    }
}

impl UtilityKeys {
    fn open(folder: &Path, public: impl Fn(&Path, &str) -> Result<PublicKey, KeyError>) -> Result<Self, KeyError> {
        files::make_folder(folder)?;
        let readings = folder.join("readings.key");
        let operational = public(folder, "operational")?;
        Ok(Self {
            operational,
            verifier: FastVerifier::new(&operational),
            root: public(folder, "root")?,
            readings: files::pair(&readings, &*files::load_or_make(&readings)?)?,
        })
    }

    /// The public keys that a meter must know.
    pub fn record(&self) -> IssuerRecord {
        let issuer = |role, key| IssuerKey { role, public_key: HexKey(key) };
        IssuerRecord {
            issuers: vec![issuer(IssuerRole::Operational, self.operational), issuer(IssuerRole::Root, self.root)],
            readings_key: HexKey(self.readings.public_key()),
        }
    }

    /// Whether `token` is `payload` signed by the operational key for the meter whose key has the hash `meter_key`. What a
    /// signer gave is checked before it is kept: it may have been set up with other keys.
    pub fn is_own_token(&self, token: &[u8], payload: &[u8], meter_key: &KeyHash) -> bool {
        Sign1::parse(token).is_ok_and(|signed| {
            signed.payload == payload
                && signed.kid == self.operational.hash().hint()
                && signed.verify(&self.verifier, Label::Token, meter_key)
        })
    }

    /// The key to which `meter` seals its readings.
    pub fn readings_key(&self, meter: &MeterId, key: &PublicKey) -> ReadingsKey {
        ReadingsKey::agree(&self.readings, key, meter)
    }
}
