//! One tab works on the phone's store at a time.
//!
//! Each tab that wants to work draws a number above the last one and writes it into the store; every change checks, in its own
//! transaction, that the number is still there (`database`). So a tab that was overtaken changes nothing any more, whatever it
//! still does. A channel tells it so at once, that it can say so.
//!
//! The channel has a second use. Browsers keep pages that were left, frozen, to be quick when a person goes back; one that was left
//! while it opened the store holds it, and whoever opens it next waits without an end. A message on the channel ends such pages:
//! what is frozen cannot take it.

use super::words_of;
use std::cell::Cell;
use std::rc::Rc;
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
/// Below every tab's number: tells of no tab.
const NO_TAB: f64 = 0.0;

/// The tabs of this phone, this one among them.
pub struct Tabs {
    channel: BroadcastChannel,
    own: Rc<Cell<f64>>,
}

impl Tabs {
    /// Ends pages that were left and may hold the store, so that it can be opened; `overtaken` is called when a tab says that it
    /// works from now on, after this one did.
    ///
    /// # Errors
    /// In the browser's words, if it has no channels.
    pub fn join(overtaken: impl Fn() + 'static) -> Result<Self, String> {
        let channel = BroadcastChannel::new(CHANNEL).map_err(|error| words_of(&error))?;
        let own = Rc::new(Cell::new(f64::INFINITY));
        let than = Rc::clone(&own);
        let handler = Closure::new(move |event: web_sys::MessageEvent| {
            if event.data().as_f64().is_some_and(|other| other > than.get()) {
                overtaken();
            }
        });
        channel.set_onmessage(&handler);
        // The channel lives as long as the page.
        handler.forget();
        channel.post_message(NO_TAB).map_err(|error| words_of(&error))?;
        Ok(Self { channel, own })
    }

    /// Tells other tabs that this one, with the number `own`, works from now on.
    ///
    /// # Errors
    /// In the browser's words.
    pub fn take_over(self, own: u64) -> Result<(), String> {
        self.own.set(own as f64);
        self.channel.post_message(own as f64).map_err(|error| words_of(&error))?;
        std::mem::forget(self);
        Ok(())
    }
}
