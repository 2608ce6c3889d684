//! The chart of accounts and the routing rules.

use crate::{check, code, table};
use coinless_station::ledger::{AccountKind, Event, ROUTES};

fn accounts() -> String {
    let row = |kind: &AccountKind| vec![code(kind.name()), kind.nature().name().to_owned(), kind.about().to_owned()];
    let head = ["account", "kind", "what it holds"].map(str::to_owned);
    table(&head, &AccountKind::ALL.iter().map(row).collect::<Vec<_>>())
}

fn routes() -> String {
    let list = |kinds: &[AccountKind]| kinds.iter().map(|kind| code(kind.name())).collect::<Vec<_>>().join(", ");
    let row = |event: &Event| {
        let by = if event.is_manual() { "a person" } else { "the station" };
        let (debits, credits) = match ROUTES.iter().find(|route| route.event == *event) {
            Some(route) => (list(route.debits), list(route.credits)),
            None => ("the opposite".to_owned(), "the opposite".to_owned()),
        };
        vec![code(event.name()), event.about().to_owned(), debits, credits, by.to_owned()]
    };
    let head = ["event", "what happened", "debits", "credits", "booked by"].map(str::to_owned);
    table(&head, &Event::ALL.iter().map(row).collect::<Vec<_>>())
}

#[test]
fn the_tables_are_the_code() {
    check("ledger.md", &[("chart of accounts", accounts()), ("routing rules", routes())]);
}

#[test]
fn every_event_has_one_route_but_corrections() {
    for event in Event::ALL {
        let routes = ROUTES.iter().filter(|route| route.event == *event).count();
        assert_eq!(routes, usize::from(*event != Event::Correction), "{event:?}");
    }
}
