//! What a courier does: [`scan`] a meter, [`Buyer`] buys, [`deliver`] hands tokens over, [`refund`] asks for money back,
//! [`sync`] brings receipts to the station and asks how orders stand, [`follow`] watches one of them, [`restore`]
//! fetches an order onto another phone, [`set_clock`] and [`fetch_report`] do what else a meter needs, [`hand`] hands over a
//! technician's token, [`readings`] are what the station tells whoever lives with a meter, and [`report_problem`] tells it what is
//! wrong.

mod attend;
mod buy;
mod buy_at;
mod carry;
mod deliver;
mod entitled;
mod follow;
mod hand;
mod meter;
mod orders;
mod purchase;
mod refund;
mod restore;
mod sync;

pub use attend::{Attending, ClockSet, MAX_VISITS, PAUSE_S, ReportTaken, fetch_report, set_clock};
pub use buy::{Bought, Buyer, Progress};
pub use buy_at::{BoughtAt, Draws};
pub use carry::{HandOver, NoHandOver, carry};
pub use deliver::{Delivered, Delivery, DeliveryOutcome, deliver};
pub use entitled::{LocalTime, earn_readings, readings, refresh_readings, report_problem};
pub use follow::follow;
pub use hand::{Handed, TokenFile, TokenFileError, hand};
pub use meter::{Scanned, fresh_receipt, identity, scan};
pub use orders::tell;
pub use purchase::{MAX_LINES, Purchase, PurchaseLine};
pub use refund::{Refund, refund};
pub use restore::{Restored, restore};
pub use sync::{Problem, SyncReport, sync};
