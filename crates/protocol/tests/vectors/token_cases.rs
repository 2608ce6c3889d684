//! The tokens of `vectors/tokens.json`.

use crate::support::{leak, longest_meter_id, meter, meter_id};
use crate::{operational_keys, settings, tariffs};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{
    Clock, Conditions, Content, Credit, Needs, Order, RefusedRange, Set, Token, Valve, ValveOrder,
};
use coinless_protocol::{CreditNumber, Epoch, MeterId, Register, Units};

/// A credit token of the issuer for the test meter.
pub fn credit(meter_id: MeterId, epoch: u16, number: u32, total: u64, conditions: Conditions) -> Token<'static> {
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    token(meter_id, epoch, Order::credit(register, conditions))
}

/// A token for the test meter's key.
pub fn token(meter_id: MeterId, epoch: u16, order: Order<'static>) -> Token<'static> {
    Token { meter: meter_id, meter_key: meter().hash().hint(), epoch: Epoch(epoch), order }
}

/// The last credit token of a meter.
pub fn closing(meter_id: MeterId, epoch: u16, number: u32, total: u64, conditions: Conditions) -> Token<'static> {
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    let credit = Some(Credit { register, conditions, closing: true });
    token(meter_id, epoch, Order::Set(Set { credit, ..Set::default() }))
}

/// A token of the longest head with a content register of this many bytes.
pub fn with_content(bytes: usize) -> Token<'static> {
    let content = Content { number: u32::MAX, bytes: leak(vec![0x55; bytes]) };
    token(longest_meter_id(), u16::MAX, Order::Set(Set { tariff: Some(content), ..Set::default() }))
}

/// A range of refused numbers as conditions.
pub fn refused(first: u32, last: u32) -> Conditions {
    let refused = RefusedRange::new(CreditNumber(first), CreditNumber(last));
    assert!(refused.is_some());
    Conditions { refused, ..Conditions::default() }
}

/// The longest conditions there are.
pub fn longest_conditions() -> Conditions {
    Conditions { needs: Needs { tariff: u32::MAX, settings: u32::MAX, keys: u32::MAX }, ..refused(u32::MAX, u32::MAX) }
}

/// The longest credit token there is, but for a closing one.
pub fn longest() -> Token<'static> {
    credit(longest_meter_id(), u16::MAX, u32::MAX, Units::MAX, longest_conditions())
}

/// Every token of the vectors with its name.
pub fn all() -> Vec<(&'static str, Token<'static>)> {
    [credit_tokens(), register_tokens(), mixed_tokens()].concat()
}

fn credit_tokens() -> Vec<(&'static str, Token<'static>)> {
    let none = Conditions::default();
    let needs = |tariff, settings, keys| Conditions { needs: Needs { tariff, settings, keys }, ..none };
    let read = |id, epoch| token(id, epoch, Order::Read([0xc0, 0xff, 0xee, 1, 2, 3, 4, 5]));
    vec![
        ("credit, smallest", credit("CLS0".parse().unwrap(), 0, 1, 0, none)),
        ("credit, first of a meter", credit(meter_id(), 0, 1, 25_000, none)),
        ("credit, typical: 250 m3 sold so far", credit(meter_id(), 0, 42, 250_000, none)),
        ("credit, with a refused range of one number", credit(meter_id(), 0, 43, 275_000, refused(41, 41))),
        ("credit, needs a tariff", credit(meter_id(), 1, 44, 300_000, needs(7, 0, 0))),
        ("credit, needs tariff, settings and keys", credit(meter_id(), 1, 44, 300_000, needs(7, 300, 2))),
        (
            "credit, with range and needs",
            credit(meter_id(), 1, 45, 300_000, Conditions { refused: refused(40, 43).refused, ..needs(0, 300, 0) }),
        ),
        ("credit, largest without conditions", credit(longest_meter_id(), u16::MAX, u32::MAX, Units::MAX, none)),
        ("credit, largest of all", longest()),
        ("void of the line that only numbers 42 and 43 count", credit(meter_id(), 0, 44, 225_000, refused(42, 43))),
        ("read request", read(meter_id(), 0)),
        ("read request, largest", read(longest_meter_id(), u16::MAX)),
        ("closing token", closing(meter_id(), 0, 46, 300_000, none)),
        ("closing token, largest", closing(longest_meter_id(), u16::MAX, u32::MAX, Units::MAX, longest_conditions())),
    ]
}

/// The newest version of a register, with a number for each length of its encoding.
fn content(number: u32, bytes: &[u8]) -> Content<'static> {
    Content { number, bytes: leak(bytes) }
}

fn register_tokens() -> Vec<(&'static str, Token<'static>)> {
    let set = |set| token(meter_id(), 0, Order::Set(set));
    let largest = |set| token(longest_meter_id(), u16::MAX, Order::Set(set));
    let tariff =
        |number, tariff: &Tariff| Set { tariff: Some(content(number, &tariff.to_bytes().unwrap())), ..Set::default() };
    let settings = |number, settings: &Settings| Set {
        settings: Some(content(number, &settings.to_bytes().unwrap())),
        ..Set::default()
    };
    let valve = |number, command| Set { valve: Some(Valve { number, command }), ..Set::default() };
    let clock = |unix_s, answers| Set { clock: Some(Clock { unix_s, answers }), ..Set::default() };
    let keys = |id, epoch, number, keys: OperationalKeys| {
        token(id, epoch, Order::Keys(content(number, &keys.to_bytes().unwrap())))
    };
    let (one, two) = (operational_keys::keys(&operational_keys::ONE), operational_keys::keys(&operational_keys::TWO));
    vec![
        ("tariff, smallest", token("CLS0".parse().unwrap(), 0, Order::Set(tariff(1, &Tariff::default())))),
        ("tariff, one price", set(tariff(7, &tariffs::one_price()))),
        ("tariff, largest", largest(tariff(u32::MAX, &tariffs::longest()))),
        ("settings, smallest", token("CLS0".parse().unwrap(), 0, Order::Set(settings(1, &Settings::default())))),
        ("settings, alarms", set(settings(300, &settings::alarms()))),
        ("settings, largest", largest(settings(u32::MAX, &settings::longest()))),
        ("valve: hold shut", set(valve(1, ValveOrder::HoldShut))),
        ("valve: release", set(valve(2, ValveOrder::Release))),
        ("valve: service", set(valve(70_000, ValveOrder::Service))),
        ("clock", set(clock(1_800_000_000, None))),
        ("clock, in answer to a challenge", set(clock(1_800_000_000, Some([0xc1, 0x0c, 0x4b, 0xed, 1, 2, 3, 4])))),
        ("clock, largest", largest(clock(u64::MAX, Some([0xff; 8])))),
        ("keys, one", keys(meter_id(), 0, 2, one)),
        ("keys, two, of the next epoch", keys(meter_id(), 1, 1, two.clone())),
        ("keys, largest", keys(longest_meter_id(), u16::MAX, u32::MAX, two)),
    ]
}

/// Several registers at once.
fn mixed_tokens() -> Vec<(&'static str, Token<'static>)> {
    let Order::Set(typical) = credit(meter_id(), 0, 42, 250_000, Conditions::default()).order else { unreachable!() };
    let Order::Set(longest) = longest().order else { unreachable!() };
    let Order::Set(closed) = closing(meter_id(), 0, 46, 300_000, Conditions::default()).order else { unreachable!() };
    let tariff = Some(content(7, &tariffs::one_price().to_bytes().unwrap()));
    let settings = Some(content(300, &settings::alarms().to_bytes().unwrap()));
    let valve = |number| Some(Valve { number, command: ValveOrder::Release });
    let clock = |unix_s, answers| Some(Clock { unix_s, answers });
    let set = |set| token(meter_id(), 0, Order::Set(set));
    let time = clock(1_800_000_000, None);
    vec![
        ("credit, valve command and clock", set(Set { valve: valve(2), clock: time, ..typical })),
        ("tariff and settings", set(Set { tariff, settings, ..Set::default() })),
        ("every register", set(Set { tariff, settings, valve: valve(2), clock: time, ..typical })),
        ("closing token that releases the valve", set(Set { valve: valve(3), ..closed })),
        (
            "largest credit, with valve and clock",
            token(
                longest_meter_id(),
                u16::MAX,
                Order::Set(Set { valve: valve(u32::MAX), clock: clock(u64::MAX, Some([0xff; 8])), ..longest }),
            ),
        ),
    ]
}
