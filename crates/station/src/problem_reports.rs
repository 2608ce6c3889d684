//! What people report: that a meter or an order is not as it should be, in their own words, with a way to reach them if they like.
//!
//! It is personal: it is shown to operators alone and goes with the data of the order or the meter that it names ([`crate::erase`]).

use crate::erase::ERASED;
use crate::ledger::time;
use crate::meters;
use crate::problem::{Code, Error};
use crate::work::Work;
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a report.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Most characters of a way to reach whoever reports.
pub const MAX_CONTACT_CHARS: usize = 200;
/// Most reports in an hour.
pub const MOST_AN_HOUR: usize = 300;
/// Most reports in an hour about one meter, about one order, or about neither.
pub const MOST_ABOUT_ONE: usize = 10;
const HOUR_MS: i64 = 3_600_000;

/// What somebody reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProblemReport {
    /// The order that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The meter that it is about, with its check character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// What is wrong: 1 to 2000 characters.
    pub text: String,
    /// How whoever reports can be reached: at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// A report, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedProblem {
    /// Its id.
    pub id: String,
    /// When it came in.
    pub at: String,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The meter's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// What is wrong.
    pub text: String,
    /// How to reach whoever reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// A report whose parts were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedReport {
    order: Option<String>,
    meter: Option<MeterId>,
    text: String,
    contact: Option<String>,
}

impl ProblemReport {
    /// Looks at its parts. Order and meter need not be known here.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::BadMeterNumber`].
    pub fn check(self) -> Result<CheckedReport, Error> {
        let malformed = |detail: String| Error::refused(Code::Malformed, detail);
        let text = self.text.trim().to_owned();
        if text.is_empty() || text.chars().count() > MAX_TEXT_CHARS {
            return Err(malformed(format!("say in 1 to {MAX_TEXT_CHARS} characters what is wrong")));
        }
        let contact = self.contact.map(|contact| contact.trim().to_owned()).filter(|contact| !contact.is_empty());
        if contact.as_ref().is_some_and(|contact| contact.chars().count() > MAX_CONTACT_CHARS) {
            return Err(malformed(format!("contact has at most {MAX_CONTACT_CHARS} characters")));
        }
        let order = self.order.map(|order| {
            let id = uuid::Uuid::try_parse(&order).map(|id| id.hyphenated().to_string());
            id.map_err(|_| malformed("order is an order's id".to_owned()))
        });
        let meter = self.meter.map(|label| meters::parse_label(&label));
        Ok(CheckedReport { order: order.transpose()?, meter: meter.transpose()?, text, contact })
    }
}

/// Takes a report in, under the id that whoever reports made; gives whether it is new. The same again changes nothing, also when it
/// was erased meanwhile.
///
/// # Errors
/// [`Code::ReportConflict`] if the id stands for another report; [`Code::TooOften`].
pub fn take(work: &mut Work<'_>, id: &str, report: &CheckedReport) -> Result<bool, Error> {
    let known = work.query_first(
        "SELECT order_id, meter_id, text, contact, erased_ms FROM problem WHERE problem_id = $1",
        &[id.into()],
    )?;
    let (order, meter, contact) =
        (report.order.as_deref(), report.meter.as_ref().map(MeterId::as_str), report.contact.as_deref());
    if let Some(row) = known {
        let same = row.optional_text(0)? == order
            && row.optional_text(1)? == meter
            && row.text(2)? == report.text
            && row.optional_text(3)? == contact;
        if same || row.optional_int(4)?.is_some() {
            return Ok(false);
        }
        return Err(Error::refused(Code::ReportConflict, "another report has this id: make a new id for a new report"));
    }
    check_rate(work, order, meter)?;
    work.execute(
        "INSERT INTO problem (problem_id, order_id, meter_id, text, contact, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (problem_id) DO NOTHING",
        &[id.into(), order.into(), meter.into(), report.text.as_str().into(), contact.into(), work.now_ms.into()],
    )?;
    Ok(true)
}

fn check_rate(work: &mut Work<'_>, order: Option<&str>, meter: Option<&str>) -> Result<(), Error> {
    let rows = work.query(
        "SELECT order_id, meter_id FROM problem WHERE at_ms > $1 LIMIT 300",
        &[(work.now_ms - HOUR_MS).into()],
    )?;
    let mut alike = 0;
    for row in &rows {
        let (other_order, other_meter) = (row.optional_text(0)?, row.optional_text(1)?);
        let same_order = order.is_some() && order == other_order;
        let same_meter = meter.is_some() && meter == other_meter;
        let neither = (order, meter) == (None, None) && (other_order, other_meter) == (None, None);
        alike += usize::from(same_order || same_meter || neither);
    }
    if rows.len() < MOST_AN_HOUR && alike < MOST_ABOUT_ONE {
        return Ok(());
    }
    Err(Error::refused(
        Code::TooOften,
        "many problems were reported in this hour; this one was not taken: try again later",
    ))
}

/// The newest reports, the newest first; those about a meter or an order alone if one is named.
///
/// # Errors
/// When the database fails.
pub fn newest(work: &mut Work<'_>, subject: Option<&str>, most: i64) -> Result<Vec<ReportedProblem>, Error> {
    let rows = match subject {
        None => work.query(
            "SELECT problem_id, at_ms, order_id, meter_id, text, contact FROM problem ORDER BY at_ms DESC, problem_id LIMIT $1",
            &[most.into()],
        )?,
        Some(subject) => work.query(
            "SELECT problem_id, at_ms, order_id, meter_id, text, contact FROM problem
             WHERE order_id = $1 OR meter_id = $1 ORDER BY at_ms DESC, problem_id LIMIT $2",
            &[subject.into(), most.into()],
        )?,
    };
    let read = |row: &crate::store::Row| {
        let meter = row.optional_text(3)?.map(meters::stored_id).transpose()?;
        Ok(ReportedProblem {
            id: row.text(0)?.to_owned(),
            at: time(row.int(1)?),
            order: row.optional_text(2)?.map(str::to_owned),
            meter: meter.map(|meter| meter.label().to_string()),
            text: row.text(4)?.to_owned(),
            contact: row.optional_text(5)?.map(str::to_owned),
        })
    };
    rows.iter().map(read).collect()
}

/// Erases what people said about an order; gives how many reports that are.
pub(crate) fn erase_of_order(work: &mut Work<'_>, order: &str) -> Result<u64, Error> {
    Ok(work.execute(
        "UPDATE problem SET text = $2, contact = NULL, erased_ms = $3 WHERE order_id = $1 AND erased_ms IS NULL",
        &[order.into(), ERASED.into(), work.now_ms.into()],
    )?)
}

/// Erases what people said about a meter before a time; gives how many reports that are.
pub(crate) fn erase_of_meter(work: &mut Work<'_>, meter: MeterId, before_ms: i64) -> Result<u64, Error> {
    Ok(work.execute(
        "UPDATE problem SET text = $2, contact = NULL, erased_ms = $3
         WHERE meter_id = $1 AND at_ms < $4 AND erased_ms IS NULL",
        &[meter.as_str().into(), ERASED.into(), work.now_ms.into(), before_ms.into()],
    )?)
}

/// Erases one report; gives whether there was something to erase.
///
/// # Errors
/// When the database fails.
pub(crate) fn erase_one(work: &mut Work<'_>, id: &str) -> Result<bool, Error> {
    let erased = work.execute(
        "UPDATE problem SET text = $2, contact = NULL, erased_ms = $3 WHERE problem_id = $1 AND erased_ms IS NULL",
        &[id.into(), ERASED.into(), work.now_ms.into()],
    )?;
    Ok(erased > 0)
}

/// Whether there is a report with this id, erased or not.
pub(crate) fn is_known(work: &mut Work<'_>, id: &str) -> Result<bool, Error> {
    Ok(work.query_first("SELECT at_ms FROM problem WHERE problem_id = $1", &[id.into()])?.is_some())
}
