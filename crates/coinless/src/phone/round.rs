//! One order with all its lines, and the result of a round as a file.

use super::show::OrderResult;
use super::{damage, open};
use crate::output::{Context, Failure, Output};
use coinless_phone::records::StoredOrder;
use coinless_phone::round;
use coinless_phone::store::{Contents, Store};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use uuid::Uuid;

/// `coinless phone round`.
pub async fn run(output: &Output, directory: &Path, order: Uuid, csv: Option<&Path>) -> Result<(), Failure> {
    let contents = open(directory)?.load().await.context("reading the store")?;
    let known = contents.order(order);
    let known = known.ok_or_else(|| Failure::new(format!("no order {order} in the phone's store")))?;
    if let Some(path) = csv {
        write(path, known, &contents)?;
        output.progress(format_args!("the result is in {}", path.display()));
    }
    let result = OrderResult::in_full(known, &contents);
    output.result(&result, &result)?;
    damage(&contents.damaged)
}

/// The old file or the new one is there, whatever happens; never half of one.
fn write(path: &Path, order: &StoredOrder, contents: &Contents) -> Result<(), Failure> {
    let place = path.display();
    let csv = round::result(order, contents).context("writing the result")?;
    let name = path.file_name().ok_or_else(|| Failure::new(format!("{place} is no file")))?;
    let temporary = path.with_file_name(format!(".tmp-{}-{}", std::process::id(), name.to_string_lossy()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(&csv)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&temporary);
    }
    written.context(format_args!("writing {place}"))
}
