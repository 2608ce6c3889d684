//! What a meter says of itself: scanned, in a receipt after a technician's token, or in a report.

use super::delivery::{name, register_words};
use super::{Numbers, token_words};
use coinless_phone::courier::{Handed, TokenFile};
use coinless_phone::records::StoredReport;
use coinless_phone::wire::MeterInfo;
use coinless_phone::words::credit_words;
use coinless_protocol::MeterId;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::state::Flags;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// A meter at hand.
#[derive(Serialize)]
pub struct MeterResult {
    meter: String,
    label: String,
    commodity: &'static str,
    #[serde(flatten)]
    valve: Valve,
    registers: Registers,
    /// It has proved that it is this meter.
    verified: bool,
    /// What its display shows now, if that is known.
    display_code: Option<String>,
    /// Tokens on this phone for it.
    tokens: usize,
    customer: Option<String>,
    place: Option<String>,
    utility: Option<String>,
}

/// The numbers of a meter's registers.
#[derive(Serialize)]
struct Registers {
    epoch: u16,
    credit: u32,
    tariff: u32,
    settings: u32,
    keys: u32,
}

impl From<RegisterNumbers> for Registers {
    fn from(numbers: RegisterNumbers) -> Self {
        let RegisterNumbers { epoch, credit, tariff, settings, keys } = numbers;
        Self { epoch: epoch.0, credit: credit.0, tariff, settings, keys }
    }
}

impl MeterResult {
    /// What a scan has found; `code` is there if the meter was verified.
    pub fn new(identity: &Identity, code: Option<u32>, info: Option<&MeterInfo>, tokens: usize) -> Self {
        Self {
            meter: identity.meter.to_string(),
            label: identity.meter.label().to_string(),
            commodity: identity.commodity.name(),
            valve: identity.flags.into(),
            registers: identity.registers.into(),
            verified: code.is_some(),
            display_code: code.map(|code| format!("{code:06}")),
            tokens,
            customer: info.and_then(|info| info.customer.clone()),
            place: info.and_then(|info| info.place.clone()),
            utility: info.and_then(|info| info.utility.clone()),
        }
    }
}

impl Display for MeterResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  {}", self.label, self.commodity, self.valve)?;
        let who: Vec<&str> = [&self.customer, &self.place].into_iter().filter_map(Option::as_deref).collect();
        if !who.is_empty() {
            writeln!(f, "  {}", who.join(", "))?;
        }
        match &self.display_code {
            Some(code) => writeln!(f, "  it is this meter; its display shows {code}")?,
            None => writeln!(f, "  not verified: this phone does not know its key yet (use --station)")?,
        }
        if self.tokens > 0 {
            writeln!(f, "  tokens for it on this phone, NOT LOADED yet or not yet synced: {}", self.tokens)?;
        }
        Ok(())
    }
}

/// The valve and what holds it shut.
#[derive(Serialize)]
struct Valve {
    /// open, armed or shut.
    valve: &'static str,
    /// The valve let something through while it was shut.
    valve_failed: bool,
    causes: Vec<&'static str>,
}

impl From<Flags> for Valve {
    fn from(flags: Flags) -> Self {
        let valve = match flags {
            Flags { open: true, .. } => "open",
            Flags { armed: true, .. } => "armed",
            _ => "shut",
        };
        let causes = flags.causes.iter().map(|cause| cause.words()).collect();
        Self { valve, valve_failed: flags.valve_failed, causes }
    }
}

impl Display for Valve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.valve {
            "open" => write!(f, "valve open")?,
            "armed" => write!(f, "valve shut and armed: press the button at the meter to open it")?,
            _ if self.causes.is_empty() => write!(f, "valve shut")?,
            _ => write!(f, "valve shut: {}", self.causes.join(", "))?,
        }
        if self.valve_failed {
            write!(f, "\n  VALVE FAILED: there was flow while it was shut")?;
        }
        Ok(())
    }
}

impl Display for Registers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { epoch, credit, tariff, settings, keys } = self;
        write!(f, "credit {credit}, tariff {tariff}, settings {settings}, keys {keys}, epoch {epoch}")
    }
}

/// What became of a technician's token, and what the meter's receipt says.
#[derive(Serialize)]
pub struct HandResult {
    meter: String,
    label: String,
    /// The registers that the token sets, with their numbers; none for a read request.
    sets: Numbers,
    #[serde(skip)]
    what: String,
    /// As of a delivery.
    result: &'static str,
    /// The meter needs it no more.
    done: bool,
    /// Number of the meter's receipt.
    receipt: u32,
    /// This phone has verified that receipt.
    verified: bool,
    #[serde(flatten)]
    valve: Valve,
    registers: Registers,
    /// Credit units sold to the meter since it was made.
    total: u64,
    /// Credit withdrawn by closing tokens, in thousandths of a unit.
    withdrawn_fine: i64,
    #[serde(skip)]
    sold: String,
    /// In words.
    pub words: String,
}

impl HandResult {
    /// What became of the token of a file.
    pub fn new(handed: &Handed, file: &TokenFile) -> Self {
        let (meter, stored) = (handed.identity.meter, &handed.receipt);
        let receipt = &stored.receipt;
        let mut sets: Numbers = file.key.iter().flat_map(|key| key.numbers.others()).collect();
        sets.extend(file.key.filter(|key| key.has_credit()).map(|key| ("credit", key.numbers.credit.0.into())));
        Self {
            meter: meter.to_string(),
            label: meter.label().to_string(),
            sets,
            what: file.key.as_ref().map_or_else(|| "read request".to_owned(), token_words),
            result: name(&handed.outcome),
            done: handed.outcome.is_done(),
            receipt: stored.key.number,
            verified: stored.verified,
            valve: receipt.flags.into(),
            registers: receipt.registers.into(),
            total: receipt.total.get(),
            withdrawn_fine: receipt.sums.withdrawn.0,
            sold: credit_words(receipt.total, &handed.identity),
            words: register_words(&handed.outcome, stored.key.number, false, &handed.identity),
        }
    }
}

impl Display for HandResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}: {}", self.label, self.what, self.words)?;
        writeln!(f, "  {}", self.valve)?;
        writeln!(f, "  the meter's numbers: {}", self.registers)?;
        writeln!(f, "  sold to it so far: {}", self.sold)?;
        let checked =
            if self.verified { "" } else { ", which will verify it: this phone does not know the meter's key" };
        writeln!(f, "  `coinless phone sync` brings the receipt to the station{checked}")
    }
}

/// What was had of a meter that was asked for its report.
pub enum Kept {
    /// Its report.
    Report(StoredReport),
    /// It makes none.
    Nothing,
}

/// A report that was fetched. Only the station can read it.
#[derive(Serialize)]
pub struct ReportResult {
    meter: String,
    label: String,
    station: String,
    /// Its number; none if the meter makes no reports.
    report: Option<u32>,
    /// This phone has verified it.
    verified: Option<bool>,
}

impl ReportResult {
    /// What was had of `meter` for the station at `url`.
    pub fn new(meter: &MeterId, url: &str, kept: &Kept) -> Self {
        let report = match kept {
            Kept::Report(report) => Some(report),
            Kept::Nothing => None,
        };
        Self {
            meter: meter.to_string(),
            label: meter.label().to_string(),
            station: url.to_owned(),
            report: report.map(|report| report.number),
            verified: report.map(|report| report.verified),
        }
    }
}

impl Display for ReportResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.report {
            Some(number) => {
                let where_to = format!("for {}: `coinless phone sync` brings it", self.station);
                writeln!(f, "{}  report {number}: on this phone, {where_to}", self.label)
            }
            None => writeln!(f, "{}  no report", self.label),
        }
    }
}
