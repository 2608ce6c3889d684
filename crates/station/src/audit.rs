//! Who did what to an order or a meter by hand, beyond what the ledger holds. The data itself is never in it.

use crate::problem::{Code, Error};
use crate::work::Work;

/// Most characters of an operator's name.
const MAX_OPERATOR_CHARS: usize = 64;

/// What an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Erased the payer of an order.
    EraseOrder,
    /// Erased the customer, the place and the payers of a meter.
    EraseMeter,
    /// Erased the earlier customers of a meter and their payers.
    EraseEarlier,
    /// Erased what a person reported.
    EraseProblem,
    /// Changed the customer of a meter.
    TenantChange,
    /// Ended an order that nobody had paid.
    CancelOrder,
    /// Set what the customer of a meter owes.
    SetDebt,
    /// Made a token for the tariff register of a meter.
    TariffToken,
    /// Made a token for the settings register of a meter.
    SettingsToken,
    /// Made a token for the keys register of a meter.
    KeysToken,
    /// Installed a meter.
    InstallMeter,
    /// Began to replace a meter by another one.
    ReplaceMeter,
    /// Proposed to retire a dead meter.
    ProposeRetirement,
    /// Confirmed that a dead meter is retired.
    ConfirmRetirement,
    /// Made a token that is worth nothing, to try a meter.
    TestToken,
    /// Raised the key epoch of a meter.
    RaiseEpoch,
    /// Made a valve command for a meter.
    ValveToken,
    /// Made a token that tells a meter the time.
    ClockToken,
}

impl Action {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::EraseOrder => "erase_order",
            Self::EraseMeter => "erase_meter",
            Self::EraseEarlier => "erase_earlier",
            Self::EraseProblem => "erase_problem",
            Self::TenantChange => "tenant_change",
            Self::CancelOrder => "cancel_order",
            Self::SetDebt => "set_debt",
            Self::TariffToken => "tariff_token",
            Self::SettingsToken => "settings_token",
            Self::KeysToken => "keys_token",
            Self::InstallMeter => "install_meter",
            Self::ReplaceMeter => "replace_meter",
            Self::ProposeRetirement => "propose_retirement",
            Self::ConfirmRetirement => "confirm_retirement",
            Self::TestToken => "test_token",
            Self::RaiseEpoch => "raise_epoch",
            Self::ValveToken => "valve_token",
            Self::ClockToken => "clock_token",
        }
    }
}

/// Notes that `operator` did `action` to `subject` (an order's id or a meter's identity) now.
///
/// # Errors
/// [`Code::Malformed`] if the operator's name is empty or longer than 64 characters.
pub fn note(work: &mut Work<'_>, subject: &str, action: Action, operator: &str) -> Result<(), Error> {
    let operator = operator.trim();
    if operator.is_empty() || operator.chars().count() > MAX_OPERATOR_CHARS {
        let detail = format!("say who does this: an operator's name has 1 to {MAX_OPERATOR_CHARS} characters");
        return Err(Error::refused(Code::Malformed, detail));
    }
    work.execute(
        "INSERT INTO audit (subject, at_ms, action, operator) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subject, at_ms, action) DO NOTHING",
        &[subject.into(), work.now_ms.into(), action.name().into(), operator.into()],
    )?;
    Ok(())
}
