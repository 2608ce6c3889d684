//! The life of an order line and of a payment as two total functions: every event in every state is either a transition or a
//! named refusal. `docs/orders.md` shows both as tables, in the words of the comments here; a test keeps them the same.
//!
//! Nothing else changes a state. An answer that comes late or contradicts an earlier one is a refusal too: its caller puts it
//! before a person and changes nothing.

/// Declares an enum whose variants have stable names, and whose comments are texts that the documentation shows.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[doc = $about:literal])+ $variant:ident = $text:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $about])+ $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in the database, in JSON and in the documentation.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// What it means.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($about),+).trim_ascii(),)*
                }
            }

            /// The one of this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

pub(crate) use named;

named! {
    /// States of an order line (DESIGN §7).
    LineState {
        /// Offered.
        Quoted = "quoted",
        /// The quote was accepted; the provider is asked to collect.
        AwaitingPayment = "awaiting_payment",
        /// Whether the money was collected is not known; it is asked again.
        PaymentUnknown = "payment_unknown",
        /// The money is here.
        Paid = "paid",
        /// Whether the sales system sold is not known; it is asked again.
        SaleUnknown = "sale_unknown",
        /// Sold.
        Sold = "sold",
        /// The token is signed.
        Issued = "issued",
        /// A receipt shows that the meter has it. Final.
        Delivered = "delivered",
        /// A void was asked for; a receipt decides.
        VoidPending = "void_pending",
        /// A receipt shows that the meter can never load it.
        Voided = "voided",
        /// The sales system took the sale back.
        SaleReversed = "sale_reversed",
        /// The money is back. Final.
        Refunded = "refunded",
        /// Nobody accepted the quote in time. Final.
        Expired = "expired",
        /// Not paid, or not sold; what was paid goes back. Final if nothing was paid.
        Failed = "failed",
        /// A person must look.
        Exception = "exception",
    }
}

named! {
    /// What happens to an order line.
    LineEvent {
        /// The payer accepted the quote.
        Accepted = "accepted",
        /// Nobody accepted the quote in time.
        QuoteExpired = "quote_expired",
        /// The provider took the payment up and will answer later.
        PaymentPending = "payment_pending",
        /// The provider's answer says nothing.
        PaymentUnclear = "payment_unclear",
        /// The money that was asked for is here.
        Captured = "captured",
        /// The money was not collected.
        Declined = "declined",
        /// Money is here, but not what was asked for, or after it was declined.
        WrongMoney = "wrong_money",
        /// The sales system's answer says nothing.
        SaleUnclear = "sale_unclear",
        /// The sales system does not know the sale (yet): it is made again.
        SaleNotKnown = "sale_not_known",
        /// Sold as quoted.
        SoldAsQuoted = "sold_as_quoted",
        /// Another quantity was sold than quoted.
        SoldOtherwise = "sold_otherwise",
        /// Not sold, and never will be.
        NotSold = "not_sold",
        /// A token that counts the line (or leaves it out) is signed.
        Signed = "signed",
        /// The payer wants the money back.
        VoidAsked = "void_asked",
        /// A receipt shows that the meter has it.
        FoundLoaded = "found_loaded",
        /// A receipt shows that the meter can never load it.
        FoundNotLoadable = "found_not_loadable",
        /// After a restore no receipt can prove any more that it was not loaded: it is counted again.
        CountedAgain = "counted_again",
        /// The sales system took the sale back.
        SaleTakenBack = "sale_taken_back",
        /// The sales system will not take the sale back.
        ReversalRefused = "reversal_refused",
        /// The provider gave the money back.
        MoneyBack = "money_back",
        /// The provider will not give the money back.
        RefundDeclined = "refund_declined",
        /// After a restore, the provider's statement shows that the money went back.
        FoundRefunded = "found_refunded",
        /// A person decided to give the money back: of what was before him, or got no answer for too long.
        ResolvedRefund = "resolved_refund",
        /// A person paid the money back outside of this station.
        ResolvedElsewhere = "resolved_elsewhere",
    }
}

named! {
    /// Why an event changes nothing in a state.
    Refusal {
        /// The quote was not accepted yet.
        NotAccepted = "not_accepted",
        /// Nobody accepted the quote in time.
        TooLate = "too_late",
        /// This was done already; the same again changes nothing.
        AlreadyDone = "already_done",
        /// An answer from before: what came after it is known already.
        Overtaken = "overtaken",
        /// The line is being paid, sold or signed: ask again in a moment.
        UnderWay = "under_way",
        /// Nothing was sold: whatever was paid goes back by itself.
        NothingSold = "nothing_sold",
        /// The meter has it.
        InTheMeter = "in_the_meter",
        /// The money is on its way back, or back.
        MoneyGoesBack = "money_goes_back",
        /// A person is looking at it.
        PersonLooks = "person_looks",
        /// It contradicts what is known: a person must be told.
        Contradiction = "contradiction",
    }
}

impl Refusal {
    /// What the caller is told.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotAccepted => "the quote was not accepted yet",
            Self::TooLate => "nobody accepted the quote in time",
            Self::AlreadyDone => "this was done already",
            Self::Overtaken => "this is overtaken by what came after it",
            Self::UnderWay => "this line is still being paid or sold: ask again in a moment",
            Self::NothingSold => "this line was not sold: whatever was paid for it goes back by itself",
            Self::InTheMeter => "this line is in the meter already: its receipt is here",
            Self::MoneyGoesBack => "the money of this line is on its way back already",
            Self::PersonLooks => "a person is looking at this line",
            Self::Contradiction => "this contradicts what is known of the line",
        }
    }
}

/// What becomes of a line in `state` when `event` happens.
///
/// # Errors
/// The named [`Refusal`]: the line stays as it is.
pub fn next(state: LineState, event: LineEvent) -> Result<LineState, Refusal> {
    use LineEvent as E;
    use LineState as S;
    Ok(match (state, event) {
        (S::Quoted, E::Accepted) => S::AwaitingPayment,
        (S::Quoted, E::QuoteExpired) => S::Expired,
        (S::AwaitingPayment | S::PaymentUnknown, E::PaymentPending) => S::AwaitingPayment,
        (S::AwaitingPayment | S::PaymentUnknown, E::PaymentUnclear) => S::PaymentUnknown,
        (S::AwaitingPayment | S::PaymentUnknown, E::Captured) => S::Paid,
        (S::AwaitingPayment | S::PaymentUnknown, E::Declined) => S::Failed,
        (S::AwaitingPayment | S::PaymentUnknown | S::Failed, E::WrongMoney) => S::Exception,
        (S::Paid | S::SaleUnknown, E::SaleUnclear) => S::SaleUnknown,
        (S::Paid | S::SaleUnknown, E::SaleNotKnown) => S::Paid,
        (S::Paid | S::SaleUnknown, E::SoldAsQuoted) => S::Sold,
        (S::Paid | S::SaleUnknown, E::SoldOtherwise) => S::Exception,
        (S::Paid | S::SaleUnknown, E::NotSold) => S::Failed,
        (S::Sold | S::Issued, E::Signed) => S::Issued,
        (S::VoidPending, E::Signed) => S::VoidPending,
        (S::Issued, E::VoidAsked) => S::VoidPending,
        // The receipt is the last word, even if the token's way out was not noted yet.
        (S::Sold | S::Issued | S::VoidPending, E::FoundLoaded) => S::Delivered,
        (S::VoidPending, E::FoundNotLoadable) => S::Voided,
        (S::VoidPending, E::CountedAgain) => S::Issued,
        (S::Voided, E::SaleTakenBack) => S::SaleReversed,
        (S::Voided, E::ReversalRefused) => S::Exception,
        // Also a refund that was declined at first.
        (S::SaleReversed | S::Failed | S::Exception, E::MoneyBack) => S::Refunded,
        (S::SaleReversed | S::Failed, E::RefundDeclined) => S::Exception,
        (
            S::Paid | S::SaleUnknown | S::Sold | S::Issued | S::VoidPending | S::Voided | S::SaleReversed | S::Failed,
            E::FoundRefunded,
        ) => S::Refunded,
        // Also what nobody's answer ends, once a person was shown it: see `resolve`.
        (S::Exception | S::Paid | S::SaleUnknown | S::Voided, E::ResolvedRefund) => S::Failed,
        (S::Exception | S::Paid | S::SaleUnknown | S::Voided, E::ResolvedElsewhere) => S::Refunded,
        (state, event) => return Err(refusal(state, event)),
    })
}

/// Why `event` changes nothing in `state`. What payers ask for gets words that help them; what providers, sales systems and
/// meters say must not be lost when it does not fit.
fn refusal(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    match event {
        E::Accepted | E::QuoteExpired | E::VoidAsked | E::ResolvedRefund | E::ResolvedElsewhere => asked(state, event),
        E::PaymentPending | E::PaymentUnclear | E::Captured | E::Declined | E::WrongMoney => {
            said_of_payment(state, event)
        }
        E::SaleUnclear | E::SaleNotKnown | E::SoldAsQuoted | E::SoldOtherwise | E::NotSold => {
            said_of_sale(state, event)
        }
        E::Signed | E::FoundLoaded | E::FoundNotLoadable | E::CountedAgain => said_of_meter(state, event),
        E::SaleTakenBack | E::ReversalRefused | E::MoneyBack | E::RefundDeclined | E::FoundRefunded => {
            said_of_way_back(state, event)
        }
    }
}

fn asked(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    use LineState as S;
    match (state, event) {
        (S::Exception, _) => Refusal::PersonLooks,
        (S::Expired, E::Accepted) => Refusal::TooLate,
        (_, E::Accepted) | (S::Expired, E::QuoteExpired) => Refusal::AlreadyDone,
        (_, E::QuoteExpired) => Refusal::Overtaken,
        (S::Quoted, _) => Refusal::NotAccepted,
        (S::Delivered, _) => Refusal::InTheMeter,
        (S::Expired, _) | (S::Failed, E::VoidAsked) => Refusal::NothingSold,
        (S::VoidPending | S::Voided | S::SaleReversed | S::Refunded, E::VoidAsked) => Refusal::AlreadyDone,
        (S::Refunded, _) => Refusal::AlreadyDone,
        (S::Voided | S::SaleReversed | S::Failed, _) => Refusal::MoneyGoesBack,
        _ => Refusal::UnderWay,
    }
}

fn said_of_payment(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    use LineState as S;
    match (state, event) {
        (S::Quoted | S::Expired, _) => Refusal::Contradiction,
        (S::Exception, _) => Refusal::PersonLooks,
        (_, E::PaymentPending | E::PaymentUnclear) => Refusal::Overtaken,
        (S::Failed, E::Declined) => Refusal::AlreadyDone,
        (S::Failed, _) | (_, E::Declined | E::WrongMoney) => Refusal::Contradiction,
        _ => Refusal::AlreadyDone,
    }
}

fn said_of_sale(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    use LineState as S;
    match (state, event) {
        (S::Quoted | S::AwaitingPayment | S::PaymentUnknown | S::Expired, _) => Refusal::Contradiction,
        // Whoever looks at it must know before the money goes back.
        (S::Exception, E::SoldAsQuoted | E::SoldOtherwise) => Refusal::Contradiction,
        (S::Exception, _) => Refusal::PersonLooks,
        (_, E::SaleUnclear | E::SaleNotKnown) | (S::SaleReversed, E::SoldAsQuoted) => Refusal::Overtaken,
        (_, E::SoldOtherwise) | (S::Failed | S::Refunded, E::SoldAsQuoted) => Refusal::Contradiction,
        // A sales system says of what it took back that it is not sold.
        (S::SaleReversed | S::Refunded | S::Failed, E::NotSold) => Refusal::AlreadyDone,
        (_, E::NotSold) => Refusal::Contradiction,
        _ => Refusal::AlreadyDone,
    }
}

fn said_of_meter(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    use LineState as S;
    match (state, event) {
        (S::Delivered, E::FoundLoaded)
        | (S::Voided | S::SaleReversed | S::Refunded, E::FoundNotLoadable)
        | (S::Issued, E::CountedAgain) => Refusal::AlreadyDone,
        (S::Delivered | S::Voided | S::SaleReversed | S::Refunded | S::Exception, E::Signed) => Refusal::Overtaken,
        (S::Voided | S::SaleReversed | S::Refunded | S::Failed, E::CountedAgain) => Refusal::MoneyGoesBack,
        // Nothing was signed that could be loaded, or the meter has said otherwise before.
        _ => Refusal::Contradiction,
    }
}

fn said_of_way_back(state: LineState, event: LineEvent) -> Refusal {
    use LineEvent as E;
    use LineState as S;
    match (state, event) {
        (S::Refunded, E::MoneyBack | E::FoundRefunded)
        | (S::SaleReversed | S::Refunded | S::Failed, E::SaleTakenBack) => Refusal::AlreadyDone,
        (S::Exception, _) => Refusal::PersonLooks,
        // Nobody asked for it, or it was done before.
        _ => Refusal::Contradiction,
    }
}

impl LineState {
    /// Whether the line ends here. A failed line of which nothing was paid stays as it is, too.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Refunded | Self::Expired)
    }
}

named! {
    /// States of the payment of an order.
    PaymentState {
        /// Nobody accepted the quote.
        None = "none",
        /// The provider is asked to collect.
        Sent = "sent",
        /// The provider gave no answer that says anything; it is asked again.
        Unknown = "unknown",
        /// The money is here.
        Captured = "captured",
        /// The money was not collected.
        Declined = "declined",
        /// Money is here that nobody can match: another amount, or after it was declined. A person must look.
        Exception = "exception",
        /// The money was here and was taken away again, not by us. A person must look.
        TakenBack = "taken_back",
    }
}

named! {
    /// What happens to a payment.
    PaymentEvent {
        /// The payer accepted the quote.
        Accepted = "accepted",
        /// The provider took it up and will answer later.
        Pending = "pending",
        /// The provider's answer says nothing, or it does not know the payment.
        Unclear = "unclear",
        /// The money that was asked for is here.
        Captured = "captured",
        /// Money is here, in another amount or currency.
        OtherMoney = "other_money",
        /// The money was not collected.
        Declined = "declined",
        /// The money was taken away again, not by us.
        TakenBack = "taken_back",
    }
}

/// What becomes of a payment in `state` when `event` happens.
///
/// # Errors
/// The named [`Refusal`]: the payment stays as it is.
pub fn next_payment(state: PaymentState, event: PaymentEvent) -> Result<PaymentState, Refusal> {
    use PaymentEvent as E;
    use PaymentState as S;
    Ok(match (state, event) {
        (S::None, E::Accepted) => S::Sent,
        (S::Sent | S::Unknown, E::Pending) => S::Sent,
        (S::Sent | S::Unknown, E::Unclear) => S::Unknown,
        (S::Sent | S::Unknown, E::Captured) => S::Captured,
        (S::Sent | S::Unknown, E::OtherMoney) => S::Exception,
        (S::Sent | S::Unknown, E::Declined) => S::Declined,
        // Late money is held, nothing is sold, and a person is shown it.
        (S::Declined, E::Captured | E::OtherMoney) => S::Exception,
        (S::Captured | S::Exception | S::Sent | S::Unknown, E::TakenBack) => S::TakenBack,
        // Nobody asked for money yet.
        (S::None, _) => return Err(Refusal::Contradiction),
        (_, E::Accepted) => return Err(Refusal::AlreadyDone),
        (S::Captured, E::Captured) | (S::Declined, E::Declined) | (S::TakenBack, E::TakenBack) => {
            return Err(Refusal::AlreadyDone);
        }
        (S::Captured, E::Declined | E::OtherMoney) | (S::Declined, E::TakenBack) => {
            return Err(Refusal::Contradiction);
        }
        (S::Exception | S::TakenBack, _) => return Err(Refusal::PersonLooks),
        (S::Captured | S::Declined, E::Pending | E::Unclear) => return Err(Refusal::Overtaken),
    })
}

impl PaymentState {
    /// Whether the provider is still being asked.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Sent | Self::Unknown)
    }
}
