//! A sandbox utility on a real socket, and the station's side of it.

use crate::sandbox::{Behaviour, Options, Setting, Utility};
use coinless_protocol::{Commodity, Units};
use coinless_station::money::{Currency, Money};
use coinless_station::sales::http::{HttpSales, HttpSalesConfig};
use coinless_station::sales::{Asked, Quote, SaleRequest, SalesSystem};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const TOKEN: &str = "sandbox-token";
pub const METER: &str = "CLS0000000017";
/// Where time is not what is tested: a busy machine must not look like a slow utility.
pub const PATIENT_MS: u64 = 30_000;
/// Short, so that nobody waits long for what never comes.
pub const TIMEOUT_MS: u64 = 1_000;

pub fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

pub struct Bench {
    pub utility: Arc<Utility>,
    pub sales: HttpSales,
    pub url: String,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(Options::new(TOKEN)).await
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let utility = Utility::open(&folder.path().join("sales.jsonl"), options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(utility.clone().serve(listener));
        let sales = adapter(&folder, &url, TOKEN, PATIENT_MS);
        Self { utility, sales, url, folder }
    }

    /// The same with a time-out that is soon over.
    pub fn impatient(&self) -> HttpSales {
        adapter(&self.folder, &self.url, TOKEN, TIMEOUT_MS)
    }

    pub fn behave(&self, behaviour: Behaviour, way: usize, calls: Option<u32>) {
        self.utility.set(Setting { behaviour, calls, way: Some(way) });
    }

    pub async fn quote(&self, minor: i64) -> Quote {
        let asked = Asked::Money(Money::from_minor(minor));
        self.sales.trial(METER.parse().unwrap(), Commodity::Gas, asked).await.unwrap()
    }

    /// A sale of 50.00 EUR as quoted now.
    pub async fn sale(&self, sale_id: &str) -> SaleRequest {
        let quote = self.quote(5_000).await;
        SaleRequest { units: quote.units, terms: quote.terms, ..sale(sale_id) }
    }
}

/// A sale of 50.00 EUR whose quote nobody made.
pub fn sale(sale_id: &str) -> SaleRequest {
    SaleRequest {
        sale_id: sale_id.to_owned(),
        meter_id: METER.to_owned(),
        commodity: Commodity::Gas,
        asked: Asked::Money(Money::from_minor(5_000)),
        amount: Money::from_minor(5_000),
        currency: eur(),
        units: Units::new(1).unwrap(),
        terms: String::new(),
    }
}

/// The station's side of what serves at `url`.
pub fn adapter(folder: &tempfile::TempDir, url: &str, token: &str, timeout_ms: u64) -> HttpSales {
    let token_file = folder.path().join(format!("token-{token}"));
    std::fs::write(&token_file, token).unwrap();
    let config = HttpSalesConfig { url: url.to_owned(), token_file, timeout_ms: Some(timeout_ms) };
    HttpSales::new(&config, "utility".parse().unwrap(), eur()).unwrap()
}

/// What a raw server does with each connection once it has read the request.
pub enum Raw {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes, and then `x` until the other side has had enough.
    Endless(&'static str),
    /// Writes nothing and stays.
    Silence,
}

/// A server that speaks no HTTP of its own.
pub async fn raw(raw: Raw) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let raw = Arc::new(raw);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer_raw(connection, raw.clone()));
        }
    });
    address
}

async fn answer_raw(mut connection: TcpStream, raw: Arc<Raw>) -> std::io::Result<()> {
    read_request(&mut connection).await?;
    match &*raw {
        Raw::Bytes(bytes) => connection.write_all(bytes).await?,
        Raw::Endless(head) => {
            connection.write_all(head.as_bytes()).await?;
            loop {
                connection.write_all(&[b'x'; 4096]).await?;
            }
        }
        Raw::Silence => std::future::pending().await,
    }
    connection.shutdown().await
}

/// Reads a request whole, so that closing does not look like a reset.
async fn read_request(connection: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= length.parse::<usize>().unwrap() {
            return Ok(());
        }
    }
}
