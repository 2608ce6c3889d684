//! One tab works on the phone's store at a time.
//!
//! Each tab that wants to work draws a number above the last one and writes it into the store; every change checks, in its own
//! transaction, that the number is still there (`database`). So a tab that was overtaken changes nothing any more, whatever it
//! still does. A channel tells it so at once, that it can say so.

use super::words_of;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type BroadcastChannel;

    #[wasm_bindgen(constructor, catch)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;

    #[wasm_bindgen(method, js_name = postMessage, catch)]
    fn post_message(this: &BroadcastChannel, message: f64) -> Result<(), JsValue>;

    #[wasm_bindgen(method, setter, js_name = onmessage)]
    fn set_onmessage(this: &BroadcastChannel, handler: &Closure<dyn FnMut(web_sys::MessageEvent)>);
}

const CHANNEL: &str = "coinless";

/// Tells other tabs that this one, with the number `own`, works from now on; and calls `overtaken` when a later one says so.
///
/// # Errors
/// In the browser's words, if it has no channels.
pub fn announce(own: u64, overtaken: impl Fn() + 'static) -> Result<(), String> {
    let channel = BroadcastChannel::new(CHANNEL).map_err(|error| words_of(&error))?;
    let handler = Closure::new(move |event: web_sys::MessageEvent| {
        if event.data().as_f64().is_some_and(|other| other > own as f64) {
            overtaken();
        }
    });
    channel.set_onmessage(&handler);
    handler.forget();
    channel.post_message(own as f64).map_err(|error| words_of(&error))?;
    // The channel lives as long as the page.
    std::mem::forget(channel);
    Ok(())
}
