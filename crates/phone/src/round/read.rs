//! Reading a file of lines.

use super::{AMOUNT, BYTE_ORDER_MARK, METER, Round};
use crate::AskedError;
use crate::courier::{MAX_LINES, PurchaseLine};
use coinless_protocol::{LabelError, MeterId};
use csv::{ByteRecord, ReaderBuilder};
use std::collections::HashMap;
use std::fmt;

/// A larger file is none for a round.
const MAX_FILE_BYTES: usize = 1024 * 1024;
const MAX_COLUMNS: usize = 64;
/// More shares than this are a slip of the hand.
pub(super) const MAX_SHARES: u32 = 10_000;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundFile {
    /// Its lines, in their order.
    pub lines: Vec<PurchaseLine>,
    /// The file, to be kept with the order.
    pub round: Round,
}

/// Why a file cannot be used. Nothing of it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// The file as a whole.
    #[error("{0}")]
    Unusable(Unusable),
    /// More lines than an order has.
    #[error(
        "the file has {0} lines, and an order has at most {MAX_LINES}: split it into {parts} files of at most {MAX_LINES} lines, \
         each with the header, and buy them one after the other",
        parts = .0.div_ceil(MAX_LINES)
    )]
    TooMany(usize),
    /// All lines that are wrong.
    #[error("{}", words(.0))]
    Lines(Vec<BadLine>),
}

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no list of meters.
    #[error("the file is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// There is nothing in it.
    #[error("the file is empty; its first line is a header with the columns meter and amount")]
    Empty,
    /// There is nothing under its header.
    #[error("the file has a header and no lines")]
    NoLines,
    /// A column that must be there is not.
    #[error("the header (first line) has no column {name}; it has: {found}")]
    NoColumn {
        /// The column.
        name: &'static str,
        /// What there is instead.
        found: String,
    },
    /// Which of two columns holds?
    #[error("the header has the column {0} twice")]
    ColumnTwice(&'static str),
    /// It is no list of meters.
    #[error("the header has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    /// The header cannot be read.
    #[error("the header: {0}")]
    Header(Wrong),
    /// The reader of CSV, in its words.
    #[error("{0}")]
    NotCsv(String),
}

/// A line that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Its number in the file; the header is usually line 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: Wrong,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No meter is named.
    #[error("the meter is missing")]
    NoMeter,
    /// What stands there is no meter's label.
    #[error("meter {text:?}: {why}")]
    Label {
        /// What stands there.
        text: String,
        /// Why.
        why: LabelError,
    },
    /// Nothing is asked for.
    #[error("the amount is missing")]
    NoAmount,
    /// What stands there is no amount.
    #[error("amount {text:?}: {why}")]
    Amount {
        /// What stands there.
        text: String,
        /// Why.
        why: AskedError,
    },
    /// What stands there is no number of shares.
    #[error("shares {0:?}: write a whole number from 0 to {MAX_SHARES}")]
    Shares(String),
    /// Which of two lines holds?
    #[error("the meter {label} is on line {first} too: put all that it is to get on one line")]
    Twice {
        /// The meter's label.
        label: String,
        /// The line on which it came first.
        first: u64,
    },
    /// It may have swallowed lines.
    #[error(
        "a quotation mark has no second one, and what follows may be part of its cell; write a cell with quotation marks as \
         \"3\"\" pipe\""
    )]
    OpenQuotation,
    /// Letters in another encoding.
    #[error("it is not UTF-8; save the file as CSV in UTF-8")]
    NotUtf8,
    /// A separator too many.
    #[error("it has {cells} cells, and the header has {columns}")]
    TooManyCells {
        /// How many there are.
        cells: usize,
        /// How many there may be.
        columns: usize,
    },
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// A row of the file, and the number of its line.
pub(super) struct Row {
    pub(super) line: u64,
    cells: ByteRecord,
    /// A quotation mark is not closed; it may have swallowed lines.
    is_open: bool,
}

/// Reads a file of lines to buy: a header with the columns `meter` and `amount` (money such as `50.00`, or a quantity such as
/// `12m3`) and any others, and 1 to 500 lines. Empty lines are left out.
///
/// # Errors
/// [`RoundError`], with everything that is wrong.
pub fn read(bytes: &[u8]) -> Result<RoundFile, RoundError> {
    let (round, rows) = table(bytes, &[METER, AMOUNT])?;
    take(round, &rows)
}

/// The header and the rows of a file that has the columns `needed`.
pub(super) fn table(bytes: &[u8], needed: &[&str]) -> Result<(Round, Vec<Row>), RoundError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(RoundError::Unusable(Unusable::TooLarge));
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let comma = rows(text, b',')?;
    let semicolon = rows(text, b';')?;
    let semicolons = semicolon.first().is_some_and(|header| header.cells.len() > 1 && has(header, METER));
    let (separator, mut rows) = if semicolons { (';', semicolon) } else { (',', comma) };
    if rows.is_empty() {
        return Err(RoundError::Unusable(Unusable::Empty));
    }
    let columns = header(&rows.remove(0), needed)?;
    if rows.is_empty() {
        return Err(RoundError::Unusable(Unusable::NoLines));
    }
    if rows.len() > MAX_LINES && !rows.iter().any(|row| row.is_open) {
        return Err(RoundError::TooMany(rows.len()));
    }
    let byte_order_mark = text.len() < bytes.len();
    Ok((Round { separator, byte_order_mark, columns, rows: Vec::new() }, rows))
}

/// Reads every row by itself, so that all that is wrong is told at once.
fn take(mut round: Round, rows: &[Row]) -> Result<RoundFile, RoundError> {
    let (mut lines, mut bad, mut firsts) = (Vec::new(), Vec::new(), FirstLines::default());
    for row in rows {
        let read = cells(row, round.columns.len()).map_err(|why| vec![why]);
        let read = read.and_then(|cells| Ok((purchase_line(&round.columns, &cells)?, cells)));
        match read {
            Err(whys) => bad.extend(whys.into_iter().map(|why| BadLine { line: row.line, why })),
            Ok((line, cells)) => {
                bad.extend(firsts.note(&line.meter, row.line));
                lines.push(line);
                round.rows.push(cells);
            }
        }
    }
    if bad.is_empty() { Ok(RoundFile { lines, round }) } else { Err(RoundError::Lines(bad)) }
}

/// On which line each meter came first.
#[derive(Default)]
pub(super) struct FirstLines(HashMap<MeterId, u64>);

impl FirstLines {
    /// Notes the meter of a line; says so if it came before.
    pub(super) fn note(&mut self, meter: &MeterId, line: u64) -> Option<BadLine> {
        match self.0.get(meter) {
            Some(first) => {
                let why = Wrong::Twice { label: meter.label().to_string(), first: *first };
                Some(BadLine { line, why })
            }
            None => {
                self.0.insert(*meter, line);
                None
            }
        }
    }
}

/// The meter of a cell.
pub(super) fn meter(cell: &str) -> Result<MeterId, Wrong> {
    match cell {
        "" => Err(Wrong::NoMeter),
        label => MeterId::from_label(label).map_err(|why| Wrong::Label { text: label.to_owned(), why }),
    }
}

fn purchase_line(columns: &[String], cells: &[String]) -> Result<PurchaseLine, Vec<Wrong>> {
    let cell = |name: &str| {
        let at = columns.iter().position(|column| column == name);
        at.and_then(|at| cells.get(at)).map_or("", |cell| cell.trim())
    };
    let asked = match cell(AMOUNT) {
        "" => Err(Wrong::NoAmount),
        text => text.parse().map_err(|why| Wrong::Amount { text: text.to_owned(), why }),
    };
    match (meter(cell(METER)), asked) {
        (Ok(meter), Ok(asked)) => Ok(PurchaseLine { meter, asked }),
        (meter, asked) => Err([meter.err(), asked.err()].into_iter().flatten().collect()),
    }
}

/// The rows that are not empty, the header among them.
fn rows(text: &[u8], separator: u8) -> Result<Vec<Row>, RoundError> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text);
    let (mut rows, mut cells) = (Vec::new(), ByteRecord::new());
    loop {
        let from = reader.position().byte();
        if !reader
            .read_byte_record(&mut cells)
            .map_err(|error| RoundError::Unusable(Unusable::NotCsv(error.to_string())))?
        {
            return Ok(rows);
        }
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(reader.position().byte()).unwrap_or(text.len());
        // RFC 4180: every quotation mark has its second. The reader itself would take the rest of the file for one cell.
        let is_open = text.get(range).is_some_and(|row| row.iter().filter(|byte| **byte == b'"').count() % 2 == 1);
        if is_open || cells.iter().any(|cell| !cell.trim_ascii().is_empty()) {
            let line = cells.position().map_or(0, csv::Position::line);
            rows.push(Row { line, cells: std::mem::take(&mut cells), is_open });
        }
    }
}

fn has(header: &Row, name: &str) -> bool {
    header.cells.iter().any(|cell| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// The names of the columns.
fn header(row: &Row, needed: &[&str]) -> Result<Vec<String>, RoundError> {
    if row.cells.len() > MAX_COLUMNS {
        return Err(RoundError::Unusable(Unusable::TooManyColumns));
    }
    let cells = cells(row, row.cells.len()).map_err(|why| RoundError::Unusable(Unusable::Header(why)))?;
    let name = |cell: &String| match cell.trim().to_ascii_lowercase() {
        known if [METER, AMOUNT].contains(&known.as_str()) => known,
        _ => cell.trim().to_owned(),
    };
    let columns: Vec<String> = cells.iter().map(name).collect();
    for name in [METER, AMOUNT] {
        match columns.iter().filter(|column| *column == name).count() {
            0 if !needed.contains(&name) => {}
            1 => {}
            0 => {
                let found = columns.join(", ");
                return Err(RoundError::Unusable(Unusable::NoColumn { name, found }));
            }
            _ => return Err(RoundError::Unusable(Unusable::ColumnTwice(name))),
        }
    }
    Ok(columns)
}

/// The cells of a row as text, filled up to `columns`.
pub(super) fn cells(row: &Row, columns: usize) -> Result<Vec<String>, Wrong> {
    if row.is_open {
        return Err(Wrong::OpenQuotation);
    }
    let text = |cell: &[u8]| {
        let text = std::str::from_utf8(cell).map(str::to_owned);
        text.map_err(|_| Wrong::NotUtf8)
    };
    let mut cells = row.cells.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if cells.len() > columns {
        return Err(Wrong::TooManyCells { cells: cells.len(), columns });
    }
    cells.resize(columns, String::new());
    Ok(cells)
}

fn words(bad: &[BadLine]) -> String {
    let lines: Vec<String> = bad.iter().map(|line| format!("\n  {line}")).collect();
    format!("the file has mistakes:{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, String)> {
        let file = read(text.as_bytes()).unwrap();
        file.lines.iter().map(|line| (line.meter.to_string(), line.asked.to_string())).collect()
    }

    fn error(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn as_programs_write_it() {
        let wanted = vec![("CLS0000000017".to_owned(), "50.00".to_owned()), ("CLS0000000025".into(), "12.5m3".into())];
        let (first, second) = ("CLS0000000017-Z", "CLS0000000025".parse::<MeterId>().unwrap().label());
        for text in [
            format!("meter,amount\n{first},50.00\n{second},12.5m3\n"),
            format!("\u{feff}Meter,AMOUNT\r\n{first},50.00\r\n\r\n{second},12.5m3"),
            format!("flat; Amount ;meter\n\"1;2\"; 50.00 ;{first}\r\n;\"12.5 m³\";{second}\n;;\n"),
            format!("note,meter,amount\n\"a \"\"b\"\", c\nd\",{first},50.00\n,{second},12.50m3\n"),
            format!("meter,amount,flat;floor\n{first},50.00,1\n{second},12.5m3\n"),
        ] {
            assert_eq!(lines(&text), wanted, "{text}");
        }
    }

    #[test]
    fn other_columns_are_kept() {
        let file = read(b"\xef\xbb\xbfFlat;METER;Amount\r\n\"1;2\";cls0000000017-z;050\r\n").unwrap();
        let (columns, row) = (["Flat", "meter", "amount"], ["1;2", "cls0000000017-z", "050"]);
        assert_eq!(
            (file.round.columns, file.round.rows),
            (columns.map(String::from).to_vec(), vec![row.map(String::from).to_vec()])
        );
        assert_eq!((file.round.separator, file.round.byte_order_mark), (';', true));
    }

    #[test]
    fn everything_wrong_at_once() {
        let text = b"meter,amount,note\nCLS0000000017-K,50\nCLS0000000017-Z,50,\"two\nlines\"\nCLS0000000017-Z,\"5,00\"\n,\n,5\n\
            CLS0000000017-Z,12l,a,b\nCLS0000000017-K,-1\nCLS0000000017-Z,5,\xfc\n";
        let RoundError::Lines(bad) = read(text).unwrap_err() else { panic!("lines") };
        let numbers: Vec<u64> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(numbers, [2, 5, 7, 8, 9, 9, 10]);
        let words = RoundError::Lines(bad).to_string();
        for part in [
            "line 2: meter \"CLS0000000017-K\": ",
            "line 5: amount \"5,00\": ",
            "line 7: the meter is missing",
            "4 cells",
            "UTF-8",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn an_open_quotation_mark_swallows_nothing() {
        let text = b"meter,amount,note\nCLS0000000017-Z,50,\"open\nCLS0000000017-Z,60,\n";
        assert!(error(text).contains("line 2: a quotation mark"), "{}", error(text));
        assert!(error(b"meter,amount,note\nCLS0000000017-Z,50,3\" pipe\n").contains("line 2: a quotation mark"));
        assert!(error(b"meter,\"amount\nCLS0000000017-Z,50").contains("the header: a quotation mark"));
    }

    #[test]
    fn the_same_meter_twice_is_told() {
        let twice = error(b"meter,amount\nCLS0000000017-Z,50\ncls0000000017-z,60\n");
        assert!(twice.contains("line 3: the meter CLS0000000017-Z is on line 2 too"), "{twice}");
    }

    #[test]
    fn no_file_for_a_round() {
        assert!(error(b"").contains("is empty"));
        assert!(error(b"\n\r\n").contains("is empty"));
        assert!(error(b"meter,amount\n,\n").contains("no lines"));
        assert!(error(b"CLS0000000017-Z,50\n").contains("no column meter"));
        assert!(error(b"meter,sum\nCLS0000000017-Z,50\n").contains("no column amount; it has: meter, sum"));
        assert!(error(b"meter,amount,Meter\n").contains("twice"));
        assert!(error(&vec![b'x'; MAX_FILE_BYTES + 1]).contains("larger"));
        let label = |number: usize| format!("CLS{number:010}").parse::<MeterId>().unwrap().label();
        let many = |lines: usize| {
            let rows = (1..=lines).map(|number| format!("{},1\n", label(number)));
            format!("meter,amount\n{}", rows.collect::<String>())
        };
        assert_eq!(lines(&many(500)).len(), 500);
        assert!(error(many(501).as_bytes()).contains("501 lines, and an order has at most 500: split it into 2 files"));
        assert_eq!(read(many(1001).as_bytes()), Err(RoundError::TooMany(1001)));
    }
}
