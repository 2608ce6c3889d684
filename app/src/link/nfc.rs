//! A meter's NFC tag: the label's URL, and a record that the meter swaps for its answer (`docs/protocol.md`).
//!
//! A browser is told of a tag when it comes into the field, so writing a request and reading the answer are two taps.

use super::{bytes_of, refused, within};
use crate::browser::{object, random};
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{NDEF_MEDIA_TYPE, Request, Response, TagExchange};
use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_util::StreamExt;
use js_sys::{Array, DataView, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

/// How long a person may take to tap, in milliseconds.
const TAP_TIMEOUT_MS: u32 = 60_000;

/// The reader, which scans until this is dropped.
pub struct NfcLink {
    reader: Reader,
    stop: AbortController,
    tags: UnboundedReceiver<Tag>,
    /// The URL of the tag that was seen last.
    url: Option<String>,
    on_reading: Closure<dyn FnMut(JsValue)>,
}

/// What a tag holds.
struct Tag {
    url: Option<String>,
    message: Option<Vec<u8>>,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = NDEFReader)]
    type Reader;
    #[wasm_bindgen(constructor, js_class = "NDEFReader", catch)]
    fn new() -> Result<Reader, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn scan(this: &Reader, options: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn write(this: &Reader, message: JsValue, options: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = addEventListener)]
    fn listen(this: &Reader, event: &str, listener: &Function);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    fn unlisten(this: &Reader, event: &str, listener: &Function);
}

const READING: &str = "reading";

impl NfcLink {
    /// See [`MeterLink::nfc`](super::MeterLink::nfc).
    pub async fn scan() -> Result<Self, NoAnswer> {
        let reader = Reader::new().map_err(refused)?;
        let stop = AbortController::new().map_err(refused)?;
        let (sender, tags) = unbounded();
        // Nobody listens once the link is dropped.
        let on_reading = Closure::new(move |event: JsValue| drop(sender.unbounded_send(tag(&event))));
        reader.listen(READING, on_reading.as_ref().unchecked_ref());
        let this = Self { reader, stop, tags, url: None, on_reading };
        this.reader.scan(this.options()).await.map_err(refused)?;
        Ok(this)
    }

    /// Waits for a tap; gives the URL on the tag, which is that of the meter's label.
    pub async fn url(&mut self) -> Result<String, NoAnswer> {
        loop {
            let tag = self.tap().await?;
            if let Some(url) = tag.url {
                self.url = Some(url.clone());
                return Ok(url);
            }
        }
    }

    /// One exchange: a tap that writes, and one that reads. Of a tag that was not read yet one more tap gives the URL first.
    pub async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let mut exchange =
            TagExchange::start(random()?, request).map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        let url = match self.url.clone() {
            Some(url) => url,
            None => self.url().await?,
        };
        let data = JsValue::from(Uint8Array::from(exchange.message()));
        let records = Array::of2(
            &object(&[("recordType", "url".into()), ("data", url.as_str().into())]),
            &object(&[("recordType", "mime".into()), ("mediaType", NDEF_MEDIA_TYPE.into()), ("data", data)]),
        );
        let records = object(&[("records", records.into())]).into();
        let writing = async { self.reader.write(records, self.options()).await.map_err(refused) };
        within(TAP_TIMEOUT_MS, writing).await?;
        loop {
            let tag = self.tap().await?;
            if tag.url.as_ref().is_some_and(|other| *other != url) {
                return Err(NoAnswer("this is the tag of another meter".into()));
            }
            if let Some(response) = tag.message.and_then(|found| exchange.read(&found)) {
                return Ok(response);
            }
        }
    }

    async fn tap(&mut self) -> Result<Tag, NoAnswer> {
        let next = async { self.tags.next().await.ok_or_else(|| NoAnswer("the reader stopped".into())) };
        within(TAP_TIMEOUT_MS, next).await
    }

    fn options(&self) -> JsValue {
        object(&[("signal", self.stop.signal().into())]).into()
    }
}

impl Drop for NfcLink {
    fn drop(&mut self) {
        self.reader.unlisten(READING, self.on_reading.as_ref().unchecked_ref());
        self.stop.abort();
    }
}

fn tag(event: &JsValue) -> Tag {
    let field = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let records = field(&field(event, "message"), "records");
    let mut tag = Tag { url: None, message: None };
    for record in records.dyn_ref::<Array>().into_iter().flat_map(Array::iter) {
        let text = |name: &str| field(&record, name).as_string();
        let data = field(&record, "data").dyn_ref::<DataView>().map(bytes_of);
        match (text("recordType").as_deref(), text("mediaType").as_deref()) {
            (Some("url"), _) if tag.url.is_none() => tag.url = data.and_then(|data| String::from_utf8(data).ok()),
            (Some("mime"), Some(NDEF_MEDIA_TYPE)) => tag.message = data,
            _ => {}
        }
    }
    tag
}

/// Whether this browser has NFC.
pub fn is_offered() -> bool {
    Reflect::get(&js_sys::global(), &"NDEFReader".into()).is_ok_and(|reader| reader.is_function())
}
