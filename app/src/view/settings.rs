//! Language, storage, and what this is.

use crate::app::App;
use crate::browser::storage;
use crate::screen::Screen;
use crate::words::{LANGUAGES, choose, language, t, tn};
use leptos::prelude::*;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let stays = super::parts::stays();
    let languages = LANGUAGES.map(|(code, name)| {
        let is = language() == code;
        view! { <option value=code lang=code selected=is>{name}</option> }
    });
    let offered = crate::link::offered();
    let ways = [("way-bluetooth", offered.bluetooth), ("way-serial", offered.serial), ("way-nfc", offered.nfc)].map(
        |(words, is)| {
            view! { <li>{if is { "✓ " } else { "– " }}{t(words)}</li> }
        },
    );
    let cable = (offered.bluetooth && offered.serial).then(|| {
        let keep = move |event| storage::keep_cable(event_target_checked(&event));
        view! {
            <label class="choice"><input type="checkbox" data-test="cable" checked=storage::wants_cable() on:change=keep />{t("way-cable")}</label>
        }
    });
    view! {
        <h1>{t("settings-title")}</h1>
        <label>{t("settings-language")}<select data-test="language" on:change=move |event| choose(&event_target_value(&event))>{languages.into_iter().collect_view()}</select></label>
        <h2>{t("settings-storage")}</h2>
        <p data-test="stays">{move || t(match stays.get() { Some(true) => "storage-stays", Some(false) => "storage-may-go", None => "storage-unknown" })}</p>
        <p>{move || app.contents.with(|contents| tn("storage-tokens", contents.tokens.len()))}</p>
        {move || app.contents.with(|contents| (!contents.damaged.is_empty()).then(|| {
            let names = contents.damaged.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            view! { <div class="notice trouble"><p>{tn("storage-damaged", contents.damaged.len())}</p><pre dir="ltr">{names}</pre></div> }
        }))}
        <h2>{t("settings-ways")}</h2>
        <ul>{ways.into_iter().collect_view()}</ul>
        {cable}
        <button class="plain" data-test="problem" on:click=move |_| app.go(Screen::Problem(None, None))>{t("problem")}</button>
        <h2>{t("settings-about")}</h2>
        <p>{t("about")}</p>
    }
}
