//! A meter's readings for whoever lives with it, and problems that people report.

use crate::Error;
use crate::api::{self, ApiError};
use crate::io::Station;
use crate::records::{SECRET_BYTES, StoredProblem, StoredReader};
use crate::store::Store;
use crate::wire::Readings;
use coinless_protocol::MeterId;

/// Earns the readings of `meter` at the station at `url` by the code that the meter's display shows after a press of its button.
/// `drawn` becomes this phone's secret for the meter if it has none yet; it is stored before it is sent, so that the same again is right
/// whatever happens.
///
/// # Errors
/// [`Error::Station`], refused with the code `wrong_code` if the meter does not show it; [`ApiError::TooOften`] after too many.
pub async fn earn_readings<S: Store, N: Station>(
    store: &mut S,
    (station, url): (&mut N, &str),
    meter: &MeterId,
    code: &str,
    drawn: [u8; SECRET_BYTES],
) -> Result<StoredReader, Error> {
    let contents = store.load().await?;
    let known = contents.reader(meter).filter(|reader| reader.station == url).cloned();
    let mut reader = match known {
        Some(reader) => reader,
        None => {
            let new = StoredReader::new(meter, url, drawn);
            store.save_reader(&new).await?;
            new
        }
    };
    let earned = api::earn_readings(station, meter, code, &reader.secret).await?;
    if earned.meter != meter.as_str() {
        return Err(Error::StationAnswer("it is about another meter".into()));
    }
    reader.earned_ms = Some(earned.earned_ms);
    store.save_reader(&reader).await?;
    Ok(reader)
}

/// When and where somebody looks at readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Milliseconds since 1970-01-01 UTC by the phone's clock.
    pub now_ms: u64,
    /// How many minutes it is later there than in UTC: days begin so.
    pub offset_minutes: i32,
}

/// The readings of `meter`, which this phone has earned; they are kept, to be looked at without a network.
///
/// # Errors
/// [`Error::NotEntitled`] if it has not, or the tenant has changed since: then the code on the meter's display is to be typed;
/// [`Error::Station`].
pub async fn readings<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    meter: &MeterId,
    time: LocalTime,
) -> Result<Readings, Error> {
    let contents = store.load().await?;
    let reader = contents.reader(meter).filter(|reader| reader.earned_ms.is_some());
    let Some(reader) = reader else { return Err(Error::NotEntitled(*meter)) };
    match api::readings(station, meter, &reader.secret, time.offset_minutes).await {
        Err(error) if error.code() == Some("not_entitled") => {
            store.save_reader(&reader.ended()).await?;
            Err(Error::NotEntitled(*meter))
        }
        Ok(readings) if readings.meter != meter.as_str() => {
            Err(Error::StationAnswer("it is about another meter".into()))
        }
        Ok(readings) => {
            store.save_reader(&reader.told(time.now_ms, &readings)).await?;
            Ok(readings)
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks the station at `url` anew for the readings of those of `meters` that this phone has earned there, until it is out of reach.
/// What it does not tell now stays as it was. Gives how many it told.
///
/// # Errors
/// [`Error::Store`].
pub async fn refresh_readings<S: Store, N: Station>(
    store: &mut S,
    (station, url): (&mut N, &str),
    meters: &[MeterId],
    time: LocalTime,
) -> Result<usize, Error> {
    let readers = store.load().await?.readers;
    let earned = readers.iter().filter(|reader| reader.station == url && reader.earned_ms.is_some());
    let mut told = 0;
    for reader in earned.filter(|reader| meters.contains(&reader.meter)) {
        match readings(store, station, &reader.meter, time).await {
            Ok(_) => told += 1,
            Err(error @ Error::Store(_)) => return Err(error),
            Err(Error::Station(ApiError::NoAnswer(_))) => break,
            // Of this meter it tells nothing (any more).
            Err(_) => {}
        }
    }
    Ok(told)
}

/// Reports a problem to its station. It is stored first: if the station does not answer, the next [`sync`](super::sync) sends it.
///
/// # Errors
/// [`Error::Station`]; if that refuses it for good (what it says is not to be taken), it is not kept.
pub async fn report_problem<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    problem: &StoredProblem,
) -> Result<(), Error> {
    store.save_problem(problem).await?;
    bring_problem(store, station, problem).await
}

/// Brings a problem that is in the store.
async fn bring_problem<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    problem: &StoredProblem,
) -> Result<(), Error> {
    let brought = match api::problem(station, problem).await {
        Ok(taken) if taken.id != problem.id => Err(Error::StationAnswer("it has taken another report".into())),
        Ok(_) => Ok(()),
        Err(error @ ApiError::Refused(_)) if !error.is_unknown_question() => Err(error.into()),
        Err(error) => return Err(error.into()),
    };
    store.remove_problem(problem.id).await?;
    brought
}

/// Brings the station at `url` the problems that it does not have yet; gives the ids of those that it took, and what went wrong with
/// others, until the station is out of reach.
pub(super) async fn bring_problems<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    url: &str,
    problems: &[StoredProblem],
) -> Result<(Vec<uuid::Uuid>, Vec<(uuid::Uuid, Error)>), Error> {
    let (mut taken, mut wrong) = (Vec::new(), Vec::new());
    for problem in problems.iter().filter(|problem| problem.station == url) {
        match bring_problem(store, station, problem).await {
            Ok(()) => taken.push(problem.id),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                let unreachable = matches!(error, Error::Station(ApiError::NoAnswer(_)));
                wrong.push((problem.id, error));
                if unreachable {
                    break;
                }
            }
        }
    }
    Ok((taken, wrong))
}
