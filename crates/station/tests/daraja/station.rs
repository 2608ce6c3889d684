//! A whole station for one test: real commands, workers, HTTP and database, one meter, and the providers under test.

#[path = "../place/mod.rs"]
pub mod place;

use coinless_station::config::Config;
use coinless_station::money::Currency;
use coinless_station::provider::PaymentProvider;
use coinless_station::receipts;
use coinless_station::resolve::{self, Decision, Resolution};
use coinless_station::service::Station;
use coinless_station::show;
use coinless_station::store::Store;
use coinless_station::utilities::Utilities;
use coinless_station::view::{self, OrderView};
use place::{METER, Place, Plan};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::broadcast;

/// Every point that any station of this process passes.
static POINTS: LazyLock<broadcast::Sender<String>> = LazyLock::new(|| broadcast::channel(4096).0);

/// A station with a meter for gas at 100.00 KES a m³ without tax.
pub struct App {
    pub station: Station,
    pub url: String,
    http: reqwest::Client,
    place: Place,
}

impl App {
    pub async fn start(providers: impl FnOnce(&Arc<dyn Store>) -> Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self::at(Place::new(), providers, |place| {
            let mut config = Config::default();
            let utility = &mut config.utilities[0];
            utility.currency = Currency::from_code("KES").unwrap();
            let tariff = toml::from_str("price = \"100\"\ntax_percent = \"0\"").unwrap();
            utility.tariffs = [("gas".to_owned(), tariff)].into();
            config.utilities(&place.store).unwrap()
        })
        .await
    }

    /// The same with other utilities.
    pub async fn at(
        place: Place,
        providers: impl FnOnce(&Arc<dyn Store>) -> Vec<Arc<dyn PaymentProvider>>,
        utilities: impl FnOnce(&Place) -> Utilities,
    ) -> Self {
        let plan = Plan {
            // Nobody may be waiting.
            probe: |point| drop(POINTS.send(point.to_owned())),
            ..Plan::new(utilities(&place), providers(&place.store))
        };
        let (station, url) = place.start(plan).await;
        let http = coinless_station::net::http_client(Duration::from_secs(60)).unwrap();
        Self { station, url, http, place }
    }

    /// The database.
    #[allow(dead_code, reason = "shared with the tests of another provider")]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.place.store
    }

    /// Makes an order and accepts its price.
    pub async fn order(&self, id: &str, provider: &str, amount: &str, payer: Option<&str>) {
        self.put(id, provider, amount, payer).await;
        let accept =
            self.http.post(format!("{}/v1/orders/{id}/payment", self.url)).json(&json!({ "quote_version": 1 }));
        assert_eq!(accept.send().await.unwrap().status(), 202);
    }

    pub async fn put(&self, id: &str, provider: &str, amount: &str, payer: Option<&str>) {
        let mut body = json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": amount }], "provider": provider });
        if let Some(payer) = payer {
            body["payer"] = json!(payer);
        }
        let put = self.http.put(format!("{}/v1/orders/{id}", self.url)).json(&body);
        assert_eq!(put.send().await.unwrap().status(), 201);
    }

    /// Posts to an address of the station; gives status and body.
    pub async fn post(&self, url: &str, body: &Value) -> (u16, String) {
        let answer = self.http.post(url).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn show(&self, id: &str) -> OrderView {
        let id = id.to_owned();
        self.station.read(move |work| view::order(work, &id)).await.unwrap()
    }

    /// Waits until an order is as wanted, with every change a new look.
    pub async fn wait_for(&self, id: &str, wanted: impl Fn(&OrderView) -> bool) -> OrderView {
        let mut changes = self.station.changes();
        loop {
            let order = self.show(id).await;
            if wanted(&order) {
                return order;
            }
            while changes.recv().await.unwrap() != id {}
        }
    }

    /// Waits until `account` has this balance, with everything that a station does a new look.
    pub async fn wait_for_balance(&self, account: &str, balance: &str) {
        loop {
            let mut points = POINTS.subscribe();
            if self.balance(account).await == balance {
                return;
            }
            // Points that were missed are as good as one that was seen.
            let _ = points.recv().await;
        }
    }

    #[allow(dead_code, reason = "not all who share this look at it")]
    /// Waits until a person is shown something of this cause; gives its words.
    pub async fn wait_for_exception(&self, cause: &str) -> String {
        loop {
            let mut points = POINTS.subscribe();
            let exceptions = self.station.read(show::exceptions).await.unwrap();
            if let Some(found) = exceptions.into_iter().find(|exception| exception.cause == cause) {
                return found.detail;
            }
            let _ = points.recv().await;
        }
    }

    pub async fn balance(&self, account: &str) -> String {
        let ledger = self.station.read(|work| show::ledger(work, None)).await.unwrap();
        assert!(ledger.balanced, "{ledger:?}");
        let found = ledger.accounts.iter().find(|known| known.account == account);
        found.map_or("0.00".to_owned(), |account| account.balance.clone())
    }

    /// A person decides that money that came a second time goes back.
    pub async fn give_back(&self, receipt: &str) {
        let resolution = Resolution {
            subject: receipt.to_owned(),
            cause: "second_success".to_owned(),
            operator: "manager".to_owned(),
            note: "paid twice".to_owned(),
            decision: Decision::Refund,
        };
        self.station.run("resolve", move |work| resolve::resolve(work, &resolution)).await.unwrap();
    }

    #[allow(dead_code, reason = "shared with the tests of another provider")]
    /// A receipt shows that the meter has loaded what was bought by this order alone.
    pub async fn deliver(&self, id: &str) {
        let (context, units) = (self.station.context().clone(), self.show(id).await.lines[0].quote.units);
        self.station
            .run("deliver", move |work| receipts::accept(work, &place::loaded(METER, units), &context))
            .await
            .unwrap();
    }

    /// Every text in every table.
    #[allow(dead_code, reason = "shared with the tests of another provider")]
    pub fn dump(&self) -> String {
        self.place.dump()
    }

    /// The causes of what a person must look at.
    pub async fn exceptions(&self) -> Vec<String> {
        let exceptions = self.station.read(show::exceptions).await.unwrap();
        exceptions.into_iter().map(|exception| exception.cause).collect()
    }
}
