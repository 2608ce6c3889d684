//! HTTP to the station that this page came from.

use super::{window, words_of};
use coinless_phone::io::{Events, HttpAnswer, HttpMethod, HttpRequest, NoAnswer, Station};
use gloo_timers::callback::Timeout;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStreamDefaultReader, ReadableStreamReadResult, RequestCache, RequestCredentials,
    RequestInit, RequestRedirect, Response,
};

/// A station that has not answered by then is silent.
const TIMEOUT_MS: u32 = 30_000;
/// A living stream of events says something more often than this: the station sends a comment every 15 s.
const SILENCE_MS: u64 = 40_000;
/// No answer of a station is longer: an order of 500 lines has about one megabyte.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The station that this page came from.
#[derive(Debug, Clone, Copy)]
pub struct HomeStation;

/// A request under way; dropping it ends it.
struct Running {
    controller: AbortController,
    _timeout: Option<Timeout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

impl Running {
    fn new(timeout_ms: Option<u32>) -> Result<Self, NoAnswer> {
        let controller = AbortController::new().map_err(no_answer)?;
        let late = controller.clone();
        let timeout = timeout_ms.map(|ms| Timeout::new(ms, move || late.abort()));
        Ok(Self { controller, _timeout: timeout })
    }

    async fn fetch(&self, request: &HttpRequest<'_>) -> Result<Response, NoAnswer> {
        let init = RequestInit::new();
        init.set_method(match request.method {
            HttpMethod::Get => "GET",
            HttpMethod::Put => "PUT",
            HttpMethod::Post => "POST",
        });
        init.set_redirect(RequestRedirect::Error);
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        init.set_signal(Some(&self.controller.signal()));
        let headers = web_sys::Headers::new().map_err(no_answer)?;
        if let Some(content_type) = request.content_type {
            headers.set("content-type", content_type).map_err(no_answer)?;
            init.set_body(&Uint8Array::from(request.body));
        }
        if let Some(authorization) = request.authorization {
            headers.set("authorization", authorization).map_err(|_| NoAnswer("not sent: a secret".into()))?;
        }
        init.set_headers(&headers);
        let response =
            JsFuture::from(window().fetch_with_str_and_init(request.path, &init)).await.map_err(no_answer)?;
        response.dyn_into().map_err(no_answer)
    }
}

impl Station for HomeStation {
    type Events = Stream;

    async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        let running = Running::new(Some(TIMEOUT_MS))?;
        let response = running.fetch(request).await?;
        let mut body = Vec::new();
        if let Some(stream) = response.body() {
            let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
            while let Some(chunk) = read(&reader).await? {
                body.extend(chunk);
                if body.len() > MAX_ANSWER_BYTES {
                    return Err(NoAnswer("its answer is too long".into()));
                }
            }
        }
        Ok(HttpAnswer { status: response.status(), body })
    }

    async fn watch(&mut self, path: &str) -> Result<Stream, NoAnswer> {
        let running = Running::new(None)?;
        let request = HttpRequest { method: HttpMethod::Get, path, content_type: None, authorization: None, body: &[] };
        let response = running.fetch(&request).await?;
        let is_stream = response.headers().get("content-type").ok().flatten();
        if !response.ok() || !is_stream.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(NoAnswer(format!("no events (HTTP {})", response.status())));
        }
        let stream = response.body().ok_or_else(|| NoAnswer("no events".into()))?;
        let reader = stream.get_reader().unchecked_into();
        Ok(Stream { reader, running })
    }
}

/// A stream of the station's events.
pub struct Stream {
    reader: ReadableStreamDefaultReader,
    running: Running,
}

impl Events for Stream {
    async fn chunk(&mut self, most_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        let ms = u32::try_from(most_ms.min(SILENCE_MS)).unwrap_or(u32::MAX);
        let late = self.running.controller.clone();
        let _timeout = Timeout::new(ms, move || late.abort());
        read(&self.reader).await
    }
}

async fn read(reader: &ReadableStreamDefaultReader) -> Result<Option<Vec<u8>>, NoAnswer> {
    let result: ReadableStreamReadResult = JsFuture::from(reader.read()).await.map_err(no_answer)?.unchecked_into();
    if result.get_done().unwrap_or(false) {
        return Ok(None);
    }
    let bytes: Uint8Array = result.get_value().dyn_into().map_err(no_answer)?;
    Ok(Some(bytes.to_vec()))
}

fn no_answer(error: JsValue) -> NoAnswer {
    NoAnswer(words_of(&error))
}
