//! A station, meters and phones for one test.

use coinless_protocol::coap::{Client, ClientEvent, ContentFormat, MAX_MESSAGE_BYTES, Method, Request, Response};
use coinless_sim::desk::{Desk, DeskError, Running};
use coinless_sim::fake_bluez::FakeBluez;
use coinless_sim::postgres;
use coinless_station::records::from_hex;
use serde_json::Value;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const GAS: &str = "CLS0000000017";
pub const GAS_LABEL: &str = "CLS0000000017-Z";
pub const OTHER: &str = "CLS0000000025";

/// A station with one gas meter at hand.
pub struct Setting {
    pub desk: Desk,
    pub station: Running,
    pub meter: Running,
    _folder: TempDir,
}

impl Setting {
    pub fn new() -> Self {
        Self::with_station(&[])
    }

    pub fn with_station(more: &[&str]) -> Self {
        let (desk, folder) = desk();
        Self::at(desk, folder, more)
    }

    /// The same at a desk on which the station's configuration and keys are already.
    pub fn at(desk: Desk, folder: TempDir, more: &[&str]) -> Self {
        desk.new_meter(GAS, "gas", &[]).unwrap();
        let station = desk.start_station("127.0.0.1:0", more).unwrap();
        let meter = desk.start(desk.meter_command(GAS, "127.0.0.1:0")).unwrap();
        Self { desk, station, meter, _folder: folder }
    }

    /// The same with the meter on a serial line.
    pub fn serial() -> Self {
        let mut story = Self::new();
        story.restart_meter(story.desk.serial_meter_command(GAS));
        story
    }

    /// The same with the meter at a WebSocket.
    pub fn websocket() -> Self {
        let mut story = Self::new();
        story.restart_meter(story.desk.ws_meter_command(GAS));
        story
    }

    /// The same with the meter's NFC tag in the file `tag` on the desk.
    pub fn ndef(tag: &str) -> Self {
        let mut story = Self::new();
        story.restart_meter(story.desk.ndef_meter_command(GAS, tag));
        story
    }

    /// The same with the meter over Bluetooth.
    pub fn bluetooth(bluez: &FakeBluez) -> Self {
        let mut story = Self::new();
        story.restart_meter(story.desk.bluez_meter_command(GAS, bluez.address()));
        story
    }

    /// Stops the meter and starts it by another command.
    pub fn restart_meter(&mut self, command: Command) {
        assert!(self.meter.stop().unwrap().success());
        self.meter = self.desk.start(command).unwrap();
    }

    /// Buys for the gas meter on the phone `store`; gives the order's id.
    pub fn buy(&self, store: &str, amount: &str) -> String {
        let line = format!("{GAS_LABEL}={amount}");
        let bought = self.desk.phone(store, "buy", &["--station", &self.station.address(), &line]).unwrap();
        bought[0]["order"].as_str().unwrap().to_owned()
    }

    /// Hands the gas meter the tokens on the phone `store`; also what is refused is a result.
    pub fn deliver(&self, store: &str) -> Vec<Value> {
        results(self.desk.phone(store, "deliver", &[&self.meter.address()]))
    }

    pub fn sync(&self, store: &str) -> Value {
        self.desk.phone(store, "sync", &[]).unwrap().remove(0)
    }

    pub fn refund(&self, store: &str, order: &str) {
        self.desk.phone(store, "refund", &[order]).unwrap();
    }

    pub fn display(&mut self) -> Value {
        self.meter.control("show", "show").unwrap()
    }

    /// Credit is bought at the meter and loaded in one go, then bought away from it and loaded later: whatever the link.
    pub fn buys_at_the_meter_and_loads(&mut self) {
        let link = self.meter.address();
        let scanned = self.desk.phone("phone", "scan", &["--station", &self.station.address(), &link]).unwrap();
        assert_eq!(
            (&scanned[0]["label"], &scanned[0]["verified"]),
            (&GAS_LABEL.into(), &true.into()),
            "{}",
            scanned[0]
        );

        let line = format!("{GAS_LABEL}=50.00");
        let words = ["--station", &self.station.address(), "--at", &link, &line];
        let bought = self.desk.phone("phone", "buy", &words).unwrap().remove(0);
        let first = bought["order"].as_str().unwrap();
        assert_eq!(self.line_state(first), "delivered");

        let second = self.buy("phone", "5.00");
        assert_eq!(self.display()["total_units"], self.units(first), "paid is not loaded");
        assert_eq!(self.deliver("phone")[0]["result"], "applied");
        assert_eq!(self.display()["total_units"], self.units(first) + self.units(&second));
        self.sync("phone");
        assert_eq!(self.line_state(&second), "delivered");
        assert_eq!(self.balance("sold_undelivered"), "0.00");
    }

    /// The state of an order's first line in the station's books.
    pub fn line_state(&self, order: &str) -> String {
        self.order(order)["lines"][0]["state"].as_str().unwrap().to_owned()
    }

    pub fn order(&self, order: &str) -> Value {
        self.desk.show("order", Some(order)).unwrap().remove(0)
    }

    /// The token of an order's first line.
    pub fn token(&self, order: &str) -> Vec<u8> {
        from_hex(self.order(order)["lines"][0]["token"].as_str().unwrap()).unwrap()
    }

    pub fn units(&self, order: &str) -> u64 {
        self.order(order)["lines"][0]["quote"]["units"].as_u64().unwrap()
    }

    pub fn balance(&self, account: &str) -> String {
        let ledger = self.desk.show("ledger", None).unwrap().remove(0);
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let accounts = ledger["accounts"].as_array().unwrap();
        let found = accounts.iter().find(|known| known["account"].as_str().unwrap().starts_with(account));
        found.map_or("0.00".to_owned(), |account| account["balance"].as_str().unwrap().to_owned())
    }

    /// Waits over server-sent events until the order's first line is in `state`.
    pub fn wait_for(&self, order: &str, state: &str) {
        wait_for(&self.station.address(), order, state);
    }
}

/// Waits over server-sent events of the station at `url` until the order's first line is in `state`.
pub fn wait_for(url: &str, order: &str, state: &str) {
    wait_for_text(url, order, &format!("\"state\":\"{state}\""));
}

/// The same until an event has `wanted`.
pub fn wait_for_text(url: &str, order: &str, wanted: &str) {
    let http = coinless_station::net::http_client(Duration::from_secs(120)).unwrap();
    let url = format!("{url}/v1/orders/{order}/events");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = http.get(url).send().await.unwrap();
        let mut text = String::new();
        while !text.contains(wanted) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    });
}

/// A desk with the station's keys on it, and its database in the store that the environment names.
pub fn desk() -> (Desk, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path()).on(postgres::chosen().unwrap());
    desk.write_issuer().unwrap();
    (desk, folder)
}

/// What a command printed, whether it was content or not.
pub fn results(outcome: Result<Vec<Value>, DeskError>) -> Vec<Value> {
    match outcome {
        Ok(results) | Err(DeskError::Failed { results, .. }) => results,
        Err(error) => panic!("{error}"),
    }
}

/// What a command that must fail says on standard error.
pub fn complaint(outcome: Result<Vec<Value>, DeskError>) -> String {
    match outcome {
        Err(DeskError::Failed { message, results, .. }) => {
            assert_eq!(results, Vec::<Value>::new());
            message
        }
        other => panic!("this should have failed: {other:?}"),
    }
}

/// One exchange with a meter, by a client on a socket of its own.
pub struct Coap {
    socket: UdpSocket,
    exchanges: u64,
}

impl Coap {
    pub fn new(link: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(link.strip_prefix("coap://").unwrap()).unwrap();
        Self { socket, exchanges: 0 }
    }

    pub fn post_token(&mut self, token: &[u8]) -> Response {
        let format = Some(ContentFormat::CoseSign1);
        self.exchange(&Request { method: Method::Post, path: &["token"], query: &[], format, payload: token })
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.exchange(&Request { method: Method::Get, path: &[path], query: &[], format: None, payload: &[] })
    }

    fn exchange(&mut self, request: &Request<'_>) -> Response {
        let started = Instant::now();
        let now_ms = || started.elapsed().as_millis() as u64;
        self.exchanges += 1;
        // Message id and token from the count: fresh for each exchange of this socket.
        let mut client = Client::start(now_ms(), self.exchanges << 16 | self.exchanges << 48, request).unwrap();
        self.socket.send(client.first_datagram()).unwrap();
        let mut buffer = [0; MAX_MESSAGE_BYTES];
        loop {
            let wait = client.next_due_ms().saturating_sub(now_ms()).max(1);
            self.socket.set_read_timeout(Some(Duration::from_millis(wait))).unwrap();
            let event = match self.socket.recv(&mut buffer) {
                Ok(len) => client.receive(now_ms(), &buffer[..len]),
                Err(_) => client.poll(now_ms()),
            };
            match event {
                ClientEvent::Nothing => {}
                ClientEvent::Send(bytes) => drop(self.socket.send(&bytes).unwrap()),
                ClientEvent::Response(response, ack) => {
                    ack.map(|bytes| self.socket.send(&bytes).unwrap());
                    return response;
                }
                ClientEvent::Rejected | ClientEvent::NoAnswer => panic!("the meter does not answer"),
            }
        }
    }
}
