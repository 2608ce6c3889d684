//! Issuing: signing what was committed, and handing it out.

use crate::lifecycle::{LineEvent, LineState};
use crate::meters;
use crate::orders;
use crate::problem::Error;
use crate::registers;
use crate::signer::SignError;
use crate::store::Expect;
use crate::tasks::{Task, back_off};
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::keys::KeyHash;
use coinless_protocol::{Epoch, MeterId};

/// The cause of an exception about a token that the signer has not signed for too long.
pub(crate) const STUCK: &str = "signature_stuck";

/// A committed token that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignRequest {
    /// Whose key signs.
    pub utility: UtilityName,
    /// The meter.
    pub meter: MeterId,
    /// The token's payload, as committed.
    pub payload: Vec<u8>,
    /// The hash of the meter's key, for the external_aad.
    pub meter_key: KeyHash,
}

/// What is to be signed, if it is not signed yet.
///
/// # Errors
/// When the database fails.
pub fn request(work: &mut Work<'_>, subject: &str) -> Result<Option<SignRequest>, Error> {
    let (meter, epoch, number) = parse(subject)?;
    let row = work.query_first(
        "SELECT payload FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3 AND bytes IS NULL",
        &[meter.as_str().into(), i64::from(epoch.0).into(), number.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let known = meters::find(work, meter)?;
    let payload = row.bytes(0)?.to_vec();
    Ok(Some(SignRequest { utility: known.utility, meter, payload, meter_key: known.key.hash() }))
}

/// Asks for the open lines of the meter `$1` that the number `$3` of its key epoch `$2` counts, or leaves out again.
const COUNTED: &str = "SELECT order_id, line FROM meter_line
     WHERE meter_id = $1 AND state IN ('issued', 'void_pending')
     AND (epoch < $2 OR epoch = $2 AND first_number <= $3)";

/// Stores a signed token. The first signature stays: another one of the same payload says the same. Without one it is tried
/// again; a refusal or a quota that is used up is put before a person.
///
/// # Errors
/// When the database fails.
pub fn signed(work: &mut Work<'_>, task: &Task, outcome: &Result<Vec<u8>, SignError>) -> Result<(), Error> {
    let (meter, epoch, number) = parse(&task.subject)?;
    let key = [meter.as_str().into(), i64::from(epoch.0).into(), number.into()];
    let [locked, rows] = work.query_each([(meters::LOCK, &key[..1]), (COUNTED, &key)])?;
    meters::found(meter, locked.first())?;
    let bytes = match outcome {
        Ok(bytes) => bytes,
        Err(why) => {
            if why.is_for_a_person() {
                work.exception(&task.subject, "signer_refused", &why.to_string())?;
            }
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    };
    work.put(
        "UPDATE token SET bytes = $4 WHERE meter_id = $1 AND epoch = $2 AND number = $3 AND bytes IS NULL",
        &[meter.as_str().into(), i64::from(epoch.0).into(), number.into(), bytes.as_slice().into()],
        Expect::Any,
    )?;
    for row in rows {
        if registers::is_of_no_order(row.text(0)?) {
            continue;
        }
        let (_, line) = orders::lock_line(work, row.text(0)?, row.number(1)?)?;
        if line.state == LineState::Sold {
            orders::step(work, &line, LineEvent::Signed, None)?;
        }
        work.touch(&line.order_id);
    }
    Ok(work.finish(task)?)
}

/// The token that settles an open line: the newest that is signed for its meter, once that one counts the line, or leaves it
/// out if it is to be void. A token from before the void must not pass for it.
///
/// # Errors
/// When the database fails.
pub fn current(work: &mut Work<'_>, meter: MeterId, order_id: &str, line: u32) -> Result<Option<Vec<u8>>, Error> {
    let row = work.query_first(
        "SELECT t.bytes, t.number, l.first_number, l.last_number, t.epoch, l.epoch, l.last_epoch FROM token t, meter_line l
         WHERE t.meter_id = $1 AND t.bytes IS NOT NULL AND l.meter_id = $1 AND l.order_id = $2 AND l.line = $3
         ORDER BY t.epoch DESC, t.number DESC LIMIT 1",
        &[meter.as_str().into(), order_id.into(), line.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let number = (row.int(4)?, row.int(1)?);
    let settles = match row.optional_int(3)? {
        Some(last) => number > (row.int(6)?, last),
        None => number >= (row.int(5)?, row.int(2)?),
    };
    Ok(settles.then(|| row.bytes(0).map(<[u8]>::to_vec)).transpose()?)
}

fn parse(subject: &str) -> Result<(MeterId, Epoch, u32), Error> {
    let mut parts = subject.split('/');
    let mut read = || {
        let (meter, epoch, number) = (parts.next()?, parts.next()?, parts.next()?);
        Some((meter.parse().ok()?, Epoch(epoch.parse().ok()?), number.parse().ok()?))
    };
    read().ok_or_else(|| Error::inconsistent("a task about no token"))
}
