//! What a visit at a meter came to, as its receipt says.

use super::parts::label;
use crate::words::{quantity, t, trouble, tt};
use coinless_phone::courier::{Delivered, Delivery, DeliveryOutcome};
use coinless_phone::words::credit_words;
use coinless_protocol::Commodity;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use leptos::prelude::*;

/// What became of the tokens, and what is to be done at the meter now.
pub fn came_to(delivered: &Delivered) -> impl IntoView + use<> {
    let identity = &delivered.identity;
    let deliveries: Vec<_> = delivered.deliveries.iter().map(|delivery| one(delivery, identity)).collect();
    let interrupted = delivered.interrupted.as_ref().map(|error| {
        let (words, _) = trouble(error);
        view! { <p class="wrong" data-test="interrupted">{t("load-interrupted")}" "{words}</p> }
    });
    view! {
        <section class="visit" data-test="visit" aria-live="polite">
            <h2>{t("visit-title")}" "{label(&identity.meter.label().to_string())}</h2>
            <ul>{deliveries}</ul>
            {interrupted}
            {next(delivered)}
        </section>
    }
}

fn one(delivery: &Delivery, identity: &Identity) -> impl IntoView + use<> {
    let has_credit = delivery.token.key.has_credit();
    let (id, outcome) = match &delivery.outcome {
        DeliveryOutcome::Applied if has_credit => ("delivery-applied", "applied"),
        DeliveryOutcome::Applied => ("delivery-applied-other", "applied"),
        DeliveryOutcome::Covered => ("delivery-covered", "covered"),
        DeliveryOutcome::NotApplied(decision) => (refused(*decision), "refused"),
        DeliveryOutcome::NotTaken(_) => ("delivery-not-taken", "not-taken"),
        DeliveryOutcome::OtherKey => ("delivery-other-key", "other-key"),
        DeliveryOutcome::Unclear => ("delivery-unclear", "unclear"),
    };
    let first = match &delivery.outcome {
        DeliveryOutcome::NotApplied(Decision::NotYet { use_first }) => quantity(&credit_words(*use_first, identity)),
        _ => String::new(),
    };
    let words = tt(id, &[("first", &first)]);
    let receipt = delivery.receipt.as_ref().filter(|_| has_credit).map(|receipt| {
        let total = quantity(&credit_words(receipt.receipt.total, identity));
        let number = receipt.key.number.to_string();
        tt("receipt-says", &[("number", &number), ("total", &total)])
    });
    view! { <li data-test="delivery" data-outcome=outcome><p>{words}</p>{receipt.map(|words| view! { <p><small>{words}</small></p> })}</li> }
}

fn refused(decision: Decision) -> &'static str {
    match decision {
        Decision::NotYet { .. } => "refused-not-yet",
        Decision::NeedsNewerRegister => "refused-needs-newer",
        Decision::InRefusedRange => "refused-range",
        Decision::Closed => "refused-closed",
        Decision::BadContent => "refused-content",
        Decision::TotalWouldFall => "refused-total",
        Decision::JumpTooFar | Decision::OtherEpoch => "refused-epoch",
        Decision::Read | Decision::Applied | Decision::NotNewer => "delivery-unclear",
    }
}

/// What a person has to do at the meter: a valve is armed by a token and opened by hand.
fn next(delivered: &Delivered) -> impl IntoView + use<> {
    let flags = delivered.deliveries.iter().rev().find_map(|delivery| Some(delivery.receipt.as_ref()?.receipt.flags));
    let gas = delivered.identity.commodity == Commodity::Gas;
    let words = flags.and_then(|flags| match (flags.open, flags.armed, flags.causes.is_empty()) {
        (false, true, _) if gas => Some(("armed-gas", "armed")),
        (false, true, _) => Some(("armed", "armed")),
        (true, ..) => Some(("valve-open", "open")),
        (false, false, false) => Some(("still-shut", "shut")),
        (false, false, true) => None,
    });
    words.map(|(id, state)| view! { <p class="next" data-test="next" data-valve=state>{t(id)}</p> })
}
