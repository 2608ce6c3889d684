//! The page around every screen: where one is, what is under way, what must be told, and the ways to the main screens.

use super::{carry, history, home, house, list, meter, order, quote, receipt, scan, settings, walk};
use crate::app::{App, Notice, Running};
use crate::screen::Screen;
use crate::words::t;
use leptos::prelude::*;

/// The whole page.
pub fn page(app: App) -> impl IntoView {
    view! {
        <a class="skip" href="#main">{t("skip-to-content")}</a>
        <header>
            <button class="back" data-test="home" aria-label=t("nav-home") on:click=move |_| app.go(Screen::Home)>
                {super::parts::icon("logo")}
                <span>{move || app.station.with(|station| station.name.clone())}</span>
            </button>
            <Show when=move || !app.online.get()>
                <span class="badge" data-test="offline">{t("offline")}</span>
            </Show>
            <button class="plain" data-test="settings" aria-label=t("nav-settings") on:click=move |_| app.go(Screen::Settings)>
                "⚙"
            </button>
        </header>
        <main id="main" tabindex="-1" data-screen=move || app.screen.with(Screen::name) aria-busy=move || app.running.with(Option::is_some).to_string()>
            <div aria-live="polite" class="live">
                {move || app.running.get().map(under_way)}
                {move || app.notice.get().map(|notice| told(app, notice))}
            </div>
            {move || if app.overtaken.get() { overtaken().into_any() } else { screen(app, app.screen.get()) }}
        </main>
        <nav aria-label=t("nav")>
            {tab(app, Screen::Home, "nav-home", "home")}
            {tab(app, Screen::List, "nav-list", "list")}
            {tab(app, Screen::House, "nav-house", "house")}
            {tab(app, Screen::History, "nav-history", "history")}
        </nav>
    }
}

fn screen(app: App, screen: Screen) -> AnyView {
    match screen {
        Screen::Home => home::screen(app).into_any(),
        Screen::Scan => scan::screen(app).into_any(),
        Screen::Meter(meter) => meter::screen(app, meter).into_any(),
        Screen::Quote => quote::screen(app).into_any(),
        Screen::Order(id) => order::screen(app, id).into_any(),
        Screen::List => list::screen(app).into_any(),
        Screen::House => house::screen(app).into_any(),
        Screen::Walk(id, part) => walk::screen(app, id, part).into_any(),
        Screen::History => history::screen(app).into_any(),
        Screen::Receipt(id, line) => receipt::screen(app, id, line).into_any(),
        Screen::Carry(token) => carry::screen(app, *token).into_any(),
        Screen::Settings => settings::screen(app).into_any(),
        Screen::Nowhere => view! { <h1>{t("nowhere")}</h1><p>{t("nowhere-why")}</p> }.into_any(),
    }
}

fn tab(app: App, screen: Screen, words: &str, test: &'static str) -> impl IntoView + use<> {
    let here = screen.clone();
    let is_here = move || app.screen.with(|shown| *shown == here);
    let (icon, words) = (super::parts::icon(test), t(words));
    let data = format!("nav-{test}");
    view! {
        <button data-test=data aria-current=move || is_here().then_some("page") on:click=move |_| app.go(screen.clone())>
            {icon}
            <span>{words}</span>
        </button>
    }
}

fn under_way(running: Running) -> impl IntoView {
    let words = match running {
        Running::Asking => "running-asking",
        Running::Connecting => "running-connecting",
        Running::Buying => "running-buying",
        Running::Loading => "running-loading",
        Running::Syncing => "running-syncing",
    };
    view! { <p class="running" data-test="running"><span class="spinner" aria-hidden="true"></span>{t(words)}</p> }
}

fn told(app: App, notice: Notice) -> impl IntoView {
    let class = if notice.is_trouble { "notice trouble" } else { "notice good" };
    let details = (!notice.details.is_empty()).then(|| {
        view! { <details><summary>{t("details")}</summary><p lang="en" dir="ltr">{notice.details.clone()}</p></details> }
    });
    view! {
        <div class=class data-test="notice" role=if notice.is_trouble { "alert" } else { "status" }>
            <p>{notice.words}</p>
            {details}
            <button class="plain" data-test="dismiss" on:click=move |_| app.notice.set(None)>{t("dismiss")}</button>
        </div>
    }
}

/// Another tab works on the phone's store now.
fn overtaken() -> impl IntoView {
    let here = move |_| {
        // A page that cannot be loaded again has been closed.
        let _ = crate::browser::window().location().reload();
    };
    view! {
        <h1>{t("overtaken")}</h1>
        <p>{t("overtaken-why")}</p>
        <button class="main" data-test="go-on-here" on:click=here>{t("go-on-here")}</button>
    }
}
