//! A utility's sales system over HTTP and JSON: `docs/sales-system.openapi.yaml` is the contract, `docs/sales-system.md` its
//! reasons. (`coinless_sim::utility` is a sandbox of the other side.)
//!
//! | call | path | answer |
//! |---|---|---|
//! | [`SalesSystem::lookup`] | `GET /v1/meters/{meter}` | 200 with the meter |
//! | [`SalesSystem::trial`] | `POST /v1/trials` | 200 with a quote |
//! | [`SalesSystem::vend`] | `PUT /v1/sales/{sale_id}` | 200 with the sale |
//! | [`SalesSystem::last_response`] | `GET /v1/sales/{sale_id}` | 200 with the sale, 404 `unknown_sale` if it is not known yet |
//! | [`SalesSystem::confirm`] | `PUT /v1/sales/{sale_id}/confirmation` | 200 |
//! | [`SalesSystem::reverse`] | `PUT /v1/sales/{sale_id}/reversal` | 200 |
//! | [`SalesSystem::sales`] | `GET /v1/sales?from_ms=…&to_ms=…&cursor=…` | 200 with a page of sales |
//!
//! Only a 2xx about the very sale that was asked for, or a 4xx with a problem code of the contract's closed list, is final.
//! Everything else is unknown; an answer about something else than was asked is an error in the log besides, and one about another
//! sale or amount comes before a person.

mod config;
mod read;
pub mod wire;

pub use config::{HttpSalesConfig, HttpSalesError, MAX_TOKEN_BYTES};
pub(crate) use read::words;
pub use read::{MAX_EXPLANATION_LINES, MAX_TERMS_BYTES, MAX_WORDS_CHARS};

use super::{
    Asked, ConfirmationOutcome, Lookup, Quote, QuoteError, ReversalOutcome, SaleEntry, SaleOutcome, SaleRequest,
    SalesSystem,
};
use crate::money::Currency;
use crate::net::http_client;
use crate::provider::Call;
use crate::telemetry::Words;
use crate::utilities::UtilityName;
use coinless_protocol::{Commodity, MeterId};
use read::{Answer, AskedTrial, Unclear, contradiction, silent};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use std::collections::BTreeSet;
use std::time::Duration;
use wire::{AskedBody, MAX_TIME_MS, SaleBody, TrialBody, VERSION, encode_sale_id, unit_of};

/// How long an answer may take in all, if the configuration does not say; then the outcome is unknown.
pub const DEFAULT_TIMEOUT_MS: u64 = 10_000;
/// Least and most that a configuration may say. The most is well below the time after which another worker takes a task up.
pub const TIMEOUT_LIMITS_MS: (u64, u64) = (100, 60_000);
/// Most bytes of an answer about one meter, quote or sale.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Most bytes of a page of sales.
pub const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Most sales of one list; who wants more asks for a shorter time.
pub const MAX_LISTED_SALES: usize = 100_000;
/// Most characters of a cursor.
pub const MAX_CURSOR_CHARS: usize = 256;
/// How long a whole list may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The station's side of a utility's sales system.
pub struct HttpSales {
    base: Url,
    authorization: HeaderValue,
    utility: UtilityName,
    currency: Currency,
    http: reqwest::Client,
}

impl HttpSales {
    /// The sales system of `utility`, which sells in `currency`. The token's file is read here, once.
    ///
    /// # Errors
    /// [`HttpSalesError`] that names the wrong value.
    pub fn new(config: &HttpSalesConfig, utility: UtilityName, currency: Currency) -> Result<Self, HttpSalesError> {
        let http = http_client(config.timeout()?)?;
        Ok(Self { base: config.base()?, authorization: config.authorization()?, utility, currency, http })
    }

    /// `/v1/` and the segments of a path, below the configured URL.
    fn url(&self, segments: &[&str]) -> Result<Url, Unclear> {
        let mut url = self.base.clone();
        let cannot = |()| silent("the sales system's URL cannot have a path");
        url.path_segments_mut().map_err(cannot)?.pop_if_empty().push(VERSION).extend(segments);
        Ok(url)
    }

    /// The URL of a sale, or of something below it.
    fn sale_url(&self, sale: &SaleRequest, rest: &[&str]) -> Result<Url, Unclear> {
        let id = encode_sale_id(&sale.sale_id).ok_or_else(|| silent("the sale's id cannot be written in a URL"))?;
        self.url(&[&["sales", id.as_str()], rest].concat())
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url).header(AUTHORIZATION, self.authorization.clone());
        request.header(ACCEPT, "application/json, application/problem+json")
    }

    async fn get(&self, url: Url, limit: usize) -> Result<Answer, Unclear> {
        receive(self.request(Method::GET, url), limit).await
    }

    async fn put(&self, sale: &SaleRequest, rest: &[&str]) -> Result<Answer, Unclear> {
        let request = self.request(Method::PUT, self.sale_url(sale, rest)?).json(&SaleBody::new(sale));
        receive(request, MAX_ANSWER_BYTES).await
    }

    async fn list(&self, from_ms: i64, to_ms: i64) -> Result<Vec<SaleEntry>, Unclear> {
        let (from_ms, to_ms) = (from_ms.max(0), to_ms.min(MAX_TIME_MS));
        if from_ms >= to_ms {
            return Ok(Vec::new());
        }
        let (mut sales, mut ids, mut cursor) = (Vec::new(), BTreeSet::new(), None::<String>);
        loop {
            let mut url = self.url(&["sales"])?;
            let times = [("from_ms", from_ms.to_string()), ("to_ms", to_ms.to_string())];
            url.query_pairs_mut().extend_pairs(times).extend_pairs(cursor.iter().map(|cursor| ("cursor", cursor)));
            let answer = self.get(url, MAX_PAGE_BYTES).await?;
            let (page, next) = read::sales_page(&answer, self.currency, (from_ms, to_ms))?;
            // Every page but the last moves on, so that the list ends.
            if page.is_empty() && next.is_some() {
                return Err(contradiction("its list of sales has an empty page before the last one"));
            }
            if !page.iter().all(|sale| ids.insert(sale.sale_id.clone())) {
                return Err(contradiction("its list of sales has a sale twice"));
            }
            sales.extend(page);
            if sales.len() > MAX_LISTED_SALES {
                return Err(silent("the list is too long: ask for a shorter time"));
            }
            match next {
                None => return Ok(sales),
                Some(next) if next.is_empty() || next.chars().count() > MAX_CURSOR_CHARS => {
                    return Err(contradiction("its list of sales has a cursor that is none"));
                }
                next => cursor = next,
            }
        }
    }

    /// Why nothing is known. What contradicts is an error in the log besides.
    fn note(&self, call: &str, unclear: &Unclear) -> String {
        let Unclear { why, contradicts } = unclear;
        if *contradicts {
            tracing::error!(utility = %self.utility, call, why = %Words(why), "a sales system contradicts what it was asked");
        }
        format!("{call}: {why}")
    }

    fn unknown_sale(&self, call: &str, unclear: &Unclear) -> SaleOutcome {
        SaleOutcome::Unknown { why: self.note(call, unclear), contradicts: unclear.contradicts }
    }

    fn unknown_reversal(&self, unclear: &Unclear) -> ReversalOutcome {
        ReversalOutcome::Unknown { why: self.note("reversal", unclear), contradicts: unclear.contradicts }
    }
}

/// Sends a request and reads its answer, at most `limit` bytes.
async fn receive(request: RequestBuilder, limit: usize) -> Result<Answer, Unclear> {
    let mut response = request.send().await.map_err(|error| silent(words_of(&error)))?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, media_type) = (response.status().as_u16(), media_type.to_owned());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silent(words_of(&error)))? {
        if body.len() + chunk.len() > limit {
            return Err(silent(format!("the utility answered {status} with more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, media_type, body })
}

/// Without the URL, which holds the sale's id.
fn words_of(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "no connection to the sales system"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke before there was a whole answer"
    }
}

impl SalesSystem for HttpSales {
    fn lookup<'a>(&'a self, meter: MeterId) -> Call<'a, Lookup> {
        Box::pin(async move {
            let told = async {
                let url = self.url(&["meters", meter.as_str()])?;
                read::lookup(&self.get(url, MAX_ANSWER_BYTES).await?, meter)
            };
            told.await.unwrap_or_else(|unclear| Lookup::Unavailable { why: self.note("lookup", &unclear) })
        })
    }

    fn trial<'a>(&'a self, meter: MeterId, commodity: Commodity, asked: Asked) -> Call<'a, Result<Quote, QuoteError>> {
        Box::pin(async move {
            let body = TrialBody {
                meter: meter.as_str().to_owned(),
                commodity: commodity.name().to_owned(),
                unit: unit_of(commodity).to_owned(),
                currency: self.currency.code().to_owned(),
                asked: AskedBody::new(asked, self.currency),
            };
            let told = async {
                let request = self.request(Method::POST, self.url(&["trials"])?).json(&body);
                let answer = receive(request, MAX_ANSWER_BYTES).await?;
                read::trial(&answer, &AskedTrial { meter, commodity, currency: self.currency, asked })
            };
            told.await.unwrap_or_else(|unclear| Err(QuoteError::Unavailable { why: self.note("trial", &unclear) }))
        })
    }

    fn vend<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        Box::pin(async move {
            let told = async { read::sale(&self.put(sale, &[]).await?, sale) };
            told.await.unwrap_or_else(|unclear| self.unknown_sale("vend", &unclear))
        })
    }

    fn last_response<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        Box::pin(async move {
            let told = async {
                let url = self.sale_url(sale, &[])?;
                read::last_response(&self.get(url, MAX_ANSWER_BYTES).await?, sale)
            };
            told.await.unwrap_or_else(|unclear| self.unknown_sale("last response", &unclear))
        })
    }

    fn confirm<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ConfirmationOutcome> {
        Box::pin(async move {
            let told = async { read::confirmation(&self.put(sale, &["confirmation"]).await?, sale) };
            told.await
                .unwrap_or_else(|unclear| ConfirmationOutcome::Unknown { why: self.note("confirmation", &unclear) })
        })
    }

    fn reverse<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ReversalOutcome> {
        Box::pin(async move {
            let told = async { read::reversal(&self.put(sale, &["reversal"]).await?, sale) };
            told.await.unwrap_or_else(|unclear| self.unknown_reversal(&unclear))
        })
    }

    fn sales<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<SaleEntry>, String>> {
        Box::pin(async move {
            match tokio::time::timeout(LIST_TIMEOUT, self.list(from_ms, to_ms)).await {
                Ok(told) => told.map_err(|unclear| self.note("list of sales", &unclear)),
                Err(_) => Err("list of sales: it took too long: ask for a shorter time".to_owned()),
            }
        })
    }
}
