//! What happens to the meter: one event for each code, which never changes its meaning.

use super::{Bench, Cause};
use crate::coap::{datagram, later_ms};
use crate::input::Input;
use coinless_meter::Pressed;
use coinless_protocol::coap::{Kind, MAX_MESSAGE_BYTES, Message};
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Bytes, FineCredit};

/// A pulse from which on sums and prices may overflow, in thousandths.
const HUGE: i64 = 1 << 29;

impl Bench {
    /// The next event of the input; gives what a valve may be opened by.
    pub(super) fn happen(&mut self, input: &mut Input<'_>) -> Cause {
        let code = input.u8() & 0x3f;
        let now_ms = self.now_ms;
        match code {
            0..=3 => self.pulse(input.amount().min(1 << 20) as i64 * 100),
            4 => self.pulse(input.any()),
            5 if self.meter().press_open(now_ms) == Pressed::Opened => return Cause::Press,
            5 => {}
            6 => self.meter().raise_cause(now_ms, shut_cause(input)),
            7 => drop(self.meter().clear_cause(now_ms, shut_cause(input))),
            8 => drop(self.meter().clear_valve_failed(now_ms)),
            9 | 10 => self.wait(later_ms(input)),
            11 => self.restart(None),
            12 => self.meter().flash().cut_after(input.number().into()),
            13 => {
                let (peer, bytes) = (input.u8() & 1, datagram(input));
                self.deliver(peer, &bytes);
                return Cause::Token;
            }
            14 => self.request(input),
            15 => self.reply(input),
            18 => {
                let bytes = input.long_bytes();
                self.token(bytes);
                return Cause::Token;
            }
            19..=22 => {
                let old = self.tokens.get(usize::from(input.u8())).cloned();
                old.iter().for_each(|old| self.token(old));
                return Cause::Token;
            }
            28 => self.restart(Some(input.amount())),
            32.. => {
                let token = self.station.token(input, &self.setting.meter_hash);
                self.tokens.push(token.clone());
                if code & 1 == 0 {
                    self.token(&token)
                } else {
                    self.post(input, &token)
                }
                return Cause::Token;
            }
            _ => self.touch(code, input),
        }
        Cause::Other
    }

    /// What the port calls directly.
    fn touch(&mut self, code: u8, input: &mut Input<'_>) {
        let now_ms = self.now_ms;
        match code {
            16 => drop(self.meter().identity(now_ms).map(|identity| assert!(!identity.is_empty()))),
            17 => {
                let receipt = self.meter().receipt(now_ms).map(<[u8]>::to_vec);
                receipt.iter().for_each(|receipt| self.statement(receipt));
            }
            23 => {
                let mut report = Bytes::new();
                if self.meter().report(now_ms, &mut report).is_ok() {
                    self.statement(&report);
                }
            }
            24 => {
                let challenge = self.meter().challenge(now_ms);
                challenge.iter().for_each(|challenge| self.challenged(challenge));
            }
            25 => {
                let how = input.u8();
                let sensor = Sensor::ALL[usize::from(how & 0x7f) % Sensor::ALL.len()];
                self.meter().sensor(now_ms, sensor, how & 0x80 == 0);
            }
            26 => {
                let power_w = input.number();
                self.meter().load(now_ms, power_w);
            }
            27 => drop(self.meter().take_emergency(now_ms)),
            // Not used yet: an input keeps its meaning when they are.
            _ => {}
        }
    }

    fn pulse(&mut self, fine: i64) {
        self.overflown |= fine >= HUGE;
        self.seen.pulsed(fine);
        let now_ms = self.now_ms;
        self.meter().consume(now_ms, FineCredit(fine));
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms = self.now_ms.saturating_add(ms);
        let (server, sent, now_ms) = (&mut self.server, &mut self.sent, self.now_ms);
        server.poll(now_ms, &mut |peer, bytes| sent.push((peer, bytes.to_vec())));
        // At the end of time everything is due for ever.
        assert!(server.next_due_ms().is_none_or(|due| due > now_ms || now_ms == u64::MAX));
        self.meter().tick(now_ms);
    }

    fn token(&mut self, bytes: &[u8]) {
        let now_ms = self.now_ms;
        let answer = self.meter().token(now_ms, bytes).map(|answer| answer.receipt.to_vec());
        answer.iter().for_each(|receipt| self.statement(receipt));
    }

    /// A token over CoAP, in a message that may have been sent before.
    fn post(&mut self, input: &mut Input<'_>, token: &[u8]) {
        let how = input.u8();
        self.message_id = self.message_id.wrapping_add(u16::from(how & 3 != 3));
        let [high, low] = self.message_id.to_be_bytes();
        let kind = if how & 4 == 0 { 0x40 } else { 0x50 };
        let mut bytes = vec![kind, 2, high, low, 0xb5];
        bytes.extend(b"token\x11\x12\xff");
        bytes.extend(token);
        self.deliver(how >> 3 & 1, &bytes);
    }

    fn request(&mut self, input: &mut Input<'_>) {
        const PATHS: [&[u8]; 8] = [
            b"\xb5meter",
            b"\xb7receipt",
            b"\xb6report",
            b"\xb9challenge",
            b"\xbb.well-known\x04core",
            b"\xb5token",
            b"\xb6ticket",
            b"\xb5meter\x05extra",
        ];
        let how = input.u8();
        self.message_id = self.message_id.wrapping_add(u16::from(how & 0x40 == 0));
        let [high, low] = self.message_id.to_be_bytes();
        let mut bytes = vec![0x40 | how & 0x10, 1 + (how >> 5 & 1), high, low];
        bytes.extend(PATHS[usize::from(how & 7)]);
        if how & 8 != 0 {
            // ?c=<16 hexadecimal digits>, 18 bytes.
            bytes.extend(b"\x4d\x05c=");
            bytes.extend(format!("{:016x}", input.any::<u64>()).bytes());
        }
        if how & 0x80 != 0 {
            bytes.extend(input.bytes());
        }
        self.deliver(how >> 4 & 1, &bytes);
    }

    /// An acknowledgement or a reset for something that was sent.
    fn reply(&mut self, input: &mut Input<'_>) {
        let how = input.u8();
        let Some((peer, bytes)) = self.sent.iter().rev().nth(usize::from(how & 7)).cloned() else { return };
        let kind = if how & 8 == 0 { 0x60 } else { 0x70 };
        let reply = [kind, 0, bytes[2], bytes[3]];
        self.deliver(peer, &reply);
    }

    fn deliver(&mut self, peer: u8, datagram: &[u8]) {
        let (meter, sent) = (self.meter.as_mut().expect("started"), &mut self.sent);
        let before = sent.len();
        let jitter = self.message_id.to_be_bytes()[1];
        self.server.handle(meter, self.now_ms, jitter, peer, datagram, &mut |peer, bytes| {
            sent.push((peer, bytes.to_vec()));
        });
        for (_, bytes) in self.sent.split_off(before) {
            assert!(bytes.len() <= MAX_MESSAGE_BYTES);
            let message = Message::parse(&bytes).expect("a meter sends messages");
            assert!(message.kind != Kind::Rst || message.payload.is_empty());
            match message.payload.try_into() {
                Ok(challenge) => self.challenged(challenge),
                Err(_) => self.statement(message.payload),
            }
            self.sent.push((peer, bytes));
        }
    }

    fn challenged(&mut self, challenge: &[u8; 8]) {
        self.station.challenge = *challenge;
    }
}

fn shut_cause(input: &mut Input<'_>) -> ShutCause {
    ShutCause::ALL[usize::from(input.u8() & 7)]
}
