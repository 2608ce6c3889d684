//! A manager's round: a file of flats, one payment, a caretaker who carries the tokens, and the result as a file.

use crate::setting::{GAS_LABEL, OTHER, Setting};
use coinless_protocol::MeterId;
use std::path::Path;

/// The third flat's meter, which nobody reaches in this round.
const FAR: &str = "CLS0000000033";

fn label(id: &str) -> String {
    id.parse::<MeterId>().unwrap().label().to_string()
}

/// The result of a round: of each line its flat, what was paid, how it stands, and whether it is loaded.
fn written(path: &Path) -> Vec<[String; 4]> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = text.lines().map(|line| line.split(';').map(str::to_owned).collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let at = |name: &str| names.iter().position(|known| known == name).unwrap_or_else(|| panic!("{name}: {names:?}"));
    let columns = ["flat", "paid", "state", "loaded"].map(at);
    rows.map(|cells| columns.map(|at| cells[at].clone())).collect()
}

#[test]
fn a_file_of_flats_is_bought_carried_by_another_phone_and_written_as_a_file() {
    let story = Setting::new();
    let desk = &story.desk;
    for id in [OTHER, FAR] {
        desk.new_meter(id, "gas", &[]).unwrap();
    }
    let mut other = desk.start(desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    let (flats, result) = (desk.path("flats.csv"), desk.path("result.csv"));
    let file = format!(
        "flat;meter;amount\n1 left;{GAS_LABEL};20.00\n1 right;{};30.00\n2 left;{};10.00\n",
        label(OTHER),
        label(FAR)
    );
    std::fs::write(&flats, file).unwrap();
    let words = ["--station", &story.station.address(), "--file", flats.to_str().unwrap()];
    let bought = desk.phone("manager", "buy", &words).unwrap().remove(0);
    let (id, link) = (bought["order"].as_str().unwrap(), bought["link"].as_str().unwrap());
    assert_eq!((&bought["total"], bought["lines"].as_array().unwrap().len()), (&"60.00".into(), 3), "{bought}");
    assert_eq!(story.balance("provider:sandbox:clearing"), "60.00", "one payment");

    let round = || {
        let shown = desk.phone("manager", "round", &[id, "--csv", result.to_str().unwrap()]).unwrap().remove(0);
        assert_eq!(shown["order"], id);
        written(&result)
    };
    let before = round();
    let row = |flat: &str, paid: &str, loaded: &str| [flat, paid, loaded].map(str::to_owned);
    let told = |rows: &[[String; 4]]| -> Vec<_> {
        rows.iter().map(|[flat, paid, _, loaded]| [flat.clone(), paid.clone(), loaded.clone()]).collect()
    };
    assert_eq!(
        told(&before),
        [row("1 left", "20.00", "no"), row("1 right", "30.00", "no"), row("2 left", "10.00", "no")]
    );

    // Whoever has the link holds the order: the caretaker's phone has never seen it.
    let restored = desk.phone("caretaker", "restore", &[link]).unwrap().remove(0);
    assert_eq!((&restored["order"], &restored["new"]), (&id.into(), &true.into()), "{restored}");
    assert_eq!(restored["new_tokens"].as_array().unwrap().len(), 3);
    for meter in [&story.meter, &other] {
        assert_eq!(desk.phone("caretaker", "deliver", &[&meter.address()]).unwrap()[0]["result"], "applied");
    }
    story.sync("caretaker");
    story.sync("manager");
    assert_eq!(other.control("show", "show").unwrap()["total_units"], story.order(id)["lines"][1]["quote"]["units"]);

    let after = round();
    assert_eq!(
        told(&after),
        [row("1 left", "20.00", "yes"), row("1 right", "30.00", "yes"), row("2 left", "10.00", "no")]
    );
    assert_ne!(before[0][2], after[0][2], "the state in words");
    assert_eq!(before[2][2], after[2][2]);
    // Any number of times; what is loaded needs no token any more.
    let again = desk.phone("caretaker", "restore", &[link]).unwrap().remove(0);
    assert_eq!((&again["new"], again["new_tokens"].as_array().unwrap().len()), (&false.into(), 0), "{again}");
    assert_eq!(story.balance("provider:sandbox:clearing"), "60.00");
}
