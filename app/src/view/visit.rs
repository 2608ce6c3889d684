//! What a visit at a meter came to, as its receipt says.

use super::parts::{label, next_step};
use crate::app::App;
use crate::words::{quantity, t, trouble, tt};
use coinless_phone::Error;
use coinless_phone::courier::{Delivered, Delivery, DeliveryOutcome};
use coinless_phone::trouble::after;
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
        <section class="visit" data-test="visit">
            <h2>{t("visit-title")}" "{label(&identity.meter.label().to_string())}</h2>
            <ul>{deliveries}</ul>
            {interrupted}
            {next(delivered)}
        </section>
    }
}

/// The same in one sentence after the other, to be heard: what became of each token, and what is to be done now.
pub fn words(delivered: &Delivered) -> String {
    let outcomes = delivered.deliveries.iter().map(|delivery| outcome(delivery, &delivered.identity).0);
    outcomes.chain(next_words(delivered).map(|(id, _)| t(id))).collect::<Vec<_>>().join(" ")
}

/// What became of a token, in words and by name.
fn outcome(delivery: &Delivery, identity: &Identity) -> (String, &'static str) {
    let (id, outcome) = match &delivery.outcome {
        DeliveryOutcome::Applied if is_void(delivery) => ("delivery-void", "void"),
        DeliveryOutcome::Applied if delivery.token.key.has_credit() => ("delivery-applied", "applied"),
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
    let mut words = tt(id, &[("first", &first)]);
    if let DeliveryOutcome::NotTaken(error @ Error::Refused(_)) = &delivery.outcome {
        words = format!("{words} {}", trouble(error).0);
    }
    (words, outcome)
}

fn one(delivery: &Delivery, identity: &Identity) -> impl IntoView + use<> {
    let has_credit = delivery.token.key.has_credit();
    let (words, outcome) = outcome(delivery, identity);
    let next = after(&delivery.outcome).zip(use_context::<App>());
    let next = next.map(|(next, app)| next_step(app, next, Some(delivery.token.order), Some(delivery.token.key.meter)));
    let receipt = delivery.receipt.as_ref().filter(|_| has_credit).map(|receipt| {
        let total = quantity(&credit_words(receipt.receipt.total, identity));
        let number = receipt.key.number.to_string();
        tt("receipt-says", &[("number", &number), ("total", &total)])
    });
    view! { <li data-test="delivery" data-outcome=outcome><p>{words}</p>{receipt.map(|words| view! { <p><small>{words}</small></p> })}{next}</li> }
}

/// Whether the token takes its line back: then nothing was loaded by it.
fn is_void(delivery: &Delivery) -> bool {
    let Some(app) = use_context::<App>() else { return false };
    app.contents.with_untracked(|contents| {
        let view = contents.order(delivery.token.order).and_then(|order| order.view.as_ref());
        view.and_then(|view| view.line(delivery.token.line)).is_some_and(|line| line.state.is_taken_back())
    })
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
    next_words(delivered).map(|(id, state)| view! { <p class="next" data-test="next" data-valve=state>{t(id)}</p> })
}

/// The message that says so, and the state of the valve.
fn next_words(delivered: &Delivered) -> Option<(&'static str, &'static str)> {
    let flags =
        delivered.deliveries.iter().rev().find_map(|delivery| Some(delivery.receipt.as_ref()?.receipt.flags))?;
    let gas = delivered.identity.commodity == Commodity::Gas;
    match (flags.open, flags.armed, flags.causes.is_empty()) {
        (false, true, _) if gas => Some(("armed-gas", "armed")),
        (false, true, _) => Some(("armed", "armed")),
        (true, ..) => Some(("valve-open", "open")),
        (false, false, false) => Some(("still-shut", "shut")),
        (false, false, true) => None,
    }
}
