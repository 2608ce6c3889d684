//! The page around every screen: where one is, what is under way, what must be told, and the ways to the main screens.

use super::later;
use crate::app::{App, Notice, Running};
use crate::screen::Screen;
use crate::words::t;
use leptos::prelude::*;

/// The whole page.
pub fn page(app: App) -> impl IntoView {
    provide_context(app);
    Effect::new(move |_| crate::browser::document().set_title(&title(app)));
    view! {
        <a class="skip" href="#main">{t("skip-to-content")}</a>
        <header>
            <button class="back" data-test="home" aria-label=move || app.station.with(|station| format!("{}, {}", station.name, t("nav-home"))) on:click=move |_| app.go(Screen::Home)>
                {super::parts::icon("logo")}
                <span>{move || app.station.with(|station| station.name.clone())}</span>
            </button>
            <Show when=move || !app.online.get()>
                <span class="badge" data-test="offline">{t("offline")}</span>
            </Show>
            <button class="plain" data-test="settings" aria-label=t("nav-settings") on:click=move |_| app.go(Screen::Settings)>
                {super::parts::icon("settings")}
            </button>
        </header>
        <main id="main" tabindex="-1" data-screen=move || app.screen.with(Screen::name) aria-busy=move || app.is_busy().to_string()>
            <div aria-live="polite" class="live">
                {move || app.running.get().map(under_way)}
                {move || app.notice.get().map(|notice| told(app, notice))}
                {move || app.visit.get().and_then(later::heard)}
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

/// What tells the page from other pages: what the screen is, and whose app it is (WCAG 2.4.2).
fn title(app: App) -> String {
    let what = if app.overtaken.get() { t("overtaken") } else { app.screen.with(heading) };
    app.station.with(|station| format!("{what} · {}", station.name))
}

/// What a screen begins with.
pub fn heading(screen: &Screen) -> String {
    t(match screen {
        Screen::Meter(meter) => return format!("{} {}", t("meter-title"), meter.label()),
        Screen::Home => "home-title",
        Screen::Scan => "scan-title",
        Screen::Quote => "quote-title",
        Screen::Order(_) => "order-title",
        Screen::List => "list-title",
        Screen::House => "house-title",
        Screen::Walk(..) => "walk-title",
        Screen::History => "history-title",
        Screen::Receipt(..) => "receipt-title",
        Screen::Problem(..) => "problem",
        Screen::Carry(_) => "carry-title",
        Screen::Settings => "settings-title",
        Screen::Nowhere => "nowhere",
    })
}

fn screen(app: App, screen: Screen) -> AnyView {
    match screen {
        Screen::Nowhere => view! { <h1>{t("nowhere")}</h1><p>{t("nowhere-why")}</p> }.into_any(),
        screen => later::screen(app, screen),
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
            {notice.next.map(|next| super::parts::next_step(app, next, None, None))}
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
