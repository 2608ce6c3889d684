//! A meter on a serial line of this computer: CoAP over Slipmux (`docs/protocol.md`).

use super::{navigator, not_chosen, refused, within};
use crate::browser::time::PageTime;
use crate::browser::{object, random};
use coinless_phone::io::{NoAnswer, Time};
use coinless_phone::lossy::{self, Lossy};
use coinless_protocol::coap::{Request, Response};
use coinless_protocol::slipmux::{Decoder, encode};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use std::cell::RefCell;
use std::collections::VecDeque;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Bits a second; always 8 data bits, no parity, 1 stop bit.
const BIT_RATE: u32 = 115_200;
/// How long the device may take no bytes, or not close, in milliseconds.
const SEND_TIMEOUT_MS: u32 = 5_000;

thread_local! {
    /// Resolve when a line that was let go of is closed: until then it cannot be opened again.
    static CLOSING: RefCell<Vec<oneshot::Receiver<()>>> = const { RefCell::new(Vec::new()) };
}

/// An open line with a meter at its other end. Dropping it closes it.
pub struct SerialLink {
    line: Line,
    decoder: Decoder,
    /// Some optical heads send back what they are sent.
    last_sent: Vec<u8>,
    pieces: UnboundedReceiver<Vec<u8>>,
    /// Messages that came in and were not taken yet.
    heard: VecDeque<Vec<u8>>,
}

/// A port with both its streams.
struct Line {
    port: Port,
    reader: Reader,
    writer: Writer,
}

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Port;
    #[wasm_bindgen(method, catch)]
    async fn open(this: &Port, options: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn close(this: &Port) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn readable(this: &Port) -> Readable;
    #[wasm_bindgen(method, getter)]
    fn writable(this: &Port) -> Writable;

    type Readable;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &Readable) -> Result<Reader, JsValue>;
    #[derive(Clone)]
    type Reader;
    #[wasm_bindgen(method, catch)]
    async fn read(this: &Reader) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn cancel(this: &Reader) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = releaseLock)]
    fn release(this: &Reader);

    type Writable;
    #[wasm_bindgen(method, catch, js_name = getWriter)]
    fn writer(this: &Writable) -> Result<Writer, JsValue>;
    #[derive(Clone)]
    type Writer;
    #[wasm_bindgen(method, catch)]
    async fn write(this: &Writer, bytes: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = releaseLock)]
    fn release(this: &Writer);
}

impl SerialLink {
    /// See [`MeterLink::serial`](super::MeterLink::serial).
    pub async fn choose() -> Result<Self, NoAnswer> {
        let serial = navigator().serial().ok_or_else(|| NoAnswer("this browser has no serial lines".into()))?;
        let port: Port = serial.request_port().await.map_err(not_chosen)?.unchecked_into();
        for closing in CLOSING.take() {
            // If it does not close, the browser says below that it is open.
            let _ = within(SEND_TIMEOUT_MS, async { Ok(closing.await) }).await;
        }
        port.open(object(&[("baudRate", BIT_RATE.into())]).into()).await.map_err(refused)?;
        let reader = port.readable().reader().map_err(refused)?;
        let writer = port.writable().writer().map_err(refused)?;
        let (sender, pieces) = unbounded();
        spawn_local(listen(reader.clone(), sender));
        let line = Line { port, reader, writer };
        Ok(Self { line, decoder: Decoder::new(), last_sent: Vec::new(), pieces, heard: VecDeque::new() })
    }

    /// One exchange.
    pub async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        lossy::exchange(self, u64::from_be_bytes(random()?), request).await
    }

    /// Takes bytes that came in; keeps the messages that end in them.
    fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            let message = self.decoder.push(*byte).filter(|message| *message != self.last_sent.as_slice());
            self.heard.extend(message.map(<[u8]>::to_vec));
        }
    }
}

impl Lossy for SerialLink {
    fn now_ms(&self) -> u64 {
        PageTime.now_ms()
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        self.last_sent = message.to_vec();
        let frame: Vec<u8> = encode(message).collect();
        let writing = async { self.line.writer.write(Uint8Array::from(&*frame)).await.map_err(refused) };
        within(SEND_TIMEOUT_MS, writing).await.map(drop)
    }

    async fn receive(&mut self, until_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Ok(Some(message));
            }
            let wait_ms = u32::try_from(until_ms.saturating_sub(self.now_ms())).unwrap_or(u32::MAX);
            match select(self.pieces.next(), TimeoutFuture::new(wait_ms)).await {
                Either::Left((Some(piece), _)) => self.take(&piece),
                Either::Left((None, _)) => return Err(NoAnswer("the line was closed".into())),
                Either::Right(_) => return Ok(None),
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (port, reader, writer) = (self.port.clone(), self.reader.clone(), self.writer.clone());
        let (closed, closing) = oneshot::channel::<()>();
        CLOSING.with_borrow_mut(|lines| lines.push(closing));
        spawn_local(async move {
            let _until_closed = closed;
            // What is unplugged cannot be closed, and need not be.
            let _ = reader.cancel().await;
            reader.release();
            writer.release();
            let _ = port.close().await;
        });
    }
}

/// Hands on what comes in until the line is closed or nobody wants it.
async fn listen(reader: Reader, pieces: UnboundedSender<Vec<u8>>) {
    while let Ok(read) = reader.read().await {
        let value = Reflect::get(&read, &"value".into()).unwrap_or_default();
        let Some(piece) = value.dyn_ref::<Uint8Array>() else { return };
        if pieces.unbounded_send(piece.to_vec()).is_err() {
            return;
        }
    }
}

/// Whether this browser has serial lines.
pub fn is_offered() -> bool {
    navigator().serial().is_some()
}
