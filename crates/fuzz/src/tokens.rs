//! Tokens as a fuzzer makes them: any fields in deterministic CBOR (docs/protocol.cddl), signed by somebody.

use crate::contents::content;
use crate::input::Input;
use coinless_protocol::Challenge;
use coinless_protocol::cose::{Label, sign};
use coinless_protocol::keys::{KeyHash, KeyPair};
use minicbor::Encoder;
use std::cell::RefCell;
use std::collections::HashMap;

type Out<'a> = Encoder<&'a mut Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// The keys that take part, each the pair of 32 equal bytes.
pub(crate) const METER: u8 = 1;
pub(crate) const ISSUER: u8 = 2;
pub(crate) const STATION: u8 = 3;
pub(crate) const ROOT: u8 = 4;

pub(crate) const METER_ID: &str = "CLS0000000017";

/// The bits of fields in a mask.
const CREDIT: u16 = 1 << 4;
const KEYS: u16 = 1 << 12;

/// The pair of 32 bytes `byte`.
pub(crate) fn pair(byte: u8) -> KeyPair {
    KeyPair::from_secret(&[byte; 32]).expect("a key")
}

/// Where the station that signs stands.
#[derive(Debug, Default)]
pub(crate) struct Station {
    number: u32,
    total: u64,
    epoch: u16,
    /// The meter's last challenge for a clock that may go back.
    pub(crate) challenge: Challenge,
}

impl Station {
    /// The next token that the input asks for. Most are as a station makes them.
    pub(crate) fn token(&mut self, input: &mut Input<'_>, meter: &KeyHash) -> Vec<u8> {
        let how = input.u8();
        let (payload, mask) = match how {
            0 => (input.bytes().to_vec(), 0),
            _ => self.payload(input, meter, how),
        };
        let usual = if mask == KEYS { ROOT } else { ISSUER };
        let (signer, label, hash) = match input.u8() {
            0..200 => (usual, Label::Token, *meter),
            known @ 200..232 => (1 + (known & 7), Label::Token, *meter),
            232..250 => (METER, Label::Receipt, *meter),
            250..253 => (usual, Label::Identity, *meter),
            _ => (usual, Label::Token, KeyHash([0; 32])),
        };
        let mut bytes = signed(payload, label, hash, signer);
        if input.u8() >= 240
            && let at = usize::from(input.u8())
            && let Some(byte) = bytes.get_mut(at)
        {
            *byte ^= input.u8();
        }
        bytes
    }

    /// A payload and its fields, one bit for each key. The low bits of `how` say which fields it has.
    fn payload(&mut self, input: &mut Input<'_>, meter: &KeyHash, how: u8) -> (Vec<u8>, u16) {
        let mask = match how & 7 {
            0..=2 => CREDIT,
            3 => 1 << (8 + (input.u8() & 3)),
            4 => KEYS,
            5 => CREDIT | 1 << (8 + (input.u8() & 3)),
            6 => 1 << 7,
            _ => input.any::<u16>() & 0x3ff0,
        };
        let mut payload = Vec::new();
        let mut out = Encoder::new(&mut payload);
        let written = self.write(&mut out, input, meter, how >> 3, mask);
        written.expect("every field fits");
        if how >= 0xf8
            && let at = usize::from(input.u8())
            && let Some(byte) = payload.get_mut(at)
        {
            *byte ^= input.u8();
        }
        (payload, mask)
    }

    fn write(&mut self, out: &mut Out<'_>, input: &mut Input<'_>, meter: &KeyHash, how: u8, mask: u16) -> Written {
        let version = if how == 30 { input.number() } else { 1 };
        let id = if how == 29 { "CLS0000000018" } else { METER_ID };
        let hint = if how == 28 { [0; 4] } else { meter.hint().0 };
        match how {
            27 => self.epoch = input.number() as u16,
            24..=26 => self.epoch = self.epoch.saturating_add(1),
            _ => {}
        }
        out.map(4 + u64::from(mask.count_ones()))?;
        out.u8(0)?.u32(version)?.u8(1)?.str(id)?.u8(2)?.bytes(&hint)?.u8(3)?.u16(self.epoch)?;
        for key in (4..14).filter(|key| mask & 1 << key != 0) {
            out.u8(key)?;
            self.field(out, input, key)?;
        }
        Ok(())
    }

    fn field(&mut self, out: &mut Out<'_>, input: &mut Input<'_>, key: u8) -> Written {
        match key {
            4 => {
                self.next(input);
                out.array(2)?.u32(self.number)?.u64(self.total)?;
            }
            5 => {
                out.array(2)?.u32(input.number())?.u32(input.number())?;
            }
            6 => {
                let needs = [1, 2, 3].map(|key| (key, input.number()));
                let needs: Vec<(u8, u32)> = needs.into_iter().filter(|(_, number)| *number != 0).collect();
                out.map(needs.len() as u64)?;
                for (key, number) in needs {
                    out.u8(key)?.u32(number)?;
                }
            }
            7 => {
                out.bytes(&input.any::<[u8; 8]>())?;
            }
            8 | 9 => {
                let content = content(input, key);
                out.array(2)?.u32(input.number())?.bytes(&content)?;
            }
            10 => {
                out.array(2)?.u32(input.number())?.u32(u32::from(input.u8() & 3))?;
            }
            11 => {
                let unix_s = input.amount();
                match input.u8() {
                    0..128 => out.u64(unix_s)?,
                    128..240 => out.array(2)?.u64(unix_s)?.bytes(&self.challenge)?,
                    _ => out.array(2)?.u64(unix_s)?.bytes(&input.any::<Challenge>())?,
                };
            }
            12 => {
                let content = keys(input);
                out.array(2)?.u32(input.number())?.bytes(&content)?;
            }
            _ => {
                out.bool(input.u8() & 1 == 0)?;
            }
        }
        Ok(())
    }

    /// Where the credit register goes: mostly a little forward.
    fn next(&mut self, input: &mut Input<'_>) {
        (self.number, self.total) = match input.u8() {
            0..160 => (self.number.saturating_add(1), self.total.saturating_add(input.amount())),
            160..192 => (self.number.saturating_add(input.number()), self.total.saturating_add(input.amount())),
            192..224 => (self.number.saturating_add(1), self.total.saturating_sub(input.amount())),
            224..248 => (self.number.saturating_sub(input.number()), self.total),
            _ => (input.number(), input.amount()),
        };
    }
}

/// The content of the keys register: up to three keys, one after the other.
fn keys(input: &mut Input<'_>) -> Vec<u8> {
    let count = usize::from(input.u8() & 3);
    let keys = input.take(count).to_vec();
    let mut content = vec![0x80 | keys.len() as u8];
    for key in keys {
        content.extend([0x58, 33]);
        content.extend(compressed(key));
    }
    content
}

/// The SEC 1 compressed point of the key of 32 bytes `byte`, or none of any.
fn compressed(byte: u8) -> [u8; 33] {
    let mut point = [byte; 33];
    if let 1..=8 = byte {
        let [_, xy @ ..] = pair(byte).public_key().to_sec1();
        let (x, y) = xy.split_at(32);
        point[0] = 2 | y.last().copied().unwrap_or(0) & 1;
        point[1..].copy_from_slice(x);
    }
    point
}

/// `payload` signed with the key of 32 bytes `signer`; a payload that is too long for that is not signed.
///
/// A fuzzer asks for the same ones again and again, and a signature is by far the slowest thing here: so they are kept.
fn signed(payload: Vec<u8>, label: Label, meter: KeyHash, signer: u8) -> Vec<u8> {
    type Name = (Vec<u8>, u8, bool, u8);
    const MAX_KEPT: usize = 20_000;
    thread_local! {
        static KEPT: RefCell<HashMap<Name, Vec<u8>>> = RefCell::new(HashMap::new());
    }
    KEPT.with_borrow_mut(|kept| {
        if kept.len() > MAX_KEPT {
            kept.clear();
        }
        let name = (payload, label as u8, meter.0 == [0; 32], signer);
        if let Some(bytes) = kept.get(&name) {
            return bytes.clone();
        }
        let bytes = sign(&name.0, label, &meter, &pair(signer)).map_or_else(|_| name.0.clone(), |bytes| bytes.to_vec());
        kept.insert(name, bytes.clone());
        bytes
    })
}
