//! What all screens share: where the app is, what the phone remembers, and what is under way.

use crate::browser::database::PageStore;
use crate::browser::http::HomeStation;
use crate::browser::one_tab::Tabs;
use crate::browser::{origin, storage, window};
use crate::part::courier;
use crate::screen::Screen;
use crate::words::{t, trouble as words_of};
use coinless_phone::courier::Delivered;
use coinless_phone::draft::Draft;
use coinless_phone::records::KeptMeter;
use coinless_phone::store::Contents;
use coinless_phone::trouble::{self, Next};
use coinless_phone::wire::StationInfo;
use coinless_phone::{Error, api};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::RefCell;
use std::collections::HashSet;
use std::pin::Pin;
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
    /// What is about to be bought; it is changed by [`App::set_draft`].
    pub draft: RwSignal<Option<Draft>>,
    /// The reported problem that the station took last.
    pub reported: RwSignal<Option<Uuid>>,
    /// What the last visit at a meter came to.
    pub visit: RwSignal<Option<Arc<Delivered>>>,
    /// The round for which a label is being scanned.
    pub scan_for: RwSignal<Option<Screen>>,
    /// The meter whose label was scanned for it.
    pub at_hand: RwSignal<Option<MeterId>>,
    /// Another tab has taken over.
    pub overtaken: RwSignal<bool>,
    /// The orders that are being followed.
    pub followed: StoredValue<HashSet<Uuid>>,
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
    /// What can be done about it at a press.
    pub next: Option<Next>,
}

impl Notice {
    /// Bad news.
    pub fn trouble(words: String, details: impl Into<String>) -> Self {
        Self { words, details: details.into(), is_trouble: true, next: None }
    }

    /// Good news.
    pub fn good(words: String) -> Self {
        Self { words, details: String::new(), is_trouble: false, next: None }
    }
}

impl From<&Error> for Notice {
    fn from(error: &Error) -> Self {
        let (words, details) = words_of(error);
        Self { next: trouble::next(error), ..Self::trouble(words, details) }
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
            reported: RwSignal::new(None),
            visit: RwSignal::new(None),
            scan_for: RwSignal::new(None),
            at_hand: RwSignal::new(None),
            overtaken: RwSignal::new(false),
            followed: StoredValue::new(HashSet::new()),
        };
        let overtaken = move || app.overtaken.set(true);
        let tabs = Tabs::join(overtaken);
        let store = PageStore::open(app.contents, overtaken).await?;
        if let Err(why) = tabs.and_then(|tabs| tabs.take_over(store.tab())) {
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
        // What was pressed is gone with its screen: who uses a keyboard or hears the page goes on at the start of the new one.
        let main = crate::browser::document().get_element_by_id("main");
        if let Some(main) = main.and_then(|main| main.dyn_into::<web_sys::HtmlElement>().ok()) {
            // Without the focus the screen is shown all the same.
            let _ = main.focus();
        }
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }

    /// Notes what is about to be bought; it outlives a reload of the page.
    pub fn set_draft(self, draft: Option<Draft>) {
        storage::keep_draft(draft.as_ref().and_then(Draft::to_json).as_deref());
        self.draft.set(draft);
    }

    /// Whether something is under way; what reads it is drawn anew when that changes.
    pub fn is_busy(self) -> bool {
        self.running.with(Option::is_some)
    }

    /// Runs `work` unless something else is under way; what it fails of is told.
    pub fn run<F: Future<Output = Result<(), Error>> + 'static>(self, what: Running, work: F) {
        if self.running.get_untracked().is_some() {
            return;
        }
        self.running.set(Some(what));
        self.notice.set(None);
        spawn_local(self.ended(Box::pin(work)));
    }

    async fn ended(self, work: Pin<Box<dyn Future<Output = Result<(), Error>>>>) {
        let result = work.await;
        self.running.set(None);
        if let Err(error) = result {
            self.notice.set(Some((&error).into()));
        }
    }

    /// The kept meter of this label.
    pub fn kept(self, label: &str) -> Option<KeptMeter> {
        self.contents.with(|contents| contents.meters.iter().find(|kept| kept.label == label).cloned())
    }

    /// An id for a new order.
    pub fn new_id(self) -> Uuid {
        Uuid::now_v7()
    }

    /// Asks the station what it says of itself, and keeps it for a start without a network.
    pub async fn ask_station(self) {
        let Ok(info) = station().await else { return };
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
                crate::act::bring::sync_quietly(self);
            }),
        );
        on("offline", Box::new(move || self.online.set(false)));
        on("popstate", Box::new(move || self.show(here())));
    }
}

courier! {
    async fn station() -> Result<StationInfo, Error> {
        Ok(api::station(&mut HomeStation).await?)
    }
}

/// The screen of the page's address.
pub fn here() -> Screen {
    let location = window().location();
    let (path, hash) = (location.pathname().unwrap_or_default(), location.hash().unwrap_or_default());
    Screen::at(&origin(), &path, &hash)
}

fn kept_station() -> StationInfo {
    let kept = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(STATION).ok().flatten());
    let unknown = || StationInfo { name: t("app-name"), ..StationInfo::default() };
    kept.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_else(unknown)
}
