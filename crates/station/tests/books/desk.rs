//! A station in this thread whose time a test moves and whose outside it scripts.

use crate::place::direct::Direct;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::{Commodity, CreditNumber, Epoch, FineCredit, MeterId, Units};
use coinless_station::config::Config;
use coinless_station::float::Credential;
use coinless_station::ledger::{self, Manual};
use coinless_station::lifecycle::LineState;
use coinless_station::money::{Amount, Currency, Money};
use coinless_station::orders::{self, LineRequest, OrderRequest, PayBy, QuotedLine};
use coinless_station::payments::{Callbacks, Context, Patience};
use coinless_station::problem::Error;
use coinless_station::provider::{MoneyReceipt, PaymentOutcome, RefundOutcome};
use coinless_station::receipts::{self, OpenedReceipt};
use coinless_station::records::{DeliveryRecord, HexKey};
use coinless_station::recovery::Found;
use coinless_station::resolve::{self, Decision as How, Resolution};
use coinless_station::sales::builtin::{self, Tariffs};
use coinless_station::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome};
use coinless_station::sell::Ask;
use coinless_station::show::{self, ExceptionStatus};
use coinless_station::signer::SignError;
use coinless_station::store::{Job, Store, StoreError, Tx};
use coinless_station::tasks::{self, Effect, EffectResult};
use coinless_station::work::Work;
use coinless_station::{backup, float, meters, payments, refunds, sweep};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

pub const NOON: i64 = 1_795_521_600_000; // 2026-11-24T12:00:00Z
pub const PROVIDER: &str = "test";
pub const UTILITY: &str = "sample-utility";

/// What everybody outside says next; the last word for ever.
pub struct Outside {
    pub payment: fn(&coinless_station::provider::PaymentRequest) -> PaymentOutcome,
    pub refund: RefundOutcome,
    pub sale: Option<SaleOutcome>,
    pub reversal: ReversalOutcome,
    pub confirmation: ConfirmationOutcome,
    pub signature: Result<Vec<u8>, SignError>,
    pub refunds_asked: Vec<(String, i64)>,
    /// The payments that were asked for, not only asked about.
    pub payments_asked: Vec<String>,
    /// What a recovery reads.
    pub found: Found,
}

pub struct Desk {
    tx: Arc<Mutex<Direct>>,
    pub now_ms: i64,
    pub outside: Outside,
    tariffs: Tariffs,
    pub context: Context,
    receipts: u32,
}

/// Why a restore was refused.
pub struct Restoring(pub String);

impl From<StoreError> for Restoring {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// How long calls of a station that died are waited for.
pub const SETTLE_MS: i64 = 600_000;

/// The desk's database as a store that runs commands at once.
struct AtOnce(Arc<Mutex<Direct>>);

impl Store for AtOnce {
    fn submit(&self, mut job: Box<dyn Job>) -> Result<(), StoreError> {
        let run = |tx: &mut dyn Tx| if job.run(tx) { Ok(()) } else { Err(StoreError::Closed) };
        // A command that fails is undone and tells so itself.
        let _ = self.0.lock().unwrap().apply(run);
        job.tell(Ok(()));
        Ok(())
    }

    fn submit_read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.submit(job)
    }

    fn is_shared(&self) -> bool {
        false
    }
}

pub fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

pub fn euros(minor: i64) -> Amount {
    Amount(Money::from_minor(minor), eur())
}

pub fn captured(request: &coinless_station::provider::PaymentRequest) -> PaymentOutcome {
    receipt_over(request, request.amount.minor())
}

pub fn receipt_over(request: &coinless_station::provider::PaymentRequest, minor: i64) -> PaymentOutcome {
    let receipt = format!("R-{}", request.payment_id);
    PaymentOutcome::Captured(vec![MoneyReceipt {
        receipt,
        amount: Money::from_minor(minor),
        currency: request.currency,
    }])
}

pub fn order_id(number: u32) -> String {
    format!("01890a5d-ac96-774b-bcce-b3020990{number:04}")
}

pub fn meter_id() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

impl Desk {
    /// A station with the gas meter.
    pub fn new() -> Self {
        let mut desk = Self::without_meters();
        desk.run(enrol).unwrap();
        desk
    }

    pub fn without_meters() -> Self {
        let sample = Config::default().utilities.remove(0);
        let context = Context {
            confirming: BTreeSet::new(),
            push: BTreeSet::new(),
            callbacks: Callbacks::new("https://station.example".to_owned(), &[1; 32]),
            patience: Patience::default(),
        };
        let outside = Outside {
            payment: captured,
            refund: RefundOutcome::Refunded,
            sale: None,
            reversal: ReversalOutcome::Reversed,
            confirmation: ConfirmationOutcome::Confirmed,
            signature: Ok(vec![1]),
            refunds_asked: Vec::new(),
            payments_asked: Vec::new(),
            found: Found { statements: vec![(PROVIDER.to_owned(), Ok(Vec::new()))], sales: Vec::new() },
        };
        Self {
            tx: Arc::new(Mutex::new(Direct::new())),
            now_ms: NOON,
            outside,
            tariffs: sample.tariffs().unwrap(),
            context,
            receipts: 0,
        }
    }

    /// All that is in the database, as text.
    pub fn back_up(&mut self) -> Vec<u8> {
        let mut file = Vec::new();
        self.run(|work| Ok(backup::write(work, &mut file, &mut |_| ()))).unwrap().unwrap();
        file
    }

    /// Loses the database, and fills another one from a backup; gives why it was refused.
    pub fn restore(&mut self, file: &[u8]) -> Result<(), String> {
        *self.tx.lock().unwrap() = Direct::new();
        self.restore_here(file)
    }

    /// Fills the database from a backup; gives why it was refused.
    pub fn restore_here(&mut self, file: &[u8]) -> Result<(), String> {
        let now_ms = self.now_ms;
        self.tx
            .lock()
            .unwrap()
            .apply(|tx| {
                backup::restore(&mut Work::new(tx, now_ms), &mut &file[..], SETTLE_MS, &mut |_| ())
                    .map(drop)
                    .map_err(|error| Restoring(error.to_string()))
            })
            .map_err(|Restoring(why)| why)
    }

    /// Lets a recovery look into statements once.
    pub fn look(&mut self) {
        self.run(|work| Ok(work.execute("UPDATE outbox SET attempts = 0, due_ms = 0 WHERE task = 'recover'", &[])?))
            .unwrap();
        self.work();
    }

    pub fn run<T>(&mut self, command: impl FnOnce(&mut Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let now_ms = self.now_ms;
        self.tx.lock().unwrap().apply(|tx| command(&mut Work::new(tx, now_ms)))
    }

    /// The same database for what needs a store.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(AtOnce(self.tx.clone()))
    }

    /// An order of these amounts, quoted.
    pub fn put(&mut self, number: u32, minors: &[i64], provider: &str) -> String {
        let id = order_id(number);
        self.run(|work| put(work, &id, minors, provider)).unwrap();
        id
    }

    pub fn accept(&mut self, id: &str, credential: Option<&str>) -> Result<(), Error> {
        let credential = credential.map(|text| Credential::from(text.to_owned()));
        self.run(|work| orders::accept_with(work, id, 1, credential.as_ref()))
    }

    /// An order that was accepted, and everything that follows by itself.
    pub fn buy(&mut self, number: u32, minors: &[i64]) -> String {
        let id = self.put(number, minors, PROVIDER);
        self.accept(&id, None).unwrap();
        self.work();
        id
    }

    /// Performs all tasks but those that are not due in the next hours.
    pub fn work(&mut self) {
        let mut rounds = 0;
        loop {
            let due = self.run(|work| {
                tasks::release_claims(work)?;
                tasks::claim(work, 100)
            });
            let due: Vec<_> = due.unwrap().into_iter().filter(|task| task.attempts < 3).collect();
            if due.is_empty() {
                self.check();
                return;
            }
            for task in due {
                let context = self.context.clone();
                let effect = self.run(|work| tasks::prepare(work, &task, &context)).unwrap();
                let Some(effect) = effect else {
                    self.run(|work| Ok(work.finish(&task)?)).unwrap();
                    continue;
                };
                let result = self.effect(effect);
                self.run(|work| tasks::complete(work, &task, &result, &context)).unwrap();
            }
            rounds += 1;
            assert!(rounds < 1000, "tasks without end");
        }
    }

    fn effect(&mut self, effect: Effect) -> EffectResult {
        match effect {
            Effect::StartPayment(_, request) => {
                self.outside.payments_asked.push(request.payment_id.clone());
                EffectResult::Payment((self.outside.payment)(&request))
            }
            Effect::QueryPayment(_, request) => EffectResult::Payment((self.outside.payment)(&request)),
            Effect::Sell(Ask::Reverse, ..) => EffectResult::Reversal(self.outside.reversal.clone()),
            Effect::Sell(_, _, sale) => {
                let said = self.outside.sale.clone();
                EffectResult::Sale(said.unwrap_or_else(|| {
                    let tariffs = self.tariffs.clone();
                    self.run(|work| builtin::vend(work, &tariffs, &sale)).unwrap()
                }))
            }
            Effect::Sign(_) | Effect::SignTerms(_) => EffectResult::Signed(self.outside.signature.clone()),
            Effect::Reverse(..) => EffectResult::Reversal(self.outside.reversal.clone()),
            Effect::Refund(_, request) => {
                self.outside.refunds_asked.push((request.refund_id, request.amount.minor()));
                EffectResult::Refund(self.outside.refund.clone())
            }
            Effect::Confirm(..) => EffectResult::Confirmed(self.outside.confirmation.clone()),
            Effect::Recover(_) => EffectResult::Found(self.outside.found.clone()),
            _ => EffectResult::None,
        }
    }

    /// A receipt of the meter that stands at `number`.
    pub fn receipt(&mut self, number: u32) {
        let total = self.run(|work| {
            let row = work.query_first(
                "SELECT total FROM token WHERE meter_id = $1 AND number = $2",
                &["CLS0000000017".into(), number.into()],
            )?;
            Ok(row.map_or(0, |row| row.number(0).unwrap()))
        });
        self.receipt_of(number, total.unwrap());
    }

    /// The same of a meter that was loaded with `total` units under that number.
    pub fn receipt_of(&mut self, number: u32, total: u64) {
        self.receipts += 1;
        assert!(self.take_receipt(self.receipts, number, total));
    }

    /// Takes a receipt in; gives whether it was new.
    pub fn take_receipt(&mut self, receipt_number: u32, number: u32, total: u64) -> bool {
        self.take(receipt_number, &Shows::at(number, total))
    }

    /// The next receipt of a meter that shows this.
    pub fn shows(&mut self, shows: &Shows) {
        self.receipts += 1;
        assert!(self.take(self.receipts, shows));
    }

    /// Takes in a receipt that shows this; gives whether it was new.
    pub fn take(&mut self, receipt_number: u32, shows: &Shows) -> bool {
        let (context, opened) = (self.context.clone(), shows.receipt(receipt_number));
        let taken = self.run(|work| receipts::accept(work, &opened, &context));
        self.work();
        taken.unwrap()
    }

    /// Does at once what waits for its next try.
    pub fn retry(&mut self) {
        self.run(|work| Ok(work.execute("UPDATE outbox SET attempts = 0, due_ms = 0", &[])?)).unwrap();
        self.work();
    }

    pub fn void(&mut self, id: &str, line: u32) {
        self.run(|work| refunds::void(work, id, line)).unwrap();
        self.work();
    }

    pub fn said(&mut self, refund_id: &str, said: &RefundOutcome) {
        self.run(|work| refunds::said(work, refund_id, said)).unwrap();
        self.work();
    }

    /// What the sweeper does once a minute.
    pub fn sweep(&mut self) {
        let context = self.context.clone();
        self.run(|work| sweep::look(work, &context)).unwrap();
    }

    pub fn state(&mut self, id: &str, line: u32) -> LineState {
        self.run(|work| orders::line(work, id, line)).unwrap().state
    }

    /// The balance of an account in minor units.
    pub fn balance(&mut self, account: &str) -> i64 {
        let balances = self.run(ledger::balances).unwrap();
        balances.iter().filter(|held| held.account == account).map(|held| held.balance.minor()).sum()
    }

    pub fn exceptions(&mut self) -> Vec<ExceptionStatus> {
        self.run(show::exceptions).unwrap()
    }

    pub fn causes(&mut self) -> Vec<String> {
        self.exceptions().into_iter().map(|exception| exception.cause).collect()
    }

    pub fn resolve(&mut self, subject: &str, cause: &str, how: How) -> Result<Vec<String>, Error> {
        let resolution = Resolution {
            subject: subject.to_owned(),
            cause: cause.to_owned(),
            operator: "ada".to_owned(),
            note: "talked to the customer".to_owned(),
            decision: how,
        };
        let done = self.run(|work| resolve::resolve(work, &resolution))?;
        self.work();
        Ok(done)
    }

    pub fn float(&mut self, minor: i64) -> String {
        let secret = self.run(|work| float::open(work, "manager", eur())).unwrap();
        if minor > 0 {
            let manual = manual("1", minor);
            assert!(self.run(|work| float::pay_in(work, "manager", &manual)).unwrap());
        }
        format!("manager:{}", secret.as_str())
    }

    /// Whatever must be right at any time.
    pub fn check(&mut self) {
        self.run(ledger::check).unwrap();
        assert_eq!(self.run(float::check).unwrap(), None);
        let rows = self.run(|work| Ok(work.query("SELECT order_id FROM orders WHERE refunding > captured", &[])?));
        assert_eq!(rows.unwrap(), []);
    }
}

/// What a receipt shows.
#[derive(Debug, Clone)]
pub struct Shows {
    pub meter: MeterId,
    pub registers: RegisterNumbers,
    pub total: u64,
    /// In thousandths of a credit unit.
    pub withdrawn: i64,
    /// In thousandths of a credit unit.
    pub consumed: i64,
    pub flags: Flags,
    pub clock: Option<u64>,
}

impl Shows {
    /// The gas meter at this number of its first key epoch.
    pub fn at(number: u32, total: u64) -> Self {
        let registers =
            RegisterNumbers { epoch: Epoch(0), credit: CreditNumber(number), tariff: 0, settings: 0, keys: 0 };
        let flags = Flags::default();
        Self { meter: meter_id(), registers, total, withdrawn: 0, consumed: 500, flags, clock: None }
    }

    fn receipt(&self, number: u32) -> OpenedReceipt {
        let (total, initial) = (Units::new(self.total).unwrap(), FineCredit(2_000_000));
        let receipt = Receipt {
            meter: self.meter,
            number,
            outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
            registers: self.registers,
            total,
            sums: Sums { initial, withdrawn: FineCredit(self.withdrawn), charged: FineCredit(0) },
            flags: self.flags,
            readings: Default::default(),
            challenge: None,
        };
        let balance = FineCredit(initial.0 + total.fine().0 - self.withdrawn - self.consumed);
        let readings = Readings { balance, consumed: FineCredit(self.consumed), clock: self.clock };
        let key = KeyPair::from_secret(&[7; 32]).unwrap();
        let bytes = receipt.sign(&key.public_key().hash(), &key).unwrap().to_vec();
        OpenedReceipt { bytes, receipt, readings }
    }
}

/// Enrols the gas meter.
pub fn enrol(work: &mut Work<'_>) -> Result<(), Error> {
    enrol_for(work, meter_id(), UTILITY)
}

/// Enrols a gas meter for a utility.
pub fn enrol_for(work: &mut Work<'_>, meter: MeterId, utility: &str) -> Result<(), Error> {
    let record = DeliveryRecord {
        id: meter.to_string(),
        label: meter.label().to_string(),
        commodity: Commodity::Gas.name().to_owned(),
        public_key: HexKey(KeyPair::from_secret(&[7; 32]).unwrap().public_key()),
        initial_units: 2_000,
        max_credit_units: 5_000_000,
        customer: None,
        place: None,
        money: None,
    };
    meters::enrol(work, &record, &utility.parse().unwrap()).map(drop)
}

/// Makes an order of these amounts.
pub fn put(work: &mut Work<'_>, id: &str, minors: &[i64], provider: &str) -> Result<(), Error> {
    let request = |minor: &i64| LineRequest {
        meter: "CLS0000000017-Z".to_owned(),
        amount: Some(eur().format(Money::from_minor(*minor))),
        quantity: None,
        immediate: false,
    };
    let request = OrderRequest {
        lines: minors.iter().map(request).collect(),
        currency: None,
        payer: None,
        provider: Some(provider.to_owned()),
    };
    let tariffs = Config::default().utilities.remove(0).tariffs().unwrap();
    let meter = meters::find(work, meter_id())?;
    let mut lines = Vec::new();
    for line in &request.lines {
        let line = line.parse(&meter, eur())?;
        let quote = builtin::trial(work, &tariffs, meter.id, meter.commodity, line.asked).unwrap();
        lines.push(QuotedLine { line, meter: meter.clone(), quote });
    }
    let pay_by = PayBy { provider: provider.to_owned(), is_push: false };
    assert!(orders::put(work, id, &request, eur(), &lines, &pay_by)?);
    Ok(())
}

pub fn manual(id: &str, minor: i64) -> Manual {
    Manual { id: id.to_owned(), operator: "ada".to_owned(), amount: euros(minor) }
}

/// The words of a refusal.
pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Refused { detail, .. }) => detail,
        other => panic!("this should have been refused: {other:?}"),
    }
}

/// Takes in a genuine callback of a provider.
pub fn called_back(desk: &mut Desk, id: &str) {
    called_back_by(desk, PROVIDER, id, None);
}

/// The same of this provider, with its own id of the payment if it tells one.
pub fn called_back_by(desk: &mut Desk, provider: &str, id: &str, reference: Option<&str>) {
    let reference = reference.map(str::to_owned);
    let notice = coinless_station::provider::Notice::Payment { payment_id: id.to_owned(), reference };
    desk.run(|work| payments::called_back(work, provider, &notice)).unwrap();
    desk.work();
}

/// The money was collected, and so much of it was taken away again.
pub fn taken<const MINOR: i64>(request: &coinless_station::provider::PaymentRequest) -> PaymentOutcome {
    let PaymentOutcome::Captured(receipts) = captured(request) else { unreachable!() };
    let (amount, currency) = (Money::from_minor(MINOR), request.currency);
    PaymentOutcome::TakenBack { receipts, amount, currency, reason: "reversed".to_owned() }
}
