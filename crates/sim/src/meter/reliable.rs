//! Conversations over links that lose nothing, in front of a meter: what the tasks of a link and the meter's loop share.

use coinless_protocol::coap::{Framing, ReliableServer, ServerEvent};
use std::collections::HashMap;
use std::io;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Messages that wait for the meter, or for one peer. A peer that does not take its answers loses its connection.
pub(super) const QUEUE: usize = 16;

/// What a link's tasks say of a connection, which they number.
pub(super) enum Event {
    /// There is a peer, who takes messages here.
    Opened(u32, Sender<Outgoing>),
    /// A message of a peer.
    Message(u32, Vec<u8>),
    /// The peer is gone.
    Closed(u32),
}

/// What a connection's task is to do.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Send a message.
    Message(Vec<u8>),
    /// Close the connection.
    Close,
}

/// All conversations of a link.
pub(super) struct Conversations {
    framing: Framing,
    events: Receiver<Event>,
    open: HashMap<u32, Conversation>,
}

struct Conversation {
    server: ReliableServer,
    outgoing: Sender<Outgoing>,
}

impl Conversations {
    /// None yet; the link's tasks say at the sender what happens.
    pub fn new(framing: Framing) -> (Self, Sender<Event>) {
        let (sender, events) = channel(QUEUE);
        (Self { framing, events, open: HashMap::new() }, sender)
    }

    /// Waits for the next datagram for the meter, and whose it is; none if the link has come to its end. Nothing is lost if
    /// this future is dropped.
    pub async fn receive(&mut self) -> Option<(u32, Vec<u8>)> {
        loop {
            match self.events.recv().await? {
                Event::Opened(peer, outgoing) => {
                    let conversation = Conversation { server: ReliableServer::new(self.framing, random()), outgoing };
                    conversation.send(self.framing.opening());
                    self.open.insert(peer, conversation);
                }
                Event::Closed(peer) => drop(self.open.remove(&peer)),
                Event::Message(peer, message) => {
                    if let Some(datagram) = self.message(peer, &message) {
                        return Some((peer, datagram));
                    }
                }
            }
        }
    }

    fn message(&mut self, peer: u32, message: &[u8]) -> Option<Vec<u8>> {
        let conversation = self.open.get_mut(&peer)?;
        match conversation.server.receive(message) {
            ServerEvent::Nothing => {}
            ServerEvent::Send(bytes) => conversation.send(&bytes),
            ServerEvent::Request(datagram) => return Some(datagram.to_vec()),
            // The meter answers before it takes the next message, so all answers are in the queue.
            ServerEvent::Release | ServerEvent::Aborted(None) => conversation.close(),
            ServerEvent::Aborted(Some(bytes)) => {
                conversation.send(&bytes);
                conversation.close();
            }
        }
        None
    }

    /// Takes a datagram of the meter for a peer; gives one for the meter, if there is one.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn send(&mut self, peer: u32, datagram: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let conversation = self.open.get_mut(&peer).ok_or(io::ErrorKind::NotConnected)?;
        let passed = conversation.server.pass(datagram);
        if let Some(message) = passed.to_peer {
            conversation.send(&message);
        }
        Ok(passed.to_server.map(|bytes| bytes.to_vec()))
    }
}

impl Conversation {
    fn send(&self, message: &[u8]) {
        if !message.is_empty() && self.outgoing.try_send(Outgoing::Message(message.to_vec())).is_err() {
            tracing::warn!("a peer does not take its messages");
        }
    }

    fn close(&self) {
        // A queue that is full, or whose task is gone, is closed by the task.
        let _ = self.outgoing.try_send(Outgoing::Close);
    }
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without random numbers two connections may begin alike; their tokens differ.
    let _ = getrandom::fill(&mut bytes);
    u16::from_le_bytes(bytes)
}
