//! A store in a directory, with one file for each record.
//!
//! A file is written under a temporary name, synchronised to the disk, renamed, and the directory is synchronised: after a
//! crash the old content is there or the new one. Each file is one line of JSON and a line with its CRC-32. A file that cannot
//! be read stays where it is and is reported. The directory is for its owner only, since whoever has a token can load it.

use crate::records::record::{KINDS, ORDER, Record};
use crate::store::{Contents, Damaged, Store, StoreError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const FORMAT_FILE: &str = "format";
const FORMAT_TEXT: &str = "coinless phone store 1\n";
const LOCK_FILE: &str = "lock";
/// Files of this prefix were never completed; they mean nothing.
const TEMPORARY: &str = ".tmp-";
const SUFFIX: &str = ".json";
/// No file of this store comes near it: an order of 500 lines has about one megabyte.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// A store in a directory. Others are locked out as long as it lives.
#[derive(Debug)]
pub struct FileStore {
    directory: PathBuf,
    _lock: File,
}

impl FileStore {
    /// Opens the store in `directory`; makes it if the directory does not exist or is empty.
    ///
    /// # Errors
    /// [`StoreError`] if another process works on it, if the directory holds something else, or if the disk fails.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        make_directory(&directory).map_err(|error| failed("making", &directory, &error))?;
        let fresh = is_fresh(&directory).map_err(|error| failed("reading", &directory, &error))?;
        let format = directory.join(FORMAT_FILE);
        match read_limited(&format) {
            Ok(text) if text == FORMAT_TEXT.as_bytes() => {}
            Ok(other) => {
                let found = String::from_utf8_lossy(&other).trim().chars().take(80).collect();
                return Err(StoreError::OtherFormat { place: directory, found });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && fresh => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::NotAStore(directory)),
            Err(error) => return Err(failed("reading", &format, &error)),
        }
        let lock = take_lock(&directory)?;
        let store = Self { directory, _lock: lock };
        owner_only(&store.directory).map_err(|error| failed("protecting", &store.directory, &error))?;
        store.remove_temporary_files()?;
        if fresh && !format.exists() {
            store.write(FORMAT_FILE, FORMAT_TEXT.as_bytes())?;
        }
        Ok(store)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// With the lock held nobody is writing, so these are left over from a crash.
    fn remove_temporary_files(&self) -> Result<(), StoreError> {
        for name in self.names()?.iter().filter(|name| is_temporary(name)) {
            let path = self.directory.join(name);
            fs::remove_file(&path).map_err(|error| failed("removing", &path, &error))?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        names_in(&self.directory).map_err(|error| failed("reading", &self.directory, &error))
    }

    /// Writes the file `name` so that it has its old or its new content, whatever happens.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let (temporary, path) = (self.directory.join(format!("{TEMPORARY}{name}")), self.directory.join(name));
        let written = (|| {
            let mut file = File::create(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            sync_directory(&self.directory)
        })();
        written.map_err(|error| failed("writing", &path, &error))
    }

    /// The record of a file, or why it cannot be read.
    fn read(&self, file: &str) -> Result<Record, String> {
        let name = file.strip_suffix(SUFFIX).filter(|name| KINDS.iter().any(|kind| name.starts_with(kind)));
        let name = name.ok_or("does not belong into a phone's store")?;
        let bytes = read_limited(&self.directory.join(file)).map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| "not text")?;
        let (json, rest) = text.split_once('\n').ok_or("cut short")?;
        if rest != format!("crc32 {:08x}\n", crc32(json.as_bytes())) {
            return Err("changed or cut short: its checksum does not fit".into());
        }
        Record::read(name, json)
    }

    fn place(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

impl Store for FileStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        let mut contents = Contents::default();
        let mut files = self.names()?;
        // Names of orders are UUIDv7: this is also the order in which they were made.
        files.sort();
        for file in files.iter().filter(|file| ![FORMAT_FILE, LOCK_FILE].contains(&file.as_str())) {
            match self.read(file) {
                Ok(record) => contents.add(record),
                Err(why) => {
                    let may_be_order = file.contains(ORDER);
                    contents.damaged.push(Damaged { name: self.place(file), why, may_be_order });
                }
            }
        }
        Ok(contents)
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        let name = record.name();
        let json = record.to_json().map_err(|error| StoreError::Failed(format!("writing {name}: {error}")))?;
        let content = format!("{json}\ncrc32 {:08x}\n", crc32(json.as_bytes()));
        self.write(&file_of(&name), content.as_bytes())
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        let path = self.directory.join(file_of(name));
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_directory(&self.directory),
        };
        removed.map_err(|error| failed("removing", &path, &error))
    }
}

/// The file of the record of this name.
fn file_of(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Failed(format!("{doing} {}: {error}", path.display()))
}

/// Makes the directory, and sees to it that its own name survives a crash.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> =
        directory.ancestors().take_while(|path| !path.is_dir() && *path != Path::new("")).collect();
    fs::create_dir_all(directory)?;
    owner_only(directory)?;
    for made in missing {
        let parent = made.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        sync_directory(parent)?;
    }
    Ok(())
}

/// Whether nothing is in the directory but what a crash while it was made can leave there.
fn is_fresh(directory: &Path) -> io::Result<bool> {
    Ok(names_in(directory)?.iter().all(|name| name == LOCK_FILE || is_temporary(name)))
}

fn is_temporary(name: &str) -> bool {
    let ours = |name: &str| name == FORMAT_FILE || KINDS.iter().any(|kind| name.starts_with(kind));
    name.strip_prefix(TEMPORARY).is_some_and(ours)
}

fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn take_lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| failed("opening", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed("locking", &path, &error)),
    }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than any file of this store"));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn owner_only(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn owner_only(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// A new name is durable when its directory is.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// CRC-32 as in zlib (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| crc >> 8 ^ CRC_TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

/// The CRC of each byte.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn checksum_is_the_usual_one() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
