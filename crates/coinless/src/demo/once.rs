//! One whole purchase, step by step, through the same binary that people run.

use crate::output::{Context, Failure, Output};
use coinless_protocol::FineCredit;
use coinless_protocol::token::{Order, Token};
use coinless_sim::desk::{Desk, Running};
use coinless_station::records::from_hex;
use serde_json::{Value, json};

const METER: &str = "CLS0000000017";
const LABEL: &str = "CLS0000000017-Z";
const PAID: &str = "50.00";
const USED: &str = "1.250m3";

/// The desk with what is on it.
struct Story<'a> {
    desk: Desk,
    station: Running,
    meter: Running,
    output: &'a Output,
}

/// Plays the purchase; fails unless meter, ledger and receipt agree at the end.
pub(super) fn run(output: &Output) -> Result<(), Failure> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let binary = std::env::current_exe().context("finding this program")?;
    let desk = Desk::new(binary, folder.path());
    desk.write_issuer().context("the station's keys")?;
    desk.new_meter(METER, "gas", &[]).context("making and enrolling a meter")?;
    let station = desk.start_station("127.0.0.1:0", &[]).context("starting the station")?;
    let meter = desk.start(desk.meter_command(METER, "127.0.0.1:0")).context("starting the meter")?;
    let mut story = Story { desk, station, meter, output };
    story.tell(
        "enrolled",
        &json!({ "meter": LABEL }),
        &[format!("gas meter {LABEL}, known to the station by its public key")],
    )?;
    story.use_up()?;
    let order = story.buy()?;
    let loaded = story.deliver()?;
    story.open_and_use()?;
    story.bring_receipt(&order)?;
    story.agree(&order, &loaded)
}

impl Story<'_> {
    fn tell(&self, step: &str, value: &Value, lines: &[String]) -> Result<(), Failure> {
        let words = format!("{step:<10} {}", lines.join(&format!("\n{:<10} ", "")));
        self.output.result(&json!({ "step": step, "result": value }), words)
    }

    /// The last of what `station show` shows of `what`.
    fn newest(&self, what: &str, id: Option<&str>) -> Result<Value, Failure> {
        let shown = self.desk.show(what, id).context(format_args!("station show {what}"))?;
        shown.into_iter().next_back().ok_or_else(|| Failure::new(format!("station show {what} showed nothing")))
    }

    fn control(&mut self, line: &str, event: &str) -> Result<Value, Failure> {
        self.meter.control(line, event).context("at the meter")
    }

    fn use_up(&mut self) -> Result<(), Failure> {
        self.control("open", "open")?;
        let used = self.control("consume 5m3", "consumed")?;
        let causes = join(&used["causes"]);
        let line = format!(
            "used {}, left {}; valve {} ({causes})",
            text(&used["used"]),
            text(&used["left"]),
            text(&used["valve"])
        );
        self.tell("used up", &used, &[line])
    }

    fn buy(&self) -> Result<String, Failure> {
        let (link, url) = (self.meter.address(), self.station.address());
        let phone = |verb: &str, words: &[&str]| {
            let results = self.desk.phone("phone", verb, words).context(format_args!("phone {verb}"))?;
            results.into_iter().next().ok_or_else(|| Failure::new(format!("phone {verb} printed nothing")))
        };
        let scanned = phone("scan", &[&link])?;
        let numbers = &scanned["registers"];
        let line = format!(
            "{} {}, valve {} ({}); credit register at number {} of epoch {}",
            text(&scanned["commodity"]),
            text(&scanned["label"]),
            text(&scanned["valve"]),
            join(&scanned["causes"]),
            numbers["credit"],
            numbers["epoch"]
        );
        self.tell("scan", &scanned, &[line])?;

        let line = format!("{LABEL}={PAID}");
        let quote = self.desk.run_one(&["phone", "quote", "--station", &url, &line]).context("phone quote")?;
        self.tell("quote", &quote, &quote_lines(&quote["lines"][0]["quote"]))?;

        let bought = phone("buy", &["--station", &url, &line])?;
        let id = text(&bought["order"]);
        let lines = [format!("order {id}: paid and sold, token on the phone, NOT LOADED yet"), self.token_words(&id)?];
        self.tell("buy", &bought, &lines)?;
        self.tell_ledger("ledger", &id)?;
        Ok(id)
    }

    /// What the token says, read from its bytes.
    fn token_words(&self, order: &str) -> Result<String, Failure> {
        let hex = text(&self.newest("order", Some(order))?["lines"][0]["token"]);
        let bytes = from_hex(&hex).ok_or_else(|| Failure::new("the order has no token"))?;
        let (signed, token) = Token::parse(&bytes).context("reading the token")?;
        let Order::Credit { register, .. } = token.order else { return Err(Failure::new("not a credit token")) };
        Ok(format!(
            "token: {} bytes (payload {}), epoch {}, number {}, total {} units sold since the meter was made",
            bytes.len(),
            signed.payload.len(),
            token.epoch.0,
            register.number.0,
            register.total.get()
        ))
    }

    fn deliver(&mut self) -> Result<Value, Failure> {
        let delivered = self.desk.phone("phone", "deliver", &[&self.meter.address()]).context("phone deliver")?;
        let delivered = delivered.into_iter().next().ok_or_else(|| Failure::new("phone deliver printed nothing"))?;
        let seen = self.meter.wait_for("token").context("at the meter")?;
        let lines = [
            format!("token {}: {}", delivered["number"], text(&delivered["words"])),
            format!(
                "meter: balance {} -> {}; valve {}, {}",
                text(&seen["balance_before"]),
                text(&seen["balance"]),
                text(&seen["valve"]),
                if seen["armed"] == true { "armed: a press opens it" } else { "not armed" }
            ),
        ];
        self.tell("deliver", &json!({ "phone": delivered, "meter": seen }), &lines)?;
        Ok(seen)
    }

    fn open_and_use(&mut self) -> Result<(), Failure> {
        let opened = self.control("open", "open")?;
        self.tell(
            "open",
            &opened,
            &[format!("button pressed: {}; valve {}", text(&opened["outcome"]), text(&opened["valve"]))],
        )?;
        let used = self.control(&format!("consume {USED}"), "consumed")?;
        self.tell(
            "use",
            &used,
            &[format!("used {}, left {}; valve {}", text(&used["used"]), text(&used["left"]), text(&used["valve"]))],
        )
    }

    fn bring_receipt(&self, order: &str) -> Result<(), Failure> {
        let synced = self.desk.phone("phone", "sync", &[]).context("phone sync")?;
        let synced = synced.into_iter().next().ok_or_else(|| Failure::new("phone sync printed nothing"))?;
        let receipt = self.newest("receipts", Some(METER))?;
        let bytes = text(&receipt["bytes"]).len() / 2;
        let lines = [
            format!(
                "receipt {}: {bytes} bytes, number {}, total {} units, sealed balance {}, {}",
                receipt["receipt"],
                receipt["credit_number"],
                receipt["total_units"],
                text(&receipt["balance"]),
                text(&receipt["decision"])
            ),
            format!("the phone deleted {} token(s)", synced["deleted_tokens"].as_array().map_or(0, Vec::len)),
        ];
        self.tell("sync", &json!({ "phone": synced, "receipt": receipt }), &lines)?;
        self.tell_ledger("ledger", order)
    }

    fn tell_ledger(&self, step: &str, order: &str) -> Result<(), Failure> {
        let ledger = self.newest("ledger", Some(order))?;
        let entries = ledger["entries"].as_array().into_iter().flatten();
        let lines: Vec<_> = entries
            .map(|entry| {
                format!("{:<18} {:<34} {:>8}", text(&entry["cause"]), text(&entry["account"]), text(&entry["amount"]))
            })
            .collect();
        self.tell(step, &ledger, &lines)
    }

    /// The end: the meter's balance, the ledger and the receipt must say the same.
    fn agree(&mut self, order: &str, loaded: &Value) -> Result<(), Failure> {
        let meter = self.control("show", "show")?;
        let order = self.newest("order", Some(order))?;
        let ledger = self.newest("ledger", None)?;
        let receipt = self.newest("receipts", Some(METER))?;
        let bought = &order["lines"][0]["quote"]["units"];
        let fine = |value: &Value| value.as_i64().map(FineCredit).unwrap_or(FineCredit(i64::MIN));
        let used: i64 = 1_250_000;
        let balance = |account: &str| {
            let mut accounts = ledger["accounts"].as_array().into_iter().flatten();
            accounts.find(|known| text(&known["account"]).starts_with(account)).map(|known| text(&known["balance"]))
        };
        let checks = [
            ("the order is delivered", order["lines"][0]["state"] == "delivered"),
            ("the meter's total is what was bought", &meter["total_units"] == bought),
            ("the receipt's total is the meter's", receipt["total_units"] == meter["total_units"]),
            ("the receipt's number is the meter's", receipt["credit_number"] == meter["number"]),
            ("the receipt's balance is what the meter showed", receipt["balance_fine"] == loaded["balance_fine"]),
            (
                "the balance is that less what was used",
                fine(&meter["balance_fine"]).0 == fine(&loaded["balance_fine"]).0 - used,
            ),
            ("the books add up to zero", ledger["balanced"] == true),
            ("the money was captured", balance("provider:sandbox:clearing").as_deref() == Some(PAID)),
            ("nothing is held", balance("payer_money_held").as_deref() == Some("0.00")),
            ("nothing is sold and undelivered", balance("sold_undelivered").as_deref() == Some("0.00")),
            ("the utility is owed its part", balance("utility:sample-utility:payable").as_deref() == Some("-42.02")),
            ("and the tax office its own", balance("utility:sample-utility:tax").as_deref() == Some("-7.98")),
        ];
        let wrong: Vec<_> = checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| *what).collect();
        let value = json!({ "agree": wrong.is_empty(), "wrong": wrong });
        if wrong.is_empty() {
            let line = format!(
                "meter, ledger and receipt agree: balance {}, {} checks",
                text(&meter["balance"]),
                checks.len()
            );
            return self.tell("agree", &value, &[line]);
        }
        self.tell("DISAGREE", &value, &wrong.iter().map(|what| format!("not so: {what}")).collect::<Vec<_>>())?;
        Err(Failure::new("meter, ledger and receipt do not agree"))
    }
}

fn quote_lines(quote: &Value) -> Vec<String> {
    let explanation = quote["explanation"].as_array().into_iter().flatten();
    let explained = explanation.map(|line| format!("{:<40} {:>8}", text(&line["text"]), text(&line["amount"])));
    [format!("{PAID} EUR buy {}", text(&quote["shown"]))].into_iter().chain(explained).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn join(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}
