//! A signer as a process of its own, behind a Unix socket.

use super::frame::{self, Answer, Question};
use super::{LocalSigner, SignError};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

/// Most connections at once; more wait to be taken.
pub const MAX_CONNECTIONS: usize = 32;
/// Most questions under way on one connection; then no more are read from it.
pub const MAX_IN_FLIGHT: usize = 256;

/// How long questions that are under way may take when the signer stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited when the system gives no more connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who may ask: processes of this signer's own user, and of these others.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    /// Numbers of other users.
    pub uids: Vec<u32>,
}

impl Peers {
    fn may_ask(&self, stream: &UnixStream) -> io::Result<bool> {
        let uid = stream.peer_cred()?.uid();
        Ok(uid == rustix::process::geteuid().as_raw() || self.uids.contains(&uid))
    }
}

/// Listens on a Unix socket at `path`, replacing one that a dead signer left. Its permissions are 0600, or 0660 if other users
/// may ask: then the folder's group decides who reaches it.
///
/// # Errors
/// When the socket cannot be made, another process answers at it, or something else is there.
pub fn listen(path: &Path, peers: &Peers) -> io::Result<UnixListener> {
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers at this socket"));
        }
    }
    // Under another name until its permissions are right.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&temporary)?;
    let mode = if peers.uids.is_empty() { 0o600 } else { 0o660 };
    fs::set_permissions(&temporary, Permissions::from_mode(mode))?;
    fs::rename(&temporary, path)?;
    Ok(listener)
}

/// Answers questions until `shutdown` is ready, then finishes those under way. The database must be able to commit: if it
/// cannot any more, this ends with an error, and so must the process.
///
/// # Errors
/// [`SignError::Unavailable`] when the database cannot commit any more.
pub async fn serve(
    listener: UnixListener,
    signer: LocalSigner,
    peers: Peers,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SignError> {
    let signer = Arc::new(signer);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopping) = tokio::sync::watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    let end = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            () = signer.broken() => {
                let why = signer.failure().map(|(_, words)| format!(": {words}")).unwrap_or_default();
                break Err(SignError::Unavailable(format!("the signer's database cannot commit any more{why}")));
            }
            Some(_) = connections.join_next() => {}
            (stream, permit) = next(&listener, &room, &peers) => {
                connections.spawn(answer(stream, signer.clone(), stopping.clone(), permit));
            }
        }
    };
    drop(stop);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_PATIENCE, all).await.is_err() {
        tracing::warn!("some questions were not answered in time");
    }
    end
}

/// The next connection of somebody who may ask.
async fn next(listener: &UnixListener, room: &Arc<Semaphore>, peers: &Peers) -> (UnixStream, OwnedSemaphorePermit) {
    loop {
        // Never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { continue };
        match listener.accept().await.and_then(|(stream, _)| Ok((peers.may_ask(&stream)?, stream))) {
            Ok((true, stream)) => return (stream, permit),
            Ok((false, _)) => tracing::warn!("somebody who may not ask connected to the signer"),
            Err(error) => {
                tracing::warn!(%error, "the signer could not take a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(
    stream: UnixStream,
    signer: Arc<LocalSigner>,
    mut stopping: tokio::sync::watch::Receiver<()>,
    _room: OwnedSemaphorePermit,
) {
    let (reading, writing) = stream.into_split();
    let (say, said) = mpsc::channel(MAX_IN_FLIGHT);
    let writer = tokio::spawn(write_answers(writing, said));
    tokio::select! {
        ended = read_questions(reading, &signer, &say) => {
            if let Err(error) = ended {
                tracing::warn!(%error, "a connection to the signer is given up");
            }
        }
        // The sender is dropped when the signer stops.
        _ = stopping.changed() => {}
    }
    // The answers under way hold senders of their own.
    drop(say);
    if writer.await.is_err() {
        tracing::error!("answers of the signer could not be written");
    }
}

async fn read_questions(
    mut reading: OwnedReadHalf,
    signer: &Arc<LocalSigner>,
    say: &mpsc::Sender<Answer>,
) -> io::Result<()> {
    let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    while let Some(question) = frame::read::<Question>(&mut reading).await? {
        let Ok(permit) = in_flight.clone().acquire_owned().await else { return Ok(()) };
        let (signer, say) = (signer.clone(), say.clone());
        tokio::spawn(async move {
            let Question { id, ask } = question;
            let answer = Answer { id, say: ask.put_to(&*signer).await };
            // Who asked may be gone; what was committed stays.
            let _ = say.send(answer).await;
            drop(permit);
        });
    }
    Ok(())
}

async fn write_answers(mut writing: OwnedWriteHalf, mut said: mpsc::Receiver<Answer>) {
    while let Some(answer) = said.recv().await {
        if let Err(error) = frame::write(&mut writing, &answer).await {
            tracing::warn!(%error, "an answer of the signer was not taken");
            return;
        }
    }
}
