//! The keys register, and raising the key epoch (DESIGN §2): what only the root key may do.
//!
//! Raising it makes all numbers of the meter begin anew; tokens of the earlier epoch that are still on their way can be loaded until the
//! meter has taken the new keys, and never after that. So:
//!
//! * Lines that are on their way are counted by every number of the new epoch, from 1 on; receipts of the earlier epoch settle them
//!   as before, until the meter rises.
//! * Voids that no receipt has settled stay left out. The new tokens are refused at number 0 until a receipt of the meter there shows, by
//!   its total, on which side it rose ([`crate::registers`]).
//! * What the other registers should hold is signed again: whoever had a stolen key may have set them.

use super::content::{Content, RegisterName};
use super::{Committed, NewToken, Subject, Wish, check_reason, commit, insert, store};
use crate::audit::{self, Action};
use crate::meters::{self, Meter};
use crate::problem::{Code, Error};
use crate::registers;
use crate::work::Work;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::token::{self, Order, Token};
use coinless_protocol::{Epoch, MeterId};

/// Operational keys that a meter is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The keys.
    pub operational: OperationalKeys,
    /// In a new key epoch: everything that an earlier key signed is worth nothing from then on.
    pub raise_epoch: bool,
}

/// Commits a newer version of the keys register, in a new key epoch if it is to be raised; gives it with its payload, which the root key
/// must sign now ([`keys_signed`]). What was committed before and not signed is given again.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] if the meter hangs no more, or what was sold to it is being recovered;
/// [`Code::Malformed`] for a reason that cannot be kept.
pub fn commit_keys(work: &mut Work<'_>, id: MeterId, keys: &Keys, wish: &Wish) -> Result<(Committed, Vec<u8>), Error> {
    let meter = meters::lock(work, id)?;
    check_reason(&wish.reason)?;
    meter.check_in_use()?;
    let content = keys.operational.to_bytes().map_err(|error| Error::inconsistent(error.to_string()))?;
    if let Some(unsigned) = unsigned(work, &meter, &content, keys.raise_epoch)? {
        return Ok(unsigned);
    }
    let wish = Wish { with_credit: false, ..wish.clone() };
    if !keys.raise_epoch {
        let number = meter.terms.keys.checked_add(1).ok_or_else(|| Error::inconsistent("no numbers are left"))?;
        return insert_keys(work, &meter, number, &content, &wish);
    }
    if meter.recovering_since_ms.is_some() {
        let detail = format!(
            "what was sold to meter {} is being recovered from a backup: raise its key epoch after that",
            id.label()
        );
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    raise(work, &meter, &content, &wish)
}

/// A version with this content that was committed, and that the root key has not signed yet.
fn unsigned(
    work: &mut Work<'_>,
    meter: &Meter,
    content: &[u8],
    raising: bool,
) -> Result<Option<(Committed, Vec<u8>)>, Error> {
    let row = work.query_first(
        "SELECT number, payload, content FROM register_token
         WHERE meter_id = $1 AND epoch = $2 AND register = 'keys' AND state = 'committed' ORDER BY number DESC LIMIT 1",
        &[meter.id.as_str().into(), i64::from(meter.epoch.0).into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let number = row.number(0)?;
    // The first one of an epoch raised it.
    let has_raised = meter.epoch.0 > 0 && meter.epoch_receipt.is_none();
    if row.bytes(2)? != content || raising && !has_raised {
        return Ok(None);
    }
    let register = RegisterName::Keys;
    let committed = Committed { meter: meter.id, epoch: meter.epoch, register, number, is_new: false };
    Ok(Some((committed, row.bytes(1)?.to_vec())))
}

fn insert_keys(
    work: &mut Work<'_>,
    meter: &Meter,
    number: u32,
    content: &[u8],
    wish: &Wish,
) -> Result<(Committed, Vec<u8>), Error> {
    let order = Order::Keys(token::Content { number, bytes: content });
    let token = Token { meter: meter.id, meter_key: meter.key.hash().hint(), epoch: meter.epoch, order };
    let payload = token.to_payload().map_err(|error| Error::inconsistent(error.to_string()))?;
    let new = NewToken { register: RegisterName::Keys, number: number.into(), content, payload: &payload };
    Ok((insert(work, meter, &new, wish)?, payload.to_vec()))
}

fn raise(work: &mut Work<'_>, meter: &Meter, content: &[u8], wish: &Wish) -> Result<(Committed, Vec<u8>), Error> {
    let id = meter.id.as_str();
    let next = meter.epoch.0.checked_add(1).ok_or_else(|| Error::inconsistent("no key epochs are left"))?;
    let held = newest_contents(work, meter.id)?;
    work.execute(
        "UPDATE register_token SET state = 'superseded' WHERE meter_id = $1 AND state IN ('committed', 'signed')",
        &[id.into()],
    )?;
    work.execute_one(
        "raising a key epoch",
        "UPDATE meter SET epoch = $2, last_number = 0, tariff_number = 0, settings_number = 0, keys_number = 0, valve_number = 0,
                needs_tariff = 0, needs_settings = 0, epoch_receipt = NULL, gap_first = NULL, gap_last = NULL,
                origin_unknown = CASE WHEN gap_first IS NULL THEN origin_unknown ELSE 1 END
         WHERE meter_id = $1 AND epoch < $2",
        &[id.into(), i64::from(next).into()],
    )?;
    // These ranges were of numbers of the earlier epoch.
    work.execute(
        "UPDATE meter_line SET refused_first = NULL, refused_last = NULL
         WHERE meter_id = $1 AND state IN ('issued', 'void_pending')",
        &[id.into()],
    )?;
    audit::note(work, id, Action::RaiseEpoch, wish.operator.as_str())?;
    let raised = meters::find(work, meter.id)?;
    // A restore may have forgotten that this epoch was entered before: its first numbers are skipped.
    let skipped = meter.gap.map_or(0, |gap| gap.last().0.saturating_sub(gap.first().0).saturating_add(1));
    let keys = insert_keys(work, &raised, skipped.saturating_add(1), content, wish)?;
    for (content, with_credit) in held {
        let again = Wish { with_credit, again: true, ..wish.clone() };
        commit(work, meter.id, &content, &again)?;
    }
    registers::refresh(work, meter.id)?;
    debug_assert_eq!(raised.epoch, Epoch(next));
    Ok(keys)
}

/// What the other registers should hold, and whether credit asks for it.
fn newest_contents(work: &mut Work<'_>, id: MeterId) -> Result<Vec<(Content, bool)>, Error> {
    let mut contents = Vec::new();
    for register in [RegisterName::Settings, RegisterName::Tariff, RegisterName::Valve] {
        let row = work.query_first(
            "SELECT content, with_credit FROM register_token WHERE meter_id = $1 AND register = $2
             ORDER BY epoch DESC, number DESC LIMIT 1",
            &[id.as_str().into(), register.name().into()],
        )?;
        if let Some(row) = row {
            contents.push((Content::stored(register, row.bytes(0)?)?, row.int(1)? != 0));
        }
    }
    Ok(contents)
}

/// Stores what the root key signed of a committed version of the keys register.
///
/// # Errors
/// [`Error::Inconsistent`] if it is not what was committed.
pub fn keys_signed(work: &mut Work<'_>, committed: &Committed, bytes: &[u8]) -> Result<(), Error> {
    let odd = || Error::inconsistent("what the root key signed is not what was committed");
    let number = i64::try_from(committed.number).map_err(|_| odd())?;
    let subject = Subject { meter: committed.meter, epoch: committed.epoch, register: RegisterName::Keys, number };
    store(work, &subject, bytes)
}
