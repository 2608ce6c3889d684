//! Sizes in bytes: each message, and a whole purchase over the phone's network.

use crate::orders::{BenchMeter, order, serve};
use crate::report::{line, note};
use crate::signing::token;
use crate::stations::{Database, Engine};
use coinless_protocol::coap::{self, Client, ContentFormat, Kind, Method, Request, option};
use coinless_protocol::identity::Identity;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Conditions, Needs, Order, RefusedRange, Token};
use coinless_protocol::{Commodity, CreditNumber};
use coinless_station::net::http_client;
use coinless_station::store::GroupSize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub async fn run() {
    let database = Database::new(Engine::Sqlite);
    let (url, station) = serve(&database, GroupSize::default(), 1, |_| ()).await;
    let mut meter = BenchMeter::new(0, &station);
    let (proxy, sent, received) = counting_proxy(&url).await;

    let pair = KeyPair::from_secret(&[7; 32]).expect("a key");
    let signed = token(&pair, 300, 50_000).sign(&pair.public_key().hash(), &pair).expect("a token");
    let receipt = BenchMeter::new(0, &station).load(50_000);
    let format = Some(ContentFormat::CoseSign1);
    let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: &signed };
    let datagram = Client::start(0, 1, &request).expect("it fits");
    let options: &[(u16, &[u8])] = &[(option::CONTENT_FORMAT, &[18])];
    let answer = coap::write(Kind::Con, coap::Code::CHANGED, 1, &[0; 4], options, &receipt).expect("it fits");
    line("sizes in bytes");
    let show = |what: &str, bytes: usize| {
        line(format!("{what:<58} {bytes:>12}"));
        note(serde_json::json!({ "what": what.trim(), "bytes": bytes }));
    };
    show("credit token (at most 128)", signed.len());
    show("  as a CoAP datagram", datagram.first_datagram().len());
    show("void: a credit token with a refused range (at most 176)", void(&pair).len());
    show("read request", read_request(&pair).len());
    show("receipt (at most 256)", receipt.len());
    show("  as a CoAP datagram", answer.len());
    let identity = identity(&pair);
    show("identity", identity.to_bytes().expect("it fits").len());
    let challenged = Identity { challenge: Some([7; 8]), ..identity };
    show("identity, signed", challenged.sign(&pair.public_key().hash(), &pair).expect("it fits").len());
    show("problem details (bad signature)", Refusal::BadSignature.to_bytes().expect("they fit").len());

    let http = http_client(Duration::from_secs(60)).expect("a client");
    order(&http, &proxy, &mut meter).await;
    let (up, down) = (sent.load(Ordering::SeqCst), received.load(Ordering::SeqCst));
    show("a whole purchase over the phone's network, sent (HTTP)", up as usize);
    show("a whole purchase over the phone's network, received (HTTP)", down as usize);
    station.stop();
}

fn void(pair: &KeyPair) -> Vec<u8> {
    let Some(register) = token(pair, 300, 50_000).register() else { return Vec::new() };
    let refused = RefusedRange::new(CreditNumber(290), CreditNumber(299));
    let conditions = Conditions { refused, needs: Needs::default() };
    let token = Token { order: Order::credit(register, conditions), ..token(pair, 300, 50_000) };
    token.sign(&pair.public_key().hash(), pair).expect("a token").to_vec()
}

fn read_request(pair: &KeyPair) -> Vec<u8> {
    let token = Token { order: Order::Read([7; 8]), ..token(pair, 300, 50_000) };
    token.sign(&pair.public_key().hash(), pair).expect("a token").to_vec()
}

fn identity(pair: &KeyPair) -> Identity {
    Identity {
        meter: token(pair, 300, 50_000).meter,
        meter_key: pair.public_key().hash().hint(),
        commodity: Commodity::Gas,
        credit: coinless_protocol::CreditKind::Unit,
        registers: RegisterNumbers { credit: CreditNumber(300), ..RegisterNumbers::default() },
        flags: Flags::default(),
        challenge: None,
    }
}

/// A proxy before `url` that counts what a phone sends and receives.
async fn counting_proxy(url: &str) -> (String, Arc<AtomicU64>, Arc<AtomicU64>) {
    let target = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sent, received) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = (sent.clone(), received.clone());
    tokio::spawn(async move {
        while let Ok((phone, _)) = listener.accept().await {
            let station = TcpStream::connect(&target).await.expect("the station");
            let (phone_in, phone_out) = phone.into_split();
            let (station_in, station_out) = station.into_split();
            tokio::spawn(copy(phone_in, station_out, counts.0.clone()));
            tokio::spawn(copy(station_in, phone_out, counts.1.clone()));
        }
    });
    (address, sent, received)
}

async fn copy(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, count: Arc<AtomicU64>) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(len as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}
