//! The result of an order as a file.

use super::{AMOUNT, BYTE_ORDER_MARK, METER, Round};
use crate::outcome::{LineReport, Loaded};
use crate::records::StoredOrder;
use crate::store::Contents;
use csv::{Terminator, WriterBuilder};
use std::borrow::Cow;

/// What the result says of each line, after the columns of the file that the order was made from.
const COLUMNS: [&str; 14] = [
    "label", "utility", "asked", "paid", "tax", "currency", "units", "outcome", "state", "loaded", "receipt", "reason",
    "order", "line",
];

/// What a walk adds.
const SKIPPED: [&str; 2] = ["skipped", "note"];

/// The result of `order` as CSV (RFC 4180, lines end in CRLF): the columns of its file as they were, then
///
/// | column | |
/// |---|---|
/// | `meter` | only if the order is from no file: the meter's number (a file has its own) |
/// | `label` | the same with its check character |
/// | `utility` | the company that sells |
/// | `asked` | the amount or quantity that was asked for |
/// | `paid` | what was paid, a decimal number; empty if nothing was |
/// | `tax` | the tax in it, a decimal number; empty if nothing was paid or the station does not say |
/// | `currency` | in what it was paid (ISO 4217) |
/// | `units` | credit units bought: dm³ or Wh |
/// | `outcome` | how the line stands, one of the names of [`Outcome`](crate::outcome::Outcome) |
/// | `state` | the same more finely, in words |
/// | `loaded` | `yes`; `no` as far as this phone knows; `unknown` |
/// | `receipt` | number of the meter's receipt that shows it, if this phone has seen it |
/// | `reason` | why, if the station says so |
/// | `order`, `line` | id of the order, number of the line |
///
/// | `skipped`, `note` | only if the round was walked: why a meter that is not loaded was passed over, and what the walker wrote |
///
/// It begins with a byte order mark if its file did, or if it is from no file. A column of the file that has one of these names
/// gets the name `file …`. Every cell that a spreadsheet could take for a formula is made [`harmless`].
///
/// # Errors
/// What the writer says, in words; memory does not fail it.
pub fn result(order: &StoredOrder, contents: &Contents) -> Result<Vec<u8>, String> {
    // A file that nobody has told otherwise of is for spreadsheets: they must see that it is UTF-8.
    let plain = Round { separator: ',', byte_order_mark: true, columns: Vec::new(), rows: Vec::new() };
    let lines = LineReport::of_order(order, contents);
    // A file of other lines than the order has would put cells beside the wrong meters.
    let round = order.round.as_ref().filter(|round| round.rows.len() == lines.len()).unwrap_or(&plain);
    let mut writer = WriterBuilder::new()
        .delimiter(if round.separator == ';' { b';' } else { b',' })
        .terminator(Terminator::CRLF)
        .from_writer(if round.byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() });
    let mut write = |cells: Vec<String>| {
        let cells = cells.iter().map(|cell| harmless(cell).into_owned());
        writer.write_record(cells.collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    let walk = contents.walks.iter().find(|walk| walk.order == order.id);
    let with_walk = |mut cells: Vec<String>, own: [&str; 2]| {
        cells.extend(own.into_iter().filter(|_| walk.is_some()).map(str::to_owned));
        cells
    };
    write(with_walk(header(round), SKIPPED))?;
    for (index, line) in lines.iter().enumerate() {
        let mut cells = match round.rows.get(index) {
            Some(row) => row.clone(),
            None => vec![line.meter.clone()],
        };
        cells.extend(own_cells(order, line));
        let skip = walk.and_then(|walk| walk.skipped.get(&line.line)).filter(|_| line.loaded != Loaded::Yes);
        write(with_walk(cells, skip.map_or(["", ""], |skip| [skip.reason.name(), &skip.note])))?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// A cell that no spreadsheet takes for a formula: an apostrophe comes before one that begins with `=`, `+`, `-` or `@` (also
/// after spaces, and in full width), or with a tab or a line break (OWASP, "CSV Injection").
pub fn harmless(cell: &str) -> Cow<'_, str> {
    let formula = |text: &str| text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if cell.starts_with(['\t', '\r', '\n']) || formula(cell.trim_start()) {
        return format!("'{cell}").into();
    }
    cell.into()
}

fn header(round: &Round) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in &round.columns {
        let mut name = column.clone();
        let own = |name: &str| COLUMNS.iter().chain(&SKIPPED).any(|own| own.eq_ignore_ascii_case(name));
        while own(&name) || (names.contains(&name) && ![METER, AMOUNT].contains(&name.as_str())) {
            name = format!("file {name}");
        }
        names.push(name);
    }
    if names.is_empty() {
        names.push(METER.to_owned());
    }
    names.into_iter().chain(COLUMNS.map(str::to_owned)).collect()
}

fn own_cells(order: &StoredOrder, line: &LineReport) -> [String; COLUMNS.len()] {
    let view = order.view.as_ref().filter(|_| line.was_paid);
    let paid = line.amount.clone().filter(|_| line.was_paid).unwrap_or_default();
    let quote = view.and_then(|view| view.line(line.line)?.quote.as_ref());
    let loaded = match line.loaded {
        Loaded::Yes => "yes",
        Loaded::No => "no",
        Loaded::Unknown => "unknown",
    };
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    [
        line.label.clone(),
        line.utility.clone().unwrap_or_default(),
        line.asked.clone(),
        paid,
        quote.and_then(|quote| quote.tax.clone()).unwrap_or_default(),
        view.map(|view| view.currency.clone()).unwrap_or_default(),
        number(line.units),
        line.outcome.name().to_owned(),
        line.standing.words().to_owned(),
        loaded.to_owned(),
        number(line.receipt.map(u64::from)),
        line.reason.clone().unwrap_or_default(),
        order.id.to_string(),
        line.line.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_made_harmless() {
        for cell in ["=1+1", "+254700", "-5", "@SUM(A1)", " =x", "\t=x", "\u{a0}=x", "＝1", "\r", "\nx"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "1-2", "'=1", "a@b", "50.00"] {
            assert_eq!(harmless(cell), cell);
        }
    }

    #[test]
    fn names_are_unique() {
        let columns = ["State", "meter", "a", "a", "amount", "file state"].map(String::from).to_vec();
        let names = header(&Round { separator: ',', byte_order_mark: false, columns, rows: vec![] });
        assert_eq!(names[..6], ["file State", "meter", "a", "file a", "amount", "file state"]);
        assert_eq!(
            header(&Round { separator: ',', byte_order_mark: false, columns: vec![], rows: vec![] })[0],
            "meter"
        );
    }
}
