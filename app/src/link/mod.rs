//! The links from this browser to a meter at hand.

mod bluetooth;
mod nfc;
mod serial;
mod websocket;

use crate::browser::words_of;
use bluetooth::BluetoothLink;
use coinless_phone::io::{Link, NoAnswer};
use coinless_protocol::coap::{Request, Response, SEPARATE_TIMEOUT_MS};
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{DataView, Reflect, Uint8Array};
use nfc::NfcLink;
use serial::SerialLink;
use std::pin::pin;
use wasm_bindgen::prelude::*;
use websocket::WebSocketLink;

/// How long a connection may take, in milliseconds.
const CONNECT_TIMEOUT_MS: u32 = 10_000;
/// How long a meter may take for its answer, in milliseconds: signatures on a small one take seconds.
const ANSWER_TIMEOUT_MS: u32 = SEPARATE_TIMEOUT_MS as u32;

/// A meter at hand, whatever carries the messages.
pub enum MeterLink {
    /// CoAP over WebSockets (RFC 8323): simulated meters.
    WebSocket(WebSocketLink),
    /// CoAP over Bluetooth GATT.
    Bluetooth(BluetoothLink),
    /// CoAP over Slipmux on a serial line.
    Serial(Box<SerialLink>),
    /// CoAP in a record of an NFC tag.
    Nfc(NfcLink),
}

/// The links that this browser offers; which of them the phone has, and its user allows, shows when one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// [`MeterLink::bluetooth`].
    pub bluetooth: bool,
    /// [`MeterLink::serial`].
    pub serial: bool,
    /// [`MeterLink::nfc`].
    pub nfc: bool,
}

/// What this browser offers.
pub fn offered() -> Offered {
    Offered { bluetooth: bluetooth::is_offered(), serial: serial::is_offered(), nfc: nfc::is_offered() }
}

/// Whether the phone has Bluetooth that a page may ask for (Web Bluetooth, `getAvailability`). A browser that does not say so is asked
/// when it comes to it.
pub async fn has_bluetooth() -> bool {
    let Some(bluetooth) = navigator().bluetooth() else { return false };
    bluetooth.availability().await.ok().and_then(|is| is.as_bool()).unwrap_or(true)
}

impl MeterLink {
    /// A meter at `url`, `ws://HOST:PORT`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`NoAnswer`] if it is no such URL.
    pub fn websocket(url: &str) -> Result<Self, NoAnswer> {
        WebSocketLink::new(url).map(Self::WebSocket)
    }

    /// A meter that the user picks from those in Bluetooth's reach: of those with these names, which are meters' numbers without
    /// their check characters, or of all if there are none. To be called from a user's press. It is connected when the first
    /// message is sent.
    ///
    /// # Errors
    /// [`NoAnswer`] if the browser refuses, or nothing is picked ([`NOTHING_CHOSEN`]).
    pub async fn bluetooth(names: &[String]) -> Result<Self, NoAnswer> {
        BluetoothLink::choose(names).await.map(Self::Bluetooth)
    }

    /// A meter at a serial line that the user picks. To be called from a user's press.
    ///
    /// # Errors
    /// [`NoAnswer`] if the line cannot be opened, or nothing is picked ([`NOTHING_CHOSEN`]).
    pub async fn serial() -> Result<Self, NoAnswer> {
        SerialLink::choose().await.map(|link| Self::Serial(Box::new(link)))
    }

    /// The meters whose tags are tapped from now on. To be called from a user's press. Each exchange takes two taps: one writes
    /// the message, one reads the answer; they may be a minute away each.
    ///
    /// # Errors
    /// [`NoAnswer`] if the browser refuses.
    pub async fn nfc() -> Result<Self, NoAnswer> {
        NfcLink::scan().await.map(Self::Nfc)
    }

    /// What tells which meter this is before anything is sent: over Bluetooth its name, which is its number; over NFC the URL
    /// of its label, for which a tap is waited for.
    ///
    /// # Errors
    /// [`NoAnswer`] if no tag is tapped.
    pub async fn hint(&mut self) -> Result<Option<String>, NoAnswer> {
        match self {
            Self::WebSocket(_) | Self::Serial(_) => Ok(None),
            Self::Bluetooth(link) => Ok(link.name()),
            Self::Nfc(link) => link.url().await.map(Some),
        }
    }
}

impl Link for MeterLink {
    async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        match self {
            Self::WebSocket(link) => link.exchange(request).await,
            Self::Bluetooth(link) => link.exchange(request).await,
            Self::Serial(link) => link.exchange(request).await,
            Self::Nfc(link) => link.exchange(request).await,
        }
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = navigator, thread_local_v2)]
    static NAVIGATOR: NavigatorLinks;
    #[derive(Clone)]
    type NavigatorLinks;
    #[wasm_bindgen(method, getter)]
    fn bluetooth(this: &NavigatorLinks) -> Option<Bluetooth>;
    #[wasm_bindgen(method, getter)]
    fn serial(this: &NavigatorLinks) -> Option<Serial>;
    type Bluetooth;
    #[wasm_bindgen(method, catch, js_name = requestDevice)]
    async fn request_device(this: &Bluetooth, options: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getAvailability)]
    async fn availability(this: &Bluetooth) -> Result<JsValue, JsValue>;
    type Serial;
    #[wasm_bindgen(method, catch, js_name = requestPort)]
    async fn request_port(this: &Serial) -> Result<JsValue, JsValue>;
}

/// The browser's `navigator`, with what web-sys has no stable bindings for.
fn navigator() -> NavigatorLinks {
    NAVIGATOR.with(NavigatorLinks::clone)
}

/// A copy of what a view shows.
fn bytes_of(view: &DataView) -> Vec<u8> {
    let (offset, length) = (view.byte_offset() as u32, view.byte_length() as u32);
    Uint8Array::new_with_byte_offset_and_length(&view.buffer(), offset, length).to_vec()
}

/// What `work` comes to within `limit_ms` milliseconds.
async fn within<T>(limit_ms: u32, work: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, NoAnswer> {
    match select(pin!(work), TimeoutFuture::new(limit_ms)).await {
        Either::Left((done, _)) => done,
        Either::Right(((), _)) => Err(NoAnswer(format!("it was silent for {} s", limit_ms / 1_000))),
    }
}

/// What is said when the user closes the browser's list of devices.
pub const NOTHING_CHOSEN: &str = "nothing was chosen";

/// Why the browser refuses, in its own words.
fn refused(error: JsValue) -> NoAnswer {
    NoAnswer(words_of(&error))
}

/// Why the browser's list of devices gave none.
fn not_chosen(error: JsValue) -> NoAnswer {
    match Reflect::get(&error, &"name".into()).unwrap_or_default().as_string().as_deref() {
        Some("NotFoundError") => NoAnswer(NOTHING_CHOSEN.into()),
        _ => refused(error),
    }
}
