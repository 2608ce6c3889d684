//! The beginning of a world: keys, meters, phones.

use super::faults::Faults;
use super::home::Home;
use super::hub::{Event, Hub};
use super::people::Habits;
use super::phones::Phone;
use super::station::{StationSide, URL};
use super::{Scale, World};
use crate::flash::{RamChip, layout};
use crate::meter::Blueprint;
use coinless_meter::{Factory, Issuer, IssuerRole, commission};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::{Commodity, CreditKind, MeterId, Units};
use coinless_station::config::Config;
use coinless_station::meters;
use coinless_station::payments::{Callbacks, Context, Patience};
use coinless_station::records::{DeliveryRecord, HexKey};
use coinless_station::store::SqliteTx;
use fastrand::Rng;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How long the station waits for a sale: short, so that it loses its patience now and then.
const SALE_PATIENCE_MS: i64 = 40_000;

/// Why a world cannot be made: a fault of the world itself, not of what it tries out.
#[derive(Debug, thiserror::Error)]
#[error("the world cannot be made: {0}")]
pub struct SettingError(String);

impl World {
    /// The world of `seed`. The same seed and scale are the same world, event for event.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn new(seed: u64, scale: Scale) -> Result<Self, SettingError> {
        let mut random = Rng::with_seed(seed);
        let mut faults = Faults::drawn(&mut random);
        if scale.restores > 0 {
            // Nobody else knows the orders of a lost phone that the station has forgotten.
            faults.phone_lost = 0;
            // What the built-in sales system refuses after a restore it may have sold before: that waits for a person.
            faults.sale_failed = 0;
        }
        let habits = Habits::drawn(&mut random, scale.meters);
        let tx = SqliteTx::in_memory().map_err(wrong)?;
        let sample = Config::default().utilities.remove(0);
        let tariffs = sample.tariffs().map_err(wrong)?;
        let mut callback_key = [0; 32];
        random.fill(&mut callback_key);
        let context = Context {
            confirming: BTreeSet::new(),
            push: BTreeSet::new(),
            callbacks: Callbacks::new(URL.to_owned(), &callback_key),
            patience: Patience {
                payment_ms: i64::MAX / 2,
                sale_ms: SALE_PATIENCE_MS,
                refund_ms: i64::MAX / 2,
                unpaid_ms: i64::MAX / 2,
                signature_ms: i64::MAX / 2,
                reversal_ms: i64::MAX / 2,
            },
        };
        let keys = (key_pair(&mut random).1, key_pair(&mut random).1);
        let root = key_pair(&mut random).1;
        let mut hub = Hub::new(random, faults, StationSide::new(tx, context, tariffs, keys));
        let issuers = [(IssuerRole::Root, &root), (IssuerRole::Operational, &hub.station.operational)]
            .map(|(role, pair)| Issuer { role, key: pair.public_key() });
        for number in 0..scale.meters {
            place_meter(&mut hub, number, &issuers)?;
        }
        hub.provider.names_accounts = seed % 2 == 1;
        hub.after(0, Event::Person);
        hub.after(0, Event::AtHome);
        let hub = Rc::new(RefCell::new(hub));
        let phones = (0..scale.phones).map(|phone| Phone::new(&hub, phone)).collect();
        Ok(Self { hub, phones, scale, habits, seed, steps: 0, bought: 0 })
    }
}

fn place_meter(hub: &mut Hub, number: usize, issuers: &[Issuer]) -> Result<(), SettingError> {
    let id: MeterId = format!("CLS{:010}", number + 1).parse().map_err(wrong)?;
    let commodity = [Commodity::Gas, Commodity::Water, Commodity::Electricity][number % 3];
    let (secret, pair) = key_pair(&mut hub.random);
    // Small ones fill up, large ones never do.
    let max_credit = hub.random.u64(20_000..300_000);
    let blueprint = Blueprint {
        id,
        commodity,
        credit: CreditKind::Unit,
        issuers: issuers.to_vec(),
        readings_key: Some(hub.station.readings.public_key()),
        initial: None,
        max_credit: Units::new(max_credit).ok(),
    };
    let open_by_token = commodity != Commodity::Gas && hub.random.bool();
    let factory = Factory { open_by_token, ..blueprint.factory(secret).map_err(wrong)? };
    let chip = RamChip::new(hub.random.u64(..));
    let chip = commission(chip, &layout(), &factory).map_err(wrong)?;
    let record = DeliveryRecord {
        id: id.as_str().to_owned(),
        label: id.label().to_string(),
        commodity: commodity.name().to_owned(),
        public_key: HexKey(pair.public_key()),
        initial_units: blueprint.initial().get(),
        max_credit_units: max_credit,
        customer: None,
        place: None,
        money: None,
    };
    let utility = hub.station.tariffs.utility.clone();
    hub.run(|work| meters::enrol(work, &record, &utility)).map_err(wrong)?;
    hub.station.know(id, &pair.public_key());
    hub.truth.places.insert(id, number);
    hub.homes.push(Home::new(id, commodity, chip));
    hub.switch_on(number);
    Ok(())
}

/// A key pair and its secret. All but one draw in 2^32 are a key.
fn key_pair(random: &mut Rng) -> ([u8; 32], KeyPair) {
    loop {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        if let Ok(pair) = KeyPair::from_secret(&secret) {
            return (secret, pair);
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> SettingError {
    SettingError(error.to_string())
}
