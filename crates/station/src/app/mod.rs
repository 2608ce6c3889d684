//! The phone app as the station serves it: a folder of files that `cargo xtask app` makes, and what the app is told of this station.
//!
//! The files are read whole when the station starts, so that an answer never waits for a disk and an app is never half of one build
//! and half of another. `http` answers with them.

mod files;
mod policy;

pub(crate) use files::{Coding, File, INDEX};

use crate::provider::PaymentProvider;
use crate::service::Station;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use coinless_protocol::MeterId;
use files::Files;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// Most simulated meters that the app may connect to over WebSocket: each is named in a header of every answer.
pub const MAX_WEBSOCKET_METERS: usize = 256;
/// Most pages that may show the app in a frame.
pub const MAX_FRAMES: usize = 8;

/// `[app]` of the configuration file: the phone app. Without a folder, none is installed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppConfig {
    /// The folder that `cargo xtask app` made.
    pub folder: Option<PathBuf>,
    /// What the app calls this station; the brand of its utility if it is left out, or *Coinless* if there are several.
    pub name: Option<String>,
    /// Simulated meters and where they listen for WebSockets, such as `CLS0000000017 = "ws://127.0.0.1:7101"`.
    pub websocket_meters: BTreeMap<String, String>,
    /// Pages that may show the app in a frame, such as `"http://127.0.0.1:7000"`: for demonstrations. None if it is left out.
    pub may_be_framed_by: Vec<String>,
}

/// Why an app cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AppError(String);

/// The phone app as it is served, or that there is none.
#[derive(Debug)]
pub struct App {
    name: Option<String>,
    websocket_meters: BTreeMap<String, String>,
    headers: HeaderMap,
    files: Option<Files>,
}

impl Default for App {
    /// No app is installed.
    fn default() -> Self {
        let headers = policy::headers(&BTreeSet::new(), &[]);
        Self { name: None, websocket_meters: BTreeMap::new(), headers, files: None }
    }
}

impl App {
    /// Checks the configuration, and reads all files of the folder.
    ///
    /// # Errors
    /// [`AppError`] that names the wrong value, or says what the folder lacks.
    pub fn open(config: &AppConfig) -> Result<Self, AppError> {
        if config.websocket_meters.len() > MAX_WEBSOCKET_METERS {
            return Err(AppError(format!("app.websocket_meters names more than {MAX_WEBSOCKET_METERS} meters")));
        }
        let (mut websocket_meters, mut origins) = (BTreeMap::new(), BTreeSet::new());
        for (meter, url) in &config.websocket_meters {
            let wrong = |why: String| AppError(format!("app.websocket_meters: {meter} = {url:?}: {why}"));
            let id: MeterId = meter.parse().map_err(|error| wrong(format!("{meter} is no meter's number: {error}")))?;
            let source = policy::source(url, &["ws", "wss"], true).map_err(wrong)?;
            origins.insert(source.to_owned());
            websocket_meters.insert(id.to_string(), url.clone());
        }
        if config.may_be_framed_by.len() > MAX_FRAMES {
            return Err(AppError(format!("app.may_be_framed_by names more than {MAX_FRAMES} pages")));
        }
        for page in &config.may_be_framed_by {
            let wrong = |why| AppError(format!("app.may_be_framed_by: {page:?}: {why}"));
            policy::source(page, &["http", "https"], false).map_err(wrong)?;
        }
        let files = config.folder.as_deref().map(Files::read).transpose()?;
        let headers = policy::headers(&origins, &config.may_be_framed_by);
        Ok(Self { name: config.name.clone(), websocket_meters, headers, files })
    }

    /// Whether an app is installed.
    pub fn is_installed(&self) -> bool {
        self.files.is_some()
    }

    /// The file at this path of the folder, such as `app/coinless.js`.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.as_ref()?.at(path)
    }

    /// What each answer to a browser carries, so that a page of this station does nothing but what the app is made to do.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter()
    }
}

/// Where an app is looked for if the folder holds none.
pub(super) fn how_to_make(folder: &Path, lacks: &str) -> AppError {
    AppError(format!(
        "{} {lacks}: `cargo xtask app` makes the phone app, in target/app/dist of the project",
        folder.display()
    ))
}

/// What the app is told of this station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppView {
    /// What the station is called.
    pub name: String,
    /// ISO 4217 code of what all utilities here sell in; null if they sell in several.
    pub currency: Option<String>,
    /// How people can pay; the first is taken if an order names none.
    pub providers: Vec<ProviderView>,
    /// Where simulated meters listen for WebSockets, by their numbers without check character. Real meters have no such address.
    pub websocket_meters: BTreeMap<String, String>,
}

/// A payment provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// Its name, as an order gives it.
    pub name: String,
    /// Whether an order must say who pays.
    pub payer: PayerNeed,
    /// What `payer` is to be, in English, such as `telephone number`; null if nothing is asked.
    pub hint: Option<String>,
}

/// Whether a payment provider needs to know who pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayerNeed {
    /// It finds out, or need not know: nobody should be asked.
    #[default]
    None,
    /// It is of use, for example for a refund.
    Optional,
    /// Without it there is no payment.
    Required,
}

/// Shows what the app is told of `station`.
pub(crate) fn view(station: &Station) -> AppView {
    let mut utilities = station.utilities().all();
    let currencies: BTreeSet<&str> = station.utilities().all().map(|utility| utility.currency.code()).collect();
    let only = utilities.next().filter(|_| utilities.next().is_none()).map(|utility| utility.brand.clone());
    let name = station.app().name.clone().or(only).unwrap_or_else(|| "Coinless".to_owned());
    let provider = |one: &dyn PaymentProvider| {
        let (payer, hint) = one.payer();
        ProviderView { name: one.name().to_owned(), payer, hint: hint.map(str::to_owned) }
    };
    AppView {
        name,
        currency: currencies.first().filter(|_| currencies.len() == 1).map(|code| (*code).to_owned()),
        providers: station.providers().map(provider).collect(),
        websocket_meters: station.app().websocket_meters.clone(),
    }
}
