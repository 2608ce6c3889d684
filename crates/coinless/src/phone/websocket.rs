//! A meter at a WebSocket: CoAP over WebSockets (RFC 8323 §4).

use super::link::random;
use crate::output::Failure;
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{Framing, ReliableClient, ReliableEvent, Request, Response, SEPARATE_TIMEOUT_MS};
use coinless_sim::wire;
use futures_util::{SinkExt, StreamExt};
use std::fmt::Display;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long the connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a meter may take for its answer: signatures on a small one take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(SEPARATE_TIMEOUT_MS);

/// A WebSocket with a meter at its other end, connected when it is first needed.
pub struct WebSocket {
    /// `HOST:PORT`.
    place: String,
    stream: Option<WebSocketStream<TcpStream>>,
}

impl WebSocket {
    /// The link `ws://HOST:PORT`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if it is none.
    pub fn new(link: &str) -> Result<Self, Failure> {
        let place = link.strip_prefix("ws://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let lawful = |place: &&str| {
            let port =
                place.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
            port.is_some() && !place.contains(['/', '?', '#', '@'])
        };
        let place =
            place.filter(lawful).ok_or_else(|| Failure::new(format!("{link} is not a link: write ws://HOST:PORT")))?;
        Ok(Self { place: place.to_owned(), stream: None })
    }

    /// One exchange. A connection that breaks is made anew by the next one.
    ///
    /// # Errors
    /// [`NoAnswer`] if there is no connection, it breaks, or no answer comes in time.
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let token = random().map_err(no_answer)?;
        let (client, message) = ReliableClient::start(Framing::WebSocket, token, request)
            .map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => within(CONNECT_TIMEOUT, self.connect()).await?,
        };
        let (response, released) = within(ANSWER_TIMEOUT, exchange(&mut stream, client, message.to_vec())).await?;
        if !released {
            self.stream = Some(stream);
        }
        Ok(response)
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, NoAnswer> {
        let mut stream = wire::connect(&self.place).await.map_err(|error| match error {
            Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                NoAnswer("nobody listens there".into())
            }
            _ => no_answer(error),
        })?;
        send(&mut stream, Framing::WebSocket.opening().to_vec()).await?;
        Ok(stream)
    }
}

/// Gives the response, and whether the meter wants the connection to be closed.
async fn exchange(
    stream: &mut WebSocketStream<TcpStream>,
    mut client: ReliableClient,
    message: Vec<u8>,
) -> Result<(Response, bool), NoAnswer> {
    send(stream, message).await?;
    loop {
        let bytes = match stream.next().await.transpose().map_err(no_answer)? {
            Some(Message::Binary(bytes)) => bytes,
            None | Some(Message::Text(_) | Message::Close(_)) => return Err(closed()),
            Some(_) => continue,
        };
        match client.receive(&bytes) {
            ReliableEvent::Nothing => {}
            ReliableEvent::Send(bytes) => send(stream, bytes.to_vec()).await?,
            ReliableEvent::Response(response) => return Ok((response, client.is_released())),
            ReliableEvent::Aborted(None) => return Err(closed()),
            ReliableEvent::Aborted(Some(bytes)) => {
                send(stream, bytes.to_vec()).await?;
                return Err(NoAnswer("what it says is no CoAP".into()));
            }
        }
    }
}

async fn send(stream: &mut WebSocketStream<TcpStream>, message: Vec<u8>) -> Result<(), NoAnswer> {
    stream.send(Message::binary(message)).await.map_err(no_answer)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, NoAnswer> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(NoAnswer(format!("it was silent for {} s", limit.as_secs()))))
}

fn closed() -> NoAnswer {
    NoAnswer("it closed the connection".into())
}

fn no_answer(error: impl Display) -> NoAnswer {
    NoAnswer(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (link, place) in [("ws://127.0.0.1:7101", "127.0.0.1:7101"), ("ws://[::1]:7/", "[::1]:7")] {
            assert_eq!(WebSocket::new(link).ok().map(|link| link.place).as_deref(), Some(place));
        }
        for bad in
            ["ws://", "ws://:7101", "ws://127.0.0.1", "ws://127.0.0.1:7101/meter", "wss://127.0.0.1:7101", "ws://a@b:1"]
        {
            assert!(WebSocket::new(bad).is_err(), "{bad}");
        }
    }
}
