//! `coinless meter`: a simulated meter around the real core. Its state file stands for its flash.

use crate::output::{Context, Failure, Output};
use coinless_meter::{Issuer, IssuerRole};
use coinless_protocol::keys::PublicKey;
use coinless_protocol::{Commodity, CreditKind, Currency, FINE_PER_UNIT, MeterId, Units};
use coinless_sim::meter::{self, Blueprint, LinkChoice, Options};
use coinless_station::money;
use coinless_station::records::{self, DeliveryRecord, HexKey, IssuerRecord, MoneyRecord};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

/// Where a meter listens that is told nothing else.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5683));

/// A simulated meter.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a meter with a new key; prints the delivery record for `coinless station enrol`.
    New(NewArguments),
    /// Run a meter: CoAP over UDP, a serial line, a WebSocket, Bluetooth or an NFC tag, and control lines on standard input (type `help`).
    Run {
        /// The meter's state file, made by `coinless meter new`.
        #[arg(long)]
        state: PathBuf,
        /// Address and UDP port; port 0 takes any free one [default: 127.0.0.1:5683, or no UDP with another link].
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Offer a serial line (Slipmux) on a pseudo-terminal, and print its path; together with --listen both.
        #[arg(long)]
        serial: bool,
        /// Offer a WebSocket at this address and port, for a phone in a browser; port 0 takes any free one.
        #[arg(long, value_name = "ADDRESS")]
        ws: Option<SocketAddr>,
        /// Be a Bluetooth LE peripheral of this computer, through BlueZ.
        #[arg(long)]
        bluez: bool,
        /// Have an NFC tag whose memory is this file, which a phone at this computer reads and writes.
        #[arg(long, value_name = "FILE")]
        ndef: Option<PathBuf>,
        /// Answer strangers as a meter on the mains does: gas and water otherwise spare their battery.
        #[arg(long)]
        mains: bool,
        /// The meter has a clock that went on while it was off: that of this computer.
        #[arg(long)]
        keeps_time: bool,
    },
}

/// What a new meter is to be.
#[derive(clap::Args)]
pub struct NewArguments {
    /// The state file to be made. An existing file is never overwritten.
    #[arg(long)]
    state: PathBuf,
    /// The meter's number, with or without its check character: CLS0000000017 or CLS0000000017-Z.
    #[arg(long)]
    id: String,
    /// gas, water or electricity.
    #[arg(long)]
    commodity: String,
    /// What credit is counted in: unit, or money:EUR, which the meter prices by its tariff (money:EUR:3 for other digits).
    #[arg(long, default_value = "unit")]
    credit: String,
    /// What `coinless station issuer` printed. Without it the meter accepts no token.
    #[arg(long)]
    issuer: Option<PathBuf>,
    /// Credit for the installation: 2.000m3, or 10kWh for electricity, unless given. A meter of money is made with none.
    #[arg(long)]
    initial: Option<String>,
    /// The most credit that the meter can hold: 500m3, 500kWh or 1000 of a currency unless given.
    #[arg(long)]
    max_credit: Option<String>,
    /// The public key of the meter's secure element, 130 hexadecimal digits. The file, to be written to that meter's flash, gets
    /// no private key then.
    #[arg(long)]
    public_key: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] says what to do.
pub fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => new(&arguments, output),
        Command::Run { state, listen, serial, ws, bluez, ndef, mains, keeps_time } => {
            let is_alone = !serial && !bluez && ws.is_none() && ndef.is_none();
            let listen = listen.or_else(|| is_alone.then_some(DEFAULT_LISTEN));
            serve(&state, Options { links: LinkChoice { listen, serial, ws, bluez, ndef }, mains, keeps_time }, output)
        }
    }
}

fn new(arguments: &NewArguments, output: &Output) -> Result<(), Failure> {
    let commodity = Commodity::from_name(&arguments.commodity)
        .ok_or_else(|| Failure::new("--commodity is gas, water or electricity"))?;
    let issuers = arguments.issuer.as_deref().map(read_issuers).transpose()?;
    let credit = credit_kind(&arguments.credit)?;
    let amount = |name: &str, text: &Option<String>| {
        let units = |text| match credit {
            CreditKind::Unit => whole_units(commodity, text),
            CreditKind::Money(currency) => minor_units(currency, text),
        };
        text.as_deref().map(|text| units(text).context(name)).transpose()
    };
    let blueprint = Blueprint {
        id: read_id(&arguments.id)?,
        commodity,
        credit,
        initial: amount("--initial", &arguments.initial)?,
        max_credit: amount("--max-credit", &arguments.max_credit)?,
        readings_key: issuers.as_ref().map(|record| record.readings_key.0),
        issuers: issuers.map(|record| record.issuers.iter().map(issuer).collect()).unwrap_or_default(),
    };
    let place = arguments.state.display();
    let key = match &arguments.public_key {
        None => meter::make(&arguments.state, &blueprint).context(place)?,
        Some(text) => {
            let bytes = records::from_hex(text).unwrap_or_default();
            let key = PublicKey::from_sec1(&bytes).context("--public-key")?;
            meter::make_for_element(&arguments.state, &blueprint).context(place)?;
            key
        }
    };
    output.record(&DeliveryRecord {
        id: blueprint.id.to_string(),
        label: blueprint.id.label().to_string(),
        commodity: commodity.name().to_owned(),
        public_key: HexKey(key),
        initial_units: blueprint.initial().get(),
        max_credit_units: blueprint.max_credit().get(),
        customer: None,
        place: None,
        money: match credit {
            CreditKind::Unit => None,
            CreditKind::Money(currency) => {
                Some(MoneyRecord { currency: currency.to_string(), digits: currency.exponent() })
            }
        },
    })
}

fn serve(state: &Path, options: Options, output: &Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    // Whoever started the meter may stop listening to it; the meter goes on.
    let report = |report: &meter::Report| drop(output.result(report, report));
    let result = runtime.block_on(meter::run(state, options, meter::stdin_lines(), report));
    result.context(state.display())
}

/// `unit`, `money:EUR` or `money:EUR:3`.
fn credit_kind(text: &str) -> Result<CreditKind, Failure> {
    let wrong =
        || Failure::new("--credit is unit, or money and an ISO 4217 code, for example money:EUR or money:EUR:3");
    let Some(money) = text.strip_prefix("money:") else {
        return if text == "unit" { Ok(CreditKind::Unit) } else { Err(wrong()) };
    };
    let (code, digits) = money.split_once(':').map_or((money, None), |(code, digits)| (code, Some(digits)));
    let known = money::Currency::from_code(code).context("--credit")?;
    let digits = digits.map_or(Some(known.digits()), |digits| digits.parse().ok()).ok_or_else(wrong)?;
    let bytes = code.as_bytes().try_into().map_err(|_| wrong())?;
    Currency::new(bytes, digits).map(CreditKind::Money).ok_or_else(wrong)
}

/// An amount of money in minor units, as it is written: `500.00`.
fn minor_units(currency: Currency, text: &str) -> Result<Units, Failure> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = usize::from(currency.exponent());
    let missing = digits.checked_sub(fraction.len());
    let missing = missing.ok_or_else(|| Failure::new(format!("{currency} has {digits} digits after the point")))?;
    let minor = format!("{whole}{fraction}{}", "0".repeat(missing));
    let lawful = !whole.is_empty() && minor.bytes().all(|digit| digit.is_ascii_digit());
    let minor = minor.parse().ok().filter(|_| lawful);
    Units::new(minor.ok_or_else(|| Failure::new("write an amount of money, for example 500.00"))?).context(text)
}

fn read_id(text: &str) -> Result<MeterId, Failure> {
    let id = if text.contains('-') {
        MeterId::from_label(text).map_err(|error| error.to_string())
    } else {
        text.parse::<MeterId>().map_err(|error| error.to_string())
    };
    id.context("--id")
}

fn read_issuers(path: &Path) -> Result<IssuerRecord, Failure> {
    let reading = format!("{} (write it with `coinless station issuer --data DIR --json > FILE`)", path.display());
    let text = std::fs::read_to_string(path).context(&reading)?;
    serde_json::from_str(&text).context(&reading)
}

fn issuer(key: &records::IssuerKey) -> Issuer {
    let role = match key.role {
        records::IssuerRole::Root => IssuerRole::Root,
        records::IssuerRole::Operational => IssuerRole::Operational,
    };
    Issuer { role, key: key.public_key.0 }
}

/// An amount in whole credit units (dm³, litre, Wh): a meter's own sums are not sold in thousandths.
fn whole_units(commodity: Commodity, text: &str) -> Result<Units, Failure> {
    let fine = commodity.parse_amount(text).context(text)?.0;
    let units = u64::try_from(fine / FINE_PER_UNIT).ok().filter(|_| fine % FINE_PER_UNIT == 0);
    let unit = commodity.display_unit();
    let units =
        units.ok_or_else(|| Failure::new(format!("at most 3 digits after the point, for example 1.250{unit}")))?;
    Units::new(units).context(text)
}
