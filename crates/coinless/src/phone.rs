//! `coinless phone`: a phone on the command line: scan, quote, buy, deliver, hand, report, refund, sync, restore, list, readings, problem, round.

mod arguments;
mod attend;
mod buy;
mod deliver;
mod entitled;
mod hand;
mod http;
mod link;
mod ndef;
mod restore;
mod round;
mod serial;
mod show;
mod store;
mod udp;
mod websocket;

use crate::output::{Context, Failure, Output};
use arguments::{Lines, Payment};
use clap::Subcommand;
use coinless_phone::courier::{Purchase, refund, scan, sync, tell};
use coinless_phone::store::{Contents, Damaged, Store};
use coinless_phone::{OrderLink, api};
use coinless_protocol::MeterId;
use coinless_sim::failpoint;
use http::{Http, StationUrl};
use std::path::{Path, PathBuf};
use store::PhoneStore;
use uuid::Uuid;

pub use link::{MeterLink, random};

/// Commands of the phone.
#[derive(Subcommand)]
pub enum Command {
    /// Reads the identity of the meter at hand.
    Scan {
        /// The phone's memory, a directory; made if it is missing.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// A station that knows the meter, to check that it is the one that it says it is.
        #[arg(long, value_name = "URL")]
        station: Option<StationUrl>,
        /// The meter at hand: coap://HOST:PORT, ws://HOST:PORT, ndef:FILE of its tag, or serial:PATH of a serial device (serial:PATH@9600 at another rate than 115200)
        link: String,
    },
    /// Asks what amounts would buy or quantities would cost. Nothing is ordered.
    Quote {
        /// The station.
        #[arg(long, value_name = "URL")]
        station: StationUrl,
        #[command(flatten)]
        lines: Lines,
    },
    /// Buys credit: orders, pays, and stores the tokens; with --at also loads them.
    ///
    /// The exit code is 0 if every line is on this phone or loaded, 3 if some are and the others have ended otherwise, 4 if the
    /// outcome is not known yet (nothing is lost: the same again, or sync), and 1 if nothing was bought.
    Buy {
        /// The phone's memory, a directory; made if it is missing.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The station.
        #[arg(long, value_name = "URL")]
        station: StationUrl,
        #[command(flatten)]
        lines: Lines,
        #[command(flatten)]
        payment: Payment,
        /// The meter at hand (coap://HOST:PORT, ws://HOST:PORT or serial:PATH): checks it before anybody pays, and loads the credit at once.
        #[arg(long, value_name = "LINK")]
        at: Option<String>,
        /// How many seconds to wait for the payment and the sale.
        #[arg(long, value_name = "SECONDS", default_value_t = buy::DEFAULT_WAIT_S)]
        wait: u64,
    },
    /// Hands the meter at hand its tokens.
    Deliver {
        /// The phone's memory, a directory.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The meter at hand: coap://HOST:PORT, ws://HOST:PORT, ndef:FILE of its tag, or serial:PATH of a serial device (serial:PATH@9600 at another rate than 115200)
        link: String,
    },
    /// Hands the meter at hand the token of a file that `coinless station token` wrote: for a technician.
    Hand {
        /// The phone's memory, a directory; made if it is missing.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The station that signed it, to which the meter's receipt goes at the next sync; the one that this phone knows for the
        /// meter if it is left out.
        #[arg(long, value_name = "URL")]
        station: Option<StationUrl>,
        /// The token file.
        file: PathBuf,
        /// The meter at hand: coap://HOST:PORT, ws://HOST:PORT, ndef:FILE of its tag, or serial:PATH of a serial device (serial:PATH@9600 at another rate than 115200)
        link: String,
    },
    /// Takes the report of the meter at hand along for its station, also if one was taken today: it costs the meter a signature.
    Report {
        /// The phone's memory, a directory; made if it is missing.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The meter's station; the one that this phone knows for the meter if it is left out.
        #[arg(long, value_name = "URL")]
        station: Option<StationUrl>,
        /// The meter at hand: coap://HOST:PORT, ws://HOST:PORT, ndef:FILE of its tag, or serial:PATH of a serial device (serial:PATH@9600 at another rate than 115200)
        link: String,
    },
    /// Asks for the money of an order, or of one of its lines, back.
    Refund {
        /// The phone's memory, a directory.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The order's id.
        order: Uuid,
        /// The number of the line; without it, all lines that are not loaded.
        line: Option<u32>,
    },
    /// Brings receipts to the stations, goes on with unfinished orders, and fetches new tokens.
    Sync {
        /// The phone's memory, a directory.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
    },
    /// Fetches an order and its tokens from the order's link, on a phone that has lost it or never had it; any number of times.
    Restore {
        /// The phone's memory, a directory; made if it is missing.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The order's link: https://STATION/o/ORDER
        link: OrderLink,
    },
    /// Lists orders, tokens and receipts on this phone.
    List {
        /// The phone's memory, a directory.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
    },
    /// Shows a meter's last balance, its use by day and its alarms: for those who live with it. The code that its display shows after a
    /// press of the button is needed once, until the tenant changes.
    Readings(entitled::ReadingsOptions),
    /// Reports a problem to the people who run the station.
    Problem(entitled::ProblemOptions),
    /// Shows every line of an order as this phone knows it, and writes it as a CSV file. Nothing is sent: sync first.
    Round {
        /// The phone's memory, a directory.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// The order's id.
        order: Uuid,
        /// Where to write the result, with the columns of the file that was bought from.
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
    },
}

/// Runs a command.
///
/// # Errors
/// [`Failure`] says what did not work and what to do.
pub fn run(command: Command, output: &Output) -> Result<(), Failure> {
    // A test that names a point that does not exist would pass without testing anything.
    failpoint::check().map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        match command {
            Command::Scan { store, station, link } => scan_meter(output, &store, station, &link).await,
            Command::Quote { station, lines } => quote(output, &station, &lines.purchase()?).await,
            Command::Buy { store, station, lines, payment, at, wait } => {
                let purchase = payment.of(lines.purchase()?)?;
                buy::run(output, &store, &station, &purchase, at.as_deref(), wait).await
            }
            Command::Deliver { store, link } => deliver::run(output, &store, &link).await,
            Command::Hand { store, station, file, link } => {
                hand::run(output, &store, station.as_ref(), &file, &link).await
            }
            Command::Report { store, station, link } => attend::report(output, &store, station.as_ref(), &link).await,
            Command::Refund { store, order, line } => ask_back(output, &store, order, line).await,
            Command::Sync { store } => sync_all(output, &store).await,
            Command::Restore { store, link } => restore::run(output, &store, &link).await,
            Command::List { store } => list(output, &store).await,
            Command::Readings(options) => entitled::show(output, &options).await,
            Command::Problem(options) => entitled::report(output, &options).await,
            Command::Round { store, order, csv } => round::run(output, &store, order, csv.as_deref()).await,
        }
    })
}

fn open(directory: &Path) -> Result<PhoneStore, Failure> {
    PhoneStore::open(directory).map_err(|error| Failure::new(error.to_string()))
}

/// The station of a meter: the one that was named, else the one that this phone knows for it, else the only one that it knows.
fn station_of(named: Option<&StationUrl>, contents: &Contents, meter: &MeterId) -> Result<String, Failure> {
    if let Some(url) = named {
        return Ok(url.as_str().to_owned());
    }
    let known = contents.station_of(meter).map(str::to_owned);
    known.ok_or_else(|| Failure::new("this phone does not know the meter's station: name it with --station URL"))
}

fn damage(damaged: &[Damaged]) -> Result<(), Failure> {
    if damaged.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = damaged.iter().map(|file| format!("\n  {file}")).collect();
    let what = "cannot be read; nothing was deleted. Move them elsewhere when you know what they are";
    Err(Failure::new(format!("files in the phone's store {what}:{}", files.concat())))
}

async fn scan_meter(output: &Output, directory: &Path, station: Option<StationUrl>, link: &str) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let mut link = MeterLink::connect(link).await?;
    let scanned = scan(&mut link, random()?).await.context("reading the meter")?;
    let identity = scanned.identity;
    let contents = store.load().await.context("reading the store")?;
    let info = match station {
        Some(url) => Some(api::meter(&mut Http::new(&url)?, &identity.meter).await.context("asking the station")?),
        None => None,
    };
    let key = match &info {
        Some(info) => Some(info.key().ok_or_else(|| Failure::new("the station gives no public key of this meter"))?),
        None => contents.key_of(&identity.meter, identity.meter_key),
    };
    let code = key.map(|key| scanned.verify(&key)).transpose().context("checking the meter")?;
    let waiting = contents.tokens.iter().filter(|t| t.key.meter == identity.meter && contents.is_current(t)).count();
    let result = show::MeterResult::new(&identity, code, info.as_ref(), waiting);
    output.result(&result, &result)?;
    damage(&contents.damaged)
}

async fn quote(output: &Output, station: &StationUrl, purchase: &Purchase) -> Result<(), Failure> {
    let quote = api::quote(&mut Http::new(station)?, &purchase.request(None)).await.context("asking for a quote")?;
    output.result(&quote, show::quote_words(&quote))
}

async fn ask_back(output: &Output, directory: &Path, order: Uuid, line: Option<u32>) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let contents = store.load().await.context("reading the store")?;
    let url = match contents.order(order) {
        Some(order) => StationUrl::stored(&order.station)?,
        None => return Err(Failure::new(format!("no order {order} in the phone's store"))),
    };
    let refunded = refund(&mut store, &mut Http::new(&url)?, order, line).await.context("asking for the money back")?;
    let contents = store.load().await.context("reading the store")?;
    let result = show::RefundResult::new(&refunded, &contents);
    output.result(&result, &result)?;
    damage(&contents.damaged)
}

async fn sync_all(output: &Output, directory: &Path) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let contents = store.load().await.context("reading the store")?;
    let of_orders = contents.orders.iter().map(|order| &order.station);
    let mut urls: Vec<String> =
        of_orders.chain(contents.receipts.iter().map(|receipt| &receipt.station)).cloned().collect();
    urls.extend(contents.visits.iter().filter(|visit| visit.report.is_some()).map(|visit| visit.station.clone()));
    urls.extend(contents.problems.iter().map(|problem| problem.station.clone()));
    urls.sort();
    urls.dedup();
    let mut result = show::SyncResult::default();
    let mut orders = Vec::new();
    for url in urls {
        output.progress(format_args!("asking {url} ..."));
        let report = sync(&mut store, &mut Http::new(&StationUrl::stored(&url)?)?, &url).await;
        let report = report.context(&url)?;
        result.add(&url, &report);
        orders.extend(report.orders);
    }
    let contents = store.load().await.context("reading the store")?;
    result.orders = orders.iter().map(|order| show::OrderResult::new(order, &contents)).collect();
    output.result(&result, &result)?;
    // The person has now seen how these orders ended.
    for order in &mut orders {
        tell(&mut store, order).await.context("writing the store")?;
    }
    damage(&contents.damaged)?;
    match result.problems.as_slice() {
        [] => Ok(()),
        problems => Err(Failure::new(format!(
            "not everything could be brought up to date; nothing is lost, run this again: {}",
            problems.join("; ")
        ))),
    }
}

async fn list(output: &Output, directory: &Path) -> Result<(), Failure> {
    let contents = open(directory)?.load().await.context("reading the store")?;
    let result = show::ListResult::new(&contents);
    output.result(&result, &result)?;
    damage(&contents.damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fail_point_is_somewhere() {
        let sources = [include_str!("phone/store.rs"), include_str!("phone/http.rs"), include_str!("phone/link.rs")];
        for point in failpoint::PHONE {
            assert_eq!(sources.iter().map(|source| source.matches(point).count()).sum::<usize>(), 1, "{point}");
        }
    }
}
