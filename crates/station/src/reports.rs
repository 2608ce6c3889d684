//! Reports: what a meter says of its events and inner sums. Taken from anybody, any number of times; the newest one is kept.

use crate::ledger::time;
use crate::meters::{self, Meter};
use crate::problem::{Code, Error};
use crate::terms::{self, RegisterName};
use crate::work::Work;
use coinless_protocol::cose::{Label, MAX_OBJECT_BYTES, Sign1};
use coinless_protocol::keys::Verifier;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::report::{Event, Report, ReportContent};
use coinless_protocol::{FineCredit, MeterId};
use serde::Serialize;
use std::collections::BTreeMap;

/// A report whose signature was verified and whose content was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedReport {
    /// The report as it came.
    pub bytes: Vec<u8>,
    /// Who says it.
    pub meter: MeterId,
    /// Its number, of the receipts' sequence.
    pub number: u32,
    /// What it says.
    pub content: ReportContent,
}

/// A meter's newest report, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportStatus {
    /// Its number, of the receipts' sequence.
    pub number: u32,
    /// When it came in.
    pub received: String,
    /// How many came in that were news.
    pub taken: u64,
    /// What stands on the meter's face.
    pub metered: String,
    /// The number of its valve command.
    pub valve: u32,
    /// Emergency credit was taken and is not paid back.
    pub emergency_taken: bool,
    /// It knows the time.
    pub clock_trusted: bool,
    /// Debt that was ever put on it.
    pub debt_total: String,
    /// What it has recovered of it.
    pub debt_paid: String,
    /// What happened, and how often, since it was made; what never happened is left out.
    pub events: BTreeMap<String, u16>,
}

/// Reads a report without trusting it: enough to look its meter up.
///
/// # Errors
/// [`Code::BadReport`].
pub fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Report), Error> {
    let bad = |why: String| Error::refused(Code::BadReport, why);
    if bytes.len() > MAX_OBJECT_BYTES {
        return Err(bad(format!("a report has at most {MAX_OBJECT_BYTES} bytes")));
    }
    let signed = Sign1::parse(bytes).map_err(|error| bad(error.to_string()))?;
    let report = Report::from_payload(signed.payload).map_err(|error| bad(error.to_string()))?;
    Ok((signed, report))
}

/// Verifies a report of `meter` with a verifier of its key, and opens its content.
///
/// # Errors
/// [`Code::BadReport`] if it is not signed by that meter, or does not open.
pub fn open(
    bytes: &[u8],
    meter: &Meter,
    verifier: &impl Verifier,
    readings_key: impl FnOnce() -> ReadingsKey,
) -> Result<OpenedReport, Error> {
    let (signed, report) = parse(bytes)?;
    if report.meter != meter.id || !signed.verify(verifier, Label::Report, &meter.key.hash()) {
        return Err(Error::refused(Code::BadReport, "the report is not signed by the key of this meter"));
    }
    let content = readings_key().open_report(&report);
    let content = content.map_err(|error| Error::refused(Code::BadReport, error.to_string()))?;
    Ok(OpenedReport { bytes: bytes.to_vec(), meter: meter.id, number: report.number, content })
}

/// Takes a report in; gives whether it was news. An older one changes nothing.
///
/// # Errors
/// When the database fails.
pub fn accept(work: &mut Work<'_>, report: &OpenedReport) -> Result<bool, Error> {
    let meter = meters::lock(work, report.meter)?;
    let id = meter.id.as_str();
    let content = &report.content;
    let events =
        serde_json::to_string(&content.events.to_array()).map_err(|error| Error::inconsistent(error.to_string()))?;
    let newer = work.execute(
        "INSERT INTO report (meter_id, number, metered, valve, emergency_taken, clock_trusted, debt_total, debt_paid, events,
                             bytes, received_ms, taken)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)
         ON CONFLICT (meter_id) DO UPDATE SET number = $2, metered = $3, valve = $4, emergency_taken = $5, clock_trusted = $6,
             debt_total = $7, debt_paid = $8, events = $9, bytes = $10, received_ms = $11, taken = report.taken + 1
         WHERE report.number < $2",
        &[
            id.into(),
            report.number.into(),
            content.metered.0.into(),
            content.valve.into(),
            content.emergency_taken.into(),
            content.clock_trusted.into(),
            content.debt_total.0.into(),
            content.debt_paid.0.into(),
            events.into(),
            report.bytes.as_slice().into(),
            work.now_ms.into(),
        ],
    )?;
    if newer == 0 {
        check_same(work, report)?;
        return Ok(false);
    }
    // Its number is one of the receipts' sequence: so it is known whether the meter had risen to its key epoch.
    if content.valve > 0 && meter.epoch_receipt.is_some_and(|since| report.number > since || meter.epoch.0 == 0) {
        terms::settle_number(work, &meter, RegisterName::Valve, meter.epoch, content.valve)?;
    }
    Ok(true)
}

/// The same number with other content is an exception.
fn check_same(work: &mut Work<'_>, report: &OpenedReport) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT bytes FROM report WHERE meter_id = $1 AND number = $2",
        &[report.meter.as_str().into(), report.number.into()],
    )?;
    let Some(row) = row else { return Ok(()) };
    // Signatures may differ; what was said must not.
    if parse(row.bytes(0)?)?.1 != parse(&report.bytes)?.1 {
        let subject = format!("{}/report/{}", report.meter, report.number);
        work.exception(&subject, "report_number_used_twice", "two reports of one number say different things")?;
    }
    Ok(())
}

/// The newest report of a meter, if one came.
///
/// # Errors
/// When the database fails.
pub fn status(work: &mut Work<'_>, meter: &Meter) -> Result<Option<ReportStatus>, Error> {
    let row = work.query_first(
        "SELECT number, metered, valve, emergency_taken, clock_trusted, debt_total, debt_paid, events, received_ms, taken
         FROM report WHERE meter_id = $1",
        &[meter.id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let counts: Vec<u16> =
        serde_json::from_str(row.text(7)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    let counted = Event::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    let credit = meter.credit();
    Ok(Some(ReportStatus {
        number: row.number(0)?,
        received: time(row.int(8)?),
        taken: row.number(9)?,
        metered: FineCredit(row.int(1)?).display(meter.commodity).to_string(),
        valve: row.number(2)?,
        emergency_taken: row.int(3)? != 0,
        clock_trusted: row.int(4)? != 0,
        debt_total: credit.show(FineCredit(row.int(5)?)),
        debt_paid: credit.show(FineCredit(row.int(6)?)),
        events: counted.map(|(event, count)| (event.words().to_owned(), count)).collect(),
    }))
}
