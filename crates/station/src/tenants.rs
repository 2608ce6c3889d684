//! Changing who has a meter: what the old tenant has not loaded becomes void first, and goes back as receipts prove.

use crate::audit::{self, Action};
use crate::issue;
use crate::lifecycle::LineState;
use crate::meters::{self, Meter, stored_units};
use crate::orders;
use crate::problem::{Code, Error};
use crate::readers;
use crate::records::to_hex;
use crate::refunds;
use crate::registers;
use crate::work::Work;
use coinless_protocol::MeterId;
use serde::Serialize;
use std::collections::BTreeSet;

/// Who has the meter from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTenant {
    /// The customer's name; none if it is not to be known.
    pub customer: Option<String>,
    /// Where the meter hangs; as before if it is none.
    pub place: Option<String>,
    /// The same names as recorded are another change all the same.
    pub again: bool,
}

/// A line that is void as soon as a receipt shows that the void reached the meter before the line's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingVoid {
    /// The order.
    pub order: String,
    /// The line in it.
    pub line: u32,
    /// What it would load, for people.
    pub shown: String,
}

/// What must reach a meter before it is certain what becomes of the old tenant's lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// The lines.
    pub voids: Vec<PendingVoid>,
    /// The one token that settles them all, in hexadecimal; none if there is nothing to settle, or it is not signed yet.
    pub token: Option<String>,
}

/// Most characters of a name or a place.
const MAX_CHARS: usize = 200;

/// Changes the customer of a meter: withdraws open quotes, asks for voids of all that is issued, and records the new name and
/// the end of the old one, which ends who may read the meter. Gives whether anything changed: the names that are recorded already change nothing, so that the
/// command can be given again.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] while lines of the meter are being paid or sold, or if it hangs no more.
pub fn change(work: &mut Work<'_>, id: MeterId, new: &NewTenant, operator: &str) -> Result<bool, Error> {
    for text in [&new.customer, &new.place].into_iter().flatten() {
        if text.chars().count() > MAX_CHARS {
            let detail = format!("a name or a place has at most {MAX_CHARS} characters");
            return Err(Error::refused(Code::Malformed, detail));
        }
    }
    let meter = meters::lock(work, id)?;
    meter.check_in_use()?;
    let place = new.place.clone().or_else(|| meter.place.clone());
    let same = (meter.customer.as_ref(), meter.place.as_ref()) == (new.customer.as_ref(), place.as_ref());
    if same && !new.again {
        return Ok(false);
    }
    check_nothing_under_way(work, id)?;
    let open = issued(work, id)?;
    if open.iter().any(|(order_id, _)| registers::is_of_no_order(order_id)) {
        let detail = "credit that nobody bought (initial credit, or what was left on the meter before this one) is still on its way: \
                      change the tenant when it is loaded";
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    withdraw_quotes(work, id)?;
    for (order_id, line) in open {
        refunds::void(work, &order_id, line)?;
    }
    record(work, &meter, new.customer.as_deref(), place.as_deref())?;
    audit::note(work, id.as_str(), Action::TenantChange, operator)?;
    Ok(true)
}

/// The voids that a meter has not answered yet, and the token that settles them.
///
/// # Errors
/// [`Code::UnknownMeter`].
pub fn pending(work: &mut Work<'_>, id: MeterId) -> Result<Pending, Error> {
    let meter = meters::find(work, id)?;
    let rows = work.query(
        "SELECT order_id, line, units FROM meter_line WHERE meter_id = $1 AND state = 'void_pending' ORDER BY order_id, line",
        &[id.as_str().into()],
    )?;
    let mut voids = Vec::new();
    let mut tokens = BTreeSet::new();
    for row in &rows {
        let (order, line) = (row.text(0)?.to_owned(), row.number(1)?);
        tokens.insert(issue::current(work, id, &order, line)?);
        let shown = meter.credit().show(stored_units(row, 2)?.fine());
        voids.push(PendingVoid { order, line, shown });
    }
    // The newest token settles each of them; before it is signed, an older one would leave some out.
    let token = if tokens.len() == 1 { tokens.pop_first().flatten() } else { None };
    Ok(Pending {
        meter: id.to_string(),
        label: id.label().to_string(),
        voids,
        token: token.map(|bytes| to_hex(&bytes)),
    })
}

pub(crate) fn check_nothing_under_way(work: &mut Work<'_>, id: MeterId) -> Result<(), Error> {
    let under_way = [
        LineState::AwaitingPayment,
        LineState::PaymentUnknown,
        LineState::Paid,
        LineState::SaleUnknown,
        LineState::Sold,
    ];
    let mut lines = Vec::new();
    for state in under_way {
        for (order_id, line) in lines_in(work, id, state)? {
            lines.push(format!("{order_id} line {line} ({})", state.name()));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "meter {} has lines that are still being paid or sold: {}; give the command again when they are done. What nobody has \
         paid can be ended: coinless station cancel",
        id.label(),
        lines.join(", ")
    );
    Err(Error::refused(Code::NotPossibleNow, detail))
}

/// Quotes that nobody accepted yet are no longer valid: what the old tenant still accepted would be in nobody's interest.
pub(crate) fn withdraw_quotes(work: &mut Work<'_>, id: MeterId) -> Result<(), Error> {
    let orders: BTreeSet<_> =
        lines_in(work, id, LineState::Quoted)?.into_iter().map(|(order_id, _)| order_id).collect();
    orders.iter().try_for_each(|order_id| orders::expire(work, order_id))
}

/// Lines of a meter in a state in which lines do not stay long: through the index of states.
fn lines_in(work: &mut Work<'_>, id: MeterId, state: LineState) -> Result<Vec<(String, u32)>, Error> {
    let rows = work.query(
        "SELECT order_id, line FROM order_line WHERE state = $1 AND meter_id = $2 ORDER BY order_id, line",
        &[state.name().into(), id.as_str().into()],
    )?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.number(1)?))).collect()
}

fn issued(work: &mut Work<'_>, id: MeterId) -> Result<Vec<(String, u32)>, Error> {
    let rows = work.query(
        "SELECT order_id, line FROM meter_line WHERE meter_id = $1 AND state = 'issued' ORDER BY order_id, line",
        &[id.as_str().into()],
    )?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.number(1)?))).collect()
}

fn record(work: &mut Work<'_>, old: &Meter, customer: Option<&str>, place: Option<&str>) -> Result<(), Error> {
    let id = old.id.as_str();
    work.execute(
        "INSERT INTO tenancy (meter_id, until_ms, customer, place, epoch, last_number) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (meter_id, until_ms) DO NOTHING",
        &[
            id.into(),
            work.now_ms.into(),
            old.customer.as_deref().into(),
            old.place.as_deref().into(),
            i64::from(old.epoch.0).into(),
            old.last_number.0.into(),
        ],
    )?;
    readers::end(work, old.id)?;
    work.execute_one(
        "changing a tenant",
        "UPDATE meter SET customer = $2, place = $3 WHERE meter_id = $1",
        &[id.into(), customer.into(), place.into()],
    )
}
