//! What the display of a simulated meter shows.

use super::device::SimulatedMeter;
use super::report::{Held, valve, words};
use crate::flash::Chip;
use coinless_meter::{Meter, State};
use coinless_protocol::report::Event;
use coinless_protocol::{Commodity, CreditKind, Currency, FineCredit};
use embedded_storage::nor_flash::NorFlash;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The state of a meter and what its display shows. Amounts are given for people, and in thousandths (`_fine`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names of the fields are the words of DESIGN §3, and are what scripts read")]
pub struct Shown {
    pub label: String,
    pub commodity: &'static str,
    pub currency: Option<String>,
    pub balance: String,
    pub balance_fine: i64,
    pub alarm: u8,
    pub emergency_offered: bool,
    pub emergency_taken: bool,
    pub friendly: bool,
    pub debt: String,
    pub debt_fine: i64,
    pub price: Option<String>,
    pub price_fine: Option<u64>,
    pub valve: &'static str,
    pub armed: bool,
    pub opening_check: bool,
    pub valve_failed: bool,
    pub causes: Vec<&'static str>,
    pub epoch: u16,
    pub number: u32,
    pub tariff: u32,
    pub settings: u32,
    pub keys: u32,
    pub total: String,
    pub total_units: u64,
    pub consumed: String,
    pub consumed_fine: i64,
    pub metered: String,
    pub metered_fine: i64,
    pub clock: Option<String>,
    pub clock_unix_s: Option<u64>,
    pub clock_known: bool,
    pub events: BTreeMap<&'static str, u16>,
    pub receipt: u32,
    pub display_code: Option<String>,
    pub owner_code: Option<String>,
    pub fault: Option<String>,
}

/// The units that a meter shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    commodity: Commodity,
    credit: CreditKind,
}

impl Face {
    pub fn of<F: NorFlash>(meter: &Meter<F>) -> Self {
        Self { commodity: meter.commodity(), credit: meter.credit_kind() }
    }

    /// Consumption as it is measured.
    pub fn measured(self, fine: FineCredit) -> String {
        fine.display(self.commodity).to_string()
    }

    /// Credit, in m³, kWh or a currency.
    pub fn credit(self, fine: FineCredit) -> String {
        match self.credit {
            CreditKind::Unit => self.measured(fine),
            CreditKind::Money(currency) => money(fine.0, currency),
        }
    }

    /// A price in thousandths of a minor unit, for m³ or kWh.
    fn price(self, fine: u64) -> String {
        let money = self.credit(FineCredit(i64::try_from(fine).unwrap_or(i64::MAX)));
        format!("{money} per {}", self.commodity.display_unit())
    }
}

/// Thousandths of a minor unit of `currency`: `1.50 EUR`, with more digits only where they say something.
fn money(fine: i64, currency: Currency) -> String {
    let digits = usize::from(currency.exponent());
    let text = format!("{:0width$}", fine.unsigned_abs(), width = digits + 4);
    let (whole, fraction) = text.split_at(text.len() - digits - 3);
    let said = fraction.trim_end_matches('0').len().max(digits);
    let (sign, point) = (if fine < 0 { "-" } else { "" }, if said > 0 { "." } else { "" });
    format!("{sign}{whole}{point}{} {currency}", fraction.get(..said).unwrap_or(fraction))
}

impl Shown {
    pub(super) fn of<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, now_ms: u64) -> Self {
        let core = meter.meter();
        let (face, flags, state, registers) = (Face::of(core), core.flags(), core.state(), core.registers());
        let fine = |of: fn(&State) -> FineCredit| state.map_or(FineCredit::ZERO, of);
        let (consumed, metered) = (fine(|state| state.consumed), fine(|state| state.metered));
        let debt = if state.is_some() { core.debt() } else { FineCredit::ZERO };
        let clock = core.clock(now_ms);
        Self {
            label: core.id().label().to_string(),
            commodity: core.commodity().name(),
            currency: match core.credit_kind() {
                CreditKind::Unit => None,
                CreditKind::Money(currency) => Some(currency.to_string()),
            },
            balance: face.credit(meter.balance()),
            balance_fine: meter.balance().0,
            alarm: state.map_or(0, |state| state.alarm),
            emergency_offered: core.offers_emergency(),
            emergency_taken: state.is_some_and(|state| state.emergency),
            friendly: state.is_some_and(|state| state.friendly),
            debt: face.credit(debt),
            debt_fine: debt.0,
            price: core.price().map(|price| face.price(price)),
            price_fine: core.price(),
            valve: valve(meter),
            armed: flags.armed,
            opening_check: state.is_some_and(|state| state.watch),
            valve_failed: flags.valve_failed,
            causes: words(flags.causes),
            epoch: registers.epoch.0,
            number: registers.credit.0,
            tariff: registers.tariff,
            settings: registers.settings,
            keys: registers.keys,
            total: face.credit(meter.total().fine()),
            total_units: meter.total().get(),
            consumed: face.credit(consumed),
            consumed_fine: consumed.0,
            metered: face.measured(metered),
            metered_fine: metered.0,
            clock: clock.map(|(unix_s, _)| date(unix_s)),
            clock_unix_s: clock.map(|(unix_s, _)| unix_s),
            clock_known: clock.is_some_and(|(_, known)| known),
            events: state.map(counted).unwrap_or_default(),
            receipt: state.map_or(0, |state| state.receipt_number),
            display_code: core.display_code(now_ms).map(|code| format!("{code:06}")),
            owner_code: core.owner_code(now_ms).map(|code| format!("{code:08}")),
            fault: core.fault().map(|fault| fault.to_string()),
        }
    }

    /// What there is to say of credit beyond the balance; nothing if there is nothing.
    fn of_credit(&self) -> Vec<String> {
        let alarm = match self.alarm {
            0 => None,
            1 => Some("LOW CREDIT".to_owned()),
            _ => Some("VERY LOW CREDIT".to_owned()),
        };
        let emergency = match (self.emergency_offered, self.emergency_taken) {
            (_, true) => Some("emergency credit taken".to_owned()),
            (true, false) => Some("emergency credit offered".to_owned()),
            (false, false) => None,
        };
        let friendly = self.friendly.then(|| "friendly credit in use".to_owned());
        let debt = (self.debt_fine > 0).then(|| format!("debt {}", self.debt));
        let price = self.price.as_ref().map_or("no prices yet".to_owned(), |price| format!("price {price}"));
        let price = self.currency.as_ref().map(|_| format!("{price}; {} metered", self.metered));
        [alarm, emergency, friendly, debt, price].into_iter().flatten().collect()
    }
}

fn counted(state: &State) -> BTreeMap<&'static str, u16> {
    let counts = Event::ALL.into_iter().map(|event| (event.words(), state.events.of(event)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// A time as in RFC 3339, in UTC; the seconds if it is beyond what can be said so.
fn date(unix_s: u64) -> String {
    let timestamp = i64::try_from(unix_s).ok().and_then(|unix_s| jiff::Timestamp::from_second(unix_s).ok());
    timestamp.map_or_else(|| format!("{unix_s} s"), |timestamp| timestamp.to_string())
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, commodity, balance, valve, epoch, number, total, consumed, receipt, .. } = self;
        write!(f, "{commodity} meter {label}: balance {balance}; valve {valve}{}", Held(&self.causes, self.armed))?;
        if self.opening_check {
            f.write_str(", opening check under way")?;
        }
        if self.valve_failed {
            f.write_str(", VALVE FAILED")?;
        }
        write!(f, "; credit number {number} of epoch {epoch}, total {total}; consumed {consumed}; receipt {receipt}")?;
        if let Some(code) = &self.display_code {
            write!(f, "; code {code}")?;
        }
        if let Some(code) = &self.owner_code {
            let (first, second) = code.split_at_checked(4).unwrap_or((code, ""));
            write!(f, "; your code for the readings: {first} {second}")?;
        }
        self.fault.iter().try_for_each(|fault| write!(f, "; OUT OF SERVICE: {fault}"))?;
        let of_credit = self.of_credit();
        if !of_credit.is_empty() {
            write!(f, "\n  {}", of_credit.join("; "))?;
        }
        let clock = match &self.clock {
            None => "never set".to_owned(),
            Some(clock) if self.clock_known => clock.clone(),
            Some(clock) => format!("not known, at least {clock}"),
        };
        write!(f, "\n  clock {clock}; tariff {}, settings {}, keys {}", self.tariff, self.settings, self.keys)?;
        let events: Vec<_> = self.events.iter().map(|(event, count)| format!("{event} {count}")).collect();
        if events.is_empty() { Ok(()) } else { write!(f, "\n  events: {}", events.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        let show = |fine, code, exponent| money(fine, Currency::new(code, exponent).unwrap());
        assert_eq!(show(150_000, *b"EUR", 2), "1.50 EUR");
        assert_eq!(show(149_970, *b"EUR", 2), "1.4997 EUR");
        assert_eq!(show(-5, *b"EUR", 2), "-0.00005 EUR");
        assert_eq!(show(7_000, *b"JPY", 0), "7 JPY");
        assert_eq!(show(7_010, *b"JPY", 0), "7.01 JPY");
        assert_eq!(show(0, *b"KWD", 3), "0.000 KWD");
    }
}
