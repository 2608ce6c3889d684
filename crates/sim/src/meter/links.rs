//! The links at which the process of a simulated meter can be reached: UDP, a serial line, a WebSocket,
//! Bluetooth and an NFC tag.

use super::bluez::Bluez;
use super::ndef::Ndef;
use super::reliable::Conversations;
use super::run::RunError;
use super::websocket::WebSocket;
use crate::serial::{Line, Pty};
use coinless_protocol::MeterId;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Which links a meter offers.
#[derive(Debug, Clone)]
pub struct LinkChoice {
    /// CoAP over UDP at this address; port 0 takes any free one.
    pub listen: Option<SocketAddr>,
    /// CoAP over Slipmux on a new pseudo-terminal.
    pub serial: bool,
    /// CoAP over WebSockets at this address; port 0 takes any free one.
    pub ws: Option<SocketAddr>,
    /// CoAP over Bluetooth GATT, as a peripheral of this computer's BlueZ.
    pub bluez: bool,
    /// An NFC tag whose memory is this file.
    pub ndef: Option<PathBuf>,
}

/// Whoever talks to the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A UDP address.
    Udp(SocketAddr),
    /// Whoever is at the other end of the serial line.
    Serial,
    /// A connection to the WebSocket.
    WebSocket(u32),
    /// A device that is connected over Bluetooth.
    Bluetooth(u32),
    /// Whoever taps the tag.
    Tag(u32),
}

/// What the label's URL on a tag begins with: where a station on this computer is, unless told otherwise.
const LABEL_URL: &str = "http://127.0.0.1:8600/m/";
/// Longest datagram that is looked at; a longer one is not for a meter.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// The open links.
pub(super) struct Links {
    udp: Option<Udp>,
    serial: Option<Serial>,
    websocket: Option<WebSocket>,
    bluez: Option<Bluez>,
    ndef: Option<Ndef>,
    /// What the links themselves say to the meter: acknowledgements of answers over links that lose nothing.
    acknowledgements: VecDeque<(Peer, Vec<u8>)>,
}

struct Udp {
    address: SocketAddr,
    incoming: UdpSocket,
    /// The same socket, for sending without waiting.
    outgoing: std::net::UdpSocket,
    buffer: [u8; MAX_DATAGRAM_BYTES],
}

struct Serial {
    path: String,
    line: Line,
    /// Kept open, so that phones can come and go.
    _far: OwnedFd,
}

impl Links {
    /// Opens the links of this meter. To be called inside a tokio runtime.
    pub async fn open(choice: &LinkChoice, meter: MeterId) -> Result<Self, RunError> {
        let udp = |address| Udp::open(address).map_err(|error| RunError::Listen(address, error));
        let serial = choice.serial.then(|| Serial::open().map_err(RunError::Serial));
        let websocket = |address| WebSocket::open(address).map_err(|error| RunError::Listen(address, error));
        let bluez = if choice.bluez { Some(Bluez::open(&meter.to_string()).await?) } else { None };
        let ndef = match &choice.ndef {
            Some(path) => {
                let opened = Ndef::open(path, format!("{LABEL_URL}{}", meter.label())).await;
                Some(opened.map_err(|error| RunError::Tag(path.display().to_string(), error))?)
            }
            None => None,
        };
        Ok(Self {
            udp: choice.listen.map(udp).transpose()?,
            serial: serial.transpose()?,
            websocket: choice.ws.map(websocket).transpose()?,
            bluez,
            ndef,
            acknowledgements: VecDeque::new(),
        })
    }

    /// The links as a phone takes them.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let udp = self.udp.iter().map(|udp| format!("coap://{}", udp.address));
        let serial = self.serial.iter().map(|serial| format!("serial:{}", serial.path));
        let websocket = self.websocket.iter().map(|websocket| format!("ws://{}", websocket.address));
        let bluez = self.bluez.iter().map(|bluez| format!("bluetooth:{}", bluez.name));
        let ndef = self.ndef.iter().map(|ndef| format!("ndef:{}", ndef.path.display()));
        udp.chain(serial).chain(websocket).chain(bluez).chain(ndef)
    }

    /// Waits for the next message on any link. Nothing is lost if this future is dropped.
    pub async fn receive(&mut self) -> (Peer, Vec<u8>) {
        if let Some(acknowledgement) = self.acknowledgements.pop_front() {
            return acknowledgement;
        }
        let Self { udp, serial, websocket, bluez, ndef, .. } = self;
        let websocket = websocket.as_mut().map(|websocket| &mut websocket.conversations);
        let bluez = bluez.as_mut().map(|bluez| &mut bluez.conversations);
        let ndef = ndef.as_mut().map(|ndef| &mut ndef.conversations);
        tokio::select! {
            received = Udp::receive(udp) => received,
            received = Serial::receive(serial) => received,
            received = receive_from(websocket, Peer::WebSocket) => received,
            received = receive_from(bluez, Peer::Bluetooth) => received,
            received = receive_from(ndef, Peer::Tag) => received,
        }
    }

    /// Sends without waiting. What cannot be sent is lost like what gets lost on its way: the peer asks again.
    pub fn send(&mut self, peer: Peer, bytes: &[u8]) {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let Self { udp, serial, websocket, bluez, ndef, .. } = self;
        let sent = match peer {
            Peer::Udp(address) => {
                udp.as_ref().ok_or_else(gone).and_then(|udp| udp.outgoing.send_to(bytes, address)).map(|_| None)
            }
            Peer::Serial => {
                serial.as_ref().ok_or_else(gone).and_then(|serial| serial.line.try_send(bytes)).map(|()| None)
            }
            Peer::WebSocket(number) => {
                websocket.as_mut().ok_or_else(gone).and_then(|link| link.conversations.send(number, bytes))
            }
            Peer::Bluetooth(number) => {
                bluez.as_mut().ok_or_else(gone).and_then(|link| link.conversations.send(number, bytes))
            }
            Peer::Tag(number) => ndef.as_mut().ok_or_else(gone).and_then(|link| link.conversations.send(number, bytes)),
        };
        match sent {
            Ok(acknowledgement) => self.acknowledgements.extend(acknowledgement.map(|bytes| (peer, bytes))),
            Err(error) => tracing::warn!(%error, ?peer, "sending failed"),
        }
    }
}

async fn receive_from(conversations: Option<&mut Conversations>, peer: fn(u32) -> Peer) -> (Peer, Vec<u8>) {
    if let Some(conversations) = conversations
        && let Some((number, datagram)) = conversations.receive().await
    {
        return (peer(number), datagram);
    }
    pending().await
}

impl Udp {
    fn open(listen: SocketAddr) -> io::Result<Self> {
        let outgoing = std::net::UdpSocket::bind(listen)?;
        outgoing.set_nonblocking(true)?;
        let (address, incoming) = (outgoing.local_addr()?, UdpSocket::from_std(outgoing.try_clone()?)?);
        Ok(Self { address, incoming, outgoing, buffer: [0; MAX_DATAGRAM_BYTES] })
    }

    async fn receive(udp: &mut Option<Self>) -> (Peer, Vec<u8>) {
        let Some(Self { incoming, buffer, .. }) = udp else { return pending().await };
        loop {
            match incoming.recv_from(buffer).await {
                Ok((len, peer)) if len < MAX_DATAGRAM_BYTES => {
                    return (Peer::Udp(peer), buffer.get(..len).unwrap_or(&[]).to_vec());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "receiving failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Serial {
    fn open() -> io::Result<Self> {
        let Pty { near, path, far } = Pty::new()?;
        Ok(Self { path, line: Line::new(near)?, _far: far })
    }

    async fn receive(serial: &mut Option<Self>) -> (Peer, Vec<u8>) {
        if let Some(Self { line, .. }) = serial {
            match line.receive().await {
                Ok(message) => return (Peer::Serial, message.to_vec()),
                Err(error) => tracing::error!(%error, "the serial line is lost"),
            }
        }
        *serial = None;
        pending().await
    }
}
