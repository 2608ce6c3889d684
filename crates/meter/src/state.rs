//! The meter's state: everything that changes by itself and survives a power cut, and its place in the journal's record.
//!
//! # Body of a record, format 2
//!
//! Integers are little-endian; offsets are those of the whole record (see [`crate::journal`] for bytes 0 to 7 and 252 to 255).
//!
//! | offset | bytes | field | unit |
//! |-------:|------:|-------|------|
//! | 8 | 2 | format, 2 | |
//! | 10 | 2 | key epoch that the numbers of credit and valve belong to | |
//! | 12 | 4 | number of the credit register | |
//! | 16 | 8 | total of the credit register | credit units |
//! | 24 | 4 | number of the valve command | |
//! | 28 | 4 | number of the last receipt or report; 0 before the first | |
//! | 32 | 8 | initial, signed, not negative | thousandths of a credit unit |
//! | 40 | 8 | withdrawn, likewise | thousandths |
//! | 48 | 8 | charged, likewise | thousandths |
//! | 56 | 8 | consumed, likewise | thousandths |
//! | 64 | 8 | metered, likewise | thousandths of dm³, litre or Wh |
//! | 72 | 8 | balance, signed | thousandths of a credit unit |
//! | 80 | 8 | debt that was paid, signed, not negative | thousandths |
//! | 88 | 8 | clock: it is at least this; 0 if never set | seconds since 1970-01-01 UTC |
//! | 96 | 4 | local day up to which standing charge and debt are taken; 0 for none | days since 1970-01-01 |
//! | 100 | 4 | local day of the last consumption; 0 if not known | days |
//! | 104 | 4 | local month of the consumption that follows | months since 1970-01 |
//! | 108 | 8 | consumption in that month, signed, not negative | thousandths |
//! | 116 | 4 | rest of pricing, below 10⁶ | 10⁻⁹ of a credit unit |
//! | 120 | 4 | rest of the volume's correction, below 10⁶ | 10⁻⁹ of a unit |
//! | 124 | 1 | decision of the last receipt (its code in a receipt) | |
//! | 125 | 1 | valve: bit 0 open, 1 armed, 2 valve failed, 3 opening check pending, 4 by hand only | |
//! | 126 | 1 | shut causes, one bit each, as in a receipt's flags | |
//! | 127 | 1 | uncontrolled openings in a row, 0 to 3 | |
//! | 128 | 4 | credit number of the token that the last receipt is about; 0 for none | |
//! | 132 | 8 | how much must be used first, if the decision is *not yet*; else 0 | credit units |
//! | 140 | 1 | bit 0 emergency credit taken, 1 account closed, 2 clock trusted, 3 friendly credit in use | |
//! | 141 | 1 | low-credit alarm, 0 to 2 | |
//! | 142 | 1 | stock of work for strangers ([`crate::WorkLimit`]) | |
//! | 143 | 1 | zero | |
//! | 144 | 36 | 18 event counters of 2 bytes, in the order of [`Event`](coinless_protocol::report::Event) | |
//! | 180 | 72 | zero | |
//!
//! A record whose format or reserved bytes are not these is of other software. It is never skipped in favour of an older one:
//! the meter is then out of service.

use crate::fields::{FieldReader, FieldWriter};
use crate::journal::{OVERHEAD_BYTES, Record};
use coinless_protocol::receipt::{Decision, Outcome, Sums};
use coinless_protocol::report::{EVENTS, EventCounts};
use coinless_protocol::state::{Flags, ShutCause, ShutCauses};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, Units};

/// Bytes of a slot of the state's journal.
pub const SLOT_BYTES: usize = 256;

/// Bytes of the body of a record.
pub const BODY_BYTES: usize = SLOT_BYTES - OVERHEAD_BYTES;

/// Uncontrolled openings in a row after which only a technician can let the meter be opened again.
pub const MAX_UNCONTROLLED_OPENINGS: u8 = 3;

/// Levels of the low-credit alarm.
pub const MAX_ALARM: u8 = 2;

const FORMAT: u16 = 2;
const BIT_WATCH: u8 = 1 << 3;
const BIT_BY_HAND: u8 = 1 << 4;
const BIT_EMERGENCY: u8 = 1;
const BIT_CLOSED: u8 = 1 << 1;
const BIT_CLOCK_TRUSTED: u8 = 1 << 2;
const BIT_FRIENDLY: u8 = 1 << 3;

/// Everything about a meter that changes by itself or with each token, and survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The key epoch that `credit` and `valve` belong to. In a later one both count as 0.
    pub epoch: Epoch,
    /// Number of the credit register.
    pub credit: CreditNumber,
    /// Total of the credit register.
    pub total: Units,
    /// Number of the valve command.
    pub valve: u32,
    /// Number of the last receipt or report; 0 before the first.
    pub receipt_number: u32,
    /// The sums other than total and consumption.
    pub sums: Sums,
    /// Credit used by consumption since the meter was made.
    pub consumed: FineCredit,
    /// Consumption as it was measured since the meter was made, in thousandths of dm³, litre or Wh.
    pub metered: FineCredit,
    /// Credit left; always the sum of the others ([`State::sums_hold`]).
    pub balance: FineCredit,
    /// Debt that was recovered; part of what is charged.
    pub debt_paid: FineCredit,
    /// It is at least this, in seconds since 1970-01-01 UTC; 0 if the clock was never set.
    pub clock: u64,
    /// The local day up to which standing charge and debt are taken; 0 for none.
    pub charged_day: u32,
    /// The local day of the last consumption; 0 if it is not known.
    pub used_day: u32,
    /// The local month that `used_in_month` is about, counted from 1970-01.
    pub month: u32,
    /// Consumption in that month.
    pub used_in_month: FineCredit,
    /// What pricing left over, in millionths of a thousandth; below [`REST_BASE`].
    pub price_rest: u32,
    /// What correcting the volume left over, likewise.
    pub correction_rest: u32,
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
    /// A person took emergency credit, and it is not paid back.
    pub emergency: bool,
    /// The account is closed for good.
    pub closed: bool,
    /// The clock was known to be right.
    pub clock_trusted: bool,
    /// Nothing but a friendly period or day keeps the valve open.
    pub friendly: bool,
    /// The low-credit alarm, 0 for none, at most [`MAX_ALARM`].
    pub alarm: u8,
    /// Stock of work for strangers.
    pub work_stock: u8,
    /// What happened how often.
    pub events: EventCounts,
}

/// Rests are counted in parts of this size.
pub const REST_BASE: u32 = 1_000_000;

impl State {
    /// The state of a new meter with `initial` credit: armed, so that its installer can open it, if there is any.
    pub fn new(initial: Units) -> Self {
        let causes = match initial {
            Units::ZERO => ShutCauses::NONE.with(ShutCause::NoCredit),
            _ => ShutCauses::NONE,
        };
        Self {
            epoch: Epoch(0),
            credit: CreditNumber(0),
            total: Units::ZERO,
            valve: 0,
            receipt_number: 0,
            sums: Sums { initial: initial.fine(), ..Sums::default() },
            consumed: FineCredit::ZERO,
            metered: FineCredit::ZERO,
            balance: initial.fine(),
            debt_paid: FineCredit::ZERO,
            clock: 0,
            charged_day: 0,
            used_day: 0,
            month: 0,
            used_in_month: FineCredit::ZERO,
            price_rest: 0,
            correction_rest: 0,
            outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
            flags: Flags { open: false, armed: causes.is_empty(), valve_failed: false, causes },
            watch: false,
            by_hand: false,
            openings: 0,
            emergency: false,
            closed: false,
            clock_trusted: false,
            friendly: false,
            alarm: 0,
            // As much as its limit allows.
            work_stock: u8::MAX,
            events: EventCounts::default(),
        }
    }

    /// Whether the balance is what the sums say: `initial + total − withdrawn − charged − consumed` (DESIGN §6), none of the
    /// sums is negative, and no more debt was paid than was charged.
    pub fn sums_hold(&self) -> bool {
        let Sums { initial, withdrawn, charged } = self.sums;
        let terms = [initial, withdrawn, charged, self.consumed, self.metered, self.debt_paid];
        let balance = initial
            .0
            .checked_add(self.total.fine().0)
            .and_then(|sum| sum.checked_sub(withdrawn.0))
            .and_then(|sum| sum.checked_sub(charged.0))
            .and_then(|sum| sum.checked_sub(self.consumed.0));
        terms.iter().all(|term| term.0 >= 0) && self.debt_paid <= charged && balance == Some(self.balance.0)
    }

    /// The state of the same meter in the key epoch `epoch`, where nothing was said of credit and valve yet.
    #[must_use]
    pub fn in_epoch(self, epoch: Epoch) -> Self {
        match self.epoch == epoch {
            true => self,
            false => Self { epoch, credit: CreditNumber(0), valve: 0, ..self },
        }
    }
}

impl Record for State {
    type Slot = [u8; SLOT_BYTES];

    const BLANK: [u8; SLOT_BYTES] = [0; SLOT_BYTES];

    fn write_body(&self, body: &mut [u8]) {
        let (decision, use_first) = self.outcome.decision.to_code();
        let [low, causes] = self.flags.bits().to_le_bytes();
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let valve = low | bit(self.watch, BIT_WATCH) | bit(self.by_hand, BIT_BY_HAND);
        let bits = bit(self.emergency, BIT_EMERGENCY)
            | bit(self.closed, BIT_CLOSED)
            | bit(self.clock_trusted, BIT_CLOCK_TRUSTED)
            | bit(self.friendly, BIT_FRIENDLY);
        let mut out = FieldWriter::new(body);
        out.put(FORMAT.to_le_bytes())
            .put(self.epoch.0.to_le_bytes())
            .put(self.credit.0.to_le_bytes())
            .put(self.total.get().to_le_bytes())
            .put(self.valve.to_le_bytes())
            .put(self.receipt_number.to_le_bytes());
        for sum in [
            self.sums.initial,
            self.sums.withdrawn,
            self.sums.charged,
            self.consumed,
            self.metered,
            self.balance,
            self.debt_paid,
        ] {
            out.put(sum.0.to_le_bytes());
        }
        out.put(self.clock.to_le_bytes())
            .put(self.charged_day.to_le_bytes())
            .put(self.used_day.to_le_bytes())
            .put(self.month.to_le_bytes())
            .put(self.used_in_month.0.to_le_bytes())
            .put(self.price_rest.to_le_bytes())
            .put(self.correction_rest.to_le_bytes())
            .put([decision, valve, causes, self.openings])
            .put(self.outcome.token.0.to_le_bytes())
            .put(use_first.to_le_bytes())
            .put([bits, self.alarm, self.work_stock, 0]);
        for count in self.events.to_array() {
            out.put(count.to_le_bytes());
        }
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        let mut input = FieldReader::new(body);
        if input.u16() != FORMAT {
            return None;
        }
        let (epoch, credit) = (Epoch(input.u16()), CreditNumber(input.u32()));
        let (total, valve, receipt_number) = (Units::new(input.u64()).ok()?, input.u32(), input.u32());
        let mut fine = || FineCredit(input.i64());
        let sums = Sums { initial: fine(), withdrawn: fine(), charged: fine() };
        let (consumed, metered, balance, debt_paid) = (fine(), fine(), fine(), fine());
        let clock = input.u64();
        let (charged_day, used_day, month) = (input.u32(), input.u32(), input.u32());
        let used_in_month = FineCredit(input.i64());
        let (price_rest, correction_rest) = (input.u32(), input.u32());
        let [decision, valve_bits, causes, openings] = input.bytes();
        let (token, use_first) = (CreditNumber(input.u32()), input.u64());
        let [bits, alarm, work_stock, zero] = input.bytes();
        let mut events = [0; EVENTS];
        for count in &mut events {
            *count = input.u16();
        }
        let known_bits = BIT_EMERGENCY | BIT_CLOSED | BIT_CLOCK_TRUSTED | BIT_FRIENDLY;
        let sensible = openings <= MAX_UNCONTROLLED_OPENINGS
            && alarm <= MAX_ALARM
            && price_rest < REST_BASE
            && correction_rest < REST_BASE
            && bits & !known_bits == 0
            && zero == 0
            && input.ends_in_zeros();
        sensible.then_some(())?;
        Some(Self {
            epoch,
            credit,
            total,
            valve,
            receipt_number,
            sums,
            consumed,
            metered,
            balance,
            debt_paid,
            clock,
            charged_day,
            used_day,
            month,
            used_in_month,
            price_rest,
            correction_rest,
            outcome: Outcome { decision: Decision::from_code(decision, use_first)?, token },
            flags: Flags::from_bits(u16::from_le_bytes([valve_bits & !(BIT_WATCH | BIT_BY_HAND), causes]))?,
            watch: valve_bits & BIT_WATCH != 0,
            by_hand: valve_bits & BIT_BY_HAND != 0,
            openings,
            emergency: bits & BIT_EMERGENCY != 0,
            closed: bits & BIT_CLOSED != 0,
            clock_trusted: bits & BIT_CLOCK_TRUSTED != 0,
            friendly: bits & BIT_FRIENDLY != 0,
            alarm,
            work_stock,
            events: EventCounts::from_array(events),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> State {
        let fine = FineCredit;
        State {
            epoch: Epoch(u16::MAX),
            credit: CreditNumber(1),
            total: Units::new(Units::MAX).unwrap(),
            valve: 2,
            receipt_number: 3,
            sums: Sums { initial: fine(4), withdrawn: fine(5), charged: fine(6) },
            consumed: fine(7),
            metered: fine(8),
            balance: fine(-9),
            debt_paid: fine(10),
            clock: u64::MAX,
            charged_day: 11,
            used_day: 12,
            month: 13,
            used_in_month: fine(14),
            price_rest: 15,
            correction_rest: 16,
            outcome: Outcome {
                decision: Decision::NotYet { use_first: Units::new(17).unwrap() },
                token: CreditNumber(18),
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
            emergency: true,
            closed: true,
            clock_trusted: true,
            friendly: true,
            alarm: 2,
            work_stock: 19,
            events: EventCounts::from_array(core::array::from_fn(|at| 20 + at as u16)),
        }
    }

    fn body(state: &State) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        state.write_body(&mut body);
        body
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        for state in [full(), State::new(Units::ZERO), State::new(Units::new(2000).unwrap())] {
            assert_eq!(State::read_body(&body(&state)), Some(state));
        }
        for code in [0, 1, 2, 3, 4, 5, 7, 8, 9, 10] {
            let decision = Decision::from_code(code, 0).unwrap();
            let state = State { outcome: Outcome { decision, token: CreditNumber(0) }, ..full() };
            let body = body(&state);
            assert_eq!(body[124 - 8], code);
            assert_eq!(State::read_body(&body), Some(state));
        }
    }

    #[test]
    fn fields_are_where_the_table_says() {
        let body = body(&full());
        let at = |offset: usize| body[offset - 8];
        let begins = [
            (8, 2),
            (10, 255),
            (12, 1),
            (24, 2),
            (28, 3),
            (32, 4),
            (40, 5),
            (48, 6),
            (56, 7),
            (64, 8),
            (72, 247),
            (80, 10),
            (88, 255),
            (96, 11),
            (100, 12),
            (104, 13),
            (108, 14),
            (116, 15),
            (120, 16),
            (124, 6),
            (125, 31),
            (126, 136),
            (127, 3),
            (128, 18),
            (132, 17),
            (140, 15),
            (141, 2),
            (142, 19),
            (144, 20),
            (178, 37),
        ];
        assert!(begins.into_iter().all(|(offset, first)| at(offset) == first));
        assert!(body[180 - 8..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn another_format_is_not_read() {
        let wrong = [
            (8, 1),
            (125, 0x20),
            (127, 4),
            (124, 11),
            (124, 1),
            (140, 16),
            (141, 3),
            (143, 1),
            (180, 1),
            (251, 1),
            (23, 255),
        ];
        for (offset, value) in wrong {
            let mut body = body(&full());
            body[offset - 8] = value;
            assert_eq!(State::read_body(&body), None, "offset {offset}");
        }
    }

    #[test]
    fn the_sum_holds_or_not() {
        let new = State::new(Units::new(2).unwrap());
        assert!(new.sums_hold());
        assert!(!State { balance: FineCredit(2001), ..new }.sums_hold());
        assert!(!State { consumed: FineCredit(-1), balance: FineCredit(2001), ..new }.sums_hold());
        assert!(State { consumed: FineCredit(2001), balance: FineCredit(-1), ..new }.sums_hold());
        assert!(!State { debt_paid: FineCredit(1), ..new }.sums_hold());
        assert!(!State { consumed: FineCredit(i64::MAX), balance: FineCredit(i64::MIN), ..full() }.sums_hold());
    }
}
