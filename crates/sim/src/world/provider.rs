//! A payment provider: it decides at once or late, calls back early, late, twice or never, and takes and gives money once
//! for each id.

use super::hub::{Event, Hub};
use super::station::URL;
use coinless_phone::io::HttpMethod;
use coinless_station::money::Money;
use coinless_station::provider::{MoneyReceipt, PaymentOutcome, PaymentRequest, RefundOutcome, RefundRequest};
use std::collections::BTreeMap;

/// The provider's books.
#[derive(Debug, Default)]
pub(super) struct Provider {
    pub payments: BTreeMap<String, Payment>,
    pub refunds: BTreeMap<String, Refund>,
    /// Whether its statement names accounts instead of our ids.
    pub names_accounts: bool,
}

/// A payment.
#[derive(Debug)]
pub(super) struct Payment {
    pub request: PaymentRequest,
    pub status: Status,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Captured(Money),
    Declined,
}

/// Money given back, or refused to be.
#[derive(Debug)]
pub(super) struct Refund {
    pub payment: String,
    pub amount: Money,
    pub given: bool,
}

impl Payment {
    fn outcome(&self) -> PaymentOutcome {
        match self.status {
            Status::Pending => PaymentOutcome::Pending { reference: None, instructions: None },
            Status::Captured(amount) => PaymentOutcome::Captured(vec![MoneyReceipt {
                receipt: self.request.payment_id.clone(),
                amount,
                currency: self.request.currency,
            }]),
            Status::Declined => PaymentOutcome::Declined { reason: "the payment was declined".to_owned() },
        }
    }
}

impl Hub {
    /// The provider is asked to collect; the same id again is the same payment.
    pub fn provider_start(&mut self, request: &PaymentRequest) -> PaymentOutcome {
        if let Some(known) = self.provider.payments.get(&request.payment_id) {
            // An order that is made again after a restore is younger here.
            let asked = PaymentRequest { created_ms: known.request.created_ms, ..request.clone() };
            let (same, outcome) = (known.request == asked, known.outcome());
            if !same {
                self.fail(format!("payment {} was asked for with other content", request.payment_id));
            }
            self.stats.count("payments asked for again");
            return outcome;
        }
        let payment = Payment { request: request.clone(), status: Status::Pending };
        self.provider.payments.insert(request.payment_id.clone(), payment);
        self.stats.count("payments");
        if self.chance(self.faults.callback_odd) {
            self.stats.count("callbacks before the answer");
            self.after(1, Event::Callback { payment: request.payment_id.clone() });
        }
        let wait_ms = match self.random.u32(0..3) {
            _ if self.chance(self.faults.slow_payment) => {
                self.stats.count("payments pending for long");
                60_000 + self.delay(7_200_000)
            }
            0 => 0,
            _ => self.delay(10_000),
        };
        if wait_ms == 0 {
            self.decide(&request.payment_id);
        } else {
            self.after(wait_ms, Event::Decide { payment: request.payment_id.clone() });
        }
        self.provider_query(request)
    }

    /// The provider comes to a decision, and calls back.
    pub fn decide(&mut self, id: &str) {
        let Some(payment) = self.provider.payments.get(id) else { return };
        let amount = payment.request.amount;
        let status = if self.chance(self.faults.declined) {
            self.stats.count("payments declined");
            Status::Declined
        } else if self.chance(self.faults.other_amount) {
            self.stats.count("payments of another amount");
            Status::Captured(Money::from_minor(amount.minor() - 1))
        } else {
            Status::Captured(amount)
        };
        if let Some(payment) = self.provider.payments.get_mut(id) {
            payment.status = status;
        }
        let odd = self.chance(self.faults.callback_odd);
        let times = if odd { self.random.u32(0..4) } else { 1 };
        self.stats.count(match times {
            0 => "payments without a callback",
            1 => "payments with one callback",
            _ => "payments with several callbacks",
        });
        for _ in 0..times {
            let delay = if odd { self.delay(600_000) } else { self.delay(1_000) };
            self.after(delay, Event::Callback { payment: id.to_owned() });
        }
    }

    /// The provider is asked what became of a payment.
    pub fn provider_query(&mut self, request: &PaymentRequest) -> PaymentOutcome {
        let known = self.provider.payments.get(&request.payment_id);
        known.map_or(PaymentOutcome::NotFound, Payment::outcome)
    }

    /// The provider is asked to give money back; the same id again is the same refund.
    pub fn provider_refund(&mut self, request: &RefundRequest) -> RefundOutcome {
        if !self.provider.refunds.contains_key(&request.refund_id) {
            let given = !self.chance(self.faults.refund_declined);
            self.stats.count(if given { "refunds" } else { "refunds declined" });
            self.truth_of_refund(request);
            let refund = Refund { payment: request.payment_id.clone(), amount: request.amount, given };
            self.provider.refunds.insert(request.refund_id.clone(), refund);
        }
        match self.provider.refunds.get(&request.refund_id) {
            Some(refund) if refund.amount != request.amount => {
                self.fail(format!("refund {} was asked for with another amount", request.refund_id));
                RefundOutcome::Pending { why: "another amount".to_owned() }
            }
            Some(refund) if refund.given => RefundOutcome::Refunded,
            _ => RefundOutcome::Declined { reason: "the account is closed".to_owned() },
        }
    }

    /// A callback reaches the station, by the URL that the station gave; one that finds it dead is lost.
    pub fn callback(&mut self, id: &str) {
        let Some(payment) = self.provider.payments.get(id) else { return };
        let path = payment.request.callback_url.strip_prefix(URL).unwrap_or_default().to_owned();
        if !self.station.up || self.may_crash() {
            self.stats.count("callbacks lost");
            return;
        }
        let answer = self.handle(HttpMethod::Post, &path, b"{}");
        let is_forgotten = answer.status == 404 && self.station.era > 0;
        if answer.status != 204 && !is_forgotten {
            self.fail(format!("the callback {path} was answered with {}", answer.status));
        }
    }
}
