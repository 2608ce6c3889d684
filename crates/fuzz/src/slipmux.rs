//! CoAP messages on a serial line.

use coinless_protocol::coap::MAX_MESSAGE_BYTES;
use coinless_protocol::slipmux::{Decoder, MAX_ENCODED_BYTES, encode};

/// Any bytes on the line give messages of lawful length, and the frame after any noise is heard.
pub(crate) fn slipmux(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut heard = Vec::new();
    let mut hear = |decoder: &mut Decoder, bytes: &mut dyn Iterator<Item = u8>| {
        for byte in bytes {
            if let Some(message) = decoder.push(byte) {
                assert!(message.len() <= MAX_MESSAGE_BYTES);
                heard.push(message.to_vec());
            }
        }
    };
    hear(&mut decoder, &mut data.iter().copied());
    // The frame's own start ends whatever the noise began.
    let message = data.get(..MAX_MESSAGE_BYTES).unwrap_or(data);
    let frame: Vec<u8> = encode(message).collect();
    assert!(frame.len() <= MAX_ENCODED_BYTES);
    hear(&mut decoder, &mut frame.iter().copied());
    assert_eq!(heard.last().map(Vec::as_slice), Some(message));
    // Every message that was heard is one frame.
    for message in heard {
        let mut again = Decoder::new();
        let heard = encode(&message).filter_map(|byte| again.push(byte).map(<[u8]>::to_vec)).collect::<Vec<_>>();
        assert_eq!(heard, [message]);
    }
}
