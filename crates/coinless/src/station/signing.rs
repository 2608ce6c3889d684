//! Having signed what a command committed: by the signer that runs apart, by this process, or by the running station, which holds the
//! signer.

use crate::output::{Context, Failure, Output};
use coinless_station::config::Config;
use coinless_station::issue::{self, SignRequest};
use coinless_station::problem::Error;
use coinless_station::service::now_ms;
use coinless_station::signer::{LocalSigner, SignError, SocketSigner, TokenSigner};
use coinless_station::store::Store;
use coinless_station::tasks::{Kind, Task};
use coinless_station::terms;
use coinless_station::work::Work;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks whether the running station has signed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long it is waited for; what is not signed then is signed later.
const PATIENCE: Duration = Duration::from_secs(20);

/// Has the tokens of `tasks` signed; other tasks are left to the running station.
pub(super) fn sign(
    data: &Path,
    config: &Config,
    store: &Arc<dyn Store>,
    tasks: Vec<Task>,
    output: &Output,
) -> Result<(), Failure> {
    let names = config.utility_names().context("the configuration")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let signer: Option<Arc<dyn TokenSigner>> = match &config.signer_socket {
            Some(socket) => Some(Arc::new(SocketSigner::new(socket))),
            None => match LocalSigner::open(&data.join("keys"), &names, now_ms).await {
                Ok(signer) => Some(Arc::new(signer)),
                Err(_) => None,
            },
        };
        for task in tasks {
            if !matches!(task.kind, Kind::Sign | Kind::SignTerms) {
                release(store, &task).await?;
                continue;
            }
            let Some(request) = request(store, &task).await? else { continue };
            match &signer {
                Some(signer) => {
                    let signed = match task.kind {
                        Kind::Sign => signer.sign(&request).await,
                        _ => signer.sign_terms(&request).await,
                    };
                    if let Err(why @ (SignError::Refused(_) | SignError::OverQuota { .. })) = &signed {
                        output.warning(format_args!("the signer does not sign this now: {why}"));
                    }
                    let done = store.write(move |tx| {
                        let mut work = Work::new(tx, now_ms());
                        match task.kind {
                            Kind::Sign => issue::signed(&mut work, &task, &signed),
                            _ => terms::signed(&mut work, &task, &signed),
                        }
                    });
                    done.await.context("the station's database")?;
                }
                None => by_station(store, task, output).await?,
            }
        }
        Ok(())
    })
}

/// What is still to be signed.
async fn request(store: &Arc<dyn Store>, task: &Task) -> Result<Option<SignRequest>, Failure> {
    let task = task.clone();
    let request = store.read(move |tx| {
        let mut work = Work::new(tx, now_ms());
        match task.kind {
            Kind::Sign => issue::request(&mut work, &task.subject),
            _ => terms::request(&mut work, &task.subject),
        }
    });
    request.await.context("the station's database")
}

async fn release(store: &Arc<dyn Store>, task: &Task) -> Result<(), Failure> {
    let released = task.clone();
    let release = store.write(move |tx| Work::new(tx, now_ms()).release(&released).map_err(Error::from));
    release.await.context("the station's database")
}

/// Leaves a task to the running station, and waits until it is done.
async fn by_station(store: &Arc<dyn Store>, task: Task, output: &Output) -> Result<(), Failure> {
    release(store, &task).await?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if request(store, &task).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    output.progress("the station has not signed yet; it will");
    Ok(())
}
