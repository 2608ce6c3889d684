//! What is heard on the lines, put into words.

use super::board::Board;
use super::meter::Meter;
use super::words::{self, Asked};
use coinless_protocol::coap::{Code, Message};
use coinless_sim::line::Side;
use coinless_sim::wire::{Ear, Passage};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Questions of one connection that wait for their answers; older ones are forgotten.
const MAX_ASKED: usize = 8;

/// A question that waits for its answer.
struct Waiting {
    /// The token of the exchange (RFC 7252 §5.3.1).
    exchange: Vec<u8>,
    asked: Asked,
    payload: Vec<u8>,
}

/// An ear for one connection to `meter`.
pub(super) fn of_meter(meter: Arc<Meter>) -> Ear {
    let mut waiting = VecDeque::new();
    Box::new(move |side, bytes| {
        let datagram = words::datagram(bytes);
        match Message::parse(&datagram) {
            // Signalling (RFC 8323 §5) carries nothing of meters.
            Ok(message) if message.code == Code::EMPTY || message.code.class() == 7 => Passage::Pass,
            Ok(message) if side == Side::Phone => {
                let (asked, words) = words::question(&message, meter.known.commodity);
                meter.board.say(meter.courier(), &meter.name(), words, Some(bytes.len()));
                let (exchange, payload) = (message.token.to_vec(), message.payload.to_vec());
                waiting.push_back(Waiting { exchange, asked, payload });
                if waiting.len() > MAX_ASKED {
                    waiting.pop_front();
                }
                Passage::Pass
            }
            Ok(message) => answer(&meter, &message, &mut waiting, bytes.len()),
            Err(_) => Passage::Pass,
        }
    })
}

fn answer(meter: &Arc<Meter>, message: &Message<'_>, waiting: &mut VecDeque<Waiting>, len: usize) -> Passage {
    let place = waiting.iter().position(|one| one.exchange == message.token);
    let Some(Waiting { asked, payload, .. }) = place.and_then(|place| waiting.remove(place)) else {
        return Passage::Pass;
    };
    let known = meter.hear_receipt(words::receipt_number(message.payload));
    let words = words::answer(asked, message.code, message.payload, meter.known.commodity, known);
    // Its display may be another one now. If its power is cut meanwhile, the display is dark.
    let looked = meter.clone();
    tokio::spawn(async move { drop(looked.look().await) });
    let (name, courier) = (meter.name(), meter.courier());
    if asked == Asked::Credit && message.code.class() == 2 && !meter.answers(payload) {
        meter.board.lose(&name, courier, words);
        return Passage::Break;
    }
    meter.board.say(&name, courier, words, Some(len));
    Passage::Pass
}

/// An ear for the line between the phone that is called `who` and the station.
pub(super) fn of_station(
    board: Arc<Board>,
    bell: Arc<Notify>,
    who: &'static str,
) -> impl Fn(Side, &[u8]) + Send + Sync + 'static {
    move |side, bytes| {
        if side == Side::Phone
            && let Some(words) = words::request(bytes)
        {
            board.say(who, "station", words, Some(bytes.len()));
        }
        bell.notify_one();
    }
}
