//! What a phone does for a meter beside carrying credit: sets its clock where both have a way to the station, and takes its report
//! along. Either costs the meter a record and a signature of what it does for strangers, so neither is done more than once a day
//! (but for a report after a valve command, of which the station hears by that alone), and neither is ever a reason to fail a
//! delivery.

use super::meter;
use crate::api::{self, ApiError};
use crate::io::{Link, Station};
use crate::records::{MeterKey, StoredReceipt, StoredReport, StoredVisit};
use crate::store::{Contents, Store};
use crate::{Error, hex};
use coinless_protocol::coap::{Code, Method, Request, Response};
use coinless_protocol::cose::Sign1;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::Report;
use coinless_protocol::token::{Clock, Order, Set, Token};
use coinless_protocol::{Challenge, MeterId};

/// A meter is asked for a report, and for a challenge for its clock, no sooner than this after the last time.
pub const PAUSE_S: u64 = 86_400;
/// The most meters of which anything is noted; what was asked longest ago is forgotten first.
pub const MAX_VISITS: usize = 600;

/// The meter and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Attending<'a> {
    /// The meter at hand.
    pub identity: &'a Identity,
    /// The URL of its station.
    pub url: &'a str,
    /// Seconds since 1970-01-01 UTC by this phone's clock, which only spaces the questions: the meter is never told.
    pub now_s: u64,
}

/// What became of a meter's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockSet {
    /// The meter has taken the station's word; the receipt is in the store.
    Set(StoredReceipt),
    /// The meter has decided otherwise; the receipt is in the store.
    NotSet(StoredReceipt),
    /// This phone did so less than a day ago.
    NotDue,
    /// The station cannot be reached from here, or sets no clocks.
    NotOnLine,
    /// This meter takes no challenge.
    NotOffered,
}

/// What became of a meter's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportTaken {
    /// It is in the store, to be brought to the station.
    Kept(StoredReport),
    /// This phone asked for one less than a day ago.
    NotDue,
    /// This meter has none.
    NotOffered,
}

/// Sets the clock of the meter at hand by a token in which the station answers the meter's own challenge, if that was not done
/// within [`PAUSE_S`]. The station is asked first whether it knows the meter, so that the meter does nothing in vain.
///
/// # Errors
/// [`Error`] if the meter does not answer or an answer does not fit. Nothing is lost.
pub async fn set_clock<S: Store, L: Link, N: Station>(
    store: &mut S,
    link: &mut L,
    station: &mut N,
    attending: Attending<'_>,
) -> Result<ClockSet, Error> {
    let contents = store.load().await?;
    let mut visit = visit_of(&contents, attending);
    if !is_due(visit.clock_asked_s, attending.now_s) {
        return Ok(ClockSet::NotDue);
    }
    let meter = &attending.identity.meter;
    match api::meter(station, meter).await {
        Err(ApiError::NoAnswer(_)) => return Ok(ClockSet::NotOnLine),
        answer => drop(answer?),
    }
    visit.clock_asked_s = attending.now_s;
    note(store, &contents, &visit).await?;
    let Some(challenge) = challenge(link).await? else { return Ok(ClockSet::NotOffered) };
    let token = match api::clock(station, meter, &challenge).await {
        Err(ApiError::NoAnswer(_)) => return Ok(ClockSet::NotOnLine),
        Err(error) if error.is_unknown_question() => return Ok(ClockSet::NotOnLine),
        answer => answer?.token,
    };
    let token = hex::decode(&token).filter(|token| is_clock_answer(token, meter, challenge));
    let token = token.ok_or_else(|| Error::StationAnswer("no clock token for this meter and challenge".into()))?;
    let receipt = meter::post_token(link, &token, attending.identity, &contents, attending.url).await?;
    let receipt = meter::save_receipt(store, receipt, &contents).await?;
    Ok(match receipt.receipt.outcome.decision {
        Decision::Applied => ClockSet::Set(receipt),
        _ => ClockSet::NotSet(receipt),
    })
}

/// Fetches the report of the meter at hand and keeps it for the station in the place of an older one, if none was asked for within
/// [`PAUSE_S`] or `at_once`.
///
/// # Errors
/// [`Error`] if the meter does not answer or its answer is not its report. What was kept before stays.
pub async fn fetch_report<S: Store, L: Link>(
    store: &mut S,
    link: &mut L,
    attending: Attending<'_>,
    at_once: bool,
) -> Result<ReportTaken, Error> {
    let contents = store.load().await?;
    let mut visit = visit_of(&contents, attending);
    if !at_once && !is_due(visit.report_asked_s, attending.now_s) {
        return Ok(ReportTaken::NotDue);
    }
    visit.report_asked_s = attending.now_s;
    note(store, &contents, &visit).await?;
    let response = get(link, "report").await?;
    match response.code {
        Code::CONTENT => {}
        Code::NOT_FOUND => return Ok(ReportTaken::NotOffered),
        _ => return Err(meter::refusal(&response)),
    }
    let report = checked(&response.payload, attending.identity, &contents)?;
    visit.report = Some(report.clone());
    store.save_visit(&visit).await?;
    Ok(ReportTaken::Kept(report))
}

fn checked(bytes: &[u8], identity: &Identity, contents: &Contents) -> Result<StoredReport, Error> {
    let signed = Sign1::parse(bytes)?;
    let report = Report::from_payload(signed.payload)?;
    if (report.meter, signed.kid) != (identity.meter, identity.meter_key) {
        return Err(Error::NotAuthentic("the report is of another meter or key"));
    }
    let key = contents.key_of(&identity.meter, identity.meter_key);
    if key.as_ref().is_some_and(|key| Report::verified(bytes, key, &key.hash()).is_err()) {
        return Err(Error::NotAuthentic("the report is not signed by this meter's key"));
    }
    Ok(StoredReport { number: report.number, bytes: bytes.to_vec(), verified: key.is_some() })
}

/// The meter's own challenge; none if it gives none to anybody.
async fn challenge<L: Link>(link: &mut L) -> Result<Option<Challenge>, Error> {
    let response = get(link, "challenge").await?;
    match response.code {
        Code::CONTENT => {}
        Code::NOT_FOUND => return Ok(None),
        _ => return Err(meter::refusal(&response)),
    }
    let challenge = response.payload.as_slice().try_into();
    challenge.map(Some).map_err(|_| Error::NotAuthentic("its challenge is not of 8 bytes"))
}

async fn get<L: Link>(link: &mut L, resource: &str) -> Result<Response, Error> {
    let request = Request { method: Method::Get, path: &[resource], query: &[], format: None, payload: &[] };
    link.exchange(&request).await.map_err(Error::Link)
}

/// Whether a token says the time in answer to this challenge and nothing else.
fn is_clock_answer(token: &[u8], meter: &MeterId, challenge: Challenge) -> bool {
    Token::parse(token).is_ok_and(|(_, token)| match token.order {
        Order::Set(Set { clock: Some(clock), .. }) => {
            let alone = Order::Set(Set { clock: Some(clock), ..Set::default() });
            let Clock { answers, .. } = clock;
            token.meter == *meter && answers == Some(challenge) && token.order == alone
        }
        _ => false,
    })
}

fn visit_of(contents: &Contents, attending: Attending<'_>) -> StoredVisit {
    let Attending { identity, url, .. } = attending;
    let key = MeterKey { meter: identity.meter, meter_key: identity.meter_key };
    let known = contents.visits.iter().find(|visit| visit.key == key).cloned();
    known.filter(|visit| visit.station == url).unwrap_or_else(|| StoredVisit::new(key, url))
}

/// A time that is yet to come was noted by a clock that was wrong.
fn is_due(last_s: u64, now_s: u64) -> bool {
    now_s.checked_sub(last_s).is_none_or(|passed_s| passed_s >= PAUSE_S)
}

/// Notes what is about to be asked, before it is: whatever the app dies of, the meter is not asked again at once. Forgets what
/// says nothing any more, and more if there is too much.
async fn note<S: Store>(store: &mut S, contents: &Contents, visit: &StoredVisit) -> Result<(), Error> {
    let now_s = visit.last_asked_s();
    let mut others: Vec<&StoredVisit> = contents.visits.iter().filter(|other| other.key != visit.key).collect();
    others.sort_by_key(|other| other.last_asked_s());
    let too_many = others.len().saturating_sub(MAX_VISITS - 1);
    for (place, other) in others.into_iter().enumerate() {
        let says_nothing = other.report.is_none() && is_due(other.last_asked_s(), now_s);
        if place < too_many || says_nothing {
            store.remove_visit(&other.key).await?;
        }
    }
    Ok(store.save_visit(visit).await?)
}
