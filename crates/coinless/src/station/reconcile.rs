//! `coinless station reconcile`.

use super::books::{Time, csv, text};
use super::{existing, open_keys, open_store, serve};
use crate::output::{Context, Failure, Output};
use coinless_sim::failpoint;
use coinless_sim::sandbox::{self, Behaviour};
use coinless_station::config::Config;
use coinless_station::provider::PaymentProvider;
use coinless_station::provider::sandbox::Sandbox;
use coinless_station::reconcile::{self, Look, Report};
use coinless_station::service;
use coinless_station::store::Store;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

/// What is to be compared.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    time: Time,
    /// The differences as CSV.
    #[arg(long)]
    csv: bool,
}

/// Compares. A running station takes up what is to be asked because of it.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let period = options.time.period()?;
    let config = serve::read_config(&options.data, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let store = open_store(&options.data, &config)?;
    let report = runtime.context("starting")?.block_on(async {
        let utilities = config.utilities(&store).context("the configuration")?;
        let providers = providers(&options.data, &config, &store).await?;
        let look = Look { store, now_ms: service::now_ms(), probe: failpoint::reach };
        reconcile::run(&look, &providers, &utilities, period).await.context("comparing")
    })?;
    output.result(&report, if options.csv { report_csv(&report) } else { words(&report) })
}

/// The providers whose statements are read. Of a sandbox inside a running station only the file is read.
async fn providers(
    data: &Path,
    config: &Config,
    store: &Arc<dyn Store>,
) -> Result<Vec<Arc<dyn PaymentProvider>>, Failure> {
    let providers = config.providers(store).context("the configuration")?;
    if !providers.is_empty() {
        return Ok(providers);
    }
    let key = open_keys(data, config)?.callback_key();
    let sandbox = sandbox::Sandbox::open(&data.join("sandbox.jsonl"), &key, Behaviour::Silent);
    let sandbox = sandbox.context("opening the sandbox payment provider")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("starting the sandbox payment provider")?;
    let address = listener.local_addr().context("starting the sandbox payment provider")?;
    tokio::spawn(sandbox.serve_statement(listener));
    Ok(vec![Arc::new(Sandbox::new(&format!("http://{address}"), &key).context("the payment provider")?)])
}

fn words(report: &Report) -> String {
    let mut text = format!("from {} to {}", report.from, report.to);
    for one in &report.compared {
        let _ = write!(text, "\n  {:<28} ", one.source);
        let _ = match (&one.why, one.source.as_str()) {
            (Some(why), _) => write!(text, "{}: {why}", one.state),
            (None, "ledger") => write!(text, "compared with itself"),
            (None, "meters") => write!(text, "newest receipts of {} compared with what was signed", one.ours),
            (None, _) => write!(text, "rows: {} here, {} there", one.ours, one.theirs),
        };
        if !one.our_sums.is_empty() || !one.their_sums.is_empty() {
            let show = |sums: &[String]| if sums.is_empty() { "nothing".to_owned() } else { sums.join(" and ") };
            let _ = write!(text, "; {} here, {} there", show(&one.our_sums), show(&one.their_sums));
        }
    }
    for one in &report.differences {
        let known = if one.is_new { "" } else { " (known)" };
        let amount = one.amount.as_deref().map(|amount| format!("  {amount}")).unwrap_or_default();
        let _ = write!(
            text,
            "\n{} of {}{amount}{known}\n  here:  {}\n  there: {}",
            one.cause, one.subject, one.ours, one.theirs
        );
    }
    let new = report.differences.iter().filter(|one| one.is_new).count();
    let _ = match (report.differences.len(), new) {
        (0, _) => write!(text, "\nno differences"),
        (1, 1) => write!(text, "\n1 difference, new: see `coinless station show exceptions`"),
        (all, new) => write!(text, "\n{all} found, {new} of them new: see `coinless station show exceptions`"),
    };
    text
}

fn report_csv(report: &Report) -> String {
    let rows = report.differences.iter().map(|one| {
        let words = [&one.source, &one.subject, one.cause, &one.ours, &one.theirs].map(text);
        words.into_iter().chain([one.amount.clone().unwrap_or_default(), one.is_new.to_string()]).collect()
    });
    csv(&["source", "subject", "cause", "ours", "theirs", "amount", "is_new"], rows)
}
