//! What a person can do next when something did not work.

use crate::Error;
use crate::courier::DeliveryOutcome;
use coinless_protocol::MeterId;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;

/// The next step that an app can offer at a press. Where there is none, the words say what to do: mostly the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the station how things stand: it may have another token.
    AskStation,
    /// Ask for the money back.
    AskMoneyBack,
    /// Tell the people at the station.
    Report,
    /// Buy for the meter that stands for this one now.
    OtherMeter(MeterId),
}

/// What can be done about an error.
pub fn next(error: &Error) -> Option<Next> {
    match error {
        Error::Station(error) => match error.problem() {
            Some(problem) => match problem.replaced_by.as_deref().map(MeterId::from_label) {
                Some(Ok(meter)) => Some(Next::OtherMeter(meter)),
                _ => of_code(problem.code.as_deref()),
            },
            None => None,
        },
        Error::Refused(refusal) => of_refusal(*refusal),
        Error::Damaged(_)
        | Error::DamagedOrder(_)
        | Error::NotAuthentic(_)
        | Error::MeterCode(_)
        | Error::MeterAnswer(_)
        | Error::OtherOrder(_)
        | Error::StationAnswer(_) => Some(Next::Report),
        Error::OtherPayer(_) => Some(Next::AskStation),
        _ => None,
    }
}

/// What can be done about what became of a token.
pub fn after(outcome: &DeliveryOutcome) -> Option<Next> {
    match outcome {
        DeliveryOutcome::Applied | DeliveryOutcome::Covered | DeliveryOutcome::Unclear => None,
        DeliveryOutcome::NotApplied(decision) => match decision {
            Decision::Closed => Some(Next::AskMoneyBack),
            // The meter has more than the token knows of, or other keys: the station sees that by the receipt.
            Decision::NeedsNewerRegister
            | Decision::BadContent
            | Decision::TotalWouldFall
            | Decision::JumpTooFar
            | Decision::OtherEpoch
            | Decision::InRefusedRange => Some(Next::AskStation),
            Decision::NotYet { .. } | Decision::Read | Decision::Applied | Decision::NotNewer => None,
        },
        DeliveryOutcome::OtherKey => Some(Next::AskStation),
        DeliveryOutcome::NotTaken(error) => next(error),
    }
}

/// The name of a refusal in messages.
pub fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "malformed",
        Refusal::WrongVersion => "wrong-version",
        Refusal::UnknownKey => "unknown-key",
        Refusal::NotThisMeter => "not-this-meter",
        Refusal::OtherKey => "other-key",
        Refusal::UnknownIssuer => "unknown-issuer",
        Refusal::BadSignature => "bad-signature",
        Refusal::OutOfService => "out-of-service",
        Refusal::Busy => "busy",
    }
}

fn of_refusal(refusal: Refusal) -> Option<Next> {
    match refusal {
        Refusal::OtherKey | Refusal::NotThisMeter => Some(Next::AskStation),
        Refusal::Busy => None,
        Refusal::Malformed
        | Refusal::WrongVersion
        | Refusal::UnknownKey
        | Refusal::UnknownIssuer
        | Refusal::BadSignature
        | Refusal::OutOfService => Some(Next::Report),
    }
}

/// Of these the person can do nothing but tell somebody, or ask anew how things stand.
fn of_code(code: Option<&str>) -> Option<Next> {
    match code? {
        "order_conflict" | "quote_expired" | "already_delivered" | "not_possible_now" => Some(Next::AskStation),
        "unknown_utility" | "unknown_provider" | "unknown_line" | "malformed" | "bad_receipt" | "bad_report"
        | "not_sold" => Some(Next::Report),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiError;
    use crate::wire::Problem;

    fn refused(code: &str, replaced_by: Option<&str>) -> Error {
        let problem = Problem {
            title: String::new(),
            status: 422,
            detail: None,
            code: Some(code.to_owned()),
            retry_after_s: None,
            tries_left: None,
            replaced_by: replaced_by.map(str::to_owned),
        };
        Error::Station(ApiError::Refused(Box::new(problem)))
    }

    #[test]
    fn each_trouble_has_its_next_step() {
        let new = MeterId::from_label("CLS0000000028-T").unwrap();
        assert_eq!(next(&refused("not_sold", Some("CLS0000000028-T"))), Some(Next::OtherMeter(new)));
        assert_eq!(next(&refused("not_sold", Some("nonsense"))), Some(Next::Report));
        assert_eq!(next(&refused("not_possible_now", None)), Some(Next::AskStation));
        assert_eq!(next(&refused("bad_amount", None)), None, "the words say it");
        assert_eq!(next(&Error::Refused(Refusal::BadSignature)), Some(Next::Report));
        assert_eq!(next(&Error::Busy { after_s: None }), None);
        let of = DeliveryOutcome::NotApplied;
        assert_eq!(after(&of(Decision::Closed)), Some(Next::AskMoneyBack));
        assert_eq!(after(&of(Decision::NeedsNewerRegister)), Some(Next::AskStation));
        assert_eq!(after(&DeliveryOutcome::OtherKey), Some(Next::AskStation));
        assert_eq!(after(&DeliveryOutcome::NotTaken(Error::Refused(Refusal::OutOfService))), Some(Next::Report));
        assert_eq!(after(&DeliveryOutcome::Applied), None);
    }

    #[test]
    fn refusals_have_names_of_their_own() {
        let names: std::collections::HashSet<_> = Refusal::ALL.into_iter().map(refusal_name).collect();
        assert_eq!(names.len(), Refusal::ALL.len());
    }
}
