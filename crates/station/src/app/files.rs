//! The files of an app in memory.

use super::{AppError, how_to_make};
use axum::http::HeaderValue;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Most files of an app, compressed ones among them.
pub const MAX_FILES: usize = 1024;
/// Most bytes of all its files together.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Folders within folders.
const MAX_DEPTH: usize = 4;
/// The page that every address of the app opens.
pub(crate) const INDEX: &str = "index.html";

/// How a file may be compressed on the way (RFC 9110 §8.4.1, RFC 7932).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
}

/// A file that is served.
#[derive(Debug)]
pub(crate) struct File {
    /// Its media type.
    pub kind: &'static str,
    plain: Form,
    gzip: Option<Form>,
    brotli: Option<Form>,
}

/// One form of a file: each has a tag of its own (RFC 9110 §8.8.3.3).
#[derive(Debug)]
pub(crate) struct Form {
    /// The bytes as they are sent.
    pub body: Bytes,
    /// The strong entity tag.
    pub tag: HeaderValue,
}

impl File {
    /// The form to be sent to whoever takes these codings, the smallest first.
    pub(crate) fn form(&self, takes_brotli: bool, takes_gzip: bool) -> (Coding, &Form) {
        match (&self.brotli, &self.gzip) {
            (Some(form), _) if takes_brotli => (Coding::Brotli, form),
            (_, Some(form)) if takes_gzip => (Coding::Gzip, form),
            _ => (Coding::Identity, &self.plain),
        }
    }

    /// Whether what is sent depends on what the asking side takes.
    pub(crate) fn varies(&self) -> bool {
        self.brotli.is_some() || self.gzip.is_some()
    }
}

/// All files of an app by their paths in its folder, with `/`.
#[derive(Debug)]
pub(super) struct Files(BTreeMap<String, File>);

impl Files {
    /// Reads the folder. Names that begin with a dot are left out.
    ///
    /// # Errors
    /// [`AppError`]: there is no such folder, it holds no app, it is too large, or it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self, AppError> {
        if !folder.is_dir() {
            return Err(how_to_make(folder, "is no folder"));
        }
        let mut found = Found { files: BTreeMap::new(), bytes: 0 };
        found.read(folder, "", MAX_DEPTH)?;
        let mut files = found.files;
        let compressed: Vec<_> = files.keys().filter(|path| plain_name(path).is_some()).cloned().collect();
        let mut forms = BTreeMap::new();
        for path in compressed {
            let (Some(plain), Some(bytes)) = (plain_name(&path), files.remove(&path)) else { continue };
            if !files.contains_key(plain) {
                let why = format!("holds {path} without {plain}: it is not whole");
                return Err(how_to_make(folder, &why));
            }
            forms.insert(path, bytes);
        }
        if !files.contains_key(INDEX) {
            return Err(how_to_make(folder, &format!("holds no {INDEX}")));
        }
        let file = |(path, bytes): (String, Vec<u8>)| {
            let hash = hex16(&bytes);
            let gzip = forms.remove(&format!("{path}.gz")).map(|bytes| Form::new(bytes, &hash, "-gz"));
            let brotli = forms.remove(&format!("{path}.br")).map(|bytes| Form::new(bytes, &hash, "-br"));
            let kind = kind(&path);
            (path, File { kind, plain: Form::new(bytes, &hash, ""), gzip, brotli })
        };
        Ok(Self(files.into_iter().map(file).collect()))
    }

    pub(super) fn at(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}

impl Form {
    fn new(bytes: Vec<u8>, hash: &str, form: &str) -> Self {
        let tag = HeaderValue::try_from(format!("\"{hash}{form}\""));
        Self { body: bytes.into(), tag: tag.unwrap_or_else(|_| unreachable!("hexadecimal digits")) }
    }
}

/// What was read so far.
struct Found {
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl Found {
    fn read(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), AppError> {
        let failed = |error: std::io::Error| AppError(format!("reading {}: {error}", folder.display()));
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let wrong = |why: &str| AppError(format!("{} {why}", path.display()));
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| wrong("has no name in UTF-8"))?;
            if name.starts_with('.') {
                continue;
            }
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
                return Err(wrong("has a name that is not of A-Z, a-z, 0-9, -, . and _"));
            }
            if path.is_dir() {
                let deeper = depth.checked_sub(1).ok_or_else(|| wrong("is too deep: an app's folders are not so"))?;
                self.read(&path, &format!("{prefix}{name}/"), deeper)?;
                continue;
            }
            if !path.is_file() {
                return Err(wrong("is neither a file nor a folder"));
            }
            if self.files.len() == MAX_FILES {
                return Err(wrong(&format!("is one file too many: an app has at most {MAX_FILES}")));
            }
            let bytes = self.file(&path)?;
            self.files.insert(format!("{prefix}{name}"), bytes);
        }
        Ok(())
    }

    /// The bytes of a file, never more than there is room for.
    fn file(&mut self, path: &Path) -> Result<Vec<u8>, AppError> {
        let room = MAX_BYTES - self.bytes;
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(room as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|error| AppError(format!("reading {}: {error}", path.display())))?;
        if bytes.len() > room {
            let most = MAX_BYTES / (1024 * 1024);
            return Err(AppError(format!(
                "{} is too much: the files of an app have at most {most} MiB together",
                path.display()
            )));
        }
        self.bytes += bytes.len();
        Ok(bytes)
    }
}

/// Of which file this one is a compressed form.
fn plain_name(path: &str) -> Option<&str> {
    path.strip_suffix(".br").or_else(|| path.strip_suffix(".gz"))
}

/// The first 16 hexadecimal digits of a hash: enough to tell two builds of a file apart.
fn hex16(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The media type by the ending of a name.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json" | "map" => "application/json",
        "ftl" | "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
