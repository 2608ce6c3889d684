//! Server-sent events, as far as needed: the `data` of each event (WHATWG HTML §9.2.6).

/// Most bytes of one event, which is a whole order; a longer one ends the stream.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// Takes a stream apart that comes in pieces cut anywhere.
#[derive(Default)]
pub(crate) struct EventParser {
    line: Vec<u8>,
    data: Vec<u8>,
    after_cr: bool,
}

/// An event is longer than this phone takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl EventParser {
    /// The data of all events that `chunk` completes.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        for &byte in chunk {
            let second_of_crlf = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                _ if second_of_crlf => {}
                b'\r' | b'\n' => events.extend(self.end_of_line()),
                _ if self.line.len() + self.data.len() >= MAX_EVENT_BYTES => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty()).then_some(data);
        }
        if let Some(value) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_cut_anywhere() {
        let stream =
            b": hello\n\nevent: order\ndata: {\"a\":1,\ndata: \"b\":2}\n\r\r\n\ndata:x\r\n\r\ndata: unfinished";
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            let mut parser = EventParser::default();
            let mut events = parser.feed(first).unwrap();
            events.extend(parser.feed(second).unwrap());
            assert_eq!(events, [b"{\"a\":1,\n\"b\":2}".to_vec(), b"x".to_vec()], "{cut}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = EventParser::default();
        assert_eq!(parser.feed(b"data:"), Ok(vec![]));
        assert_eq!(parser.feed(&vec![b'x'; MAX_EVENT_BYTES]), Err(TooLong));
    }
}
