//! A station as far as a courier sees it: orders, one payment each, tokens that count live lines, receipts that settle them.

use coinless_phone::io::{HttpAnswer, HttpMethod, HttpRequest};
use coinless_phone::records::TokenKey;
use coinless_protocol::cose::Sign1;
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_protocol::report::Report;
use coinless_protocol::token::{Clock, Conditions, Content, Needs, Order, RefusedRange, Set, Token};
use coinless_protocol::{CreditNumber, Epoch, MeterId, Register, Units};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Credit units that one line buys, whatever is paid.
pub const UNITS: u64 = 1000;
/// What a quantity costs for each 1000 credit units.
pub const PRICE: u64 = 3;

#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub meter: MeterId,
    pub amount: String,
    pub units: u64,
    pub state: &'static str,
    pub token: Option<Vec<u8>>,
    /// The numbers of its meter's tokens that count it.
    counted: Vec<u32>,
}

pub struct TestOrder {
    request: Value,
    pub version: u64,
    pub payment: &'static str,
    pub lines: Vec<Line>,
    /// How often the order must be looked at before the money is there.
    patience: u32,
}

pub struct TestMeterFile {
    pub key: PublicKey,
    pub epoch: Epoch,
    /// What its credit tokens ask of other registers.
    pub needs: Needs,
    /// Signed tokens for other registers that are not settled.
    pub registers: Vec<Vec<u8>>,
    number: u32,
    room: u64,
}

#[derive(Default)]
pub struct TestStation {
    pub orders: BTreeMap<String, TestOrder>,
    pub meters: BTreeMap<MeterId, TestMeterFile>,
    /// Orders whose payment the provider was asked for.
    pub payments: u32,
    pub refunds: u32,
    pub receipts: Vec<Vec<u8>>,
    pub reports: Vec<Vec<u8>>,
    /// The time that it signs.
    pub time_s: u64,
    /// It takes no reports and sets no clocks: 404, or a reason.
    pub no_reports: Option<&'static str>,
    /// Tokens for other registers that are signed while a phone follows an order.
    pub signed_meanwhile: Vec<(MeterId, Vec<u8>)>,
    /// A clock token that it gives in the place of the right one.
    pub wrong_clock: Option<Vec<u8>>,
    /// What the provider says in the end.
    pub declines: bool,
    /// Answers every request with this, as a proxy would.
    pub in_the_way: Option<(u16, String)>,
    /// Added to every total that the station asks for.
    pub surcharge: u64,
    /// The price of a quantity, if it is not the usual one.
    pub price: Option<u64>,
    /// What each request asked for.
    pub paths: Vec<String>,
    /// After how many requests each stream of events was asked for.
    pub watched: Vec<usize>,
}

fn issuer() -> KeyPair {
    KeyPair::from_secret(&[99; 32]).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn answer(status: u16, body: &Value) -> HttpAnswer {
    HttpAnswer { status, body: body.to_string().into_bytes() }
}

fn problem(status: u16, code: &str) -> HttpAnswer {
    answer(status, &json!({"type": "about:blank", "title": code, "status": status, "detail": code, "code": code}))
}

impl TestStation {
    pub fn enrol(&mut self, meter: MeterId, key: PublicKey, room: u64) {
        let file =
            TestMeterFile { key, epoch: Epoch(0), needs: Needs::default(), registers: Vec::new(), number: 0, room };
        self.meters.insert(meter, file);
    }

    pub fn has_receipt(&self, bytes: &[u8]) -> bool {
        self.receipts.iter().any(|receipt| receipt == bytes)
    }

    pub fn answer(&mut self, request: &HttpRequest<'_>) -> HttpAnswer {
        self.paths.push(request.path.to_owned());
        if let Some((status, body)) = &self.in_the_way {
            return HttpAnswer { status: *status, body: body.clone().into_bytes() };
        }
        let segments: Vec<&str> = request.path.trim_start_matches("/v1/").split('/').collect();
        match (request.method, segments.as_slice()) {
            (HttpMethod::Get, ["meters", label]) => self.meter(label),
            (HttpMethod::Post, ["meters", label, "read-requests"]) => self.read_request(label, request.body),
            (HttpMethod::Post, ["quotes"]) => self.quote(request.body),
            (HttpMethod::Put, ["orders", id]) => self.put(id, request.body),
            (HttpMethod::Get, ["orders", id]) => self.get(id),
            (HttpMethod::Post, ["orders", id, "payment"]) => self.pay(id),
            (HttpMethod::Post, ["orders", id, "lines", line, "void"]) => self.void(id, line.parse().unwrap()),
            (HttpMethod::Post, ["receipts"]) => self.receipt(request.body),
            (HttpMethod::Post, ["reports"]) => self.report(request.body),
            (HttpMethod::Get, ["meters", label, "clock", challenge]) => self.clock(label, challenge),
            _ => problem(404, "not_found"),
        }
    }

    /// The stream says how the order stands, and how it goes on once; then it breaks.
    pub fn events(&mut self, path: &str) -> Vec<Vec<u8>> {
        self.watched.push(self.paths.len());
        let id = path.trim_start_matches("/v1/orders/").trim_end_matches("/events").to_owned();
        let first = format!(": hello\n\ndata: {}\n\n", self.view(&id));
        self.look(&id);
        for (meter, token) in std::mem::take(&mut self.signed_meanwhile) {
            self.meters.get_mut(&meter).unwrap().registers.push(token);
            self.orders.get_mut(&id).unwrap().version += 1;
        }
        let second = format!("data: {}\r\n\r\ndata: {{\"cut", self.view(&id));
        let (head, tail) = second.split_at(second.len() / 2);
        vec![first.into_bytes(), head.as_bytes().to_vec(), tail.as_bytes().to_vec()]
    }

    fn meter(&self, label: &str) -> HttpAnswer {
        let id = MeterId::from_label(label).unwrap();
        let Some(file) = self.meters.get(&id) else { return problem(404, "unknown_meter") };
        answer(
            200,
            &json!({"meter": id.as_str(), "label": label, "commodity": "gas", "public_key": hex(&file.key.to_sec1()), "more": 1}),
        )
    }

    fn read_request(&self, label: &str, body: &[u8]) -> HttpAnswer {
        let id = MeterId::from_label(label).unwrap();
        let body: Value = serde_json::from_slice(body).unwrap();
        let challenge = u64::from_str_radix(body["challenge"].as_str().unwrap(), 16).unwrap().to_be_bytes();
        answer(200, &json!({"token": hex(&self.sign(id, Order::Read(challenge)))}))
    }

    fn clock(&self, label: &str, challenge: &str) -> HttpAnswer {
        let id = MeterId::from_label(label).unwrap();
        let challenge = u64::from_str_radix(challenge, 16).unwrap().to_be_bytes();
        let clock = Some(Clock { unix_s: self.time_s, answers: Some(challenge) });
        let token = self.sign(id, Order::Set(Set { clock, ..Set::default() }));
        answer(200, &json!({"token": hex(self.wrong_clock.as_ref().unwrap_or(&token))}))
    }

    fn report(&mut self, body: &[u8]) -> HttpAnswer {
        match self.no_reports {
            Some("") => return HttpAnswer { status: 404, body: Vec::new() },
            Some("not_found") => return problem(404, "not_found"),
            Some(code) => return problem(422, code),
            None => {}
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        let bytes = from_hex(body["report"].as_str().unwrap());
        let report = Report::from_payload(Sign1::parse(&bytes).unwrap().payload).unwrap();
        let key = &self.meters[&report.meter].key;
        assert!(Report::verified(&bytes, key, &key.hash()).is_ok());
        if !self.reports.contains(&bytes) {
            self.reports.push(bytes);
        }
        answer(200, &json!({"meter": report.meter.as_str(), "report": report.number, "new": true}))
    }

    /// Signs a token for other registers, to be carried with the lines of the meter until it is settled.
    pub fn register(&mut self, meter: MeterId, order: Order<'_>) -> Vec<u8> {
        let token = self.sign(meter, order);
        self.meters.get_mut(&meter).unwrap().registers.push(token.clone());
        for order in self.orders.values_mut().filter(|order| order.lines.iter().any(|line| line.meter == meter)) {
            order.version += 1;
        }
        token
    }

    /// Begins a new epoch of a meter by other keys, and signs anew what is to be carried.
    pub fn new_epoch(&mut self, meter: MeterId) {
        let file = self.meters.get_mut(&meter).unwrap();
        file.epoch.0 += 1;
        file.number = 0;
        let lines = self.orders.values_mut().flat_map(|order| &mut order.lines);
        lines.filter(|line| line.meter == meter).for_each(|line| line.counted.clear());
        self.register(meter, Order::Keys(Content { number: 1, bytes: &[7] }));
        self.reissue(meter);
    }

    /// Signs the tokens of all lines of a meter anew.
    pub fn reissue(&mut self, meter: MeterId) {
        let ids: Vec<String> = self.orders.keys().cloned().collect();
        for id in ids {
            for line in 0..self.orders[&id].lines.len() {
                let line_of = &self.orders[&id].lines[line];
                if line_of.meter == meter && line_of.state == "issued" {
                    self.issue(&id, line, None);
                    self.orders.get_mut(&id).unwrap().version += 1;
                }
            }
        }
    }

    fn sign(&self, meter: MeterId, order: Order<'_>) -> Vec<u8> {
        let file = &self.meters[&meter];
        let hash = file.key.hash();
        let token = Token { meter, meter_key: hash.hint(), epoch: file.epoch, order };
        token.sign(&hash, &issuer()).unwrap().to_vec()
    }

    fn put(&mut self, id: &str, body: &[u8]) -> HttpAnswer {
        let request: Value = serde_json::from_slice(body).unwrap();
        if let Some(order) = self.orders.get(id) {
            return if order.request == request { answer(200, &self.view(id)) } else { problem(409, "order_conflict") };
        }
        let mut lines = Vec::new();
        for line in request["lines"].as_array().unwrap() {
            let meter = MeterId::from_label(line["meter"].as_str().unwrap()).unwrap();
            let Some(file) = self.meters.get(&meter) else { return problem(422, "unknown_meter") };
            if line["immediate"] == true && file.room < UNITS {
                return problem(422, "no_room");
            }
            let (amount, units) = self.price(line);
            lines.push(Line { meter, amount, units, state: "quoted", token: None, counted: Vec::new() });
        }
        self.orders.insert(id.to_owned(), TestOrder { request, version: 1, payment: "none", lines, patience: 2 });
        answer(201, &self.view(id))
    }

    fn price(&self, line: &Value) -> (String, u64) {
        match line["quantity"].as_str() {
            None => (line["amount"].as_str().unwrap().to_owned(), UNITS),
            Some(quantity) => {
                let units = quantity.strip_suffix("m3").unwrap().parse::<u64>().unwrap() * 1000;
                ((units / 1000 * self.price.unwrap_or(PRICE)).to_string(), units)
            }
        }
    }

    fn quote(&self, body: &[u8]) -> HttpAnswer {
        let request: Value = serde_json::from_slice(body).unwrap();
        let (mut total, mut lines) = (0, Vec::new());
        for line in request["lines"].as_array().unwrap() {
            let (amount, units) = self.price(line);
            total += amount.parse::<u64>().unwrap();
            lines.push(json!({"meter": line["meter"], "amount": amount, "quote": {"units": units}}));
        }
        answer(200, &json!({"currency": "EUR", "total": total.to_string(), "lines": lines}))
    }

    fn get(&mut self, id: &str) -> HttpAnswer {
        if !self.orders.contains_key(id) {
            return problem(404, "unknown_order");
        }
        self.look(id);
        answer(200, &self.view(id))
    }

    fn pay(&mut self, id: &str) -> HttpAnswer {
        let Some(order) = self.orders.get_mut(id) else { return problem(404, "unknown_order") };
        if order.payment == "none" {
            order.payment = "sent";
            order.version += 1;
            order.lines.iter_mut().for_each(|line| line.state = "awaiting_payment");
            self.payments += 1;
        }
        answer(202, &self.view(id))
    }

    /// Time passes: the money comes, the sale is made, the token signed.
    fn look(&mut self, id: &str) {
        let order = self.orders.get_mut(id).unwrap();
        if order.payment != "sent" {
            return;
        }
        if order.patience > 0 {
            order.patience -= 1;
            return;
        }
        order.version += 1;
        let (payment, state) = if self.declines { ("declined", "failed") } else { ("captured", "issued") };
        order.payment = payment;
        order.lines.iter_mut().for_each(|line| line.state = state);
        for line in 0..order.lines.len() {
            self.issue(id, line, None);
        }
    }

    /// Signs a token that counts the live lines of a line's meter, and makes it the line's token.
    fn issue(&mut self, id: &str, line: usize, refused: Option<RefusedRange>) {
        let meter = self.orders[id].lines[line].meter;
        let file = self.meters.get_mut(&meter).unwrap();
        file.number += 1;
        let number = file.number;
        let mut total = 0;
        for line in self.orders.values_mut().flat_map(|order| &mut order.lines).filter(|line| line.meter == meter) {
            if ["issued", "delivered"].contains(&line.state) {
                line.counted.push(number);
                total += line.units;
            }
        }
        let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
        let conditions = Conditions { refused, needs: self.meters[&meter].needs };
        let token = self.sign(meter, Order::credit(register, conditions));
        let line = &mut self.orders.get_mut(id).unwrap().lines[line];
        line.token = ["issued", "void_pending"].contains(&line.state).then_some(token);
    }

    fn void(&mut self, id: &str, number: usize) -> HttpAnswer {
        let order = self.orders.get_mut(id).unwrap();
        let line = &mut order.lines[number - 1];
        match line.state {
            "issued" => {
                line.state = "void_pending";
                order.version += 1;
                let counted = |at: Option<&u32>| CreditNumber(*at.unwrap());
                let range = RefusedRange::new(counted(line.counted.first()), counted(line.counted.last()));
                self.issue(id, number - 1, range);
            }
            "void_pending" => {}
            _ => return problem(409, "already_delivered"),
        }
        answer(202, &self.view(id))
    }

    fn receipt(&mut self, bytes: &[u8]) -> HttpAnswer {
        let Ok((_, receipt)) = Receipt::parse(bytes) else { return problem(422, "malformed") };
        let Some(file) = self.meters.get(&receipt.meter) else { return problem(422, "unknown_meter") };
        if Receipt::verified(bytes, &file.key, &file.key.hash()).is_err() {
            return problem(422, "not_signed");
        }
        let new = !self.has_receipt(bytes);
        if new {
            self.receipts.push(bytes.to_vec());
        }
        let has_it = matches!(receipt.outcome.decision, Decision::Applied | Decision::NotNewer);
        let about_credit = receipt.outcome.token != CreditNumber(0);
        let file = self.meters.get_mut(&receipt.meter).unwrap();
        let in_epoch = receipt.registers.epoch == file.epoch;
        file.registers.retain(|token| {
            let key = TokenKey::of(token).unwrap();
            let (numbers, own) = (key.numbers, receipt.registers);
            let told = own.tariff >= numbers.tariff && own.settings >= numbers.settings && own.keys >= numbers.keys;
            let untold = !numbers.has_untold() || (has_it && !about_credit);
            !(own.epoch > key.epoch || (own.epoch == key.epoch && told && untold))
        });
        let at = if in_epoch { receipt.registers.credit.0 } else { 0 };
        let mut refunds = 0;
        for order in self.orders.values_mut() {
            for line in order.lines.iter_mut().filter(|line| line.meter == receipt.meter) {
                let last = line.counted.last().copied().unwrap_or(0);
                let state = match line.state {
                    "issued" | "void_pending" if line.counted.contains(&at) => "delivered",
                    "void_pending" if at > last => "refunded",
                    same => same,
                };
                if state != line.state {
                    refunds += u32::from(state == "refunded");
                    line.state = state;
                    line.token = None;
                    order.version += 1;
                }
            }
        }
        self.refunds += refunds;
        answer(200, &json!({"meter": receipt.meter.as_str(), "receipt": receipt.number, "new": new}))
    }

    fn view(&self, id: &str) -> Value {
        let order = &self.orders[id];
        let lines: Vec<Value> = (1..)
            .zip(&order.lines)
            .map(|(number, line)| {
                json!({"line": number, "meter": line.meter.as_str(), "amount": line.amount, "state": line.state,
                "label": line.meter.label().to_string(), "commodity": "gas", "utility": "Aqua",
                "register_tokens": self.meters[&line.meter].registers.iter().map(|token| hex(token)).collect::<Vec<_>>(),
                "token": line.token.as_ref().map(|token| hex(token)), "reason": null, "quote": {"units": line.units, "tax": "1.25"}})
            })
            .collect();
        let sum: u64 = order.lines.iter().map(|line| line.amount.parse::<u64>().unwrap()).sum();
        json!({"id": id, "version": order.version, "quote_version": 1, "currency": "EUR",
            "total": (sum + self.surcharge).to_string(), "payment": {"state": order.payment}, "lines": lines})
    }
}
