//! A meter's readings, and problems that people report.

use super::attend::now_s;
use super::http::{Http, StationUrl};
use super::{damage, open, random, station_of};
use crate::output::{Context, Failure, Output};
use clap::Args;
use coinless_phone::courier::{LocalTime, earn_readings, readings, report_problem};
use coinless_phone::records::StoredProblem;
use coinless_phone::store::Store;
use coinless_phone::wire::Readings;
use coinless_protocol::MeterId;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::str::FromStr;
use uuid::Uuid;

/// Days of use that are listed for people.
const DAYS_SHOWN: usize = 14;

/// A meter's number as it is printed.
#[derive(Debug, Clone, Copy)]
pub struct LabelArgument(MeterId);

impl FromStr for LabelArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        MeterId::from_label(text).map(Self).map_err(|error| error.to_string())
    }
}

/// Whose readings, and by what.
#[derive(Args)]
pub struct ReadingsOptions {
    /// The phone's memory, a directory; made if it is missing.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// The meter's station; the one that this phone knows for the meter if it is left out.
    #[arg(long, value_name = "URL")]
    station: Option<StationUrl>,
    /// The eight digits that the meter's display shows after a press of its button: needed once, until the tenant changes.
    #[arg(long, value_name = "DIGITS")]
    code: Option<String>,
    /// How many minutes the place is ahead of UTC, for the days.
    #[arg(long, value_name = "MINUTES", default_value_t = 0, allow_negative_numbers = true)]
    offset: i32,
    /// The meter's number as printed.
    meter: LabelArgument,
}

/// What is wrong.
#[derive(Args)]
pub struct ProblemOptions {
    /// The phone's memory, a directory; made if it is missing.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// The station; the one that this phone knows for the meter or the order if it is left out.
    #[arg(long, value_name = "URL")]
    station: Option<StationUrl>,
    /// The meter that it is about, as printed.
    #[arg(long, value_name = "METER")]
    meter: Option<LabelArgument>,
    /// The order that it is about.
    #[arg(long, value_name = "ORDER")]
    order: Option<Uuid>,
    /// How you can be reached.
    #[arg(long, value_name = "WORDS")]
    contact: Option<String>,
    /// What is wrong, in at most 2000 characters.
    text: String,
}

/// `coinless phone readings`.
pub async fn show(output: &Output, options: &ReadingsOptions) -> Result<(), Failure> {
    let LabelArgument(meter) = options.meter;
    let mut store = open(&options.store)?;
    let contents = store.load().await.context("reading the store")?;
    let url = StationUrl::stored(&station_of(options.station.as_ref(), &contents, &meter)?)?;
    let mut http = Http::new(&url)?;
    if let Some(code) = &options.code {
        let earned = earn_readings(&mut store, (&mut http, url.as_str()), &meter, code, random()?).await;
        earned.context("earning the readings")?;
    }
    let time = LocalTime { now_ms: now_s() * 1000, offset_minutes: options.offset };
    let readings = readings(&mut store, &mut http, &meter, time).await.context("asking for the readings")?;
    output.result(&readings, words(&readings))?;
    damage(&contents.damaged)
}

fn words(readings: &Readings) -> String {
    let mut text = format!("meter {} ({})", readings.label, readings.commodity);
    let Some(last) = &readings.last else {
        return text + ": no readings yet; they come with the meter's receipts";
    };
    let valve = match last.valve.as_str() {
        "armed" => "valve shut: a press of the button opens it".to_owned(),
        "shut" => format!("valve shut ({})", last.causes.join(", ").replace('_', " ")),
        other => format!("valve {other}"),
    };
    let _ = write!(text, "  balance {}; {valve}\n  read {}, receipt {}", last.balance, last.at, last.receipt);
    if !last.alarms.is_empty() {
        let _ = write!(text, "\n  {}", last.alarms.join(", ").replace('_', " ").to_uppercase());
    }
    for day in readings.days.iter().rev().take(DAYS_SHOWN).rev() {
        let estimated = if day.estimated { "  estimated" } else { "" };
        let _ = write!(text, "\n  {}  {:>14}{estimated}", day.day, day.used);
    }
    if let Some(mean) = &readings.mean {
        let _ = write!(text, "\n  mean use {mean} a day");
    }
    if let Some(left) = readings.days_left {
        let _ = write!(text, ": lasts {left} more day(s)");
    }
    text
}

#[derive(Serialize)]
struct Reported {
    problem: Uuid,
}

/// `coinless phone problem`.
pub async fn report(output: &Output, options: &ProblemOptions) -> Result<(), Failure> {
    let mut store = open(&options.store)?;
    let contents = store.load().await.context("reading the store")?;
    let of_order = options.order.and_then(|order| contents.order(order)).map(|order| order.station.clone());
    let url = match (&options.station, of_order, &options.meter) {
        (None, Some(url), _) => url,
        (station, _, Some(LabelArgument(meter))) => station_of(station.as_ref(), &contents, meter)?,
        (Some(station), _, None) => station.as_str().to_owned(),
        (None, None, None) => return Err(Failure::new("name the station with --station URL")),
    };
    let problem = StoredProblem {
        id: Uuid::now_v7(),
        station: url.clone(),
        order: options.order,
        meter: options.meter.map(|LabelArgument(meter)| meter.label().to_string()),
        text: options.text.clone(),
        contact: options.contact.clone(),
    };
    let sent = report_problem(&mut store, &mut Http::new(&StationUrl::stored(&url)?)?, &problem).await;
    match sent {
        Ok(()) => {
            let words = format!("the station has the report {}: people will look at it", problem.id);
            output.result(&Reported { problem: problem.id }, words)?;
            damage(&contents.damaged)
        }
        Err(error) if error.is_unknown() => {
            Err(Failure::new(format!("{error}. The report is on this phone; the next sync brings it")))
        }
        Err(error) => Err(Failure::new(error.to_string())),
    }
}
