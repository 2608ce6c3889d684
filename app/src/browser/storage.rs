//! Asking the browser to keep what the phone remembers.

use super::window;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// Asks the browser not to throw the store away when space gets short. What it answers changes nothing now: the order's link
/// brings everything back.
pub async fn ask_to_stay() {
    if let Some(Ok(asked)) = manager().map(|storage| storage.persist()) {
        let _ = JsFuture::from(asked).await;
    }
}

/// Whether the browser has promised so; none if it does not say.
pub async fn stays() -> Option<bool> {
    let asked = manager()?.persisted().ok()?;
    JsFuture::from(asked).await.ok()?.as_bool()
}

fn manager() -> Option<web_sys::StorageManager> {
    let storage = js_sys::Reflect::get(&window().navigator(), &"storage".into()).ok()?;
    storage.dyn_into().ok()
}
