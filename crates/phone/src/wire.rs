//! The JSON of the station's API, as far as a phone needs it. Fields that are not known are ignored.

mod problem;
mod readings;
mod step;

pub(crate) use problem::ProblemReport;
pub use problem::ProblemTaken;
pub use readings::{DayUse, Entitled, LastReading, Readings};
pub use step::{Per, Step, StepKind, Taxed};

use crate::records::TokenKey;
use crate::{Asked, hex};
use coinless_protocol::keys::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most tokens for other registers that come with one line: more than twice one for each register.
pub const MAX_REGISTER_TOKENS: usize = 12;

/// What is ordered or quoted. Sent again, it is sent exactly as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// One line for each purchase; several meters of several utilities may be in one order.
    pub lines: Vec<RequestLine>,
    /// Currency (ISO 4217) if the payer named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Who pays, as the payment provider knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The payment provider's name; the station's first one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// One line of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLine {
    /// The meter's label, with its check character.
    pub meter: String,
    /// What is to be paid, or bought: the field `amount` or `quantity`.
    #[serde(flatten)]
    pub asked: Asked,
    /// The token will be loaded at once: the station then checks that the meter has room for it.
    #[serde(default)]
    pub immediate: bool,
}

/// Whether the station was restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Since when it may have forgotten orders, in milliseconds since 1970-01-01 UTC; none if it has not.
    #[serde(default)]
    pub orders_since_ms: Option<i64>,
}

/// What an app must know of the station that serves it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationInfo {
    /// What the station calls itself.
    pub name: String,
    /// In what it is paid (ISO 4217), if all is paid in one currency.
    #[serde(default)]
    pub currency: Option<String>,
    /// How one can pay; the first is taken unless the payer chooses.
    #[serde(default)]
    pub providers: Vec<ProviderInfo>,
    /// Simulated meters that are reached through a WebSocket: URLs by meter number.
    #[serde(default)]
    pub websocket_meters: BTreeMap<String, String>,
}

/// A payment provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderInfo {
    /// Its name, as an order has it.
    pub name: String,
    /// Whether it must know who pays.
    #[serde(default)]
    pub payer: PayerNeed,
    /// What it knows payers by, in words: a telephone number.
    #[serde(default)]
    pub hint: Option<String>,
}

/// Whether a payment provider must know who pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayerNeed {
    /// Nothing is to be said.
    None,
    /// It must be said.
    Required,
    /// It may be said.
    #[default]
    #[serde(other)]
    Optional,
}

/// What the station says of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterInfo {
    /// Its identity.
    pub meter: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// What it measures.
    #[serde(default)]
    pub commodity: String,
    /// The company that sells.
    #[serde(default)]
    pub utility: Option<String>,
    /// The customer's name, masked.
    #[serde(default)]
    pub customer: Option<String>,
    /// Where it hangs, masked.
    #[serde(default)]
    pub place: Option<String>,
    /// In what it is paid.
    #[serde(default)]
    pub currency: Option<String>,
    /// Its public key: hexadecimal SEC 1 point.
    pub public_key: String,
}

/// What an amount buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuote {
    /// Credit units.
    pub units: u64,
    /// The same for people: `12.345 m³`.
    #[serde(default)]
    pub shown: String,
    /// Price without tax.
    #[serde(default)]
    pub net: Option<String>,
    /// Tax.
    #[serde(default)]
    pub tax: Option<String>,
    /// Fees for the service.
    #[serde(default)]
    pub fee: Option<String>,
    /// How it is reckoned.
    #[serde(default)]
    pub explanation: Vec<Explanation>,
}

/// One step of a quote's reckoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// In words.
    pub text: String,
    /// Its money.
    pub amount: String,
    /// The money is in the steps before it already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub within: bool,
    /// The same in figures.
    #[serde(flatten)]
    pub step: Step,
}

/// The answer to a request for a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Currency.
    pub currency: String,
    /// Sum of all lines.
    pub total: String,
    /// Its lines.
    pub lines: Vec<QuotedLine>,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    /// The meter's identity.
    pub meter: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// What it measures.
    #[serde(default)]
    pub commodity: String,
    /// The customer's name, masked.
    #[serde(default)]
    pub customer: Option<String>,
    /// Where it hangs, masked.
    #[serde(default)]
    pub place: Option<String>,
    /// What is to be paid.
    pub amount: String,
    /// What it buys.
    pub quote: LineQuote,
}

/// An order as the station sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Its id, which the phone has made.
    pub id: Uuid,
    /// Rises with each change.
    #[serde(default)]
    pub version: u64,
    /// Version of the quote; whoever pays accepts one.
    #[serde(default)]
    pub quote_version: u32,
    /// Currency.
    #[serde(default)]
    pub currency: String,
    /// Sum of all lines.
    #[serde(default)]
    pub total: String,
    /// How the payment stands.
    pub payment: PaymentView,
    /// Its lines.
    pub lines: Vec<LineView>,
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentView {
    /// Its state.
    pub state: PaymentState,
    /// Why, if the station says so.
    #[serde(default)]
    pub reason: Option<String>,
    /// The payment provider's name.
    #[serde(default)]
    pub provider: Option<String>,
    /// What the payer has to do now, in words for the payer.
    #[serde(default)]
    pub instructions: Option<String>,
}

/// State of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Not asked for.
    None,
    /// Asked for.
    Sent,
    /// Asked for; the provider has not said what became of it.
    Unknown,
    /// The money is there.
    Captured,
    /// The provider refused.
    Declined,
    /// Money is there that nobody can match; a person must look.
    Exception,
    /// The money was there and was taken away again; a person must look.
    TakenBack,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

/// One line of an order as the station sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineView {
    /// Its number within the order.
    pub line: u32,
    /// The meter's identity.
    pub meter: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// What it measures.
    #[serde(default)]
    pub commodity: String,
    /// The company that sells.
    #[serde(default)]
    pub utility: Option<String>,
    /// What is to be paid.
    pub amount: String,
    /// How it stands.
    pub state: LineState,
    /// What the amount buys.
    #[serde(default)]
    pub quote: Option<LineQuote>,
    /// The token to be carried to the meter now, in hexadecimal.
    #[serde(default)]
    pub token: Option<String>,
    /// Tokens for other registers of the meter (keys, settings, tariff, valve, clock), in hexadecimal: to be handed over before the
    /// credit token, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub register_tokens: Vec<String>,
    /// Why, if the station says so.
    #[serde(default)]
    pub reason: Option<String>,
}

/// State of an order line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// The price is said.
    Quoted,
    /// The payer has accepted; the money is on its way.
    AwaitingPayment,
    /// What became of the payment is not known.
    PaymentUnknown,
    /// The money is there.
    Paid,
    /// What became of the sale is not known.
    SaleUnknown,
    /// The utility has sold.
    Sold,
    /// There is a token.
    Issued,
    /// A receipt shows that the meter has loaded it.
    Delivered,
    /// To be taken back; the void token must reach the meter.
    VoidPending,
    /// A receipt shows that the meter can never load it.
    Voided,
    /// The utility has taken the sale back.
    SaleReversed,
    /// The money went back.
    Refunded,
    /// Not paid in time.
    Expired,
    /// Not paid, or not sold; what was paid goes back.
    Failed,
    /// A person must look.
    Exception,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

/// What the station says of a receipt that it has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptTaken {
    /// Whose it is.
    pub meter: String,
    /// Its number.
    pub receipt: u32,
    /// Whether the station did not have it yet.
    #[serde(default)]
    pub new: bool,
}

/// What the station says of a report that it has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAccepted {
    /// Whose it is.
    pub meter: String,
}

/// A signed clock token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAnswer {
    /// The token, in hexadecimal.
    pub token: String,
}

/// A signed read request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    /// The token, in hexadecimal.
    pub token: String,
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// In a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// In words for a person.
    #[serde(default)]
    pub detail: Option<String>,
    /// One code per cause.
    #[serde(default)]
    pub code: Option<String>,
    /// After how many seconds the same may be asked again.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// How many more tries there are until then.
    #[serde(default)]
    pub tries_left: Option<u32>,
    /// Label of the meter that stands for this one now.
    #[serde(default)]
    pub replaced_by: Option<String>,
}

impl MeterInfo {
    /// Its public key; none if the station gave nonsense.
    pub fn key(&self) -> Option<PublicKey> {
        PublicKey::from_sec1(&hex::decode(&self.public_key)?).ok()
    }
}

impl OrderView {
    /// The line with this number.
    pub fn line(&self, number: u32) -> Option<&LineView> {
        self.lines.iter().find(|line| line.line == number)
    }

    /// Whether nothing will ever change any more.
    pub fn is_finished(&self) -> bool {
        let paid = self.payment.state != PaymentState::Declined && self.payment.state != PaymentState::None;
        self.lines.iter().all(|line| match line.state {
            // What was paid for it goes back first.
            LineState::Failed => !paid,
            state => state.is_final(),
        })
    }

    /// Whether nothing will change any more until a person at the station has looked.
    pub fn waits_for_person(&self) -> bool {
        let held = matches!(self.payment.state, PaymentState::Exception | PaymentState::TakenBack);
        let waits = |line: &LineView| match line.state {
            LineState::Exception => true,
            LineState::Failed => held,
            _ => false,
        };
        self.lines.iter().any(waits) && self.lines.iter().all(|line| waits(line) || line.state.is_final())
    }

    /// Whether a buyer need not wait any longer: the payment was refused, or every line has its token or has ended.
    pub fn is_settled(&self) -> bool {
        self.payment.state == PaymentState::Declined || self.lines.iter().all(|line| !line.is_waiting())
    }
}

impl LineView {
    /// The name of its credit token, if it has one that can be read.
    pub fn token_key(&self) -> Option<TokenKey> {
        TokenKey::of(&hex::decode(self.token.as_ref()?)?).ok().filter(TokenKey::has_credit)
    }

    /// The names of its tokens for other registers, as far as they can be read, in the order in which they are to be handed over.
    pub fn register_keys(&self) -> Vec<TokenKey> {
        let name = |token: &String| TokenKey::of(&hex::decode(token)?).ok().filter(|key| !key.has_credit());
        self.register_tokens.iter().take(MAX_REGISTER_TOKENS).filter_map(name).collect()
    }

    fn is_waiting(&self) -> bool {
        use LineState::*;
        match self.state {
            Quoted | AwaitingPayment | PaymentUnknown | Paid | SaleUnknown | Sold | Other => true,
            Issued => self.token.is_none(),
            Delivered | VoidPending | Voided | SaleReversed | Refunded | Expired | Failed | Exception => false,
        }
    }
}

impl LineState {
    /// Whether the line stays so. A line that a person looks at does not, nor does one that failed after it was paid.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Refunded | Self::Expired)
    }

    /// Whether it is taken back, or about to be: a token for it loads nothing of it then.
    pub fn is_taken_back(self) -> bool {
        matches!(self, Self::VoidPending | Self::Voided | Self::SaleReversed | Self::Refunded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_states_are_tolerated() {
        let json = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","version":3,"new_thing":[1],"payment":{"state":"thought_about"},
            "lines":[{"line":1,"meter":"CLS0000000017","amount":"50.00","state":"dreamt_of","colour":"blue"}]}"#;
        let view: OrderView = serde_json::from_str(json).unwrap();
        assert_eq!((view.payment.state, view.lines[0].state), (PaymentState::Other, LineState::Other));
        assert!(!view.is_finished() && !view.is_settled());
    }

    #[test]
    fn figures_of_an_explanation_are_shown_as_far_as_they_are_known() {
        let read = |json: &str| serde_json::from_str::<Explanation>(json).unwrap();
        let json = r#"{"text":"VAT 19 % of gas","amount":"7.98","within":true,"kind":"tax","name":"VAT","percent":"19","of":["commodity"]}"#;
        let tax = read(json);
        let of = vec![Taxed::Commodity];
        let (name, percent) = (Some("VAT".to_owned()), Some("19".to_owned()));
        assert_eq!(tax.step, Step { kind: Some(StepKind::Tax), name, percent, of, ..Step::default() });
        assert!(tax.within);
        assert_eq!(serde_json::to_string(&tax).unwrap(), json);
        assert_eq!(read(r#"{"text":"gas","amount":"1.00"}"#).step, Step::default());
        assert_eq!(read(r#"{"text":"gas","kind":"levy_of_2040","units":5}"#).step.kind, Some(StepKind::Other));
        assert_eq!(read(r#"{"text":"gas","kind":"block","units":"many","block":1.5}"#).step, Step::default());
        for wrong in [r#"{"amount":"1.00"}"#, r#"{"text":"gas","amount":1}"#, r#"{"text":"gas","within":"yes"}"#] {
            assert!(serde_json::from_str::<Explanation>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_without_register_tokens_is_written_as_before() {
        let json = r#"{"line":1,"meter":"CLS0000000017","amount":"50.00","state":"issued"}"#;
        let line: LineView = serde_json::from_str(json).unwrap();
        assert_eq!((line.register_keys(), line.register_tokens.len()), (vec![], 0));
        assert!(!serde_json::to_string(&line).unwrap().contains("register_tokens"));
        // What is no token names nothing.
        let more = LineView { register_tokens: vec!["00".into(), "zz".into()], ..line };
        assert_eq!(more.register_keys(), vec![]);
    }

    #[test]
    fn a_request_says_only_what_was_said() {
        let line = |asked: &str| RequestLine {
            meter: "CLS0000000017-Z".into(),
            asked: asked.parse().unwrap(),
            immediate: false,
        };
        let lines = vec![line("50.00"), line("12m3")];
        let request = OrderRequest { lines, currency: None, payer: None, provider: None };
        let json = r#"{"lines":[{"meter":"CLS0000000017-Z","amount":"50.00","immediate":false},{"meter":"CLS0000000017-Z","quantity":"12m3","immediate":false}]}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert_eq!(serde_json::from_str::<OrderRequest>(json).unwrap(), request);
        let request =
            OrderRequest { lines: vec![], payer: Some("Zoë".into()), provider: Some("daraja".into()), ..request };
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"lines":[],"payer":"Zoë","provider":"daraja"}"#);
    }

    #[test]
    fn what_failed_after_it_was_paid_is_not_finished() {
        let view = |payment: &str, line: &str| {
            let json = format!(
                r#"{{"id":"01890a5d-ac96-774b-bcce-b302099a8057","payment":{{"state":"{payment}","provider":"daraja",
                "instructions":"Pay 500 KES"}},"lines":[{{"line":1,"meter":"CLS0000000017","utility":"Aqua","amount":"50.00",
                "state":"{line}","quote":{{"units":1,"fee":"0.50"}}}}]}}"#
            );
            serde_json::from_str::<OrderView>(&json).unwrap()
        };
        assert!(view("declined", "failed").is_finished() && view("captured", "refunded").is_finished());
        assert!(!view("captured", "failed").is_finished() && !view("captured", "exception").is_finished());
        assert!(view("captured", "exception").waits_for_person() && view("exception", "failed").waits_for_person());
        assert!(!view("captured", "failed").waits_for_person() && !view("captured", "delivered").waits_for_person());
        let view = view("sent", "awaiting_payment");
        assert_eq!(view.payment.instructions.as_deref(), Some("Pay 500 KES"));
        assert_eq!(view.lines[0].quote.as_ref().unwrap().fee.as_deref(), Some("0.50"));
    }
}
