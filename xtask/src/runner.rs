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
    tests: Tests,
}

/// How many tests ran in all steps together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tests {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Runner {
    /// A runner that keeps the steps' output in the folder `logs`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(logs: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&logs)?;
        Ok(Self { logs, steps: Vec::new(), tests: Tests::default() })
    }

    /// Runs a command as step `name`; its output is shown if it fails.
    pub fn command(&mut self, name: &str, command: &mut Command) {
        let log = self.logs.join(format!("{name}.log"));
        let mut tests = Tests::default();
        self.step(name, || {
            let mut run = || {
                let file = File::create(&log)?;
                command.stdout(file.try_clone()?).stderr(file).status()
            };
            let status = run().map_err(|error| format!("cannot run {command:?}: {error}"))?;
            let output = fs::read(&log).unwrap_or_default();
            let output = String::from_utf8_lossy(&output);
            tests = Tests::counted(&output);
            let remark = if tests == Tests::default() { String::new() } else { format!("{} tests", tests.passed) };
            if status.success() { Ok(remark) } else { Err(format!("{output}\n{command:?}: {status}")) }
        });
        self.tests = self.tests.and(tests);
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
        let Tests { passed, failed: failures, ignored } = self.tests;
        println!("\n{} steps in {seconds:.0} s", self.steps.len());
        if !skipped.is_empty() {
            println!("skipped: {skipped}");
        }
        if !failed.is_empty() {
            println!("FAILED: {failed} (output in {})", self.logs.display());
        } else {
            println!("all steps passed");
        }
        // Alone on the last line, as test runners end.
        println!("{passed} passed, {failures} failed, {ignored} skipped");
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Tests {
    /// What the closing lines of `cargo test` in `output` say.
    fn counted(output: &str) -> Self {
        let results = output.lines().filter_map(|line| line.strip_prefix("test result: "));
        results.fold(Self::default(), |sum, result| {
            let count = |word: &str| {
                let part = result.split("; ").find(|part| part.ends_with(word))?;
                part.trim_end_matches(word).split_whitespace().last()?.parse().ok()
            };
            sum.and(Self {
                passed: count(" passed").unwrap_or(0),
                failed: count(" failed").unwrap_or(0),
                ignored: count(" ignored").unwrap_or(0),
            })
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\n\
            test result: FAILED. 40 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        assert_eq!(Tests::counted(output), Tests { passed: 42, failed: 3, ignored: 1 });
        assert_eq!(Tests::counted("Checking coinless"), Tests::default());
    }
}
