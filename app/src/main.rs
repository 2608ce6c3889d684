//! The phone app: the courier of `coinless-phone` in a page.
//!
//! * [`app`]: what all screens share; [`screen`]: which there are; [`act`]: what can be done; [`view`]: what is shown.
//! * [`browser`]: storage, HTTP, time, files; [`link`]: the ways to a meter.
//! * [`part`]: what is loaded after the first page is shown.
//! * [`words`]: the texts, in the reader's language.

mod act;
mod app;
mod browser;
mod link;
mod part;
mod scan;
mod screen;
mod view;
mod words;

use leptos::prelude::*;
use std::panic;
use wasm_bindgen_futures::spawn_local;

fn main() {
    panic::set_hook(Box::new(|why| {
        browser::show_plainly("Coinless stopped. Nothing is lost: load the page again.", &why.to_string())
    }));
    let first = view::later::part_of(&app::here());
    // Whether it arrives is asked again where it is shown.
    spawn_local(async move { drop(view::later::load(first).await) });
    spawn_local(async move {
        if let Err(why) = words::load().await {
            return browser::show_plainly(
                "Coinless cannot load its words. Load the page again when there is a network.",
                &why,
            );
        }
        match app::App::start().await {
            Ok(app) => {
                browser::clear();
                mount_to_body(move || view::page(app));
                // Nothing else is fetched before what this page waits for.
                drop(view::later::load(first).await);
                browser::work_offline();
                app.ask_station().await;
                act::bring::sync_quietly(app);
                // What is here already is not loaded again.
                for part in part::Part::ALL {
                    drop(view::later::load(part).await);
                }
            }
            Err(error) => {
                let (words, details) = words::trouble(&error);
                browser::show_plainly(&words, &details);
            }
        }
    });
}
