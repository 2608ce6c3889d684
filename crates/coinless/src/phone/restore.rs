//! Fetching an order from its link.

use super::http::{Http, StationUrl};
use super::show::RestoreResult;
use super::{damage, open};
use crate::output::{Context, Failure, Output};
use coinless_phone::OrderLink;
use coinless_phone::courier::{restore, tell};
use coinless_phone::store::Store;
use std::path::Path;

/// `coinless phone restore`.
pub async fn run(output: &Output, directory: &Path, link: &OrderLink) -> Result<(), Failure> {
    let url = StationUrl::stored(&link.station)?;
    let mut store = open(directory)?;
    let restored = restore(&mut store, &mut Http::new(&url)?, url.as_str(), link.order).await;
    let mut restored = restored.context("restoring the order")?;
    let contents = store.load().await.context("reading the store")?;
    let result = RestoreResult::new(&restored, &contents);
    output.result(&result, &result)?;
    // The person has now seen how it stands.
    tell(&mut store, &mut restored.order).await.context("writing the store")?;
    damage(&contents.damaged)?;
    match restored.trouble {
        None => Ok(()),
        Some(error) => Err(Failure::new(format!(
            "the order is on this phone, but not everything that belongs to it ({error}); run the same again"
        ))),
    }
}
