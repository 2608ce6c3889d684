//! Registers other than credit: tariff, settings, operational keys, valve command and clock, each with tokens of its own
//! (DESIGN §2).
//!
//! A named operator says what a register is to hold. Number and content are committed, then signed by a task; nothing else is
//! ever signed under that number. A newer version *supersedes* one that no receipt has shown yet: both may reach the meter, in any
//! order, and the newer one stays. A receipt that shows the number settles it; a valve command, whose number no receipt
//! holds, is settled by a report.

mod content;
mod credit;
mod epoch;
mod files;
mod status;
mod words;

pub use content::{Content, RegisterName, keys};
pub use credit::{AmountError, CreditWords};
pub use epoch::{Keys, commit_keys, keys_signed};
pub use files::{FileError, read_settings, read_tariff};
pub use status::{TermsStatus, TokenStatus, status};
pub use words::content as in_words;

use crate::audit;
use crate::issue::SignRequest;
use crate::meters::{self, Meter, NewestReceipt};
use crate::operator::Operator;
use crate::problem::{Code, Error};
use crate::signer::SignError;
use crate::store::Expect;
use crate::tasks::{Kind, Task, back_off};
use crate::telemetry::subject_hash;
use crate::work::Work;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{Clock, Order, Set, Token};
use coinless_protocol::{Epoch, FineCredit, MeterId, Units};

/// The cause of an exception about such a token that is not signed for too long.
pub(crate) const STUCK: &str = "register_stuck";
/// The cause of an exception about a number that a meter shows and this station did not use.
const NOT_OURS: &str = "register_not_ours";

/// Most characters of a reason.
pub const MAX_REASON_CHARS: usize = 200;

/// Who wants a register to hold something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Who.
    pub operator: Operator,
    /// Why, for people; may be empty. At most [`MAX_REASON_CHARS`].
    pub reason: String,
    /// Every credit token from now on asks the meter for it (tariff and settings only).
    pub with_credit: bool,
    /// The same content as the newest version's is a new version all the same.
    pub again: bool,
}

/// A token of a register that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whose.
    pub meter: MeterId,
    /// The key epoch.
    pub epoch: Epoch,
    /// Which register.
    pub register: RegisterName,
    /// Its number; of the clock the time in seconds since 1970.
    pub number: u64,
    /// Whether it is new; else the newest version holds this already.
    pub is_new: bool,
}

/// Commits a newer version of a register of a meter, to be signed by a task.
///
/// # Errors
/// [`Code::UnknownMeter`], [`Code::NotPossibleNow`] if the meter hangs no more, [`Code::Malformed`] if this meter cannot use
/// such a content, or the reason is too long.
pub fn commit(work: &mut Work<'_>, id: MeterId, content: &Content, wish: &Wish) -> Result<Committed, Error> {
    let meter = meters::lock(work, id)?;
    check(&meter, content, wish)?;
    if let Content::Tariff(tariff) = content
        && tariff.debt.total < newest_tariff(work, id)?.debt.total
    {
        let detail = "the debt that was ever put on a meter never falls; what was forgiven is given as credit";
        return Err(Error::refused(Code::Malformed, detail));
    }
    let register = content.register();
    let bytes = content.to_bytes()?;
    if let Some(same) = newest_same(work, &meter, register, &bytes)?.filter(|_| !wish.again) {
        return Ok(same);
    }
    let number = next_number(&meter, register, work.now_ms)?;
    let set = content.set(number, &bytes)?;
    let token = Token { meter: id, meter_key: meter.key.hash().hint(), epoch: meter.epoch, order: Order::Set(set) };
    let payload = token.to_payload().map_err(|error| Error::inconsistent(error.to_string()))?;
    let new = NewToken { register, number, content: &bytes, payload: &payload };
    insert(work, &meter, &new, wish)
}

/// What was ever put on a meter as debt, in thousandths of a credit unit: by the newest version of its tariff.
///
/// # Errors
/// When the database fails.
pub fn debt(work: &mut Work<'_>, id: MeterId) -> Result<FineCredit, Error> {
    Ok(newest_tariff(work, id)?.debt.total)
}

/// Puts more debt on a meter: a newer version of its tariff, otherwise as the newest one.
///
/// # Errors
/// As [`commit`]; [`Code::Malformed`] if it is nothing, or too much.
pub fn add_debt(work: &mut Work<'_>, id: MeterId, more: FineCredit, wish: &Wish) -> Result<Committed, Error> {
    let mut tariff = newest_tariff(work, id)?;
    let total = tariff.debt.total.0.checked_add(more.0).filter(|total| *total <= Units::MAX as i64 && more.0 > 0);
    let total = total.ok_or_else(|| Error::refused(Code::Malformed, "a debt that is added is more than nothing"))?;
    tariff.debt.total = FineCredit(total);
    commit(work, id, &Content::Tariff(tariff), wish)
}

/// Sets what was ever put on a meter as debt, which never falls; the same again changes nothing.
///
/// # Errors
/// As [`commit`].
pub fn set_debt(work: &mut Work<'_>, id: MeterId, total: FineCredit, wish: &Wish) -> Result<Committed, Error> {
    let mut tariff = newest_tariff(work, id)?;
    tariff.debt.total = total;
    commit(work, id, &Content::Tariff(tariff), wish)
}

fn newest_tariff(work: &mut Work<'_>, id: MeterId) -> Result<Tariff, Error> {
    let row = work.query_first(
        "SELECT content FROM register_token WHERE meter_id = $1 AND register = 'tariff'
         ORDER BY epoch DESC, number DESC LIMIT 1",
        &[id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(Tariff::default()) };
    Tariff::from_bytes(row.bytes(0)?).map_err(|_| Error::inconsistent("the stored content of a register tariff"))
}

/// A token that is to be stored.
pub(crate) struct NewToken<'a> {
    pub(crate) register: RegisterName,
    pub(crate) number: u64,
    pub(crate) content: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Stores a token of a locked meter, supersedes what is older, and has it signed, but for keys, which the root key signs.
pub(crate) fn insert(work: &mut Work<'_>, meter: &Meter, new: &NewToken<'_>, wish: &Wish) -> Result<Committed, Error> {
    let (id, register) = (meter.id.as_str(), new.register);
    let number = i64::try_from(new.number).map_err(|_| Error::inconsistent("a number of a register"))?;
    supersede(work, meter, register)?;
    work.execute_one(
        "committing a token of a register",
        "INSERT INTO register_token (meter_id, epoch, register, number, content, with_credit, operator, reason, made_ms,
                                     payload, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'committed')",
        &[
            id.into(),
            i64::from(meter.epoch.0).into(),
            register.name().into(),
            number.into(),
            new.content.into(),
            wish.with_credit.into(),
            wish.operator.as_str().into(),
            wish.reason.as_str().into(),
            work.now_ms.into(),
            new.payload.into(),
        ],
    )?;
    use_number(work, meter, register, number, wish.with_credit)?;
    audit::note(work, id, register.action(), wish.operator.as_str())?;
    tracing::info!(meter = subject_hash(id), register = register.name(), number, "a token of a register is committed");
    if register != RegisterName::Keys {
        let subject = format!("{id}/{}/{}/{number}", meter.epoch.0, register.name());
        work.queue(Kind::SignTerms, subject)?;
    }
    Ok(Committed { meter: meter.id, epoch: meter.epoch, register, number: new.number, is_new: true })
}

fn check(meter: &Meter, content: &Content, wish: &Wish) -> Result<(), Error> {
    meter.check_in_use()?;
    check_reason(&wish.reason)?;
    content.check(meter)
}

/// # Errors
/// [`Code::Malformed`] for a reason that cannot be kept.
pub(crate) fn check_reason(reason: &str) -> Result<(), Error> {
    if reason.chars().count() > MAX_REASON_CHARS || reason.chars().any(char::is_control) {
        let detail = format!("a reason has at most {MAX_REASON_CHARS} characters, without line breaks");
        return Err(Error::refused(Code::Malformed, detail));
    }
    Ok(())
}

/// The newest version of a register in the meter's epoch, if it holds these bytes.
fn newest_same(
    work: &mut Work<'_>,
    meter: &Meter,
    register: RegisterName,
    bytes: &[u8],
) -> Result<Option<Committed>, Error> {
    let row = work.query_first(
        "SELECT number, content FROM register_token WHERE meter_id = $1 AND epoch = $2 AND register = $3
         ORDER BY number DESC LIMIT 1",
        &[meter.id.as_str().into(), i64::from(meter.epoch.0).into(), register.name().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let number = row.number(0)?;
    let same = Committed { meter: meter.id, epoch: meter.epoch, register, number, is_new: false };
    Ok((row.bytes(1)? == bytes).then_some(same))
}

/// The number of the next version; of the clock it is the time.
fn next_number(meter: &Meter, register: RegisterName, now_ms: i64) -> Result<u64, Error> {
    let last = match register {
        RegisterName::Keys => meter.terms.keys,
        RegisterName::Settings => meter.terms.settings,
        RegisterName::Tariff => meter.terms.tariff,
        RegisterName::Valve => meter.terms.valve,
        RegisterName::Clock => return Ok(unix_s(now_ms)),
    };
    last.checked_add(1).map(u64::from).ok_or_else(|| Error::inconsistent("no numbers are left"))
}

/// The time in seconds since 1970.
pub(crate) fn unix_s(now_ms: i64) -> u64 {
    u64::try_from(now_ms / 1000).unwrap_or_default()
}

fn use_number(
    work: &mut Work<'_>,
    meter: &Meter,
    register: RegisterName,
    number: i64,
    with_credit: bool,
) -> Result<(), Error> {
    let (used, needed) = match register {
        // No credit token asks for keys: another key epoch is enough.
        RegisterName::Keys => ("UPDATE meter SET keys_number = $2 WHERE meter_id = $1 AND keys_number < $2", None),
        RegisterName::Valve => ("UPDATE meter SET valve_number = $2 WHERE meter_id = $1 AND valve_number < $2", None),
        RegisterName::Settings => (
            "UPDATE meter SET settings_number = $2 WHERE meter_id = $1 AND settings_number < $2",
            Some("UPDATE meter SET needs_settings = $2 WHERE meter_id = $1"),
        ),
        RegisterName::Tariff => (
            "UPDATE meter SET tariff_number = $2 WHERE meter_id = $1 AND tariff_number < $2",
            Some("UPDATE meter SET needs_tariff = $2 WHERE meter_id = $1"),
        ),
        RegisterName::Clock => return Ok(()),
    };
    let values = [meter.id.as_str().into(), number.into()];
    work.execute_one("using a number of a register", used, &values)?;
    match needed.filter(|_| with_credit) {
        Some(sql) => work.execute_one("asking for a register with credit", sql, &values),
        None => Ok(()),
    }
}

/// What no receipt has shown yet of a register need not reach the meter any more.
fn supersede(work: &mut Work<'_>, meter: &Meter, register: RegisterName) -> Result<(), Error> {
    work.put(
        "UPDATE register_token SET state = 'superseded'
         WHERE meter_id = $1 AND register = $2 AND state IN ('committed', 'signed')",
        &[meter.id.as_str().into(), register.name().into()],
        Expect::Any,
    )?;
    Ok(())
}

/// What is to be signed, if it is to be and is not yet.
///
/// # Errors
/// When the database fails.
pub fn request(work: &mut Work<'_>, subject: &str) -> Result<Option<SignRequest>, Error> {
    let Subject { meter, epoch, register, number } = parse(subject)?;
    let row = work.query_first(
        "SELECT payload FROM register_token
         WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number = $4 AND state = 'committed'
         AND register <> 'keys'",
        &[meter.as_str().into(), i64::from(epoch.0).into(), register.name().into(), number.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let known = meters::find(work, meter)?;
    let payload = row.bytes(0)?.to_vec();
    Ok(Some(SignRequest { utility: known.utility, meter, payload, meter_key: known.key.hash() }))
}

/// Stores a signed token. Without a signature it is tried again; a refusal or a limit that is reached is put before a person.
///
/// # Errors
/// When the database fails.
pub fn signed(work: &mut Work<'_>, task: &Task, outcome: &Result<Vec<u8>, SignError>) -> Result<(), Error> {
    let Subject { meter, epoch, register, number } = parse(&task.subject)?;
    let bytes = match outcome {
        Ok(bytes) => bytes,
        Err(why) => {
            if why.is_for_a_person() {
                work.exception(&task.subject, "signer_refused", &why.to_string())?;
            }
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    };
    store(work, &Subject { meter, epoch, register, number }, bytes)?;
    Ok(work.finish(task)?)
}

/// Stores the signature of a token, and tells whoever carries credit to its meter.
fn store(work: &mut Work<'_>, subject: &Subject, bytes: &[u8]) -> Result<(), Error> {
    let Subject { meter, epoch, register, number } = *subject;
    meters::lock(work, meter)?;
    work.put(
        "UPDATE register_token SET bytes = $5, state = 'signed'
         WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number = $4 AND state = 'committed'",
        &[meter.as_str().into(), i64::from(epoch.0).into(), register.name().into(), number.into(), bytes.into()],
        Expect::Any,
    )?;
    // Whoever carries credit to this meter carries this as well.
    let rows = work.query(
        "SELECT order_id FROM meter_line WHERE meter_id = $1 AND state IN ('issued', 'void_pending')",
        &[meter.as_str().into()],
    )?;
    for row in rows {
        work.touch(row.text(0)?);
    }
    Ok(())
}

/// The signed tokens that a meter should get before credit, in the order in which it should: keys first.
///
/// # Errors
/// When the database fails.
pub fn to_be_carried(work: &mut Work<'_>, meter: MeterId) -> Result<Vec<Vec<u8>>, Error> {
    let rows = work.query(
        "SELECT register, bytes FROM register_token
         WHERE meter_id = $1 AND state = 'signed' AND register <> 'clock' AND bytes IS NOT NULL",
        &[meter.as_str().into()],
    )?;
    let mut tokens = Vec::new();
    for row in &rows {
        tokens.push((RegisterName::stored(row.text(0)?)?, row.bytes(1)?.to_vec()));
    }
    tokens.sort_by_key(|(register, _)| *register);
    Ok(tokens.into_iter().map(|(_, bytes)| bytes).collect())
}

/// Settles what the newest receipt of a locked meter shows.
pub(crate) fn settle(work: &mut Work<'_>, meter: &Meter, shown: &NewestReceipt) -> Result<(), Error> {
    let seen = meter.newest_receipt.map(|newest| newest.registers).unwrap_or_default();
    let now = shown.registers;
    for (register, before, number) in [
        (RegisterName::Keys, seen.keys, now.keys),
        (RegisterName::Settings, seen.settings, now.settings),
        (RegisterName::Tariff, seen.tariff, now.tariff),
    ] {
        let is_news = (now.epoch, number) != (seen.epoch, before);
        if is_news && number > 0 {
            settle_number(work, meter, register, now.epoch, number)?;
        }
    }
    if let Some(clock) = shown.clock.and_then(|clock| i64::try_from(clock).ok()) {
        let before = meter.newest_receipt.and_then(|newest| newest.clock);
        if before != shown.clock {
            settle_up_to(work, meter, RegisterName::Clock, now.epoch, clock)?;
        }
    }
    Ok(())
}

pub(crate) fn settle_number(
    work: &mut Work<'_>,
    meter: &Meter,
    register: RegisterName,
    epoch: Epoch,
    number: u32,
) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT state FROM register_token WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number = $4",
        &[meter.id.as_str().into(), i64::from(epoch.0).into(), register.name().into(), number.into()],
    )?;
    if row.is_none() {
        let subject = format!("{}/register/{}/{}/{number}", meter.id, epoch.0, register.name());
        let detail = format!(
            "the meter's {} register stands at number {number} of key epoch {}, which this station did not use: was it \
             restored from a backup? Give the token command again with --again, so that the meter holds what it should",
            register.name(),
            epoch.0
        );
        work.exception(&subject, NOT_OURS, &detail)?;
    }
    settle_up_to(work, meter, register, epoch, number.into())?;
    let sql = match register {
        RegisterName::Settings => {
            "UPDATE meter SET needs_settings = 0 WHERE meter_id = $1 AND epoch = $2 AND needs_settings <= $3"
        }
        RegisterName::Tariff => {
            "UPDATE meter SET needs_tariff = 0 WHERE meter_id = $1 AND epoch = $2 AND needs_tariff <= $3"
        }
        RegisterName::Keys | RegisterName::Valve | RegisterName::Clock => return Ok(()),
    };
    work.put(sql, &[meter.id.as_str().into(), i64::from(epoch.0).into(), number.into()], Expect::Any)?;
    Ok(())
}

fn settle_up_to(
    work: &mut Work<'_>,
    meter: &Meter,
    register: RegisterName,
    epoch: Epoch,
    number: i64,
) -> Result<(), Error> {
    work.put(
        "UPDATE register_token SET state = 'settled'
         WHERE meter_id = $1 AND epoch = $2 AND register = $3 AND number <= $4 AND state IN ('committed', 'signed')",
        &[meter.id.as_str().into(), i64::from(epoch.0).into(), register.name().into(), number.into()],
        Expect::Any,
    )?;
    Ok(())
}

/// A token that tells a meter the time, to be signed: in answer to its own challenge, which it takes once and within two
/// minutes.
pub fn clock_request(meter: &Meter, challenge: [u8; 8], now_ms: i64) -> Result<SignRequest, Error> {
    let clock = Clock { unix_s: unix_s(now_ms), answers: Some(challenge) };
    let order = Order::Set(Set { clock: Some(clock), ..Set::default() });
    let token = Token { meter: meter.id, meter_key: meter.key.hash().hint(), epoch: meter.epoch, order };
    let payload = token.to_payload().map_err(|error| Error::inconsistent(error.to_string()))?;
    let (utility, meter_key) = (meter.utility.clone(), meter.key.hash());
    Ok(SignRequest { utility, meter: meter.id, payload: payload.to_vec(), meter_key })
}

struct Subject {
    meter: MeterId,
    epoch: Epoch,
    register: RegisterName,
    number: i64,
}

fn parse(subject: &str) -> Result<Subject, Error> {
    let mut parts = subject.split('/');
    let mut read = || {
        let (meter, epoch, register, number) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (meter, epoch) = (meter.parse().ok()?, Epoch(epoch.parse().ok()?));
        Some(Subject { meter, epoch, register: RegisterName::from_name(register)?, number: number.parse().ok()? })
    };
    read().ok_or_else(|| Error::inconsistent("a task about no register"))
}
