//! `cargo xtask fuzz`: libFuzzer over the targets of `fuzz/`, from the kept corpora and the vectors.
//!
//! What is reached on the way lies in `target/fuzz/corpus` and is where the next run goes on; `--keep` puts the least of it that
//! covers the same code into `fuzz/corpus`, which the workspace's tests run on any toolchain.

use crate::peers::{in_path, run};
use crate::{cargo, root, target_directory};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
const DEFAULT_SECONDS: u32 = 60;
/// How the names of kept inputs begin that found something once: they stay, whatever else reaches the same code.
const FOUND: &str = "found-";
/// Longest input; a sequence of some 90 events at a meter.
const MAX_INPUT_BYTES: u32 = 4096;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    seconds: u32,
    jobs: usize,
    keep: bool,
    targets: Vec<String>,
}

impl Asked {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut asked = Self { seconds: DEFAULT_SECONDS, jobs: 1, keep: false, targets: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--seconds" => asked.seconds = rest.next()?.parse().ok()?,
                "--jobs" => asked.jobs = rest.next()?.parse().ok().filter(|jobs| *jobs > 0)?,
                "--keep" => asked.keep = true,
                option if option.starts_with('-') => return None,
                target => asked.targets.push(target.to_string()),
            }
        }
        Some(asked)
    }
}

/// Runs the targets that are asked for, or all; none if the arguments cannot be read.
pub fn run_targets(arguments: &[String]) -> Option<ExitCode> {
    let asked = Asked::parse(arguments)?;
    let done = Fuzz::prepare().and_then(|fuzz| fuzz.run(&asked));
    Some(match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    })
}

/// Checks that the targets build, without running them.
///
/// # Errors
/// What the compiler said.
pub fn check(command: &mut Command) -> &mut Command {
    command.args(["check", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"]).arg(folder())
}

/// Everything of fuzzing that is not kept.
fn folder() -> PathBuf {
    target_directory().join("fuzz")
}

/// A target that is being fuzzed.
struct Running {
    target: String,
    child: Child,
    since: Instant,
}

/// Programs and seeds are made.
struct Fuzz {
    programs: PathBuf,
    all: Vec<String>,
}

impl Fuzz {
    fn prepare() -> Result<Self, String> {
        let folder = folder();
        let cargo_fuzz = cargo_fuzz()?;
        let mut build = Command::new(cargo_fuzz);
        // Without a sanitizer: nothing here is unsafe, and so no nightly toolchain is needed. Without traced comparisons it
        // reaches more in the same time.
        build.args(["fuzz", "build", "--sanitizer", "none", "--no-trace-compares", "--target-dir"]).arg(&folder);
        println!("building");
        let built = build.current_dir(root().join("fuzz")).status().map_err(|error| error.to_string())?;
        if !built.success() {
            return Err("the targets do not build".into());
        }
        let seeds = ["run", "--quiet", "--package", "coinless-fuzz", "--", "vectors"];
        run(cargo().args(seeds).arg(folder.join("seeds")))?;
        let host = run(Command::new("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say its host")?;
        let names = entries(&root().join("fuzz/fuzz_targets"))?;
        let mut all: Vec<String> = names.iter().map(|name| name.trim_end_matches(".rs").to_string()).collect();
        all.sort();
        Ok(Self { programs: folder.join(host).join("release"), all })
    }

    /// Whether nothing was found.
    fn run(&self, asked: &Asked) -> Result<bool, String> {
        let targets = if asked.targets.is_empty() { &self.all } else { &asked.targets };
        if let Some(unknown) = targets.iter().find(|target| !self.all.contains(target)) {
            return Err(format!("no target {unknown}; there are {}", self.all.join(", ")));
        }
        println!("{:<14} {:>12} {:>9} {:>8} {:>8}", "target", "runs", "a second", "edges", "inputs");
        let mut waiting: VecDeque<&String> = targets.iter().collect();
        let mut running = Vec::new();
        let mut clean = true;
        loop {
            while running.len() < asked.jobs
                && let Some(target) = waiting.pop_front()
            {
                running.push(self.start(target, asked.seconds)?);
            }
            if running.is_empty() {
                return Ok(clean);
            }
            // The oldest one ends first, as all get the same time; others wait for it at most a moment.
            let mut first: Running = running.remove(0);
            let status = first.child.wait().map_err(|error| error.to_string())?;
            clean &= report(&first, status.success());
            if asked.keep && status.success() {
                self.keep(&first.target)?;
            }
        }
    }

    fn start(&self, target: &str, seconds: u32) -> Result<Running, String> {
        let folder = folder();
        let corpus = folder.join("corpus").join(target);
        for folder in [&corpus, &kept(target), &folder.join("found")] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let file = File::create(log(target)).map_err(|error| error.to_string())?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(self.programs.join(target));
        command.arg(corpus).arg(kept(target)).arg(folder.join("seeds").join(target));
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_INPUT_BYTES}"));
        command.args(["-timeout=10", "-print_final_stats=1"]);
        command.arg(format!("-artifact_prefix={}/{target}-", folder.join("found").display()));
        let child = command.stdout(file).stderr(errors).spawn().map_err(|error| format!("{target}: {error}"))?;
        Ok(Running { target: target.to_string(), child, since: Instant::now() })
    }

    /// Puts the least inputs that reach the same code into the kept corpus, beside what found something.
    fn keep(&self, target: &str) -> Result<(), String> {
        let (kept, least) = (kept(target), folder().join("least").join(target));
        let at = |error: std::io::Error| format!("{}: {error}", least.display());
        if least.exists() {
            fs::remove_dir_all(&least).map_err(at)?;
        }
        fs::create_dir_all(&least).map_err(at)?;
        let mut merge = Command::new(self.programs.join(target));
        merge.args(["-set_cover_merge=1", "-use_counters=0"]).arg(&least);
        run(merge.arg(&kept).arg(folder().join("corpus").join(target)))?;
        fs::create_dir_all(&kept).map_err(at)?;
        for name in entries(&kept)?.iter().filter(|name| !name.starts_with(FOUND)) {
            fs::remove_file(kept.join(name)).map_err(at)?;
        }
        for name in entries(&least)? {
            fs::copy(least.join(&name), kept.join(&name)).map_err(at)?;
        }
        Ok(())
    }
}

fn kept(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

fn log(target: &str) -> PathBuf {
    folder().join(format!("{target}.log"))
}

fn entries(folder: &Path) -> Result<Vec<String>, String> {
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::read_dir(folder).map_err(at)?.map(|entry| Ok(entry.map_err(at)?.file_name().to_string_lossy().into())).collect()
}

/// Prints a line on a target that has ended; whether nothing was found.
fn report(run: &Running, clean: bool) -> bool {
    let output = fs::read(log(&run.target)).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    let found = Figures::of(&output);
    let seconds = run.since.elapsed().max(Duration::from_secs(1)).as_secs();
    let Figures { runs, edges, inputs } = found;
    println!("{:<14} {runs:>12} {:>9} {edges:>8} {inputs:>8}", run.target, runs / seconds);
    if clean {
        return true;
    }
    println!("FAILED");
    let lines = output.lines().filter(|line| !line.starts_with('#'));
    let mut from = lines.skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR"));
    from.by_ref().take(6).for_each(|line| println!("  {line}"));
    let written = output.lines().find_map(|line| line.split_once("Test unit written to "));
    if let Some((_, path)) = written {
        println!(
            "  the input: {path}\n  once it is mended, it stays as a test in {}/{FOUND}…",
            kept(&run.target).display()
        );
    }
    false
}

/// What libFuzzer says at its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    runs: u64,
    edges: u64,
    inputs: u64,
}

impl Figures {
    fn of(output: &str) -> Self {
        let last = output.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or("");
        let after = |name: &str| {
            let mut words = last.split_whitespace().skip_while(|word| *word != name);
            words.nth(1).map_or(0, |word| word.split('/').next().unwrap_or("").parse().unwrap_or(0))
        };
        let units = |line: &str| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok();
        Self { runs: output.lines().find_map(units).unwrap_or(0), edges: after("cov:"), inputs: after("corp:") }
    }
}

/// cargo-fuzz: from PATH, or installed once below `target`.
fn cargo_fuzz() -> Result<PathBuf, String> {
    if let Some(program) = in_path("cargo-fuzz") {
        return Ok(program);
    }
    let tools = target_directory().join("tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        println!("installing cargo-fuzz {CARGO_FUZZ_VERSION}");
        let install = ["install", "--quiet", "--locked", "--version", CARGO_FUZZ_VERSION, "cargo-fuzz", "--root"];
        run(cargo().args(install).arg(&tools))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |text: &str| Asked::parse(&text.split_whitespace().map(String::from).collect::<Vec<_>>());
        let plain = Asked { seconds: 60, jobs: 1, keep: false, targets: vec![] };
        assert_eq!(parse(""), Some(plain));
        let asked = Asked { seconds: 1800, jobs: 2, keep: true, targets: vec!["meter".into(), "token".into()] };
        assert_eq!(parse("--seconds 1800 meter --jobs 2 token --keep"), Some(asked));
        for wrong in ["--seconds", "--seconds x", "--jobs 0", "--help"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn figures_are_read() {
        let output = "#2\tINITED cov: 3 ft: 4 corp: 1/1b exec/s: 0\n\
            #543816\tDONE   cov: 1704 ft: 9849 corp: 2346/145Kb lim: 814 exec/s: 8915 rss: 39Mb\n\
            stat::number_of_executed_units: 543816\nstat::average_exec_per_sec:     8915\n";
        assert_eq!(Figures::of(output), Figures { runs: 543_816, edges: 1704, inputs: 2346 });
        assert_eq!(Figures::of("cannot run"), Figures::default());
    }
}
