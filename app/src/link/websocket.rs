//! A meter at a WebSocket (RFC 8323 §4).

use super::{ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS, refused, within};
use crate::browser::random;
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{
    Framing, ReliableClient, ReliableEvent, Request, Response, WEBSOCKET_PATH, WEBSOCKET_PROTOCOL,
};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// Longest message that is taken, as without a CSM (RFC 8323 §5.3.1).
const MAX_FRAME_BYTES: u32 = 1152;

/// A WebSocket with a meter at its other end, opened when it is first needed and again after it broke.
pub struct WebSocketLink {
    url: String,
    connection: Option<Connection>,
}

/// What the browser says of a connection.
enum Heard {
    Open,
    Message(Vec<u8>),
    /// It is closed, could not be opened, or brought what is no CoAP.
    Closed,
}

/// A connection. Dropping it closes it.
struct Connection {
    socket: WebSocket,
    heard: UnboundedReceiver<Heard>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_event: [Closure<dyn FnMut(Event)>; 2],
}

impl WebSocketLink {
    /// See [`MeterLink::websocket`](super::MeterLink::websocket).
    pub fn new(url: &str) -> Result<Self, NoAnswer> {
        let place = url.strip_prefix("ws://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let place = place.filter(|place| !place.is_empty() && !place.contains(['/', '?', '#', '@']));
        let place = place.ok_or_else(|| NoAnswer(format!("{url} is not a link: it looks like ws://HOST:PORT")))?;
        Ok(Self { url: format!("ws://{place}{WEBSOCKET_PATH}"), connection: None })
    }

    /// One exchange.
    pub async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let (mut client, message) = ReliableClient::start(Framing::WebSocket, random()?, request)
            .map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        // One that was closed meanwhile is told from one that breaks now: then nothing of the request is under way.
        let open = self.connection.take().filter(|connection| connection.socket.ready_state() == WebSocket::OPEN);
        let mut connection = match open {
            Some(connection) => connection,
            None => within(CONNECT_TIMEOUT_MS, Connection::open(&self.url)).await?,
        };
        connection.send(&message)?;
        let response = within(ANSWER_TIMEOUT_MS, connection.response(&mut client)).await?;
        if !client.is_released() {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

impl Connection {
    async fn open(url: &str) -> Result<Self, NoAnswer> {
        let socket = WebSocket::new_with_str(url, WEBSOCKET_PROTOCOL).map_err(refused)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (sender, heard) = unbounded();
        let on_message = {
            let sender = sender.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| tell(&sender, message(&event)))
        };
        let on_open = says(&sender, || Heard::Open);
        let on_close = says(&sender, || Heard::Closed);
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        let mut this = Self { socket, heard, _on_message: on_message, _on_event: [on_open, on_close] };
        match this.heard.next().await {
            Some(Heard::Open) => this.send(Framing::WebSocket.opening()).map(|()| this),
            _ => Err(NoAnswer("nobody listens there".into())),
        }
    }

    fn send(&self, message: &[u8]) -> Result<(), NoAnswer> {
        self.socket.send_with_u8_array(message).map_err(refused)
    }

    async fn response(&mut self, client: &mut ReliableClient) -> Result<Response, NoAnswer> {
        while let Some(Heard::Message(message)) = self.heard.next().await {
            match client.receive(&message) {
                ReliableEvent::Nothing => {}
                ReliableEvent::Send(bytes) => self.send(&bytes)?,
                ReliableEvent::Response(response) => return Ok(response),
                ReliableEvent::Aborted(None) => break,
                ReliableEvent::Aborted(Some(bytes)) => {
                    self.send(&bytes)?;
                    return Err(NoAnswer("what it says is no CoAP".into()));
                }
            }
        }
        Err(NoAnswer("the connection was closed".into()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        // It may be closed already.
        let _ = self.socket.close();
    }
}

fn says(sender: &UnboundedSender<Heard>, heard: fn() -> Heard) -> Closure<dyn FnMut(Event)> {
    let sender = sender.clone();
    Closure::new(move |_| tell(&sender, heard()))
}

fn tell(sender: &UnboundedSender<Heard>, heard: Heard) {
    // Nobody listens once the connection is dropped.
    let _ = sender.unbounded_send(heard);
}

/// Only binary frames of a bounded length hold messages (RFC 8323 §4.2).
fn message(event: &MessageEvent) -> Heard {
    match event.data().dyn_into::<ArrayBuffer>() {
        Ok(bytes) if bytes.byte_length() <= MAX_FRAME_BYTES => Heard::Message(Uint8Array::new(&bytes).to_vec()),
        _ => Heard::Closed,
    }
}
