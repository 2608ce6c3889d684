//! A simulated meter's WebSocket endpoint: CoAP over WebSockets (RFC 8323 §4), so that a browser can talk to it.
//!
//! Pages of any origin may: a link is trusted with nothing, whoever talks to a meter.

use super::reliable::{Conversations, Event, Outgoing, QUEUE};
use coinless_protocol::coap::{Framing, WEBSOCKET_PATH, WEBSOCKET_PROTOCOL};
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// Most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 32;
/// Longest message that is looked at: what a peer may send that has not read our CSM (RFC 8323 §5.3.1).
pub(crate) const MAX_FRAME_BYTES: usize = 1152;
/// How long the opening handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may take no bytes, or not answer that the connection is closed.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// An open endpoint.
pub(super) struct WebSocket {
    pub address: SocketAddr,
    pub conversations: Conversations,
}

impl WebSocket {
    /// Listens. To be called inside a tokio runtime.
    pub fn open(listen: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let (address, listener) = (listener.local_addr()?, TcpListener::from_std(listener)?);
        let (conversations, events) = Conversations::new(Framing::WebSocket);
        tokio::spawn(accept(listener, events));
        Ok(Self { address, conversations })
    }
}

async fn accept(listener: TcpListener, events: Sender<Event>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut peer = 0_u32;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        peer = peer.wrapping_add(1);
        let events = events.clone();
        tokio::spawn(async move {
            if let Err(error) = talk(stream, peer, &events).await {
                tracing::debug!(%error, "a connection ended");
            }
            // The meter is gone if nobody hears it.
            let _ = events.send(Event::Closed(peer)).await;
            drop(place);
        });
    }
}

/// One connection to its end.
async fn talk(stream: TcpStream, peer: u32, events: &Sender<Event>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
    let opening = accept_hdr_async_with_config(stream, check, Some(limits));
    let mut stream = within(HANDSHAKE_TIMEOUT, opening).await?;
    let (sender, mut outgoing) = channel(QUEUE);
    if events.send(Event::Opened(peer, sender)).await.is_err() {
        return Ok(());
    }
    converse(&mut stream, peer, events, &mut outgoing).await?;
    // Until the peer has closed its end too, what it sends is thrown away: else it may not get to read what was sent last.
    within(SEND_TIMEOUT, async {
        stream.close(None).await?;
        while stream.next().await.transpose()?.is_some() {}
        Ok(())
    })
    .await
}

/// Messages in both directions, until an end closes the connection.
async fn converse(
    stream: &mut WebSocketStream<TcpStream>,
    peer: u32,
    events: &Sender<Event>,
    outgoing: &mut Receiver<Outgoing>,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            message = stream.next() => match message.transpose()? {
                Some(Message::Binary(bytes)) => {
                    if events.send(Event::Message(peer, bytes.to_vec())).await.is_err() {
                        return Ok(());
                    }
                }
                // Only binary frames hold messages (RFC 8323 §4.2); the stream itself sees to pings.
                None | Some(Message::Text(_) | Message::Close(_)) => return Ok(()),
                Some(_) => {}
            },
            message = outgoing.recv() => match message {
                Some(Outgoing::Message(bytes)) => within(SEND_TIMEOUT, stream.send(Message::binary(bytes))).await?,
                None | Some(Outgoing::Close) => return Ok(()),
            },
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

/// Whether the opening handshake asks for what is here.
#[expect(clippy::result_large_err, reason = "the library says what it takes")]
pub(crate) fn check(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let refuse = |status, says: &str| {
        let mut answer = ErrorResponse::new(Some(says.to_owned()));
        *answer.status_mut() = status;
        Err(answer)
    };
    if request.uri().path() != WEBSOCKET_PATH {
        return refuse(StatusCode::NOT_FOUND, "the meter is at /.well-known/coap");
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|names| names.split(',')).any(|name| name.trim() == WEBSOCKET_PROTOCOL) {
        return refuse(StatusCode::BAD_REQUEST, "the subprotocol is coap");
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(WEBSOCKET_PROTOCOL));
    Ok(response)
}
