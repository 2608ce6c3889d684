//! The station's keys: a key store in files, the fast signer, and the agreement of readings keys.

use crate::records::{HexKey, IssuerKey, IssuerRecord, IssuerRole, from_hex, to_hex};
use coinless_protocol::MeterId;
use coinless_protocol::cose::{self, Label};
use coinless_protocol::keys::{KeyHash, KeyHint, KeyPair, PublicKey, SIGNATURE_BYTES, Signer, Verifier};
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::token::Token;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

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
    /// A file does not hold a key.
    #[error("key file {0} does not hold 64 hexadecimal digits of a P-256 private key")]
    Content(PathBuf),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// All keys of a station. Their files are readable by their owner alone.
pub struct Keys {
    signer: FastSigner,
    operational: PublicKey,
    root: PublicKey,
    readings: KeyPair,
    callback: [u8; 32],
}

impl Keys {
    /// Opens the key store in the folder `path`, and makes what is missing. The file `root.key` may be kept elsewhere once
    /// `root.pub` exists.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let at = |source: io::Error| KeyError::File { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at)?;
        // Two commands on a new folder must not each make keys of their own. Unlocked when it is closed.
        let lock = File::create(path.join("lock")).map_err(at)?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).map_err(|error| at(error.into()))?;
        let operational = load_or_make(&path.join("operational.key"))?;
        let pair = pair(&path.join("operational.key"), &operational)?;
        let readings_secret = load_or_make(&path.join("readings.key"))?;
        Ok(Self {
            signer: FastSigner::new(&operational, &pair.public_key())
                .ok_or_else(|| KeyError::Content(path.join("operational.key")))?,
            operational: pair.public_key(),
            root: root(path)?,
            readings: self::pair(&path.join("readings.key"), &readings_secret)?,
            callback: *load_or_make(&path.join("callback.key"))?,
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

    /// The secret that makes callback URLs unguessable.
    pub fn callback_key(&self) -> [u8; 32] {
        self.callback
    }

    /// Signs a committed payload for the meter whose key has the hash `meter_key`.
    ///
    /// # Errors
    /// When the signer fails, in words for the log.
    pub fn sign_token(&self, payload: &[u8], meter_key: &KeyHash) -> Result<Vec<u8>, String> {
        let signed = cose::sign(payload, Label::Token, meter_key, &self.signer);
        signed.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    /// Signs a read request, which sets nothing and so is not committed anywhere.
    ///
    /// # Errors
    /// When the signer fails, in words for the log.
    pub fn sign_read_request(&self, token: &Token, meter_key: &KeyHash) -> Result<Vec<u8>, String> {
        token.sign(meter_key, &self.signer).map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    /// The key to which `meter` seals its readings.
    pub fn readings_key(&self, meter: &MeterId, key: &PublicKey) -> ReadingsKey {
        ReadingsKey::agree(&self.readings, key, meter)
    }
}

fn root(path: &Path) -> Result<PublicKey, KeyError> {
    let public = path.join("root.pub");
    match fs::read_to_string(&public) {
        Ok(text) => {
            let bytes = from_hex(text.trim()).ok_or_else(|| KeyError::Content(public.clone()))?;
            PublicKey::from_sec1(&bytes).map_err(|_| KeyError::Content(public))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = path.join("root.key");
            let key = pair(&secret, &*load_or_make(&secret)?)?.public_key();
            write_new(&public, &to_hex(&key.to_sec1()))?;
            Ok(key)
        }
        Err(source) => Err(KeyError::File { path: public, source }),
    }
}

fn pair(path: &Path, secret: &[u8; 32]) -> Result<KeyPair, KeyError> {
    KeyPair::from_secret(secret).map_err(|_| KeyError::Content(path.to_owned()))
}

fn load_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => {
            let bytes = from_hex(text.trim()).map(Zeroizing::new);
            let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
            bytes.map(Zeroizing::new).ok_or_else(|| KeyError::Content(path.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random_secret()?;
            write_new(path, &Zeroizing::new(to_hex(secret.as_slice())))?;
            Ok(secret)
        }
        Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
    }
}

/// 32 bytes that are a private key of P-256; all but one in 2^32 are.
fn random_secret() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let random = SystemRandom::new();
    let mut secret = Zeroizing::new([0; 32]);
    loop {
        random.fill(secret.as_mut_slice()).map_err(|_| KeyError::Random)?;
        if KeyPair::from_secret(&secret).is_ok() {
            return Ok(secret);
        }
    }
}

/// Writes a file for its owner alone, whole or not at all: under a temporary name, made durable, then renamed.
fn write_new(path: &Path, text: &str) -> Result<(), KeyError> {
    let at = |source| KeyError::File { path: path.to_owned(), source };
    let temporary = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary).map_err(at)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at)?;
    fs::rename(&temporary, path).map_err(at)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at)
}

/// ES256 by `ring`: tens of thousands of signatures a second. They are random, which is right for a server: the content of
/// a number is committed, not its signature.
struct FastSigner {
    pair: EcdsaKeyPair,
    hint: KeyHint,
    random: SystemRandom,
}

impl FastSigner {
    fn new(secret: &[u8; 32], public: &PublicKey) -> Option<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, &public.to_sec1(), &random).ok()?;
        Some(Self { pair, hint: public.hash().hint(), random })
    }
}

impl Signer for FastSigner {
    type Error = &'static str;

    fn key_hint(&self) -> KeyHint {
        self.hint
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Self::Error> {
        let signature = self.pair.sign(&self.random, message).map_err(|_| "the signature could not be made")?;
        signature.as_ref().try_into().map_err(|_| "a signature of another length")
    }
}

/// Verifies ES256 by `ring`.
pub struct FastVerifier(UnparsedPublicKey<[u8; 65]>);

impl FastVerifier {
    /// A verifier of signatures by `key`.
    pub fn new(key: &PublicKey) -> Self {
        Self(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1()))
    }
}

impl Verifier for FastVerifier {
    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify(message, signature).is_ok()
    }
}
