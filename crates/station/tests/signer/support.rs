//! A signer in a folder of its own, with a clock that tests set.

use coinless_protocol::cose::Label;
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::token::{Conditions, Order, RefusedRange, Token};
use coinless_protocol::{CreditNumber, Epoch, MeterId, Register, Units};
use coinless_station::issue::SignRequest;
use coinless_station::keys::Keys;
use coinless_station::records::from_hex;
use coinless_station::signer::{Limits, LocalSigner, OpenError, QUOTA_FILE, SignError, TokenSigner, seal_quota};
use coinless_station::utilities::UtilityName;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// 2026-01-01 00:10 UTC.
pub const START_MS: i64 = 1_767_226_200_000;
pub const HOUR_MS: i64 = 3_600_000;

pub fn utility() -> UtilityName {
    "alpha".parse().unwrap()
}

pub struct Place {
    pub folder: TempDir,
    pub now_ms: Arc<AtomicI64>,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), now_ms: Arc::new(AtomicI64::new(START_MS)) }
    }

    pub async fn with_limits(units_hour: u64, units_day: u64) -> (Self, LocalSigner) {
        let place = Self::new();
        drop(place.open().await.unwrap());
        place.seal(&Limits { serial: 1, units_hour, units_day, ..Limits::default() });
        let signer = place.open().await.unwrap();
        (place, signer)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn keys(&self) -> PathBuf {
        self.path().join("alpha")
    }

    pub fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub async fn open(&self) -> Result<LocalSigner, OpenError> {
        let now_ms = self.now_ms.clone();
        LocalSigner::open(self.path(), [&utility()], move || now_ms.load(Ordering::Relaxed)).await
    }

    pub fn root(&self) -> KeyPair {
        self.pair("root")
    }

    pub fn operational(&self) -> PublicKey {
        self.pair("operational").public_key()
    }

    fn pair(&self, name: &str) -> KeyPair {
        let text = std::fs::read_to_string(self.keys().join(format!("{name}.key"))).unwrap();
        let secret: [u8; 32] = from_hex(text.trim()).unwrap().try_into().unwrap();
        KeyPair::from_secret(&secret).unwrap()
    }

    pub fn seal(&self, limits: &Limits) {
        let bytes = seal_quota(limits, &self.operational(), &self.root()).unwrap();
        std::fs::write(self.keys().join(QUOTA_FILE), bytes).unwrap();
    }

    pub fn is_genuine(&self, request: &SignRequest, token: &[u8]) -> bool {
        let keys = Keys::open(self.path(), [&utility()]).unwrap();
        keys.of(&utility()).unwrap().is_own_token(token, &request.payload, &request.meter_key)
    }
}

pub fn meter(n: u32) -> MeterId {
    // Ids have a fixed prefix and ten digits.
    format!("CLS{n:010}").parse().unwrap()
}

pub fn meter_key() -> PublicKey {
    KeyPair::from_secret(&[7; 32]).unwrap().public_key()
}

pub fn credit(meter: MeterId, number: u32, total: u64) -> SignRequest {
    credit_with(meter, number, total, Conditions::default())
}

/// A void of numbers first to number - 1.
pub fn void(meter: MeterId, number: u32, total: u64) -> SignRequest {
    let refused = RefusedRange::new(CreditNumber(1), CreditNumber(number - 1));
    credit_with(meter, number, total, Conditions { refused, ..Conditions::default() })
}

fn credit_with(meter: MeterId, number: u32, total: u64, conditions: Conditions) -> SignRequest {
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    of(meter, &token(meter, Order::credit(register, conditions)))
}

pub fn token(meter: MeterId, order: Order<'_>) -> Token<'_> {
    Token { meter, meter_key: meter_key().hash().hint(), epoch: Epoch(0), order }
}

pub fn of(meter: MeterId, token: &Token<'_>) -> SignRequest {
    let payload = token.to_payload().unwrap().to_vec();
    SignRequest { utility: utility(), meter, payload, meter_key: meter_key().hash() }
}

pub fn signed_by(pair: &KeyPair, request: &SignRequest) -> Vec<u8> {
    coinless_protocol::cose::sign(&request.payload, Label::Token, &request.meter_key, pair).unwrap().to_vec()
}

pub async fn signs(signer: &dyn TokenSigner, request: &SignRequest) -> Vec<u8> {
    signer.sign(request).await.unwrap()
}

pub async fn over(signer: &dyn TokenSigner, request: &SignRequest) -> Option<i64> {
    match signer.sign(request).await {
        Err(SignError::OverQuota { until_ms, .. }) => until_ms,
        other => panic!("it should be over the quota: {other:?}"),
    }
}

pub async fn refused(signer: &dyn TokenSigner, request: &SignRequest) -> String {
    match signer.sign(request).await {
        Err(SignError::Refused(why)) => why,
        other => panic!("it should be refused: {other:?}"),
    }
}
