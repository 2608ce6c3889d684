//! The meter's state: everything that survives a power cut, and its place in the journal's record.
//!
//! # Body of a record, format 1
//!
//! Integers are little-endian; offsets are those of the whole record (see [`crate::journal`] for bytes 0 to 7 and 124 to 127).
//!
//! | offset | bytes | field | unit |
//! |-------:|------:|-------|------|
//! | 8 | 2 | format, 1 | |
//! | 10 | 2 | key epoch | |
//! | 12 | 4 | number of the credit register | |
//! | 16 | 8 | total of the credit register | credit units |
//! | 24 | 4 | number of the tariff register | |
//! | 28 | 4 | number of the settings register | |
//! | 32 | 4 | number of the keys register | |
//! | 36 | 4 | number of the last receipt; 0 before the first | |
//! | 40 | 8 | initial, signed, not negative | thousandths of a credit unit |
//! | 48 | 8 | withdrawn, likewise | thousandths |
//! | 56 | 8 | charged, likewise | thousandths |
//! | 64 | 8 | consumed, likewise | thousandths |
//! | 72 | 8 | balance, signed | thousandths |
//! | 80 | 1 | decision of the last receipt (its code in a receipt, 0 to 8) | |
//! | 81 | 1 | valve: bit 0 open, 1 armed, 2 valve failed, 3 opening check pending, 4 by hand only | |
//! | 82 | 1 | shut causes, one bit each, as in a receipt's flags | |
//! | 83 | 1 | uncontrolled openings in a row, 0 to 3 | |
//! | 84 | 4 | credit number of the token that the last receipt is about; 0 for none | |
//! | 88 | 8 | how much must be used first, if the decision is *not yet*; else 0 | credit units |
//! | 96 | 8 | clock register; 0 if never set | seconds since 1970-01-01 UTC |
//! | 104 | 20 | zero | |
//!
//! A record whose format or reserved bytes are not these is of newer software. It is never skipped in favour of an older one:
//! the meter is then out of service.

use crate::fields::{FieldReader, FieldWriter};
use coinless_protocol::receipt::{Decision, Outcome, RegisterNumbers, Sums};
use coinless_protocol::state::{Flags, ShutCauses};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, Units};

/// Bytes of the body of a record.
pub const BODY_BYTES: usize = 116;

/// Uncontrolled openings in a row after which only a technician can let the meter be opened again.
pub const MAX_UNCONTROLLED_OPENINGS: u8 = 3;

const FORMAT: u16 = 1;
const BIT_WATCH: u8 = 1 << 3;
const BIT_BY_HAND: u8 = 1 << 4;

/// Everything about a meter that changes and survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The numbers of all registers.
    pub registers: RegisterNumbers,
    /// Total of the credit register.
    pub total: Units,
    /// The sums other than total and consumption.
    pub sums: Sums,
    /// Consumption since the meter was made.
    pub consumed: FineCredit,
    /// Credit left; always the sum of the others ([`State::sums_hold`]).
    pub balance: FineCredit,
    /// Number of the last receipt; 0 before the first.
    pub receipt_number: u32,
    /// What the last receipt said of its token.
    pub outcome: Outcome,
    /// Valve and shut causes.
    pub flags: Flags,
    /// The valve was opened and has not yet passed the opening check.
    pub watch: bool,
    /// The valve was shut for another reason than used-up credit: until a person has opened it, no setting lets a token open it.
    pub by_hand: bool,
    /// Uncontrolled openings in a row, at most [`MAX_UNCONTROLLED_OPENINGS`].
    pub openings: u8,
    /// The clock register in seconds since 1970-01-01 UTC; 0 if it was never set.
    pub clock: u64,
}

impl State {
    /// The state of a new meter with `initial` credit: armed, so that its installer can open it, if there is any.
    pub fn new(initial: Units) -> Self {
        let causes = match initial {
            Units::ZERO => ShutCauses::NONE.with(coinless_protocol::state::ShutCause::NoCredit),
            _ => ShutCauses::NONE,
        };
        Self {
            registers: RegisterNumbers::default(),
            total: Units::ZERO,
            sums: Sums { initial: initial.fine(), ..Sums::default() },
            consumed: FineCredit::ZERO,
            balance: initial.fine(),
            receipt_number: 0,
            outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
            flags: Flags { open: false, armed: causes.is_empty(), valve_failed: false, causes },
            watch: false,
            by_hand: false,
            openings: 0,
            clock: 0,
        }
    }

    /// Whether the balance is what the sums say: `initial + total − withdrawn − charged − consumed` (DESIGN §6), and none
    /// of them is negative.
    pub fn sums_hold(&self) -> bool {
        let Sums { initial, withdrawn, charged } = self.sums;
        let terms = [initial, withdrawn, charged, self.consumed];
        let balance = initial
            .0
            .checked_add(self.total.fine().0)
            .and_then(|sum| sum.checked_sub(withdrawn.0))
            .and_then(|sum| sum.checked_sub(charged.0))
            .and_then(|sum| sum.checked_sub(self.consumed.0));
        terms.iter().all(|term| term.0 >= 0) && balance == Some(self.balance.0)
    }

    /// The body of a record.
    pub fn to_body(&self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        let RegisterNumbers { epoch, credit, tariff, settings, keys } = self.registers;
        let (decision, detail) = to_code(self.outcome.decision);
        let [low, causes] = self.flags.bits().to_le_bytes();
        let watch = if self.watch { BIT_WATCH } else { 0 };
        let by_hand = if self.by_hand { BIT_BY_HAND } else { 0 };
        FieldWriter::new(&mut body)
            .put(FORMAT.to_le_bytes())
            .put(epoch.0.to_le_bytes())
            .put(credit.0.to_le_bytes())
            .put(self.total.get().to_le_bytes())
            .put(tariff.to_le_bytes())
            .put(settings.to_le_bytes())
            .put(keys.to_le_bytes())
            .put(self.receipt_number.to_le_bytes())
            .put(self.sums.initial.0.to_le_bytes())
            .put(self.sums.withdrawn.0.to_le_bytes())
            .put(self.sums.charged.0.to_le_bytes())
            .put(self.consumed.0.to_le_bytes())
            .put(self.balance.0.to_le_bytes())
            .put([decision, low | watch | by_hand, causes, self.openings])
            .put(self.outcome.token.0.to_le_bytes())
            .put(detail.to_le_bytes())
            .put(self.clock.to_le_bytes());
        body
    }

    /// Reads a body; none if it is not of format 1.
    pub fn from_body(body: &[u8; BODY_BYTES]) -> Option<Self> {
        let mut input = FieldReader::new(body);
        if input.u16()? != FORMAT {
            return None;
        }
        let (epoch, credit) = (Epoch(input.u16()?), CreditNumber(input.u32()?));
        let total = Units::new(input.u64()?).ok()?;
        let (tariff, settings, keys, receipt_number) = (input.u32()?, input.u32()?, input.u32()?, input.u32()?);
        let mut fine = || input.i64().map(FineCredit);
        let sums = Sums { initial: fine()?, withdrawn: fine()?, charged: fine()? };
        let (consumed, balance) = (fine()?, fine()?);
        let [decision, valve, causes, openings] = input.bytes()?;
        let (token, detail, clock) = (CreditNumber(input.u32()?), input.u64()?, input.u64()?);
        let flags = Flags::from_bits(u16::from_le_bytes([valve & !(BIT_WATCH | BIT_BY_HAND), causes]))?;
        if openings > MAX_UNCONTROLLED_OPENINGS || !input.rest_is_zero() {
            return None;
        }
        Some(Self {
            registers: RegisterNumbers { epoch, credit, tariff, settings, keys },
            total,
            sums,
            consumed,
            balance,
            receipt_number,
            outcome: Outcome { decision: from_code(decision, detail)?, token },
            flags,
            watch: valve & BIT_WATCH != 0,
            by_hand: valve & BIT_BY_HAND != 0,
            openings,
            clock,
        })
    }
}

fn to_code(decision: Decision) -> (u8, u64) {
    match decision {
        Decision::Read => (0, 0),
        Decision::Applied => (1, 0),
        Decision::NotNewer => (2, 0),
        Decision::InRefusedRange => (3, 0),
        Decision::TotalWouldFall => (4, 0),
        Decision::NeedsNewerRegister => (5, 0),
        Decision::NotYet { use_first } => (6, use_first.get()),
        Decision::JumpTooFar => (7, 0),
        Decision::OtherEpoch => (8, 0),
    }
}

fn from_code(code: u8, detail: u64) -> Option<Decision> {
    let decision = match code {
        0 => Decision::Read,
        1 => Decision::Applied,
        2 => Decision::NotNewer,
        3 => Decision::InRefusedRange,
        4 => Decision::TotalWouldFall,
        5 => Decision::NeedsNewerRegister,
        6 => Decision::NotYet { use_first: Units::new(detail).ok()? },
        7 => Decision::JumpTooFar,
        8 => Decision::OtherEpoch,
        _ => return None,
    };
    // One form only: a detail belongs to one decision.
    (to_code(decision).1 == detail).then_some(decision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::state::ShutCause;

    fn full() -> State {
        State {
            registers: RegisterNumbers {
                epoch: Epoch(u16::MAX),
                credit: CreditNumber(1),
                tariff: 2,
                settings: 3,
                keys: u32::MAX,
            },
            total: Units::new(Units::MAX).unwrap(),
            sums: Sums { initial: FineCredit(5), withdrawn: FineCredit(6), charged: FineCredit(7) },
            consumed: FineCredit(8),
            balance: FineCredit(-9),
            receipt_number: 10,
            outcome: Outcome {
                decision: Decision::NotYet { use_first: Units::new(11).unwrap() },
                token: CreditNumber(12),
            },
            flags: Flags {
                open: true,
                armed: true,
                valve_failed: true,
                causes: ShutCauses::NONE.with(ShutCause::Fault).with(ShutCause::Flow),
            },
            watch: true,
            by_hand: true,
            openings: 3,
            clock: u64::MAX,
        }
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        for state in [full(), State::new(Units::ZERO), State::new(Units::new(2000).unwrap())] {
            assert_eq!(State::from_body(&state.to_body()), Some(state));
        }
        for (decision, code) in [
            (Decision::Read, 0),
            (Decision::Applied, 1),
            (Decision::NotNewer, 2),
            (Decision::InRefusedRange, 3),
            (Decision::TotalWouldFall, 4),
            (Decision::NeedsNewerRegister, 5),
            (Decision::JumpTooFar, 7),
            (Decision::OtherEpoch, 8),
        ] {
            let state = State { outcome: Outcome { decision, token: CreditNumber(0) }, ..full() };
            let body = state.to_body();
            assert_eq!(body[80 - 8], code);
            assert_eq!(State::from_body(&body), Some(state));
        }
    }

    #[test]
    fn fields_are_where_the_table_says() {
        let body = full().to_body();
        let at = |offset: usize| body[offset - 8];
        assert_eq!((at(8), at(10), at(12), at(24), at(28), at(32)), (1, 255, 1, 2, 3, 255));
        assert_eq!((at(36), at(40), at(48), at(56), at(64), at(72)), (10, 5, 6, 7, 8, 247));
        assert_eq!((at(80), at(81), at(82), at(83), at(84), at(88), at(96)), (6, 31, 136, 3, 12, 11, 255));
        assert!(body[104 - 8..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn another_format_is_not_read() {
        for (offset, value) in [(8, 2), (81, 0x20), (83, 4), (80, 9), (104, 1), (123, 1), (23, 255)] {
            let mut body = full().to_body();
            body[offset - 8] = value;
            assert_eq!(State::from_body(&body), None, "offset {offset}");
        }
    }

    #[test]
    fn the_sum_holds_or_not() {
        let new = State::new(Units::new(2).unwrap());
        assert!(new.sums_hold());
        assert!(!State { balance: FineCredit(2001), ..new }.sums_hold());
        assert!(!State { consumed: FineCredit(-1), balance: FineCredit(2001), ..new }.sums_hold());
        assert!(State { consumed: FineCredit(2001), balance: FineCredit(-1), ..new }.sums_hold());
        assert!(!State { consumed: FineCredit(i64::MAX), balance: FineCredit(i64::MIN), ..full() }.sums_hold());
    }
}
