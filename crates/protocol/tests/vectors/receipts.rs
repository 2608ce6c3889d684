//! Receipts.

use crate::file::check;
use crate::support::{hex, longest_meter_id, meter, meter_id, station, test_key, unhex, unhex_array};
use coinless_protocol::cose::{Label, external_aad};
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::{Flags, ShutCause, ShutCauses};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, MeterId, Units};
use serde::{Deserialize, Serialize};

/// A receipt in all its forms.
#[derive(Serialize, Deserialize)]
pub struct ReceiptVector {
    pub name: String,
    pub meter: String,
    pub meter_key: String,
    pub number: u32,
    pub decision: String,
    pub decision_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_first: Option<u64>,
    pub token_number: u32,
    pub registers: [u32; 5],
    pub total: u64,
    pub sums: [i64; 3],
    pub flags: u16,
    pub readings: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    pub payload: String,
    pub external_aad: String,
    pub signed: String,
    pub signed_bytes: usize,
}

/// Every decision, with its code.
pub fn decisions() -> [(u8, Decision); 11] {
    [
        (0, Decision::Read),
        (1, Decision::Applied),
        (2, Decision::NotNewer),
        (3, Decision::InRefusedRange),
        (4, Decision::TotalWouldFall),
        (5, Decision::NeedsNewerRegister),
        (6, Decision::NotYet { use_first: Units::new(12_500).unwrap() }),
        (7, Decision::JumpTooFar),
        (8, Decision::OtherEpoch),
        (9, Decision::Closed),
        (10, Decision::BadContent),
    ]
}

fn flags(causes: &[ShutCause], open: bool, armed: bool, valve_failed: bool) -> Flags {
    let causes = causes.iter().fold(ShutCauses::NONE, |set, cause| set.with(*cause));
    Flags { open, armed, valve_failed, causes }
}

fn receipt(id: MeterId, number: u32, decision: Decision, readings: &Readings) -> Receipt {
    let key = ReadingsKey::agree(&meter().pair, &station().public(), &id);
    Receipt {
        meter: id,
        number,
        outcome: Outcome { decision, token: CreditNumber(if decision == Decision::Read { 0 } else { 42 }) },
        registers: RegisterNumbers { epoch: Epoch(0), credit: CreditNumber(42), tariff: 1, settings: 1, keys: 0 },
        total: Units::new(250_000).unwrap(),
        sums: Sums { initial: FineCredit(1_000_000), ..Sums::default() },
        flags: flags(&[ShutCause::NoCredit], false, true, false),
        readings: key.seal(number, readings).unwrap(),
        challenge: None,
    }
}

/// The longest receipt there is.
pub fn longest() -> Receipt {
    let sum = FineCredit(i64::MAX);
    let readings = Readings { balance: FineCredit(i64::MIN), consumed: sum, clock: Some(u64::MAX) };
    Receipt {
        outcome: Outcome {
            decision: Decision::NotYet { use_first: Units::new(Units::MAX).unwrap() },
            token: CreditNumber(u32::MAX),
        },
        registers: RegisterNumbers {
            epoch: Epoch(u16::MAX),
            credit: CreditNumber(u32::MAX),
            tariff: u32::MAX,
            settings: u32::MAX,
            keys: u32::MAX,
        },
        total: Units::new(Units::MAX).unwrap(),
        sums: Sums { initial: sum, withdrawn: sum, charged: sum },
        flags: flags(&ShutCause::ALL, true, true, true),
        challenge: Some([0xff; 8]),
        ..receipt(longest_meter_id(), u32::MAX, Decision::Read, &readings)
    }
}

/// Every receipt of the vectors with its name.
pub fn all() -> Vec<(String, Receipt)> {
    let readings =
        Readings { balance: FineCredit(24_750_000), consumed: FineCredit(226_250_000), clock: Some(1_800_000_000) };
    let mut all: Vec<_> = decisions()
        .into_iter()
        .map(|(code, decision)| {
            (decision.name().to_string(), receipt(meter_id(), 300 + u32::from(code), decision, &readings))
        })
        .collect();
    let read = receipt(meter_id(), 311, Decision::Read, &readings);
    all.push((
        "read, with the challenge of a read request".into(),
        Receipt { challenge: Some([7; 8]), ..read.clone() },
    ));
    let nothing_left = Readings { balance: FineCredit::ZERO, ..readings };
    let closed = Receipt {
        sums: Sums { withdrawn: FineCredit(20_250_000), charged: FineCredit(4_500_000), ..read.sums },
        flags: flags(&[ShutCause::NoCredit, ShutCause::ClosedAccount], false, false, false),
        ..receipt(meter_id(), 312, Decision::Applied, &nothing_left)
    };
    all.push(("applied, a closing token".into(), closed));
    let new = Readings { balance: FineCredit(0), consumed: FineCredit(0), clock: None };
    let smallest = Receipt {
        registers: RegisterNumbers::default(),
        total: Units::ZERO,
        sums: Sums::default(),
        flags: Flags::default(),
        ..receipt("CLS0".parse().unwrap(), 0, Decision::Read, &new)
    };
    all.push(("smallest".into(), smallest));
    all.push(("largest".into(), longest()));
    all
}

impl ReceiptVector {
    fn of(name: &str, receipt: &Receipt) -> Self {
        let meter = meter();
        let signed = receipt.sign(&meter.hash(), &meter.pair).unwrap();
        let decision = receipt.outcome.decision;
        let (RegisterNumbers { epoch, credit, tariff, settings, keys }, sums) = (receipt.registers, receipt.sums);
        Self {
            name: name.into(),
            meter: receipt.meter.to_string(),
            meter_key: meter.name.into(),
            number: receipt.number,
            decision: decision.name().into(),
            decision_code: decisions().iter().find(|(_, d)| d.name() == decision.name()).unwrap().0,
            use_first: match decision {
                Decision::NotYet { use_first } => Some(use_first.get()),
                _ => None,
            },
            token_number: receipt.outcome.token.0,
            registers: [u32::from(epoch.0), credit.0, tariff, settings, keys],
            total: receipt.total.get(),
            sums: [sums.initial.0, sums.withdrawn.0, sums.charged.0],
            flags: receipt.flags.bits(),
            readings: hex(&receipt.readings),
            challenge: receipt.challenge.map(|challenge| hex(&challenge)),
            payload: hex(&receipt.to_payload().unwrap()),
            external_aad: hex(&external_aad(Label::Receipt, &meter.hash())),
            signed: hex(&signed),
            signed_bytes: signed.len(),
        }
    }

    /// The receipt that the fields describe.
    fn receipt(&self) -> Receipt {
        let (_, decision) = decisions().into_iter().find(|(code, _)| *code == self.decision_code).unwrap();
        assert_eq!(decision.name(), self.decision);
        let decision = match self.use_first {
            Some(units) => Decision::NotYet { use_first: Units::new(units).unwrap() },
            None => decision,
        };
        let [epoch, credit, tariff, settings, keys] = self.registers;
        let [initial, withdrawn, charged] = self.sums.map(FineCredit);
        Receipt {
            meter: self.meter.parse().unwrap(),
            number: self.number,
            outcome: Outcome { decision, token: CreditNumber(self.token_number) },
            registers: RegisterNumbers {
                epoch: Epoch(epoch.try_into().unwrap()),
                credit: CreditNumber(credit),
                tariff,
                settings,
                keys,
            },
            total: Units::new(self.total).unwrap(),
            sums: Sums { initial, withdrawn, charged },
            flags: Flags::from_bits(self.flags).unwrap(),
            readings: coinless_protocol::Bytes::copy_of(&unhex(&self.readings)).unwrap(),
            challenge: self.challenge.as_deref().map(unhex_array),
        }
    }
}

/// The vectors of receipts.
pub fn vectors() -> Vec<ReceiptVector> {
    let made = all().iter().map(|(name, receipt)| ReceiptVector::of(name, receipt)).collect();
    let about = "What meters sign: payload (rule receipt of docs/protocol.cddl), external_aad, and the COSE_Sign1 (rule \
                 signed-receipt). registers: epoch, credit, tariff, settings, keys; sums: initial, withdrawn, charged.";
    check("receipts.json", about, made)
}

#[test]
fn receipts() {
    for vector in vectors() {
        let meter = test_key(&vector.meter_key);
        let receipt = vector.receipt();
        assert_eq!(hex(&receipt.to_payload().unwrap()), vector.payload, "{}", vector.name);
        assert_eq!(hex(&receipt.sign(&meter.hash(), &meter.pair).unwrap()), vector.signed, "{}", vector.name);
        assert_eq!(Receipt::from_payload(&unhex(&vector.payload)).as_ref(), Ok(&receipt), "{}", vector.name);
        let verified = Receipt::verified(&unhex(&vector.signed), &meter.public(), &meter.hash());
        assert_eq!(verified, Ok(receipt), "{}", vector.name);
    }
}
