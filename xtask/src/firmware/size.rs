//! The table of sizes in `docs/meter.md`: measured, written between two marks, and checked.

use super::elf::{Elf, Symbol};
use super::image::{self, Processor};
use super::toolchain::Toolchain;
use crate::peers::run;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Most flash of the core with everything, in bytes.
const MAX_FLASH_BYTES: u32 = 64 * 1024;
/// What to aim at.
const AIM_FLASH_BYTES: u32 = 56 * 1024;
/// Most RAM of the core with its stack, in bytes.
const MAX_RAM_BYTES: u32 = 8 * 1024;
/// What to aim at.
const AIM_RAM_BYTES: u32 = 7 * 1024;

/// By how many in a thousand a figure may differ from what the page says, where the compiler is the one that the page names.
const TOLERANCE: u64 = 20;
/// The same for another compiler.
const TOLERANCE_OTHER_COMPILER: u64 = 80;

const PAGE: &str = "docs/meter.md";
const BEGIN: &str = "<!-- sizes: written by `cargo xtask firmware --size` -->";
const END: &str = "<!-- end of sizes -->";
const COMPILER: &str = "Measured with ";

/// Crates of the curve: signatures, and the agreement of the readings' key.
const CURVE: [&str; 8] =
    ["p256", "ecdsa", "elliptic_curve", "primeorder", "crypto_bigint", "rfc6979", "sec1", "coinless_protocol::keys"];

/// The calls of `firmware/src/bin/measure.rs`, as the page names them.
const CALLS: [(&str, &str); 17] = [
    ("start", "start (agrees the readings' key)"),
    ("receipt-first", "`GET /receipt`, first after a start (journals, signs)"),
    ("receipt-stored", "`GET /receipt`, stored"),
    ("report", "`GET /report` (journals, signs)"),
    ("challenge", "`GET /challenge` (journals)"),
    ("identity", "`GET /meter`"),
    ("identity-signed", "`GET /meter?c=` (signs)"),
    ("token-credit", "`POST /token`, credit (verifies, journals, signs)"),
    ("token-again", "`POST /token`, the same again"),
    ("token-read", "`POST /token`, read request"),
    ("token-tariff", "`POST /token`, the longest tariff"),
    ("token-settings", "`POST /token`, settings"),
    ("token-bad-signature", "`POST /token`, bad signature (verifies)"),
    ("token-noise", "`POST /token`, not CBOR"),
    ("press", "a press (journals)"),
    ("pulse", "a pulse"),
    ("nothing", "a round with nothing to do"),
];
/// Those that need no curve.
const WITHOUT_CURVE: [&str; 7] =
    ["receipt-stored", "challenge", "identity", "token-again", "token-noise", "press", "pulse"];

/// What one call took.
#[derive(Debug, Clone, Copy)]
struct Call {
    stack: u32,
    instructions: u64,
}

/// What was measured on one processor.
#[derive(Debug)]
struct Figures {
    flash: u32,
    flash_curve: u32,
    /// Of the image that runs in the emulator; none where there is none.
    flash_whole: Option<u32>,
    device: u32,
    calls: BTreeMap<String, Call>,
}

impl Figures {
    fn call(&self, name: &str) -> Result<Call, String> {
        self.calls.get(name).copied().ok_or_else(|| format!("the call '{name}' was not measured"))
    }

    fn deepest<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Result<u32, String> {
        names.try_fold(0, |deepest, name| Ok(self.call(name)?.stack.max(deepest)))
    }

    fn deepest_serving(&self) -> Result<u32, String> {
        self.deepest(CALLS.iter().map(|(name, _)| *name).filter(|name| *name != "start"))
    }

    fn ram(&self) -> Result<u32, String> {
        Ok(self.device + self.deepest(CALLS.iter().map(|(name, _)| *name))?)
    }
}

/// Measures, and writes the page.
///
/// # Errors
/// What could not be measured or written, and every budget that is broken.
pub fn write(root: &Path) -> Result<String, String> {
    let (measured, remark) = measure()?;
    let page = root.join(PAGE);
    let at = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = fs::read_to_string(&page).map_err(at)?;
    let (before, _, after) = parts(&text)?;
    fs::write(&page, format!("{before}{BEGIN}\n{measured}{END}{after}")).map_err(at)?;
    Ok(remark)
}

/// Measures, and compares with the page.
///
/// # Errors
/// Where the page is stale, what could not be measured, and every budget that is broken.
pub fn check(root: &Path) -> Result<String, String> {
    let (measured, remark) = measure()?;
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let (_, old, _) = parts(&text)?;
    let same_compiler = compiler(old) == compiler(&measured);
    let tolerance = if same_compiler { TOLERANCE } else { TOLERANCE_OTHER_COMPILER };
    match stale(old, &measured, tolerance) {
        None => Ok(remark),
        Some(line) => Err(format!("{PAGE} is stale; run `cargo xtask firmware --size`. It would say:\n{line}")),
    }
}

/// What comes before the table, the table, and what comes after it.
fn parts(text: &str) -> Result<(&str, &str, &str), String> {
    let missing = || format!("{PAGE} lacks the marks of the table of sizes");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (table, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok((before, table, after))
}

fn compiler(table: &str) -> Option<&str> {
    table.lines().find_map(|line| line.strip_prefix(COMPILER))
}

/// The first line that says something else than before, or a figure that differs too much.
fn stale(old: &str, new: &str, tolerance: u64) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(COMPILER));
        lines.map(str::to_owned).collect()
    };
    let (old, new) = (lines(old), lines(new));
    if old.len() != new.len() {
        return Some(format!("{} lines in place of {}", new.len(), old.len()));
    }
    let differs = |(old, new): &(&String, &String)| !is_near(old, new, tolerance);
    old.iter().zip(&new).find(differs).map(|(old, new)| format!("{new}\nin place of\n{old}"))
}

/// Whether two lines have the same words, and figures that are close.
fn is_near(old: &str, new: &str, tolerance: u64) -> bool {
    let (old, new) = (words_and_figures(old), words_and_figures(new));
    // Instructions are counted to about a hundred, so a figure that is rounded to a thousand may be the next one.
    let rounded =
        |old: u64, new: u64| old.is_multiple_of(1000) && new.is_multiple_of(1000) && old.abs_diff(new) == 1000;
    let near = |(old, new): (&u64, &u64)| {
        old.abs_diff(*new) * 1000 <= tolerance * (*old).max(*new).max(1000) || rounded(*old, *new)
    };
    old.0 == new.0 && old.1.len() == new.1.len() && old.1.iter().zip(&new.1).all(near)
}

fn words_and_figures(line: &str) -> (String, Vec<u64>) {
    let (mut words, mut figures) = (String::new(), Vec::new());
    for cell in line.split('|') {
        match cell.replace([',', '*'], "").trim().parse() {
            Ok(figure) => figures.push(figure),
            Err(_) => words.push_str(cell),
        }
        words.push('|');
    }
    (words, figures)
}

/// The table, and a remark on it.
fn measure() -> Result<(String, String), String> {
    let toolchain = Toolchain::find()?;
    let [m3, m0] = Processor::ALL.map(|processor| figures(&toolchain, processor));
    let (m3, m0) = (m3?, m0?);
    let remark = within_budgets(&m3)?;
    let mut text = format!("\n{COMPILER}{}; {}.\n\n", toolchain.name, image::qemu_version()?);
    table_of_sizes(&mut text, &m3, &m0)?;
    table_of_calls(&mut text, &m3, &m0)?;
    Ok((text, remark))
}

fn figures(toolchain: &Toolchain, processor: Processor) -> Result<Figures, String> {
    let whole = processor == Processor::M3;
    let names: &[&str] = if whole { &["bare", "measure", "meter"] } else { &["bare", "measure"] };
    let folder = image::build(toolchain, processor, names)?;
    let bare = Elf::read(&folder.join("bare"))?;
    let meter = whole.then(|| Elf::read(&folder.join("meter"))).transpose()?;
    for (name, elf) in [("bare", Some(&bare)), ("meter", meter.as_ref())] {
        let remains = elf.map(image::panic_remains).unwrap_or_default();
        if !remains.is_empty() {
            let remains: Vec<_> = remains.into_iter().collect();
            return Err(format!("the image '{name}' for {} holds panics:\n{}", processor.target(), remains.join("\n")));
        }
    }
    let (device, calls) = measured(processor, &folder.join("measure"))?;
    let curve = bare.symbols.iter().filter(|symbol| is_curve(symbol)).map(|symbol| symbol.size).sum();
    Ok(Figures { flash: flash(&bare), flash_curve: curve, flash_whole: meter.as_ref().map(flash), device, calls })
}

fn is_curve(symbol: &Symbol) -> bool {
    CURVE.iter().any(|name| symbol.name.contains(name))
}

/// Everything that the image has in flash: vectors, code, constants, and the first content of variables.
fn flash(elf: &Elf) -> u32 {
    [".vector_table", ".text", ".rodata", ".data"].iter().map(|name| elf.size_of(name)).sum()
}

/// Runs the image that measures.
fn measured(processor: Processor, image: &Path) -> Result<(u32, BTreeMap<String, Call>), String> {
    let mut qemu = Command::new(image::qemu()?);
    qemu.args(processor.machine()).args(["-display", "none", "-monitor", "none", "-serial", "none"]);
    qemu.args(["-chardev", "stdio,id=out,signal=off", "-semihosting-config", "enable=on,target=native,chardev=out"]);
    let output = run(qemu.args(["-icount", "shift=0,sleep=off", "-kernel"]).arg(image))?;
    let mut calls = BTreeMap::new();
    let mut device = None;
    for line in output.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["measured", name, stack, instructions] => {
                let number = |text: &str| text.parse::<u64>().map_err(|_| format!("QEMU said: {line}"));
                let call = Call { stack: number(stack)? as u32, instructions: number(instructions)? };
                calls.insert((*name).to_owned(), call);
            }
            ["device", bytes] => device = bytes.parse().ok(),
            _ => return Err(format!("QEMU said: {line}")),
        }
    }
    Ok((device.ok_or("the image did not say how large the device is")?, calls))
}

/// Whether every budget is kept, and whether the aims are met, in words.
fn within_budgets(figures: &Figures) -> Result<String, String> {
    let checks = [
        ("flash", figures.flash, MAX_FLASH_BYTES, AIM_FLASH_BYTES),
        ("RAM", figures.ram()?, MAX_RAM_BYTES, AIM_RAM_BYTES),
    ];
    let broken = checks.iter().filter(|(_, bytes, max, _)| bytes > max);
    let broken: Vec<_> = broken
        .map(|(name, bytes, max, _)| format!("the core takes {bytes} bytes of {name}; the budget is {max}"))
        .collect();
    if !broken.is_empty() {
        return Err(broken.join("\n"));
    }
    let aims = checks.iter().map(|(name, bytes, _, aim)| {
        format!("{name} {} ({} the aim)", thousands((*bytes).into()), if bytes <= aim { "within" } else { "over" })
    });
    Ok(aims.collect::<Vec<_>>().join(", "))
}

fn table_of_sizes(text: &mut String, m3: &Figures, m0: &Figures) -> Result<(), String> {
    text.push_str("| bytes | Cortex-M3 | Cortex-M0 | budget (M3) | aim (M3) |\n|---|---:|---:|---:|---:|\n");
    let mut row = |name: &str, figures: [Option<u32>; 4]| {
        let cells = figures.map(|figure| figure.map_or(String::new(), |figure| thousands(figure.into())));
        let written = writeln!(text, "| {name} | {} |", cells.join(" | "));
        written.map_err(|error| error.to_string())
    };
    let both =
        |of: &dyn Fn(&Figures) -> Result<u32, String>| Ok::<_, String>([Some(of(m3)?), Some(of(m0)?), None, None]);
    let [flash, flash_m0, ..] = both(&|figures| Ok(figures.flash))?;
    row("flash of the core", [flash, flash_m0, Some(MAX_FLASH_BYTES), Some(AIM_FLASH_BYTES)])?;
    row("of which the curve", both(&|figures| Ok(figures.flash_curve))?)?;
    row("flash without signatures", both(&|figures| Ok(figures.flash - figures.flash_curve))?)?;
    row("flash of the whole image with its board", [m3.flash_whole, m0.flash_whole, None, None])?;
    let [ram, ram_m0, ..] = both(&Figures::ram)?;
    row("RAM of the core with its stack", [ram, ram_m0, Some(MAX_RAM_BYTES), Some(AIM_RAM_BYTES)])?;
    row("of which at all times (`Device`)", both(&|figures| Ok(figures.device))?)?;
    row("of which deepest stack, starting", both(&|figures| Ok(figures.call("start")?.stack))?)?;
    row("of which deepest stack, serving", both(&Figures::deepest_serving)?)?;
    row("RAM without signatures", both(&|figures| Ok(figures.device + figures.deepest(WITHOUT_CURVE.into_iter())?))?)
}

fn table_of_calls(text: &mut String, m3: &Figures, m0: &Figures) -> Result<(), String> {
    text.push_str(
        "\n| call | stack, M3 | instructions, M3 | stack, M0 | instructions, M0 |\n|---|---:|---:|---:|---:|\n",
    );
    for (name, words) in CALLS {
        let (m3, m0) = (m3.call(name)?, m0.call(name)?);
        let cells =
            [m3.stack.into(), rounded(m3.instructions), m0.stack.into(), rounded(m0.instructions)].map(thousands);
        writeln!(text, "| {words} | {} |", cells.join(" | ")).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Instructions are counted to about a hundred.
fn rounded(instructions: u64) -> u64 {
    if instructions < 1_000 { instructions / 100 * 100 } else { (instructions + 500) / 1_000 * 1_000 }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_stale_when_words_change_or_figures_leave_the_tolerance() {
        let old = "\nMeasured with one.\n\n| flash | 60,000 | |\n| stack | 0 | |\n";
        let stale = |new| stale(old, new, 20).is_some();
        assert!(!stale("\nMeasured with another.\n\n| flash | 61,000 | |\n| stack | 19 | |\n"));
        assert!(stale("\nMeasured with one.\n\n| flash | 61,300 | |\n| stack | 0 | |\n"));
        assert!(
            is_near("| pulse | 2,000 |", "| pulse | 3,000 |", 20)
                && !is_near("| pulse | 2,000 |", "| pulse | 4,000 |", 20)
        );
        assert!(stale("\nMeasured with one.\n\n| flash | 60,000 | 1 |\n| stack | 0 | |\n"));
        assert!(stale("\nMeasured with one.\n\n| code | 60,000 | |\n| stack | 0 | |\n"));
        assert!(stale("\nMeasured with one.\n\n| flash | 60,000 | |\n"));
    }

    #[test]
    fn numbers_have_their_thousands() {
        assert_eq!(
            ["0", "999", "1,000", "16,683,200"],
            [0, 999, 1_000, 16_683_200].map(thousands).each_ref().map(|s| s.as_str())
        );
    }
}
