//! Tariff and settings of a meter as people write them, in TOML. Errors say in which line what is wrong, and what to write.

use super::credit::{AmountError, CreditWords, decimal};
use coinless_protocol::settings::{
    MAX_FRIENDLY_DAYS, MAX_FRIENDLY_PERIODS, MAX_NO_CUT_DAYS, Sensor, SensorSet, Settings,
};
use coinless_protocol::tariff::{Debt, MAX_RATES, MAX_STEPS, MAX_SWITCHES, Price, Step, Switch, Tariff};
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use coinless_protocol::{FineCredit, Units};
use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

/// What is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FileError {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub problem: String,
}

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TariffFile {
    price: Option<Text>,
    #[serde(default)]
    rates: Vec<RateEntry>,
    without_clock: Option<Text>,
    #[serde(default)]
    switch: Vec<SwitchEntry>,
    #[serde(default)]
    steps: Vec<StepEntry>,
    standing_per_day: Option<Text>,
    debt_per_day: Option<Text>,
    debt_percent: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateEntry {
    name: Text,
    price: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchEntry {
    days: Text,
    at: Text,
    rate: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    from: Text,
    more: Text,
}

/// Reads a tariff of a meter whose credit counts `credit`. The debt that was put on the meter is not in the file: it is `debt`.
///
/// # Errors
/// [`FileError`].
pub fn read_tariff(text: &str, credit: CreditWords, debt: FineCredit) -> Result<Tariff, FileError> {
    let reading = Reading { text, credit };
    let file: TariffFile = reading.toml()?;
    let mut tariff = Tariff::default();
    let mut names = Vec::new();
    match (&file.price, &file.rates[..]) {
        (Some(price), []) => reading.push(&mut tariff.rates, MAX_RATES, price, reading.price(price)?)?,
        (Some(price), _) => return Err(reading.error(price, "write either one price or [[rates]], not both")),
        (None, rates) => {
            for rate in rates {
                reading.push(&mut tariff.rates, MAX_RATES, &rate.name, reading.price(&rate.price)?)?;
                names.push(rate.name.get_ref().as_str());
            }
        }
    }
    let rate = |name: &Text| {
        let found = names.iter().position(|known| known == name.get_ref());
        let problem = || format!("there is no rate {:?}; there are: {}", name.get_ref(), names.join(", "));
        found.map(|at| at as u8).ok_or_else(|| reading.error(name, problem()))
    };
    for entry in &file.switch {
        let switch =
            Switch { days: reading.weekdays(&entry.days)?, at: reading.time(&entry.at)?, rate: rate(&entry.rate)? };
        reading.push(&mut tariff.switches, MAX_SWITCHES, &entry.at, switch)?;
    }
    for entry in &file.steps {
        let step = Step { from: reading.display_units(&entry.from)?, more: reading.price(&entry.more)? };
        if tariff.steps.last().is_some_and(|last| last.from >= step.from) {
            return Err(reading.error(&entry.from, "steps must rise: this one begins at or below the one before it"));
        }
        reading.push(&mut tariff.steps, MAX_STEPS, &entry.from, step)?;
    }
    if let Some(name) = &file.without_clock {
        tariff.rate_without_clock = rate(name)?;
    }
    tariff.standing_per_day = reading.fine(file.standing_per_day.as_ref())?;
    let per_cent = match &file.debt_percent {
        None => 0,
        Some(percent) => u8::try_from(*percent.get_ref())
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| reading.error(percent, "a part is 0 to 100 per cent"))?,
    };
    tariff.debt = Debt { total: debt, per_day: reading.fine(file.debt_per_day.as_ref())?, per_cent };
    reading.fits(tariff.to_bytes().map(drop).is_ok())?;
    Ok(tariff)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    low_credit: Option<Text>,
    very_low_credit: Option<Text>,
    emergency_credit: Option<Text>,
    max_credit: Option<Text>,
    utc_offset: Option<Text>,
    open_by_token: Option<bool>,
    volume_correction: Option<Text>,
    load_limit_w: Option<u32>,
    load_limit_s: Option<u16>,
    excess_flow_per_minute: Option<Text>,
    leak_hours: Option<u8>,
    disuse_days: Option<u16>,
    shut_on: Option<Vec<Text>>,
    friendly: Option<FriendlyEntry>,
    no_cut: Option<NoCutEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FriendlyEntry {
    cap: Text,
    #[serde(default)]
    periods: Vec<PeriodEntry>,
    #[serde(default)]
    days: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodEntry {
    days: Text,
    from: Text,
    to: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoCutEntry {
    cap: Option<Text>,
    days: Vec<Text>,
}

/// Reads settings of a meter whose credit counts `credit`.
///
/// # Errors
/// [`FileError`].
pub fn read_settings(text: &str, credit: CreditWords) -> Result<Settings, FileError> {
    let reading = Reading { text, credit };
    let file: SettingsFile = reading.toml()?;
    let mut settings = Settings {
        low_credit: reading.units(file.low_credit.as_ref())?,
        very_low_credit: reading.units(file.very_low_credit.as_ref())?,
        emergency: reading.units(file.emergency_credit.as_ref())?,
        open_by_token: file.open_by_token,
        load_limit_w: file.load_limit_w.unwrap_or_default(),
        load_limit_s: file.load_limit_s.unwrap_or_default(),
        leak_h: file.leak_hours.unwrap_or_default(),
        disuse_days: file.disuse_days.unwrap_or_default(),
        ..Settings::default()
    };
    if settings.very_low_credit > settings.low_credit {
        let at = file.very_low_credit.as_ref().map_or(1, |value| reading.line(value.span().start));
        return Err(FileError { line: at, problem: "the second alarm must not be above low_credit".to_owned() });
    }
    if (settings.load_limit_w > 0) != (settings.load_limit_s > 0) {
        let problem = "load_limit_w and load_limit_s belong together: so many watts, for so many seconds".to_owned();
        return Err(FileError { line: reading.line_of("load_limit"), problem });
    }
    if let Some(most) = &file.max_credit {
        let units = reading.credit.parse_units(most.get_ref()).map_err(|error| reading.error(most, error.0))?;
        let units = Units::new(units.into()).ok().filter(|units| units.get() > 0);
        settings.max_credit = Some(units.ok_or_else(|| reading.error(most, "a meter must hold some credit"))?);
    }
    if let Some(offset) = &file.utc_offset {
        settings.utc_offset_quarters = reading.offset(offset)?;
    }
    if let Some(factor) = &file.volume_correction {
        settings.correction_ppm = reading.correction(factor)?;
    }
    if let Some(flow) = &file.excess_flow_per_minute {
        let measured = CreditWords { currency: None, ..credit };
        settings.excess_flow = measured.parse_units(flow.get_ref()).map_err(|error| reading.error(flow, error.0))?;
    }
    if let Some(sensors) = &file.shut_on {
        settings.shut_on = reading.sensors(sensors)?;
    }
    if let Some(friendly) = &file.friendly {
        settings.friendly_cap = reading.units(Some(&friendly.cap))?;
        for entry in &friendly.periods {
            let (days, from) = (reading.weekdays(&entry.days)?, reading.time(&entry.from)?);
            let period = WeeklyPeriod { days, from, to: reading.end_time(&entry.to)? };
            reading.push(&mut settings.friendly, MAX_FRIENDLY_PERIODS, &entry.from, period)?;
        }
        for days in &friendly.days {
            reading.push(&mut settings.friendly_days, MAX_FRIENDLY_DAYS, days, reading.days(days)?)?;
        }
    }
    if let Some(no_cut) = &file.no_cut {
        settings.no_cut_cap = reading.units(no_cut.cap.as_ref())?;
        for days in &no_cut.days {
            reading.push(&mut settings.no_cut, MAX_NO_CUT_DAYS, days, reading.days(days)?)?;
        }
    }
    reading.fits(settings.to_bytes().map(drop).is_ok())?;
    Ok(settings)
}

/// A file that is being read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    text: &'a str,
    credit: CreditWords,
}

impl Reading<'_> {
    fn toml<T: for<'de> Deserialize<'de>>(self) -> Result<T, FileError> {
        toml::from_str(self.text).map_err(|error| FileError {
            line: error.span().map_or(1, |span| self.line(span.start)),
            problem: error.message().to_owned(),
        })
    }

    fn line(self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn line_of(self, key: &str) -> usize {
        self.text.find(key).map_or(1, |offset| self.line(offset))
    }

    fn error<T>(self, at: &Spanned<T>, problem: impl Into<String>) -> FileError {
        FileError { line: self.line(at.span().start), problem: problem.into() }
    }

    fn push<T, const N: usize>(
        self,
        list: &mut heapless::Vec<T, N>,
        most: usize,
        at: &Text,
        value: T,
    ) -> Result<(), FileError> {
        list.push(value).map_err(|_| self.error(at, format!("a meter keeps at most {most} of these")))
    }

    fn fits(self, fits: bool) -> Result<(), FileError> {
        let problem = "all of it together is longer than a token can carry: leave switch times, periods or days out";
        if fits { Ok(()) } else { Err(FileError { line: 1, problem: problem.to_owned() }) }
    }

    fn amount<T>(self, at: &Text, read: impl FnOnce(&str) -> Result<T, AmountError>) -> Result<T, FileError> {
        read(at.get_ref()).map_err(|error| self.error(at, error.0))
    }

    fn fine(self, text: Option<&Text>) -> Result<u32, FileError> {
        let Some(text) = text else { return Ok(0) };
        let fine = self.amount(text, |text| self.credit.parse(text))?;
        u32::try_from(fine.0).map_err(|_| self.error(text, "this is more than a meter can charge in a day"))
    }

    fn units(self, text: Option<&Text>) -> Result<u32, FileError> {
        text.map_or(Ok(0), |text| self.amount(text, |text| self.credit.parse_units(text)))
    }

    fn price(self, text: &Text) -> Result<Price, FileError> {
        if self.credit.currency.is_none() {
            let problem = "this meter counts units and not money, so its tariff has no prices: they are in the station's own \
                           tariff (docs/tariffs.md)";
            return Err(self.error(text, problem));
        }
        self.fine(Some(text)).map(Price)
    }

    fn display_units(self, text: &Text) -> Result<u32, FileError> {
        let measured = CreditWords { currency: None, ..self.credit };
        let units = self.amount(text, |text| measured.parse_units(text))?;
        let unit = self.credit.commodity.display_unit();
        (units % 1000 == 0)
            .then_some(units / 1000)
            .ok_or_else(|| self.error(text, format!("steps begin at whole {unit}")))
    }

    fn time(self, text: &Text) -> Result<HalfHour, FileError> {
        let read = || {
            let (hour, minute) = text.get_ref().split_once(':')?;
            let two_digits = hour.len() == 2 && minute.len() == 2;
            let (hour, minute) = (hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?);
            let half = HalfHour::new(hour.checked_mul(2)?.checked_add(minute / 30)?)?;
            (two_digits && minute % 30 == 0).then_some(half)
        };
        read().ok_or_else(|| {
            self.error(text, format!("{:?} is no full or half hour; write for example \"22:00\"", text.get_ref()))
        })
    }

    /// A time at which something ends: the day's end too.
    fn end_time(self, text: &Text) -> Result<HalfHour, FileError> {
        match HalfHour::new(0) {
            Some(midnight) if text.get_ref() == "24:00" => Ok(midnight),
            _ => self.time(text),
        }
    }

    fn weekdays(self, text: &Text) -> Result<Weekdays, FileError> {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = |name: &str| NAMES.iter().position(|known| *known == name.trim());
        let bits = text.get_ref().split(',').try_fold(0_u8, |bits, part| {
            if part.trim() == "daily" {
                return Some(Weekdays::ALL.bits());
            }
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day(first)?, day(last)?);
            // Friday to Monday goes over Sunday.
            let count = (last + 7 - first) % 7 + 1;
            Some((0..count).fold(bits, |bits, next| bits | 1 << ((first + next) % 7)))
        });
        bits.and_then(Weekdays::from_bits).ok_or_else(|| {
            let problem = format!(
                "{:?} names no weekdays; write for example \"mon-fri\", \"sat,sun\" or \"daily\"",
                text.get_ref()
            );
            self.error(text, problem)
        })
    }

    fn days(self, text: &Text) -> Result<Days, FileError> {
        let day = |text: &str| {
            let date: Date = text.trim().parse().ok()?;
            let days = date.since(Date::constant(1970, 1, 1)).ok()?.get_days();
            u16::try_from(days).ok()
        };
        let (first, last) = text.get_ref().split_once("..").unwrap_or((text.get_ref(), text.get_ref()));
        let days = day(first).zip(day(last)).and_then(|(first, last)| Days::new(first, last));
        days.ok_or_else(|| {
            let problem = format!("{:?} names no days; write for example \"2026-12-24..2026-12-26\"", text.get_ref());
            self.error(text, problem)
        })
    }

    fn offset(self, text: &Text) -> Result<i8, FileError> {
        let read = || {
            let (sign, rest) = match text.get_ref().split_at_checked(1)? {
                ("+", rest) => (1, rest),
                ("-", rest) => (-1, rest),
                _ => return None,
            };
            let (hours, minutes) = rest.split_once(':')?;
            let (hours, minutes) = (hours.parse::<i8>().ok()?, minutes.parse::<i8>().ok()?);
            let quarters = hours.checked_mul(4)?.checked_add(minutes / 15)?.checked_mul(sign)?;
            let lawful = (0..60).contains(&minutes) && minutes % 15 == 0 && (-48..=56).contains(&quarters);
            lawful.then_some(quarters)
        };
        read().ok_or_else(|| {
            self.error(text, format!("{:?} is no offset from UTC; write for example \"+01:00\"", text.get_ref()))
        })
    }

    fn correction(self, text: &Text) -> Result<u32, FileError> {
        let ppm = decimal(text.get_ref(), 6).and_then(|ppm| u32::try_from(ppm).ok());
        ppm.filter(|ppm| (500_000..=2_000_000).contains(ppm)).ok_or_else(|| {
            self.error(text, "the correction of the volume is a factor from 0.5 to 2, for example \"0.9876\"")
        })
    }

    fn sensors(self, list: &[Text]) -> Result<SensorSet, FileError> {
        list.iter().try_fold(SensorSet::NONE, |set, text| {
            let found = Sensor::ALL.into_iter().find(|sensor| sensor.words() == text.get_ref());
            let names = || Sensor::ALL.map(|sensor| format!("{:?}", sensor.words())).join(", ");
            found.map(|sensor| set.with(sensor)).ok_or_else(|| self.error(text, format!("there are: {}", names())))
        })
    }
}

#[cfg(test)]
mod tests;
