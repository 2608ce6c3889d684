//! Key files: one key each, in hexadecimal digits, readable by their owner alone.

use super::KeyError;
use crate::records::{from_hex, to_hex};
use crate::utilities::UtilityName;
use coinless_protocol::keys::{KeyPair, PublicKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The folder of each utility below the key store `path`.
pub(crate) fn folders<'a>(
    path: &Path,
    utilities: impl IntoIterator<Item = &'a UtilityName>,
) -> Vec<(UtilityName, PathBuf)> {
    let utilities: Vec<_> = utilities.into_iter().collect();
    // A station of one utility may have them where they were before there were several.
    let here = |kind: &str| path.join(format!("operational.{kind}")).exists();
    let alone = utilities.len() == 1 && (here("key") || here("pub"));
    let folder = |name: &UtilityName| {
        let folder = path.join(name.as_str());
        if alone && !folder.exists() { path.to_owned() } else { folder }
    };
    utilities.into_iter().map(|name| (name.clone(), folder(name))).collect()
}

/// Makes the folder if it is missing, for its owner alone.
pub(crate) fn make_folder(path: &Path) -> Result<(), KeyError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| KeyError::File { path: path.to_owned(), source })
}

/// Two commands on a new folder must not each make keys of their own. Unlocked when it is closed.
pub(crate) fn lock(path: &Path) -> Result<File, KeyError> {
    make_folder(path)?;
    let path = path.join("lock");
    let at = |source: io::Error| KeyError::File { path: path.clone(), source };
    let lock = File::create(&path).map_err(at)?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| at(error.into()))?;
    Ok(lock)
}

/// The public key in `<name>.pub`. If there is none, it is that of `<name>.key`, which is made if it is missing too, and is
/// written down: from then on the private key may be kept elsewhere.
pub(crate) fn load_or_make_public(folder: &Path, name: &str) -> Result<PublicKey, KeyError> {
    if let Some(key) = load_public(folder, name)? {
        return Ok(key);
    }
    let secret = folder.join(format!("{name}.key"));
    let key = pair(&secret, &*load_or_make(&secret)?)?.public_key();
    write_whole(&folder.join(format!("{name}.pub")), &to_hex(&key.to_sec1()))?;
    Ok(key)
}

/// The public key in `<name>.pub`, if there is such a file.
pub(crate) fn load_public(folder: &Path, name: &str) -> Result<Option<PublicKey>, KeyError> {
    public(&folder.join(format!("{name}.pub")))
}

/// The public key in the file `path`, if there is such a file.
pub(crate) fn public(path: &Path) -> Result<Option<PublicKey>, KeyError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let bytes = from_hex(text.trim()).ok_or_else(|| KeyError::Public(path.to_owned()))?;
    PublicKey::from_sec1(&bytes).map(Some).map_err(|_| KeyError::Public(path.to_owned()))
}

/// The pair of a private key that was read from `path`.
pub(crate) fn pair(path: &Path, secret: &[u8; 32]) -> Result<KeyPair, KeyError> {
    KeyPair::from_secret(secret).map_err(|_| KeyError::Content(path.to_owned()))
}

/// The private key in the file `path`, which is made if it is missing.
pub(crate) fn load_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    match read(path)? {
        Some(text) => secret(path, &text),
        None => {
            let secret = random_secret()?;
            write_whole(path, &Zeroizing::new(to_hex(secret.as_slice())))?;
            Ok(secret)
        }
    }
}

/// The private key in the file `path`.
pub(crate) fn load(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let missing = || KeyError::File { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
    secret(path, &read(path)?.ok_or_else(missing)?)
}

fn secret(path: &Path, text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let bytes = from_hex(text.trim()).map(Zeroizing::new);
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    bytes.map(Zeroizing::new).ok_or_else(|| KeyError::Content(path.to_owned()))
}

/// The text of a file, none if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, KeyError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
    }
}

/// Writes a file for its owner alone, whole or not at all: under a temporary name, made durable, then renamed.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), KeyError> {
    let at = |source| KeyError::File { path: path.to_owned(), source };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary).map_err(at)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at)?;
    fs::rename(&temporary, path).map_err(at)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at)
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
