//! Runs steps, one after another, and tells what became of them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// What became of a step.
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// The steps so far. A failed one does not keep the next from running.
pub struct Runner {
    logs: PathBuf,
    steps: Vec<(String, Outcome, Duration)>,
}

impl Runner {
    /// A runner that keeps the steps' output in the folder `logs`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(logs: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&logs)?;
        Ok(Self { logs, steps: Vec::new() })
    }

    /// Runs a command as step `name`; its output is shown if it fails.
    pub fn command(&mut self, name: &str, command: &mut Command) {
        let log = self.logs.join(format!("{name}.log"));
        self.step(name, || {
            let mut run = || {
                let file = File::create(&log)?;
                command.stdout(file.try_clone()?).stderr(file).status()
            };
            let status = run().map_err(|error| format!("cannot run {command:?}: {error}"))?;
            let output = fs::read(&log).unwrap_or_default();
            let output = String::from_utf8_lossy(&output);
            if status.success() { Ok(tests_passed(&output)) } else { Err(format!("{output}\n{command:?}: {status}")) }
        });
    }

    /// Runs `work` as step `name`: it gives a remark, or what is to be shown of its failure.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<String, String>) {
        self.attempt(name, true, work);
    }

    /// Like [`Runner::step`]; but if the step is not `required`, it is skipped where it would fail.
    pub fn attempt(&mut self, name: &str, required: bool, work: impl FnOnce() -> Result<String, String>) {
        print!("{name:<10} ");
        let _ = io::stdout().flush();
        let started = Instant::now();
        let result = work();
        let time = started.elapsed();
        let seconds = time.as_secs_f64();
        let outcome = match result {
            Ok(remark) => {
                println!("ok      {seconds:>7.1} s  {remark}");
                Outcome::Passed
            }
            Err(why) if !required => {
                println!("skipped {seconds:>7.1} s  {why}");
                Outcome::Skipped
            }
            Err(output) => {
                println!("FAILED  {seconds:>7.1} s\n{}\n", output.trim_end());
                Outcome::Failed
            }
        };
        self.steps.push((name.to_string(), outcome, time));
    }

    /// Prints the summary; the exit code says whether no step failed.
    pub fn finish(self) -> ExitCode {
        let named = |wanted: fn(&Outcome) -> bool| {
            let names: Vec<_> = self.steps.iter().filter(|step| wanted(&step.1)).map(|step| step.0.as_str()).collect();
            names.join(", ")
        };
        let (failed, skipped) = (named(|o| matches!(o, Outcome::Failed)), named(|o| matches!(o, Outcome::Skipped)));
        let seconds: f64 = self.steps.iter().map(|step| step.2.as_secs_f64()).sum();
        println!("\n{} steps in {seconds:.0} s", self.steps.len());
        if !skipped.is_empty() {
            println!("skipped: {skipped}");
        }
        if !failed.is_empty() {
            println!("FAILED: {failed} (output in {})", self.logs.display());
            return ExitCode::FAILURE;
        }
        println!("all passed");
        ExitCode::SUCCESS
    }
}

/// How many tests `output` of `cargo test` says have passed; empty if it is of something else.
fn tests_passed(output: &str) -> String {
    let count = |line: &str| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<u32>().ok();
    let counts: Vec<_> = output.lines().filter_map(count).collect();
    if counts.is_empty() { String::new() } else { format!("{} tests", counts.iter().sum::<u32>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed\n\ntest result: ok. 40 passed; 0 failed\n";
        assert_eq!(tests_passed(output), "42 tests");
        assert_eq!(tests_passed("Checking coinless"), "");
    }
}
