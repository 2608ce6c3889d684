//! One run: stations, clients, moods and the killer, until all is quiet.

use crate::client::{self, Client};
use crate::doors::Doors;
use crate::setting::{Kind, Setting};
use crate::told::Told;
use crate::{books, killer, moods};
use coinless_sim::desk::Running;
use fastrand::Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CLIENTS: usize = 64;
/// Longer than any claim, back-off or time-out: who still waits then waits for ever.
const STUCK: Duration = Duration::from_secs(300);

/// What the clients and the killer share.
pub struct Town {
    pub setting: Setting,
    pub doors: Doors,
    pub told: Told,
    closing: watch::Sender<bool>,
}

impl Town {
    /// Whether no new orders are made any more.
    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until no new orders are made any more.
    pub async fn closed(&self) {
        // The sender lives as long as this.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// From now on no new orders are made.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// Plays one setting with so many kills, and checks everything.
pub fn play(kind: Kind, seed: u64, kills: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut random = Rng::with_seed(seed);
    let Some(setting) = Setting::new(kind, &runtime, &mut random) else { return };
    let _seed = Shown(format!("{kind:?}, COINLESS_SEED={seed} COINLESS_KILLS={kills}"));
    let doors = Doors::new(setting.urls());
    let stations: Vec<_> = (0..setting.desks.len()).map(|at| setting.start(at)).collect();
    (0..stations.len()).for_each(|at| doors.set(at, true));
    let town = Arc::new(Town { setting, doors, told: Told::default(), closing: watch::channel(false).0 });
    let started = Instant::now();
    let stations = runtime.block_on(live(&town, stations, kills, &mut random));
    runtime.block_on(books::check_shown(&town));
    for (at, mut station) in stations.into_iter().enumerate() {
        let ended = station.stop().unwrap();
        assert!(ended.success(), "the station does not stop, {ended}:\n{}", town.setting.complaints(at));
    }
    let summary = books::check(&town);
    let unknown = town.doors.unknown();
    assert!(unknown > 0, "nobody was at anything when the stations died");
    println!("{kind:?}: {kills} kills in {:.0?}, {unknown} requests without an answer, {summary}", started.elapsed());
}

/// Everybody does what he does, until every order has ended.
async fn live(town: &Arc<Town>, stations: Vec<Running>, kills: usize, random: &mut Rng) -> Vec<Running> {
    let mut everybody = JoinSet::new();
    for _ in 0..CLIENTS {
        everybody.spawn(Client::new(town.clone(), random.fork()).live());
    }
    everybody.spawn(moods::change(town.clone(), random.fork()));
    let mut killing = tokio::spawn(killer::kill(town.clone(), stations, kills, random.fork()));
    let mut killed = None;
    while killed.is_none() {
        tokio::select! {
            Some(ended) = everybody.join_next() => ended.unwrap(),
            stations = &mut killing => killed = Some(stations.unwrap()),
            // Whoever waits is woken by every answer.
            alive = timeout(STUCK, town.doors.more_answers(1)) => alive.unwrap_or_else(|_| stuck(town)),
        }
    }
    let ending = async {
        while let Some(ended) = everybody.join_next().await {
            ended.unwrap();
        }
    };
    timeout(STUCK, ending).await.unwrap_or_else(|_| stuck(town));
    killed.unwrap()
}

fn stuck(town: &Town) -> ! {
    let orders = town.told.orders();
    let open: Vec<_> = orders.iter().filter(|known| known.accepted && !client::has_ended(&known.view)).collect();
    let complaints: Vec<_> = (0..town.doors.urls.len()).map(|at| town.setting.complaints(at)).collect();
    panic!("nothing moves any more: {open:#?}\n{}", complaints.concat());
}

/// Printed when the test fails.
struct Shown(String);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with {}", self.0);
        }
    }
}
