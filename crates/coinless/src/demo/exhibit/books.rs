//! The station's books, read from its database as `coinless station show` does.

use super::Exhibit;
use crate::output::{Context, Failure};
use coinless_station::lifecycle::LineState;
use coinless_station::problem;
use coinless_station::service::now_ms;
use coinless_station::show::{self, LedgerStatus, MeterStatus};
use coinless_station::store::Store;
use coinless_station::view::OrderView;
use coinless_station::work::Work;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The books are looked at this often even if nobody rings: the station does some things by itself.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// The books at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Page {
    pub accounts: Vec<Account>,
    pub balanced: bool,
    pub meters: Vec<Stand>,
    #[serde(skip)]
    pub newest: Option<OrderView>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    pub account: String,
    pub words: String,
    pub balance: String,
    pub currency: String,
}

/// What the station knows of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stand {
    pub label: String,
    pub commodity: String,
    pub sold: String,
    /// The total of its newest receipt.
    pub receipted: Option<String>,
}

/// The station's database.
pub(super) struct Books(Arc<dyn Store>);

impl Books {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`Failure`] if the database cannot be read.
    pub async fn read(&self) -> Result<Page, Failure> {
        let read = self.0.read(|tx| {
            let work = &mut Work::new(tx, now_ms());
            let newest = show::newest_orders(work, 1)?.first().map(|id| show::order(work, id)).transpose()?;
            Ok::<_, problem::Error>((show::ledger(work, None)?, show::all_meters(work)?, newest))
        });
        let (LedgerStatus { accounts, balanced, .. }, meters, newest) = read.await.context("reading the books")?;
        let mut accounts: Vec<_> = accounts
            .into_iter()
            .map(|one| {
                let words = words(&one.account);
                Account { account: one.account, words, balance: one.balance, currency: one.currency }
            })
            .collect();
        accounts.sort_by_key(|one| way(&one.account));
        let stand = |MeterStatus { label, commodity, live_total: sold, newest_receipt, .. }| Stand {
            label,
            commodity,
            sold,
            receipted: newest_receipt.map(|receipt| receipt.total),
        };
        Ok(Page { accounts, balanced, meters: meters.into_iter().map(stand).collect(), newest })
    }
}

/// How far money has come that is in this account: so the accounts are shown.
fn way(account: &str) -> u8 {
    match account.split(':').next() {
        Some("provider") => 0,
        Some("payer_money_held") => 1,
        Some("sold_undelivered") => 2,
        _ => 3,
    }
}

/// What an account holds.
fn words(account: &str) -> String {
    let utility = |name: &str| if name == "sample-water" { "Sample Water" } else { "Sample Energy" };
    match account.split(':').collect::<Vec<_>>().as_slice() {
        ["provider", "sandbox", ..] => "Collected from payers".into(),
        ["payer_money_held", ..] => "Paid, not sold yet".into(),
        ["sold_undelivered", ..] => "Sold, not loaded yet".into(),
        ["utility", name, "payable", ..] => format!("Owed to {}", utility(name)),
        ["utility", name, "tax", ..] => format!("Its tax, {}", utility(name)),
        _ => account.replace('_', " "),
    }
}

impl Exhibit {
    /// Keeps the page's books up to date, and says what the station does.
    pub async fn watch(self: Arc<Self>) -> Result<(), Failure> {
        let mut known: HashMap<(String, u32), LineState> = HashMap::new();
        let mut first = true;
        loop {
            let page = self.books.read().await?;
            for line in page.newest.iter().flat_map(|order| order.lines.iter().map(|line| (&order.id, line))) {
                let (order, line) = line;
                let before = known.insert((order.clone(), line.line), line.state);
                if !first
                    && before != Some(line.state)
                    && let Some(words) = said_of(line.state)
                {
                    let bytes =
                        line.token.as_ref().filter(|_| line.state == LineState::Issued).map(|hex| hex.len() / 2);
                    let words = words.replace("METER", &line.commodity).replace("CREDIT", &line.quote.shown);
                    self.board.say("station", "phone", words, bytes);
                }
            }
            // Lines of older orders are not looked at any more.
            known.retain(|(order, _), _| page.newest.as_ref().is_some_and(|newest| newest.id == *order));
            first = false;
            if self.board.look(|shown| shown.books.as_ref() != Some(&page)) {
                self.board.change(|shown| shown.books = Some(page));
            }
            // Whichever comes first.
            let _ = tokio::time::timeout(LOOK_ANYWAY, self.bell.notified()).await;
        }
    }
}

/// What the station says of a line that has come to this state.
fn said_of(state: LineState) -> Option<&'static str> {
    Some(match state {
        LineState::Paid => "The money is here. I ask the utility to sell.",
        LineState::Sold => "The utility has sold. I sign the token.",
        LineState::Issued => {
            "Paid and sold. Here is a signed token for the METER meter: carry it there. It is NOT loaded yet."
        }
        LineState::Delivered => {
            "The METER meter's receipt proves that CREDIT is loaded. Only now the money is the utility's."
        }
        LineState::Refunded => "The money is on its way back.",
        _ => return None,
    })
}
