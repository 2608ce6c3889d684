//! What the courier needs of the world, as a browser gives it.

pub mod database;
pub mod files;
pub mod http;
pub mod numbers;
pub mod one_tab;
mod rows;
pub mod storage;
pub mod time;

use coinless_phone::io::NoAnswer;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// The page's window.
///
/// # Panics
/// Outside a page, where this program is not made to run.
pub fn window() -> web_sys::Window {
    web_sys::window().unwrap_or_else(|| unreachable!("the app runs in a page"))
}

/// The page's document.
///
/// # Panics
/// As [`window`].
pub fn document() -> web_sys::Document {
    window().document().unwrap_or_else(|| unreachable!("a page has a document"))
}

/// The station's URL: where this page came from, without a slash at the end.
pub fn origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Bytes that nobody can foresee.
///
/// # Errors
/// [`NoAnswer`] in the browser's words, if it gives none: then no meter can be asked.
pub fn random<const N: usize>() -> Result<[u8; N], NoAnswer> {
    let mut bytes = [0; N];
    window()
        .crypto()
        .and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes))
        .map_err(|error| NoAnswer(words_of(&error)))?;
    Ok(bytes)
}

/// A plain object with these fields.
pub fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A new plain object takes every field.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

/// What the browser says of an error, in its words.
pub fn words_of(error: &JsValue) -> String {
    if let Some(error) = error.dyn_ref::<web_sys::DomException>() {
        return format!("{}: {}", error.name(), error.message());
    }
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}"))
}

/// Milliseconds since the page began; never goes back.
fn performance_now_ms() -> u64 {
    window().performance().map_or_else(js_sys::Date::now, |clock| clock.now()) as u64
}

/// Shows a text where no screen can be shown.
pub fn show_plainly(words: &str, details: &str) {
    web_sys::console::error_1(&format!("{words} {details}").into());
    if let Some(body) = document().body() {
        body.set_text_content(Some(&format!("{words}\n\n{details}")));
    }
}

/// Takes away what the page shows while it loads.
pub fn clear() {
    if let Some(body) = document().body() {
        body.set_text_content(None);
    }
}

/// Lets the app open without a network from now on. Where the browser has no service workers, or forbids them, it does not.
pub fn work_offline() {
    let workers = Reflect::get(&window().navigator(), &"serviceWorker".into()).ok();
    let workers = workers.and_then(|workers| workers.dyn_into::<web_sys::ServiceWorkerContainer>().ok());
    if let Some(workers) = workers {
        // What it answers changes nothing on this page.
        let _ = workers.register("/sw.js");
    }
}
