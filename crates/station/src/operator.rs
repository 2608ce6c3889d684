//! People who work at the station's counter and in its office, by name.

use std::fmt;

/// Most characters of a name.
const MAX_CHARS: usize = 64;

/// The name of a person who did something: 1 to 64 characters, none of them a control character, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator(String);

/// The text is no operator's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operator's name has 1 to {MAX_CHARS} characters, without line breaks, and no space at either end")]
pub struct OperatorError;

impl Operator {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Operator {
    type Err = OperatorError;

    fn from_str(text: &str) -> Result<Self, OperatorError> {
        let good = (1..=MAX_CHARS).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if good { Ok(Self(text.to_owned())) } else { Err(OperatorError) }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["cashier-1", "desk 2", "Zoë", &"x".repeat(64)] {
            assert_eq!(good.parse::<Operator>().unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a ", "a\nb", "a\u{7}", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Operator>(), Err(OperatorError), "{bad:?}");
        }
    }
}
