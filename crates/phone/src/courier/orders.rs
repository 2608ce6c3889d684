//! One step of an order at a time; each may be cut off anywhere and done again.

use crate::api::{self, ApiError};
use crate::io::Station;
use crate::outcome;
use crate::records::record::Record;
use crate::records::{Consent, StoredOrder, StoredToken, TokenKey};
use crate::store::{Contents, Store};
use crate::wire::{LineView, MAX_REGISTER_TOKENS, OrderRequest, OrderView, PaymentState};
use crate::{Amount, Asked, Error, Sum, hex};
use coinless_protocol::DecodeError;
use coinless_protocol::MeterId;
use coinless_protocol::token::Token;

/// How often a quote may change under the payer's hand before the courier gives up.
const MAX_QUOTES: usize = 3;

/// Notes that the payer was shown how the purchase ended: from now on, buying the same is a new purchase. To be called after
/// showing it, never before.
///
/// # Errors
/// [`Error::Store`].
pub async fn tell<S: Store>(store: &mut S, order: &mut StoredOrder) -> Result<(), Error> {
    if order.told || !order.is_settled() {
        return Ok(());
    }
    order.told = true;
    Ok(store.save_order(order).await?)
}

/// Brings an order as far as it goes without waiting: makes it at the station or asks how it stands, pays if the payer has
/// agreed and nobody has paid yet, and stores its tokens. Gives the names of tokens that are new here.
pub(super) async fn advance<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: &mut StoredOrder,
) -> Result<Vec<TokenKey>, Error> {
    let view = look(store, station, order).await?;
    let mut new = take_view(store, order, view).await?;
    for _ in 0..MAX_QUOTES {
        let Some(quote_version) = quote_to_pay(order)? else { break };
        if order.accepted != Some(quote_version) {
            order.accepted = Some(quote_version);
            store.save_order(order).await?;
        }
        match api::pay(station, order.id, quote_version).await {
            Ok(view) => {
                new.extend(take_view(store, order, view).await?);
                break;
            }
            // The quote may have run out or changed, or the answer to an earlier acceptance got lost: look.
            Err(refused @ ApiError::Refused(_)) => {
                let view = api::order(station, order.id).await?;
                new.extend(take_view(store, order, view).await?);
                if quote_to_pay(order)? == Some(quote_version) {
                    return Err(refused.into());
                }
            }
            Err(unknown) => return Err(unknown.into()),
        }
    }
    Ok(new)
}

/// Brings a finished order back to a station that was restored from a backup and may have forgotten it. Gives the names of tokens
/// that are new here. A station that was never paid for it refuses.
pub(super) async fn bring_back<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: &mut StoredOrder,
) -> Result<Vec<TokenKey>, Error> {
    let view = look(store, station, order).await?;
    take_view(store, order, view).await
}

/// How the order stands. One that the station does not know, never got or has forgotten, is made.
async fn look<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: &mut StoredOrder,
) -> Result<OrderView, Error> {
    let Some(known) = &order.view else { return put(store, station, order).await };
    let total = known.total.clone();
    match api::order(station, order.id).await {
        Err(error) if error.is_unknown_order() => {}
        answer => return Ok(answer?),
    }
    let view = put(store, station, order).await?;
    if order.consent == Consent::QuoteFirst && order.accepted.is_some() && view.total != total {
        // The payer agreed to another sum.
        order.accepted = None;
        store.save_order(order).await?;
    }
    Ok(view)
}

/// A refusal of an order that was never accepted is final: no money can have moved.
async fn put<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: &mut StoredOrder,
) -> Result<OrderView, Error> {
    let result = api::put_order(station, order.id, &order.request).await;
    if let (Err(refused @ ApiError::Refused(_)), None) = (&result, order.accepted) {
        order.rejected = Some(refused.to_string());
        store.save_order(order).await?;
    }
    Ok(result?)
}

/// Whether the station waits to hear that the payer agrees, or asks for a sum to which nobody has agreed: watching it is then in vain.
pub(super) fn is_to_be_paid(order: &StoredOrder) -> bool {
    !matches!(quote_to_pay(order), Ok(None))
}

/// The version of the quote to be accepted now, if the payer has agreed and no payment was started.
fn quote_to_pay(order: &StoredOrder) -> Result<Option<u32>, Error> {
    let Some(view) = order.view.as_ref().filter(|view| view.payment.state == PaymentState::None) else {
        return Ok(None);
    };
    if view.is_settled() {
        return Ok(None);
    }
    match order.consent {
        Consent::QuoteFirst => Ok(order.accepted),
        Consent::Amounts if is_sum(&view.total, &order.request) => Ok(Some(view.quote_version)),
        Consent::AtMost(ref most) if is_at_most(view, most) => Ok(Some(view.quote_version)),
        _ => Err(Error::OtherOrder(format!("the total is {} {}", view.total, view.currency))),
    }
}

fn is_sum(total: &str, request: &OrderRequest) -> bool {
    let (mut sum, mut read) = (Sum::default(), Sum::default());
    let known = request.lines.iter().all(|line| line.asked.amount().is_some_and(|amount| sum.add(amount.as_str())));
    known && read.add(total) && read.millionths() == sum.millionths()
}

/// The total must be that of the lines too, since the lines are what a person looks at.
fn is_at_most(view: &OrderView, most: &Amount) -> bool {
    let (mut sum, mut read) = (Sum::default(), Sum::default());
    view.lines.iter().all(|line| sum.add(&line.amount))
        && read.add(&view.total)
        && read.millionths() == sum.millionths()
        && read.millionths() <= u128::from(most.millionths())
}

/// Keeps what the station says of an order: its tokens first, so that an order never points to a token that was lost.
/// Gives the names of tokens that are new here.
pub(super) async fn take_view<S: Store>(
    store: &mut S,
    order: &mut StoredOrder,
    view: OrderView,
) -> Result<Vec<TokenKey>, Error> {
    let contents = store.load().await?;
    take_view_into(store, &contents, order, view).await
}

/// The same for one of many changes in a row: the store is only read if tokens have come or gone.
pub(super) async fn take_change<S: Store>(
    store: &mut S,
    order: &mut StoredOrder,
    view: OrderView,
) -> Result<(), Error> {
    let same = order.view.as_ref().is_some_and(|known| {
        let of_line = |line: &LineView| (line.token.clone(), line.register_tokens.clone());
        let tokens = |view: &OrderView| view.lines.iter().map(of_line).collect::<Vec<_>>();
        tokens(known) == tokens(&view)
    });
    if !same {
        return take_view(store, order, view).await.map(|_| ());
    }
    check(&order.request, &view)?;
    order.view = Some(view);
    Ok(store.save_order(order).await?)
}

async fn take_view_into<S: Store>(
    store: &mut S,
    contents: &Contents,
    order: &mut StoredOrder,
    view: OrderView,
) -> Result<Vec<TokenKey>, Error> {
    check(&order.request, &view)?;
    let (mut new, mut wrong) = (Vec::<StoredToken>::new(), None);
    for (line, token) in view.lines.iter().flat_map(|line| tokens_of_line(line).map(move |token| (line, token))) {
        match token_of(order, line, token) {
            // A wrong token keeps nobody from the others.
            Err(error) => wrong = Some(error),
            // Several lines for one meter bring the same tokens for its other registers.
            Ok(token) if new.iter().any(|known| known.key == token.key) => {}
            Ok(token) => match contents.tokens.iter().find(|known| known.key == token.key) {
                None => new.push(token),
                Some(known) if same_content(known, &token) => {}
                Some(_) => wrong = Some(Error::StationAnswer(format!("a second token {}", token.key))),
            },
        }
    }
    let keys = new.iter().map(|token| token.key).collect();
    store.save_all(&new.into_iter().map(Record::Token).collect::<Vec<_>>()).await?;
    if let Some(line) = view.lines.iter().find(|line| line.register_tokens.len() > MAX_REGISTER_TOKENS) {
        let what = format!("line {} brings more than {MAX_REGISTER_TOKENS} tokens for other registers", line.line);
        wrong = Some(Error::StationAnswer(what));
    }
    if order.view.as_ref() != Some(&view) {
        // When the station has a receipt, it shows the token no longer; which receipt it was, only this phone knows.
        order.receipts.extend(outcome::receipts_of(order, contents));
        order.view = Some(view);
        store.save_order(order).await?;
    }
    wrong.map_or(Ok(keys), Err)
}

/// The station must speak of the lines that were asked for: same meters, same amounts, and quantities that are not smaller.
fn check(request: &OrderRequest, view: &OrderView) -> Result<(), Error> {
    if view.lines.len() != request.lines.len() {
        return Err(Error::OtherOrder(format!("it has {} lines", view.lines.len())));
    }
    for (number, asked) in (1..).zip(&request.lines) {
        let same = view.line(number).is_some_and(|line| {
            MeterId::from_label(&asked.meter).is_ok_and(|meter| meter.as_str() == line.meter)
                && match &asked.asked {
                    Asked::Amount(amount) => api::is_amount(&line.amount, amount),
                    Asked::Quantity(quantity) => {
                        line.quote.as_ref().is_some_and(|quote| quote.units >= quantity.units().get())
                    }
                }
        });
        if !same {
            return Err(Error::OtherOrder(format!("line {number} is another one")));
        }
    }
    Ok(())
}

/// The tokens of a line in the order in which they are to be handed over.
fn tokens_of_line(line: &LineView) -> impl Iterator<Item = &str> {
    line.register_tokens.iter().take(MAX_REGISTER_TOKENS).chain(&line.token).map(String::as_str)
}

fn token_of(order: &StoredOrder, line: &LineView, token: &str) -> Result<StoredToken, Error> {
    let wrong = |why: &str| Error::StationAnswer(format!("a token of line {}: {why}", line.line));
    let is_credit = line.token.as_deref() == Some(token);
    let bytes = hex::decode(token).ok_or_else(|| wrong("not hexadecimal"))?;
    let key = TokenKey::of(&bytes).map_err(|error| wrong(&error.to_string()))?;
    if key.meter.as_str() != line.meter {
        return Err(wrong("it is for another meter"));
    }
    if key.has_credit() != is_credit {
        return Err(wrong(if is_credit { "it carries no credit" } else { "it carries credit" }));
    }
    let (station, order, line) = (order.station.clone(), order.id, line.line);
    Ok(StoredToken { key, station, order, line, bytes, handed: false, answered: None })
}

/// Signatures may differ, what was signed may not.
fn same_content(one: &StoredToken, other: &StoredToken) -> bool {
    fn content(token: &StoredToken) -> Result<Token<'_>, DecodeError> {
        Token::parse(&token.bytes).map(|(_, content)| content)
    }
    one.station == other.station && content(one).is_ok() && content(one) == content(other)
}
