//! Meters: enrolment from delivery records, and looking them up.

use crate::money::Currency;
use crate::problem::{Code, Error, More};
use crate::records::{DeliveryRecord, MoneyRecord};
use crate::recovery;
use crate::store::Row;
use crate::terms::CreditWords;
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::keys::PublicKey;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Needs, RefusedRange};
use coinless_protocol::{Commodity, CreditNumber, Epoch, FineCredit, LabelError, MeterId, Units};

/// A meter as the station knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Its identity.
    pub id: MeterId,
    /// Its public key.
    pub key: PublicKey,
    /// The utility that sells to it.
    pub utility: UtilityName,
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
    /// Since when a restored station recovers what was sold to it.
    pub recovering_since_ms: Option<i64>,
    /// The numbers that may have been signed in a life that a restore forgot.
    pub gap: Option<RefusedRange>,
    /// Whether it hangs no more.
    pub is_retired: bool,
    /// The last numbers used for its other registers.
    pub terms: TermsNumbers,
    /// What credit tokens ask for of its other registers, until a receipt shows that it has it.
    pub needs: Needs,
    /// The currency whose minor units its credit counts; none if it counts what it measures.
    pub currency: Option<Currency>,
    /// The number of the first receipt that showed its key epoch; none until one does.
    pub epoch_receipt: Option<u32>,
    /// What it counted when its key epoch began cannot be told by the total: a restore forgot numbers of an earlier one.
    pub origin_unknown: bool,
    /// The meter that takes its place: every token of this one is a closing one.
    pub replaced_by: Option<MeterId>,
    /// The number of the test token that must prove its installation yet.
    pub unproved: Option<(Epoch, CreditNumber)>,
}

/// Numbers of the registers of a meter beside credit, in its key epoch; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TermsNumbers {
    /// Tariff.
    pub tariff: u32,
    /// Settings.
    pub settings: u32,
    /// Operational keys.
    pub keys: u32,
    /// Valve command.
    pub valve: u32,
}

/// What the newest receipt of a meter said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestReceipt {
    /// The receipt's number.
    pub number: u32,
    /// Where the meter's registers stood.
    pub registers: RegisterNumbers,
    /// The total of its credit register.
    pub total: Units,
    /// Its balance.
    pub balance: FineCredit,
    /// Its valve, and what holds it shut.
    pub flags: Flags,
    /// Its time in seconds since 1970, if it ever had one.
    pub clock: Option<u64>,
}

/// The most that a delivery record may say of credit, so that no sum overflows.
const MAX_CREDIT_UNITS: u64 = 1_000_000_000_000;

/// Enrols a meter. The same record again changes nothing.
///
/// # Errors
/// [`Code::BadMeterNumber`] if its label is wrong, [`Code::Malformed`] if a value makes no sense, [`Code::NotPossibleNow`] if
/// the meter is enrolled otherwise already.
pub fn enrol(work: &mut Work<'_>, record: &DeliveryRecord, utility: &UtilityName) -> Result<MeterId, Error> {
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
    let currency = record.money.as_ref().map(currency_of).transpose()?;
    let names = [&record.customer, &record.place];
    if names.into_iter().flatten().any(|name| name.contains('\0')) {
        return Err(Error::refused(Code::Malformed, "customer and place must not hold the character NUL (U+0000)"));
    }
    let key = record.public_key.0.to_sec1();
    // It may have been enrolled, and sold to, since the backup that this station was restored from.
    let (gap, recovering_since_ms) = recovery::of_new_meter(work)?;
    work.execute(
        "INSERT INTO meter (meter_id, public_key, commodity, customer, place, initial_units, max_credit_units, epoch,
                            last_number, live_total, reserved_units, enrolled_ms, utility, gap_first, gap_last,
                            recovering_since_ms, currency)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, 0, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (meter_id) DO NOTHING",
        &[
            id.as_str().into(),
            key.as_slice().into(),
            (commodity as i64).into(),
            record.customer.as_deref().into(),
            record.place.as_deref().into(),
            (record.initial_units as i64).into(),
            (record.max_credit_units as i64).into(),
            gap.map_or(0, |gap| gap.last().0).into(),
            work.now_ms.into(),
            utility.as_str().into(),
            gap.map(|gap| gap.first().0).into(),
            gap.map(|gap| gap.last().0).into(),
            recovering_since_ms.into(),
            currency.as_ref().map(Currency::code).into(),
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
    if known.utility != *utility {
        return other("utility");
    }
    if known.commodity != commodity {
        return other("commodity");
    }
    if known.currency != currency {
        return other("kind of credit");
    }
    if (known.initial.get(), known.max_credit.get()) != (record.initial_units, record.max_credit_units) {
        return other("initial or maximum credit");
    }
    if (known.customer.as_deref(), known.place.as_deref()) != (record.customer.as_deref(), record.place.as_deref()) {
        return other("customer or place");
    }
    Ok(id)
}

/// The currency of a meter that counts money. Its credit unit must be what this station takes for the minor unit.
fn currency_of(money: &MoneyRecord) -> Result<Currency, Error> {
    let currency =
        Currency::from_code(&money.currency).map_err(|error| Error::refused(Code::Malformed, error.to_string()))?;
    if money.digits != currency.digits() {
        let detail = format!(
            "the meter counts {currency} with {} digits after the point, this station with {}",
            money.digits,
            currency.digits()
        );
        return Err(Error::refused(Code::Malformed, detail));
    }
    Ok(currency)
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

macro_rules! select_meter {
    ($rest:literal) => {
        concat!(
            "SELECT meter_id, public_key, commodity, customer, place, initial_units, max_credit_units, epoch, last_number,
                    live_total, reserved_units, receipt_number, receipt_credit, receipt_total, receipt_balance, utility,
                    recovering_since_ms, gap_first, gap_last, retired_ms, receipt_epoch, receipt_tariff, receipt_settings,
                    receipt_keys, receipt_flags, receipt_clock, tariff_number, settings_number, keys_number, valve_number,
                    needs_tariff, needs_settings, currency, epoch_receipt, origin_unknown,
                    replaced_by, unproved_epoch, unproved_number
             FROM meter",
            $rest
        )
    };
}

/// Asks for the meter with the identity `$1`.
pub(crate) const FIND: &str = select_meter!(" WHERE meter_id = $1");
/// The same, and locks it.
pub(crate) const LOCK: &str = select_meter!(" WHERE meter_id = $1 FOR UPDATE");
/// Asks for the meter of the line `$2` of the order `$1` and locks it. (The meter of a line never changes.)
pub(crate) const LOCK_OF_LINE: &str = select_meter!(
    " WHERE meter_id = (SELECT l.meter_id FROM order_line l WHERE l.order_id = $1 AND l.line = $2) FOR UPDATE"
);
/// Asks for all meters of the order `$1` and locks them, in the order of their identities.
pub(crate) const LOCK_OF_ORDER: &str = select_meter!(
    " WHERE meter_id IN (SELECT l.meter_id FROM order_line l WHERE l.order_id = $1) ORDER BY meter_id FOR UPDATE"
);

/// The meter with this identity.
///
/// # Errors
/// [`Code::UnknownMeter`].
pub fn find(work: &mut Work<'_>, id: MeterId) -> Result<Meter, Error> {
    found(id, work.query_first(FIND, &[id.as_str().into()])?.as_ref())
}

/// The meter with this identity, which no other process changes until this command ends.
///
/// # Errors
/// [`Code::UnknownMeter`].
pub fn lock(work: &mut Work<'_>, id: MeterId) -> Result<Meter, Error> {
    found(id, work.query_first(LOCK, &[id.as_str().into()])?.as_ref())
}

/// The meter with this identity in the answer to a question for it.
///
/// # Errors
/// [`Code::UnknownMeter`] if there is none.
pub(crate) fn found(id: MeterId, row: Option<&Row>) -> Result<Meter, Error> {
    read(row.ok_or_else(|| {
        Error::refused(Code::UnknownMeter, format!("meter {} is not enrolled at this station", id.label()))
    })?)
}

/// Reserves room in a meter for what is being sold to it.
pub(crate) fn reserve(work: &mut Work<'_>, id: MeterId, units: Units) -> Result<(), Error> {
    work.execute_one(
        "reserving room",
        "UPDATE meter SET reserved_units = reserved_units + $2 WHERE meter_id = $1",
        &[id.as_str().into(), (units.get() as i64).into()],
    )
}

/// Gives the meters that were enrolled before there were several utilities to `utility`.
///
/// # Errors
/// When the database fails.
pub fn adopt(work: &mut Work<'_>, utility: &UtilityName) -> Result<(), Error> {
    for table in
        ["UPDATE meter SET utility = $1 WHERE utility = ''", "UPDATE order_line SET utility = $1 WHERE utility = ''"]
    {
        work.execute(table, &[utility.as_str().into()])?;
    }
    Ok(())
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

/// A utility's name that this station stored.
///
/// # Errors
/// [`Error::Inconsistent`] if it is none.
pub fn stored_utility(text: &str) -> Result<UtilityName, Error> {
    text.parse().map_err(|error| Error::inconsistent(format!("utility {text}: {error}")))
}

/// A commodity that this station stored.
///
/// # Errors
/// [`Error::Inconsistent`] if it is none.
pub fn stored_commodity(row: &Row, at: usize) -> Result<Commodity, Error> {
    Commodity::from_code(row.number(at)?).ok_or_else(|| Error::inconsistent("a commodity"))
}

/// The currency of a meter that counts money, as this station stored it.
///
/// # Errors
/// [`Error::Inconsistent`] if it is none.
pub(crate) fn stored_currency(row: &Row, at: usize) -> Result<Option<Currency>, Error> {
    let stored = row.optional_text(at)?.map(Currency::from_code).transpose();
    stored.map_err(|error| Error::inconsistent(error.to_string()))
}

/// Units that this station stored.
///
/// # Errors
/// [`Error::Inconsistent`] if they are out of range.
pub fn stored_units(row: &Row, at: usize) -> Result<Units, Error> {
    Units::new(row.number(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}

/// The meter in a row of an answer.
pub(crate) fn read(row: &Row) -> Result<Meter, Error> {
    let newest_receipt = match row.optional_int(11)? {
        None => None,
        Some(_) => Some(NewestReceipt {
            number: row.number(11)?,
            registers: RegisterNumbers {
                epoch: Epoch(row.number(20)?),
                credit: CreditNumber(row.number(12)?),
                tariff: row.number(21)?,
                settings: row.number(22)?,
                keys: row.number(23)?,
            },
            total: stored_units(row, 13)?,
            balance: FineCredit(row.int(14)?),
            flags: Flags::from_bits(row.number(24)?).unwrap_or_default(),
            clock: row.optional_int(25)?.map(|_| row.number(25)).transpose()?,
        }),
    };
    Ok(Meter {
        id: stored_id(row.text(0)?)?,
        key: PublicKey::from_sec1(row.bytes(1)?).map_err(|error| Error::inconsistent(error.to_string()))?,
        utility: stored_utility(row.text(15)?)?,
        commodity: stored_commodity(row, 2)?,
        customer: row.optional_text(3)?.map(str::to_owned),
        place: row.optional_text(4)?.map(str::to_owned),
        initial: stored_units(row, 5)?,
        max_credit: stored_units(row, 6)?,
        epoch: Epoch(row.number(7)?),
        last_number: CreditNumber(row.number(8)?),
        live_total: stored_units(row, 9)?,
        reserved: stored_units(row, 10)?,
        newest_receipt,
        recovering_since_ms: row.optional_int(16)?,
        gap: match row.optional_int(17)? {
            Some(_) => RefusedRange::new(CreditNumber(row.number(17)?), CreditNumber(row.number(18)?)),
            None => None,
        },
        is_retired: row.optional_int(19)?.is_some(),
        terms: TermsNumbers {
            tariff: row.number(26)?,
            settings: row.number(27)?,
            keys: row.number(28)?,
            valve: row.number(29)?,
        },
        needs: Needs { tariff: row.number(30)?, settings: row.number(31)?, keys: 0 },
        currency: stored_currency(row, 32)?,
        epoch_receipt: row.optional_int(33)?.map(|_| row.number(33)).transpose()?,
        origin_unknown: row.int(34)? != 0,
        replaced_by: row.optional_text(35)?.map(stored_id).transpose()?,
        unproved: match row.optional_int(36)? {
            Some(_) => Some((Epoch(row.number(36)?), CreditNumber(row.number(37)?))),
            None => None,
        },
    })
}

impl Meter {
    /// What its credit counts, for people.
    pub fn credit(&self) -> CreditWords {
        CreditWords { commodity: self.commodity, currency: self.currency }
    }

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

    /// Refuses what is for a meter that hangs no more, or will not for long.
    ///
    /// # Errors
    /// [`Code::NotPossibleNow`].
    pub fn check_in_use(&self) -> Result<(), Error> {
        if self.is_retired {
            let detail = format!("meter {} was taken out of use", self.id.label());
            return Err(Error::refused(Code::NotPossibleNow, detail));
        }
        if let Some(new) = self.replaced_by {
            let detail = format!("meter {} is being replaced by {}", self.id.label(), new.label());
            return Err(Error::refused(Code::NotPossibleNow, detail));
        }
        Ok(())
    }

    /// Whether its account is to be closed by a token that must reach it yet.
    pub(crate) fn is_closing(&self) -> bool {
        self.replaced_by.is_some() && !self.is_retired
    }

    /// Refuses to sell to a meter that hangs no more, or of which it is not known what was sold to it.
    ///
    /// # Errors
    /// [`Code::Recovering`], [`Code::NotSold`].
    pub fn check_sellable(&self) -> Result<(), Error> {
        let label = self.id.label();
        if let Some(new) = self.replaced_by {
            let detail = format!("meter {label} is replaced by meter {}: buy for that one", new.label());
            let more = More { replaced_by: Some(new.label().to_string()), ..More::default() };
            return Err(Error::refused(Code::NotSold, detail).with(more));
        }
        if self.is_retired {
            return Err(Error::refused(Code::NotSold, format!("meter {label} was taken out of use")));
        }
        if self.recovering_since_ms.is_some() {
            let detail = format!("what was sold to meter {label} is being recovered from a backup: try again later");
            return Err(Error::refused(Code::Recovering, detail));
        }
        Ok(())
    }

    /// Refuses to sell to a meter that counts money and has no prices, or to one that counts other money than `currency`.
    ///
    /// # Errors
    /// [`Code::WrongCurrency`], [`Code::NotSold`].
    pub fn check_money(&self, currency: Currency) -> Result<(), Error> {
        let Some(counted) = self.currency else { return Ok(()) };
        let label = self.id.label();
        if counted != currency {
            let detail = format!("meter {label} counts its credit in {counted}, and is sold to in {currency}");
            return Err(Error::refused(Code::WrongCurrency, detail));
        }
        if self.terms.tariff == 0 {
            let detail = format!(
                "meter {label} prices what is used by itself, and has no prices yet: its utility must give it a tariff first"
            );
            return Err(Error::refused(Code::NotSold, detail));
        }
        Ok(())
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
        let show = |units: Units| self.credit().show(units.fine());
        let detail = format!(
            "meter {} can take {} more now, this would be {}: buy less, or use some first",
            self.id.label(),
            show(room),
            show(units)
        );
        Err(Error::refused(Code::OverMaximumCredit, detail))
    }
}
