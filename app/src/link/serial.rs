//! A meter on a serial line of this computer: CoAP over Slipmux (`docs/protocol.md`).

use super::{fill_random, navigator, not_chosen, object, refused, within};
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{Client, ClientEvent, Request, Response};
use coinless_protocol::slipmux::{Decoder, encode};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Bits a second; always 8 data bits, no parity, 1 stop bit.
const BIT_RATE: u32 = 115_200;
/// How long the device may take no bytes, in milliseconds.
const SEND_TIMEOUT_MS: u32 = 5_000;

/// An open line with a meter at its other end. Dropping it closes it.
pub struct SerialLink {
    line: Line,
    decoder: Decoder,
    /// Some optical heads send back what they are sent.
    last_sent: Vec<u8>,
    pieces: UnboundedReceiver<Vec<u8>>,
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

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now() -> f64;
}

impl SerialLink {
    /// See [`MeterLink::serial`](super::MeterLink::serial).
    pub async fn choose() -> Result<Self, NoAnswer> {
        let serial = navigator().serial().ok_or_else(|| NoAnswer("this browser has no serial lines".into()))?;
        let port: Port = serial.request_port().await.map_err(not_chosen)?.unchecked_into();
        port.open(object(&[("baudRate", BIT_RATE.into())])).await.map_err(refused)?;
        let reader = port.readable().reader().map_err(refused)?;
        let writer = port.writable().writer().map_err(refused)?;
        let (sender, pieces) = unbounded();
        spawn_local(listen(reader.clone(), sender));
        let line = Line { port, reader, writer };
        Ok(Self { line, decoder: Decoder::new(), last_sent: Vec::new(), pieces })
    }

    /// One exchange.
    pub async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let mut random = [0; 8];
        fill_random(&mut random);
        let mut client = Client::start(now_ms(), u64::from_be_bytes(random), request)
            .map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        self.send(client.first_datagram()).await?;
        loop {
            let wait_ms = u32::try_from(client.next_due_ms().saturating_sub(now_ms())).unwrap_or(u32::MAX);
            let events = match select(self.pieces.next(), TimeoutFuture::new(wait_ms)).await {
                Either::Left((Some(piece), _)) => self.messages(&piece, &mut client),
                Either::Left((None, _)) => return Err(NoAnswer("the line was closed".into())),
                Either::Right(_) => vec![client.poll(now_ms())],
            };
            for event in events {
                match event {
                    ClientEvent::Nothing => {}
                    ClientEvent::Send(message) => self.send(&message).await?,
                    ClientEvent::Response(response, acknowledgement) => {
                        if let Some(message) = acknowledgement {
                            // The response is here; if the meter does not hear so, it only sends it again.
                            let _ = self.send(&message).await;
                        }
                        return Ok(response);
                    }
                    ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".into())),
                    ClientEvent::NoAnswer => {
                        return Err(NoAnswer("it was silent although asked several times".into()));
                    }
                }
            }
        }
    }

    fn messages(&mut self, piece: &[u8], client: &mut Client) -> Vec<ClientEvent> {
        let Self { decoder, last_sent, .. } = self;
        let whole =
            |byte: &u8| decoder.push(*byte).filter(|message| *message != last_sent.as_slice()).map(<[u8]>::to_vec);
        let messages: Vec<_> = piece.iter().filter_map(whole).collect();
        messages.iter().map(|message| client.receive(now_ms(), message)).collect()
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        self.last_sent = message.to_vec();
        let frame: Vec<u8> = encode(message).collect();
        let writing = async { self.line.writer.write(Uint8Array::from(&*frame)).await.map_err(refused) };
        within(SEND_TIMEOUT_MS, writing).await.map(drop)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (port, reader, writer) = (self.port.clone(), self.reader.clone(), self.writer.clone());
        spawn_local(async move {
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

fn now_ms() -> u64 {
    now() as u64
}

/// Whether this browser has serial lines.
pub fn is_offered() -> bool {
    navigator().serial().is_some()
}
