//! The links at which the process of a simulated meter can be reached: UDP and a serial line.

use super::run::RunError;
use crate::serial::{Line, Pty};
use rustix::fd::OwnedFd;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Which links a meter offers.
#[derive(Debug, Clone, Copy)]
pub struct LinkChoice {
    /// CoAP over UDP at this address; port 0 takes any free one.
    pub listen: Option<SocketAddr>,
    /// CoAP over Slipmux on a new pseudo-terminal.
    pub serial: bool,
}

/// Whoever talks to the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A UDP address.
    Udp(SocketAddr),
    /// Whoever is at the other end of the serial line.
    Serial,
}

/// Longest datagram that is looked at; a longer one is not for a meter.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// The open links.
pub(super) struct Links {
    udp: Option<Udp>,
    serial: Option<Serial>,
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
    /// Opens the links. To be called inside a tokio runtime.
    pub fn open(choice: LinkChoice) -> Result<Self, RunError> {
        let udp = |address| Udp::open(address).map_err(|error| RunError::Listen(address, error));
        let serial = choice.serial.then(|| Serial::open().map_err(RunError::Serial));
        Ok(Self { udp: choice.listen.map(udp).transpose()?, serial: serial.transpose()? })
    }

    /// The links as a phone takes them.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let udp = self.udp.iter().map(|udp| format!("coap://{}", udp.address));
        udp.chain(self.serial.iter().map(|serial| format!("serial:{}", serial.path)))
    }

    /// Waits for the next message on any link. Nothing is lost if this future is dropped.
    pub async fn receive(&mut self) -> (Peer, Vec<u8>) {
        let Self { udp, serial } = self;
        tokio::select! {
            received = Udp::receive(udp) => received,
            received = Serial::receive(serial) => received,
        }
    }

    /// Sends without waiting. What cannot be sent is lost like what gets lost on its way: the peer asks again.
    pub fn send(&self, peer: Peer, bytes: &[u8]) {
        let sent = match (peer, &self.udp, &self.serial) {
            (Peer::Udp(address), Some(udp), _) => udp.outgoing.send_to(bytes, address).map(|_| ()),
            (Peer::Serial, _, Some(serial)) => serial.line.try_send(bytes),
            _ => Err(io::ErrorKind::NotConnected.into()),
        };
        if let Err(error) = sent {
            tracing::warn!(%error, ?peer, "sending failed");
        }
    }
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
