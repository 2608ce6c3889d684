//! The link between a phone and the meter at hand: the protocol's CoAP client over datagrams.

use super::hub::{Event, LinkEnd};
use super::io::Handset;
use coinless_phone::io::{Link, NoAnswer, Time};
use coinless_protocol::coap::{self, Client, ClientEvent, Method, Response};
use std::collections::VecDeque;

/// Most copies of tokens and of receipts that somebody keeps.
const MAX_COPIES: usize = 64;

/// A link to the meter at hand.
pub(super) struct Radio {
    handset: Handset,
    meter: usize,
    link: u32,
}

impl Radio {
    /// Comes close to a meter.
    pub fn new(handset: &Handset, meter: usize) -> Self {
        let hub = &mut *handset.hub.borrow_mut();
        let link = hub.random.u32(..);
        hub.links.insert(link, LinkEnd { phone: handset.phone, inbox: VecDeque::new() });
        Self { handset: handset.clone(), meter, link }
    }

    fn send(&self, bytes: &[u8]) {
        let (meter, link) = (self.meter, self.link);
        self.handset.hub.borrow_mut().transmit(|| Event::ToMeter { meter, link, bytes: bytes.to_vec() });
    }

    fn keep_copies(&self, request: &coap::Request<'_>, response: &Response) {
        let hub = &mut *self.handset.hub.borrow_mut();
        if request.method != Method::Post || response.code.class() != 2 {
            return;
        }
        let place = hub.random.usize(0..MAX_COPIES);
        for (copies, bytes) in
            [(&mut hub.copies.tokens, request.payload), (&mut hub.copies.receipts, response.payload.as_slice())]
        {
            match copies.get_mut(place) {
                Some(copy) => *copy = bytes.to_vec(),
                None => copies.push(bytes.to_vec()),
            }
        }
    }
}

impl Link for Radio {
    async fn exchange(&mut self, request: &coap::Request<'_>) -> Result<Response, NoAnswer> {
        self.handset.may_die().await;
        let (now_ms, random) = {
            let hub = &mut *self.handset.hub.borrow_mut();
            (hub.now_ms, hub.random.u64(..))
        };
        let client = Client::start(now_ms, random, request);
        let mut client = client.map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        self.send(client.first_datagram());
        let link = self.link;
        loop {
            let received = self.handset.wait(client.next_due_ms(), |hub| hub.links.get_mut(&link)?.inbox.pop_front());
            let received = received.await;
            let now_ms = self.handset.now_ms();
            let event = match received {
                Some(datagram) => client.receive(now_ms, &datagram),
                None => client.poll(now_ms),
            };
            match event {
                ClientEvent::Nothing => {}
                ClientEvent::Send(datagram) => self.send(&datagram),
                ClientEvent::Response(response, acknowledgement) => {
                    if let Some(datagram) = acknowledgement {
                        self.send(&datagram);
                    }
                    self.keep_copies(request, &response);
                    self.handset.may_die().await;
                    return Ok(response);
                }
                ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".to_owned())),
                ClientEvent::NoAnswer => {
                    self.handset.hub.borrow_mut().stats.count("exchanges without an answer");
                    return Err(NoAnswer("it was silent".to_owned()));
                }
            }
        }
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        if let Ok(mut hub) = self.handset.hub.try_borrow_mut() {
            hub.links.remove(&self.link);
        }
    }
}
