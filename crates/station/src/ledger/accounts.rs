//! The chart of accounts, and which event may move money between which of them.

use crate::lifecycle::named;
use crate::utilities::UtilityName;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// What a payment provider holds for us: taken from payers, less what it gave back and paid out. An asset.
    Clearing(String),
    /// What a provider keeps for itself. An expense.
    ProviderFees(String),
    /// What was paid out to our bank account. An asset.
    Bank,
    /// What was taken away again and nobody gives back. An expense.
    Losses,
    /// Received and not yet sold. A liability, as are all that follow but `Suspense` and `Rounding`.
    PayerMoneyHeld,
    /// Sold and not yet known to be in the meter.
    SoldUndelivered,
    /// Owed to a utility for what was delivered: energy, standing charges, debt.
    UtilityPayable(UtilityName),
    /// Taxes and levies on what was delivered, collected for a utility.
    TaxPayable(UtilityName),
    /// Fees for the service on what was delivered, shown apart.
    Fees(UtilityName),
    /// To be given back and not yet confirmed by the provider.
    RefundsDue,
    /// Money that nobody can match yet, either way.
    Suspense,
    /// Small differences between what we booked and what a provider moved, either way.
    Rounding,
    /// What a manager paid in advance.
    Float(String),
}

named! {
    /// An account without its name. The names are those of the chart of accounts.
    AccountKind {
        /// What a payment provider holds for us: taken from payers, less what it gave back, kept and paid out.
        Clearing = "provider:<name>:clearing",
        /// What a provider keeps for itself.
        ProviderFees = "provider:<name>:fees",
        /// What was paid out to our bank account, less what was paid from it.
        Bank = "bank",
        /// What was taken away again and nobody gives back: the station's own loss.
        Losses = "losses",
        /// Received from payers and not yet sold.
        PayerMoneyHeld = "payer_money_held",
        /// Sold and not yet known to be in the meter.
        SoldUndelivered = "sold_undelivered",
        /// Owed to a utility for what was delivered: energy, standing charges, debt.
        UtilityPayable = "utility:<name>:payable",
        /// Taxes and levies on what was delivered, collected for a utility.
        TaxPayable = "utility:<name>:tax",
        /// Fees for the service on what was delivered, shown apart.
        Fees = "utility:<name>:fees",
        /// To be given back, and not yet confirmed by the provider.
        RefundsDue = "refunds_due",
        /// Money that nobody can match yet, either way.
        Suspense = "suspense",
        /// Differences below one whole unit between what we booked and what a provider moved, either way.
        Rounding = "rounding",
        /// What a manager paid in advance and has not spent.
        Float = "float:<manager>",
    }
}

named! {
    /// What kind of account it is: on which side its balance usually stands.
    Nature {
        /// We have it. Debit, positive.
        Asset = "asset",
        /// We owe it. Credit, negative.
        Liability = "liability",
        /// It is spent. Debit, positive.
        Expense = "expense",
        /// Either way.
        Either = "either",
    }
}

impl Account {
    /// Its name in the books.
    pub fn name(&self) -> String {
        match self {
            Self::Clearing(provider) => format!("provider:{provider}:clearing"),
            Self::ProviderFees(provider) => format!("provider:{provider}:fees"),
            Self::Bank => "bank".to_owned(),
            Self::Losses => "losses".to_owned(),
            Self::PayerMoneyHeld => "payer_money_held".to_owned(),
            Self::SoldUndelivered => "sold_undelivered".to_owned(),
            Self::UtilityPayable(utility) => format!("utility:{utility}:payable"),
            Self::TaxPayable(utility) => format!("utility:{utility}:tax"),
            Self::Fees(utility) => format!("utility:{utility}:fees"),
            Self::RefundsDue => "refunds_due".to_owned(),
            Self::Suspense => "suspense".to_owned(),
            Self::Rounding => "rounding".to_owned(),
            Self::Float(manager) => format!("float:{manager}"),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> AccountKind {
        match self {
            Self::Clearing(_) => AccountKind::Clearing,
            Self::ProviderFees(_) => AccountKind::ProviderFees,
            Self::Bank => AccountKind::Bank,
            Self::Losses => AccountKind::Losses,
            Self::PayerMoneyHeld => AccountKind::PayerMoneyHeld,
            Self::SoldUndelivered => AccountKind::SoldUndelivered,
            Self::UtilityPayable(_) => AccountKind::UtilityPayable,
            Self::TaxPayable(_) => AccountKind::TaxPayable,
            Self::Fees(_) => AccountKind::Fees,
            Self::RefundsDue => AccountKind::RefundsDue,
            Self::Suspense => AccountKind::Suspense,
            Self::Rounding => AccountKind::Rounding,
            Self::Float(_) => AccountKind::Float,
        }
    }
}

impl AccountKind {
    /// On which side its balance usually stands.
    pub fn nature(self) -> Nature {
        match self {
            Self::Clearing | Self::Bank => Nature::Asset,
            Self::ProviderFees | Self::Losses => Nature::Expense,
            Self::PayerMoneyHeld
            | Self::SoldUndelivered
            | Self::UtilityPayable
            | Self::TaxPayable
            | Self::Fees
            | Self::RefundsDue
            | Self::Float => Nature::Liability,
            Self::Suspense | Self::Rounding => Nature::Either,
        }
    }
}

named! {
    /// Why money moves.
    Event {
        /// A provider collected a payment. Subject: order.
        Captured = "captured",
        /// Money came that nobody asked for: a second success, for no order. Subject: order, or provider/receipt.
        Unmatched = "unmatched",
        /// Unmatched money is given back, or found its order. Subject: as when it came.
        Matched = "matched",
        /// A line was sold. Subject: order.
        Sold = "sold",
        /// A line is in the meter. Subject: order.
        Delivered = "delivered",
        /// A line's money is owed to the payer. Subject: order.
        RefundDue = "refund_due",
        /// The provider gave it back, or a person by hand. Subject: order.
        Refunded = "refunded",
        /// A provider made a refund and has its money again. Subject: order.
        RefundReturned = "refund_returned",
        /// A provider, a bank or a payer took money away again. Subject: order.
        TakenBack = "taken_back",
        /// A refund was not paid, since the payer has what was taken away. Subject: order.
        SetOff = "set_off",
        /// A person decided who bears what was taken away: the station, a utility, or the payer, who paid it to the bank. Subject: order.
        Borne = "borne",
        /// A person left a small difference be: the provider has more than was booked. Subject: provider/receipt.
        RoundingGained = "rounding_gained",
        /// The same: the provider has less. Subject: provider/receipt.
        RoundingLost = "rounding_lost",
        /// A provider keeps something for itself. Subject: statement/provider/receipt.
        ProviderFee = "provider_fee",
        /// A provider paid out what it held. Subject: payout/provider/id.
        Payout = "payout",
        /// A utility was paid. Subject: settlement/utility/id.
        Settled = "settled",
        /// A manager paid in advance. Subject: float/manager/id.
        FloatPaidIn = "float_paid_in",
        /// An order was paid from a float. Subject: order.
        FloatSpent = "float_spent",
        /// A refund went back into a float. Subject: order.
        FloatReturned = "float_returned",
        /// The opposite of an earlier movement, which it names.
        Correction = "correction",
    }
}

/// The accounts that an event may debit, and those that it may credit.
pub struct Route {
    /// The event.
    pub event: Event,
    /// May be debited.
    pub debits: &'static [AccountKind],
    /// May be credited.
    pub credits: &'static [AccountKind],
}

use AccountKind as K;

const fn route(event: Event, debits: &'static [AccountKind], credits: &'static [AccountKind]) -> Route {
    Route { event, debits, credits }
}

/// The routing rules. A balanced movement can still be a wrong one.
pub const ROUTES: [Route; 19] = [
    route(Event::Captured, &[K::Clearing], &[K::PayerMoneyHeld]),
    route(Event::Unmatched, &[K::Clearing], &[K::Suspense]),
    route(Event::Matched, &[K::Suspense], &[K::Clearing, K::RefundsDue]),
    route(Event::Sold, &[K::PayerMoneyHeld], &[K::SoldUndelivered]),
    route(Event::Delivered, &[K::SoldUndelivered], &[K::UtilityPayable, K::TaxPayable, K::Fees]),
    route(Event::RefundDue, &[K::PayerMoneyHeld, K::SoldUndelivered], &[K::RefundsDue]),
    route(Event::Refunded, &[K::RefundsDue], &[K::Clearing, K::Bank]),
    route(Event::RefundReturned, &[K::Clearing], &[K::RefundsDue]),
    route(Event::TakenBack, &[K::Suspense], &[K::Clearing]),
    route(Event::SetOff, &[K::RefundsDue], &[K::Suspense]),
    route(Event::Borne, &[K::Losses, K::UtilityPayable, K::Bank], &[K::Suspense]),
    route(Event::RoundingGained, &[K::Clearing], &[K::Rounding]),
    route(Event::RoundingLost, &[K::Rounding], &[K::Clearing]),
    route(Event::ProviderFee, &[K::ProviderFees], &[K::Clearing]),
    route(Event::Payout, &[K::Bank], &[K::Clearing]),
    route(Event::Settled, &[K::UtilityPayable, K::TaxPayable, K::Fees], &[K::Bank]),
    route(Event::FloatPaidIn, &[K::Clearing, K::Bank], &[K::Float]),
    route(Event::FloatSpent, &[K::Float], &[K::PayerMoneyHeld]),
    route(Event::FloatReturned, &[K::RefundsDue], &[K::Float]),
];

impl Event {
    /// Whether a person books it by a command of his own, and may take it back so. All others are put right by whatever
    /// booked them.
    pub fn is_manual(self) -> bool {
        matches!(self, Self::Payout | Self::Settled | Self::FloatPaidIn)
    }

    /// Whether it may debit and credit these.
    pub fn allows(self, debit: AccountKind, mut credits: impl Iterator<Item = AccountKind>) -> bool {
        let route = ROUTES.iter().find(|route| route.event == self);
        route
            .is_some_and(|route| route.debits.contains(&debit) && credits.all(|credit| route.credits.contains(&credit)))
    }
}
