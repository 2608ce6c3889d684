//! Taking a token over from a phone that cannot reach the meter.

use super::parts::{label, load_button};
use crate::app::{App, Running, store};
use crate::words::t;
use coinless_phone::courier::{self, HandOver};
use coinless_phone::records::TokenKey;
use leptos::prelude::*;

/// The screen. The token is kept as soon as it is opened: a phone that is at the meter may have no time for questions.
pub fn screen(app: App, token: HandOver) -> impl IntoView {
    let key = RwSignal::new(None::<TokenKey>);
    app.run(Running::Asking, async move {
        key.set(Some(courier::carry(&mut store(), &token).await?));
        Ok(())
    });
    view! {
        <h1>{t("carry-title")}</h1>
        {move || key.get().map(|key| {
            let meter = key.meter;
            view! {
                <p data-test="carried">{t("carry-kept")}" "{label(&meter.label().to_string())}</p>
                {load_button(app, vec![meter], t("load-now"))}
            }
        })}
        {move || app.visit.get().map(|visit| super::visit::came_to(&visit))}
    }
}
