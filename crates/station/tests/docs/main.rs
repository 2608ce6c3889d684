//! The tables of `docs/orders.md` and `docs/ledger.md` are what the code says. `COINLESS_WRITE_DOCS=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod ledger;
mod orders;
mod payments;

/// Fails unless the page has each table between its markers; writes them if it is asked to.
fn check(page: &str, tables: &[(&str, String)]) {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let known = std::fs::read_to_string(&path).unwrap();
    let mut now = known.clone();
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name}: written by a test -->\n"), format!("<!-- end of {name} -->"));
        let (before, rest) = now.split_once(&begin).unwrap_or_else(|| panic!("docs/{page} has no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/{page} has no {end}"));
        now = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    if std::env::var_os("COINLESS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    assert!(known == now, "docs/{page} is stale: run this test with COINLESS_WRITE_DOCS=1 and look at the change");
}

/// A table with a head.
fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: Vec<String> = head.iter().map(|_| "---".to_owned()).collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(head) + &line(&rule) + &rows
}

fn code(name: &str) -> String {
    format!("`{name}`")
}
