//! The app's texts: Fluent messages in the reader's language, loaded once before anything is shown.

use crate::browser::{numbers, window, words_of};
use crate::link::NOTHING_CHOSEN;
use coinless_phone::Error;
use coinless_phone::messages::{Messages, Numbers, Value};
use coinless_phone::store::StoreError;
use coinless_phone::trouble::refusal_name;
use std::cell::RefCell;
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The languages, each by its own name. The first is taken where none fits.
pub const LANGUAGES: [(&str, &str); 6] =
    [("en", "English"), ("zh", "中文"), ("fr", "Français"), ("es", "Español"), ("sw", "Kiswahili"), ("ar", "العربية")];

/// Where the choice of a language is kept; losing it loses nothing.
const CHOICE: &str = "language";

struct Words {
    language: &'static str,
    messages: Messages,
}

/// The browser's knowledge of numbers in a language.
struct Browser(&'static str);

impl Numbers for Browser {
    fn written(&self, decimal: &str) -> String {
        numbers::number(self.0, decimal)
    }

    fn category(&self, count: u64) -> String {
        numbers::category(self.0, count)
    }
}

thread_local! {
    static WORDS: RefCell<Option<Words>> = const { RefCell::new(None) };
}

/// The language of the page.
pub fn language() -> &'static str {
    WORDS.with_borrow(|words| words.as_ref().map_or(LANGUAGES[0].0, |words| words.language))
}

/// Loads the messages in the language that was chosen, or else that the phone speaks.
///
/// # Errors
/// In words, if they cannot be fetched or read.
pub async fn load() -> Result<(), String> {
    let language = wanted();
    let text = fetch(language).await?;
    let messages = Messages::read(text, language == "ar").map_err(|error| format!("{language}: {error}"))?;
    if let Some(root) = crate::browser::document().document_element() {
        let direction = if language == "ar" { "rtl" } else { "ltr" };
        for (name, value) in [("lang", language), ("dir", direction)] {
            root.set_attribute(name, value).map_err(|error| words_of(&error))?;
        }
    }
    WORDS.set(Some(Words { language, messages }));
    Ok(())
}

/// Keeps the choice of a language, and shows the page anew in it.
pub fn choose(language: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        // Without storage the browser decides again the next time.
        let _ = storage.set_item(CHOICE, language);
    }
    let _ = window().location().reload();
}

fn wanted() -> &'static str {
    let known = |wanted: &str| {
        let wanted = wanted.split('-').next().unwrap_or("");
        LANGUAGES.iter().find(|(language, _)| language.eq_ignore_ascii_case(wanted)).map(|(language, _)| *language)
    };
    let chosen = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(CHOICE).ok().flatten());
    let spoken =
        window().navigator().languages().iter().filter_map(|language| language.as_string()).collect::<Vec<_>>();
    let found = chosen.iter().chain(&spoken).find_map(|language| known(language));
    found.unwrap_or(LANGUAGES[0].0)
}

/// The page names the file of each language.
async fn fetch(language: &str) -> Result<String, String> {
    let names = crate::browser::document().get_element_by_id("messages").and_then(|element| element.text_content());
    let names: BTreeMap<String, String> =
        serde_json::from_str(&names.unwrap_or_default()).map_err(|error| format!("the page's messages: {error}"))?;
    let url = names.get(language).ok_or_else(|| format!("no messages in {language}"))?;
    let get = async || -> Result<String, JsValue> {
        let response: web_sys::Response = JsFuture::from(window().fetch_with_str(url)).await?.dyn_into()?;
        if !response.ok() {
            return Err(format!("{url}: HTTP {}", response.status()).into());
        }
        Ok(JsFuture::from(response.text()?).await?.as_string().unwrap_or_default())
    };
    get().await.map_err(|error| words_of(&error))
}

/// The message `id`, with `arguments` by name.
pub fn say(id: &str, arguments: &[(&str, Value<'_>)]) -> String {
    WORDS.with_borrow(|words| match words {
        Some(Words { language, messages }) => messages.say(id, arguments, &Browser(language)),
        None => id.to_owned(),
    })
}

/// The message `id`.
pub fn t(id: &str) -> String {
    say(id, &[])
}

/// The message `id` with texts put in.
pub fn tt(id: &str, arguments: &[(&str, &str)]) -> String {
    let arguments: Vec<_> = arguments.iter().map(|(name, text)| (*name, Value::Text(text))).collect();
    say(id, &arguments)
}

/// The message `id` with a count `n`, by which a language may choose a form.
pub fn tn(id: &str, n: usize) -> String {
    say(id, &[("n", Value::Count(n as u64))])
}

/// A sum of money for the reader; the amount alone if it is none.
pub fn money(decimal: &str, currency: &str) -> String {
    numbers::money(language(), decimal, currency)
}

/// What a station or meter says with a unit, `12.345 m³`: its number as the reader writes it.
pub fn quantity(shown: &str) -> String {
    match shown.split_once(' ') {
        Some((number, unit)) if is_decimal(number) => {
            // Isolated, so that the unit stays behind its number from right to left too (UAX #9, LRI and PDI).
            let (open, close) = if language() == "ar" { ("\u{2066}", "\u{2069}") } else { ("", "") };
            format!("{open}{}\u{a0}{unit}{close}", numbers::number(language(), number))
        }
        _ => shown.to_owned(),
    }
}

/// Whether this is a decimal number as stations and meters write it: `-12.345`.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction)
}

/// Why the courier could not go on, for people; what it says itself, in English, comes along as details.
pub fn trouble(error: &Error) -> (String, String) {
    use coinless_phone::api::ApiError;
    let id = match error {
        Error::Store(StoreError::OtherFormat { .. }) => "trouble-newer-store",
        Error::Store(_) => "trouble-store",
        Error::Damaged(_) | Error::DamagedOrder(_) => "trouble-damaged",
        Error::Link(why) if why.0 == NOTHING_CHOSEN => "trouble-nothing-chosen",
        Error::Link(_) => "trouble-link",
        Error::Station(ApiError::NoAnswer(_)) => "trouble-offline",
        Error::Station(ApiError::Unclear { .. }) | Error::StationAnswer(_) => "trouble-unclear",
        Error::Station(ApiError::Recovering) => "trouble-recovering",
        Error::Station(ApiError::Refused(problem) | ApiError::TooOften(problem)) => {
            if let Some(label) = &problem.replaced_by {
                return (tt("problem-replaced", &[("label", label)]), error.to_string());
            }
            let id = format!("problem-{}", problem.code.as_deref().unwrap_or("unknown").replace('_', "-"));
            return (known(&id).unwrap_or_else(|| t("trouble-refused")), error.to_string());
        }
        Error::Refused(refusal) => {
            return (t(&format!("meter-refuses-{}", refusal_name(*refusal))), error.to_string());
        }
        Error::Busy { .. } => "trouble-meter-busy",
        Error::MeterCode(_) | Error::MeterAnswer(_) | Error::NotAuthentic(_) => "trouble-not-authentic",
        Error::WrongMeter(meter) => {
            let label = meter.label().to_string();
            return (tt("trouble-wrong-meter", &[("label", &label)]), error.to_string());
        }
        Error::OtherMeter { is, wanted } => {
            let (is, wanted) = (is.label().to_string(), wanted.label().to_string());
            return (tt("trouble-other-meter", &[("is", &is), ("wanted", &wanted)]), error.to_string());
        }
        Error::OtherOrder(_) => "trouble-other-order",
        Error::NoSuchOrder(_) | Error::UnknownOrder(_) | Error::OtherStation { .. } => "trouble-no-such-order",
        Error::BadPurchase(_) => "trouble-bad-purchase",
        Error::TooExpensive { .. } => "trouble-too-expensive",
        Error::OtherPayer(_) => "trouble-other-payer",
        Error::NotEntitled(_) => "problem-not-entitled",
        Error::NothingToRefund(_) => "trouble-nothing-to-refund",
    };
    (t(id), error.to_string())
}

/// The message `id`, if there is one: for what stations say that a later version may know.
pub fn known(id: &str) -> Option<String> {
    let is_known = WORDS.with_borrow(|words| words.as_ref().is_some_and(|words| words.messages.has(id)));
    is_known.then(|| t(id))
}
