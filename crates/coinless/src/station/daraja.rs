//! `coinless station daraja-register`.

use super::{open_keys, serve};
use crate::output::{Context, Failure, Output};
use coinless_station::payments::Callbacks;
use coinless_station::provider::SHARED_ADDRESS;
use coinless_station::provider::daraja::{C2B_NAME, Daraja};
use std::path::PathBuf;

/// Which station, and what is to be registered.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// Registers the short code for Pull Transactions too, with the telephone number of its papers.
    #[arg(long, value_name = "NUMBER")]
    telephone: Option<String>,
    /// Shows the address that would be registered, and sends nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Registers this station's address for customers who pay by themselves.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn register(options: &Options, output: &Output) -> Result<(), Failure> {
    let config = serve::read_config(&options.data, None)?;
    let daraja = config.providers.daraja.as_ref();
    let daraja = daraja.ok_or_else(|| Failure::new("the configuration has no [providers.daraja]"))?;
    if !daraja.pull_transactions {
        let why =
            format!("{C2B_NAME} needs pull_transactions = true in [providers.daraja]: there is nothing to register");
        return Err(Failure::new(why));
    }
    let public = config.public_url.as_deref();
    let public = public
        .ok_or_else(|| Failure::new("set public_url in the configuration: where Safaricom reaches this station"))?;
    let key = open_keys(&options.data, &config)?.callback_key();
    let address = Callbacks::new(public.trim_end_matches('/').to_owned(), &key).url(C2B_NAME, SHARED_ADDRESS);
    let mut shown = serde_json::json!({ "short_code": daraja.short_code, "address": address, "registered": false });
    if options.dry_run {
        return output.result(&shown, format_args!("would register for {}:\n  {address}", daraja.short_code));
    }
    let client = Daraja::open(daraja).context("providers")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(client.register_urls(&address)).context("confirmations were not registered")?;
    output.progress(format_args!("confirmations are registered for {}", daraja.short_code));
    if let Some(telephone) = &options.telephone {
        let pull = runtime.block_on(client.register_pull(telephone, &address));
        pull.context("confirmations are registered, but Pull Transactions are not")?;
        output.progress(format_args!("Pull Transactions are registered for {}", daraja.short_code));
    }
    shown["registered"] = true.into();
    shown["pull_transactions"] = options.telephone.is_some().into();
    output.result(&shown, format_args!("Safaricom reports payments into {} to\n  {address}", daraja.short_code))
}
