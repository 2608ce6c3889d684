//! The sandbox utility: a sales system of its own that sells nothing real, and behaves well or badly on demand.
//!
//! It speaks `docs/sales-system.openapi.yaml`, of which `coinless_station::sales::http` is the other side. Besides, and only to
//! this machine itself, `GET` and `PUT /admin/setting` show and change its [`Setting`].

mod behaviour;
mod book;
mod routes;
mod tariff;
mod work;

pub use behaviour::{Behaviour, CallKind, Fault, Setting};
pub use tariff::{Sum, Tariff};

use book::Book;
use coinless_station::sales::http::wire::EntryBody;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a sandbox utility is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bearer token that it wants.
    pub token: String,
    /// What it sells and for how much.
    pub tariff: Tariff,
    /// Meters that it does not sell to.
    pub blocked: BTreeSet<String>,
    /// Meters that it does not know.
    pub unknown: BTreeSet<String>,
    /// Where the draws of what goes wrong begin.
    pub seed: u64,
    /// How late a late answer is, unless the setting is changed before.
    pub late: Duration,
    /// Most sales of a page of its list.
    pub page: usize,
}

impl Options {
    /// The usual ones, with this token.
    pub fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            tariff: Tariff::default(),
            blocked: BTreeSet::new(),
            unknown: BTreeSet::new(),
            seed: 1,
            late: Duration::from_secs(90),
            page: 500,
        }
    }
}

/// The sandbox utility: its books, and how it behaves.
pub struct Utility {
    options: Options,
    book: Mutex<Book>,
    random: Mutex<fastrand::Rng>,
    seen: watch::Sender<BTreeMap<String, u32>>,
    setting: watch::Sender<Setting>,
    late_works: watch::Sender<usize>,
}

impl Utility {
    /// Opens the utility whose books are in the file `path`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path, options: Options) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            book: Mutex::new(Book::open(path)?),
            random: Mutex::new(fastrand::Rng::with_seed(options.seed)),
            seen: watch::channel(BTreeMap::new()).0,
            setting: watch::channel(Setting::default()).0,
            late_works: watch::channel(0).0,
            options,
        }))
    }

    /// Serves on `listener` until the process ends.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, routes::router(self).into_make_service_with_connect_info::<SocketAddr>()).await
    }

    /// How it behaves.
    pub fn setting(&self) -> Setting {
        *self.setting.borrow()
    }

    /// Behaves so from now on; what is late is late no more.
    pub fn set(&self, setting: Setting) {
        self.setting.send_replace(setting);
    }

    /// Every sale that was ever made, oldest first.
    pub fn sales(&self) -> Vec<EntryBody> {
        lock(&self.book).sales(i64::MIN, i64::MAX)
    }

    /// How often each call about a sale came in since the utility was opened: `vend`, `last_response`, `confirm` or `reverse`,
    /// a space, and the sale's id.
    pub fn seen(&self) -> BTreeMap<String, u32> {
        self.seen.borrow().clone()
    }

    /// Waits until such a call has come in so often.
    pub async fn wait_for(&self, call: &str, count: u32) {
        // The sender lives as long as this utility.
        let _ = self.seen.subscribe().wait_for(|seen| seen.get(call).is_some_and(|seen| *seen >= count)).await;
    }

    /// Waits until so much late work has been done since the utility was opened.
    pub async fn late_works(&self, count: usize) {
        // The sender lives as long as this utility.
        let _ = self.late_works.subscribe().wait_for(|done| *done >= count).await;
    }

    fn note(&self, call: &str, sale_id: &str) {
        self.seen.send_modify(|seen| *seen.entry(format!("{call} {sale_id}")).or_default() += 1);
    }

    /// What goes wrong with this call, if anything does.
    fn fault(&self, call: CallKind) -> Option<Fault> {
        let mut fault = None;
        // Not a change of behaviour: nobody who waits for one is woken.
        self.setting.send_if_modified(|setting| {
            fault = setting.next(call, &mut lock(&self.random));
            false
        });
        fault
    }

    /// Waits until late is late enough: some time, or the next change of behaviour.
    fn late(&self) -> impl Future<Output = ()> + use<> {
        let (mut changes, late) = (self.setting.subscribe(), self.options.late);
        async move {
            // Either is the end of waiting.
            let _ = tokio::time::timeout(late, changes.changed()).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
