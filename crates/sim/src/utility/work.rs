//! What the sandbox utility does about each call, and how it says no.

use super::book::Refused;
use super::{Utility, lock};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use coinless_protocol::{Commodity, MeterId, Units};
use coinless_station::money::Money;
use coinless_station::sales::http::MAX_TERMS_BYTES;
use coinless_station::sales::http::wire::{
    AskedBody, ConfirmationAnswer, FailureBody, FinalCode, MAX_TIME_MS, MeterAnswer, PROBLEM_TYPE, ProblemBody,
    QuoteBody, ReversalAnswer, SaleAnswer, SaleBody, SalesPage, TrialBody, decode_sale_id, unit_of,
};
use coinless_station::service::now_ms;
use serde::de::DeserializeOwned;

/// An error answer.
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    detail: String,
    sale_id: Option<String>,
}

/// A problem that is not about a sale.
pub(super) fn problem(status: u16, code: &'static str, detail: &str) -> Problem {
    Problem { status, code, detail: detail.to_owned(), sale_id: None }
}

/// The request is wrong.
pub(super) fn malformed(why: impl Into<String>) -> Problem {
    Problem { status: 400, code: "malformed", detail: why.into(), sale_id: None }
}

/// Nothing is known under this id (yet).
pub(super) fn unknown_sale(sale_id: &str) -> Problem {
    if decode_sale_id(sale_id).is_none() {
        return malformed("the sale's id is none");
    }
    let detail = "nothing is known under this id yet".to_owned();
    Problem { status: 404, code: "unknown_sale", detail, sale_id: Some(sale_id.to_owned()) }
}

impl Problem {
    /// A final no.
    pub(super) fn last(code: FinalCode, sale_id: Option<&str>) -> Self {
        let status = if code == FinalCode::UnknownMeter && sale_id.is_none() { 404 } else { 422 };
        let (detail, sale_id) = (code.words().to_owned(), sale_id.map(str::to_owned));
        Self { status, code: code.name(), detail, sale_id }
    }

    fn of(refused: Refused, sale_id: &str) -> Self {
        let about = |status, code, detail: &str| Self {
            status,
            code,
            detail: detail.to_owned(),
            sale_id: Some(sale_id.to_owned()),
        };
        match refused {
            Refused::Conflict => about(409, "conflict", "this id stands for another sale"),
            Refused::Unknown => unknown_sale(sale_id),
            Refused::For(code) => Self::last(code, Some(sale_id)),
            Refused::Books(error) => {
                tracing::error!(%error, "the sandbox utility cannot keep its books");
                about(500, "internal", "the sandbox utility cannot keep its books")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: format!("urn:coinless:sales:problem:{}", self.code),
            title: self.code.replace('_', " "),
            status: self.status,
            detail: self.detail,
            code: self.code.to_owned(),
            sale_id: self.sale_id,
        };
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        response
    }
}

impl Utility {
    pub(super) fn lookup(&self, meter: &str) -> Result<MeterAnswer, Problem> {
        let meter: MeterId = meter.parse().map_err(|_| malformed("the meter's number is none"))?;
        self.sells_to(meter.as_str()).map_err(|code| Problem::last(code, None))?;
        let (customer, place) = (Some("Sandbox Customer".to_owned()), Some("1 Sandbox Street".to_owned()));
        Ok(MeterAnswer { meter: meter.to_string(), customer, place })
    }

    pub(super) fn trial(&self, body: &[u8]) -> Result<QuoteBody, Problem> {
        let body: TrialBody = read(body)?;
        let commodity = self.commodity(&body.meter, &body.commodity, &body.unit, &body.currency)?;
        self.sells_to(&body.meter).map_err(|code| Problem::last(code, None))?;
        let tariff = &self.options.tariff;
        let sum = match &body.asked {
            AskedBody::Amount(amount) => tariff.buys(commodity, self.money(amount)?.minor()),
            AskedBody::Units(units) => tariff.buys_units(commodity, some_units(*units)?),
        };
        let sum = sum.map_err(|code| Problem::last(code, None))?;
        Ok(tariff.quote(&body.meter, commodity, sum))
    }

    pub(super) fn vend(&self, sale_id: &str, body: &[u8]) -> Result<SaleAnswer, Problem> {
        let (body, commodity, amount) = self.sale(sale_id, body)?;
        let failure = self
            .refusal(&body, commodity, amount)
            .map(|code| FailureBody { code: code.name().to_owned(), detail: code.words().to_owned() });
        let entry = lock(&self.book).vend(sale_id, &body, failure, now_ms());
        let entry = entry.map_err(|refused| Problem::of(refused, sale_id))?;
        match entry.failure().and_then(|failure| FinalCode::from_name(&failure.code)) {
            Some(code) => Err(Problem::last(code, Some(sale_id))),
            None => Ok(entry.told()),
        }
    }

    pub(super) fn confirm(&self, sale_id: &str, body: &[u8]) -> Result<ConfirmationAnswer, Problem> {
        let (body, ..) = self.sale(sale_id, body)?;
        let entry = lock(&self.book).confirm(sale_id, &body).map_err(|refused| Problem::of(refused, sale_id))?;
        Ok(ConfirmationAnswer { sale_id: sale_id.to_owned(), confirmed: entry.is_confirmed() })
    }

    pub(super) fn reverse(&self, sale_id: &str, body: &[u8]) -> Result<ReversalAnswer, Problem> {
        let (body, ..) = self.sale(sale_id, body)?;
        let entry = lock(&self.book).reverse(sale_id, &body).map_err(|refused| Problem::of(refused, sale_id))?;
        Ok(ReversalAnswer { sale_id: sale_id.to_owned(), reversed: entry.failure().is_some() })
    }

    /// A page of the list; a cursor is the time and the id of the last sale before it.
    pub(super) fn page(&self, (from_ms, to_ms): (i64, i64), cursor: Option<&str>) -> Result<SalesPage, Problem> {
        if from_ms < 0 || from_ms > to_ms || to_ms > MAX_TIME_MS {
            return Err(malformed("times are 0 to 2^53 - 1, and from_ms is not after to_ms"));
        }
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let (at_ms, sale_id) = cursor.split_once('.').ok_or_else(|| malformed("the cursor is none"))?;
                let at_ms: i64 = at_ms.parse().map_err(|_| malformed("the cursor is none"))?;
                decode_sale_id(sale_id).ok_or_else(|| malformed("the cursor is none"))?;
                Some((at_ms, sale_id))
            }
        };
        let mut sales = lock(&self.book).sales(from_ms, to_ms);
        sales.retain(|sale| after.is_none_or(|after| (sale.at_ms, sale.sale_id.as_str()) > after));
        let more = sales.len() > self.options.page;
        sales.truncate(self.options.page);
        let last = sales.last().filter(|_| more);
        let next_cursor = last.map(|sale| format!("{}.{}", sale.at_ms, sale.sale_id));
        Ok(SalesPage { sales, next_cursor })
    }

    /// Reads a sale's id and body.
    fn sale(&self, sale_id: &str, body: &[u8]) -> Result<(SaleBody, Commodity, Money), Problem> {
        decode_sale_id(sale_id).ok_or_else(|| malformed("the sale's id is none"))?;
        let body: SaleBody = read(body)?;
        let commodity = self.commodity(&body.meter, &body.commodity, &body.unit, &body.currency)?;
        some_units(body.units)?;
        match &body.asked {
            AskedBody::Amount(amount) => self.money(amount).map(drop)?,
            AskedBody::Units(units) => some_units(*units).map(drop)?,
        }
        if body.terms.len() > MAX_TERMS_BYTES {
            return Err(malformed(format!("terms have at most {MAX_TERMS_BYTES} bytes")));
        }
        let amount = self.money(&body.amount)?;
        Ok((body, commodity, amount))
    }

    /// Why a sale is not made, if it is not.
    fn refusal(&self, body: &SaleBody, commodity: Commodity, amount: Money) -> Option<FinalCode> {
        let tariff = &self.options.tariff;
        let sum = self.sells_to(&body.meter).and_then(|()| tariff.buys(commodity, amount.minor()));
        match sum {
            Err(code) => Some(code),
            Ok(sum) if sum.units != body.units || body.terms != tariff.terms(commodity) => {
                Some(FinalCode::TermsExpired)
            }
            Ok(_) => None,
        }
    }

    fn sells_to(&self, meter: &str) -> Result<(), FinalCode> {
        if self.options.unknown.contains(meter) {
            return Err(FinalCode::UnknownMeter);
        }
        if self.options.blocked.contains(meter) { Err(FinalCode::MeterBlocked) } else { Ok(()) }
    }

    fn commodity(&self, meter: &str, commodity: &str, unit: &str, currency: &str) -> Result<Commodity, Problem> {
        meter.parse::<MeterId>().map_err(|_| malformed("the meter's number is none"))?;
        let commodity = Commodity::from_name(commodity).ok_or_else(|| malformed("the commodity is none"))?;
        if unit != unit_of(commodity) {
            return Err(malformed(format!("the unit of {commodity} is {}", unit_of(commodity))));
        }
        let own = self.options.tariff.currency;
        if currency != own.code() {
            return Err(malformed(format!("this utility sells in {own}")));
        }
        Ok(commodity)
    }

    fn money(&self, text: &str) -> Result<Money, Problem> {
        self.options.tariff.currency.parse(text).map_err(|error| malformed(error.to_string()))
    }
}

fn some_units(units: u64) -> Result<u64, Problem> {
    if (1..=Units::MAX).contains(&units) { Ok(units) } else { Err(malformed("units are 1 to 10^15")) }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))
}
