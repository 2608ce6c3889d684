//! A meter's NFC tag whose memory is a file: a stand-in for holding a phone to it. A phone with NFC does the same in the app.

use super::link::random;
use crate::output::Failure;
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{Request, Response, SEPARATE_TIMEOUT_MS, TagExchange};
use coinless_protocol::ndef::{Tag, Url};
use coinless_sim::meter::{LOOK, TagFile};
use std::fmt::Display;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a meter may take for its answer: signatures on a small one take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(SEPARATE_TIMEOUT_MS);

/// A tag in the phone's field.
pub struct NdefTag {
    file: TagFile,
    /// The URL of the meter's label, which tells its tag from others.
    url: Option<String>,
}

impl NdefTag {
    /// The link `ndef:FILE`, whose `FILE` must be there. Nothing is written yet.
    ///
    /// # Errors
    /// [`Failure`] if it is not.
    pub fn new(path: &str) -> Result<Self, Failure> {
        let file = TagFile::new(path);
        match file.read() {
            Ok(_) => Ok(Self { file, url: None }),
            Err(error) => {
                Err(Failure::new(format!("ndef:{path} is no link: {error}; write ndef:FILE of a meter's tag")))
            }
        }
    }

    /// One exchange: the request is written, and read until the meter has swapped it for its answer.
    ///
    /// # Errors
    /// [`NoAnswer`] if the tag is none of a meter, or of another one than before, or no answer comes in time.
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let mut exchange = TagExchange::start(random().map_err(no_answer)?, request)
            .map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        let url = self.tap(|tag| tag.url.map(|url| url.to_string()))?;
        let url = url.ok_or_else(|| NoAnswer("the tag has no label".into()))?;
        self.same(&url)?;
        self.file.write(&Tag { url: Some(Url::new(&url)), message: Some(exchange.message()) }).map_err(no_answer)?;
        self.url = Some(url);
        let until = Instant::now() + ANSWER_TIMEOUT;
        while Instant::now() < until {
            // The meter is at work; a file says nothing by itself.
            sleep(LOOK).await;
            let (url, found) = self.tap(|tag| (tag.url.map(|url| url.to_string()), tag.message.map(<[u8]>::to_vec)))?;
            if let Some(url) = url {
                self.same(&url)?;
            }
            if let Some(response) = found.and_then(|found| exchange.read(&found)) {
                return Ok(response);
            }
        }
        Err(NoAnswer(format!("it was silent for {} s", ANSWER_TIMEOUT.as_secs())))
    }

    fn same(&self, url: &str) -> Result<(), NoAnswer> {
        match &self.url {
            Some(known) if known != url => Err(NoAnswer("this is the tag of another meter".into())),
            _ => Ok(()),
        }
    }

    fn tap<T>(&self, see: impl FnOnce(Tag<'_>) -> T) -> Result<T, NoAnswer> {
        let bytes = self.file.read().map_err(no_answer)?;
        Tag::parse(&bytes).map(see).map_err(no_answer)
    }
}

fn no_answer(error: impl Display) -> NoAnswer {
    NoAnswer(error.to_string())
}
