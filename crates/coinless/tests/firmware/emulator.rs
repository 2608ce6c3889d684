//! The emulator, its serial line on its standard input and output.

use coinless_protocol::slipmux::{Decoder, encode};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Where QEMU is.
const QEMU: &str = "COINLESS_QEMU";

/// A running meter.
pub struct Emulator {
    child: Child,
    line: ChildStdin,
    datagrams: Receiver<Vec<u8>>,
}

impl Emulator {
    /// Starts `image` with the flash in the file `chip`.
    pub fn start(image: &Path, chip: &Path) -> Self {
        let mut command = Command::new(std::env::var_os(QEMU).unwrap_or_else(|| "qemu-system-arm".into()));
        command.args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3", "-display", "none", "-monitor", "none"]);
        command.arg("-semihosting-config").arg(format!("enable=on,target=native,arg=meter,arg={}", chip.display()));
        command.args(["-chardev", "stdio,id=link,signal=off", "-serial", "chardev:link", "-serial", "null"]);
        command.arg("-kernel").arg(image);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, datagrams) = channel();
        let mut output = child.stdout.take().unwrap();
        // Ends with the emulator.
        thread::spawn(move || {
            let (mut decoder, mut bytes) = (Decoder::new(), [0; 256]);
            while let Ok(len) = output.read(&mut bytes)
                && len > 0
            {
                for byte in &bytes[..len] {
                    let sent = decoder.push(*byte).map(|message| sender.send(message.to_vec()));
                    if sent.is_some_and(|sent| sent.is_err()) {
                        return;
                    }
                }
            }
        });
        let line = child.stdin.take().unwrap();
        Self { child, line, datagrams }
    }

    /// Sends a datagram.
    pub fn send(&mut self, datagram: &[u8]) {
        self.line.write_all(&encode(datagram).collect::<Vec<u8>>()).unwrap();
        self.line.flush().unwrap();
    }

    /// The next datagram, unless none comes for `wait`.
    pub fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        self.datagrams.recv_timeout(wait).ok()
    }
}

impl Drop for Emulator {
    // As a power cut: at once (SIGKILL).
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
