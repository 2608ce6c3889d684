//! What people book by a command of their own: paying a utility, a provider's payout, and taking such a movement back.

use super::{Account, Event, Movement, book, correct};
use crate::float;
use crate::money::{Amount, Currency, Money};
use crate::problem::{Code, Error};
use crate::utilities::UtilityName;
use crate::work::Work;

/// A movement that a person books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// The person's own id of it: a transfer's number. The same id again is the same movement.
    pub id: String,
    /// The person.
    pub operator: String,
    /// How much.
    pub amount: Amount,
}

/// What of a utility is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// What is for the utility itself.
    Payable,
    /// Taxes and levies.
    Tax,
    /// Fees for the service.
    Fees,
}

impl Owed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Payable, Self::Tax, Self::Fees];

    /// Its name on the command line and in the books.
    pub fn name(self) -> &'static str {
        match self {
            Self::Payable => "payable",
            Self::Tax => "tax",
            Self::Fees => "fees",
        }
    }

    fn account(self, utility: &UtilityName) -> Account {
        let utility = utility.clone();
        match self {
            Self::Payable => Account::UtilityPayable(utility),
            Self::Tax => Account::TaxPayable(utility),
            Self::Fees => Account::Fees(utility),
        }
    }
}

/// Longest name of a person or an id, in characters.
const MAX_NAME_CHARS: usize = 64;

/// Refuses what is no name of a person.
///
/// # Errors
/// [`Code::Malformed`].
pub fn check_operator(name: &str) -> Result<(), Error> {
    let fits = !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Error::refused(Code::Malformed, "say who you are: 1 to 64 characters")) }
}

impl Manual {
    /// Refuses a name or an id that cannot be kept.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn check(&self) -> Result<(), Error> {
        check_operator(&self.operator)?;
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.id.is_empty() || self.id.len() > MAX_NAME_CHARS || !self.id.chars().all(known) {
            return Err(Error::refused(Code::Malformed, "an id has 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'"));
        }
        Ok(())
    }
}

/// Books that a utility was paid from the bank; gives whether it is new.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it is more than is owed, or the id was used for another settlement.
pub fn settle(work: &mut Work<'_>, utility: &UtilityName, of: Owed, manual: &Manual) -> Result<bool, Error> {
    manual.check()?;
    let subject = format!("settlement/{utility}/{}", manual.id);
    let owed = of.account(utility);
    let movement = Movement {
        subject: &subject,
        cause: format!("{} settled", of.name()),
        event: Event::Settled,
        currency: manual.amount.1,
        debit: owed.clone(),
        credits: vec![(Account::Bank, manual.amount.0)],
        operator: Some(&manual.operator),
    };
    if was_booked(work, &movement)? {
        return Ok(false);
    }
    let held = -held(work, &owed, manual.amount.1)?;
    limit(manual.amount, held, &format!("{utility} is owed"))?;
    book(work, &movement)?;
    Ok(true)
}

/// Books that a provider paid out to the bank what it held; gives whether it is new.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it is more than it holds, or the id was used for another payout.
pub fn payout(work: &mut Work<'_>, provider: &str, manual: &Manual) -> Result<bool, Error> {
    manual.check()?;
    let subject = format!("payout/{provider}/{}", manual.id);
    let clearing = Account::Clearing(provider.to_owned());
    let movement = Movement {
        subject: &subject,
        cause: "paid out".to_owned(),
        event: Event::Payout,
        currency: manual.amount.1,
        debit: Account::Bank,
        credits: vec![(clearing.clone(), manual.amount.0)],
        operator: Some(&manual.operator),
    };
    if was_booked(work, &movement)? {
        return Ok(false);
    }
    let held = held(work, &clearing, manual.amount.1)?;
    limit(manual.amount, held, &format!("{provider} holds"))?;
    book(work, &movement)?;
    Ok(true)
}

/// Takes a movement back that a person booked.
///
/// # Errors
/// [`Code::NotPossibleNow`] if there is none, it was not booked by a person's command, or it was taken back before.
pub fn take_back(work: &mut Work<'_>, subject: &str, cause: &str, operator: &str) -> Result<(), Error> {
    check_operator(operator)?;
    let refuse = |detail: String| Err(Error::refused(Code::NotPossibleNow, detail));
    let row = work.query_first(
        "SELECT event, currency FROM movement WHERE subject = $1 AND cause = $2 FOR UPDATE",
        &[subject.into(), cause.into()],
    )?;
    let Some(row) = row else { return refuse(format!("nothing was booked as \"{cause}\" of {subject}")) };
    let event = Event::from_name(row.text(0)?).filter(|event| event.is_manual());
    let Some(event) = event else {
        let what = row.text(0)?;
        return refuse(format!("a movement of kind {what} is put right where it comes from, and not by hand"));
    };
    if is_corrected(work, subject, cause)? {
        return refuse("it was taken back before".to_owned());
    }
    if event == Event::FloatPaidIn {
        float::pay_in_taken_back(work, subject, cause)?;
    }
    correct(work, subject, cause, operator)
}

/// Whether the same movement is booked already.
///
/// # Errors
/// [`Code::NotPossibleNow`] if its id stands for another one, or for one that was taken back.
pub(crate) fn was_booked(work: &mut Work<'_>, movement: &Movement<'_>) -> Result<bool, Error> {
    let rows = work.query(
        "SELECT m.currency, e.account, e.amount FROM movement m
         JOIN entry e ON e.subject = m.subject AND e.cause = m.cause WHERE m.subject = $1 AND m.cause = $2",
        &[movement.subject.into(), movement.cause.as_str().into()],
    )?;
    if rows.is_empty() {
        return Ok(false);
    }
    let sum: i64 = movement.credits.iter().map(|(_, share)| share.minor()).sum();
    let debit = movement.debit.name();
    let mut same = false;
    for row in &rows {
        same |= row.text(0)? == movement.currency.code() && row.text(1)? == debit && row.int(2)? == sum;
    }
    let refuse = |detail: &str| Err(Error::refused(Code::NotPossibleNow, detail));
    match same {
        false => refuse("this id was used for another sum or account"),
        true if is_corrected(work, movement.subject, &movement.cause)? => {
            refuse("what was booked under this id was taken back: use a new id")
        }
        true => Ok(true),
    }
}

fn is_corrected(work: &mut Work<'_>, subject: &str, cause: &str) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND corrects = $2",
        &[subject.into(), cause.into()],
    )?;
    Ok(row.is_some())
}

/// The balance of an account, whose parts no other process changes until this command ends.
fn held(work: &mut Work<'_>, account: &Account, currency: Currency) -> Result<Money, Error> {
    let rows = work.query(
        "SELECT balance FROM balance WHERE account = $1 AND currency = $2 FOR UPDATE",
        &[account.name().into(), currency.code().into()],
    )?;
    let parts = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(Money::from_minor(parts.iter().sum()))
}

fn limit(amount: Amount, held: Money, words: &str) -> Result<(), Error> {
    if amount.0 > Money::ZERO && amount.0 <= held {
        return Ok(());
    }
    let detail = format!("{words} {}, not {}", Amount(held, amount.1).with_currency(), amount.with_currency());
    Err(Error::refused(Code::NotPossibleNow, detail))
}
