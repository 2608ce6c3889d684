//! Reading codes: with the browser's own reader where it has one, else with ours.

use crate::browser::{document, object};
use gloo_timers::future::TimeoutFuture;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement, MediaStream, MediaStreamConstraints,
    MediaStreamTrack,
};

#[wasm_bindgen]
extern "C" {
    type BarcodeDetector;

    #[wasm_bindgen(constructor, catch)]
    fn new(options: &JsValue) -> Result<BarcodeDetector, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn detect(this: &BarcodeDetector, image: &HtmlCanvasElement) -> Result<JsValue, JsValue>;
}

/// Pause between two looks, in milliseconds.
const PAUSE_MS: u32 = 150;
/// Longest side of what is looked at in a video, in pixels.
const LOOK_PX: u32 = 800;

/// A camera that is on.
#[derive(Clone)]
pub struct Camera {
    stream: MediaStream,
    off: Rc<Cell<bool>>,
}

/// Why there is no camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCamera {
    /// The person, or the browser in their name, does not allow it.
    NotAllowed,
    /// There is none, or another program has it.
    NotThere,
}

impl Camera {
    /// Switches the camera at the back on, and shows in `video` what it sees.
    ///
    /// # Errors
    /// [`NoCamera`].
    pub async fn start(video: &HtmlVideoElement) -> Result<Self, NoCamera> {
        Self::open(video).await.map_err(|error| match error.dyn_ref::<web_sys::DomException>() {
            Some(error) if error.name() == "NotAllowedError" => NoCamera::NotAllowed,
            _ => NoCamera::NotThere,
        })
    }

    async fn open(video: &HtmlVideoElement) -> Result<Self, JsValue> {
        let devices = crate::browser::window().navigator().media_devices()?;
        let wanted = object(&[("facingMode", "environment".into())]);
        let constraints = MediaStreamConstraints::new();
        constraints.set_video(&wanted);
        let stream: MediaStream =
            JsFuture::from(devices.get_user_media_with_constraints(&constraints)?).await?.dyn_into()?;
        let camera = Self { stream, off: Rc::default() };
        video.set_src_object(Some(&camera.stream));
        // Browsers that do not begin by themselves say so here.
        JsFuture::from(video.play()?).await?;
        Ok(camera)
    }

    /// Looks until there is a code in the picture other than `known`; none if the camera was switched off.
    pub async fn look(&self, video: &HtmlVideoElement, known: Option<&str>) -> Option<String> {
        while !self.off.get() {
            if let Some(text) = look_once(video).await.filter(|text| Some(text.as_str()) != known) {
                return Some(text);
            }
            TimeoutFuture::new(PAUSE_MS).await;
        }
        None
    }

    /// Switches it off.
    pub fn stop(&self) {
        self.off.set(true);
        for track in self.stream.get_tracks().iter() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    }
}

async fn look_once(video: &HtmlVideoElement) -> Option<String> {
    let (width, height) = (video.video_width(), video.video_height());
    let longest = width.max(height);
    if longest == 0 {
        return None;
    }
    let scale = |side: u32| (u64::from(side) * u64::from(LOOK_PX.min(longest)) / u64::from(longest)) as u32;
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.unchecked_into();
    canvas.set_width(scale(width));
    canvas.set_height(scale(height));
    let (width, height) = (f64::from(canvas.width()), f64::from(canvas.height()));
    context(&canvas)?.draw_image_with_html_video_element_and_dw_and_dh(video, 0.0, 0.0, width, height).ok()?;
    read(&canvas).await
}

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok().flatten().map(JsCast::unchecked_into)
}

/// The text of a code in a picture, if there is one.
pub async fn read(canvas: &HtmlCanvasElement) -> Option<String> {
    if let Some(text) = read_by_browser(canvas).await {
        return Some(text);
    }
    let (width, height) = (canvas.width(), canvas.height());
    let image = context(canvas)?.get_image_data(0.0, 0.0, f64::from(width), f64::from(height)).ok()?;
    let pixels = image.data().0;
    let (width, height) = (width as usize, height as usize);
    let grey = |x: usize, y: usize| match pixels.get((y * width + x) * 4..) {
        // Rec. 601 luma in whole numbers.
        Some([red, green, blue, ..]) => {
            ((u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114) / 1000) as u8
        }
        _ => 255,
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    image.detect_grids().into_iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

async fn read_by_browser(canvas: &HtmlCanvasElement) -> Option<String> {
    if !js_sys::Reflect::has(&crate::browser::window(), &"BarcodeDetector".into()).unwrap_or(false) {
        return None;
    }
    let options = object(&[("formats", js_sys::Array::of1(&"qr_code".into()).into())]);
    let codes = BarcodeDetector::new(&options).ok()?.detect(canvas).await.ok()?;
    let first = js_sys::Array::from(&codes).get(0);
    js_sys::Reflect::get(&first, &"rawValue".into()).ok()?.as_string()
}
