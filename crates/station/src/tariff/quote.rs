//! A quote: what a sum buys, or what a quantity costs, and what must be remembered when it is sold.

use super::calendar::Accrued;
use super::charge::{Basis, Charge, first};
use super::check::MAX_PURCHASE_UNITS;
use super::config::{BlocksOver, PeriodConfig};
use super::version::{Debt, Fee, Free, Tariff, Tax, Version};
use super::{Amount, Asked, Breakdown, Counter, FeeAmount, History, NamedAmount, QuoteError};
use crate::money::Money;
use coinless_protocol::Units;
use jiff::Timestamp;
use jiff::civil::Date;

impl Tariff {
    /// What `asked` means for a customer with this `history` at `now`: nothing is changed, and the same question has the
    /// same answer.
    ///
    /// Money and quantities are inverse: the total of a quantity is the least sum that buys it, so that quoting that sum
    /// gives the same breakdown. More money never buys less.
    ///
    /// # Errors
    /// [`QuoteError`] says what to ask instead.
    pub fn quote(&self, asked: Asked, history: &History, now: Timestamp) -> Result<Breakdown, QuoteError> {
        let sale = Sale::new(self, history, now)?;
        let total = match asked {
            Asked::Money(total) => sale.within_limits(total)?,
            Asked::Units(Units::ZERO) => return Err(QuoteError::Nothing),
            Asked::Units(units) => sale.least_for(units.get())?,
        };
        sale.buy(total)
    }

    /// The same for a meter whose credit is money, in this tariff's currency: what is left after fees and recovered debt is its credit,
    /// in minor units. It prices what is used by itself, so blocks, standing charge, taxes, and free allowance are not for it.
    ///
    /// # Errors
    /// [`QuoteError`] says what to ask instead.
    pub fn quote_money(&self, asked: Asked, history: &History, now: Timestamp) -> Result<Breakdown, QuoteError> {
        let sale = Sale::of_money(self, history, now)?;
        let total = match asked {
            Asked::Money(total) => sale.within_limits(total)?,
            Asked::Units(Units::ZERO) => return Err(QuoteError::Nothing),
            Asked::Units(units) => sale.least_for_rest(i128::from(units.get()))?,
        };
        let split = sale.split(i128::from(total.minor())).ok_or(QuoteError::TooMuch)?;
        if split.rest <= 0 {
            return match sale.least_for_rest(1) {
                Ok(least) => Err(QuoteError::TooLittle { least: sale.amount(least) }),
                Err(error) => Err(error),
            };
        }
        sale.money_breakdown(total, &split).ok_or(QuoteError::TooMuch)
    }

    /// The least and the most that a purchase may be on the day of `now`.
    ///
    /// # Errors
    /// [`QuoteError::NoVersion`].
    pub fn limits(&self, now: Timestamp) -> Result<(Money, Money), QuoteError> {
        let version = self.in_force(self.day(now))?;
        Ok((version.minimum, version.maximum))
    }

    fn in_force(&self, today: Date) -> Result<&Version, QuoteError> {
        let first = self.versions.first().and_then(|version| version.from).unwrap_or(today);
        self.on(today).ok_or(QuoteError::NoVersion { today, first })
    }
}

/// What is known before the sum or the quantity is.
#[derive(Debug)]
pub(super) struct Sale<'a> {
    pub(super) tariff: &'a Tariff,
    pub(super) version: &'a Version,
    pub(super) history: &'a History,
    pub(super) today: Date,
    pub(super) standing: Vec<Accrued<'a>>,
    pub(super) basis: Basis<'a>,
    /// The free allowance that is due, if it is.
    pub(super) free: Option<&'a Free>,
    /// Whether the blocks are filled by what was read back.
    pub(super) read_back: bool,
    now: Timestamp,
    /// Standing charge with its taxes, which every purchase must cover.
    due: i128,
}

/// A payment, taken apart. What is for energy, standing charge and their taxes is `rest`.
#[derive(Debug)]
pub(super) struct Split {
    pub(super) fees: Vec<i128>,
    pub(super) debt: i128,
    pub(super) rest: i128,
}

impl<'a> Sale<'a> {
    fn new(tariff: &'a Tariff, history: &'a History, now: Timestamp) -> Result<Self, QuoteError> {
        if history.debt < Money::ZERO {
            return Err(QuoteError::History("a debt is not negative"));
        }
        let today = tariff.day(now);
        let version = tariff.in_force(today)?;
        let standing = tariff.standing_due(today, history.last_purchase).ok_or(QuoteError::TooMuch)?;
        let free = version.free.as_ref().filter(|_| history.free_given != Some(today.first_of_month()));
        let (start, read_back) = used(version, history, today);
        let shifted = free.map_or(0, |free| if free.counts_in_blocks { free.units } else { 0 });
        let basis = Basis {
            version,
            currency: tariff.currency,
            start: start.saturating_add(shifted),
            standing: standing.iter().map(|accrued| i128::from(accrued.amount.minor())).sum(),
        };
        let due = basis.charge(0).ok_or(QuoteError::TooMuch)?.total;
        Ok(Self { tariff, version, history, today, standing, basis, free, read_back, now, due })
    }

    /// A sale of money: nothing is due but fees and debt.
    fn of_money(tariff: &'a Tariff, history: &'a History, now: Timestamp) -> Result<Self, QuoteError> {
        if history.debt < Money::ZERO {
            return Err(QuoteError::History("a debt is not negative"));
        }
        let today = tariff.day(now);
        let version = tariff.in_force(today)?;
        let basis = Basis { version, currency: tariff.currency, start: 0, standing: 0 };
        let (standing, free) = (Vec::new(), None);
        Ok(Self { tariff, version, history, today, standing, basis, free, read_back: false, now, due: 0 })
    }

    fn within_limits(&self, total: Money) -> Result<Money, QuoteError> {
        if total < self.version.minimum {
            return Err(QuoteError::BelowMinimum { least: self.amount(self.version.minimum) });
        }
        if total > self.version.maximum {
            return Err(QuoteError::AboveMaximum { most: self.amount(self.version.maximum) });
        }
        Ok(total)
    }

    /// The least payment that buys `units`, the free allowance among them. `rest` never falls when the payment grows, and
    /// never by more than the payment does, so it can be searched and meets every sum exactly.
    fn least_for(&self, units: u64) -> Result<Money, QuoteError> {
        let sold = units.saturating_sub(self.free_units());
        let needed = if sold <= MAX_PURCHASE_UNITS { self.basis.charge(sold) } else { None };
        self.least_for_rest(needed.ok_or(QuoteError::TooMuch)?.total)
    }

    /// The least payment of which so much is left after fees and debt.
    fn least_for_rest(&self, needed: i128) -> Result<Money, QuoteError> {
        let enough = |total: u64| self.split(i128::from(total)).is_some_and(|split| split.rest >= needed);
        let (least, most) = (self.version.minimum.minor().unsigned_abs(), self.version.maximum.minor().unsigned_abs());
        if !enough(most) {
            return Err(QuoteError::Unaffordable { most: self.amount(self.version.maximum) });
        }
        let total = if enough(least) { least } else { first(least, most, enough) };
        Ok(Money::from_minor(total.try_into().map_err(|_| QuoteError::TooMuch)?))
    }

    fn buy(&self, total: Money) -> Result<Breakdown, QuoteError> {
        let split = self.split(i128::from(total.minor())).ok_or(QuoteError::TooMuch)?;
        let sold = self.basis.most(split.rest).unwrap_or(0);
        if sold == MAX_PURCHASE_UNITS {
            return Err(QuoteError::TooMuch);
        }
        if split.rest < self.due || sold + self.free_units() == 0 {
            return match self.least_for(1) {
                Ok(least) => Err(QuoteError::TooLittle { least: self.amount(least) }),
                Err(error) => Err(error),
            };
        }
        let charge = self.basis.charge(sold).ok_or(QuoteError::TooMuch)?;
        self.breakdown(total, &split, sold, &charge).ok_or(QuoteError::TooMuch)
    }

    fn split(&self, total: i128) -> Option<Split> {
        let mut left = total;
        let mut fees = Vec::with_capacity(self.version.fees.len());
        for fee in &self.version.fees {
            let amount = fee.of(left)?;
            left -= amount;
            fees.push(amount);
        }
        let outstanding = i128::from(self.history.debt.minor());
        let debt = self.version.debt.as_ref().map_or(Some(0), |debt| debt.of(left, outstanding, self.due))?;
        Some(Split { fees, debt, rest: left - debt })
    }

    fn breakdown(&self, total: Money, split: &Split, sold: u64, charge: &Charge) -> Option<Breakdown> {
        let named =
            |(tax, amount): (&Tax, &i128)| Some(NamedAmount { name: tax.name.clone(), amount: money(*amount)? });
        let free = Units::new(self.free_units()).ok()?;
        let rounding = split.rest.checked_sub(charge.total)?;
        Some(Breakdown {
            commodity: self.tariff.commodity,
            currency: self.tariff.currency,
            version: self.version.from,
            units: Units::new(sold).ok()?.checked_add(free)?,
            counts_money: false,
            free,
            total,
            energy: money(charge.energy)?,
            standing: money(charge.standing)?,
            taxes: self.version.taxes.iter().zip(&charge.taxes).map(named).collect::<Option<_>>()?,
            debt: money(split.debt)?,
            fees: self.fees(split)?,
            rounding: money(rounding)?,
            lines: self.explain(split, sold, charge, rounding)?,
            after: self.after(split.debt, sold)?,
        })
    }

    fn money_breakdown(&self, total: Money, split: &Split) -> Option<Breakdown> {
        Some(Breakdown {
            commodity: self.tariff.commodity,
            currency: self.tariff.currency,
            version: self.version.from,
            units: Units::new(u64::try_from(split.rest).ok()?).ok()?,
            counts_money: true,
            free: Units::ZERO,
            total,
            energy: money(split.rest)?,
            standing: Money::ZERO,
            taxes: Vec::new(),
            debt: money(split.debt)?,
            fees: self.fees(split)?,
            rounding: Money::ZERO,
            lines: self.explain_money(split)?,
            after: self.paid(split.debt)?,
        })
    }

    fn fees(&self, split: &Split) -> Option<Vec<FeeAmount>> {
        let fee = |(fee, amount): (&Fee, &i128)| {
            Some(FeeAmount { name: fee.name.clone(), to: fee.to.clone(), amount: money(*amount)? })
        };
        self.version.fees.iter().zip(&split.fees).map(fee).collect()
    }

    /// The history once something was paid at all, and so much of the debt.
    fn paid(&self, debt: i128) -> Option<History> {
        Some(History {
            // A clock that went back must not make days be paid twice.
            last_purchase: self.history.last_purchase.max(Some(self.now)),
            debt: self.history.debt.checked_sub(money(debt)?)?,
            ..*self.history
        })
    }

    /// The history once this is sold.
    fn after(&self, debt: i128, sold: u64) -> Option<History> {
        let free = self.free.map_or(0, |free| if free.counts_in_blocks { free.units } else { 0 });
        let bought = Units::new(sold.checked_add(free)?).ok()?;
        let count = |counter: Option<Counter>, start: Date| {
            let before = counter.filter(|counter| counter.start == start).map_or(Units::ZERO, |counter| counter.units);
            Some(Some(Counter { start, units: before.checked_add(bought)? }))
        };
        Some(History {
            month: count(self.history.month, self.today.first_of_month())?,
            year: count(self.history.year, self.version.period.year_start(self.today))?,
            free_given: self.free.map(|_| self.today.first_of_month()).or(self.history.free_given),
            ..self.paid(debt)?
        })
    }

    fn free_units(&self) -> u64 {
        self.free.map_or(0, |free| free.units)
    }

    pub(super) fn amount(&self, money: Money) -> Amount {
        Amount { money, currency: self.tariff.currency }
    }
}

/// How much of the blocks is used up, and whether the meter said so.
fn used(version: &Version, history: &History, today: Date) -> (u64, bool) {
    let start = version.period.start(today);
    let current = |counter: Option<Counter>| counter.filter(|counter| counter.start == start);
    if version.over == BlocksOver::Consumed
        && let Some(counter) = current(history.read_back)
    {
        return (counter.units.get(), true);
    }
    let bought = match version.period.kind {
        PeriodConfig::Month => current(history.month),
        PeriodConfig::Year => current(history.year),
    };
    (bought.map_or(0, |counter| counter.units.get()), false)
}

impl Fee {
    /// The fee of a payment; never more than the payment.
    fn of(&self, payment: i128) -> Option<i128> {
        let share = self.percent.map_or(Some(0), |percent| percent.of(payment, self.rounding))?;
        let fee = share.checked_add(i128::from(self.fixed.minor()))?;
        Some(self.at_most.map_or(fee, |most| fee.min(most.minor().into())).min(payment))
    }
}

impl Debt {
    /// What of a payment after fees goes to the debt, when `due` must be covered before.
    fn of(&self, payment: i128, outstanding: i128, due: i128) -> Option<i128> {
        let share = self.percent.map_or(Some(0), |percent| percent.of(payment, self.rounding))?;
        let wanted = share.checked_add(i128::from(self.fixed.minor()))?.min(outstanding);
        let wanted = self.at_most.map_or(wanted, |most| wanted.min(most.minor().into()));
        Some(wanted.min(payment - due - i128::from(self.leave.minor())).max(0))
    }
}

pub(super) fn money(minor: i128) -> Option<Money> {
    i64::try_from(minor).ok().map(Money::from_minor)
}
