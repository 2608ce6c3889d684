//! What all screens share: where the app is, what the phone remembers, and what is under way.

use crate::browser::database::PageStore;
use crate::browser::http::HomeStation;
use crate::browser::{origin, window};
use crate::screen::Screen;
use crate::words::{t, trouble};
use coinless_phone::courier::{Delivered, PurchaseLine};
use coinless_phone::records::KeptMeter;
use coinless_phone::round::Round;
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::{Quote, StationInfo};
use coinless_phone::{Error, api};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::RefCell;
use std::sync::Arc;
use uuid::Uuid;
use wasm_bindgen::prelude::*;

/// Where the station's last word about itself is kept, for a start without a network.
const STATION: &str = "station";

thread_local! {
    static STORE: RefCell<Option<PageStore>> = const { RefCell::new(None) };
}

/// What all screens share.
#[derive(Clone, Copy)]
pub struct App {
    /// The screen that is shown.
    pub screen: RwSignal<Screen>,
    /// Everything in the phone's store.
    pub contents: RwSignal<Arc<Contents>>,
    /// What the station says of itself.
    pub station: RwSignal<StationInfo>,
    /// The phone has a network, as far as it knows.
    pub online: RwSignal<bool>,
    /// What is under way; nothing else is begun meanwhile.
    pub running: RwSignal<Option<Running>>,
    /// What the person must be told.
    pub notice: RwSignal<Option<Notice>>,
    /// What is about to be bought.
    pub draft: RwSignal<Option<Draft>>,
    /// What the last visit at a meter came to.
    pub visit: RwSignal<Option<Arc<Delivered>>>,
    /// Another tab has taken over.
    pub overtaken: RwSignal<bool>,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// Looking something up at the station.
    Asking,
    /// Looking for the meter.
    Connecting,
    /// Buying.
    Buying,
    /// Handing tokens to a meter.
    Loading,
    /// Bringing receipts to the station.
    Syncing,
}

/// What the person must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// In the reader's language.
    pub words: String,
    /// What the courier or the browser says itself; may be empty.
    pub details: String,
    /// It is bad news.
    pub is_trouble: bool,
}

/// What is about to be bought.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The lines.
    pub lines: Vec<PurchaseLine>,
    /// What they cost.
    pub quote: Quote,
    /// The file that they come from.
    pub round: Option<Round>,
    /// The screen where they were chosen.
    pub from: Screen,
}

impl Notice {
    /// Bad news.
    pub fn trouble(words: String, details: impl Into<String>) -> Self {
        Self { words, details: details.into(), is_trouble: true }
    }

    /// Good news.
    pub fn good(words: String) -> Self {
        Self { words, details: String::new(), is_trouble: false }
    }
}

impl From<&Error> for Notice {
    fn from(error: &Error) -> Self {
        let (words, details) = trouble(error);
        Self::trouble(words, details)
    }
}

/// The phone's store.
///
/// # Panics
/// Before [`App::start`], which is before any screen.
pub fn store() -> PageStore {
    STORE.with_borrow(|store| store.clone()).unwrap_or_else(|| unreachable!("the store is opened before any screen"))
}

impl App {
    /// Opens the phone's store and puts the app together.
    ///
    /// # Errors
    /// If the phone gives no storage.
    pub async fn start() -> Result<Self, Error> {
        let app = Self {
            screen: RwSignal::new(here()),
            contents: RwSignal::new(Arc::default()),
            station: RwSignal::new(kept_station()),
            online: RwSignal::new(window().navigator().on_line()),
            running: RwSignal::new(None),
            notice: RwSignal::new(None),
            draft: RwSignal::new(None),
            visit: RwSignal::new(None),
            overtaken: RwSignal::new(false),
        };
        let changed = move |contents: &Contents| app.contents.set(Arc::new(contents.clone()));
        let overtaken = move || app.overtaken.set(true);
        let store = PageStore::open(changed, overtaken).await?;
        if let Err(why) = crate::browser::one_tab::announce(store.tab(), overtaken) {
            // The fence in the store holds without it.
            web_sys::console::warn_1(&why.into());
        }
        STORE.set(Some(store));
        app.listen();
        Ok(app)
    }

    /// Shows another screen.
    pub fn go(self, screen: Screen) {
        if self.screen.get_untracked() == screen {
            return;
        }
        if let Ok(history) = window().history() {
            // Without a history the screen is shown all the same.
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&screen.path()));
        }
        self.show(screen);
    }

    fn show(self, screen: Screen) {
        self.notice.set(None);
        self.visit.set(None);
        self.screen.set(screen);
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }

    /// Runs `work` unless something else is under way; what it fails of is told.
    pub fn run<F: Future<Output = Result<(), Error>> + 'static>(self, what: Running, work: F) {
        if self.running.get_untracked().is_some() {
            return;
        }
        self.running.set(Some(what));
        self.notice.set(None);
        spawn_local(async move {
            let result = work.await;
            self.running.set(None);
            if let Err(error) = result {
                self.notice.set(Some((&error).into()));
            }
        });
    }

    /// The kept meter of this label.
    pub fn kept(self, label: &str) -> Option<KeptMeter> {
        self.contents.with(|contents| contents.meters.iter().find(|kept| kept.label == label).cloned())
    }

    /// Writes a kept meter.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep(self, meter: KeptMeter) -> Result<(), Error> {
        Ok(store().save_meter(&meter.within_limits()).await?)
    }

    /// An id for a new order.
    pub fn new_id(self) -> Uuid {
        Uuid::now_v7()
    }

    /// Asks the station what it says of itself, and keeps it for a start without a network.
    pub async fn ask_station(self) {
        let Ok(info) = api::station(&mut HomeStation).await else { return };
        if let (Ok(Some(storage)), Ok(json)) = (window().local_storage(), serde_json::to_string(&info)) {
            // Without it, the next start without a network does not know the station's name.
            let _ = storage.set_item(STATION, &json);
        }
        self.station.set(info);
    }

    /// Notes that the network comes and goes, and that the person goes back.
    fn listen(self) {
        let on = |name: &str, act: Box<dyn FnMut()>| {
            let closure = Closure::wrap(act);
            // A page without events has no network that could come back.
            let _ = window().add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
            closure.forget();
        };
        on(
            "online",
            Box::new(move || {
                self.online.set(true);
                crate::act::sync(self);
            }),
        );
        on("offline", Box::new(move || self.online.set(false)));
        on("popstate", Box::new(move || self.show(here())));
    }
}

/// The screen of the page's address.
fn here() -> Screen {
    let location = window().location();
    let (path, hash) = (location.pathname().unwrap_or_default(), location.hash().unwrap_or_default());
    Screen::at(&origin(), &path, &hash)
}

fn kept_station() -> StationInfo {
    let kept = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(STATION).ok().flatten());
    let unknown = || StationInfo { name: t("app-name"), ..StationInfo::default() };
    kept.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_else(unknown)
}
