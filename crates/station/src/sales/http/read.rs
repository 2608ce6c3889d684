//! What an answer means: status and bytes in, outcome out. Whatever is not clearly final is not known.

use super::wire::{
    ConfirmationAnswer, EntryBody, FinalCode, MeterAnswer, PROBLEM_TYPE, ProblemBody, QuoteBody, ReversalAnswer,
    SaleAnswer, SalesPage, decode_sale_id, encode_sale_id, parse_or_zero, unit_of,
};
use crate::money::{Currency, Money};
use crate::sales::{
    Asked, ConfirmationOutcome, ExplanationLine, Lookup, Quote, QuoteError, ReversalOutcome, SaleEntry, SaleOutcome,
    SaleRequest,
};
use coinless_protocol::{Commodity, MeterId, Units};
use serde::de::DeserializeOwned;

/// Most bytes of a quote's terms.
pub const MAX_TERMS_BYTES: usize = 1024;
/// Most lines of an explanation.
pub const MAX_EXPLANATION_LINES: usize = 40;
/// Most characters of a line or reason that is shown to people; the rest is cut off.
pub const MAX_WORDS_CHARS: usize = 200;

/// Most bytes of a problem's code.
const MAX_CODE_BYTES: usize = 40;

/// An answer as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type, empty if none was named.
    pub media_type: String,
    /// The body, cut at no place: longer ones are no answer.
    pub body: Vec<u8>,
}

/// Why an answer says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unclear {
    /// What happened, for the log.
    pub why: String,
    /// Whether it speaks of something else than was asked: a fault at the other side that a person should see.
    pub contradicts: bool,
}

/// What was asked of a trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedTrial {
    pub meter: MeterId,
    pub commodity: Commodity,
    pub currency: Currency,
    pub asked: Asked,
}

type Read<T> = Result<T, Unclear>;

/// An answer that says nothing.
pub(super) fn silent(why: impl Into<String>) -> Unclear {
    Unclear { why: why.into(), contradicts: false }
}

/// An answer about something else than was asked.
pub(super) fn contradiction(why: impl Into<String>) -> Unclear {
    Unclear { why: why.into(), contradicts: true }
}

/// Reads the answer to a lookup.
pub(super) fn lookup(answer: &Answer, meter: MeterId) -> Read<Lookup> {
    if let Some((code, problem)) = final_problem(answer) {
        let fits = matches!(code, FinalCode::UnknownMeter | FinalCode::MeterBlocked | FinalCode::NotSold);
        return if fits { Ok(Lookup::Refused { reason: reason(code, &problem.detail) }) } else { Err(status(answer)) };
    }
    let known: MeterAnswer = body(answer)?;
    same("meter", &known.meter, meter.as_str())?;
    let shown = |text: Option<String>| text.map(|text| words(&text)).filter(|text| !text.is_empty());
    Ok(Lookup::Known { customer: shown(known.customer), place: shown(known.place) })
}

/// Reads the answer to a trial.
pub(super) fn trial(answer: &Answer, asked: &AskedTrial) -> Read<Result<Quote, QuoteError>> {
    if let Some((code, problem)) = final_problem(answer) {
        let reason = reason(code, &problem.detail);
        return match code {
            FinalCode::NotSold => Ok(Err(QuoteError::NotSold(asked.commodity))),
            FinalCode::AmountTooSmall | FinalCode::AmountTooLarge => Ok(Err(QuoteError::Amount(reason))),
            FinalCode::UnknownMeter | FinalCode::MeterBlocked => Ok(Err(QuoteError::Refused(reason))),
            FinalCode::TermsExpired | FinalCode::SaleReversed | FinalCode::NotReversible => Err(status(answer)),
        };
    }
    quote(&body(answer)?, asked).map(Ok)
}

/// Reads the answer to a sale, or to what became of it.
pub(super) fn sale(answer: &Answer, asked: &SaleRequest) -> Read<SaleOutcome> {
    if let Some((code, problem)) = final_problem(answer) {
        about(&problem, asked)?;
        return failed(code.name(), &problem.detail);
    }
    let told: SaleAnswer = body(answer)?;
    same("sale_id", &told.sale_id, &written(asked)?)?;
    same("meter", &told.meter, &asked.meter_id)?;
    same("commodity", &told.commodity, asked.commodity.name())?;
    same("unit", &told.unit, unit_of(asked.commodity))?;
    same("currency", &told.currency, asked.currency.code())?;
    let amount = asked.currency.parse(&told.amount).map_err(|error| contradiction(format!("amount: {error}")))?;
    if amount != asked.amount {
        return Err(contradiction(format!("it sold for {}", asked.currency.format(amount))));
    }
    match told.outcome.as_str() {
        "successful" => {
            let units = Units::new(told.units).map_err(|error| contradiction(error.to_string()))?;
            Ok(SaleOutcome::Sold { units })
        }
        "failed" => {
            let failure = told.failure.ok_or_else(|| silent("it names no reason for a failure"))?;
            failed(&failure.code, &failure.detail)
        }
        "unknown" => Err(silent("the utility does not know the outcome itself yet")),
        _ => Err(silent("the utility names an outcome that is none")),
    }
}

/// Reads the answer to what became of a sale: as [`sale`], and it may not be known there (yet).
pub(super) fn last_response(answer: &Answer, asked: &SaleRequest) -> Read<SaleOutcome> {
    // Only in the contract's own words: a 404 alone may come from something on the way.
    match problem(answer) {
        Some(problem) if answer.status == 404 && problem.code == "unknown_sale" => {
            about(&problem, asked)?;
            Ok(SaleOutcome::NotFound)
        }
        _ => sale(answer, asked),
    }
}

/// Reads the answer to a reversal.
pub(super) fn reversal(answer: &Answer, asked: &SaleRequest) -> Read<ReversalOutcome> {
    if let Some((code, problem)) = final_problem(answer) {
        about(&problem, asked)?;
        return match code {
            FinalCode::NotReversible => Ok(ReversalOutcome::Refused { reason: reason(code, &problem.detail) }),
            _ => Err(status(answer)),
        };
    }
    let told: ReversalAnswer = body(answer)?;
    same("sale_id", &told.sale_id, &written(asked)?)?;
    if told.reversed { Ok(ReversalOutcome::Reversed) } else { Err(silent("the utility has not taken it back yet")) }
}

/// Reads the answer to a confirmation.
pub(super) fn confirmation(answer: &Answer, asked: &SaleRequest) -> Read<ConfirmationOutcome> {
    if let Some((code, problem)) = final_problem(answer) {
        about(&problem, asked)?;
        return match code {
            FinalCode::NotReversible => Err(status(answer)),
            _ => Ok(ConfirmationOutcome::Refused { reason: reason(code, &problem.detail) }),
        };
    }
    let told: ConfirmationAnswer = body(answer)?;
    same("sale_id", &told.sale_id, &written(asked)?)?;
    if told.confirmed { Ok(ConfirmationOutcome::Confirmed) } else { Err(silent("the utility has not taken it in yet")) }
}

/// Reads a page of sales, each of which must be in `currency` and in the time that was asked for.
pub(super) fn sales_page(
    answer: &Answer,
    currency: Currency,
    (from_ms, to_ms): (i64, i64),
) -> Read<(Vec<SaleEntry>, Option<String>)> {
    let page: SalesPage = body(answer)?;
    let entry = |told: &EntryBody| {
        let sale_id = decode_sale_id(&told.sale_id).ok_or_else(|| contradiction("it lists a sale whose id is none"))?;
        let commodity = Commodity::from_name(&told.commodity).ok_or_else(|| contradiction("it lists no commodity"))?;
        same("unit", &told.unit, unit_of(commodity))?;
        same("currency", &told.currency, currency.code())?;
        if told.at_ms < from_ms || told.at_ms >= to_ms {
            return Err(contradiction("it lists a sale of another time than asked for"));
        }
        let meter: MeterId = told.meter.parse().map_err(|_| contradiction("it lists a meter that is none"))?;
        Ok(SaleEntry {
            sale_id,
            meter_id: meter.as_str().to_owned(),
            amount: currency.parse(&told.amount).map_err(|error| contradiction(format!("amount: {error}")))?,
            units: Units::new(told.units).map_err(|error| contradiction(error.to_string()))?,
            reversed: told.reversed,
            at_ms: told.at_ms,
        })
    };
    Ok((page.sales.iter().map(entry).collect::<Read<_>>()?, page.next_cursor))
}

/// Words from outside for people: no control characters, and not too many.
pub(crate) fn words(text: &str) -> String {
    let clean: String = text.chars().take(MAX_WORDS_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.trim().to_owned()
}

fn quote(told: &QuoteBody, asked: &AskedTrial) -> Read<Quote> {
    let currency = asked.currency;
    same("meter", &told.meter, asked.meter.as_str())?;
    same("commodity", &told.commodity, asked.commodity.name())?;
    same("unit", &told.unit, unit_of(asked.commodity))?;
    same("currency", &told.currency, currency.code())?;
    let part = |name: &str, text: &str| {
        parse_or_zero(currency, text).map_err(|error| contradiction(format!("{name}: {error}")))
    };
    let amount = currency.parse(&told.amount).map_err(|error| contradiction(format!("amount: {error}")))?;
    let (net, tax, fee) = (part("net", &told.net)?, part("tax", &told.tax)?, part("fee", &told.fee)?);
    if add([net, tax, fee]) != Some(amount) {
        let show = |money| currency.format(money);
        let parts = format!("net {} + tax {} + fee {}", show(net), show(tax), show(fee));
        return Err(contradiction(format!("the parts of its quote do not add up: {parts} is not {}", show(amount))));
    }
    let units = Units::new(told.units).map_err(|error| contradiction(error.to_string()))?;
    match asked.asked {
        Asked::Money(wanted) if wanted != amount => {
            return Err(contradiction("it quotes another amount than asked for"));
        }
        Asked::Units(wanted) if units < wanted => return Err(contradiction("it quotes less than asked for")),
        _ if units == Units::ZERO => return Err(contradiction("it quotes nothing for the money")),
        _ => {}
    }
    if told.terms.len() > MAX_TERMS_BYTES {
        return Err(contradiction(format!("the terms of its quote have more than {MAX_TERMS_BYTES} bytes")));
    }
    if told.terms.contains('\0') {
        return Err(contradiction("the terms of its quote hold the character NUL (U+0000), which cannot be kept"));
    }
    let explanation = explanation(told, currency, amount)?;
    Ok(Quote { units, amount, net, tax, fee, explanation, terms: told.terms.clone() })
}

fn explanation(told: &QuoteBody, currency: Currency, amount: Money) -> Read<Vec<ExplanationLine>> {
    if told.explanation.is_empty() || told.explanation.len() > MAX_EXPLANATION_LINES {
        return Err(contradiction(format!("an explanation has 1 to {MAX_EXPLANATION_LINES} lines")));
    }
    let mut sums = Vec::with_capacity(told.explanation.len());
    let mut lines = Vec::with_capacity(told.explanation.len());
    for line in &told.explanation {
        let (negative, number) =
            line.amount.strip_prefix('-').map_or((false, line.amount.as_str()), |rest| (true, rest));
        let money = parse_or_zero(currency, number).map_err(|error| contradiction(format!("explanation: {error}")))?;
        let money = if negative { -money } else { money };
        sums.push(money);
        let (text, amount, step) = (words(&line.text), currency.format(money), line.step.clone());
        lines.push(ExplanationLine { text, amount, within: false, step });
    }
    if add(sums) != Some(amount) {
        return Err(contradiction("the lines of its explanation do not add up to the amount"));
    }
    Ok(lines)
}

fn add(parts: impl IntoIterator<Item = Money>) -> Option<Money> {
    parts.into_iter().try_fold(Money::ZERO, Money::checked_add)
}

fn failed(code: &str, detail: &str) -> Read<SaleOutcome> {
    match FinalCode::from_name(code) {
        Some(code) if code != FinalCode::NotReversible => Ok(SaleOutcome::Failed { reason: reason(code, detail) }),
        _ => Err(contradiction("it says failed for a reason that the contract does not have")),
    }
}

fn reason(code: FinalCode, detail: &str) -> String {
    let told = words(detail);
    if told.is_empty() { code.words().to_owned() } else { told }
}

fn body<T: DeserializeOwned>(answer: &Answer) -> Read<T> {
    if !(200..=299).contains(&answer.status) {
        return Err(status(answer));
    }
    // The words of the parser may hold what it read.
    serde_json::from_slice(&answer.body).map_err(|error| {
        let (status, line, column) = (answer.status, error.line(), error.column());
        silent(format!("the utility answered {status} with a body that cannot be read, at {line}:{column}"))
    })
}

fn status(answer: &Answer) -> Unclear {
    // Only what looks like a code: other words may name somebody, and this is for the log.
    let is_code =
        |code: &str| code.len() <= MAX_CODE_BYTES && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let code = problem(answer).map(|problem| problem.code).filter(|code| is_code(code));
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let why = format!("the utility answered {}{code}", answer.status);
    // Our own id with other content: one of the two sides has lost something.
    if answer.status == 409 { contradiction(why) } else { silent(why) }
}

fn problem(answer: &Answer) -> Option<ProblemBody> {
    let essence = answer.media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(PROBLEM_TYPE) {
        return None;
    }
    serde_json::from_slice(&answer.body).ok()
}

/// A refusal in the contract's own words: 4xx, problem details, and a code of the closed list.
fn final_problem(answer: &Answer) -> Option<(FinalCode, ProblemBody)> {
    if !(400..=499).contains(&answer.status) {
        return None;
    }
    let problem = problem(answer)?;
    FinalCode::from_name(&problem.code).map(|code| (code, problem))
}

/// A final word on a sale must name it.
fn about(problem: &ProblemBody, asked: &SaleRequest) -> Read<()> {
    same("sale_id", problem.sale_id.as_deref().unwrap_or_default(), &written(asked)?)
}

fn written(asked: &SaleRequest) -> Read<String> {
    encode_sale_id(&asked.sale_id).ok_or_else(|| silent("the sale's id cannot be written in a URL"))
}

fn same(what: &str, told: &str, asked: &str) -> Read<()> {
    if told == asked { Ok(()) } else { Err(contradiction(format!("its answer is about another {what} than asked"))) }
}

#[cfg(test)]
mod tests;
