//! Signing: a small part of its own with its own keys, its own database and sealed quotas.
//!
//! Whoever breaks into the station can ask for signatures, but cannot print credit without end: the signer reads every
//! payload itself, signs only one content under a number, and counts the credit that a token adds where it signs. How much it
//! may sign in an hour and a day is sealed by the utility's root key, which is kept off line. `docs/signing.md` describes the
//! threat, the files and how to run the signer apart from the station.
//!
//! * [`LocalSigner`]: the signer. It works in the process of the station, or behind [`serve`] in one of its own.
//! * [`SocketSigner`]: what a station uses to reach a signer in another process.
//! * [`seal_quota`], [`seal_reset`]: what the root key says to a signer. [`usage`]: what is left of a quota.

mod book;
mod client;
mod frame;
mod local;
mod mark;
mod open;
mod seal;
mod server;
mod usage;

pub use client::SocketSigner;
pub use frame::MAX_FRAME_BYTES;
pub use local::{LocalSigner, POINTS};
pub use open::OpenError;
pub use seal::{Life, Limits, QUOTA_FILE, RESET_FILE, SealError, seal_quota, seal_reset};
pub use server::{MAX_CONNECTIONS, MAX_IN_FLIGHT, Peers, listen, serve};
pub use usage::{Usage, Used, usage};

use crate::issue::SignRequest;
use crate::provider::Call;
use crate::store::StoreError;
use crate::utilities::UtilityName;
use coinless_protocol::keys::KeyHash;
use coinless_protocol::{Challenge, CreditNumber, Epoch, MeterId};
use serde::{Deserialize, Serialize};

/// A read request that is to be signed. It sets nothing, so it is not committed and costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSignRequest {
    /// Whose key signs.
    pub utility: UtilityName,
    /// The meter.
    pub meter: MeterId,
    /// The hash of the meter's key.
    pub meter_key: KeyHash,
    /// The meter's key epoch.
    pub epoch: Epoch,
    /// What the meter's receipt is to hold.
    pub challenge: Challenge,
}

/// A token that this signer, or one with the same key, signed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBefore {
    /// Whose key signed.
    pub utility: UtilityName,
    /// The hash of the meter's key.
    pub meter_key: KeyHash,
    /// The token as it was sent.
    pub token: Vec<u8>,
}

/// Why a signer did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignError {
    /// The key has signed as much as its quota allows. A person must know; doing it again is right.
    #[error("{words}")]
    OverQuota {
        /// When a new hour or day begins, in milliseconds since 1970; none if no hour or day has so much.
        until_ms: Option<i64>,
        /// What was asked for and what is left.
        words: String,
    },
    /// It will never sign this. A person must look.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached or cannot commit. Whether it signed is not known; doing it again is right, since the content is
    /// committed.
    #[error("{0}")]
    Unavailable(String),
}

impl SignError {
    /// Whether a person must be shown it. What is merely out of reach is only tried again.
    pub fn is_for_a_person(&self) -> bool {
        !matches!(self, Self::Unavailable(_))
    }
}

impl From<StoreError> for SignError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(format!("the signer's database: {error}"))
    }
}

/// Signs what a station has committed.
pub trait TokenSigner: Send + Sync {
    /// Signs a credit token; gives its bytes. When this returns, number and content are committed in the signer's database.
    /// The same content again is signed again and costs no quota.
    fn sign<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>>;

    /// Signs a token for registers other than credit: one version of tariff, settings or valve command, or the time. When this
    /// returns, number and content are committed in the signer's database. The same content again is signed again and is not
    /// counted again.
    fn sign_terms<'a>(&'a self, request: &'a SignRequest) -> Call<'a, Result<Vec<u8>, SignError>>;

    /// Makes and signs a read request; gives its bytes.
    fn sign_read_request<'a>(&'a self, request: &'a ReadSignRequest) -> Call<'a, Result<Vec<u8>, SignError>>;

    /// The highest number that was signed for a meter, and its epoch; none if none was. A restored station asks for it: the
    /// signer usually knows more than the backup.
    fn highest_number<'a>(
        &'a self,
        utility: &'a UtilityName,
        meter: MeterId,
    ) -> Call<'a, Result<Option<(Epoch, CreditNumber)>, SignError>>;

    /// Takes in a token that was signed before this signer's database began. The signature is its proof, so it costs no quota.
    fn learn<'a>(&'a self, before: &'a SignedBefore) -> Call<'a, Result<(), SignError>>;
}
