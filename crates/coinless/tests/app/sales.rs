//! A utility of the town with a sales system of its own, which can behave badly.

use coinless_sim::utility::{Behaviour, Options, Setting, Utility};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const TOKEN: &str = "a-token-of-the-town";

/// The sales system of `sample-water`.
pub struct Sales {
    utility: Arc<Utility>,
    config: String,
}

impl Sales {
    /// Opens one with its files in `folder`.
    pub fn open(runtime: &Runtime, folder: &Path) -> Self {
        let token_file = folder.join("sales-token");
        fs::write(&token_file, TOKEN).unwrap();
        let utility = Utility::open(&folder.join("sales.jsonl"), Options::new(TOKEN)).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(utility.clone().serve(listener));
        let config = format!("sales = {{ url = {url:?}, token_file = {token_file:?} }}");
        Self { utility, config }
    }

    /// What the station's configuration says of it.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// Behaves so, in the way with this number, for so many calls or for ever.
    pub fn behave(&self, behaviour: Behaviour, way: usize, calls: Option<u32>) {
        self.utility.set(Setting { behaviour, calls, way: Some(way) });
    }
}
