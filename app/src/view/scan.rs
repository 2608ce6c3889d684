//! Reading a label: by the camera, from a picture, or typed.

use crate::app::{App, Notice};
use crate::browser::{files, origin};
use crate::scan::{self, Camera, NoCamera};
use crate::screen::Screen;
use crate::words::t;
use coinless_protocol::MeterId;
use leptos::html::Video;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let video: NodeRef<Video> = NodeRef::new();
    let camera = StoredValue::new_local(None::<Camera>);
    let state = RwSignal::new("scan-starting");
    Effect::new(move |_| {
        let Some(element) = video.get() else { return };
        spawn_local(async move {
            match Camera::start(&element).await {
                Ok(started) => {
                    let Some(()) = camera.try_set_value(Some(started.clone())).map_or(Some(()), |_| None) else {
                        return started.stop();
                    };
                    state.set("scan-aim");
                    let mut seen = None;
                    // A code that leads nowhere is told once, and the camera looks on.
                    while let Some(text) = started.look(&element, seen.as_deref()).await {
                        if found(app, &text) {
                            return started.stop();
                        }
                        seen = Some(text);
                    }
                }
                Err(NoCamera::NotAllowed) => state.set("scan-camera-denied"),
                Err(NoCamera::NotThere) => state.set("scan-no-camera"),
            }
        });
    });
    on_cleanup(move || {
        app.scan_for.set(None);
        if let Some(Some(camera)) = camera.try_update_value(Option::take) {
            camera.stop();
        }
    });
    let picture = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let Some(file) = files::chosen(&input) else { return };
        // The same picture may be chosen again, which else would be no change.
        input.set_value("");
        spawn_local(async move {
            match files::scan_picture(&file).await {
                Ok(canvas) => match scan::read(&canvas).await {
                    Some(text) => drop(found(app, &text)),
                    None => app.notice.set(Some(Notice::trouble(t("scan-nothing"), ""))),
                },
                Err(why) => app.notice.set(Some(Notice::trouble(t("picture-wrong"), why))),
            }
        });
    };
    view! {
        <h1>{t("scan-title")}</h1>
        <div class="viewfinder"><video node_ref=video muted autoplay playsinline aria-label=t("scan-view")></video></div>
        <p data-test="camera" data-state=move || state.get()>{move || t(state.get())}</p>
        <label class="button">{t("scan-picture")}<input type="file" accept="image/*" data-test="picture" on:change=picture/></label>
        {nfc(app)}
        <button class="plain" on:click=move |_| app.go(Screen::Home)>{t("scan-type")}</button>
    }
}

/// A button to read a meter's tag; only where the browser has NFC.
pub fn nfc(app: App) -> Option<impl IntoView> {
    // Its own, since nothing that is under way elsewhere is in its way.
    let taps = RwSignal::new(false);
    let tap = move |_| {
        taps.set(true);
        spawn_local(async move {
            let tag = async { crate::link::MeterLink::nfc().await?.hint().await };
            let tag = tag.await;
            if taps.try_set(false).is_some() {
                // The screen was left meanwhile.
                return;
            }
            match tag {
                Ok(text) => drop(found(app, &text.unwrap_or_default())),
                Err(why) => app.notice.set(Some(Notice::trouble(t("scan-nfc-failed"), why.to_string()))),
            }
        });
    };
    crate::link::offered().nfc.then(|| {
        let words = move || t(if taps.get() { "running-connecting" } else { "scan-nfc" });
        view! { <button data-test="nfc" disabled=move || taps.get() on:click=tap>{words}</button> }
    })
}

/// Goes where a code leads: a label, an order, a token of another phone. Gives whether it leads anywhere; if not, that is told.
fn found(app: App, text: &str) -> bool {
    let text = text.trim();
    let meter = MeterId::from_label_url(text).or_else(|_| MeterId::from_label(text));
    if let (Ok(meter), Some(walk)) = (&meter, app.scan_for.get_untracked()) {
        // The walker wants to load it, not to buy for it.
        app.at_hand.set(Some(*meter));
        app.go(walk);
        return true;
    }
    let screen = meter.ok().map(Screen::Meter).or_else(|| {
        let rest = text.strip_prefix(&origin()).filter(|rest| rest.starts_with('/'))?;
        let (path, hash) = rest.find('#').map_or((rest, ""), |at| rest.split_at(at));
        Some(Screen::at(&origin(), path, hash)).filter(|screen| *screen != Screen::Nowhere)
    });
    match screen {
        Some(screen) => {
            app.go(screen);
            true
        }
        None => {
            app.notice.set(Some(Notice::trouble(t("scan-other"), text.chars().take(200).collect::<String>())));
            false
        }
    }
}
