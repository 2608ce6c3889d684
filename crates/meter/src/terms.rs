//! The terms of a meter: what tokens set and seldom changes. They lie in a journal of their own, since the state is written a
//! hundred times a day and this a few times a year.
//!
//! # Body of a record, format 1
//!
//! Integers are little-endian; offsets are those of the whole record (see [`crate::journal`] for bytes 0 to 7 and 508 to 511).
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 8 | 2 | format, 1 |
//! | 10 | 2 | key epoch of the meter |
//! | 12 | 141 | tariff register: number (4 bytes), length of the content (1), content (136, zero padded) |
//! | 153 | 141 | settings register, likewise |
//! | 294 | 141 | keys register, likewise |
//! | 435 | 73 | zero |
//!
//! A register that was never set has no content; one that was set in an earlier key epoch has number 0. Contents are kept as they came in a token
//! ([`coinless_protocol::tariff`], [`coinless_protocol::settings`], [`coinless_protocol::issuers`]).
//!
//! The numbers of these registers and the epoch are in these records alone, those of credit and valve command in the state, with
//! the epoch that they belong to. So nothing has to be written to both journals at once: a power cut between the two leaves a
//! token half taken, and the same token again has the rest taken.

use crate::fields::{FieldReader, FieldWriter, is_zero};
use crate::journal::Record;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{Content, MAX_CONTENT_BYTES};
use coinless_protocol::{Bytes, CreditNumber, DecodeError, Epoch};

const FORMAT: u16 = 1;

/// Bytes of a slot.
const SLOT_BYTES: usize = 512;

/// What the terms record holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// The key epoch of the meter.
    pub epoch: Epoch,
    /// The tariff register.
    pub tariff: Version,
    /// The settings register.
    pub settings: Version,
    /// The keys register.
    pub keys: Version,
}

/// A version of a register with its content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// Its number; 0 if the register was never set in this key epoch.
    pub number: u32,
    /// Its content in CBOR.
    pub content: Bytes<MAX_CONTENT_BYTES>,
}

/// Terms as a meter uses them.
#[derive(Debug, Clone, Default)]
pub struct TermsInUse {
    /// Epoch and numbers; that of credit is not among them and always 0.
    pub(crate) numbers: RegisterNumbers,
    /// The tariff.
    pub tariff: Tariff,
    /// The settings.
    pub settings: Settings,
}

impl TermsInUse {
    /// Reads `terms`; after an error nothing has changed.
    pub(crate) fn take(&mut self, terms: &Terms) -> Result<(), DecodeError> {
        let (tariff, settings) = (terms.read_tariff()?, terms.read_settings()?);
        let numbers = RegisterNumbers {
            epoch: terms.epoch,
            credit: CreditNumber(0),
            tariff: terms.tariff.number,
            settings: terms.settings.number,
            keys: terms.keys.number,
        };
        *self = Self { numbers, tariff, settings };
        Ok(())
    }
}

impl Terms {
    fn read_tariff(&self) -> Result<Tariff, DecodeError> {
        self.tariff.content().map_or(Ok(Tariff::default()), Tariff::from_bytes)
    }

    fn read_settings(&self) -> Result<Settings, DecodeError> {
        self.settings.content().map_or(Ok(Settings::default()), Settings::from_bytes)
    }

    /// The operational keys, if a token ever named any.
    pub(crate) fn operational_keys(&self) -> Result<Option<OperationalKeys>, DecodeError> {
        self.keys.content().map(OperationalKeys::from_bytes).transpose()
    }

    /// The terms of the same meter in the key epoch `epoch`, where all registers begin anew and what they hold goes on.
    pub(crate) fn enter(&mut self, epoch: Epoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            for version in [&mut self.tariff, &mut self.settings, &mut self.keys] {
                version.number = 0;
            }
        }
    }
}

impl Version {
    /// Its content; none if the register was never set.
    fn content(&self) -> Option<&[u8]> {
        Some(self.content.as_slice()).filter(|content| !content.is_empty())
    }

    /// Takes what a token carries. Its content is at most [`MAX_CONTENT_BYTES`] long, as every decoded one.
    pub(crate) fn set(&mut self, new: &Content<'_>) {
        self.content.clear();
        if self.content.append(new.bytes).is_ok() {
            self.number = new.number;
        }
    }

    fn write(&self, out: &mut FieldWriter<'_>) {
        let mut content = [0; MAX_CONTENT_BYTES];
        content.iter_mut().zip(self.content.iter()).for_each(|(to, from)| *to = *from);
        out.put(self.number.to_le_bytes()).put([self.content.len() as u8]).put(content);
    }

    fn read(input: &mut FieldReader<'_>) -> Option<Self> {
        let (number, len) = (input.u32(), usize::from(input.u8()));
        let (content, padding) = input.slice(MAX_CONTENT_BYTES).split_at_checked(len)?;
        is_zero(padding).then_some(Self { number, content: Bytes::copy_of(content).ok()? })
    }
}

impl Record for Terms {
    type Slot = [u8; SLOT_BYTES];
    const BLANK: Self::Slot = [0; SLOT_BYTES];

    fn write_body(&self, body: &mut [u8]) {
        let mut out = FieldWriter::new(body);
        out.put(FORMAT.to_le_bytes()).put(self.epoch.0.to_le_bytes());
        for version in [&self.tariff, &self.settings, &self.keys] {
            version.write(&mut out);
        }
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        let mut input = FieldReader::new(body);
        if input.u16() != FORMAT {
            return None;
        }
        let epoch = Epoch(input.u16());
        let mut version = || Version::read(&mut input);
        let (tariff, settings, keys) = (version()?, version()?, version()?);
        input.ends_in_zeros().then_some(Self { epoch, tariff, settings, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32, len: usize) -> Version {
        Version { number, content: Bytes::copy_of(&[0xa5; MAX_CONTENT_BYTES][..len]).unwrap() }
    }

    fn body(terms: &Terms) -> [u8; SLOT_BYTES - 12] {
        let mut body = [0; SLOT_BYTES - 12];
        terms.write_body(&mut body);
        body
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let full = Terms {
            epoch: Epoch(7),
            tariff: version(1, MAX_CONTENT_BYTES),
            settings: version(u32::MAX, 1),
            keys: version(3, 73),
        };
        for terms in [Terms::default(), full.clone()] {
            assert_eq!(Terms::read_body(&body(&terms)), Some(terms));
        }
        let bytes = body(&full);
        let at = |offset: usize| bytes[offset - 8];
        assert_eq!(
            (at(8), at(10), at(12), at(16), at(17), at(153), at(157), at(294), at(298)),
            (1, 7, 1, 136, 0xa5, 255, 1, 3, 73)
        );
        assert!(bytes[435 - 8..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn another_format_is_not_read() {
        let full = body(&Terms { tariff: version(1, 4), ..Terms::default() });
        for (offset, value) in [(8, 2), (16, 137), (21, 1), (435, 1), (507, 1)] {
            let mut wrong = full;
            wrong[offset - 8] = value;
            assert_eq!(Terms::read_body(&wrong), None, "offset {offset}");
        }
    }
}
