//! Plain questions on a terminal: on standard error, answered on standard input, or by an option.

use crate::output::{Context, Failure};
use std::fmt::Display;
use std::io::{BufRead, Read, Write, stderr, stdin};

/// Most bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Who is asked.
pub(super) struct Asker {
    defaults: bool,
}

/// A question.
pub(super) struct Question<'a> {
    /// What is asked.
    pub words: String,
    /// The option that answers it, without its hyphens.
    pub option: &'a str,
    /// What is taken if nothing is answered.
    pub default: Option<String>,
}

impl Asker {
    /// Asks nothing where there is a default, if `defaults`.
    pub(super) fn new(defaults: bool) -> Self {
        Self { defaults }
    }

    /// The answer, as `read` understands it: the one that was `given` by an option, else what is typed. What is typed wrong is
    /// asked again.
    ///
    /// # Errors
    /// When what was given is wrong, or nobody answers.
    pub(super) fn ask<T, E: Display>(
        &self,
        question: &Question<'_>,
        given: Option<&str>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let by_option = |text: &str| read(text).context(format_args!("--{}", question.option));
        match (given, &question.default) {
            (Some(given), _) => return by_option(given),
            (None, Some(default)) if self.defaults => return by_option(default),
            _ => {}
        }
        loop {
            let typed = self.typed(question)?;
            let answer = match (typed.trim(), &question.default) {
                ("", Some(default)) => default,
                ("", None) => {
                    eprintln!("  an answer is needed");
                    continue;
                }
                (answer, _) => answer,
            };
            match read(answer) {
                Ok(answer) => return Ok(answer),
                Err(why) => eprintln!("  {why}"),
            }
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// As [`Asker::ask`].
    pub(super) fn yes(&self, question: &Question<'_>, given: Option<&str>) -> Result<bool, Failure> {
        self.ask(question, given, |text| match text.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("write yes or no"),
        })
    }

    fn typed(&self, question: &Question<'_>) -> Result<String, Failure> {
        let default = question.default.as_ref().map(|default| format!(" [{default}]")).unwrap_or_default();
        let nobody = || Failure::new(format!("nobody answers \"{}\": give --{}", question.words, question.option));
        if self.defaults {
            return Err(nobody());
        }
        // A terminal that is gone is noticed when it is read from.
        let _ = write!(stderr(), "{}{default}: ", question.words).and_then(|()| stderr().flush());
        let mut line = String::new();
        let read = stdin().lock().take(MAX_ANSWER_BYTES).read_line(&mut line).context("reading an answer")?;
        if read > 0 {
            return Ok(line);
        }
        eprintln!();
        Err(nobody())
    }
}
