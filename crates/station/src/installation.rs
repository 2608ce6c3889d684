//! Installing a meter: what a technician puts on it, and the proof that it takes credit.
//!
//! Settings, tariff with debt, and initial credit are committed in one transaction, and then a *test token*: the next number with the same
//! total, which is worth nothing and goes the way of all credit. The first receipt that shows its number, or a later one, proves the
//! installation. Initial credit is a line of no order: the utility gives it, so it is in the books of credit and in no account of money.

use crate::audit::{self, Action};
use crate::ledger::time;
use crate::meters::{self, Meter, NewestReceipt};
use crate::operator::Operator;
use crate::problem::{Code, Error};
use crate::records::to_hex;
use crate::registers;
use crate::terms::{self, Content, RegisterName, Wish};
use crate::work::Work;
use coinless_protocol::keys::PublicKey;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::{CreditNumber, Epoch, FineCredit, MeterId, Units};
use serde::Serialize;

/// What is put on a meter that is installed. What is left out is not put on it; of one that is installed already, it is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Who installs it.
    pub operator: Operator,
    /// Why, for people.
    pub reason: String,
    /// Its settings.
    pub settings: Option<Settings>,
    /// Its tariff; the debt is added to it.
    pub tariff: Option<Tariff>,
    /// Debt that the meter recovers, in thousandths of a credit unit.
    pub debt: Option<FineCredit>,
    /// Credit that the utility gives.
    pub initial: Option<Units>,
}

/// How a meter was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstallationStatus {
    /// Who installed it.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When.
    pub installed: String,
    /// The debt that was put on it, for people.
    pub debt: String,
    /// The credit that was given, for people.
    pub initial: String,
    /// The key epoch of the test token.
    pub test_epoch: u16,
    /// The number of the test token.
    pub test_number: u32,
    /// When a receipt came that shows that number or a later one; none until one does.
    pub proved: Option<String>,
    /// The tokens in the order in which the meter should get them: the register and its number, and the bytes in hexadecimal, if they
    /// are signed.
    pub tokens: Vec<InstallationToken>,
}

/// A token that a technician carries to a meter that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstallationToken {
    /// What it is for: `settings`, `tariff`, `credit` or `test`.
    pub what: &'static str,
    /// The number of its register.
    pub number: u32,
    /// Its bytes in hexadecimal; none if it is not signed yet.
    pub token: Option<String>,
}

/// Installs an enrolled meter; gives whether it is new. The same again changes nothing.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] if it hangs no more, was installed otherwise, or may hold its initial credit
/// already; [`Code::Malformed`] for what this meter cannot use; [`Code::OverMaximumCredit`] for more credit than it can hold.
pub fn install(work: &mut Work<'_>, id: MeterId, plan: &Plan) -> Result<bool, Error> {
    terms::check_reason(&plan.reason)?;
    let meter = meters::lock(work, id)?;
    if let Some(known) = find(work, id)? {
        check_same(work, &meter, &known, plan)?;
        return Ok(false);
    }
    meter.check_in_use()?;
    meter.check_sellable()?;
    let wish = Wish { operator: plan.operator.clone(), reason: plan.reason.clone(), with_credit: true, again: false };
    let settings = match &plan.settings {
        Some(settings) => Some(terms::commit(work, id, &Content::Settings(settings.clone()), &wish)?.number),
        None => None,
    };
    let tariff = tariff(work, id, plan, &wish)?;
    let credit = match plan.initial.filter(|initial| *initial > Units::ZERO) {
        Some(initial) => Some(give(work, id, initial)?),
        None => None,
    };
    let (epoch, test) = registers::test(work, id, &plan.operator)?;
    let number = |number: Option<u64>| {
        number.map(i64::try_from).transpose().map_err(|_| Error::inconsistent("a number of a register"))
    };
    work.execute_one(
        "noting an installation",
        "INSERT INTO installation (meter_id, operator, reason, installed_ms, debt, initial_units, settings_number,
                                   tariff_number, credit_number, test_epoch, test_number)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            id.as_str().into(),
            plan.operator.as_str().into(),
            plan.reason.as_str().into(),
            work.now_ms.into(),
            plan.debt.map_or(0, |debt| debt.0).into(),
            (plan.initial.map_or(0, Units::get) as i64).into(), // at most 10^15
            number(settings)?.into(),
            number(tariff)?.into(),
            credit.map(|credit| credit.0).into(),
            i64::from(epoch.0).into(),
            test.0.into(),
        ],
    )?;
    work.execute_one(
        "asking for the proof of an installation",
        "UPDATE meter SET unproved_epoch = $2, unproved_number = $3 WHERE meter_id = $1",
        &[id.as_str().into(), i64::from(epoch.0).into(), test.0.into()],
    )?;
    audit::note(work, id.as_str(), Action::InstallMeter, plan.operator.as_str())?;
    Ok(true)
}

/// Whether a meter with this key was installed.
///
/// # Errors
/// When the database fails.
pub fn is_installed(work: &mut Work<'_>, id: MeterId, key: &PublicKey) -> Result<bool, Error> {
    Ok(find(work, id)?.is_some() && meters::find(work, id)?.key == *key)
}

/// Commits the tariff with the debt; gives its number, if there is one.
fn tariff(work: &mut Work<'_>, id: MeterId, plan: &Plan, wish: &Wish) -> Result<Option<u64>, Error> {
    let debt = plan.debt.filter(|debt| debt.0 > 0);
    let Some(tariff) = &plan.tariff else {
        return debt.map(|debt| Ok(terms::add_debt(work, id, debt, wish)?.number)).transpose();
    };
    let before = terms::debt(work, id)?;
    let total = before.0.checked_add(debt.map_or(0, |debt| debt.0));
    let total = total.ok_or_else(|| Error::refused(Code::Malformed, "the debt is absurdly large"))?;
    let tariff = with_debt(tariff.clone(), FineCredit(total));
    Ok(Some(terms::commit(work, id, &Content::Tariff(tariff), wish)?.number))
}

/// Counts the initial credit of a meter; gives the number that counts it first.
fn give(work: &mut Work<'_>, id: MeterId, initial: Units) -> Result<CreditNumber, Error> {
    let meter = meters::lock(work, id)?;
    meter.check_room(initial, true)?;
    let taken_over = work.query_first(
        "SELECT 1 FROM meter_line WHERE meter_id = $1 AND order_id = 'recovered'",
        &[id.as_str().into()],
    )?;
    if taken_over.is_some() {
        let detail = "the meter holds credit that a restore forgot, which may be its initial credit: look at the exceptions, and \
                      install it without";
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    if let Some(currency) = meter.currency {
        meter.check_money(currency)?;
    }
    meters::reserve(work, id, initial)?;
    registers::count(work, &meter, &registers::initial_line(id), 1, initial)?;
    Ok(CreditNumber(meter.last_number.0 + 1))
}

/// An installation as it is stored.
struct Installation {
    operator: String,
    reason: String,
    installed_ms: i64,
    debt: FineCredit,
    initial: Units,
    settings: Option<u32>,
    tariff: Option<u32>,
    credit: Option<u32>,
    epoch: Epoch,
    test: CreditNumber,
    proved_ms: Option<i64>,
}

fn find(work: &mut Work<'_>, id: MeterId) -> Result<Option<Installation>, Error> {
    let row = work.query_first(
        "SELECT operator, reason, installed_ms, debt, initial_units, settings_number, tariff_number, credit_number,
                test_epoch, test_number, proved_ms
         FROM installation WHERE meter_id = $1",
        &[id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let number = |at| row.optional_int(at)?.map(|_| row.number(at)).transpose();
    Ok(Some(Installation {
        operator: row.text(0)?.to_owned(),
        reason: row.text(1)?.to_owned(),
        installed_ms: row.int(2)?,
        debt: FineCredit(row.int(3)?),
        initial: meters::stored_units(&row, 4)?,
        settings: number(5)?,
        tariff: number(6)?,
        credit: number(7)?,
        epoch: Epoch(row.number(8)?),
        test: CreditNumber(row.number(9)?),
        proved_ms: row.optional_int(10)?,
    }))
}

/// Refuses to install a meter once more with something else.
fn check_same(work: &mut Work<'_>, meter: &Meter, known: &Installation, plan: &Plan) -> Result<(), Error> {
    let settings = plan.settings.clone().map(Content::Settings);
    // The debt is added to a tariff, and is compared by itself.
    let tariff = plan.tariff.clone().map(|tariff| Content::Tariff(with_debt(tariff, FineCredit(0))));
    let mut is_same =
        plan.debt.is_none_or(|debt| debt == known.debt) && plan.initial.is_none_or(|initial| initial == known.initial);
    for (content, number) in [(settings, known.settings), (tariff, known.tariff)] {
        let Some(content) = content else { continue };
        let held = stored(work, meter.id, &content, known.epoch, number)?;
        is_same = is_same && held == Some(content);
    }
    if is_same {
        return Ok(());
    }
    let credit = meter.credit();
    let detail = format!(
        "meter {} was installed by {} at {}, with a debt of {}, initial credit of {} and perhaps another tariff or other settings; \
         what changes now is changed with coinless station token",
        meter.id.label(),
        known.operator,
        time(known.installed_ms),
        credit.show(known.debt),
        credit.show(known.initial.fine())
    );
    Err(Error::refused(Code::NotPossibleNow, detail))
}

fn with_debt(mut tariff: Tariff, total: FineCredit) -> Tariff {
    tariff.debt.total = total;
    tariff
}

/// What a register's version holds that is for the same register as `like`; a tariff without its debt.
fn stored(
    work: &mut Work<'_>,
    id: MeterId,
    like: &Content,
    epoch: Epoch,
    number: Option<u32>,
) -> Result<Option<Content>, Error> {
    let Some(number) = number else { return Ok(None) };
    let register = like.register();
    let row = work.query_first(
        "SELECT content FROM register_token WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number = $4",
        &[id.as_str().into(), i64::from(epoch.0).into(), register.name().into(), number.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(match Content::stored(register, row.bytes(0)?)? {
        Content::Tariff(tariff) => Content::Tariff(with_debt(tariff, FineCredit(0))),
        other => other,
    }))
}

/// The newest receipt of a locked meter came in: does it prove the installation?
pub(crate) fn seen(work: &mut Work<'_>, meter: &Meter, shown: &NewestReceipt) -> Result<(), Error> {
    let Some((epoch, number)) = meter.unproved else { return Ok(()) };
    let now = shown.registers;
    // At number 0 of a later key epoch it has taken new keys, and no credit.
    let is_proved = now.epoch == epoch && now.credit >= number || now.epoch > epoch && now.credit.0 > 0;
    if !is_proved {
        return Ok(());
    }
    let id = meter.id.as_str();
    work.execute_one(
        "noting the proof of an installation",
        "UPDATE installation SET proved_ms = $2 WHERE meter_id = $1 AND proved_ms IS NULL",
        &[id.into(), work.now_ms.into()],
    )?;
    work.execute_one(
        "asking for no more proof of an installation",
        "UPDATE meter SET unproved_epoch = NULL, unproved_number = NULL WHERE meter_id = $1",
        &[id.into()],
    )
}

/// How a meter was installed, if it was.
///
/// # Errors
/// [`Code::UnknownMeter`].
pub fn status(work: &mut Work<'_>, id: MeterId) -> Result<Option<InstallationStatus>, Error> {
    let credit = meters::find(work, id)?.credit();
    let Some(known) = find(work, id)? else { return Ok(None) };
    let mut tokens = Vec::new();
    for (register, number) in [(RegisterName::Settings, known.settings), (RegisterName::Tariff, known.tariff)] {
        let Some(number) = number else { continue };
        let row = work.query_first(
            "SELECT bytes FROM register_token WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number = $4",
            &[id.as_str().into(), i64::from(known.epoch.0).into(), register.name().into(), number.into()],
        )?;
        let bytes = row.map(|row| row.optional_bytes(0).map(|bytes| bytes.map(to_hex))).transpose()?;
        tokens.push(InstallationToken { what: register.name(), number, token: bytes.flatten() });
    }
    let credits = known.credit.map(|number| ("credit", CreditNumber(number)));
    for (what, number) in credits.into_iter().chain([("test", known.test)]) {
        let bytes = registers::signed_bytes(work, id, (known.epoch, number))?;
        tokens.push(InstallationToken { what, number: number.0, token: bytes.map(|bytes| to_hex(&bytes)) });
    }
    Ok(Some(InstallationStatus {
        operator: known.operator,
        reason: known.reason,
        installed: time(known.installed_ms),
        debt: credit.show(known.debt),
        initial: credit.show(known.initial.fine()),
        test_epoch: known.epoch.0,
        test_number: known.test.0,
        proved: known.proved_ms.map(time),
        tokens,
    }))
}
