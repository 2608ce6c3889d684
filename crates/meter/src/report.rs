//! The meter's report, and its own challenge for a clock that may go back.

use crate::meter::{Meter, Sealing};
use crate::work::Cost;
use coinless_protocol::cose::{self, Label, MAX_OBJECT_BYTES};
use coinless_protocol::keys::MeterKey;
use coinless_protocol::problem::Refusal;
use coinless_protocol::report::{Report, ReportContent};
use coinless_protocol::{Bytes, Challenge};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

impl<F: NorFlash, K: MeterKey> Meter<F, K> {
    /// Signs a report, under a number of the receipts' sequence, into `signed`. The last receipt stays what it is.
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if the meter is, or was never given keys; [`Refusal::Busy`] if it did enough for strangers.
    #[inline(never)]
    pub fn report(&mut self, now_ms: u64, signed: &mut Bytes<MAX_OBJECT_BYTES>) -> Result<(), Refusal> {
        self.tick(now_ms);
        self.in_service()?;
        self.work_for_stranger(now_ms, Cost::Record)?;
        self.commit_number(self.state)?;
        self.put_report(signed)?;
        let keys = &self.made.keys;
        cose::sign_in_place(signed, Label::Report, &keys.hash, keys.own()?).map_err(|_| Refusal::OutOfService)
    }

    #[inline(never)]
    fn put_report(&self, payload: &mut Bytes<MAX_OBJECT_BYTES>) -> Result<(), Refusal> {
        let Sealing::With(key) = &self.made.keys.sealing else { return Err(Refusal::OutOfService) };
        let state = &self.state;
        let content = ReportContent {
            metered: state.metered,
            valve: state.in_epoch(self.registers().epoch).valve,
            emergency_taken: state.emergency,
            clock_trusted: state.clock_trusted,
            debt_total: self.terms.tariff.debt.total,
            debt_paid: state.debt_paid,
            events: state.events,
        };
        let sealed = key.seal_report(state.receipt_number, &content).map_err(|_| Refusal::OutOfService)?;
        let report = Report { meter: self.made.meter, number: state.receipt_number, sealed };
        let encoded = report.to_payload().map_err(|_| Refusal::OutOfService)?;
        payload.clear();
        payload.append(&encoded).map_err(|_| Refusal::OutOfService)
    }

    /// A challenge, which one clock token may answer within [`crate::CHALLENGE_MS`]: SHA-256 of the private key and a number
    /// of the receipts' sequence, which is journaled first and used for nothing else. So nobody can foresee it, none comes twice,
    /// and the meter needs no random numbers. For half of that time the same one is given to everybody who asks, so that nobody can
    /// spoil another's.
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if the meter is, or was never given keys; [`Refusal::Busy`] if it did enough for strangers.
    pub fn challenge(&mut self, now_ms: u64) -> Result<Challenge, Refusal> {
        self.tick(now_ms);
        self.in_service()?;
        if let Some(challenge) = self.clock.open_challenge(now_ms) {
            return Ok(challenge);
        }
        self.work_for_stranger(now_ms, Cost::Record)?;
        self.commit_number(self.state)?;
        let number = self.state.receipt_number.to_be_bytes();
        let secret = self.made.keys.own()?.secret_hash(b"coinless/challenge").map_err(|_| Refusal::OutOfService)?;
        let hash = Sha256::new().chain_update(secret).chain_update(number).finalize();
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash);
        let challenge = [a, b, c, d, e, f, g, h];
        self.clock.challenged(now_ms, challenge);
        Ok(challenge)
    }
}
