//! The shop's statement by Pull Transactions: payments of customers of the last 48 hours, in pages.
//!
//! Orders that are waited for do not each read it: what was read is kept in memory, and only what is new is asked for, at most
//! once in a while.

use super::client::Client;
use super::text::{account, clean, date_time, read_time};
use super::wire::{Pull, Pulled, PulledRow};
use super::{Daraja, PROMPT_MARK};
use crate::money::{Currency, Money};
use crate::provider::{EntryKind, MAX_STATEMENT_ENTRIES, StatementEntry, StatementError};
use crate::service::now_ms;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const PATH: &str = "/pulltransactions/v1/query";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long Daraja keeps the statement.
pub(super) const KEPT_MS: i64 = 48 * HOUR_MS;
/// When a payment is certainly in it.
pub(super) const SURELY_STATED_MS: i64 = 36 * HOUR_MS;
/// East Africa Time and UTC are so far apart.
const ZONE_MS: i64 = 3 * HOUR_MS;
/// From when on the statement can be asked for is told so much later, for the time until it is asked.
const ASKING_MS: i64 = 10 * MINUTE_MS;
/// How far back what was read is read once more, for what came in late.
const OVERLAP_MS: i64 = 15 * MINUTE_MS;
/// How much is asked for at once.
const SLICE_MS: i64 = 2 * HOUR_MS;
/// Most pages of one slice.
const MAX_PAGES: usize = 2_000;
/// How long one look may take; what was read stays, and the next look goes on.
const LOOK: Duration = Duration::from_secs(60);

/// An entry of the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// M-Pesa's number of it, the one on the customer's telephone.
    pub receipt: String,
    /// The account that was named, normalised.
    pub account: String,
    pub amount: Money,
    pub currency: Currency,
    pub at_ms: i64,
    /// Whether it takes money away again.
    pub is_reversal: bool,
}

/// What was read of the last 48 hours.
pub(super) struct Recent {
    every: Duration,
    // Held while the statement is read: who asks meanwhile waits for the same.
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// From when until when everything was read.
    span: Option<(i64, i64)>,
    /// When it was looked into last, and why that failed.
    looked: Option<(Instant, Result<(), String>)>,
    rows: BTreeMap<String, Row>,
}

impl Recent {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, read: Mutex::default() }
    }

    /// Every payment into `short_code` for `account` from `since_ms` on, and every reversal of one, as far as the statement
    /// reaches back.
    pub(super) async fn entries(
        &self,
        client: &Client,
        short_code: &str,
        account: &str,
        since_ms: i64,
    ) -> Result<Vec<Row>, String> {
        let mut read = self.read.lock().await;
        let now = now_ms();
        // An order's account is not known to anybody before the order; clocks differ a little.
        // A clock that was put back must not make the span end before it begins.
        let since = (since_ms - OVERLAP_MS).max(now - KEPT_MS).min(now);
        let reaches = read.span.is_some_and(|(from, _)| from <= since);
        match &read.looked {
            // Who waited while it failed need not wait for the same again.
            Some((at, Err(why))) if at.elapsed() < self.every => return Err(why.clone()),
            Some((at, Ok(()))) if at.elapsed() < self.every && reaches => {}
            _ => {
                let looked = read.go_on(client, short_code, since, now).await;
                read.looked = Some((Instant::now(), looked.clone()));
                looked?;
            }
        }
        Ok(read.rows.values().filter(|row| row.account == account).cloned().collect())
    }
}

impl Read {
    /// Reads what is missing from `since` to `now`, backwards and then forwards, slice by slice.
    async fn go_on(&mut self, client: &Client, short_code: &str, since: i64, now: i64) -> Result<(), String> {
        let deadline = Instant::now() + LOOK;
        let (mut from, mut until) = self.span.unwrap_or((since, since));
        from = from.max(now - KEPT_MS).min(now);
        until = until.max(from).min(now);
        while from > since {
            let start = (from - SLICE_MS).max(since);
            self.take(client, short_code, (start, from), deadline).await?;
            from = start;
            self.span = Some((from, until));
        }
        // At least once: something may have come in since the last look, however short it is ago.
        loop {
            let end = (until + SLICE_MS).min(now);
            self.take(client, short_code, ((until - OVERLAP_MS).max(now - KEPT_MS), end), deadline).await?;
            until = end;
            self.span = Some((from, until));
            if until >= now {
                break;
            }
        }
        // Times of entries may be in another zone than they say.
        self.rows.retain(|_, row| row.at_ms > now - KEPT_MS - 4 * HOUR_MS);
        Ok(())
    }

    async fn take(
        &mut self,
        client: &Client,
        short_code: &str,
        span: (i64, i64),
        deadline: Instant,
    ) -> Result<(), String> {
        if Instant::now() > deadline {
            return Err("the statement is long and is still being read".to_owned());
        }
        if self.rows.len() > MAX_STATEMENT_ENTRIES {
            return Err("the statement of the last 48 hours is too long".to_owned());
        }
        let pulled = pull(client, short_code, span, deadline).await?;
        for why in pulled.unreadable {
            // Other orders go on. The daily comparison stops at it and puts it before a person.
            tracing::error!(why, "an entry of the statement is passed over");
        }
        self.rows.extend(pulled.rows);
        Ok(())
    }
}

/// The whole statement from `from_ms` to `to_ms`, both in the last 48 hours; each entry once.
async fn whole(client: &Client, short_code: &str, from_ms: i64, to_ms: i64) -> Result<Vec<Row>, String> {
    let mut rows = BTreeMap::new();
    let mut start = from_ms;
    while start < to_ms {
        let end = (start + SLICE_MS).min(to_ms);
        let slice = pull(client, short_code, (start, end), Instant::now() + LOOK).await?;
        if let Some(why) = slice.unreadable.into_iter().next() {
            return Err(why);
        }
        rows.extend(slice.rows);
        if rows.len() > MAX_STATEMENT_ENTRIES {
            return Err("the statement is too long: ask for a shorter time".to_owned());
        }
        start = end;
    }
    Ok(rows.into_values().collect())
}

/// The entries from `from_ms` (inclusive) to `to_ms` (exclusive): of prompts, or all others.
pub(super) async fn entries(
    daraja: &Daraja,
    from_ms: i64,
    to_ms: i64,
    of_prompts: bool,
) -> Result<Vec<StatementEntry>, StatementError> {
    let unavailable = StatementError::Unavailable;
    if daraja.recent.is_none() {
        return Err(StatementError::NotOffered);
    }
    let now = now_ms();
    // Times of entries are told with a zone that may not be meant: both readings are asked for.
    let (start, end) = (from_ms - ZONE_MS, (to_ms + ZONE_MS).min(now));
    if start < now - KEPT_MS {
        return Err(StatementError::TooOld { since_ms: now - KEPT_MS + ZONE_MS + ASKING_MS });
    }
    let rows = whole(&daraja.client, &daraja.short_code, start, end).await.map_err(unavailable)?;
    let within = rows.into_iter().filter(|row| (from_ms..to_ms).contains(&row.at_ms));
    let wanted = within.filter(|row| daraja.is_prompt(&row.account) == of_prompts);
    Ok(wanted.map(|row| entry(row, of_prompts)).collect())
}

fn entry(row: Row, of_prompt: bool) -> StatementEntry {
    let account = if of_prompt { row.account.trim_end_matches(PROMPT_MARK) } else { &row.account };
    StatementEntry {
        kind: if row.is_reversal { EntryKind::TakenBack } else { EntryKind::Payment },
        payment_id: None,
        refund_id: None,
        account: (!account.is_empty()).then(|| account.to_owned()),
        receipt: row.receipt,
        amount: row.amount,
        currency: row.currency,
        at_ms: row.at_ms,
    }
}

/// What a slice of the statement has.
#[derive(Default)]
struct Slice {
    /// By their numbers.
    rows: BTreeMap<String, Row>,
    /// What is wrong with the entries that cannot be read.
    unreadable: BTreeSet<String>,
}

impl Slice {
    /// Takes a page in; gives whether anything in it is new.
    fn take(&mut self, page: Vec<Result<Row, String>>) -> bool {
        let known = self.rows.len() + self.unreadable.len();
        for row in page {
            match row {
                Ok(row) => drop(self.rows.insert(row.receipt.clone(), row)),
                Err(why) => drop(self.unreadable.insert(why)),
            }
        }
        self.rows.len() + self.unreadable.len() > known
    }
}

/// All pages of one slice.
async fn pull(client: &Client, short_code: &str, (from, to): (i64, i64), deadline: Instant) -> Result<Slice, String> {
    let (start_date, end_date) = (date_time(from), date_time(to));
    let (mut slice, mut received) = (Slice::default(), 0_usize);
    for _ in 0..MAX_PAGES {
        if Instant::now() > deadline {
            return Err("the statement is long and did not come in time".to_owned());
        }
        let offset = received.to_string();
        let page = Pull { short_code, start_date: &start_date, end_date: &end_date, off_set_value: &offset };
        let answer = client.post(PATH, &page).await?;
        let page = read_page(&answer.body()?)?;
        received += page.len();
        // Nothing new: the end, or a Daraja that looks at no offset and gives everything each time.
        if !slice.take(page) {
            return Ok(slice);
        }
    }
    Err("the statement has too many pages".to_owned())
}

/// The entries of a page, each by itself.
fn read_page(page: &Pulled<'_>) -> Result<Vec<Result<Row, String>>, String> {
    match page.response_code.0.as_str() {
        "1000" => {}
        // Nothing in this time, or no more.
        "1001" => return Ok(Vec::new()),
        code => {
            let words = clean(page.response_message.as_deref().unwrap_or_default());
            return Err(format!("the statement was refused with {}: {words}", clean(code)));
        }
    }
    let Some(response) = page.response else { return Ok(Vec::new()) };
    let Ok(lists) = serde_json::from_str::<Vec<Vec<PulledRow<'_>>>>(response.get()) else {
        // An empty statement comes as a text.
        let empty = matches!(response.get().trim_matches('"').trim(), "" | "[[]]" | "[]" | "null");
        return if empty { Ok(Vec::new()) } else { Err("the statement cannot be read".to_owned()) };
    };
    Ok(lists.iter().flatten().map(read_row).collect())
}

fn read_row(row: &PulledRow<'_>) -> Result<Row, String> {
    let wrong =
        |what: &str| format!("entry {} of the statement has no {what} that can be read", clean(&row.transaction_id));
    let currency = Currency::from_code("KES").map_err(|error| error.to_string())?;
    let receipt = row.transaction_id.trim().to_ascii_uppercase();
    if receipt.is_empty() || receipt.len() > 64 || !receipt.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(wrong("number"));
    }
    let is_reversal = row.transactiontype.to_ascii_lowercase().contains("revers");
    Ok(Row {
        account: account(row.billreference.as_deref().unwrap_or_default()),
        amount: amount(row.amount, currency, is_reversal).ok_or_else(|| wrong("amount"))?,
        currency,
        at_ms: read_time(&row.trx_date).ok_or_else(|| wrong("time"))?,
        is_reversal,
        receipt,
    })
}

/// An amount that is written as a number or as a text; one that was taken away may have a sign.
fn amount(raw: &RawValue, currency: Currency, is_reversal: bool) -> Option<Money> {
    let text = raw.get().trim_matches('"').trim();
    let text = if is_reversal { text.strip_prefix('-').unwrap_or(text) } else { text };
    currency.parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(json: &str) -> Result<Vec<Row>, String> {
        read_page(&serde_json::from_str(json).unwrap())?.into_iter().collect()
    }

    #[test]
    fn the_published_page() {
        let rows = page(
            r#"{"ResponseRefID": "26178-42530161-2", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [[
                {"transactionId": "yzlyrEsRG1", "trxDate": "2020-08-05T10:13:00Z", "msisdn": 722000000, "sender": "UAT2",
                 "transactiontype": "c2b-pay-bill-debit", "billreference": "372 07-636392", "amount": "168.00",
                 "organizationname": "Daraja Pull API Test"},
                {"transactionId": "LHG31AA5TX", "trxDate": "2020-08-05 13:13:00", "billreference": null, "amount": 233.8}
            ]]}"#,
        );
        let rows = rows.unwrap();
        assert_eq!((rows[0].receipt.as_str(), rows[0].account.as_str()), ("YZLYRESRG1", "37207636392"));
        assert_eq!((rows[0].amount, rows[1].amount), (Money::from_minor(16_800), Money::from_minor(23_380)));
        assert_eq!(rows[0].at_ms, rows[1].at_ms);
        assert_eq!(rows[1].account, "");
    }

    #[test]
    fn empty_and_broken_pages() {
        for empty in [
            r#"{"ResponseCode": "1001", "ResponseMessage": "Null", "Response": "[[]]"}"#,
            r#"{"ResponseCode": 1000, "Response": [[]]}"#,
            r#"{"ResponseCode": "1000", "Response": "[[]]"}"#,
            r#"{"ResponseCode": "1000"}"#,
        ] {
            assert_eq!(page(empty), Ok(Vec::new()), "{empty}");
        }
        let row = |id: &str, date: &str, amount: &str| {
            format!(
                r#"{{"ResponseCode": "1000", "Response": [[{{"transactionId": "{id}", "trxDate": "{date}", "amount": {amount}}}]]}}"#
            )
        };
        assert_eq!(page(&row("A1", "2020-08-05 10:13:00", "1")).unwrap().len(), 1);
        let reversal = row("A1", "2020-08-05 10:13:00", "-5")
            .replace("\"trxDate\"", "\"transactiontype\": \"Reversal\", \"trxDate\"");
        assert_eq!(page(&reversal).unwrap()[0].amount, Money::from_minor(500));
        for broken in [
            r#"{"ResponseCode": "500", "ResponseMessage": "no"}"#.to_owned(),
            r#"{"ResponseCode": "1000", "Response": [[{"transactionId": "A1"}]]}"#.to_owned(),
            r#"{"ResponseCode": "1000", "Response": {"a": 1}}"#.to_owned(),
            row("", "2020-08-05 10:13:00", "1"),
            row("A/1", "2020-08-05 10:13:00", "1"),
            row("A1", "soon", "1"),
            row("A1", "2020-08-05 10:13:00", "-5"),
            row("A1", "2020-08-05 10:13:00", "1e3"),
            row("A1", "2020-08-05 10:13:00", "1.005"),
        ] {
            assert!(page(&broken).is_err(), "{broken}");
        }
    }
}
