//! The signer itself.

use super::book::{self, Asked, AskedTerms};
use super::mark::{self, MARK_EVERY, Mark};
use super::open::{Pair, lock_alone, open_key};
use super::seal::{Life, Limits};
use super::{OpenError, ReadSignRequest, SignError, SignedBefore, TokenSigner};
use crate::issue::SignRequest;
use crate::keys::files::{self, folders};
use crate::keys::{FastSigner, FastVerifier};
use crate::provider::Call;
use crate::service::Probe;
use crate::store::{Fault, GroupSize, SqliteStore, Store, StoreError, Tx};
use crate::utilities::UtilityName;
use coinless_protocol::cose::{self, Label};
use coinless_protocol::keys::{KeyHash, PublicKey};
use coinless_protocol::token::{Clock, Order, Set, Token};
use coinless_protocol::{CreditNumber, Epoch, MeterId};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A signer in this process: it alone reads the operational keys, and commits in groups what it signs.
pub struct LocalSigner {
    store: Arc<dyn Store>,
    keys: BTreeMap<UtilityName, Arc<SigningKey>>,
    clock: Box<dyn Fn() -> i64 + Send + Sync>,
    broken: watch::Sender<bool>,
    probe: Probe,
    _lock: File,
}

/// The points of which a signer's [`Probe`] is told: around the commit of what it is going to sign.
pub const POINTS: [&str; 2] = ["signer.before", "signer.committed"];

/// A key that is ready to sign.
pub(super) struct SigningKey {
    pub(super) folder: PathBuf,
    pub(super) pair: FastSigner,
    pub(super) operational: PublicKey,
    pub(super) verifier: FastVerifier,
    pub(super) limits: Limits,
    pub(super) life: Life,
    pub(super) signed: AtomicU64,
    pub(super) marked: Mutex<u64>,
}

impl LocalSigner {
    /// Opens the key store in the folder `path`, makes keys that are missing, and opens `signer.db` in it. `clock` gives the
    /// time in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`OpenError`] if keys, sealed statements or the database are not as they must be; its words say how to go on.
    pub async fn open<'a>(
        path: &Path,
        utilities: impl IntoIterator<Item = &'a UtilityName>,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let folders = folders(path, utilities);
        let own = lock_alone(path)?;
        let pairs = {
            let _making = files::lock(path)?;
            folders
                .into_iter()
                .map(|(name, folder)| Ok((name, Pair::open(folder)?)))
                .collect::<Result<Vec<_>, OpenError>>()
        }?;
        let database = path.join("signer.db");
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open_with(&database, GroupSize::default(), book::MIGRATIONS)?);
        let mut keys = BTreeMap::new();
        for (name, pair) in pairs {
            let key = open_key(&store, &name, pair).await?;
            keys.insert(name, Arc::new(key));
        }
        Ok(Self { store, keys, clock: Box::new(clock), broken: watch::channel(false).0, probe: |_| (), _lock: own })
    }

    /// The same, told of each of [`POINTS`] that is passed: tests end the process there.
    #[must_use]
    pub fn probed(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    /// What the key of a utility may sign, if there is such a utility.
    pub fn limits(&self, utility: &UtilityName) -> Option<Limits> {
        self.keys.get(utility).map(|key| key.limits)
    }

    /// The public key of a utility, to be copied to a station in another process.
    pub fn operational_key(&self, utility: &UtilityName) -> Option<PublicKey> {
        self.keys.get(utility).map(|key| key.operational)
    }

    /// Waits until the database cannot commit any more. Then this process must end.
    pub async fn broken(&self) {
        // The sender lives as long as this signer.
        let _ = self.broken.subscribe().wait_for(|broken| *broken).await;
    }

    /// Whether the database cannot commit any more.
    pub fn is_broken(&self) -> bool {
        *self.broken.borrow()
    }

    /// Why the database cannot commit any more, if it told, in its words.
    pub fn failure(&self) -> Option<(Fault, String)> {
        let watch = self.store.watch()?;
        watch.failure().map(|(fault, words)| (fault, words.to_owned()))
    }

    async fn try_sign(&self, request: &SignRequest) -> Result<Vec<u8>, SignError> {
        let key = self.key(&request.utility)?;
        let asked = key.asked(&request.utility, Some(request.meter), &request.payload, &request.meter_key)?;
        let (limits, now_ms) = (key.limits, (self.clock)());
        let [before, committed] = POINTS;
        (self.probe)(before);
        self.commit(key, move |tx| book::commit(tx, &asked, &limits, now_ms)).await?;
        (self.probe)(committed);
        key.seal(&request.payload, &request.meter_key)
    }

    async fn try_sign_terms(&self, request: &SignRequest) -> Result<Vec<u8>, SignError> {
        let key = self.key(&request.utility)?;
        let (limits, now_ms) = (key.limits, (self.clock)());
        if let Some(asked) = key.asked_terms(request, now_ms)? {
            let [before, committed] = POINTS;
            (self.probe)(before);
            self.commit(key, move |tx| book::commit_terms(tx, &asked, &limits, now_ms)).await?;
            (self.probe)(committed);
        }
        key.seal(&request.payload, &request.meter_key)
    }

    async fn try_learn(&self, before: &SignedBefore) -> Result<(), SignError> {
        let key = self.key(&before.utility)?;
        let refused = |why: &str| SignError::Refused(format!("a token from before is not taken in: {why}"));
        let (signed, _) = Token::parse(&before.token).map_err(|error| refused(&error.to_string()))?;
        if !signed.verify(&key.verifier, Label::Token, &before.meter_key) {
            return Err(refused("it is not signed by this key for this meter"));
        }
        let asked = key.asked(&before.utility, None, signed.payload, &before.meter_key)?;
        let now_ms = (self.clock)();
        self.commit(key, move |tx| book::learn(tx, &asked, now_ms)).await
    }

    fn try_sign_read_request(&self, request: &ReadSignRequest) -> Result<Vec<u8>, SignError> {
        let token = Token {
            meter: request.meter,
            meter_key: request.meter_key.hint(),
            epoch: request.epoch,
            order: Order::Read(request.challenge),
        };
        let payload = token.to_payload().map_err(|error| SignError::Refused(error.to_string()))?;
        self.key(&request.utility)?.seal(&payload, &request.meter_key)
    }

    /// Runs a command of the book; when this returns, it is durable.
    async fn commit(
        &self,
        key: &Arc<SigningKey>,
        command: impl FnMut(&mut dyn Tx) -> Result<Option<u64>, SignError> + Send + 'static,
    ) -> Result<(), SignError> {
        match self.store.write(Told::wrap(command)).await {
            Ok(signed) => {
                if let Some(signed) = signed {
                    key.note_signed(signed);
                }
                Ok(())
            }
            Err(Told::Store(error)) => {
                if matches!(error, StoreError::Commit(_) | StoreError::Closed) {
                    self.broken.send_replace(true);
                }
                Err(error.into())
            }
            Err(Told::Sign(error)) => Err(error),
        }
    }

    fn key(&self, utility: &UtilityName) -> Result<&Arc<SigningKey>, SignError> {
        let unknown = || SignError::Refused(format!("this signer has no key of the utility {utility}"));
        self.keys.get(utility).ok_or_else(unknown)
    }
}

impl TokenSigner for LocalSigner {
    fn sign<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(self.try_sign(request))
    }

    fn sign_terms<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(self.try_sign_terms(request))
    }

    fn sign_read_request<'a>(&'a self, request: &'a ReadSignRequest) -> Call<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async { self.try_sign_read_request(request) })
    }

    fn highest_number<'a>(
        &'a self,
        utility: &'a UtilityName,
        meter: MeterId,
    ) -> Call<'a, Result<Option<(Epoch, CreditNumber)>, SignError>> {
        let utility = utility.clone();
        Box::pin(self.store.read(move |tx| book::highest_number(tx, &utility, meter)))
    }

    fn learn<'a>(&'a self, before: &'a SignedBefore) -> Call<'a, Result<(), SignError>> {
        Box::pin(self.try_learn(before))
    }
}

impl Drop for LocalSigner {
    fn drop(&mut self) {
        self.keys.values().for_each(|key| key.write_mark());
    }
}

impl SigningKey {
    /// Reads a payload that is to be signed, and refuses what is no credit token of `meter`.
    fn asked(
        &self,
        utility: &UtilityName,
        meter: Option<MeterId>,
        payload: &[u8],
        meter_key: &KeyHash,
    ) -> Result<Asked, SignError> {
        let refused = |why: String| SignError::Refused(format!("only credit tokens are signed: {why}"));
        let token = Token::from_payload(payload).map_err(|error| refused(error.to_string()))?;
        let Some(credit) = token.credit() else {
            return Err(refused("this one carries no credit register".to_owned()));
        };
        if token.order != Order::Set(Set { credit: Some(*credit), ..Set::default() }) {
            return Err(refused("this one sets other registers too".to_owned()));
        }
        let (register, closing) = (credit.register, credit.closing);
        if meter.is_some_and(|meter| meter != token.meter) {
            return Err(refused(format!("this one is for meter {}", token.meter)));
        }
        if token.meter_key != meter_key.hint() {
            return Err(refused("this one names another key of the meter".to_owned()));
        }
        let digest = digest(meter_key, payload)?;
        Ok(Asked {
            utility: utility.clone(),
            operational: self.operational.hash(),
            meter: token.meter,
            meter_key: *meter_key,
            epoch: token.epoch,
            number: register.number,
            total: register.total,
            closing,
            digest,
        })
    }

    /// Reads a payload that is to be signed, and refuses what is no version of one other register of `meter`, or another time than
    /// the signer's own. None for the time: it has no number, and what is true may be said to every meter.
    fn asked_terms(&self, request: &SignRequest, now_ms: i64) -> Result<Option<AskedTerms>, SignError> {
        let refused = |why: &str| SignError::Refused(format!("no token for a register: {why}"));
        let token = Token::from_payload(&request.payload).map_err(|error| refused(&error.to_string()))?;
        if token.meter != request.meter || token.meter_key != request.meter_key.hint() {
            return Err(refused("it is for another meter, or another key of the meter"));
        }
        let Order::Set(set) = token.order else { return Err(refused("it sets none")) };
        let (register, number) = match set {
            Set { credit: Some(_), .. } => return Err(refused("it carries credit")),
            Set { credit: None, tariff: Some(tariff), settings: None, valve: None, clock: None } => {
                ("tariff", tariff.number)
            }
            Set { credit: None, tariff: None, settings: Some(settings), valve: None, clock: None } => {
                ("settings", settings.number)
            }
            Set { credit: None, tariff: None, settings: None, valve: Some(valve), clock: None } => {
                ("valve", valve.number)
            }
            Set { credit: None, tariff: None, settings: None, valve: None, clock: Some(clock) } => {
                return if is_now(&clock, now_ms) { Ok(None) } else { Err(refused("it is not that time")) };
            }
            _ => return Err(refused("it sets several")),
        };
        Ok(Some(AskedTerms {
            utility: request.utility.clone(),
            operational: self.operational.hash(),
            meter: token.meter,
            epoch: token.epoch,
            register,
            number,
            digest: digest(&request.meter_key, &request.payload)?,
        }))
    }

    fn seal(&self, payload: &[u8], meter_key: &KeyHash) -> Result<Vec<u8>, SignError> {
        let signed = cose::sign(payload, Label::Token, meter_key, &self.pair);
        signed.map(|bytes| bytes.to_vec()).map_err(|error| SignError::Unavailable(error.to_string()))
    }

    /// Writes the mark now and then, apart from who waits for a signature.
    fn note_signed(self: &Arc<Self>, signed: u64) {
        let before = self.signed.fetch_max(signed, Ordering::Relaxed);
        if before / MARK_EVERY < signed / MARK_EVERY {
            let key = self.clone();
            tokio::task::spawn_blocking(move || key.write_mark());
        }
    }

    /// A mark may lag behind, so one that cannot be written now does no harm; but somebody should know.
    fn write_mark(&self) {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = self.signed.load(Ordering::Relaxed);
        if signed <= *marked {
            return;
        }
        match mark::write(&self.folder, Mark { life: self.life, signed }) {
            Ok(()) => *marked = signed,
            Err(error) => tracing::error!(%error, "the mark of the signer cannot be written"),
        }
    }
}

/// SHA-256 of meter key and payload.
fn digest(meter_key: &KeyHash, payload: &[u8]) -> Result<[u8; 32], SignError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &[&meter_key.0, payload].concat());
    digest.as_ref().try_into().map_err(|_| SignError::Refused("its digest cannot be made".to_owned()))
}

/// How far the time of a token may be ahead of the signer's own, in seconds.
const CLOCK_AHEAD_S: u64 = 60;
/// How far it may be behind in an answer to a meter's challenge, by which a clock may go back, in seconds.
const CLOCK_BEHIND_S: u64 = 600;

/// Whether a token may say this time. One that answers no challenge only says that it is at least so late, which stays true.
fn is_now(clock: &Clock, now_ms: i64) -> bool {
    let now_s = u64::try_from(now_ms / 1000).unwrap_or_default();
    let behind = clock.answers.is_some().then_some(CLOCK_BEHIND_S);
    clock.unix_s <= now_s.saturating_add(CLOCK_AHEAD_S)
        && behind.is_none_or(|behind| clock.unix_s.saturating_add(behind) >= now_s)
}

/// What a command of the book says, told apart from what the database says.
enum Told {
    Store(StoreError),
    Sign(SignError),
}

impl Told {
    fn wrap(
        mut command: impl FnMut(&mut dyn Tx) -> Result<Option<u64>, SignError> + Send + 'static,
    ) -> impl FnMut(&mut dyn Tx) -> Result<Option<u64>, Self> + Send + 'static {
        move |tx| command(tx).map_err(Self::Sign)
    }
}

impl From<StoreError> for Told {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
