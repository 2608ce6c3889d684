//! Asking for money back.

use super::orders;
use crate::io::Station;
use crate::records::{StoredOrder, TokenKey};
use crate::store::Store;
use crate::wire::{LineState, LineView};
use crate::{Error, api};
use uuid::Uuid;

/// What a request to take lines back has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The order as it stands.
    pub order: StoredOrder,
    /// The lines that were asked back.
    pub lines: Vec<u32>,
    /// The void tokens of these lines, which are in the store: each must reach its meter, and the receipt the station.
    pub voids: Vec<TokenKey>,
}

/// Asks the station to take back one line of an order, or all of its lines that are issued and not known to be loaded. The
/// money comes back when the meter's receipt shows that the line can never be loaded; until then its void token is to be
/// carried like any other. Asking again is right.
///
/// # Errors
/// [`Error`] if there is no such line, if it is loaded, or if the station gives no answer.
pub async fn refund<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    order: Uuid,
    line: Option<u32>,
) -> Result<Refund, Error> {
    let contents = store.load().await?;
    let mut order = contents.order(order).cloned().ok_or(Error::NoSuchOrder(order))?;
    let view = api::order(station, order.id).await?;
    orders::take_view(store, &mut order, view).await?;
    let lines = lines_to_void(&order, line)?;
    for &line in &lines {
        let view = api::void(station, order.id, line).await?;
        orders::take_view(store, &mut order, view).await?;
    }
    let current: Vec<TokenKey> = order.current_tokens().filter(TokenKey::has_credit).collect();
    let of_lines = |token: &TokenKey| {
        let view = order.view.iter().flat_map(|view| &view.lines);
        view.filter(|line| lines.contains(&line.line)).any(|line| line.meter == token.meter.as_str())
    };
    let voids = current.into_iter().filter(of_lines).collect();
    Ok(Refund { order, lines, voids })
}

fn lines_to_void(order: &StoredOrder, line: Option<u32>) -> Result<Vec<u32>, Error> {
    let lines = order.view.as_ref().map_or(&[][..], |view| &view.lines);
    if let Some(number) = line {
        return match lines.iter().find(|line| line.line == number) {
            Some(_) => Ok(vec![number]),
            None => Err(Error::NothingToRefund(format!("the order has no line {number}"))),
        };
    }
    let can_be_void = |line: &&LineView| matches!(line.state, LineState::Issued | LineState::VoidPending);
    let numbers: Vec<u32> = lines.iter().filter(can_be_void).map(|line| line.line).collect();
    if numbers.is_empty() {
        return Err(Error::NothingToRefund("no line of this order has a token that could be taken back".into()));
    }
    Ok(numbers)
}
