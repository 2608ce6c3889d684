//! A utility with a sales system of its own, in the test's process: it outlives the station.

use coinless_sim::desk::Desk;
use coinless_sim::utility::{Behaviour, Options, Setting, Utility};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const TOKEN: &str = "sandbox-token";

pub struct SandboxUtility {
    utility: Arc<Utility>,
    // Ends the server when it is dropped.
    _runtime: Runtime,
}

impl SandboxUtility {
    /// Starts the utility, and has the station sell for it.
    pub fn configure(desk: &Desk) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let utility = Utility::open(&desk.path("sales.jsonl"), Options::new(TOKEN)).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (token_file, url) = (desk.path("token"), listener.local_addr().unwrap());
        runtime.spawn(utility.clone().serve(listener));
        std::fs::write(&token_file, TOKEN).unwrap();
        let config = format!(
            "[[utilities]]\nname = \"sample-utility\"\ncurrency = \"EUR\"\n\
             [utilities.sales]\nurl = \"http://{url}\"\ntoken_file = {token_file:?}\n"
        );
        std::fs::write(desk.path("station/station.toml"), config).unwrap();
        Self { utility, _runtime: runtime }
    }

    /// The next sale is made and answered with 500.
    pub fn is_unclear_once(&self) {
        self.utility.set(Setting { behaviour: Behaviour::Unclear, calls: Some(1), way: Some(0) });
    }

    /// From now on sales are made, answered with 500, and not known when they are asked about.
    pub fn forgets(&self) {
        self.utility.set(Setting { behaviour: Behaviour::Forgetful, calls: None, way: Some(0) });
    }

    pub fn behaves(&self) {
        self.utility.set(Setting::default());
    }

    fn sale(&self, order: &str) -> (u64, bool) {
        let sales: Vec<_> =
            self.utility.sales().into_iter().filter(|sale| sale.sale_id == format!("{order}.1")).collect();
        assert_eq!(sales.len(), 1, "one line is one sale: {sales:?}");
        (sales[0].units, sales[0].reversed)
    }

    /// The line was sold once, and the utility was told that it is loaded.
    pub fn sold_once_and_knows(&self, order: &str, units: u64) {
        assert_eq!(self.sale(order), (units, false));
        let told = self.utility.seen().get(&format!("confirm {order}.1")).copied();
        assert!(told.is_some_and(|told| told >= 1), "{:?}", self.utility.seen());
    }

    /// The line was sold once, and taken back.
    pub fn took_back(&self, order: &str) {
        assert!(self.sale(order).1, "{order} should be taken back");
    }
}
