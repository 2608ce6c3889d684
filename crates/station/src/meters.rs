//! Meters: enrolment from delivery records, and looking them up.

use crate::problem::{Code, Error};
use crate::records::DeliveryRecord;
use crate::store::Row;
use crate::work::Work;
use coinless_protocol::keys::PublicKey;
use coinless_protocol::{Commodity, CreditNumber, Epoch, FineCredit, LabelError, MeterId, Units};

/// A meter as the station knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Its identity.
    pub id: MeterId,
    /// Its public key.
    pub key: PublicKey,
    /// What it measures.
    pub commodity: Commodity,
    /// Name of the customer.
    pub customer: Option<String>,
    /// Where it hangs.
    pub place: Option<String>,
    /// Credit that it was made with.
    pub initial: Units,
    /// The most credit that it can hold.
    pub max_credit: Units,
    /// Its key epoch.
    pub epoch: Epoch,
    /// The last number used for it.
    pub last_number: CreditNumber,
    /// Units of all live lines: the total of the next token.
    pub live_total: Units,
    /// Units that are being paid, or sold and not yet known to be in the meter.
    pub reserved: Units,
    /// The newest receipt known of it.
    pub newest_receipt: Option<NewestReceipt>,
}

/// What the newest receipt of a meter said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestReceipt {
    /// The receipt's number.
    pub number: u32,
    /// Where the meter's credit register stood.
    pub credit: CreditNumber,
    /// Its total.
    pub total: Units,
    /// Its balance.
    pub balance: FineCredit,
}

/// The most that a delivery record may say of credit, so that no sum overflows.
const MAX_CREDIT_UNITS: u64 = 1_000_000_000_000;

/// Enrols a meter. The same record again changes nothing.
///
/// # Errors
/// [`Code::BadMeterNumber`] if its label is wrong, [`Code::Malformed`] if a value makes no sense, [`Code::NotPossibleNow`] if
/// the meter is enrolled with another key.
pub fn enrol(work: &mut Work<'_>, record: &DeliveryRecord) -> Result<MeterId, Error> {
    let id = MeterId::from_label(&record.label).map_err(bad_number)?;
    if id.as_str() != record.id {
        return Err(Error::refused(Code::BadMeterNumber, "id and label of the delivery record are of two meters"));
    }
    let commodity = Commodity::from_name(&record.commodity)
        .ok_or_else(|| Error::refused(Code::Malformed, "the commodity must be gas, water or electricity"))?;
    if record.max_credit_units == 0
        || record.max_credit_units > MAX_CREDIT_UNITS
        || record.initial_units > record.max_credit_units
    {
        let detail = format!("max_credit_units must be 1 to {MAX_CREDIT_UNITS}, and initial_units not above it");
        return Err(Error::refused(Code::Malformed, detail));
    }
    let key = record.public_key.0.to_sec1();
    work.execute(
        "INSERT INTO meter (meter_id, public_key, commodity, customer, place, initial_units, max_credit_units, epoch,
                            last_number, live_total, reserved_units, enrolled_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, $8) ON CONFLICT (meter_id) DO NOTHING",
        &[
            id.as_str().into(),
            key.as_slice().into(),
            (commodity as i64).into(),
            record.customer.as_deref().into(),
            record.place.as_deref().into(),
            (record.initial_units as i64).into(),
            (record.max_credit_units as i64).into(),
            work.now_ms.into(),
        ],
    )?;
    let known = find(work, id)?;
    let other = |what: &str| {
        let detail = format!("meter {} is enrolled with another {what}; it cannot be enrolled again", id.label());
        Err(Error::refused(Code::NotPossibleNow, detail))
    };
    if known.key != record.public_key.0 {
        return other("key");
    }
    if known.commodity != commodity {
        return other("commodity");
    }
    if (known.initial.get(), known.max_credit.get()) != (record.initial_units, record.max_credit_units) {
        return other("initial or maximum credit");
    }
    if (known.customer.as_deref(), known.place.as_deref()) != (record.customer.as_deref(), record.place.as_deref()) {
        return other("customer or place");
    }
    Ok(id)
}

/// Reads a meter's number as people give it: with its check character.
///
/// # Errors
/// [`Code::BadMeterNumber`] that says what is wrong.
pub fn parse_label(label: &str) -> Result<MeterId, Error> {
    MeterId::from_label(label).map_err(bad_number)
}

fn bad_number(error: LabelError) -> Error {
    Error::refused(Code::BadMeterNumber, error.to_string())
}

/// The meter with this identity.
///
/// # Errors
/// [`Code::UnknownMeter`].
pub fn find(work: &mut Work<'_>, id: MeterId) -> Result<Meter, Error> {
    let row = work.query_first(
        "SELECT meter_id, public_key, commodity, customer, place, initial_units, max_credit_units, epoch, last_number,
                live_total, reserved_units, receipt_number, receipt_credit, receipt_total, receipt_balance
         FROM meter WHERE meter_id = $1",
        &[id.as_str().into()],
    )?;
    let row = row.ok_or_else(|| {
        Error::refused(Code::UnknownMeter, format!("meter {} is not enrolled at this station", id.label()))
    })?;
    read(&row)
}

/// All meters, in the order of their identities.
///
/// # Errors
/// When the database fails.
pub fn all(work: &mut Work<'_>) -> Result<Vec<Meter>, Error> {
    let ids = work.query("SELECT meter_id FROM meter ORDER BY meter_id", &[])?;
    ids.iter().map(|row| find(work, stored_id(row.text(0)?)?)).collect()
}

/// An identity that this station stored.
///
/// # Errors
/// [`Error::Inconsistent`] if it is none.
pub fn stored_id(text: &str) -> Result<MeterId, Error> {
    text.parse().map_err(|error| Error::inconsistent(format!("meter id {text}: {error}")))
}

/// Units that this station stored.
///
/// # Errors
/// [`Error::Inconsistent`] if they are out of range.
pub fn stored_units(row: &Row, at: usize) -> Result<Units, Error> {
    Units::new(row.number(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}

fn read(row: &Row) -> Result<Meter, Error> {
    let newest_receipt = match row.optional_int(11)? {
        None => None,
        Some(_) => Some(NewestReceipt {
            number: row.number(11)?,
            credit: CreditNumber(row.number(12)?),
            total: stored_units(row, 13)?,
            balance: FineCredit(row.int(14)?),
        }),
    };
    Ok(Meter {
        id: stored_id(row.text(0)?)?,
        key: PublicKey::from_sec1(row.bytes(1)?).map_err(|error| Error::inconsistent(error.to_string()))?,
        commodity: Commodity::from_code(row.number(2)?).ok_or_else(|| Error::inconsistent("commodity"))?,
        customer: row.optional_text(3)?.map(str::to_owned),
        place: row.optional_text(4)?.map(str::to_owned),
        initial: stored_units(row, 5)?,
        max_credit: stored_units(row, 6)?,
        epoch: Epoch(row.number(7)?),
        last_number: CreditNumber(row.number(8)?),
        live_total: stored_units(row, 9)?,
        reserved: stored_units(row, 10)?,
        newest_receipt,
    })
}

impl Meter {
    /// How much more may be sold to it: what it can hold, less what is on its way. If the credit is to be loaded at once,
    /// less the balance that its newest receipt tells as well (in whole units, rounded up).
    pub fn room(&self, immediate: bool) -> Units {
        let held = match self.newest_receipt {
            Some(receipt) if immediate => {
                let fine = receipt.balance.0.max(0);
                Units::new((fine as u64).div_ceil(1000)).unwrap_or(self.max_credit)
            }
            // Without any receipt it may still hold all that it was made with.
            None if immediate => self.initial,
            _ => Units::ZERO,
        };
        let free = self.max_credit.checked_sub(self.reserved).and_then(|free| free.checked_sub(held));
        free.unwrap_or(Units::ZERO)
    }

    /// Refuses `units` that the meter cannot take.
    ///
    /// # Errors
    /// [`Code::OverMaximumCredit`] that says how much it can.
    pub fn check_room(&self, units: Units, immediate: bool) -> Result<(), Error> {
        let room = self.room(immediate);
        if units <= room {
            return Ok(());
        }
        let show = |units: Units| units.fine().display(self.commodity).to_string();
        let detail = format!(
            "meter {} can take {} more now, this would be {}: buy less, or use some first",
            self.id.label(),
            show(room),
            show(units)
        );
        Err(Error::refused(Code::OverMaximumCredit, detail))
    }
}
