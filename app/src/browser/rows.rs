//! Rows of text in IndexedDB, for one working tab.

use super::{object, words_of};
use coinless_phone::records::record::FORMAT;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction, IdbTransactionMode};

const NAME: &str = "coinless";
const RECORDS: &str = "records";
/// The one row of this table says which tab works.
const TABS: &str = "tabs";
const WORKING: &str = "working";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;

    /// With options, of which web-sys has no binding outside its unstable part.
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction_with(
        this: &Database,
        stores: &JsValue,
        mode: IdbTransactionMode,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

/// The table, opened by a tab with a number of its own.
pub struct Rows {
    database: Database,
    tab: f64,
}

/// Why a row was not read or not written.
#[derive(Debug)]
pub enum RowsError {
    /// A later tab works on the store now.
    Overtaken,
    /// A newer version of the app has written the table.
    Newer,
    /// The browser, in its words.
    Browser(String),
}

impl std::fmt::Display for RowsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overtaken => f.write_str("Coinless goes on in another tab"),
            Self::Newer => f.write_str("a newer version of the app has written it"),
            Self::Browser(words) => f.write_str(words),
        }
    }
}

impl From<JsValue> for RowsError {
    fn from(error: JsValue) -> Self {
        match error.dyn_ref::<web_sys::DomException>() {
            // Indexed Database API 3.0 §2.7.4: only for opening a database that has a newer version.
            Some(error) if error.name() == "VersionError" => Self::Newer,
            _ => Self::Browser(words_of(&error)),
        }
    }
}

impl Rows {
    /// Opens the table, makes it if it is new, and gives this tab the next number.
    ///
    /// # Errors
    /// [`RowsError::Newer`], or [`RowsError::Browser`].
    pub async fn open() -> Result<Self, RowsError> {
        let factory = super::window().indexed_db()?.ok_or_else(|| RowsError::Browser("it has no storage".into()))?;
        let request = factory.open_with_u32(NAME, FORMAT)?;
        let making = request.clone();
        let upgrade = Closure::once(move |event: web_sys::IdbVersionChangeEvent| upgrade(&making, event.old_version()));
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let database: Database = JsFuture::from(asked(&request)).await?.unchecked_into();
        // A newer version of the app, in another tab, must not wait for this one.
        let closing = database.clone();
        let close = Closure::<dyn FnMut()>::new(move || closing.close());
        database.set_onversionchange(Some(close.into_js_value().unchecked_ref()));
        let rows = Self { tab: next_tab(&database).await?, database };
        Ok(rows)
    }

    /// The number of this tab.
    pub fn tab(&self) -> u64 {
        self.tab as u64
    }

    /// All rows, by their names.
    ///
    /// # Errors
    /// [`RowsError::Browser`].
    pub async fn all(&self) -> Result<Vec<(String, String)>, RowsError> {
        let records = self.database.transaction_with_str(RECORDS)?.object_store(RECORDS)?;
        let names = asked(&records.get_all_keys()?);
        let texts = asked(&records.get_all()?);
        let (names, texts) = (Array::from(&JsFuture::from(names).await?), Array::from(&JsFuture::from(texts).await?));
        let text = |value: JsValue| value.as_string().unwrap_or_default();
        Ok(names.iter().map(text).zip(texts.iter().map(text)).collect())
    }

    /// For each name, writes its text, or removes the row if there is no text; when this gives a result, all is on the disk.
    ///
    /// # Errors
    /// [`RowsError`]; nothing was changed.
    pub async fn change(&self, changes: &[(String, Option<String>)]) -> Result<(), RowsError> {
        let (transaction, ended) = strict(&self.database, &[RECORDS, TABS])?;
        let working = JsFuture::from(asked(&transaction.object_store(TABS)?.get(&WORKING.into())?)).await?;
        let asked_for = if working.as_f64() == Some(self.tab) {
            ask(&transaction.object_store(RECORDS)?, changes).map_err(RowsError::from)
        } else {
            Err(RowsError::Overtaken)
        };
        if asked_for.is_err() {
            transaction.abort()?;
            // It ends as given up, which is not news.
            let _ = JsFuture::from(ended).await;
            return asked_for;
        }
        JsFuture::from(ended).await?;
        Ok(())
    }
}

/// Asks for each change; the end of the transaction tells of all of them.
fn ask(records: &IdbObjectStore, changes: &[(String, Option<String>)]) -> Result<(), JsValue> {
    for (name, text) in changes {
        match text {
            Some(text) => drop(records.put_with_key(&text.into(), &name.into())?),
            None => drop(records.delete(&name.into())?),
        }
    }
    Ok(())
}

/// From one version of the table to the next; no step may ever lose a record.
fn upgrade(request: &IdbOpenDbRequest, from: f64) {
    let made = request.result().map(|database| {
        let database: IdbDatabase = database.unchecked_into();
        if from < 1.0 {
            database.create_object_store(RECORDS).and_then(|_: IdbObjectStore| database.create_object_store(TABS)).err()
        } else {
            None
        }
    });
    if let Ok(Some(error)) | Err(error) = made {
        web_sys::console::error_1(&error);
    }
}

/// Takes the next number for this tab.
async fn next_tab(database: &Database) -> Result<f64, RowsError> {
    let (transaction, ended) = strict(database, &[TABS])?;
    let tabs = transaction.object_store(TABS)?;
    let last = JsFuture::from(asked(&tabs.get(&WORKING.into())?)).await?;
    let tab = last.as_f64().unwrap_or(0.0) + 1.0;
    drop(tabs.put_with_key(&tab.into(), &WORKING.into())?);
    JsFuture::from(ended).await?;
    Ok(tab)
}

/// A transaction that is on the disk when it has ended, and its end.
fn strict(database: &Database, stores: &[&str]) -> Result<(IdbTransaction, Promise), RowsError> {
    let options = object(&[("durability", "strict".into())]);
    let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
    let transaction = database.transaction_with(&names, IdbTransactionMode::Readwrite, &options)?;
    let ended = Promise::new(&mut |resolve: Function, reject: Function| {
        transaction.set_oncomplete(Some(&resolve));
        let failing = transaction.clone();
        let failed = Closure::once_into_js(move || {
            let error = failing.error().map_or_else(|| JsValue::from_str("the write was given up"), JsValue::from);
            // Nobody is there to hear that nobody hears.
            let _ = reject.call1(&JsValue::NULL, &error);
        });
        transaction.set_onabort(Some(failed.unchecked_ref()));
    });
    Ok((transaction, ended))
}

/// The result of a request.
fn asked(request: &IdbRequest) -> Promise {
    Promise::new(&mut |resolve: Function, reject: Function| {
        let done = request.clone();
        let success = Closure::once_into_js(move || {
            let _ = resolve.call1(&JsValue::NULL, &done.result().unwrap_or(JsValue::UNDEFINED));
        });
        let failing = request.clone();
        let failure = Closure::once_into_js(move || {
            let error = failing.error().ok().flatten().map_or(JsValue::UNDEFINED, JsValue::from);
            let _ = reject.call1(&JsValue::NULL, &error);
        });
        request.set_onsuccess(Some(success.unchecked_ref()));
        request.set_onerror(Some(failure.unchecked_ref()));
    })
}
