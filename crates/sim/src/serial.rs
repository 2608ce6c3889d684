//! Serial lines of this host, with CoAP messages on them (Slipmux): a device that a phone opens, and a pseudo-terminal at
//! which a simulated meter waits.

use coinless_protocol::Bytes;
use coinless_protocol::coap::MAX_MESSAGE_BYTES;
use coinless_protocol::slipmux::{Decoder, encode};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_getfl, fcntl_setfl, flock, open as open_file};
use rustix::io::{Errno, FdFlags, fcntl_setfd, read, write};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{ControlModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr};
use std::fs::File;
use std::io;
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The usual bit rate of Slipmux (§2), in bits a second; always 8 data bits, no parity, 1 stop bit.
pub const BIT_RATE: u32 = 115_200;

/// Why a serial device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing with this name.
    #[error("there is no such device; is it plugged in?")]
    Missing,
    /// The system does not allow it.
    #[error("no permission to use it; on most systems, members of the group of the device have it (ls -l shows it)")]
    Permission,
    /// It is something else.
    #[error("this is neither a serial device nor a pseudo-terminal")]
    NotSerial,
    /// Another process has locked it.
    #[error("another program is using it")]
    InUse,
    /// The device cannot send at this rate.
    #[error("the device cannot do {0} bit/s")]
    BitRate(u32),
    /// The operating system refused something else.
    #[error(transparent)]
    Io(io::Error),
}

impl From<Errno> for OpenError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NODEV | Errno::NXIO => Self::Missing,
            Errno::ACCESS | Errno::PERM => Self::Permission,
            Errno::NOTTY | Errno::ISDIR => Self::NotSerial,
            error => Self::Io(error.into()),
        }
    }
}

/// Opens the serial device or pseudo-terminal at `path` for this process alone: raw, 8N1, at `bit_rate` bits a second,
/// whatever it was set to before. What came in earlier is thrown away.
///
/// # Errors
/// [`OpenError`] if it cannot be used; then its settings are as they were, but for a rate that it cannot do.
pub fn open(path: &Path, bit_rate: u32) -> Result<OwnedFd, OpenError> {
    // Without NONBLOCK a device that has a modem's carrier line could wait here for ever.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = open_file(path, flags, Mode::empty())?;
    tcgetattr(&device)?;
    // Let go of by the system when this process ends, unlike TIOCEXCL while somebody else holds the device open.
    match flock(&device, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Err(OpenError::InUse),
        locked => locked?,
    }
    make_raw(&device, Some(bit_rate))?;
    if tcgetattr(&device)?.output_speed() != bit_rate {
        return Err(OpenError::BitRate(bit_rate));
    }
    tcflush(&device, QueueSelector::IFlush)?;
    Ok(device)
}

fn make_raw(device: impl AsFd, bit_rate: Option<u32>) -> rustix::io::Result<()> {
    let mut settings = tcgetattr(&device)?;
    // 8 bits, no parity, no echo, nothing translated.
    settings.make_raw();
    settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    settings.control_modes -= ControlModes::CSTOPB | ControlModes::CRTSCTS;
    // A read gives what is there; without a byte it would block, and 0 bytes mean that the line is closed.
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    if let Some(rate) = bit_rate {
        settings.set_speed(rate)?;
    }
    tcsetattr(&device, OptionalActions::Now, &settings)
}

/// A new pseudo-terminal, raw: what one end writes, the other reads.
#[derive(Debug)]
pub struct Pty {
    /// The end of whoever made it.
    pub near: OwnedFd,
    /// The path at which another process opens the other end, as a serial device.
    pub path: String,
    /// The other end, kept open: its settings last, and the near end is not hung up when the other process closes it.
    pub far: OwnedFd,
}

impl Pty {
    /// Makes one.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn new() -> io::Result<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&near, FdFlags::CLOEXEC)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let path = ptsname(&near, Vec::new())?;
        let far = open_file(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        make_raw(&far, None)?;
        let path = path.into_string().map_err(|_| io::Error::other("a pseudo-terminal without a readable name"))?;
        Ok(Self { near, path, far })
    }
}

/// An end of a line as a file whose reads and writes wait.
///
/// # Errors
/// When the system does not let it wait.
pub fn blocking(end: OwnedFd) -> io::Result<File> {
    fcntl_setfl(&end, fcntl_getfl(&end)? - OFlags::NONBLOCK)?;
    Ok(File::from(end))
}

/// How much came in on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Bytes of any kind.
    pub bytes: u64,
    /// Whole CoAP messages.
    pub messages: u64,
}

/// CoAP messages on one end of a line.
#[derive(Debug)]
pub struct Line {
    end: AsyncFd<OwnedFd>,
    decoder: Decoder,
    /// Bytes that came in; those before `used` have been decoded.
    buffer: [u8; 512],
    used: usize,
    filled: usize,
    heard: Heard,
}

impl Line {
    /// The line at `end`, a device that was opened or an end of a pseudo-terminal. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the system does not let wait for it.
    pub fn new(end: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&end, fcntl_getfl(&end)? | OFlags::NONBLOCK)?;
        #[expect(deprecated, reason = "it is sound for an OwnedFd, which stays the same; what replaces it is unsafe")]
        let end = AsyncFd::new(end)?;
        Ok(Self { end, decoder: Decoder::new(), buffer: [0; 512], used: 0, filled: 0, heard: Heard::default() })
    }

    /// Waits for the next whole message. Nothing is lost if this future is dropped.
    ///
    /// # Errors
    /// When the line is closed or broken.
    pub async fn receive(&mut self) -> io::Result<Bytes<MAX_MESSAGE_BYTES>> {
        loop {
            while let Some(byte) = self.buffer.get(self.used).filter(|_| self.used < self.filled) {
                self.used += 1;
                if let Some(message) = self.decoder.push(*byte) {
                    self.heard.messages += 1;
                    return Bytes::copy_of(message).map_err(io::Error::other);
                }
            }
            let buffer = &mut self.buffer;
            let filled = self.end.async_io(Interest::READABLE, |end| Ok(read(end, &mut buffer[..])?)).await;
            // A terminal that is hung up gives either.
            let closed = matches!(&filled, Ok(0)) || filled.as_ref().is_err_and(is_hung_up);
            if closed {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the line was closed at its other end"));
            }
            (self.used, self.filled) = (0, filled?);
            self.heard.bytes += self.filled as u64;
        }
    }

    /// Sends a message; waits while the line takes nothing. Half a frame is left on it if this future is dropped, which the
    /// other end drops.
    ///
    /// # Errors
    /// When the line is closed or broken.
    pub async fn send(&self, message: &[u8]) -> io::Result<()> {
        let frame: Vec<u8> = encode(message).collect();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let written = self.end.async_io(Interest::WRITABLE, |end| Ok(write(end, rest)?)).await?;
            rest = rest.get(written..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// Sends a message, or as much of it as the line takes now.
    ///
    /// # Errors
    /// When the line does not take all of it ([`io::ErrorKind::WouldBlock`]), or is closed or broken.
    pub fn try_send(&self, message: &[u8]) -> io::Result<()> {
        let frame: Vec<u8> = encode(message).collect();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let written = write(&self.end, rest)?;
            rest = rest.get(written..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// How much came in so far.
    pub fn heard(&self) -> Heard {
        self.heard
    }
}

fn is_hung_up(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use tokio::runtime::Builder;

    fn run<T>(test: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// Opens a line that nobody uses. A process that another test is just starting may hold what this one has let go of.
    fn open_free(path: &str) -> OwnedFd {
        loop {
            match open(Path::new(path), BIT_RATE) {
                Err(OpenError::InUse) => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// The far end of a pseudo-terminal, opened as a phone opens a device.
    fn phone(path: &str) -> Line {
        Line::new(open_free(path)).unwrap()
    }

    #[test]
    fn phones_come_and_go_and_every_byte_gets_through() {
        run(async {
            let Pty { near, path, far: _far } = Pty::new().unwrap();
            let mut meter = Line::new(near).unwrap();
            // What a terminal that is not raw would take for itself: control characters, ends of lines, echo.
            let all: Vec<u8> = (0..=255).collect();
            for round in 0..3_u8 {
                let mut phone = phone(&path);
                phone.send(&all).await.unwrap();
                assert_eq!(*meter.receive().await.unwrap(), *all);
                meter.send(&[round; 300]).await.unwrap();
                assert_eq!(*phone.receive().await.unwrap(), [round; 300]);
                assert_eq!(phone.heard().messages, 1, "no echo");
            }
        });
    }

    #[test]
    fn one_phone_at_a_time() {
        let pty = Pty::new().unwrap();
        let first = open_free(&pty.path);
        assert!(matches!(open(Path::new(&pty.path), BIT_RATE), Err(OpenError::InUse)));
        drop(first);
        open_free(&pty.path);
    }

    #[test]
    fn a_line_that_nobody_reads_takes_no_more_and_is_good_again_when_somebody_does() {
        run(async {
            let Pty { near, path, far: _far } = Pty::new().unwrap();
            let meter = Line::new(near).unwrap();
            let old = [0xc0; MAX_MESSAGE_BYTES];
            let full = loop {
                if let Err(error) = meter.try_send(&old) {
                    break error;
                }
            };
            assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
            let mut phone = phone(&path);
            let reading = async {
                loop {
                    let message = phone.receive().await.unwrap();
                    if *message != old {
                        return message;
                    }
                }
            };
            let (sent, read) = tokio::join!(meter.send(b"fresh"), reading);
            sent.unwrap();
            assert_eq!(*read, *b"fresh");
        });
    }

    #[test]
    fn a_line_whose_other_end_is_gone_is_closed() {
        run(async {
            let Pty { near, path, far } = Pty::new().unwrap();
            let mut phone = phone(&path);
            drop((near, far));
            assert_eq!(phone.receive().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert!(phone.send(b"x").await.is_err());
        });
    }
}
