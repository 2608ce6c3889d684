//! The meters of a house from a file.

use super::read::{FirstLines, MAX_SHARES, cells, meter, table};
use super::{AMOUNT, BadLine, METER, RoundError, Wrong, sum_of};
use crate::Asked;
use coinless_protocol::MeterId;

/// A meter of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The meter.
    pub meter: MeterId,
    /// What it is called; may be empty.
    pub name: String,
    /// Where it hangs; may be empty.
    pub room: String,
    /// By how much its sum is multiplied; 1 unless the file says otherwise.
    pub shares: u32,
    /// What it is to get, if the file says so.
    pub asked: Option<Asked>,
}

/// Names of columns, in lower case, that hold what a meter is called, where it hangs, and its shares.
const NAMES: [&str; 4] = ["name", "flat", "apartment", "unit"];
const ROOMS: [&str; 3] = ["room", "place", "floor"];
const SHARES: [&str; 3] = ["shares", "persons", "units"];

/// Reads a file of meters: a header with the column `meter` and perhaps `amount`, `name` (or `flat`), `room` (or `place`, `floor`)
/// and `shares` (or `persons`), and 1 to 500 lines; columns of other names are passed over.
///
/// # Errors
/// [`RoundError`], with everything that is wrong.
pub fn import(bytes: &[u8]) -> Result<Vec<Imported>, RoundError> {
    let (round, rows) = table(bytes, &[METER])?;
    let column = |names: &[&str]| {
        round.columns.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)))
    };
    let places = [column(&[METER]), column(&[AMOUNT]), column(&NAMES), column(&ROOMS), column(&SHARES)];
    let (mut meters, mut bad, mut firsts) = (Vec::new(), Vec::new(), FirstLines::default());
    for row in &rows {
        let read = cells(row, round.columns.len()).and_then(|cells| {
            let cell = |place: Option<usize>| place.and_then(|at| cells.get(at)).map_or("", |cell| cell.trim());
            imported(places.map(cell))
        });
        match read {
            Ok(meter) => {
                bad.extend(firsts.note(&meter.meter, row.line));
                meters.push(meter);
            }
            Err(why) => bad.push(BadLine { line: row.line, why }),
        }
    }
    if bad.is_empty() { Ok(meters) } else { Err(RoundError::Lines(bad)) }
}

fn imported([label, asked, name, room, shares]: [&str; 5]) -> Result<Imported, Wrong> {
    let meter = meter(label)?;
    let asked = sum_of(asked).map_err(|why| Wrong::Amount { text: asked.to_owned(), why })?;
    let shares = match shares {
        "" => 1,
        text => {
            let shares = text.parse().ok().filter(|shares| *shares <= MAX_SHARES);
            shares.ok_or_else(|| Wrong::Shares(text.to_owned()))?
        }
    };
    Ok(Imported { meter, name: name.to_owned(), room: room.to_owned(), shares, asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_any_of_their_names() {
        let meters = import(b"Flat;Meter;persons;remark\n12;CLS0000000017-Z;3;x\n").unwrap();
        let meter = "CLS0000000017".parse().unwrap();
        assert_eq!(meters, [Imported { meter, name: "12".into(), room: String::new(), shares: 3, asked: None }]);
        let meters = import(b"meter,amount,place\nCLS0000000017-Z,12m3,cellar\n").unwrap();
        assert_eq!((meters[0].room.as_str(), meters[0].shares), ("cellar", 1));
        assert_eq!(meters[0].asked, Some("12m3".parse().unwrap()));
    }

    #[test]
    fn everything_wrong_is_told() {
        let words = import(b"meter,shares\nCLS0000000017-Z,x\nCLS0000000017-K,\nCLS0000000017-Z,\nCLS0000000017-Z,1\n");
        let words = words.unwrap_err().to_string();
        for part in ["line 2: shares \"x\"", "line 3: meter", "line 5: the meter CLS0000000017-Z is on line 4 too"] {
            assert!(words.contains(part), "{words}");
        }
        assert!(import(b"flat,amount\n1,50\n").unwrap_err().to_string().contains("no column meter"));
    }
}
