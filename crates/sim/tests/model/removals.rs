//! Without any one of its rules the protocol breaks its promises, and this is how.

use crate::couriers::Couriers;
use crate::explore::{Model, Violation, explore};
use crate::rules::Rules;
use crate::scope::Scope;
use crate::visit;
use crate::world::World;

/// Explores without a rule, shows the shortest way to what then goes wrong, and expects it to be `violation`.
fn breaks<M: Model>(start: M, rule: &str, rules: Rules, violation: Violation) {
    let scope = Scope { rules, numbers: 3, ..Scope::PLAIN };
    let Err(trace) = explore(start, &scope, |_, _, _| ()) else { panic!("without {rule} nothing goes wrong") };
    println!("without {rule}: {trace}");
    assert_eq!(trace.violation, violation, "{trace}");
}

/// A test for each rule: what goes wrong without it.
macro_rules! without {
    ($($rule:ident from $start:expr => $violation:expr;)*) => {
        $(#[test]
        fn $rule() {
            breaks($start, stringify!($rule), Rules { $rule: false, ..Rules::ALL }, $violation);
        })*
    };
}

// Some of these say less than they could. When a number is signed twice, for want of a commit or of the skip, the
// meter is stuck at a number that the station does not know; if the station uses that number again, its books lie.
// And a station that sells before the recovery puts no credit at risk, as its tokens refuse the gap; but it sells
// once more what it has forgotten, and takes the money twice.
without! {
    meter_wants_newer from World::NEW => Violation::RefundedAndLoaded;
    meter_honours_range from World::NEW => Violation::RefundedAndLoaded;
    every_token_is_answered from World::NEW => Violation::NeitherForEver;
    later_tokens_carry_range from World::NEW => Violation::RefundedAndLoaded;
    later_tokens_leave_line_out from World::NEW => Violation::RefundedAndLoaded;
    loaded_line_is_counted_again from World::NEW => Violation::LoadedAndTakenAway;
    refund_needs_receipt from World::NEW => Violation::RefundedAndLoaded;
    refund_needs_later_number from World::NEW => Violation::RefundedAndLoaded;
    receipt_narrows_range from World::NEW => Violation::NeitherForEver;
    commit_before_signing from World::NEW => Violation::NeitherForEver;
    phone_waits_for_cover from Couriers::NEW => Violation::TripInVain;
    phone_waits_for_acknowledgement from Couriers::NEW => Violation::TripInVain;
    restore_skips_numbers from World::NEW => Violation::NeitherForEver;
    restore_refuses_gap from World::NEW => Violation::RefundedAndLoaded;
    restore_widens_voids from World::NEW => Violation::RefundedAndLoaded;
    gap_is_refused_until_recovered from World::NEW => Violation::RefundedAndLoaded;
    gap_receipt_ends_void from World::NEW => Violation::NeitherForEver;
    restore_signs_afresh from World::NEW => Violation::NeitherForEver;
    restore_sells_nothing_before_recovery from World::NEW => Violation::SoldTwice(0);
}

/// The rule about the total is the second lock on the door: as long as the station keeps its rules, the meter is
/// offered nothing that only this rule would refuse. When a range fails, it keeps the total from falling.
#[test]
fn meter_wants_no_less() {
    let alone = Rules { meter_wants_no_less: false, ..Rules::ALL };
    assert!(visit(World::NEW, &Scope { rules: alone, ..Scope::PLAIN }) == visit(World::NEW, &Scope::PLAIN));

    let both = Rules { meter_honours_range: false, ..alone };
    breaks(World::NEW, "meter_wants_no_less and meter_honours_range", both, Violation::TotalFell);
}
