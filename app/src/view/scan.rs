//! Reading a label: by the camera, from a picture, or typed.

use crate::app::{App, Notice};
use crate::browser::{files, origin};
use crate::scan::{self, Camera};
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
                    let stop = started.clone();
                    if let Some(text) = started.look(&element).await {
                        stop.stop();
                        found(app, &text);
                    }
                }
                Err(_) => state.set("scan-no-camera"),
            }
        });
    });
    on_cleanup(move || {
        if let Some(Some(camera)) = camera.try_update_value(Option::take) {
            camera.stop();
        }
    });
    let picture = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let Some(file) = files::chosen(&input) else { return };
        spawn_local(async move {
            match files::scan_picture(&file).await {
                Ok(canvas) => match scan::read(&canvas).await {
                    Some(text) => found(app, &text),
                    None => app.notice.set(Some(Notice::trouble(t("scan-nothing"), ""))),
                },
                Err(why) => app.notice.set(Some(Notice::trouble(t("picture-wrong"), why))),
            }
        });
    };
    let nfc = crate::link::offered().nfc.then(|| {
        let tap = move |_| {
            spawn_local(async move {
                let tag = async { crate::link::MeterLink::nfc().await?.hint().await };
                match tag.await {
                    Ok(text) => found(app, &text.unwrap_or_default()),
                    Err(why) => app.notice.set(Some(Notice::trouble(t("scan-nfc-failed"), why.to_string()))),
                }
            });
        };
        view! { <button data-test="nfc" on:click=tap>{t("scan-nfc")}</button> }
    });
    view! {
        <h1>{t("scan-title")}</h1>
        <div class="viewfinder"><video node_ref=video muted autoplay playsinline aria-label=t("scan-view")></video></div>
        <p data-test="camera" data-state=move || state.get()>{move || t(state.get())}</p>
        <label class="button">{t("scan-picture")}<input type="file" accept="image/*" data-test="picture" on:change=picture/></label>
        {nfc}
        <button class="plain" on:click=move |_| app.go(Screen::Home)>{t("scan-type")}</button>
    }
}

/// Goes where a code leads: a label, an order, a token of another phone.
fn found(app: App, text: &str) {
    let text = text.trim();
    let meter = MeterId::from_label_url(text).or_else(|_| MeterId::from_label(text));
    if let Ok(meter) = meter {
        return app.go(Screen::Meter(meter));
    }
    let rest = text.strip_prefix(&origin()).filter(|rest| rest.starts_with('/'));
    let screen = rest.map(|rest| {
        let (path, hash) = rest.find('#').map_or((rest, ""), |at| rest.split_at(at));
        Screen::at(&origin(), path, hash)
    });
    match screen {
        Some(screen) if screen != Screen::Nowhere => app.go(screen),
        _ => app.notice.set(Some(Notice::trouble(t("scan-other"), text.chars().take(200).collect::<String>()))),
    }
}
