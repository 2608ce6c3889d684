//! A quote in plain English, line by line, and the same in figures.

use super::calendar::Accrued;
use super::charge::{Charge, Share};
use super::config::PeriodConfig;
use super::quote::{Sale, Split, money};
use super::version::{Base, StandingRate, Tax, TaxRule};
use super::{Breakdown, Line, LineKind};
use crate::sales::{Per, Step, StepKind, Taxed};
use crate::terms::CreditWords;
use coinless_protocol::Units;
use std::fmt;

impl Sale<'_> {
    /// The lines of a quote, in the order of a receipt.
    pub(super) fn explain(&self, split: &Split, sold: u64, charge: &Charge, rounding: i128) -> Option<Vec<Line>> {
        let mut lines = self.energy_lines(sold)?;
        if let Some(free) = self.free {
            let month = self.today.strftime("%Y-%m");
            let counted = if free.counts_in_blocks { ", which count in the blocks" } else { "" };
            let step = Step {
                units: Some(free.units),
                counts_in_blocks: free.counts_in_blocks,
                from: Some(month.to_string()),
                to: Some(month.to_string()),
                ..Step::of(StepKind::Free)
            };
            lines.push(self.part(
                format!("free allowance of {month}: {}{counted}", self.units(free.units)?),
                0,
                step,
            )?);
        }
        lines.extend(self.standing_lines()?);
        for (tax, amount) in self.version.taxes.iter().zip(&charge.taxes) {
            let text = self.tax_text(tax);
            let line = self.part(text, *amount, self.tax_step(tax))?;
            lines.push(if self.version.prices_include_tax {
                Line { text: format!("of which {}", line.text), kind: LineKind::Within, ..line }
            } else {
                line
            });
        }
        self.end_lines(split, &mut lines)?;
        if rounding > 0 {
            let text = format!("rounding: not enough for another {}", self.units(1)?);
            lines.push(self.part(text, rounding, Step { units: Some(1), ..Step::of(StepKind::Rounding) })?);
        }
        Some(lines)
    }

    /// The lines of a quote for a meter whose credit is money.
    pub(super) fn explain_money(&self, split: &Split) -> Option<Vec<Line>> {
        let text = "credit; the meter prices what is used by itself".to_owned();
        let mut lines = vec![self.part(text, split.rest, Step::of(StepKind::Credit))?];
        self.end_lines(split, &mut lines)?;
        Some(lines)
    }

    /// Debt and fees.
    fn end_lines(&self, split: &Split, lines: &mut Vec<Line>) -> Option<()> {
        lines.extend(self.debt_line(split)?);
        for (fee, amount) in self.version.fees.iter().zip(&split.fees) {
            let (name, payee) = (Some(fee.name.clone()), Some(fee.to.clone()));
            let step = Step { name, payee, ..Step::of(StepKind::Fee) };
            lines.push(self.part(format!("{}, for {}", fee.name, fee.to), *amount, step)?);
        }
        Some(())
    }

    fn energy_lines(&self, sold: u64) -> Option<Vec<Line>> {
        let unit = self.tariff.commodity.display_unit();
        let blocks = &self.version.blocks;
        let over = if self.read_back { "read back from the meter" } else { "bought" };
        let (period, per) = match self.version.period.kind {
            PeriodConfig::Month => ("month", Per::Month),
            PeriodConfig::Year => ("year", Per::Year),
        };
        let line = |share: Share| {
            let block = &blocks[share.block];
            let price = block.price.show(self.tariff.currency).to_string();
            let mut text = format!("{} at {price} {} a {unit}", self.units(share.units)?, self.tariff.currency);
            let (units, price) = (Some(share.units), Some(price));
            let mut step = Step { units, price, ..Step::of(StepKind::Block) };
            if blocks.len() > 1 {
                let before = share.block.checked_sub(1).and_then(|before| blocks[before].up_to);
                (step.from_units, step.to_units) = (Some(before.unwrap_or(0)), block.up_to);
                (step.block, step.per) = (u32::try_from(share.block + 1).ok(), Some(per));
                step.consumed = self.read_back;
                let end = match block.up_to {
                    Some(end) => format!("up to {}", self.units(end)?),
                    None => format!("over {}", self.units(blocks[share.block - 1].up_to?)?),
                };
                text += &format!(" (block {}, {end} a {period}, {over})", share.block + 1);
            }
            self.part(text, share.amount, step)
        };
        self.basis.shares(sold)?.into_iter().map(line).collect()
    }

    fn standing_lines(&self) -> Option<Vec<Line>> {
        let line = |accrued: &Accrued<'_>| {
            let currency = self.tariff.currency;
            let (rate, unit, per) = match accrued.version.standing.as_ref()?.rate {
                StandingRate::PerDay(rate) => (rate, "day", Per::Day),
                StandingRate::PerMonth(rate) => (rate, "month", Per::Month),
            };
            let plural = if accrued.count == 1 { "" } else { "s" };
            let (count, from, to) = (accrued.count, accrued.from, accrued.to);
            let digits = if unit == "month" { "%Y-%m" } else { "%Y-%m-%d" };
            let (from, to) = (from.strftime(digits).to_string(), to.strftime(digits).to_string());
            let when = if from == to { from.clone() } else { format!("{from} to {to}") };
            let rate = rate.show(currency).to_string();
            let text = format!("standing charge, {count} {unit}{plural} ({when}) at {rate} {currency} a {unit}");
            let (count, price, per) = (Some(count), Some(rate), Some(per));
            let step = Step { count, price, per, from: Some(from), to: Some(to), ..Step::of(StepKind::Standing) };
            self.part(text, accrued.amount.minor().into(), step)
        };
        self.standing.iter().map(line).collect()
    }

    fn tax_text(&self, tax: &Tax) -> String {
        match &tax.rule {
            TaxRule::Percent { percent, of } => format!("{} {percent} % of {}", tax.name, self.base_text(of)),
            TaxRule::PerUnit(price) => {
                let unit = self.tariff.commodity.display_unit();
                format!("{}, {} {} a {unit}", tax.name, price.show(self.tariff.currency), self.tariff.currency)
            }
        }
    }

    fn tax_step(&self, tax: &Tax) -> Step {
        let step = Step { name: Some(tax.name.clone()), ..Step::of(StepKind::Tax) };
        match &tax.rule {
            TaxRule::Percent { percent, of } => {
                let taxes = of.taxes.iter().map(|place| self.version.taxes[*place].name.clone());
                let percent = Some(percent.to_string());
                Step { percent, of: self.taxed(of).collect(), of_taxes: taxes.collect(), ..step }
            }
            TaxRule::PerUnit(price) => Step { price: Some(price.show(self.tariff.currency).to_string()), ..step },
        }
    }

    /// The parts of the price that a tax is taken of, as far as there are any.
    fn taxed(&self, base: &Base) -> impl Iterator<Item = Taxed> {
        let has_standing = self.version.standing.is_some() || self.basis.standing > 0;
        let parts = [(base.energy, Taxed::Commodity), (base.standing && has_standing, Taxed::Standing)];
        parts.into_iter().filter(|(covered, _)| *covered).map(|(_, part)| part)
    }

    fn base_text(&self, base: &Base) -> String {
        let names = self.taxed(base).map(|part| match part {
            Taxed::Commodity => self.tariff.commodity.name(),
            Taxed::Standing => "standing charge",
        });
        let names = names.chain(base.taxes.iter().map(|place| self.version.taxes[*place].name.as_str()));
        let names: Vec<_> = names.collect();
        match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "standing charge".to_owned(),
        }
    }

    fn debt_line(&self, split: &Split) -> Option<Vec<Line>> {
        if split.debt == 0 {
            return Some(Vec::new());
        }
        let left = self.history.debt.checked_sub(money(split.debt)?)?;
        let step = Step { left: Some(self.tariff.currency.format(left)), ..Step::of(StepKind::Debt) };
        Some(vec![self.part(format!("debt recovered ({} is left)", self.amount(left)), split.debt, step)?])
    }

    fn part(&self, text: String, amount: i128, step: Step) -> Option<Line> {
        Some(Line { text, amount: self.tariff.currency.format(money(amount)?), kind: LineKind::Part, step })
    }

    fn units(&self, units: u64) -> Option<String> {
        Some(Units::new(units).ok()?.fine().display(self.tariff.commodity).to_string())
    }
}

impl fmt::Display for Breakdown {
    /// The quote as it is printed: its lines, the total, and the credit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.text.chars().count()).max().unwrap_or(0).max(20);
        let total = self.currency.format(self.total);
        let figures = self.lines.iter().map(|line| line.amount.len()).max().unwrap_or(0).max(total.len());
        for line in &self.lines {
            match line.kind {
                LineKind::Part => writeln!(f, "{:<width$}  {:>figures$}", line.text, line.amount)?,
                LineKind::Within => writeln!(f, "{:<width$}  {:>figures$}", line.text, format!("({})", line.amount))?,
            }
        }
        writeln!(f, "{:<width$}  {total:>figures$} {}", "total", self.currency)?;
        let currency = self.counts_money.then_some(self.currency);
        let credit = CreditWords { commodity: self.commodity, currency }.show(self.units.fine());
        write!(f, "{:<width$}  {credit}", "credit")
    }
}
