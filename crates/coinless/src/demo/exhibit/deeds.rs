//! The buttons of the page: what happens to things in the field, done for real, and the sums before and after.

use super::books::Page;
use super::meter::{Happened, Meter, Trap};
use super::words::{self, Asked};
use super::{Exhibit, any_port, ears};
use crate::output::{Context, Failure};
use crate::phone::MeterLink;
use coinless_phone::io::Link;
use coinless_protocol::coap::{ContentFormat, Method, Request};
use coinless_sim::line::Line;
use coinless_station::lifecycle::PaymentState;
use coinless_station::net::http_client;
use serde::Serialize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a meter stays dark, so that people see it.
const DARK: Duration = Duration::from_millis(1500);
/// How long the station may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most phones of one demo: each has a port.
const MAX_PHONES: u32 = 32;

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    CutPower,
    LoseLink,
    SendAgain,
    TryAnother,
    LosePhone,
    PayTwice,
}

impl Deed {
    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "cut-power" => Self::CutPower,
            "lose-link" => Self::LoseLink,
            "send-again" => Self::SendAgain,
            "try-another" => Self::TryAnother,
            "lose-phone" => Self::LosePhone,
            "pay-twice" => Self::PayTwice,
            _ => return None,
        })
    }

    fn title(self) -> &'static str {
        match self {
            Self::CutPower => "Power cut",
            Self::LoseLink => "Link lost",
            Self::SendAgain => "Sent again",
            Self::TryAnother => "Tried at another meter",
            Self::LosePhone => "Phone lost",
            Self::PayTwice => "Paid twice",
        }
    }
}

/// What a button did, and what it changed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Told {
    title: &'static str,
    words: String,
    /// Sums before and after; none while it has not happened yet.
    rows: Vec<Row>,
}

/// A sum before and after.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: String,
    before: String,
    after: String,
    same: bool,
}

/// Sums, each with its name.
type Sums = Vec<(String, String)>;

impl Told {
    fn words(title: &'static str, words: impl Into<String>) -> Self {
        Self { title, words: words.into(), rows: Vec::new() }
    }

    fn compared(title: &'static str, words: impl Into<String>, before: &Sums, after: &Sums) -> Self {
        let of = |sums: &Sums, what: &str| sums.iter().find(|(name, _)| name == what).map(|(_, sum)| sum.clone());
        let none = || "-".to_owned();
        let row = |(what, after): &(String, String)| {
            let before = of(before, what).unwrap_or_else(none);
            Row { what: what.clone(), same: before == *after, before, after: after.clone() }
        };
        let gone = before.iter().filter(|(what, _)| of(after, what).is_none());
        let gone = gone.map(|(what, sum)| Row { what: what.clone(), before: sum.clone(), after: none(), same: false });
        let rows = after.iter().map(row).chain(gone).collect();
        Self { title, words: words.into(), rows }
    }
}

/// Whether a sum stays when a receipt settles a sale: then the station's own accounts move, and these do not.
fn outlives_receipts(name: &str) -> bool {
    !["Sold, not", "Owed", "Its tax"].iter().any(|own| name.starts_with(own))
}

impl Exhibit {
    /// Does it, at or about the meter with this place; `later` lets a cut wait for the meter's next answer to a token.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be done. Nothing is lost by that, either.
    pub async fn perform(self: &Arc<Self>, deed: Deed, place: usize, later: bool) -> Result<(), Failure> {
        let meter = self.meters.get(place).ok_or_else(|| Failure::new("there is no such meter"))?;
        let _hands = self.hands.try_lock().map_err(|_| Failure::new("one thing after another: wait a moment"))?;
        self.board.change(|shown| shown.busy = true);
        let told = self.act(deed, meter, later).await;
        self.board.change(|shown| {
            shown.busy = false;
            shown.deeds += 1;
            if let Ok(told) = &told {
                shown.told = Some(told.clone());
            }
        });
        self.bell.notify_one();
        told.map(|_| ())
    }

    async fn act(self: &Arc<Self>, deed: Deed, meter: &Arc<Meter>, later: bool) -> Result<Told, Failure> {
        let title = deed.title();
        let trap = match deed {
            Deed::CutPower => Some(Trap::Power),
            Deed::LoseLink => Some(Trap::Link),
            _ => None,
        };
        if let Some(trap) = trap.filter(|_| later) {
            meter.set_trap(Some(trap));
            let words = format!("Ready. Now load the {} from the phone: its answer will not arrive.", meter.name());
            return Ok(Told::words(title, words));
        }
        let before = self.sums().await?;
        let words = match deed {
            Deed::CutPower => {
                self.dark(meter).await?;
                format!("The {} was killed where it stood, and started again. It knows what it knew.", meter.name())
            }
            Deed::LoseLink => {
                self.break_wire(meter);
                format!("All that was connected to the {} is cut off. Whoever asks again goes on.", meter.name())
            }
            Deed::SendAgain => match self.hand(meter, meter).await? {
                Some(answer) => format!("Another phone handed over the last token once more. The meter: “{answer}”"),
                None => return Ok(Told::words(title, no_token(meter))),
            },
            Deed::TryAnother => {
                let other = &self.meters[(meter.place + 1) % self.meters.len()];
                match self.hand(meter, other).await? {
                    Some(answer) => {
                        format!("The {}'s token was handed to the {}. It: “{answer}”", meter.name(), other.name())
                    }
                    None => return Ok(Told::words(title, no_token(meter))),
                }
            }
            Deed::LosePhone => self.lose_phone().await?,
            Deed::PayTwice => match self.pay_twice().await? {
                Some(words) => words,
                None => {
                    return Ok(Told::words(
                        title,
                        "Nothing was paid yet. Buy something with the phone, then press again.",
                    ));
                }
            },
        };
        Ok(Told::compared(title, words, &before, &self.sums().await?))
    }

    /// The sums of the station's books and of the meters, now.
    async fn sums(&self) -> Result<Sums, Failure> {
        let Page { accounts, balanced, meters, .. } = self.books.read().await?;
        let mut sums: Sums =
            accounts.into_iter().map(|one| (one.words, format!("{} {}", one.balance, one.currency))).collect();
        sums.push(("All accounts together".into(), if balanced { "0.00" } else { "WRONG" }.into()));
        for meter in &self.meters {
            let display = meter.look().await?;
            let text = |field: &str| display[field].as_str().unwrap_or_default().to_owned();
            let stand = meters.iter().find(|stand| stand.label == meter.known.label);
            let sold = stand.map(|stand| stand.sold.clone()).unwrap_or_default();
            let name = capital(meter.known.commodity);
            sums.push((format!("{name}: sold, as the station says"), sold));
            sums.push((format!("{name}: sold, as the meter says"), text("total")));
            sums.push((format!("{name}: credit left in the meter"), text("balance")));
        }
        Ok(sums)
    }

    /// Cuts a meter's power, and gives it back.
    async fn dark(&self, meter: &Arc<Meter>) -> Result<(), Failure> {
        meter.cut().await;
        self.board.blow("power", &meter.name(), "The power is cut. The meter's process is killed.");
        tokio::time::sleep(DARK).await;
        meter.switch_on().await?;
        self.board.say("power", &meter.name(), "The power is back.", None);
        Ok(())
    }

    fn break_wire(&self, meter: &Meter) {
        self.wires[meter.place].cut();
        self.board.blow("link", &meter.name(), "The link is lost.");
    }

    /// Another phone hands the last token of `from` to `to`; gives the answer in words, or nothing if there was no token.
    async fn hand(&self, from: &Meter, to: &Meter) -> Result<Option<String>, Failure> {
        let Some(token) = from.last_token() else { return Ok(None) };
        let mut link = MeterLink::connect(&self.wires[to.place].link()).await?;
        let format = Some(ContentFormat::CoseSign1);
        let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: &token };
        let known = to.newest_receipt();
        to.set_stranger(true);
        let answered = link.exchange(&request).await;
        to.set_stranger(false);
        let response = answered.map_err(|error| Failure::new(format!("the {} gave no answer: {error}", to.name())))?;
        Ok(Some(words::answer(Asked::Credit, response.code, &response.payload, to.known.commodity, known)))
    }

    /// The phone in the frame is gone; a new one opens the link of the newest order.
    async fn lose_phone(&self) -> Result<String, Failure> {
        let newest = self.books.read().await?.newest;
        let number = self.board.look(|shown| shown.phone.number);
        if number == MAX_PHONES {
            return Err(Failure::new("enough phones were lost: start the demo again for more"));
        }
        let ear = ears::of_station(self.board.clone(), self.bell.clone(), "phone");
        let line = Line::heard(any_port()?, self.station, ear).context("listening for a phone")?;
        let port = line.port();
        let old = std::mem::replace(&mut *self.phone.lock().unwrap_or_else(PoisonError::into_inner), line);
        old.cut();
        let path = newest.as_ref().map_or_else(|| "/".to_owned(), |order| format!("/o/{}", order.id));
        self.board.blow("river", "phone", "It takes the phone, and everything that was on it.");
        self.board.change(|shown| shown.phone = super::board::Phone { number: number + 1, port, path });
        Ok(match newest {
            Some(_) => "The phone is gone. A new one, which knows nothing, opened the link of the last purchase, and the station gave \
                 it everything again: tokens, receipts, where each line stands."
                .into(),
            None => "The phone is gone, and nothing with it: nothing was bought yet.".into(),
        })
    }

    /// The newest order is paid once more, word for word; nothing if none was paid.
    async fn pay_twice(&self) -> Result<Option<String>, Failure> {
        let paid = self.books.read().await?.newest.filter(|order| order.payment.state == PaymentState::Captured);
        let Some(order) = paid else { return Ok(None) };
        let phone = self.phone.lock().unwrap_or_else(PoisonError::into_inner).url();
        let url = format!("{phone}/v1/orders/{}/payment", order.id);
        let http = http_client(PATIENCE).context("asking the station")?;
        let acceptance = serde_json::json!({ "quote_version": order.quote_version });
        let answer = http.post(url).json(&acceptance).send().await.context("asking the station")?;
        let says = answer.status();
        Ok(Some(format!(
            "“Collect {} {}” was sent to the station once more, word for word. Its answer: {says}, the same order as before. (The \
             payment provider of this demo also reports every payment twice.)",
            order.total, order.currency
        )))
    }

    /// Follows what happens at the meters, for the cuts that wait for a token.
    pub async fn follow(self: Arc<Self>, mut happened: UnboundedReceiver<Happened>) {
        let mut before: Option<(usize, Trap, Sums)> = None;
        while let Some(what) = happened.recv().await {
            let told = match (what, before.take()) {
                (Happened::Lost(place, trap), _) => self.lost(place, trap).await.map(|(told, sums)| {
                    before = Some((place, trap, sums));
                    told
                }),
                (Happened::Answered(place), Some((lost, trap, sums))) if place == lost => {
                    self.recovered(place, trap, &sums).await
                }
                (Happened::Answered(_), kept) => {
                    before = kept;
                    continue;
                }
            };
            self.board.change(|shown| {
                shown.deeds += 1;
                shown.told = Some(told.unwrap_or_else(|failure| Told::words("Not now", failure.to_string())));
            });
        }
    }

    async fn lost(&self, place: usize, trap: Trap) -> Result<(Told, Sums), Failure> {
        let meter = &self.meters[place];
        let title = match trap {
            Trap::Power => {
                self.dark(meter).await?;
                Deed::CutPower.title()
            }
            Trap::Link => Deed::LoseLink.title(),
        };
        let sums = self.sums().await?;
        let words = format!(
            "The {} took the token, and its answer got lost. The phone does not know whether it is loaded, and says so. Load it once \
             more: that is always right.",
            meter.name()
        );
        Ok((Told::words(title, words), sums))
    }

    async fn recovered(&self, place: usize, trap: Trap, before: &Sums) -> Result<Told, Failure> {
        let after = self.sums().await?;
        let keep = |sums: &Sums| sums.iter().filter(|(name, _)| outlives_receipts(name)).cloned().collect();
        let words = format!(
            "The same token again: the {} had it already, and said so. Once is once.",
            self.meters[place].name()
        );
        let title = if trap == Trap::Power { Deed::CutPower } else { Deed::LoseLink }.title();
        Ok(Told::compared(title, words, &keep(before), &keep(&after)))
    }
}

fn no_token(meter: &Meter) -> String {
    format!(
        "The {} has taken no token since this demo was started. Load it with the phone, then press again.",
        meter.name()
    )
}

fn capital(word: &str) -> String {
    word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default()
}
