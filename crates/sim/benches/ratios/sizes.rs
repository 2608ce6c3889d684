//! Sizes in bytes: each message, and a whole purchase over the phone's network.

use crate::orders::{BenchMeter, order, station};
use crate::signing::token;
use coinless_protocol::coap::{self, Client, ContentFormat, Kind, Method, Request, option};
use coinless_protocol::keys::KeyPair;
use coinless_station::net::http_client;
use coinless_station::store::GroupSize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub async fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, station) = station(folder.path(), GroupSize::default(), 1).await;
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
    println!("sizes in bytes");
    println!("{:<58} {:>12}", "credit token (at most 128, with conditions 176)", signed.len());
    println!("{:<58} {:>12}", "  as a CoAP datagram", datagram.first_datagram().len());
    println!("{:<58} {:>12}", "receipt (at most 256)", receipt.len());
    println!("{:<58} {:>12}", "  as a CoAP datagram", answer.len());

    let http = http_client(Duration::from_secs(60)).expect("a client");
    order(&http, &proxy, &mut meter).await;
    let (up, down) = (sent.load(Ordering::SeqCst), received.load(Ordering::SeqCst));
    println!("{:<58} {:>12}", "a whole purchase over the phone's network, sent (HTTP)", up);
    println!("{:<58} {:>12}", "a whole purchase over the phone's network, received (HTTP)", down);
    station.stop();
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
