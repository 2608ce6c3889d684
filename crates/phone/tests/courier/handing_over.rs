//! A token that one phone hands to another, which loads it and has no order.

use super::*;
use coinless_phone::courier::{HandOver, carry};

#[test]
fn another_phone_carries_a_token() {
    let mut world = World::with_tokens();
    let wanted = |world: &World| world.contents().tokens.iter().find(|token| token.key.meter.as_str() == GAS).cloned();
    let text = HandOver::of(&wanted(&world).unwrap()).to_string();
    assert!(text.starts_with(&format!("{URL}/s/carry#")), "{text}");
    let token: HandOver = text.parse().unwrap();
    assert_eq!(text, format!("{URL}{}", token.path()));

    let buyer = world.change_phone(MemoryStore::default());
    let key = run(carry(&mut world.store, &token)).unwrap().unwrap();
    assert_eq!(world.contents().carried().map(|token| token.key).collect::<Vec<_>>(), [key]);
    assert!(world.deliver().unwrap().unwrap().is_complete());
    assert_eq!(world.gas_total(), station::UNITS);
    assert_eq!(world.contents().carried().count(), 0, "what is loaded waits no more");
    // The same again, as after a reload of the page.
    run(carry(&mut world.store, &token)).unwrap().unwrap();
    assert_eq!(world.contents().carried().count(), 0);
    world.sync();
    assert_eq!(world.states(), ["delivered", "issued"]);

    world.change_phone(buyer);
    assert!(world.deliver().unwrap().unwrap().is_complete());
    assert_eq!(world.gas_total(), station::UNITS);
}

#[test]
fn links_that_hand_nothing_over() {
    for text in ["", "https://station.example/s/carry#", "https://station.example/s/carry#a.b.c", "/o/1"] {
        assert!(text.parse::<HandOver>().is_err(), "{text}");
    }
}
