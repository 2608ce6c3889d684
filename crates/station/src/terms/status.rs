//! What an operator sees of a meter's registers.

use super::content::{Content, RegisterName, keys};
use crate::ledger::time;
use crate::meters;
use crate::problem::Error;
use crate::records::to_hex;
use crate::work::Work;
use coinless_protocol::MeterId;
use serde::Serialize;

/// The registers of a meter beside credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TermsStatus {
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// Its key epoch.
    pub epoch: u16,
    /// What its newest receipt shows, if one came.
    pub shown: Option<ShownRegisters>,
    /// What was made for it, oldest first.
    pub tokens: Vec<TokenStatus>,
}

/// Where a receipt shows a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRegisters {
    /// The receipt's number.
    pub receipt: u32,
    /// The key epoch.
    pub epoch: u16,
    /// Number of the tariff register.
    pub tariff: u32,
    /// Number of the settings register.
    pub settings: u32,
    /// Number of the keys register.
    pub keys: u32,
    /// Its time, if it ever had one.
    pub clock: Option<String>,
    /// What holds its valve shut, in words; empty: nothing.
    pub shut_by: Vec<&'static str>,
    /// Whether the valve is open.
    pub open: bool,
}

/// A token of a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenStatus {
    /// The key epoch.
    pub epoch: u16,
    /// Which register.
    pub register: &'static str,
    /// Its number; of the clock the time in seconds since 1970.
    pub number: u64,
    /// `committed`, `signed`, `settled` or `superseded`.
    pub state: String,
    /// Every credit token asks for it.
    pub with_credit: bool,
    /// Who made it.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When.
    pub made: String,
    /// What it says, in words.
    pub says: Vec<String>,
    /// Its bytes in hexadecimal, if it is signed.
    pub token: Option<String>,
}

/// The registers of a meter.
///
/// # Errors
/// [`crate::problem::Code::UnknownMeter`].
pub fn status(work: &mut Work<'_>, id: MeterId) -> Result<TermsStatus, Error> {
    let meter = meters::find(work, id)?;
    let rows = work.query(
        "SELECT epoch, register, number, content, with_credit, operator, reason, made_ms, bytes, state FROM register_token
         WHERE meter_id = $1 ORDER BY made_ms, epoch, register, number",
        &[id.as_str().into()],
    )?;
    let mut tokens = Vec::new();
    for row in &rows {
        let register = RegisterName::stored(row.text(1)?)?;
        let number = row.number(2)?;
        let says = match register {
            RegisterName::Keys => key_words(row.bytes(3)?)?,
            register => super::words::content(&Content::stored(register, row.bytes(3)?)?, number, &meter),
        };
        tokens.push(TokenStatus {
            epoch: row.number(0)?,
            register: register.name(),
            number,
            state: row.text(9)?.to_owned(),
            with_credit: row.int(4)? != 0,
            operator: row.text(5)?.to_owned(),
            reason: row.text(6)?.to_owned(),
            made: time(row.int(7)?),
            says,
            token: row.optional_bytes(8)?.map(to_hex),
        });
    }
    let shown = meter.newest_receipt.map(|newest| ShownRegisters {
        receipt: newest.number,
        epoch: newest.registers.epoch.0,
        tariff: newest.registers.tariff,
        settings: newest.registers.settings,
        keys: newest.registers.keys,
        clock: newest.clock.and_then(|clock| i64::try_from(clock).ok()?.checked_mul(1000)).map(time),
        shut_by: newest.flags.causes.iter().map(|cause| cause.words()).collect(),
        open: newest.flags.open,
    });
    let label = id.label().to_string();
    Ok(TermsStatus { meter: id.to_string(), label, epoch: meter.epoch.0, shown, tokens })
}

fn key_words(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let known = keys(bytes)?;
    Ok(known.as_slice().iter().map(|key| format!("operational key {}", to_hex(&key.hash().0[..8]))).collect())
}
