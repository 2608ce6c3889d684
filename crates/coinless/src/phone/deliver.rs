//! Handing over tokens, and saying what became of them.

use super::link::MeterLink;
use super::show::{DeliveryResult, MANY, NothingToDeliver};
use super::{attend, damage, open};
use crate::output::{Context, Failure, Output};
use coinless_phone::courier::{Delivered, deliver};
use coinless_phone::store::{Contents, Store};
use std::path::Path;

/// `coinless phone deliver`.
pub async fn run(output: &Output, directory: &Path, link: &str) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let mut link = MeterLink::connect(link).await?;
    let delivered = deliver(&mut store, &mut link).await.context("reaching the meter")?;
    let contents = store.load().await.context("reading the store")?;
    let results = results(&delivered, &contents);
    if results.is_empty() && delivered.interrupted.is_none() {
        let nothing = NothingToDeliver::new(&delivered.identity.meter);
        output.result(&nothing, &nothing)?;
    }
    // Scripts get every one; a person does not read hundreds of lines that say the same.
    let many = !output.is_json() && results.len() > MANY;
    for result in results.iter().filter(|result| !many || !result.is_covered()) {
        output.result(result, result)?;
    }
    if let covered @ 1.. = results.iter().filter(|result| many && result.is_covered()).count() {
        output.progress(format_args!("{covered} more tokens: nothing left to load, the meter is past them"));
    }
    attend::after_delivery(output, &mut store, &mut link, &delivered).await;
    check(&delivered, &results)?;
    damage(&delivered.damaged)
}

/// One result for each token.
pub fn results(delivered: &Delivered, contents: &Contents) -> Vec<DeliveryResult> {
    let result = |delivery| DeliveryResult::new(delivery, &delivered.identity, contents);
    delivered.deliveries.iter().map(result).collect()
}

/// Fails if a token was neither applied nor covered.
fn check(delivered: &Delivered, results: &[DeliveryResult]) -> Result<(), Failure> {
    check_credit(delivered, results)?;
    match results.iter().find(|result| !result.done) {
        Some(result) => Err(Failure::new(format!("the meter did not take every token: {}", result.to_string().trim()))),
        None => Ok(()),
    }
}

/// Fails if a credit token was neither applied nor covered.
pub fn check_credit(delivered: &Delivered, results: &[DeliveryResult]) -> Result<(), Failure> {
    if let Some(error) = &delivered.interrupted {
        return Err(Failure::new(format!("the delivery was interrupted: {error}")));
    }
    match results.iter().find(|result| result.is_credit() && !result.done) {
        Some(result) => Err(Failure::new(format!("not every token was loaded: {}", result.to_string().trim()))),
        None => Ok(()),
    }
}
