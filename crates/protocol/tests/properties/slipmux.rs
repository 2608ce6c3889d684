//! Slipmux: lines of messages, noise and damage, also as another implementation reads and writes them (crate `slipmux`).

use coinless_protocol::coap::MAX_MESSAGE_BYTES;
use coinless_protocol::slipmux::{Decoder, MAX_ENCODED_BYTES, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use slipmux::{DecodeStatus, FrameType, OwnedLatestFrame};

const END: u8 = 0xc0;
const ESC: u8 = 0xdb;

/// Bytes with many that mean something on the line.
fn noise(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    let special = proptest::sample::select(vec![END, ESC, 0xdc, 0xdd, 0xa9, 0x0a, 0x45, 0x60]);
    vec(prop_oneof![1 => special, 2 => any::<u8>()], length)
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => noise(0..40), 1 => noise(0..=MAX_MESSAGE_BYTES)]
}

fn ours(line: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new();
    line.iter().filter_map(|byte| decoder.push(*byte).map(<[u8]>::to_vec)).collect()
}

/// The same by the other implementation, which keeps longer messages too.
fn theirs(line: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = slipmux::Decoder::new();
    let mut handler = OwnedLatestFrame::new();
    let mut messages = Vec::new();
    for byte in line {
        let status = decoder.decode(*byte, &mut handler);
        if matches!(status, Ok(DecodeStatus::FrameCompleteConfiguration)) {
            let mut message = std::mem::take(&mut handler.configuration_buffer);
            message.truncate(message.len().saturating_sub(2));
            messages.push(message);
        } else if status.is_err() {
            handler.configuration_buffer.clear();
        }
    }
    messages
}

proptest! {
    /// A message is the same on both ends, and in the other implementation.
    #[test]
    fn round_trip(messages in vec(message(), 0..4)) {
        let line: Vec<u8> = messages.iter().flat_map(|message| encode(message)).collect();
        prop_assert_eq!(ours(&line), messages.clone());
        prop_assert_eq!(theirs(&line), messages.clone());
        let mut buffer = [0; MAX_ENCODED_BYTES];
        let mut their_line = Vec::new();
        for message in &messages {
            let length = slipmux::encode(FrameType::Configuration, message, &mut buffer);
            their_line.extend_from_slice(&buffer[..length]);
        }
        prop_assert_eq!(line, their_line);
    }

    /// A message that comes after noise is found, and nothing is found in between but what the other implementation finds.
    #[test]
    fn after_noise(noises in vec(noise(0..700), 1..3), message in message()) {
        let mut line = Vec::new();
        for noise in &noises {
            line.extend_from_slice(noise);
            line.extend(encode(&message));
        }
        let found = ours(&line);
        prop_assert!(found.iter().filter(|found| **found == message).count() >= noises.len());
        let mut known = theirs(&line).into_iter();
        prop_assert!(found.iter().all(|found| known.any(|theirs| theirs == *found)));
    }

    /// Whatever happens to a few bytes of a frame, the next one is found; and a changed bit is found out, always, unless it
    /// makes or unmakes an `END` or `ESC` (then a shift of bytes is found out but once in 65,536 times).
    #[test]
    fn damage(message in noise(4..MAX_MESSAGE_BYTES), at: Index, bit in 0..8_u8, lost in 0..3_usize) {
        let mut line: Vec<u8> = encode(&message).collect();
        let place = 1 + at.index(line.len() - 2);
        let before = line[place];
        if lost == 0 {
            line[place] ^= 1 << bit;
        } else {
            line.drain(place..(place + lost).min(line.len() - 1));
        }
        let next = [0x40, 1, 0, 7];
        let after = line[place];
        line.extend(encode(&next));
        let found = ours(&line);
        prop_assert_eq!(found.last().map(Vec::as_slice), Some(&next[..]));
        if lost == 0 && [before, after].iter().all(|byte| ![END, ESC].contains(byte)) {
            prop_assert_eq!(found.len(), 1);
        }
    }
}

/// Frames in the tests of the crate `slipmux`; the draft has none.
#[test]
fn examples_of_others() {
    let frame: Vec<u8> = encode(&[0x40, 0x01, 0, 0]).collect();
    assert_eq!(frame, [END, 0xa9, 0x40, 0x01, 0, 0, 0xbc, 0x38, END]);
    let frame: Vec<u8> = encode(&[0x62, 0x84, 0x86, 0xae, 0x02, 0x00]).collect();
    assert_eq!(frame, [END, 0xa9, 0x62, 0x84, 0x86, 0xae, 0x02, 0x00, 0xfd, 0x4a, END]);
}
