//! Asking the browser to keep what the phone remembers.

use super::window;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Asks the browser not to throw the store away when space gets short. Nothing waits for what it answers, which may take as long as
/// a person thinks: the order's link brings everything back.
pub fn ask_to_stay() {
    if let Some(Ok(asked)) = manager().map(|storage| storage.persist()) {
        spawn_local(async move { drop(JsFuture::from(asked).await) });
    }
}

/// Whether the browser has promised so; none if it does not say.
pub async fn stays() -> Option<bool> {
    let asked = manager()?.persisted().ok()?;
    JsFuture::from(asked).await.ok()?.as_bool()
}

/// Where what is about to be bought is kept: by the tab, over a reload.
const DRAFT: &str = "draft";

/// Keeps what is about to be bought over a reload of this tab, or nothing. Without storage, a reload begins anew.
pub fn keep_draft(json: Option<&str>) {
    let Ok(Some(storage)) = window().session_storage() else { return };
    let _ = match json {
        Some(json) => storage.set_item(DRAFT, json),
        None => storage.remove_item(DRAFT),
    };
}

/// What was kept so.
pub fn kept_draft() -> Option<String> {
    window().session_storage().ok().flatten()?.get_item(DRAFT).ok().flatten()
}

/// Where it is kept that a meter is asked over a cable; losing it loses nothing.
const CABLE: &str = "cable";

/// Keeps whether a meter is asked over a cable also where there is Bluetooth.
pub fn keep_cable(is_wanted: bool) {
    let Ok(Some(storage)) = window().local_storage() else { return };
    // Without storage it is chosen again the next time.
    let _ = if is_wanted { storage.set_item(CABLE, "yes") } else { storage.remove_item(CABLE) };
}

/// What was kept so.
pub fn wants_cable() -> bool {
    window().local_storage().ok().flatten().is_some_and(|storage| matches!(storage.get_item(CABLE), Ok(Some(_))))
}

fn manager() -> Option<web_sys::StorageManager> {
    let storage = js_sys::Reflect::get(&window().navigator(), &"storage".into()).ok()?;
    storage.dyn_into().ok()
}
