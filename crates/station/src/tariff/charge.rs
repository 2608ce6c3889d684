//! What a quantity costs: energy by blocks, standing charge, taxes and levies; and how much a sum of money buys.

use super::check::MAX_PURCHASE_UNITS;
use super::rate::{Fraction, Percent};
use super::version::{Base, Tax, TaxRule, Version};
use crate::money::Currency;

/// What all quantities that could be sold now have in common.
#[derive(Debug)]
pub(super) struct Basis<'a> {
    pub(super) version: &'a Version,
    pub(super) currency: Currency,
    /// Credit units of the blocks that are used up.
    pub(super) start: u64,
    /// Standing charge as the tariff states it, in minor units.
    pub(super) standing: i128,
}

/// What a quantity costs, in minor units. Energy and standing charge are without tax, and all parts add up to `total`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) energy: i128,
    pub(super) standing: i128,
    pub(super) taxes: Vec<i128>,
    pub(super) total: i128,
}

/// What is sold in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// The block's place.
    pub(super) block: usize,
    /// Credit units.
    pub(super) units: u64,
    /// By the block's price, in minor units. Shares are rounded so that they add up to the price of the whole.
    pub(super) amount: i128,
}

impl Basis<'_> {
    /// What `sold` credit units cost. Nothing if the sum is too large to compute.
    pub(super) fn charge(&self, sold: u64) -> Option<Charge> {
        let energy = self.energy(sold)?.rounded(self.version.rounding);
        if self.version.prices_include_tax { self.with_tax_inside(energy) } else { self.with_tax_on_top(energy, sold) }
    }

    /// The most credit units that cost at most `room` minor units. Nothing if not even the standing charge is covered.
    ///
    /// The cost never falls when the quantity grows: every part is a rounded sum of parts that do not fall. So it can be
    /// searched.
    pub(super) fn most(&self, room: i128) -> Option<u64> {
        let fits = |units| self.charge(units).is_some_and(|charge| charge.total <= room);
        if !fits(0) {
            return None;
        }
        let mut too_many = 1;
        while too_many <= MAX_PURCHASE_UNITS && fits(too_many) {
            too_many *= 2;
        }
        Some(first(too_many / 2, too_many.min(MAX_PURCHASE_UNITS + 1), |units| !fits(units)) - 1)
    }

    /// The blocks that `sold` credit units are sold in.
    pub(super) fn shares(&self, sold: u64) -> Option<Vec<Share>> {
        let mut before = 0;
        let mut shares = Vec::new();
        for (block, units) in self.spans(sold) {
            before += units;
            let cost: i128 = shares.iter().map(|share: &Share| share.amount).sum();
            let amount = self.energy(before)?.rounded(self.version.rounding) - cost;
            shares.push(Share { block, units, amount });
        }
        Some(shares)
    }

    /// The exact price of `sold` credit units by their blocks.
    fn energy(&self, sold: u64) -> Option<Fraction> {
        let price = |(block, units): (usize, u64)| self.version.blocks[block].price.times_credit(units, self.currency);
        let nothing = self.version.blocks.first()?.price.times_credit(0, self.currency)?;
        self.spans(sold).map(price).try_fold(nothing, |sum, part| sum.checked_add(part?))
    }

    /// How many of `sold` credit units are in which block.
    fn spans(&self, sold: u64) -> impl Iterator<Item = (usize, u64)> {
        let end = self.start.saturating_add(sold);
        let blocks = self.version.blocks.iter().enumerate();
        blocks
            .scan(0, move |from, (place, block)| {
                let (lower, upper) = (*from, block.up_to.unwrap_or(u64::MAX));
                *from = upper;
                Some((place, upper.min(end).saturating_sub(lower.max(self.start))))
            })
            .filter(|(_, units)| *units > 0)
    }

    fn with_tax_on_top(&self, energy: i128, sold: u64) -> Option<Charge> {
        let standing = self.standing;
        let mut taxes = Vec::with_capacity(self.version.taxes.len());
        for tax in &self.version.taxes {
            let amount = match &tax.rule {
                TaxRule::PerUnit(price) => price.times_credit(sold, self.currency)?.rounded(tax.rounding),
                TaxRule::Percent { percent, of } => percent.of(of.sum(energy, standing, &taxes)?, tax.rounding)?,
            };
            taxes.push(amount);
        }
        let total = taxes.iter().try_fold(energy.checked_add(standing)?, |sum, tax| sum.checked_add(*tax))?;
        Some(Charge { energy, standing, taxes, total })
    }

    /// The prices contain the taxes: the total is known, and each tax is its share of it. All taxes are per cent of energy
    /// and standing charge (see the check of `prices_include_tax`).
    fn with_tax_inside(&self, energy: i128) -> Option<Charge> {
        let standing = self.standing;
        let total = energy.checked_add(standing)?;
        let rate =
            |covers: fn(&Base) -> bool| self.version.taxes.iter().map(move |tax| inside(tax, covers)).sum::<i128>();
        // Gross is this many millionths of net.
        let energy_gross = Percent::WHOLE + rate(|base| base.energy);
        let standing_gross = Percent::WHOLE + rate(|base| base.standing);
        let mut left = total;
        let mut taxes = Vec::with_capacity(self.version.taxes.len());
        for tax in &self.version.taxes {
            let of_energy = energy.checked_mul(inside(tax, |base| base.energy))?.checked_mul(standing_gross)?;
            let of_standing = standing.checked_mul(inside(tax, |base| base.standing))?.checked_mul(energy_gross)?;
            let both = of_energy.checked_add(of_standing)?;
            // Taxes that are each rounded up must not be more than what they are in.
            let amount = tax.rounding.divide(both, energy_gross.checked_mul(standing_gross)?).min(left);
            left -= amount;
            taxes.push(amount);
        }
        // What is left is split so that neither part is negative or more than its price.
        let standing_net = standing.checked_mul(Percent::WHOLE)? / standing_gross;
        let standing_net = standing_net.max(left - energy).min(left).min(standing);
        Some(Charge { energy: left - standing_net, standing: standing_net, taxes, total })
    }
}

impl Base {
    /// What a percentage is taken of.
    fn sum(&self, energy: i128, standing: i128, taxes: &[i128]) -> Option<i128> {
        let prices = [(self.energy, energy), (self.standing, standing)].into_iter().filter(|(covered, _)| *covered);
        let parts = prices.map(|(_, amount)| amount).chain(self.taxes.iter().map(|place| taxes[*place]));
        parts.into_iter().try_fold(0_i128, i128::checked_add)
    }
}

/// The tax's rate in millionths, if it covers a part.
fn inside(tax: &Tax, covers: fn(&Base) -> bool) -> i128 {
    match &tax.rule {
        TaxRule::Percent { percent, of } if covers(of) => percent.millionths(),
        _ => 0,
    }
}

/// The first number above `low` and up to `high` for which `holds`; it holds for `high` and, once it does, for all after.
pub(super) fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}
