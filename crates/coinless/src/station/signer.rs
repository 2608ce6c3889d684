//! `coinless station signer`.

use super::serve::start_log;
use crate::output::{Context, Failure, Output};
use coinless_station::service::now_ms;
use coinless_station::signer::{self, LocalSigner, Peers};
use coinless_station::utilities::UtilityName;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Where the signer's keys are, and who may ask. `docs/signing.md` says how it is set up.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the signer's keys and database; made if it is missing. No other user should be able to read it.
    #[arg(long)]
    keys: PathBuf,
    /// The Unix socket; the station has it as signer_socket in its configuration.
    #[arg(long)]
    socket: PathBuf,
    /// A utility whose tokens are signed; may be given several times.
    #[arg(long = "utility", value_name = "NAME", required = true)]
    utilities: Vec<UtilityName>,
    /// The number of another user who may ask, such as the station's; may be given several times.
    #[arg(long = "allow", value_name = "UID")]
    allowed: Vec<u32>,
}

/// Runs the signer until it is interrupted.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    start_log(output);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let local = LocalSigner::open(&options.keys, &options.utilities, now_ms).await.context("the signer")?;
        let peers = Peers { uids: options.allowed.clone() };
        let what = format!("listening on {}", options.socket.display());
        let listener = signer::listen(&options.socket, &peers).context(what)?;
        let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
        output.result(&shown(options, &local), words(options, &local))?;
        let shutdown = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let ended = signer::serve(listener, local, peers, shutdown).await;
        ended.map_err(|error| Failure::of_disk(format!("{error}: look at the disk, then start again")))
    })
}

fn shown(options: &Options, signer: &LocalSigner) -> serde_json::Value {
    let limits = |name: &UtilityName| (name.to_string(), serde_json::json!(signer.limits(name)));
    let limits: serde_json::Map<_, _> = options.utilities.iter().map(limits).collect();
    serde_json::json!({ "event": "listening", "socket": options.socket, "limits": limits })
}

fn words(options: &Options, signer: &LocalSigner) -> String {
    let mut text = format!("signer listening on {}, keys in {}", options.socket.display(), options.keys.display());
    for name in &options.utilities {
        if let Some(limits) = signer.limits(name) {
            let (hour, day) =
                (super::quota::display_units(limits.units_hour), super::quota::display_units(limits.units_day));
            text += &format!("\n  {name}: at most {hour} m³ or kWh an hour, {day} a day");
        }
    }
    text
}
