//! When all is quiet: every line has ended, and everybody's books say the same.

use crate::client::{has_ended, parse};
use crate::setting::{GRID, Setting};
use crate::told::Known;
use crate::town::Town;
use coinless_protocol::receipt::Receipt;
use coinless_sim::desk::Desk;
use coinless_station::ledger;
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::store::{Store, StoreError, Value};
use coinless_station::view::LineView;
use coinless_station::work::Work;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Builder;

/// What a person may be shown here, since the grid sells other quantities now and then.
const SHOWN: [&str; 1] = ["other_units_sold"];

/// Every acknowledged order is there as it was told, at every station.
pub async fn check_shown(town: &Town) {
    for known in town.told.orders() {
        for at in 0..town.doors.urls.len() {
            let (status, body) = town.doors.look(at, &known.view.id).await;
            assert_eq!(status, 200, "an acknowledged order is gone: {known:?}: {body}");
            let view = parse(&body);
            known.check(&view);
            if known.accepted {
                assert!(has_ended(&view), "an order has not ended: {view:#?}");
            } else {
                assert_eq!(view.payment.state, PaymentState::None, "nobody accepted it: {view:#?}");
            }
        }
    }
}

/// Checks all books once the stations have stopped; gives what happened, in words.
pub fn check(town: &Town) -> String {
    let (orders, setting) = (town.told.orders(), &town.setting);
    let lines: Vec<_> =
        orders.iter().flat_map(|known| known.view.lines.iter().map(move |line| (known, line))).collect();
    let store = setting.store();
    exceptions(&setting.desks[0], &lines);
    money(setting, &*store, &orders, &lines);
    meters(setting, &lines);
    sales(setting, &*store, &lines);
    kept(town, &*store);
    let ended = |state| of_state(&lines, state).count();
    assert!(ended(LineState::Delivered) > 0 && ended(LineState::Refunded) > 0, "{}", summary(&orders, &lines));
    summary(&orders, &lines)
}

/// Runs a command on the database.
fn read<T: Send + 'static>(
    store: &dyn Store,
    command: impl FnMut(&mut dyn coinless_station::store::Tx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    Builder::new_current_thread().build().unwrap().block_on(store.read(command)).unwrap()
}

/// A line before a person has its exception shown, and nothing else is shown: no lost or failed task, no contradiction.
fn exceptions(desk: &Desk, lines: &[(&Known, &LineView)]) {
    let shown = desk.show("exceptions", None).unwrap();
    let unexpected: Vec<_> = shown.iter().filter(|one| !SHOWN.contains(&one["cause"].as_str().unwrap())).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    let shown: BTreeSet<_> = shown.iter().map(|one| one["subject"].as_str().unwrap().to_owned()).collect();
    let before_a_person: BTreeSet<_> = of_state(lines, LineState::Exception).map(subject).collect();
    assert_eq!(shown, before_a_person);
}

/// The ledger is right in itself, and says of the provider what the provider says.
fn money(setting: &Setting, store: &dyn Store, orders: &[Known], lines: &[(&Known, &LineView)]) {
    let desk = &setting.desks[0];
    let checking = store.read(|tx| ledger::check(&mut Work::new(tx, 0)));
    Builder::new_current_thread().build().unwrap().block_on(checking).unwrap();
    let mut command = desk.command(&["station", "books", "trial"]);
    let trial = desk.run_command({
        command.arg("--data").arg(desk.path("station"));
        command
    });
    let trial = trial.unwrap().remove(0);
    let closing: i64 = trial.as_array().unwrap().iter().map(|line| minor(&line["closing"])).sum();
    assert_eq!(closing, 0, "{trial}");

    let ledger = desk.show("ledger", None).unwrap().remove(0);
    assert_eq!(ledger["balanced"], true, "{ledger}");
    let account = |name: &str| {
        let accounts = ledger["accounts"].as_array().unwrap();
        accounts.iter().find(|known| known["account"] == name).map_or(0, |known| minor(&known["balance"]))
    };
    let (mut collected, mut given_back) = (BTreeMap::new(), BTreeMap::new());
    for entry in setting.provider.entries() {
        let (id, amount) = (entry.payment_id.unwrap(), amount(&entry.amount));
        match entry.kind.as_str() {
            "payment" => assert_eq!(collected.insert(id, amount), None),
            "refund" => assert_eq!(given_back.insert(entry.refund_id.unwrap().replace('.', "/"), amount), None),
            other => panic!("the sandbox makes no {other}"),
        }
    }
    let paid = orders.iter().filter(|known| known.view.payment.state == PaymentState::Captured);
    let paid: BTreeMap<_, _> = paid.map(|known| (known.view.id.clone(), amount(&known.view.total))).collect();
    assert_eq!(collected, paid, "the provider collected what orders say was paid");
    let refunded: BTreeMap<_, _> =
        of_state(lines, LineState::Refunded).map(|pair| (subject(pair), amount(&pair.1.amount))).collect();
    assert_eq!(given_back, refunded, "the provider gave back what lines say was refunded");
    let sum = |amounts: &BTreeMap<String, i64>| amounts.values().sum::<i64>();
    assert_eq!(account("provider:sandbox:clearing"), sum(&collected) - sum(&given_back), "{ledger}");
    let of = |state| of_state(lines, state).map(|(_, line)| amount(&line.amount)).sum::<i64>();
    assert_eq!(account("payer_money_held"), -of(LineState::Exception), "{ledger}");
    for empty in ["sold_undelivered", "refunds_due", "suspense"] {
        assert_eq!(account(empty), 0, "{empty}: {ledger}");
    }
}

/// Every meter holds what was delivered to it, and the station knows it.
fn meters(setting: &Setting, lines: &[(&Known, &LineView)]) {
    let known = setting.desks[0].show("meter", None).unwrap();
    for home in &setting.meters.homes {
        let delivered = of_state(lines, LineState::Delivered).filter(|(_, line)| line.meter == home.id.as_str());
        let units: u64 = delivered.map(|(_, line)| line.quote.units).sum();
        assert_eq!(home.total(), units, "{}", home.id);
        let status = known.iter().find(|status| status["meter"] == home.id.as_str()).unwrap();
        assert_eq!(status["live_total_units"], units, "{status}");
        assert_eq!(status["reserved_units"], 0, "{status}");
    }
}

/// Every delivered line was sold once, under its own id, and everything else that was sold was taken back.
fn sales(setting: &Setting, store: &dyn Store, lines: &[(&Known, &LineView)]) {
    let of = |of_grid: bool, state| {
        let chosen = of_state(lines, state).filter(move |(_, line)| (line.utility == GRID) == of_grid);
        chosen.map(|pair| (subject(pair), pair.1.quote.units)).collect::<BTreeMap<_, _>>()
    };
    let built_in = read(store, |tx| {
        let rows = tx.query("SELECT sale_id, units FROM sale WHERE state = 'sold'", &[])?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.number(1)?))).collect::<Result<BTreeMap<_, _>, _>>()
    });
    assert_eq!(built_in, of(false, LineState::Delivered));
    let sold = setting.grid.sales();
    let ids: BTreeSet<_> = sold.iter().map(|sale| &sale.sale_id).collect();
    assert_eq!(ids.len(), sold.len(), "a sale was made twice");
    let kept = sold.iter().filter(|sale| !sale.reversed).map(|sale| (sale.sale_id.replace('.', "/"), sale.units));
    let mut expected = of(true, LineState::Delivered);
    // A person sees to what was sold in another quantity.
    expected.extend(of(true, LineState::Exception));
    assert_eq!(kept.collect::<BTreeMap<_, _>>(), expected);
}

/// Tokens and receipts that somebody was told of are in the database as they were told.
fn kept(town: &Town, store: &dyn Store) {
    for ((meter, epoch, number), payload) in town.told.tokens() {
        let key: [Value; 3] = [meter.into(), i64::from(epoch).into(), number.into()];
        let stored = read(store, move |tx| {
            let rows =
                tx.query("SELECT payload FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3", &key)?;
            rows.first().map(|row| row.bytes(0).map(<[u8]>::to_vec)).transpose()
        });
        assert_eq!(stored, Some(payload));
    }
    for ((meter, number), bytes) in town.told.receipts() {
        let key: [Value; 2] = [meter.into(), number.into()];
        let stored = read(store, move |tx| {
            let rows = tx.query("SELECT bytes FROM receipt WHERE meter_id = $1 AND number = $2", &key)?;
            rows.first().map(|row| row.bytes(0).map(<[u8]>::to_vec)).transpose()
        });
        let about = |bytes: &[u8]| {
            let receipt = Receipt::parse(bytes).unwrap().1;
            (receipt.meter, receipt.number, receipt.registers.credit)
        };
        assert_eq!(stored.as_deref().map(about), Some(about(&bytes)), "an acknowledged receipt is gone");
    }
}

fn summary(orders: &[Known], lines: &[(&Known, &LineView)]) -> String {
    let mut states = BTreeMap::<_, usize>::new();
    lines.iter().for_each(|(_, line)| *states.entry(line.state.name()).or_default() += 1);
    format!("{} orders, {} lines: {states:?}", orders.len(), lines.len())
}

fn of_state<'a>(
    lines: &'a [(&'a Known, &'a LineView)],
    state: LineState,
) -> impl Iterator<Item = &'a (&'a Known, &'a LineView)> {
    lines.iter().filter(move |(_, line)| line.state == state)
}

/// The id of a line's sale and of its refund.
fn subject((known, line): &(&Known, &LineView)) -> String {
    format!("{}/{}", known.view.id, line.line)
}

/// A decimal number with two digits after the point, in minor units.
fn amount(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

fn minor(value: &Json) -> i64 {
    amount(value.as_str().unwrap())
}
