//! Whole exchanges over a lossy link.

use crate::link::{Mode, Outcome, play};
use coinless_protocol::coap::{Code, MAX_RETRANSMIT};

const MODES: [Mode; 4] = [
    Mode::Piggybacked,
    Mode::Separate { after_ms: 0 },
    Mode::Separate { after_ms: 1_500 },
    Mode::Separate { after_ms: 20_000 },
];

#[track_caller]
fn assert_answered_once(outcome: &Outcome) {
    let response = outcome.response.as_ref().expect("a response");
    assert_eq!((response.code, response.format, &*response.payload), (Code::CHANGED, Some(18), &b"a receipt"[..]));
    assert_eq!(outcome.executed, 1, "executed once");
    assert!(outcome.server_is_quiet, "nothing is left to be repeated");
}

#[test]
fn piggybacked_takes_two_datagrams() {
    let outcome = play(Mode::Piggybacked, false, |_| false);
    assert_answered_once(&outcome);
    assert_eq!(outcome.datagrams, 2);
}

#[test]
fn separate_takes_four_datagrams() {
    // Request, empty acknowledgement, response, acknowledgement (RFC 7252 figure 5).
    for after_ms in [100, 1_500, 20_000] {
        let outcome = play(Mode::Separate { after_ms }, false, |_| false);
        assert_answered_once(&outcome);
        assert_eq!(outcome.datagrams, 4);
    }
}

#[test]
fn each_datagram_may_be_lost_in_turn() {
    for mode in MODES {
        let whole = play(mode, false, |_| false).datagrams;
        for lost in 0..whole + 1 {
            let outcome = play(mode, false, |sent| sent == lost);
            assert_answered_once(&outcome);
        }
    }
}

#[test]
fn each_pair_of_datagrams_may_be_lost() {
    for mode in MODES {
        for first in 0..8 {
            for second in first + 1..9 {
                let outcome = play(mode, false, |sent| sent == first || sent == second);
                assert_answered_once(&outcome);
            }
        }
    }
}

#[test]
fn every_datagram_may_arrive_twice() {
    for mode in MODES {
        assert_answered_once(&play(mode, true, |_| false));
        for lost in 0..6 {
            assert_answered_once(&play(mode, true, |sent| sent == lost));
        }
    }
}

#[test]
fn a_dead_link_is_given_up() {
    for mode in MODES {
        let outcome = play(mode, false, |_| true);
        assert_eq!(outcome.response, None);
        assert_eq!((outcome.executed, outcome.datagrams), (0, 1 + MAX_RETRANSMIT as usize));
    }
}

#[test]
fn a_server_that_is_not_heard_stops_by_itself() {
    // The request arrives, and nothing of the server ever does.
    let outcome = play(Mode::Separate { after_ms: 100 }, false, |sent| sent > 0);
    assert_eq!((outcome.response, outcome.executed), (None, 1));
    assert!(outcome.server_is_quiet);
}
