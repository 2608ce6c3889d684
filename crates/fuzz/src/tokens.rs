//! Tokens as a fuzzer makes them: any fields in deterministic CBOR (docs/protocol.cddl), signed by somebody.

use crate::input::Input;
use coinless_protocol::cose::{Label, sign};
use coinless_protocol::keys::{KeyHash, KeyPair};
use coinless_protocol::{Bytes, Full};
use minicbor::Encoder;
use minicbor::encode::Error;
use std::cell::RefCell;
use std::collections::HashMap;

type Out<'a> = Encoder<&'a mut Bytes<MAX_BYTES>>;
type Written = Result<(), Error<Full>>;

/// Room for every field at its longest.
const MAX_BYTES: usize = 1_024;

/// The keys that take part, each the pair of 32 equal bytes.
pub(crate) const METER: u8 = 1;
pub(crate) const ISSUER: u8 = 2;
pub(crate) const STATION: u8 = 3;
pub(crate) const ROOT: u8 = 4;
const STRANGER: u8 = 5;

pub(crate) const METER_ID: &str = "CLS0000000017";

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
}

impl Station {
    /// The next token that the input asks for. Most are as a station makes them.
    pub(crate) fn token(&mut self, input: &mut Input<'_>, meter: &KeyHash) -> Vec<u8> {
        let payload = match input.u8() {
            0 => input.bytes().to_vec(),
            how => self.payload(input, meter, how),
        };
        let (signer, label, hash) = match input.u8() {
            0..224 => (ISSUER, Label::Token, *meter),
            224..240 => (ROOT, Label::Token, *meter),
            240..246 => (STRANGER, Label::Token, *meter),
            246..250 => (METER, Label::Receipt, *meter),
            250..253 => (ISSUER, Label::Identity, *meter),
            _ => (ISSUER, Label::Token, KeyHash([0; 32])),
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

    /// A payload. The bits of `how` and of the field mask say what is odd about it and which fields it has.
    fn payload(&mut self, input: &mut Input<'_>, meter: &KeyHash, how: u8) -> Vec<u8> {
        // The usual one has a credit register only.
        let mask = if how & 1 == 0 { 1 << 4 } else { input.any::<u16>() & 0x3ff0 };
        let mut payload = Bytes::new();
        let mut out = Encoder::new(&mut payload);
        let written = self.write(&mut out, input, meter, how, mask);
        written.expect("every field fits");
        let mut payload = payload.to_vec();
        if how >= 250
            && let at = usize::from(input.u8())
            && let Some(byte) = payload.get_mut(at)
        {
            *byte ^= input.u8();
        }
        payload
    }

    fn write(&mut self, out: &mut Out<'_>, input: &mut Input<'_>, meter: &KeyHash, how: u8, mask: u16) -> Written {
        let version = if how & 0x1e == 0x1e { input.number() } else { 1 };
        let id = if how & 0x1e == 0x1c { "CLS0000000018" } else { METER_ID };
        let hint = if how & 0x1e == 0x1a { [0; 4] } else { meter.hint().0 };
        if how & 0x1e == 0x18 {
            self.epoch = input.number() as u16;
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
                out.array(2)?.u32(input.number())?.bytes(input.bytes())?;
            }
            10 => {
                out.array(2)?.u32(input.number())?.u32(input.number())?;
            }
            11 => {
                out.u64(input.amount())?;
            }
            12 => {
                let keys: Vec<u8> = input.bytes().iter().take(3).copied().collect();
                out.array(2)?.u32(input.number())?.array(keys.len() as u64)?;
                for key in keys {
                    out.bytes(&compressed(key))?;
                }
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
