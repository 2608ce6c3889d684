//! What a courier does: [`scan`] a meter, [`Buyer`] buys, [`deliver`] hands tokens over, [`refund`] asks for money back,
//! [`sync`] brings receipts to the station and asks how orders stand, [`restore`]
//! fetches an order onto another phone.

mod buy;
mod buy_at;
mod deliver;
mod meter;
mod orders;
mod purchase;
mod refund;
mod restore;
mod sync;

pub use buy::{Bought, Buyer, Progress};
pub use buy_at::{BoughtAt, Draws};
pub use deliver::{Delivered, Delivery, DeliveryOutcome, deliver};
pub use meter::{Scanned, fresh_receipt, scan};
pub use orders::tell;
pub use purchase::{MAX_LINES, Purchase, PurchaseLine};
pub use refund::{Refund, refund};
pub use restore::{Restored, restore};
pub use sync::{Problem, SyncReport, sync};
