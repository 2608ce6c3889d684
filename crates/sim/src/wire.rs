//! The line between phones and the WebSocket of a simulated meter: somebody hears each message, and can break the line.

use crate::line::Side;
use crate::meter::websocket::{MAX_FRAME_BYTES, check};
use coinless_protocol::coap::{WEBSOCKET_PATH, WEBSOCKET_PROTOCOL};
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config, client_async_with_config};

/// Most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 16;
/// How long the opening of a connection may take.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It gets through.
    Pass,
    /// It is lost, and the connection breaks.
    Break,
}

/// Hears the messages of one connection, and says what becomes of each.
pub type Ear = Box<dyn FnMut(Side, &[u8]) -> Passage + Send>;

/// A line. Dropping it breaks it.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    breaks: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Wire {
    /// A line from `listener` to where `to` says that the meter listens now, if it does. Each connection has an ear of its own from
    /// `ears`. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn open(
        listener: std::net::TcpListener,
        to: impl Fn() -> Option<SocketAddr> + Send + Sync + 'static,
        ears: impl Fn() -> Ear + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (address, listener) = (listener.local_addr()?, TcpListener::from_std(listener)?);
        let (breaks, _) = watch::channel(());
        let serving = tokio::spawn(serve(listener, to, ears, breaks.clone()));
        Ok(Self { address, breaks, serving })
    }

    /// The link as a phone takes it.
    pub fn link(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Breaks what is connected now. The next connection finds the line whole.
    pub fn cut(&self) {
        self.breaks.send_replace(());
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
        self.cut();
    }
}

async fn serve(
    listener: TcpListener,
    to: impl Fn() -> Option<SocketAddr>,
    ears: impl Fn() -> Ear,
    breaks: watch::Sender<()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let phone = match listener.accept().await {
            Ok((phone, _)) => phone,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (Ok(place), Some(meter)) = (places.clone().try_acquire_owned(), to()) else { continue };
        let (ear, mut breaks) = (ears(), breaks.subscribe());
        breaks.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                ended = carry(phone, meter, ear) => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                },
                _ = breaks.changed() => {}
            }
            drop(place);
        });
    }
}

/// Carries one connection to its end.
async fn carry(phone: TcpStream, meter: SocketAddr, mut ear: Ear) -> Result<(), Error> {
    phone.set_nodelay(true)?;
    let opening = async {
        let phone = accept_hdr_async_with_config(phone, check, Some(limits())).await?;
        Ok::<_, Error>((phone, connect(&meter.to_string()).await?))
    };
    let timed_out = |_| Error::from(io::Error::from(io::ErrorKind::TimedOut));
    let (mut phone, mut meter) = timeout(OPENING_TIMEOUT, opening).await.map_err(timed_out)??;
    loop {
        let (side, message, out) = tokio::select! {
            message = phone.next() => (Side::Phone, message, &mut meter),
            message = meter.next() => (Side::Other, message, &mut phone),
        };
        let Some(message) = message.transpose()? else { return Ok(()) };
        match message {
            Message::Binary(bytes) => {
                if ear(side, &bytes) == Passage::Break {
                    return Ok(());
                }
                out.send(Message::Binary(bytes)).await?;
            }
            Message::Close(frame) => return out.close(frame).await,
            Message::Text(_) => return Ok(()),
            // Each end of the line sees to its own pings.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Connects to a meter at `place`, `HOST:PORT` (RFC 8323 §4). Nothing is sent yet.
///
/// # Errors
/// When nobody listens there, or no meter.
pub async fn connect(place: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let tcp = TcpStream::connect(place).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{place}{WEBSOCKET_PATH}").into_client_request()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(WEBSOCKET_PROTOCOL));
    client_async_with_config(request, tcp, Some(limits())).await.map(|(stream, _)| stream)
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES))
}
