//! The durable steps of an order as the commands that the station runs, without the network, the signatures and the calls
//! around them.

use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::{CreditNumber, FineCredit, MeterId, Units};
use coinless_station::meters::{self, Meter};
use coinless_station::money::{Currency, Money};
use coinless_station::orders::{self, Line, LineRequest, OrderRequest, PayBy, QuotedLine};
use coinless_station::payments::Context;
use coinless_station::problem::Error;
use coinless_station::provider::{MoneyReceipt, PaymentOutcome};
use coinless_station::receipts::{self, OpenedReceipt};
use coinless_station::records::{DeliveryRecord, HexKey};
use coinless_station::sales::{Asked, ExplanationLine, Quote, SaleOutcome, Step};
use coinless_station::tasks::{self, EffectResult, Kind, Task};
use coinless_station::utilities::UtilityName;
use coinless_station::view;
use coinless_station::work::Work;

/// Durable steps of one order: made, accepted, paid, sold, signed, delivered.
pub const STEPS: usize = 6;
/// What each order buys, and for how much.
const UNITS: u64 = 4_000;
const MINOR: i64 = 500;
/// As large as a token is.
const TOKEN_BYTES: usize = 120;
/// As large as a receipt is.
const RECEIPT_BYTES: usize = 190;

/// A command of the station.
pub type Command = Box<dyn FnMut(&mut Work<'_>) -> Result<(), Error> + Send>;

/// The identity of the meter with this number.
pub fn meter_id(number: usize) -> MeterId {
    format!("CLS{number:010}").parse().expect("an identity")
}

/// Enrols meters. All have the same key: none is asked for a signature.
pub fn enrol(work: &mut Work<'_>, numbers: std::ops::Range<usize>, utility: &UtilityName) -> Result<(), Error> {
    let public_key = KeyPair::from_secret(&[7; 32]).expect("a key").public_key();
    for number in numbers {
        let id = meter_id(number);
        let record = DeliveryRecord {
            id: id.to_string(),
            label: id.label().to_string(),
            commodity: "gas".to_owned(),
            public_key: HexKey(public_key),
            initial_units: 0,
            max_credit_units: 1_000_000_000,
            customer: Some("A. Customer".to_owned()),
            place: Some("1 Some Street".to_owned()),
            money: None,
        };
        meters::enrol(work, &record, utility)?;
    }
    Ok(())
}

/// A meter that orders are made for, one after the other.
#[derive(Debug, Clone)]
pub struct Buyer {
    meter: Meter,
    number: u32,
    total: u64,
}

impl Buyer {
    /// The meter with this number, of which `known` is one like it, after `bought` orders.
    pub fn new(number: usize, known: &Meter, bought: u32) -> Self {
        let meter = Meter { id: meter_id(number), ..known.clone() };
        Self { meter, number: bought, total: u64::from(bought) * UNITS }
    }

    /// The steps of the next order, in their order.
    pub fn next_order(&mut self, context: &Context) -> [Command; STEPS] {
        self.number += 1;
        self.total += UNITS;
        let id = uuid::Uuid::now_v7().to_string();
        let currency = Currency::from_code("EUR").expect("a currency");
        let request = OrderRequest {
            lines: vec![LineRequest {
                meter: self.meter.id.label().to_string(),
                amount: Some("5.00".to_owned()),
                quantity: None,
                immediate: false,
            }],
            currency: None,
            payer: Some("+254700000000".to_owned()),
            provider: None,
        };
        let lines = vec![quoted(&self.meter)];
        let pay_by = PayBy { provider: "bench".to_owned(), is_push: false };
        let of = |kind, subject: String| Task { kind, subject, attempts: 0 };
        let receipt = MoneyReceipt { receipt: format!("R{id}"), amount: Money::from_minor(MINOR), currency };
        let captured = EffectResult::Payment(PaymentOutcome::Captured(vec![receipt]));
        let sold = EffectResult::Sale(SaleOutcome::Sold { units: units(UNITS) });
        let signed = EffectResult::Signed(Ok(vec![0xA5; TOKEN_BYTES]));
        let token = format!("{}/0/{}", self.meter.id, self.number);
        let (opened, context) = (self.receipt(), context.clone());
        let (put_id, accept_id) = (id.clone(), id.clone());
        [
            Box::new(move |work| {
                orders::put(work, &put_id, &request, currency, &lines, &pay_by)?;
                view::order(work, &put_id).map(drop)
            }),
            Box::new(move |work| {
                orders::accept(work, &accept_id, 1)?;
                view::order(work, &accept_id).map(drop)
            }),
            complete(of(Kind::Pay, id.clone()), captured, &context),
            complete(of(Kind::Sell, format!("{id}/1")), sold, &context),
            complete(of(Kind::Sign, token), signed, &context),
            Box::new(move |work| receipts::accept(work, &opened, &context).map(drop)),
        ]
    }

    /// The receipt of a meter that loaded everything. Nobody verifies its signature again after it was opened.
    fn receipt(&self) -> OpenedReceipt {
        let total = units(self.total);
        let receipt = Receipt {
            meter: self.meter.id,
            number: self.number,
            outcome: Outcome { decision: Decision::Applied, token: CreditNumber(self.number) },
            registers: RegisterNumbers { credit: CreditNumber(self.number), ..RegisterNumbers::default() },
            total,
            sums: Sums::default(),
            flags: Flags::default(),
            readings: Default::default(),
            challenge: None,
        };
        let readings = Readings { balance: total.fine(), consumed: FineCredit::ZERO, clock: None };
        OpenedReceipt { bytes: vec![0x5A; RECEIPT_BYTES], receipt, readings }
    }
}

fn complete(task: Task, result: EffectResult, context: &Context) -> Command {
    let context = context.clone();
    Box::new(move |work| tasks::complete(work, &task, &result, &context))
}

fn units(units: u64) -> Units {
    Units::new(units).expect("in range")
}

fn quoted(meter: &Meter) -> QuotedLine {
    let money = Money::from_minor;
    let quote = Quote {
        units: units(UNITS),
        amount: money(MINOR),
        net: money(MINOR - 100),
        tax: money(80),
        fee: money(20),
        explanation: vec![
            ExplanationLine {
                text: "4 m³ at 1.00".to_owned(),
                amount: "4.00".to_owned(),
                within: false,
                step: Step::default(),
            },
            ExplanationLine {
                text: "tax 20 %".to_owned(),
                amount: "0.80".to_owned(),
                within: false,
                step: Step::default(),
            },
            ExplanationLine { text: "fee".to_owned(), amount: "0.20".to_owned(), within: false, step: Step::default() },
        ],
        terms: r#"{"version":0,"after":{"month":["2026-11-01",4000],"year":null}}"#.to_owned(),
    };
    let line = Line { meter: meter.id, asked: Asked::Money(money(MINOR)), immediate: false };
    QuotedLine { line, meter: meter.clone(), quote }
}
