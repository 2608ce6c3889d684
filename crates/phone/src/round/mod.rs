//! A manager's round: many lines from a file, and its result as a file again.
//!
//! Both are CSV (RFC 4180) in UTF-8, with a header. [`read`] takes a comma or, if the header has it, a semicolon between
//! cells, lines that end in CRLF or LF, and a byte order mark. [`result()`] writes in the same manner as the file was.

mod import;
mod plan;
mod read;
mod result;
mod walk;

pub use import::{Imported, import};
pub use plan::{NotPlanned, Pasted, Plan, Planned, lines, pasted, plan, sum_of};
pub use read::{BadLine, RoundError, RoundFile, Unusable, Wrong, read};
pub use result::{harmless, result};
pub use walk::{Stop, StopState, Walk};

use serde::{Deserialize, Serialize};

/// The file that an order's lines come from, one row for each line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What is between cells: `,` or `;`.
    pub separator: char,
    /// It begins with a byte order mark.
    #[serde(default)]
    pub byte_order_mark: bool,
    /// The names in its header; `meter` and `amount` are among them in lower case.
    pub columns: Vec<String>,
    /// The cells as they were, as many in each row as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// The column of the meter's number with its check character.
const METER: &str = "meter";
/// The column of the amount or quantity.
const AMOUNT: &str = "amount";
/// What tells programs that a file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
