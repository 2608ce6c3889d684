//! What may stand in a log: texts from outside without the numbers in them, and a short name for what a line is about.

use ring::digest::{SHA256, digest};
use std::fmt;

/// Most characters of a text from outside in a log line.
const MAX_CHARS: usize = 200;
/// From so many digits on a word is masked: telephone numbers, receipt numbers, ids, ports.
const MASKED_DIGITS: usize = 5;
/// From so many characters on a word in hexadecimal is masked: tokens, signatures, hashes.
const MASKED_HEX: usize = 16;

/// A text from outside (of a provider, a sales system, an error), as it may be logged: on one line, at most 200 characters, and
/// every word masked that holds five digits or more, an `@`, an address, or much hexadecimal. Numbers that are written in
/// groups count as one.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a>(pub &'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.split_whitespace().collect();
        let mut left = MAX_CHARS;
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let run = words[at..].iter().take_while(|word| is_number(word)).count().max(1);
            let digits: usize = words[at..at + run].iter().map(|word| count_digits(word)).sum();
            let shown = if digits >= MASKED_DIGITS || is_telling(word) { "…" } else { word };
            // A number in groups is masked as one; a short one is shown group by group.
            at += if shown == "…" { run } else { 1 };
            let length = shown.chars().count() + 1;
            if length > left {
                return f.write_str(" …");
            }
            if left < MAX_CHARS {
                f.write_str(" ")?;
            }
            left -= length;
            // Control characters would let an outside system write lines of its own.
            shown.chars().filter(|c| !c.is_control()).try_for_each(|c| write!(f, "{c}"))?;
        }
        Ok(())
    }
}

fn count_digits(word: &str) -> usize {
    word.chars().filter(|c| c.is_numeric()).count()
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_numeric() || "+-()./,".contains(c))
}

fn is_telling(word: &str) -> bool {
    let hex = word.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0);
    word.contains("://") || word.contains('@') || hex >= MASKED_HEX
}

/// What a line of the log is about: the first 8 hexadecimal digits of the SHA-256 of the order's id, of the meter's identity, or
/// of what else comes before the first `/` of a task's subject. Who knows the id finds the lines
/// (`printf %s ID | sha256sum | cut -c1-8`); who has the log does not learn the id of an order from it.
pub fn subject_hash(subject: &str) -> String {
    let about = subject.split('/').next().unwrap_or_default();
    digest(&SHA256, about.as_bytes()).as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_masked() {
        let cases = [
            ("connection refused (os error 111)", "connection refused (os error 111)"),
            ("the provider answered 503", "the provider answered 503"),
            ("subscriber +254700123456 is not reachable", "subscriber … is not reachable"),
            ("subscriber 254 700 123 456 is gone", "subscriber … is gone"),
            ("subscriber (0700) 123-456", "subscriber …"),
            ("error for url (http://pay.example/x)", "error for url …"),
            ("order=01890a5d-ac96-774b-bcce-b302099a8057, line 1", "… line 1"),
            ("payer ada@example.org", "payer …"),
            ("token deadbeefdeadbeefdeadbeef refused", "token … refused"),
            ("two\nlines\u{1b}[31m", "two lines[31m"),
            ("", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(Words(text).to_string(), shown, "{text}");
        }
        assert!(Words(&"word ".repeat(1000)).to_string().chars().count() <= MAX_CHARS + 2);
    }

    #[test]
    fn all_of_one_order_has_one_name() {
        // printf %s abc | sha256sum
        assert_eq!(subject_hash("abc"), "ba7816bf");
        assert_eq!(subject_hash("abc/1"), "ba7816bf");
    }
}
