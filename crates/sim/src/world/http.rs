//! The station's paths, mapped onto the same functions of its domain as its HTTP API maps them.

use super::hub::{Event, Hub, Request, Slot};
use super::station::PROVIDER;
use coinless_phone::io::{HttpAnswer, HttpMethod, NoAnswer};
use coinless_protocol::Challenge;
use coinless_protocol::token::{Order, Token};
use coinless_station::meters;
use coinless_station::money::Money;
use coinless_station::orders::{self, OrderRequest, PayBy, QuotedLine};
use coinless_station::problem::{Code, Error};
use coinless_station::provider::Notice;
use coinless_station::records::{from_hex, to_hex};
use coinless_station::sales::Asked;
use coinless_station::sales::builtin::{self, Tariffs};
use coinless_station::{payments, receipts, recovery, refunds, view};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

impl Hub {
    /// A request reaches the station, which may be dead, die over it, or answer.
    pub fn request(&mut self, phone: usize, request: &Request, slot: Option<Slot<Result<HttpAnswer, NoAnswer>>>) {
        let none = |why: &str| Err(NoAnswer(why.to_owned()));
        let answer = if !self.station.up || self.may_crash() {
            none("connection refused")
        } else {
            let answer = self.handle(request.method, &request.path, &request.body);
            self.tell(|| format!("phone {phone} {:?} {}: {}", request.method, request.path, answer.status));
            if self.may_crash() { none("connection reset") } else { Ok(answer) }
        };
        let Some(slot) = slot else { return };
        if answer.is_ok() && self.chance(self.faults.answer_lost) {
            // The phone finds out by its time-out.
            self.stats.count("answers to phones lost");
            return;
        }
        let delay = self.delay(300);
        self.after(delay, Event::Answer { phone, slot, answer });
    }

    /// What the station answers.
    pub fn handle(&mut self, method: HttpMethod, path: &str, body: &[u8]) -> HttpAnswer {
        match self.route(method, path, body) {
            Ok((status, value)) => HttpAnswer { status, body: value.to_string().into_bytes() },
            Err(error) => {
                let details = error.details();
                let body = serde_json::to_vec(&details).unwrap_or_default();
                HttpAnswer { status: details.status, body }
            }
        }
    }

    fn route(&mut self, method: HttpMethod, path: &str, body: &[u8]) -> Result<(u16, Value), Error> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (method, segments.as_slice()) {
            (HttpMethod::Get, ["v1", "recovery"]) => {
                Ok((200, json!({ "orders_since_ms": self.read(recovery::since)? })))
            }
            (HttpMethod::Get, ["v1", "meters", label]) => self.meter(label),
            (HttpMethod::Post, ["v1", "meters", label, "read-requests"]) => self.read_request(label, body),
            (HttpMethod::Put, ["v1", "orders", id]) => self.put_order(&order_id(id)?, &parse(body)?),
            (HttpMethod::Get, ["v1", "orders", id]) => Ok((200, self.show(&order_id(id)?)?)),
            (HttpMethod::Post, ["v1", "orders", id, "payment"]) => {
                let (id, body) = (order_id(id)?, parse::<Value>(body)?);
                let version = body.get("quote_version").and_then(Value::as_i64).ok_or_else(malformed)?;
                let view = self.run(|work| {
                    orders::accept(work, &id, version)?;
                    view::order(work, &id)
                })?;
                Ok((202, json!(view)))
            }
            (HttpMethod::Post, ["v1", "orders", id, "lines", line, "void"]) => {
                let (id, line) = (order_id(id)?, line.parse().map_err(|_| malformed())?);
                let view = self.run(|work| {
                    refunds::void(work, &id, line)?;
                    view::order(work, &id)
                })?;
                Ok((202, json!(view)))
            }
            (HttpMethod::Post, ["v1", "receipts"]) => self.receipt(body),
            (HttpMethod::Post, ["v1", "callbacks", provider, part, mac]) => {
                let payment_id = self.station.context.callbacks.subject(provider, part, mac)?.ok_or_else(malformed)?;
                let notice = Notice::Payment { payment_id, reference: None };
                self.run(|work| payments::called_back(work, provider, &notice))?;
                Ok((204, Value::Null))
            }
            _ => Err(malformed()),
        }
    }

    fn meter(&mut self, label: &str) -> Result<(u16, Value), Error> {
        let id = meters::parse_label(label)?;
        let meter = self.read(|work| meters::find(work, id))?;
        let Tariffs { utility, currency, .. } = &*self.station.tariffs;
        Ok((200, json!(view::meter(&meter, utility.as_str(), *currency))))
    }

    fn read_request(&mut self, label: &str, body: &[u8]) -> Result<(u16, Value), Error> {
        let id = meters::parse_label(label)?;
        let body: Value = parse(body)?;
        let challenge = body.get("challenge").and_then(Value::as_str).and_then(from_hex);
        let challenge = challenge.and_then(|bytes| Challenge::try_from(bytes).ok()).ok_or_else(malformed)?;
        let meter = self.read(|work| meters::find(work, id))?;
        let key = meter.key.hash();
        let token = Token { meter: id, meter_key: key.hint(), epoch: meter.epoch, order: Order::Read(challenge) };
        let signed = token.sign(&key, &self.station.operational);
        let signed = signed.map_err(|error| Error::inconsistent(error.to_string()))?;
        self.stats.count("read requests");
        Ok((200, json!({ "token": to_hex(&signed) })))
    }

    fn put_order(&mut self, id: &str, request: &OrderRequest) -> Result<(u16, Value), Error> {
        if self.read(|work| orders::exists(work, id, request))? {
            self.stats.count("orders sent again");
            return Ok((200, self.show(id)?));
        }
        let currency = self.station.tariffs.currency;
        let lines = self.quoted(request)?;
        let pay_by = PayBy { provider: PROVIDER.to_owned(), is_push: false };
        let made = self.run(|work| {
            let new = orders::put(work, id, request, currency, &lines, &pay_by)?;
            Ok((new, view::order(work, id)?))
        });
        if let Err(Error::Refused { code: Code::OverMaximumCredit, .. }) = made {
            self.stats.count("orders refused for want of room");
        }
        let (new, view) = made?;
        self.stats.count("orders");
        self.stats.add("order lines", lines.len() as u64);
        Ok((if new { 201 } else { 200 }, json!(view)))
    }

    fn quoted(&mut self, request: &OrderRequest) -> Result<Vec<QuotedLine>, Error> {
        let currency = self.station.tariffs.currency;
        let mut quoted = Vec::new();
        for (id, line) in request.meters()?.into_iter().zip(&request.lines) {
            let meter = self.read(|work| meters::find(work, id))?;
            let line = line.parse(&meter, currency)?;
            let tariffs = self.station.tariffs.clone();
            let quote = self.read(|work| Ok(builtin::trial(work, &tariffs, id, meter.commodity, line.asked)))?;
            let quote = quote.map_err(|error| Error::refused(Code::BadAmount, error.to_string()))?;
            let parts = quote.net.minor() + quote.tax.minor() + quote.fee.minor();
            if Money::from_minor(parts) != quote.amount
                || matches!(line.asked, Asked::Money(asked) if asked != quote.amount)
            {
                self.fail(format!("the parts of a quote are not {:?}", quote.amount));
            }
            quoted.push(QuotedLine { line, meter, quote });
        }
        Ok(quoted)
    }

    fn show(&mut self, id: &str) -> Result<Value, Error> {
        Ok(json!(self.read(|work| view::order(work, id))?))
    }

    fn receipt(&mut self, body: &[u8]) -> Result<(u16, Value), Error> {
        let id = receipts::parse(body)?.1.meter;
        let meter = self.read(|work| meters::find(work, id))?;
        let keys = self.station.keys_of(&id).ok_or_else(|| Error::inconsistent("no keys of a meter"))?;
        let opened = receipts::open(body, &meter, &keys.0, || keys.1.clone())?;
        let (context, number) = (self.station.context.clone(), opened.receipt.number);
        let late = meter.newest_receipt.is_some_and(|newest| newest.number > number);
        let new = self.run(|work| receipts::accept(work, &opened, &context))?;
        self.stats.count(match (new, late) {
            (true, true) => "receipts taken out of order",
            (true, false) => "receipts taken",
            (false, _) => "receipts taken again",
        });
        Ok((200, json!({ "meter": id.as_str(), "receipt": number, "new": new })))
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::refused(Code::Malformed, error.to_string()))
}

fn order_id(text: &str) -> Result<String, Error> {
    let id = Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 7);
    id.map(|id| id.hyphenated().to_string()).ok_or_else(malformed)
}

fn malformed() -> Error {
    Error::refused(Code::Malformed, "the request cannot be read")
}
