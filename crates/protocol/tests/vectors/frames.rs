//! CoAP messages as frames on a serial line.

use crate::coap;
use crate::file::check;
use crate::support::{hex, unhex};
use coinless_protocol::slipmux::{Decoder, encode};
use serde::{Deserialize, Serialize};
use slipmux::{DecodeStatus, OwnedLatestFrame};

/// A message and its frame.
#[derive(Serialize, Deserialize)]
struct FrameVector {
    name: String,
    message: String,
    frame: String,
}

impl FrameVector {
    fn of(name: &str, message: &[u8]) -> Self {
        let frame: Vec<u8> = encode(message).collect();
        Self { name: name.into(), message: hex(message), frame: hex(&frame) }
    }
}

#[test]
fn frames() {
    // Every byte of it is escaped, its check sequence too; no CoAP message, which a frame does not ask.
    let escaped = [&[0xc0, 0xdb, 0xdb, 0xc0, 0xdb, 0xc0, 0xdb, 0xc0][..], &[0xdb; 46]].concat();
    let coap = coap::vectors();
    let made = coap.iter().map(|v| FrameVector::of(&v.name, &unhex(&v.bytes)));
    let made = made.chain([FrameVector::of("nothing but escapes", &escaped)]).collect();
    for vector in check("slipmux.json", "Frames of Slipmux (draft-bormann-t2trg-slipmux).", made) {
        let (mut ours, mut theirs) = (Decoder::new(), slipmux::Decoder::new());
        let mut handler = OwnedLatestFrame::new();
        let mut found = Vec::new();
        for byte in unhex(&vector.frame) {
            found.extend(ours.push(byte).map(hex));
            if let DecodeStatus::FrameCompleteConfiguration = theirs.decode(byte, &mut handler).unwrap() {
                let (message, _check) = handler.configuration_buffer.split_last_chunk::<2>().unwrap();
                found.push(hex(message));
            }
        }
        assert_eq!(found, [vector.message.clone(), vector.message], "{}", vector.name);
    }
}
