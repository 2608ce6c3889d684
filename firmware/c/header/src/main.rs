//! Writes the C header of the library in the folder that is named first to the file that is named second, `-` for the output.
//! `cargo xtask firmware --c` runs it.

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, Style};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEAD: &str = "\
/* The Coinless meter core for firmware written in C. Made from firmware/c/src by `cargo xtask firmware --c`: not to be edited.
 *
 * docs/porting.md goes through a new board. In short: fill in a coinless_port_t and a coinless_layout_t, give a zeroed
 * coinless_meter_t, call coinless_start() once and coinless_round() at least every COINLESS_ROUND_MS; hand over what comes in and
 * what happens as it comes.
 *
 * No function allocates, blocks on anything but the port's own functions, or disables interrupts. One call works on a meter at a
 * time: a call from an interrupt, or from a function of the port, answers COINLESS_ERROR_BUSY and does nothing. Functions answer
 * COINLESS_OK or a COINLESS_ERROR; then nothing has happened.
 */";

const WIDTH: &str = "\
/* What the constants below depend on. */
#if UINTPTR_MAX > 0xffffffffu
#define COINLESS_POINTERS_64
#else
#define COINLESS_POINTERS_32
#endif";

const NAMES: [(&str, &str); 5] = [
    ("MeterMemory", "coinless_meter_t"),
    ("FlashLayout", "coinless_layout_t"),
    ("DisplayView", "coinless_view_t"),
    ("CallDone", "coinless_done_t"),
    ("PortCalls", "coinless_port_t"),
];

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [library, header] = arguments.as_slice() else {
        eprintln!("coinless-meter-header LIBRARY HEADER");
        return ExitCode::from(2);
    };
    match make(library).and_then(|text| write(header, &text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(library: &Path) -> Result<String, String> {
    let source = |name| library.join("src").join(name);
    let builder = Builder::new().with_config(config()).with_src(source("abi.rs")).with_src(source("api.rs"));
    let bindings = builder.generate().map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    // What Rust calls a function's safety is what the caller promises.
    let text = text.replace("# Safety", "The caller promises:");
    Ok(text.lines().map(|line| in_brackets(line) + "\n").collect())
}

/// A negative number needs brackets to be used like any other.
fn in_brackets(line: &str) -> String {
    match line.strip_prefix("#define ").and_then(|define| define.split_once(" -")) {
        Some((name, number)) => format!("#define {name} (-{number})"),
        None => line.into(),
    }
}

fn config() -> Config {
    let define = |width: &str| (format!("target_pointer_width = {width}"), format!("COINLESS_POINTERS_{width}"));
    Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        header: Some(HEAD.into()),
        include_guard: Some("COINLESS_METER_H".into()),
        no_includes: true,
        sys_includes: vec!["stdint.h".into()],
        after_includes: Some(WIDTH.into()),
        documentation_style: DocumentationStyle::C99,
        line_length: 120,
        tab_width: 4,
        defines: HashMap::from([define("32"), define("64")]),
        export: ExportConfig {
            rename: NAMES.into_iter().map(|(rust, c)| (rust.into(), c.into())).collect(),
            ..ExportConfig::default()
        },
        enumeration: EnumConfig::default(),
        ..Config::default()
    }
}

fn write(header: &Path, text: &str) -> Result<(), String> {
    if header == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(header, text).map_err(|error| format!("{}: {error}", header.display()))
}
