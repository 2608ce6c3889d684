//! One whole purchase for a family, step by step, through the same binary that people run: one payment for gas, water and
//! electricity, of two utilities.

use super::agree;
use super::{FAMILY, FamilyMeter, furnish};
use crate::output::{Context, Failure, Output};
use coinless_protocol::token::Token;
use coinless_sim::desk::{Desk, Running};
use coinless_station::records::from_hex;
use serde_json::{Value, json};

/// What is paid for each meter of [`FAMILY`].
const PAID: [&str; 3] = ["50.00", "20.00", "30.00"];
/// What of the gas is used at last, in thousandths of a litre.
const USED: (&str, i64) = ("1.250m3", 1_250_000);

/// The desk with what is on it.
pub(super) struct Story<'a> {
    pub(super) desk: Desk,
    station: Running,
    meters: Vec<Running>,
    output: &'a Output,
}

/// Plays the purchase; fails unless meters, ledger and receipts agree at the end.
pub(super) fn run(output: &Output) -> Result<(), Failure> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let binary = std::env::current_exe().context("finding this program")?;
    let desk = Desk::new(binary, folder.path());
    furnish(&desk, "")?;
    let station = desk.start_station("127.0.0.1:0", &[]).context("starting the station")?;
    let start =
        |meter: FamilyMeter| desk.start(desk.meter_command(meter.id, "127.0.0.1:0")).context("starting a meter");
    let meters = FAMILY.into_iter().map(start).collect::<Result<_, _>>()?;
    let mut story = Story { desk, station, meters, output };
    story.enrolled()?;
    story.use_up()?;
    let order = story.buy()?;
    let loaded = story.deliver()?;
    story.open_and_use()?;
    story.bring_receipts(&order)?;
    agree::agree(&mut story, &order, &loaded, USED.1)
}

impl Story<'_> {
    pub(super) fn tell(&self, step: &str, value: &Value, lines: &[String]) -> Result<(), Failure> {
        let words = format!("{step:<10} {}", lines.join(&format!("\n{:<10} ", "")));
        self.output.result(&json!({ "step": step, "result": value }), words)
    }

    /// The last of what `station show` shows of `what`.
    pub(super) fn newest(&self, what: &str, id: Option<&str>) -> Result<Value, Failure> {
        let shown = self.desk.show(what, id).context(format_args!("station show {what}"))?;
        shown.into_iter().next_back().ok_or_else(|| Failure::new(format!("station show {what} showed nothing")))
    }

    /// Types a control line at the meter of this place in [`FAMILY`].
    pub(super) fn control(&mut self, place: usize, line: &str, event: &str) -> Result<Value, Failure> {
        let meter = self.meters.get_mut(place).ok_or_else(|| Failure::new("there is no such meter"))?;
        meter.control(line, event).context("at the meter")
    }

    fn phone(&self, verb: &str, words: &[&str]) -> Result<Value, Failure> {
        let results = self.desk.phone("phone", verb, words).context(format_args!("phone {verb}"))?;
        results.into_iter().next().ok_or_else(|| Failure::new(format!("phone {verb} printed nothing")))
    }

    fn enrolled(&self) -> Result<(), Failure> {
        let words = |meter: &FamilyMeter| format!("{:<12} {} of {}", meter.commodity, meter.label, meter.utility);
        let labels = FAMILY.map(|meter| meter.label);
        self.tell("enrolled", &json!({ "meters": labels }), &FAMILY.each_ref().map(words))
    }

    fn use_up(&mut self) -> Result<(), Failure> {
        self.control(0, "open", "open")?;
        let used = self.control(0, "consume 5m3", "consumed")?;
        let (causes, valve) = (join(&used["causes"]), text(&used["valve"]));
        let line = format!("gas: used {}, left {}; valve {valve} ({causes})", text(&used["used"]), text(&used["left"]));
        self.tell("used up", &used, &[line])
    }

    fn buy(&self) -> Result<String, Failure> {
        let url = self.station.address();
        let lines: Vec<String> =
            FAMILY.iter().zip(PAID).map(|(meter, paid)| format!("{}={paid}", meter.label)).collect();
        let with = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).chain(lines.iter().cloned()).collect()
        };
        let quote = self.desk.run_one(&with(&["phone", "quote", "--station", &url])).context("phone quote")?;
        let mut told: Vec<String> = quote["lines"].as_array().into_iter().flatten().map(quote_words).collect();
        told.push(format!("{} EUR in all, to be paid once", text(&quote["total"])));
        self.tell("quote", &quote, &told)?;

        let words = with(&["--station", &url]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let bought = self.phone("buy", &words)?;
        let id = text(&bought["order"]);
        let mut told = vec![format!("order {id}: paid and sold, NOT LOADED yet; on the phone:")];
        let order = self.newest("order", Some(&id))?;
        for line in order["lines"].as_array().into_iter().flatten() {
            told.push(token_words(line)?);
        }
        self.tell("buy", &bought, &told)?;
        Ok(id)
    }

    fn deliver(&mut self) -> Result<Vec<Value>, Failure> {
        let (mut seen, mut told) = (Vec::new(), Vec::new());
        for (place, meter) in FAMILY.iter().enumerate() {
            let link = self.meters.get(place).map(Running::address).unwrap_or_default();
            let delivered = self.phone("deliver", &[&link])?;
            let running = self.meters.get_mut(place).ok_or_else(|| Failure::new("there is no such meter"))?;
            let loaded = running.wait_for("token").context("at the meter")?;
            let words = text(&delivered["words"]);
            told.push(format!(
                "{:<12} {}; balance {} -> {}, valve {}{}",
                meter.commodity,
                words.split(';').next().unwrap_or(&words),
                text(&loaded["balance_before"]),
                text(&loaded["balance"]),
                text(&loaded["valve"]),
                if loaded["armed"] == true { ": a press opens it" } else { "" }
            ));
            seen.push(loaded);
        }
        self.tell("deliver", &json!(seen), &told)?;
        Ok(seen)
    }

    fn open_and_use(&mut self) -> Result<(), Failure> {
        let opened = self.control(0, "open", "open")?;
        let line = format!("gas: button pressed: {}; valve {}", text(&opened["outcome"]), text(&opened["valve"]));
        self.tell("open", &opened, &[line])?;
        let used = self.control(0, &format!("consume {}", USED.0), "consumed")?;
        let line =
            format!("gas: used {}, left {}; valve {}", text(&used["used"]), text(&used["left"]), text(&used["valve"]));
        self.tell("use", &used, &[line])
    }

    fn bring_receipts(&self, order: &str) -> Result<(), Failure> {
        let synced = self.phone("sync", &[])?;
        let mut told = Vec::new();
        for meter in FAMILY {
            let receipt = self.newest("receipts", Some(meter.id))?;
            let (balance, decision) = (text(&receipt["balance"]), text(&receipt["decision"]));
            told.push(format!(
                "{:<12} receipt {}: number {}, total {} units, sealed balance {balance}, {decision}",
                meter.commodity, receipt["receipt"], receipt["credit_number"], receipt["total_units"]
            ));
        }
        self.tell("sync", &synced, &told)?;
        let ledger = self.newest("ledger", Some(order))?;
        let accounts = ledger["accounts"].as_array().into_iter().flatten();
        let line = |account: &Value| format!("{:<34} {:>8}", text(&account["account"]), text(&account["balance"]));
        self.tell("ledger", &ledger, &accounts.map(line).collect::<Vec<_>>())
    }
}

fn quote_words(line: &Value) -> String {
    let (pays, buys) = (text(&line["amount"]), text(&line["quote"]["shown"]));
    let explained = line["quote"]["explanation"].as_array().into_iter().flatten();
    let explained: Vec<_> =
        explained.map(|part| format!("{} {}", text(&part["text"]), text(&part["amount"]))).collect();
    format!("{:<12} {pays} EUR buy {buys:<11} ({})", text(&line["commodity"]), explained.join(", "))
}

/// What a line's token says, read from its bytes.
fn token_words(line: &Value) -> Result<String, Failure> {
    let bytes = from_hex(&text(&line["token"])).ok_or_else(|| Failure::new("the order has no token"))?;
    let (_, token) = Token::parse(&bytes).context("reading the token")?;
    let Some(register) = token.register() else { return Err(Failure::new("not a credit token")) };
    Ok(format!(
        "token of {} bytes for {}: number {}, total {} units sold since the meter was made",
        bytes.len(),
        text(&line["label"]),
        register.number.0,
        register.total.get()
    ))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn join(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}
