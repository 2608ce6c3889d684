//! A meter on a serial line: CoAP over Slipmux (draft-bormann-t2trg-slipmux).

use crate::output::{Context, Failure};
use coinless_phone::io::NoAnswer;
use coinless_sim::serial::{self, BIT_RATE, Heard, Line};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// How long the device may take no bytes. The longest message takes a second at 6,500 bit/s.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// A serial device with a meter at its other end.
pub struct Serial {
    line: Line,
    bit_rate: u32,
    /// Some optical heads send back what they are sent.
    last_sent: Vec<u8>,
}

impl Serial {
    /// The link `serial:PATH[@BIT-RATE]`, given from its path on. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if the device cannot be used.
    pub fn open(place: &str) -> Result<Self, Failure> {
        let (path, bit_rate) = parse(place)?;
        let doing = format!("opening {path}");
        let device = serial::open(Path::new(path), bit_rate).context(&doing)?;
        Ok(Self { line: Line::new(device).context(&doing)?, bit_rate, last_sent: Vec::new() })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`NoAnswer`] if the line is closed or takes nothing.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        self.last_sent = message.to_vec();
        match timeout(SEND_TIMEOUT, self.line.send(message)).await {
            Ok(sent) => sent.map_err(|error| NoAnswer(error.to_string())),
            Err(_) => Err(NoAnswer("the line takes no bytes; nobody reads at its other end".into())),
        }
    }

    /// Waits for the next message. Nothing is lost if this future is dropped.
    ///
    /// # Errors
    /// [`NoAnswer`] if the line is closed.
    pub async fn receive(&mut self) -> Result<Vec<u8>, NoAnswer> {
        loop {
            let message = self.line.receive().await.map_err(|error| NoAnswer(error.to_string()))?;
            if *message != *self.last_sent {
                return Ok(message.to_vec());
            }
        }
    }

    /// What may be the cause if nobody answers; none if it is not the line.
    pub fn silence(&self) -> Option<String> {
        match self.line.heard() {
            Heard { bytes: 1.., messages: 0 } => {
                Some(format!("bytes come in, but no message; is {} bit/s right, and is this a meter?", self.bit_rate))
            }
            _ => None,
        }
    }
}

/// Path and bit rate. A path that ends like a rate cannot be named without one.
fn parse(place: &str) -> Result<(&str, u32), Failure> {
    let (path, rate) = match place.rsplit_once('@') {
        Some((path, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => (path, Some(digits)),
        _ => (place, None),
    };
    let rate = rate.map_or(Ok(BIT_RATE), str::parse).ok().filter(|rate| *rate > 0);
    match (path, rate) {
        ("", _) | (_, None) => Err(Failure::new(format!(
            "serial:{place} is not a link: write serial:PATH, or serial:PATH@9600 if the meter does not run at {BIT_RATE} bit/s"
        ))),
        (path, Some(rate)) => Ok((path, rate)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_sim::serial::Pty;

    #[test]
    fn links() {
        for (place, path, rate) in [
            ("/dev/ttyUSB0", "/dev/ttyUSB0", 115_200),
            ("/dev/ttyUSB0@9600", "/dev/ttyUSB0", 9600),
            ("tty@home", "tty@home", 115_200),
            ("tty@9600@115200", "tty@9600", 115_200),
        ] {
            assert_eq!(parse(place).ok(), Some((path, rate)), "{place}");
        }
        for bad in ["", "@9600", "/dev/ttyUSB0@", "/dev/ttyUSB0@0", "/dev/ttyUSB0@4294967296"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn noise_is_told_from_silence() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pty = Pty::new().unwrap();
            let mut phone = Serial::open(&format!("{}@9600", pty.path)).unwrap();
            assert_eq!(phone.silence(), None);
            let noise = [0xf8, 0x00, 0xc0, 0x80];
            assert_eq!(rustix::io::write(&pty.near, &noise), Ok(noise.len()));
            while phone.line.heard().bytes < noise.len() as u64 {
                tokio::select! {
                    biased;
                    message = phone.receive() => panic!("{message:?}"),
                    () = tokio::task::yield_now() => {}
                }
            }
            assert!(phone.silence().is_some_and(|words| words.contains("is 9600 bit/s right")));
        });
    }
}
