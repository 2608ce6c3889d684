//! The page on taking money names exactly the tests that there are, every provider, and configurations that make sense.

use coinless_station::config::Config;
use coinless_station::float;
use coinless_station::provider::{daraja, manual};
use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands between a heading and the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("there is no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The tests of a file.
fn tests(text: &str) -> Vec<String> {
    let after = text.split("#[tokio::test]").skip(1);
    after.map(|rest| rest.split("fn ").nth(1).unwrap().split('(').next().unwrap().to_owned()).collect()
}

#[test]
fn each_trap_is_named_and_is_a_test() {
    let page = read("../../docs/payments.md");
    let rows = section(&page, "Traps").lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<String> = rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let there: BTreeSet<String> = files.flat_map(|file| tests(&std::fs::read_to_string(file).unwrap())).collect();
    assert!(there.len() >= 9, "{there:?}");
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(named.len(), there.len(), "each is named once: {named:?}");
}

#[test]
fn every_provider_has_its_column() {
    let page = read("../../docs/payments.md");
    let head = section(&page, "The providers").lines().find(|line| line.starts_with('|')).unwrap();
    let columns: Vec<&str> = head.trim_matches('|').split('|').map(str::trim).filter(|name| !name.is_empty()).collect();
    assert_eq!(columns, ["sandbox", daraja::STK_NAME, daraja::C2B_NAME, "stripe", manual::NAME, float::PROVIDER]);
}

#[test]
fn configurations_on_these_pages_can_be_read() {
    for page in ["payments.md", "payments/daraja.md", "payments/stripe.md", "payments/manual.md"] {
        let text = read(&format!("../../docs/{page}"));
        let blocks: Vec<&str> = text.split("```toml").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!blocks.is_empty(), "{page}");
        for block in blocks {
            let config: Config = toml::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}"));
            let providers = config.providers;
            assert!(
                providers.daraja.is_some() || providers.stripe.is_some() || providers.manual.is_some(),
                "{page}: {block}"
            );
        }
    }
}
