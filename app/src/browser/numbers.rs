//! Numbers, money and dates as the reader's language writes them (ECMA-402).

use super::object;
use js_sys::Object;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Intl, js_name = NumberFormat)]
    type NumberFormat;

    #[wasm_bindgen(constructor, catch, js_namespace = Intl, js_class = "NumberFormat")]
    fn new(language: &str, options: &Object) -> Result<NumberFormat, JsValue>;

    /// Takes a decimal number as text, so that no digit is lost.
    #[wasm_bindgen(method)]
    fn format(this: &NumberFormat, number: &str) -> String;

    #[wasm_bindgen(js_namespace = Intl, js_name = DateTimeFormat)]
    type DateTimeFormat;

    #[wasm_bindgen(constructor, catch, js_namespace = Intl, js_class = "DateTimeFormat")]
    fn new(language: &str, options: &Object) -> Result<DateTimeFormat, JsValue>;

    #[wasm_bindgen(method)]
    fn format(this: &DateTimeFormat, ms: f64) -> String;

    #[wasm_bindgen(js_namespace = Intl, js_name = PluralRules)]
    type PluralRules;

    #[wasm_bindgen(constructor, catch, js_namespace = Intl, js_class = "PluralRules")]
    fn new(language: &str) -> Result<PluralRules, JsValue>;

    #[wasm_bindgen(method)]
    fn select(this: &PluralRules, count: f64) -> String;
}

/// The reader's own way of writing the language of the page: the browser's `es-MX` for `es`, the language alone if it names none.
fn locale(language: &str) -> String {
    let wanted = super::window().navigator().languages();
    let mut wanted = wanted.iter().filter_map(|tag| tag.as_string());
    let is_it = |tag: &String| tag.split('-').next().is_some_and(|first| first.eq_ignore_ascii_case(language));
    wanted.find(is_it).unwrap_or_else(|| language.to_owned())
}

/// A decimal number such as `1234.50`, with as many digits after the point as it has.
pub fn number(language: &str, decimal: &str) -> String {
    let digits = decimal.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as f64;
    let options = object(&[("minimumFractionDigits", digits.into()), ("maximumFractionDigits", digits.into())]);
    NumberFormat::new(&locale(language), &options).map_or_else(|_| decimal.to_owned(), |format| format.format(decimal))
}

/// The plural category of a count (CLDR, "Language Plural Rules").
pub fn category(language: &str, count: u64) -> String {
    PluralRules::new(language).map_or_else(|_| "other".to_owned(), |rules| rules.select(count as f64))
}

/// A sum of money: `1234.50` of `EUR`. A code that the browser does not know is written after the number.
pub fn money(language: &str, decimal: &str, currency: &str) -> String {
    let digits = decimal.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as f64;
    let options = object(&[
        ("style", "currency".into()),
        ("currency", currency.into()),
        ("minimumFractionDigits", digits.into()),
        ("maximumFractionDigits", digits.into()),
    ]);
    match NumberFormat::new(&locale(language), &options) {
        Ok(format) if !currency.is_empty() => format.format(decimal),
        _ => format!("{} {currency}", number(language, decimal)).trim_end().to_owned(),
    }
}

/// Day and time of a moment, in milliseconds since 1970-01-01 UTC, where the phone is.
pub fn moment(language: &str, ms: u64) -> String {
    let options = object(&[("dateStyle", "medium".into()), ("timeStyle", "short".into())]);
    DateTimeFormat::new(&locale(language), &options).map_or_else(|_| String::new(), |format| format.format(ms as f64))
}

/// A day, `2026-11-27`, in short; as it is if it is none.
pub fn day(language: &str, day: &str) -> String {
    let ms = js_sys::Date::parse(day);
    if !ms.is_finite() {
        return day.to_owned();
    }
    // A date alone is the begin of that day in UTC (ECMA-262, Date.parse).
    let options = object(&[("day", "numeric".into()), ("month", "short".into()), ("timeZone", "UTC".into())]);
    DateTimeFormat::new(language, &options).map_or_else(|_| day.to_owned(), |format| format.format(ms))
}
