//! What a phone does at a meter beside handing over tokens. Nothing of it is a reason for a command to fail, unless it is what the
//! command is for.

use super::http::{Http, StationUrl};
use super::link::MeterLink;
use super::show::{Kept, ReportResult};
use super::store::PhoneStore;
use super::{damage, open, station_of};
use crate::output::{Context, Failure, Output};
use coinless_phone::courier::{
    Attending, ClockSet, Delivered, Handed, ReportTaken, TokenFile, fetch_report, identity, set_clock,
};
use coinless_phone::store::Store;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// After a delivery: sets the meter's clock if there is a way to its station, and takes its report along. Says in words what was
/// done, or what did not work; gives whether the station has something new to hear.
pub async fn after_delivery(
    output: &Output,
    store: &mut PhoneStore,
    link: &mut MeterLink,
    delivered: &Delivered,
) -> bool {
    let station = delivered.deliveries.iter().find(|delivery| delivery.receipt.is_some());
    let (Some(delivery), None) = (station, &delivered.interrupted) else { return false };
    let (identity, url) = (&delivered.identity, delivery.token.station.as_str());
    let attending = Attending { identity, url, now_s: now_s() };
    let clock = match StationUrl::stored(url).and_then(|url| Http::new(&url)) {
        Ok(mut station) => set_clock(store, link, &mut station, attending).await.map_err(|error| error.to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    match &clock {
        Ok(ClockSet::Set(_)) => output.progress("the meter's clock is set"),
        Ok(ClockSet::NotSet(_)) => output.progress("the meter did not take the station's word of the time"),
        // Not an error: the next phone that is on line does it.
        Ok(ClockSet::NotDue | ClockSet::NotOnLine | ClockSet::NotOffered) => {}
        Err(why) => output.progress(format_args!("the meter's clock was left alone: {why}")),
    }
    let has_report = take_report(output, store, link, attending, delivered.has_new_valve()).await;
    matches!(clock, Ok(ClockSet::Set(_) | ClockSet::NotSet(_))) || has_report
}

/// Takes the meter's report along, if that is due or `at_once`; gives whether there is one.
async fn take_report(
    output: &Output,
    store: &mut PhoneStore,
    link: &mut MeterLink,
    attending: Attending<'_>,
    at_once: bool,
) -> bool {
    let report = fetch_report(store, link, attending, at_once).await;
    match &report {
        Ok(ReportTaken::Kept(_)) => output.progress("the meter's report is on this phone, for the station"),
        Ok(ReportTaken::NotDue | ReportTaken::NotOffered) => {}
        Err(error) => output.progress(format_args!("the meter's report was left there: {error}")),
    }
    matches!(report, Ok(ReportTaken::Kept(_)))
}

/// After a technician's token: takes the report along if only that tells the station what the meter has.
pub async fn after_handing(
    output: &Output,
    store: &mut PhoneStore,
    link: &mut MeterLink,
    url: &str,
    (handed, file): (&Handed, &TokenFile),
) {
    if handed.has_new_valve(file) {
        let attending = Attending { identity: &handed.identity, url, now_s: now_s() };
        take_report(output, store, link, attending, true).await;
    }
}

/// `coinless phone report`.
pub async fn report(
    output: &Output,
    directory: &Path,
    station: Option<&StationUrl>,
    link: &str,
) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let mut link = MeterLink::connect(link).await?;
    let identity = identity(&mut link).await.context("reaching the meter")?;
    let contents = store.load().await.context("reading the store")?;
    let url = station_of(station, &contents, &identity.meter)?;
    let attending = Attending { identity: &identity, url: &url, now_s: now_s() };
    let taken = fetch_report(&mut store, &mut link, attending, true).await;
    let kept = match taken.context("asking the meter for its report")? {
        ReportTaken::Kept(report) => Kept::Report(report),
        ReportTaken::NotDue | ReportTaken::NotOffered => Kept::Nothing,
    };
    let result = ReportResult::new(&identity.meter, &url, &kept);
    output.result(&result, &result)?;
    damage(&contents.damaged)?;
    match kept {
        Kept::Report(_) => Ok(()),
        Kept::Nothing => Err(Failure::new("this meter makes no reports")),
    }
}

/// Seconds since 1970-01-01 UTC by this machine's clock; 0 if that is earlier.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
