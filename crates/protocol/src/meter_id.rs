//! The identity of a meter: a DLMS logical device name, its check character and its label.

use core::fmt;
use core::str::FromStr;

/// Identity of a meter or appliance: a DLMS logical device name, 3 capital letters of the maker's FLAG code and 1 to 13 of
/// `0-9A-Z`; 4 to 16 bytes of ASCII.
///
/// Without its check character it is written `CLS0000000017` ([`fmt::Display`]); with it, as printed and typed,
/// `CLS0000000017-Z` ([`MeterId::label`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeterId {
    // Unused bytes are 0, so that the derived order and equality are those of the text.
    text: [u8; Self::MAX_BYTES],
    len: u8,
}

/// Why a text is not a meter's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MeterIdError {
    /// Not 4 to 16 characters.
    #[error("a meter number has 4 to 16 characters: 3 letters of the maker and 1 to 13 digits or letters")]
    Length,
    /// The first three are not capital letters.
    #[error("a meter number begins with the 3 capital letters of its maker")]
    Maker,
    /// A character that is neither a digit nor a capital letter.
    #[error("a meter number has only digits and capital letters")]
    Character,
}

/// Why a text is not a label: a meter's identity with its check character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The part before the hyphen is not a meter's identity.
    #[error(transparent)]
    Id(#[from] MeterIdError),
    /// No hyphen with one character after it.
    #[error("the check character is missing: type the number as printed, for example CLS0000000017-Z")]
    NoCheckCharacter,
    /// The check character does not fit: at least one character was mistyped.
    #[error("the check character does not fit: at least one character of the meter number is mistyped")]
    WrongCheckCharacter,
    /// Not a URL of the form `https://<station>/m/<id>-<check>`.
    #[error("this is not the URL of a meter's label (https://<station>/m/<number>-<check>)")]
    NotALabelUrl,
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl MeterId {
    /// Nobody's identity: that of a meter that does not know yet who it is.
    pub const UNKNOWN: Self = Self { text: *b"XXX0\0\0\0\0\0\0\0\0\0\0\0\0", len: 4 };

    /// Most bytes of an identity.
    pub const MAX_BYTES: usize = 16;
    /// Most bytes of a label: an identity, a hyphen and the check character.
    pub const MAX_LABEL_BYTES: usize = Self::MAX_BYTES + 2;

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in (from_ascii), so this never takes the empty text.
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The same as ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Reads an identity as ASCII: 3 letters of the maker and up to 13 digits and letters, all upper case.
    ///
    /// # Errors
    /// [`MeterIdError`] says which of that it is not.
    pub fn from_ascii(bytes: &[u8]) -> Result<Self, MeterIdError> {
        if !(4..=Self::MAX_BYTES).contains(&bytes.len()) {
            return Err(MeterIdError::Length);
        }
        if !bytes.iter().take(3).all(u8::is_ascii_uppercase) {
            return Err(MeterIdError::Maker);
        }
        if !bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return Err(MeterIdError::Character);
        }
        let mut text = [0; Self::MAX_BYTES];
        text.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(Self { text, len: bytes.len() as u8 })
    }

    /// The check character over the identity: ISO 7064 MOD 37,36 (hybrid system, §8 of the standard).
    pub fn check_character(&self) -> char {
        // The product is 1 to 36 and a value at most 35, so nothing here can overflow.
        let product = self.as_bytes().iter().fold(36_usize, |product, byte| {
            let sum = product.wrapping_add(value_of(*byte)) % 36;
            (if sum == 0 { 36 } else { sum }).wrapping_mul(2) % 37
        });
        ALPHABET.get(37_usize.wrapping_sub(product) % 36).map_or('0', |&byte| char::from(byte))
    }

    /// The identity as printed and typed: `CLS0000000017-Z`.
    pub fn label(&self) -> Label {
        Label(*self)
    }

    /// Reads what a person typed or a scanner read: the number, a hyphen and the check character. Lower case and spaces
    /// around it are forgiven. The hyphen is not: without it, one in 36 numbers that lack their check character would pass
    /// for a shorter number that has it.
    ///
    /// # Errors
    /// [`LabelError`] says what is wrong in words for that person.
    pub fn from_label(label: &str) -> Result<Self, LabelError> {
        let label = label.trim();
        let hyphen = label.bytes().rposition(|byte| byte == b'-');
        let split = hyphen.and_then(|at| label.split_at_checked(at));
        let Some((id, check)) = split.and_then(|(id, rest)| Some((id, rest.strip_prefix('-')?))) else {
            Self::from_folded(label)?;
            return Err(LabelError::NoCheckCharacter);
        };
        let id = Self::from_folded(id)?;
        match check.as_bytes() {
            [] => Err(LabelError::NoCheckCharacter),
            [check] if char::from(check.to_ascii_uppercase()) == id.check_character() => Ok(id),
            _ => Err(LabelError::WrongCheckCharacter),
        }
    }

    /// Reads the URL of a label, `https://<station>/m/<id>-<check>`; the station's name is not judged.
    ///
    /// # Errors
    /// [`LabelError`], for another URL [`LabelError::NotALabelUrl`].
    pub fn from_label_url(url: &str) -> Result<Self, LabelError> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let path = rest.and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
        let label = path.and_then(|path| path.strip_prefix("m/")).ok_or(LabelError::NotALabelUrl)?;
        let label = label.split(['?', '#', '/']).next().unwrap_or("");
        Self::from_label(label)
    }

    fn from_folded(text: &str) -> Result<Self, MeterIdError> {
        let mut folded = [0; Self::MAX_BYTES];
        let folded = folded.get_mut(..text.len()).ok_or(MeterIdError::Length)?;
        folded.copy_from_slice(text.as_bytes());
        folded.make_ascii_uppercase();
        Self::from_ascii(folded)
    }
}

/// The value of a digit or letter, its place in [`ALPHABET`].
fn value_of(byte: u8) -> usize {
    char::from(byte).to_digit(36).unwrap_or(0) as usize
}

impl FromStr for MeterId {
    type Err = MeterIdError;

    fn from_str(text: &str) -> Result<Self, MeterIdError> {
        Self::from_ascii(text.as_bytes())
    }
}

impl fmt::Display for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A meter's identity with its check character, for printing: `CLS0000000017-Z`.
#[derive(Clone, Copy, Debug)]
pub struct Label(MeterId);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.as_str(), self.0.check_character())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn id(text: &str) -> MeterId {
        text.parse().unwrap()
    }

    #[test]
    fn check_character_of_published_examples() {
        // ISO 7064 MOD 37,36 as used and published by GRid (IFPI, GRid Standard 2.1: A1-2425G-ABC1234002-M).
        let whole = "A12425GABC1234002";
        let product = whole.bytes().fold(36, |p, b| {
            let sum = (p + value_of(b)) % 36;
            (if sum == 0 { 36 } else { sum }) * 2 % 37
        });
        assert_eq!(ALPHABET[(37 - product) % 36], b'M');
    }

    #[test]
    fn every_single_slip_and_neighbour_swap_is_caught() {
        let good = id("CLS0000000017").label().to_string();
        for at in 0..good.len() - 2 {
            for other in ALPHABET {
                let mut slip = good.clone().into_bytes();
                if slip[at] != *other {
                    slip[at] = *other;
                    assert!(MeterId::from_label(core::str::from_utf8(&slip).unwrap()).is_err());
                }
            }
        }
        let mixed = id("CLS19A7Z03").label().to_string();
        for at in 3..mixed.len() - 3 {
            let mut swapped = mixed.clone().into_bytes();
            swapped.swap(at, at + 1);
            let swapped = core::str::from_utf8(&swapped).unwrap();
            assert!(swapped == mixed || MeterId::from_label(swapped).is_err(), "{swapped}");
        }
    }

    #[test]
    fn labels_are_read_as_people_type_them() {
        let meter = id("CLS0000000017");
        let label = meter.label().to_string();
        assert_eq!(label, "CLS0000000017-Z");
        assert_eq!(MeterId::from_label("  cls0000000017-z "), Ok(meter));
        // The number CLS000000001 has the check character 7.
        assert_eq!(MeterId::from_label("CLS000000001-7").map(|id| id.to_string()).as_deref(), Ok("CLS000000001"));
        assert_eq!(MeterId::from_label("CLS0000000017"), Err(LabelError::NoCheckCharacter));
        assert_eq!(MeterId::from_label("CLS0000000017-L"), Err(LabelError::WrongCheckCharacter));
        assert_eq!(MeterId::from_label("CL"), Err(LabelError::Id(MeterIdError::Length)));
        assert_eq!(MeterId::from_label(""), Err(LabelError::Id(MeterIdError::Length)));
        assert_eq!(MeterId::from_label("CLS00000000000000000-X"), Err(LabelError::Id(MeterIdError::Length)));
        assert_eq!(MeterId::from_label("CLÄ1-Z"), Err(LabelError::Id(MeterIdError::Maker)));
    }

    #[test]
    fn label_urls() {
        let meter = id("CLS0000000017");
        assert_eq!(MeterId::from_label_url("https://pay.example/m/CLS0000000017-Z"), Ok(meter));
        assert_eq!(MeterId::from_label_url("https://pay.example/m/CLS0000000017-Z?x=1"), Ok(meter));
        assert_eq!(MeterId::from_label_url("https://pay.example/x"), Err(LabelError::NotALabelUrl));
    }
}
