//! Handing over a technician's token file.

use super::http::StationUrl;
use super::link::MeterLink;
use super::show::HandResult;
use super::{attend, damage, open, station_of};
use crate::output::{Context, Failure, Output};
use coinless_phone::courier::{TokenFile, hand};
use coinless_phone::store::Store;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No token file is longer.
const MAX_FILE_BYTES: u64 = 4096;

/// `coinless phone hand`.
pub async fn run(
    output: &Output,
    directory: &Path,
    station: Option<&StationUrl>,
    file: &Path,
    link: &str,
) -> Result<(), Failure> {
    let file = read(file)?;
    let mut store = open(directory)?;
    let contents = store.load().await.context("reading the store")?;
    let url = station_of(station, &contents, &file.meter)?;
    let mut link = MeterLink::connect(link).await?;
    let handed = hand(&mut store, &mut link, &url, &file).await.context("handing the token over")?;
    let result = HandResult::new(&handed, &file);
    output.result(&result, &result)?;
    attend::after_handing(output, &mut store, &mut link, &url, (&handed, &file)).await;
    damage(&contents.damaged)?;
    if handed.outcome.is_done() {
        return Ok(());
    }
    Err(Failure::new(format!("the meter did not take the token: {}", result.words)))
}

fn read(path: &Path) -> Result<TokenFile, Failure> {
    let place = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).context(format_args!("opening {place}"))?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).context(format_args!("reading {place}"))?;
    TokenFile::read(&bytes).context(format_args!("{place}; nothing was sent"))
}
