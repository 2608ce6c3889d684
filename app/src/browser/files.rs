//! Files that go out of the page and come into it.

use super::{document, object, window, words_of};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, File, HtmlAnchorElement, HtmlCanvasElement, HtmlInputElement, Url};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = navigator, js_name = share, catch)]
    async fn share_data(data: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["navigator", "clipboard"], js_name = writeText, catch)]
    async fn write_clipboard(text: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    async fn create_image_bitmap(file: &File) -> Result<JsValue, JsValue>;
}

/// Longest side of a kept picture, in pixels.
const PICTURE_PX: u32 = 240;
/// Longest side of a picture in which a label is looked for, in pixels.
const SCAN_PX: u32 = 1600;

/// Gives the person a file to keep.
///
/// # Errors
/// In the browser's words.
pub fn download(name: &str, media_type: &str, bytes: &[u8]) -> Result<(), String> {
    let save = || -> Result<(), JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        let parts = Array::of1(&Uint8Array::from(bytes));
        let url = Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence_and_options(&parts, &options)?)?;
        let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
        Url::revoke_object_url(&url)
    };
    save().map_err(|error| words_of(&error))
}

/// Whether the phone can hand texts to its other apps.
pub fn can_share() -> bool {
    js_sys::Reflect::has(&window().navigator(), &"share".into()).unwrap_or(false)
}

/// Hands a text to another app; the person chooses which, or none.
pub async fn share(title: &str, text: &str, url: Option<&str>) {
    let mut data = vec![("title", title.into()), ("text", text.into())];
    data.extend(url.map(|url| ("url", url.into())));
    // Who shares nothing after all has lost nothing.
    let _ = share_data(&object(&data)).await;
}

/// Copies a text, to be pasted elsewhere.
///
/// # Errors
/// In the browser's words.
pub async fn copy(text: &str) -> Result<(), String> {
    write_clipboard(text).await.map(drop).map_err(|error| words_of(&error))
}

/// The file that a person chose; none if none.
pub fn chosen(input: &HtmlInputElement) -> Option<File> {
    input.files().and_then(|files| files.get(0))
}

/// The bytes of a file, if it is no longer than `most`.
///
/// # Errors
/// In words.
pub async fn bytes(file: &File, most: usize) -> Result<Vec<u8>, String> {
    if file.size() > most as f64 {
        return Err(format!("{} > {most} bytes", file.size()));
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|error| words_of(&error))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// A picture made small enough to be kept: a `data:` URL.
///
/// # Errors
/// In the browser's words, if it is no picture.
pub async fn small_picture(file: &File) -> Result<String, String> {
    let canvas = drawn(file, PICTURE_PX).await.map_err(|error| words_of(&error))?;
    canvas.to_data_url_with_type("image/webp").map_err(|error| words_of(&error))
}

/// A picture's pixels for a reader of codes.
///
/// # Errors
/// In the browser's words, if it is no picture.
pub async fn scan_picture(file: &File) -> Result<HtmlCanvasElement, String> {
    drawn(file, SCAN_PX).await.map_err(|error| words_of(&error))
}

async fn drawn(file: &File, most_px: u32) -> Result<HtmlCanvasElement, JsValue> {
    let bitmap: web_sys::ImageBitmap = create_image_bitmap(file).await?.dyn_into()?;
    let (width, height) = (bitmap.width().max(1), bitmap.height().max(1));
    let longest = width.max(height);
    let scale = |side: u32| (u64::from(side) * u64::from(most_px.min(longest)) / u64::from(longest)).max(1) as u32;
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_width(scale(width));
    canvas.set_height(scale(height));
    let context: web_sys::CanvasRenderingContext2d =
        canvas.get_context("2d")?.ok_or(JsValue::from_str("no canvas"))?.unchecked_into();
    let (width, height) = (f64::from(canvas.width()), f64::from(canvas.height()));
    context.draw_image_with_image_bitmap_and_dw_and_dh(&bitmap, 0.0, 0.0, width, height)?;
    Ok(canvas)
}
