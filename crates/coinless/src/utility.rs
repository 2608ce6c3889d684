//! `coinless utility`: the sandbox utility as a process.

use crate::output::{Context, Failure, Output};
use crate::phone::random;
use coinless_sim::utility::{self, Behaviour, Setting, Utility};
use coinless_station::records::to_hex;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Where it keeps its books, and how it behaves.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of its books and its token; made if it is missing.
    #[arg(long)]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// How it behaves: ok, slow, down, unclear, contradictory or forgetful (docs/sales-system.md). It can be changed while it
    /// runs.
    #[arg(long, default_value = "ok", value_parser = behaviour)]
    behaviour: Behaviour,
    /// For how many calls it behaves so; then well. For ever if it is left out.
    #[arg(long)]
    calls: Option<u32>,
    /// Where the draws of what goes wrong begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn behaviour(name: &str) -> Result<Behaviour, String> {
    serde_json::from_value(name.into()).map_err(|_| {
        let names = Behaviour::ALL.map(|one| serde_json::json!(one).as_str().unwrap_or_default().to_owned());
        format!("it must be one of {}", names.join(", "))
    })
}

/// Runs the sandbox utility until it is interrupted.
///
/// # Errors
/// [`Failure`] says what to do.
pub fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&options.data);
    made.context(format_args!("making the folder {}", options.data.display()))?;
    let token_file = options.data.join("token");
    let token = token(&token_file)?;
    let settings = utility::Options { seed: options.seed, ..utility::Options::new(&token) };
    let utility = Utility::open(&options.data.join("sales.jsonl"), settings).context("opening the utility's books")?;
    utility.set(Setting { behaviour: options.behaviour, calls: options.calls, way: None });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let listener =
            TcpListener::bind(options.listen).await.context(format_args!("listening on {}", options.listen))?;
        let url = format!("http://{}", listener.local_addr().context("listening")?);
        let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
        let shown = serde_json::json!({ "event": "listening", "url": url, "token_file": token_file });
        output.result(&shown, words(&url, &token_file))?;
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            ended = utility.serve(listener) => ended.context("the utility's server"),
        }
    })
}

fn words(url: &str, token_file: &Path) -> String {
    let token_file = token_file.display();
    format!(
        "sandbox utility listening on {url}; it sells gas, water and electricity in EUR\n\
         in a station's configuration:\n\
         \x20 [[utilities]]\n\
         \x20 name = \"sandbox\"\n\
         \x20 currency = \"EUR\"\n\
         \x20 sales = {{ url = \"{url}\", token_file = \"{token_file}\" }}\n\
         to make it behave badly (ok, slow, down, unclear, contradictory, forgetful):\n\
         \x20 curl -X PUT {url}/admin/setting -H \"Authorization: Bearer $(cat {token_file})\" \\\n\
         \x20      -d '{{\"behaviour\": \"unclear\", \"calls\": 1}}'"
    )
}

/// The token in the file `path`, which is made if it is missing.
fn token(path: &Path) -> Result<String, Failure> {
    let what = || format!("the token in {}", path.display());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let token = to_hex(&random::<32>()?);
            writeln!(file, "{token}").context(what())?;
            Ok(token)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let token = fs::read_to_string(path).context(what())?;
            match token.trim() {
                "" => Err(Failure::new(format!("{} is empty: delete it, and a new one is made", path.display()))),
                token => Ok(token.to_owned()),
            }
        }
        Err(error) => Err(error).context(what()),
    }
}
