//! The meter as an image in an emulator, in Rust and in C: `cargo xtask firmware --build` and `--c --build` make them.

use crate::setting::{GAS, GAS_LABEL, Setting};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Where QEMU is.
const QEMU: &str = "COINLESS_QEMU";
/// Longest time for the emulator to say the next thing; it says it in a second or two.
const PATIENCE: Duration = Duration::from_secs(120);

struct Emulator {
    child: Child,
    lines: Receiver<String>,
    control: ChildStdin,
    link: String,
}

impl Emulator {
    fn start(image: &str, state: &Path) -> Self {
        let mut command = Command::new(std::env::var_os(QEMU).unwrap_or_else(|| "qemu-system-arm".into()));
        command.args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3", "-display", "none", "-monitor", "none"]);
        command.arg("-semihosting-config").arg(format!("enable=on,target=native,arg=meter,arg={}", state.display()));
        command.args(["-kernel", image, "-serial", "pty", "-serial", "stdio"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        // Ends with the emulator.
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let control = child.stdin.take().unwrap();
        let mut emulator = Self { child, lines, control, link: String::new() };
        let said = emulator.wait_for("char device redirected to ");
        let path = said.split_whitespace().find(|word| word.starts_with('/')).unwrap();
        emulator.link = format!("serial:{path}");
        emulator
    }

    /// The next line with `text`.
    fn wait_for(&self, text: &str) -> String {
        let mut heard = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line.trim_end().to_owned(),
                Ok(line) => heard.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("the emulator did not say '{text}', but {heard:?}")
                }
            }
        }
    }

    fn control(&mut self, line: &str) {
        writeln!(self.control, "{line}").unwrap();
    }

    fn display(&mut self) -> String {
        self.control("show");
        self.wait_for("display: ")
    }
}

impl Drop for Emulator {
    // As a power cut: at once.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn amount(units: u64, unit: &str) -> String {
    format!("{}.{:03} {unit}", units / 1000, units % 1000)
}

#[test]
fn credit_is_loaded_over_the_line_of_a_meter_in_rust_and_is_there_after_a_cut() {
    credit_is_loaded("COINLESS_FIRMWARE", "m³");
}

#[test]
fn credit_is_loaded_over_the_line_of_a_meter_in_c_and_is_there_after_a_cut() {
    credit_is_loaded("COINLESS_C_IMAGE", "m3");
}

/// The story of one image, which is where the environment says, and shows amounts in `unit`.
fn credit_is_loaded(variable: &str, unit: &str) {
    const INITIAL: u64 = 2_000;
    let Ok(image) = std::env::var(variable) else {
        assert!(std::env::var_os("CI").is_none(), "with CI set, {variable} is required: run cargo xtask test");
        return eprintln!("skipped: {variable} is not set; cargo xtask test builds the image");
    };
    let mut story = Setting::new();
    assert!(story.meter.stop().unwrap().success());
    let state = story.desk.path(GAS);
    let mut meter = Emulator::start(&image, &state);
    assert_eq!(
        meter.wait_for("display: "),
        format!("display: {}; valve shut, armed: a press opens it", amount(INITIAL, unit))
    );
    let scanned = story.desk.phone("phone", "scan", &["--station", &story.station.address(), &meter.link]).unwrap();
    assert_eq!((&scanned[0]["label"], &scanned[0]["verified"]), (&GAS_LABEL.into(), &true.into()), "{}", scanned[0]);
    meter.wait_for("; code ");

    let order = story.buy("phone", "5.00");
    let delivered = story.desk.phone("phone", "deliver", &[&meter.link]).unwrap();
    assert_eq!(delivered[0]["result"], "applied");
    let loaded = amount(INITIAL + story.units(&order), unit);
    assert!(meter.display().contains(&loaded), "{}", meter.display());
    meter.control("open");
    meter.wait_for("button pressed: opened");

    drop(meter);
    let mut meter = Emulator::start(&image, &state);
    // The opening check was under way: a start shuts the valve, and a person opens it.
    assert_eq!(meter.wait_for("display: "), format!("display: {loaded}; valve shut, armed: a press opens it"));
    let again = story.desk.phone("phone", "deliver", &[&meter.link]);
    assert!(again.is_ok(), "{again:?}");
    assert!(meter.display().contains(&loaded), "{}", meter.display());
    story.sync("phone");
    assert_eq!(story.line_state(&order), "delivered");
}
