//! A station's way to a signer in another process.

use super::frame::{self, Answer, Ask, Question, Say};
use super::{MAX_IN_FLIGHT, ReadSignRequest, SignError, SignedBefore, TokenSigner};
use crate::issue::SignRequest;
use crate::provider::Call;
use crate::utilities::UtilityName;
use coinless_protocol::{CreditNumber, Epoch, MeterId};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// How long an answer is waited for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// Asks a signer behind a Unix socket. Connects when it is first asked, and again after the connection broke. What gets no
/// answer is [`SignError::Unavailable`]: asking again is right.
pub struct SocketSigner {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
    turn: Semaphore,
}

struct Connection {
    questions: mpsc::Sender<Question>,
    waiting: Arc<Waiting>,
    last_id: u64,
}

/// Who waits for an answer on one connection; none once it is broken.
struct Waiting(SyncMutex<Option<HashMap<u64, oneshot::Sender<Say>>>>);

impl SocketSigner {
    /// A signer behind the socket at `path`. Nothing is asked yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), connection: Mutex::new(None), turn: Semaphore::new(MAX_IN_FLIGHT) }
    }

    async fn ask(&self, ask: Ask) -> Result<Say, SignError> {
        let gone = |why: &str| SignError::Unavailable(format!("the signer at {}: {why}", self.path.display()));
        let asking = async {
            // Never closed.
            let _turn = self.turn.acquire().await.map_err(|_| gone("no turn"))?;
            let (answer, forget) = self.send(ask).await.map_err(|error| gone(&error.to_string()))?;
            let said = answer.await.map_err(|_| gone("the connection broke"));
            drop(forget);
            said
        };
        timeout(ANSWER_PATIENCE, asking).await.map_err(|_| gone("no answer in time"))?
    }

    /// Sends a question on the connection that is there, or on a new one.
    async fn send(&self, ask: Ask) -> io::Result<(oneshot::Receiver<Say>, Forget)> {
        let mut place = self.connection.lock().await;
        let (answer, receiver) = oneshot::channel();
        let connection = match &mut *place {
            Some(connection) if connection.waiting.is_open() => connection,
            place => place.insert(Connection::open(&self.path).await?),
        };
        connection.last_id += 1;
        let id = connection.last_id;
        connection.waiting.add(id, answer)?;
        let forget = Forget { id, waiting: connection.waiting.clone() };
        let sent = connection.questions.send(Question { id, ask }).await;
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok((receiver, forget))
    }
}

impl TokenSigner for SocketSigner {
    fn sign<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async { self.ask(Ask::sign(request)).await?.token() })
    }

    fn sign_terms<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async { self.ask(Ask::terms(request)).await?.token() })
    }

    fn sign_read_request<'a>(&'a self, request: &'a ReadSignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async { self.ask(Ask::read(request)).await?.token() })
    }

    fn highest_number<'a>(
        &'a self,
        utility: &'a UtilityName,
        meter: MeterId,
    ) -> Call<'a, Result<Option<(Epoch, CreditNumber)>, SignError>> {
        Box::pin(async move { self.ask(Ask::highest(utility, meter)).await?.highest() })
    }

    fn learn<'a>(&'a self, before: &'a SignedBefore) -> Call<'a, Result<(), SignError>> {
        Box::pin(async { self.ask(Ask::learn(before)).await?.learned() })
    }
}

impl Connection {
    async fn open(path: &Path) -> io::Result<Self> {
        let (reading, writing) = UnixStream::connect(path).await?.into_split();
        let (questions, asked) = mpsc::channel(MAX_IN_FLIGHT);
        let waiting = Arc::new(Waiting(SyncMutex::new(Some(HashMap::new()))));
        tokio::spawn(write_questions(writing, asked, waiting.clone()));
        tokio::spawn(read_answers(reading, waiting.clone()));
        Ok(Self { questions, waiting, last_id: 0 })
    }
}

impl Waiting {
    fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn add(&self, id: u64, answer: oneshot::Sender<Say>) -> io::Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.insert(id, answer);
        Ok(())
    }

    fn take(&self, id: u64) -> Option<oneshot::Sender<Say>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.remove(&id)
    }

    /// Ends the waiting of all: their senders are dropped.
    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Forgets a question when nobody waits for its answer any more.
struct Forget {
    id: u64,
    waiting: Arc<Waiting>,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.waiting.take(self.id);
    }
}

async fn write_questions(mut writing: OwnedWriteHalf, mut asked: mpsc::Receiver<Question>, waiting: Arc<Waiting>) {
    while let Some(question) = asked.recv().await {
        if frame::write(&mut writing, &question).await.is_err() {
            break;
        }
    }
    waiting.close();
}

async fn read_answers(mut reading: OwnedReadHalf, waiting: Arc<Waiting>) {
    // An end, a break or an answer that cannot be read: nothing more will come that can be trusted to be in order.
    while let Ok(Some(Answer { id, say })) = frame::read::<Answer>(&mut reading).await {
        if let Some(answer) = waiting.take(id) {
            // Who asked may have stopped waiting.
            let _ = answer.send(say);
        }
    }
    waiting.close();
}
