//! Messages in words: of CoAP between phones and meters, and of HTTP between phones and the station.

use coinless_protocol::coap::{Code, Message, Method, option};
use coinless_protocol::cose::Sign1;
use coinless_protocol::identity::Identity;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{Commodity, FINE_PER_UNIT, FineCredit, MeterId, Units};

/// What a phone asks a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Who it is.
    Identity,
    /// To take a token for credit.
    Credit,
    /// To take another token.
    Token,
    /// For its last receipt.
    Receipt,
    /// Something else.
    Other,
}

/// A message of a WebSocket (RFC 8323 §4.2) as the datagram that it would be over UDP; nothing that parses if it is none.
pub(super) fn datagram(message: &[u8]) -> Vec<u8> {
    let [first, code, rest @ ..] = message else { return Vec::new() };
    [&[0x40 | first & 15, *code, 0, 0], rest].concat()
}

/// What a phone says to a meter for `commodity`.
pub(super) fn question(message: &Message<'_>, commodity: &str) -> (Asked, String) {
    let path: Vec<_> = message.values(option::URI_PATH).map(String::from_utf8_lossy).collect();
    let challenged = message.values(option::URI_QUERY).any(|query| query.starts_with(b"c="));
    match (message.code.0, path.join("/").as_str()) {
        (code, "meter") if code == Method::Get as u8 && challenged => {
            (Asked::Identity, "Prove who you are: sign this number that I have just made up.".into())
        }
        (code, "meter") if code == Method::Get as u8 => (Asked::Identity, "Who are you, and how do you stand?".into()),
        (code, "token") if code == Method::Post as u8 => token(message.payload, commodity),
        (_, "receipt") => (Asked::Receipt, "Give me your last receipt again.".into()),
        (_, "report") => (Asked::Other, "Give me your sealed report for the station.".into()),
        (_, "challenge") => (Asked::Other, "Give me a number of yours, so that the station can set your clock.".into()),
        (_, path) => (Asked::Other, format!("Give me /{path}.")),
    }
}

fn token(bytes: &[u8], commodity: &str) -> (Asked, String) {
    let Ok((_, token)) = Token::parse(bytes) else {
        return (Asked::Token, "Here is something that is no token.".into());
    };
    let label = token.meter.label();
    if let Some(register) = token.register() {
        let (number, total) = (register.number.0, amount(register.total, commodity));
        let words = format!("Token number {number} for {label}: {total} were sold to it since it was made.");
        return (Asked::Credit, words);
    }
    let words = match token.order {
        Order::Read(_) => format!("The station asks {label} for a receipt."),
        Order::Keys(_) => format!("New keys for {label}."),
        Order::Set(set) if set.clock.is_some() => format!("The station's time for {label}."),
        Order::Set(_) => format!("New settings for {label}."),
    };
    (Asked::Token, words)
}

/// What a meter for `commodity` answers; `known` is the number of its newest receipt that was heard before.
pub(super) fn answer(asked: Asked, code: Code, payload: &[u8], commodity: &str, known: u32) -> String {
    if code.class() != 2 {
        return match Refusal::from_bytes(payload) {
            Ok(Refusal::NotThisMeter) => "Refused: this token is for another meter. Nothing happened.".into(),
            Ok(refusal) => format!("Refused: {}. Nothing happened.", refusal.title()),
            Err(_) => "I cannot do that.".into(),
        };
    }
    let words = match asked {
        Asked::Identity => identity(payload),
        Asked::Credit | Asked::Token | Asked::Receipt => receipt(payload, commodity, known),
        Asked::Other => None,
    };
    words.unwrap_or_else(|| "Here it is, sealed: only the station can read it.".into())
}

/// The number of the receipt that an answer is, if it is one.
pub(super) fn receipt_number(payload: &[u8]) -> Option<u32> {
    Receipt::parse(payload).ok().map(|(_, receipt)| receipt.number)
}

fn identity(payload: &[u8]) -> Option<String> {
    if let Ok(identity) = Identity::from_bytes(payload) {
        let (label, number) = (identity.meter.label(), identity.registers.credit.0);
        return Some(format!("I am {label}. The last token that I took has number {number}."));
    }
    let identity = Identity::from_bytes(Sign1::parse(payload).ok()?.payload).ok()?;
    Some(format!("I am {}, and this is my signature. My display shows a code for you.", identity.meter.label()))
}

fn receipt(payload: &[u8], commodity: &str, known: u32) -> Option<String> {
    let (_, receipt) = Receipt::parse(payload).ok()?;
    let outcome = match receipt.outcome.decision {
        _ if receipt.number <= known => "the same as before; nothing happened",
        Decision::Applied => "taken",
        Decision::NotNewer => "I have that already; nothing happened",
        Decision::Read => "as asked",
        other => other.name(),
    };
    let total = amount(receipt.total, commodity);
    Some(format!("Receipt {}, signed: {outcome}. {total} were sold to me since I was made.", receipt.number))
}

fn amount(units: Units, commodity: &str) -> String {
    let fine = i64::try_from(units.get()).unwrap_or(i64::MAX).saturating_mul(FINE_PER_UNIT);
    match Commodity::from_name(commodity) {
        Some(commodity) => FineCredit(fine).display(commodity).to_string(),
        None => units.get().to_string(),
    }
}

/// What a phone asks the station, if `bytes` begin a request about meters or money.
pub(super) fn request(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|byte| *byte == b'\r').next()?;
    let mut parts = str::from_utf8(line).ok()?.split(' ');
    let (method, path) = (parts.next()?, parts.next()?.strip_prefix("/v1/")?);
    let path: Vec<_> = path.split('/').collect();
    Some(match (method, path.as_slice()) {
        ("GET", ["meters", meter]) => format!("Whose is the meter {}?", meter_words(meter)),
        ("POST", ["meters", meter, "read-requests"]) => format!("Ask {} for a receipt.", meter_words(meter)),
        ("GET", ["meters", meter, "clock", _]) => format!("What time is it, for {}?", meter_words(meter)),
        ("POST", ["quotes"]) => "What do these sums buy?".into(),
        ("PUT", ["orders", _]) => {
            "I order this. The order's number is mine, so the same again is the same order.".into()
        }
        ("POST", ["orders", _, "payment"]) => "I accept the price. Collect the money.".into(),
        ("GET", ["orders", _]) => "How does my order stand?".into(),
        ("GET", ["orders", _, "events"]) => "Tell me as soon as my order changes.".into(),
        ("POST", ["orders", _, "lines", _, "void"]) => "I want my money back.".into(),
        ("POST", ["receipts"]) => "Here is a meter's receipt.".into(),
        ("POST", ["reports"]) => "Here is a meter's sealed report.".into(),
        _ => return None,
    })
}

fn meter_words(id: &str) -> String {
    id.parse::<MeterId>().map_or_else(|_| id.to_owned(), |id| id.label().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_web_socket_read_like_those_of_udp() {
        // GET /meter with the token 0x42: Uri-Path is option 11.
        let message = [0x01, 0x01, 0x42, 0xb5, b'm', b'e', b't', b'e', b'r'];
        let datagram = datagram(&message);
        let parsed = Message::parse(&datagram).unwrap();
        assert_eq!(parsed.token, [0x42]);
        assert_eq!(question(&parsed, "gas").0, Asked::Identity);
        assert!(Message::parse(&super::datagram(&[0])).is_err());
    }

    #[test]
    fn only_requests_about_meters_and_money_are_told() {
        let told = |text: &str| request(text.as_bytes());
        assert_eq!(told("POST /v1/quotes HTTP/1.1\r\nHost: a\r\n").as_deref(), Some("What do these sums buy?"));
        assert!(told("GET /v1/meters/CLS0000000017 HTTP/1.1\r\n").unwrap().contains("CLS0000000017-Z"));
        assert_eq!(told("GET /app/style.css HTTP/1.1\r\n"), None);
        assert_eq!(told("{\"a\": 1}"), None);
        assert_eq!(request(&[0xff, b' ', b' ']), None);
    }
}
