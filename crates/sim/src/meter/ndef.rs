//! The NFC tag of a simulated meter, whose memory is a file: phones write requests into it, and the meter swaps them for its answers
//! (`docs/protocol.md`).

use super::reliable::{Conversations, Event, Outgoing, QUEUE};
use coinless_protocol::coap::Framing;
use coinless_protocol::ndef::{MAX_TAG_BYTES, Tag, Url};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How often the meter looks at its tag, and a phone at the one in its field: the field of a phone is no more patient.
pub const LOOK: Duration = Duration::from_millis(20);
/// Whoever taps is one peer: a tag has no connections.
const PEER: u32 = 0;

/// What a phone sees in the field: the tag whose memory is a file.
#[derive(Debug, Clone)]
pub struct TagFile(PathBuf);

impl TagFile {
    /// The tag with its memory in the file `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it holds: an NDEF message, if it is one.
    ///
    /// # Errors
    /// When the file cannot be read, or is longer than any tag of a meter.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.0)?.take(MAX_TAG_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_TAG_BYTES {
            return Err(io::Error::other(format!("{} is no tag: it is too long", self.0.display())));
        }
        Ok(bytes)
    }

    /// Writes it whole: nobody sees half of it.
    ///
    /// # Errors
    /// When the file cannot be written, or the tag is too small for that.
    pub fn write(&self, tag: &Tag<'_>) -> io::Result<()> {
        let bytes = tag.to_bytes().map_err(io::Error::other)?;
        // A name that no other writer takes.
        let mut half = self.0.clone().into_os_string();
        half.push(format!(".{}", std::process::id()));
        fs::write(&half, &*bytes)?;
        fs::rename(&half, &self.0)
    }
}

/// A tag that the meter looks at.
pub(super) struct Ndef {
    pub conversations: Conversations,
    pub path: PathBuf,
}

impl Ndef {
    /// Writes the URL of the meter's label to the tag, which is made if it is missing. To be called inside a tokio runtime.
    pub async fn open(path: &Path, url: String) -> io::Result<Self> {
        let file = TagFile::new(path);
        file.write(&Tag { url: Some(Url::new(&url)), message: None })?;
        let (conversations, events) = Conversations::new(Framing::Gatt);
        let (sender, outgoing) = channel(QUEUE);
        // The queue is new and has room, and its other end is held.
        let _ = events.send(Event::Opened(PEER, sender)).await;
        tokio::spawn(swap(file, url, events, outgoing));
        Ok(Self { conversations, path: path.to_owned() })
    }
}

/// Looks for requests and swaps them for answers until the meter is gone.
async fn swap(file: TagFile, url: String, events: Sender<Event>, mut outgoing: Receiver<Outgoing>) {
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else { return };
                let Outgoing::Message(answer) = message else { continue };
                // Another phone may have written since: its request stays.
                if !file.read().is_ok_and(|bytes| bytes == seen) {
                    continue;
                }
                if let Err(error) = file.write(&Tag { url: Some(Url::new(&url)), message: Some(&answer) }) {
                    tracing::warn!(%error, "the tag cannot be written");
                }
            }
            () = tokio::time::sleep(LOOK) => {
                let bytes = match file.read() {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        tracing::warn!(%error, "the tag cannot be read");
                        continue;
                    }
                };
                if bytes == seen {
                    continue;
                }
                seen = bytes;
                // What is no request is passed over, as is the meter's own answer.
                if let Some(message) = Tag::parse(&seen).ok().and_then(|tag| tag.message)
                    && events.send(Event::Message(PEER, message.to_vec())).await.is_err()
                {
                    return;
                }
            }
        }
    }
}
