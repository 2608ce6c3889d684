//! What the meter says: its identity, its answers to tokens, its receipts.

use crate::decision::decide;
use crate::factory::{Issuer, IssuerRole};
use crate::meter::{Fault, Meter, Sealing};
use crate::state::State;
use coinless_protocol::cose::{self, Label, Sign1};
use coinless_protocol::identity::{Identity, MAX_IDENTITY_BYTES, MAX_SIGNED_IDENTITY_BYTES, display_code};
use coinless_protocol::keys::KeyHint;
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt};
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{Bytes, Challenge, CreditNumber};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

/// How long the display shows the code of a challenge.
pub const DISPLAY_CODE_MS: u64 = 120_000;

/// What the last receipt, which is kept to be given again, answers. Its outcome is that of the state.
#[derive(Debug)]
pub(crate) struct Answered {
    /// SHA-256 of the token; none if nobody sent one since the start.
    token: Option<[u8; 32]>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct DisplayCode {
    code: u32,
    since_ms: u64,
}

/// What became of the bytes of a token.
enum Taken {
    /// They are those of the last token, whose stored answer is right.
    Repeated,
    /// The token was executed and has to be answered with a receipt that holds its challenge.
    New { challenge: Option<Challenge> },
}

/// The answer to an authentic token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenAnswer<'a> {
    /// What was decided, and about which credit number.
    pub outcome: Outcome,
    /// The token is the last one once more, answered from what is stored.
    pub repeated: bool,
    /// The signed receipt.
    pub receipt: &'a [u8],
}

impl<F: NorFlash> Meter<F> {
    /// The public statement of the meter, not signed.
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if the meter has no state.
    pub fn identity(&mut self, now_ms: u64) -> Result<Bytes<MAX_IDENTITY_BYTES>, Refusal> {
        self.state_identity(now_ms, None)?.to_bytes().map_err(|_| Refusal::OutOfService)
    }

    /// The same, signed in answer to `challenge`. The display shows a code of both for [`DISPLAY_CODE_MS`].
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if the meter has no state.
    pub fn signed_identity(
        &mut self,
        now_ms: u64,
        challenge: Challenge,
    ) -> Result<Bytes<MAX_SIGNED_IDENTITY_BYTES>, Refusal> {
        let mut signed = Bytes::new();
        self.sign_identity(now_ms, challenge, &mut signed)?;
        Ok(signed)
    }

    // Not inlined, here and below: the buffers of one step are gone from the stack when the next one signs or verifies.
    #[inline(never)]
    pub(crate) fn sign_identity(
        &mut self,
        now_ms: u64,
        challenge: Challenge,
        signed: &mut Bytes<MAX_SIGNED_IDENTITY_BYTES>,
    ) -> Result<(), Refusal> {
        self.put_identity(now_ms, challenge, signed)?;
        let keys = &self.made.keys;
        let done = cose::sign_in_place(signed, Label::Identity, &keys.hash, &keys.pair);
        done.map_err(|_| Refusal::OutOfService)?;
        self.display_code = Some(DisplayCode { code: display_code(&challenge, &keys.hash), since_ms: now_ms });
        Ok(())
    }

    #[inline(never)]
    fn put_identity(
        &mut self,
        now_ms: u64,
        challenge: Challenge,
        payload: &mut Bytes<MAX_SIGNED_IDENTITY_BYTES>,
    ) -> Result<(), Refusal> {
        let identity = self.state_identity(now_ms, Some(challenge))?.to_bytes().map_err(|_| Refusal::OutOfService)?;
        payload.clear();
        payload.append(&identity).map_err(|_| Refusal::OutOfService)
    }

    /// The code that the display shows now, 0 to 999 999, six digits.
    pub fn display_code(&self, now_ms: u64) -> Option<u32> {
        let fresh = |shown: &DisplayCode| now_ms.saturating_sub(shown.since_ms) < DISPLAY_CODE_MS;
        self.display_code.filter(fresh).map(|shown| shown.code)
    }

    /// Takes a token as it was sent. An authentic one is always answered with a receipt, applied or not; what it changes is
    /// journaled before. A byte-identical repeat of the last token is answered from what is stored.
    ///
    /// # Errors
    /// [`Refusal`] if the token is not authentic or the meter is out of service; then nothing has changed. Cheap checks come
    /// before the signature.
    #[inline(never)]
    pub fn token(&mut self, now_ms: u64, bytes: &[u8]) -> Result<TokenAnswer<'_>, Refusal> {
        self.tick(now_ms);
        self.in_service()?;
        let hash = hash(bytes);
        let repeated = match self.take(now_ms, bytes, &hash)? {
            Taken::Repeated => true,
            Taken::New { challenge } => {
                self.sign_receipt(challenge, Some(hash))?;
                false
            }
        };
        Ok(TokenAnswer { outcome: self.state.outcome, repeated, receipt: &self.receipt })
    }

    /// The last receipt. After a start it is a new one about the same outcome, with a new number.
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if the meter is, or was never given keys.
    #[inline(never)]
    pub fn receipt(&mut self, now_ms: u64) -> Result<&[u8], Refusal> {
        self.tick(now_ms);
        self.in_service()?;
        if self.answered.is_none() {
            self.commit_answer(self.state)?;
            self.sign_receipt(None, None)?;
        }
        Ok(&self.receipt)
    }

    /// Whether [`Meter::receipt`] has to sign first.
    pub fn receipt_needs_signature(&self) -> bool {
        self.answered.is_none()
    }

    fn state_identity(&mut self, now_ms: u64, challenge: Option<Challenge>) -> Result<Identity, Refusal> {
        self.tick(now_ms);
        if self.fault() == Some(Fault::NoState) {
            return Err(Refusal::OutOfService);
        }
        Ok(Identity {
            meter: self.made.meter,
            meter_key: self.made.keys.hash.hint(),
            commodity: self.made.commodity,
            registers: self.state.registers,
            flags: self.flags(),
            challenge,
        })
    }

    /// Does what a token says, if it is authentic and no repeat.
    #[inline(never)]
    fn take(&mut self, now_ms: u64, bytes: &[u8], hash: &[u8; 32]) -> Result<Taken, Refusal> {
        let (signed, token) = parse(bytes)?;
        if self.is_answered(hash, &token) {
            return Ok(Taken::Repeated);
        }
        self.authenticate(&signed, &token)?;
        let challenge = self.execute(now_ms, &token)?;
        Ok(Taken::New { challenge })
    }

    /// Whether the stored receipt still is the answer to the token with this hash. What was *not yet* may be taken now.
    fn is_answered(&self, hash: &[u8; 32], token: &Token) -> bool {
        let decision = self.state.outcome.decision;
        let may_change = matches!(decision, Decision::NotYet { .. } | Decision::NeedsNewerRegister);
        self.answered.as_ref().is_some_and(|answered| answered.token == Some(*hash))
            && (!may_change || decide(&self.state, self.made.max_credit, token) == decision)
    }

    /// Whether an issuer signed this for this meter and key.
    #[inline(never)]
    fn authenticate(&self, signed: &Sign1<'_>, token: &Token) -> Result<(), Refusal> {
        let keys = &self.made.keys;
        if token.meter != self.made.meter {
            return Err(Refusal::NotThisMeter);
        }
        if token.meter_key != keys.hash.hint() {
            return Err(Refusal::OtherKey);
        }
        if self.made.issuers.is_empty() {
            return Err(Refusal::OutOfService);
        }
        // A hint is short, so two keys may share one.
        let issuers = self.made.issuers.iter().filter(|issuer| issuer.role == IssuerRole::Operational);
        let mut named = issuers.filter(|issuer| is_named(issuer, signed.kid)).peekable();
        if named.peek().is_none() {
            return Err(Refusal::UnknownIssuer);
        }
        let authentic = named.any(|issuer| signed.verify(&issuer.key, Label::Token, &keys.hash));
        authentic.then_some(()).ok_or(Refusal::BadSignature)
    }

    /// Decides on an authentic token and journals what comes of it; gives the challenge that the receipt has to hold.
    #[inline(never)]
    fn execute(&mut self, now_ms: u64, token: &Token) -> Result<Option<Challenge>, Refusal> {
        let decision = decide(&self.state, self.made.max_credit, token);
        let number = token.register().map_or(CreditNumber(0), |register| register.number);
        let mut next = State { outcome: Outcome { decision, token: number }, ..self.state };
        if let (Decision::Applied, Some(register)) = (decision, token.register()) {
            let added = register.total.checked_sub(next.total).ok_or(Refusal::OutOfService)?;
            next.registers.credit = register.number;
            next.total = register.total;
            next.balance.0 = next.balance.0.checked_add(added.fine().0).ok_or(Refusal::OutOfService)?;
            next = self.credited(next);
        }
        let opens = next.flags.open && !self.state.flags.open;
        self.commit_answer(next)?;
        if opens {
            self.drive_open(now_ms);
        }
        Ok(match token.order {
            Order::Read(challenge) => Some(challenge),
            Order::Credit { .. } => None,
        })
    }

    /// Journals `next` under a new receipt number. Only then is the receipt signed: a number, which is the partial IV of the
    /// readings, is never used for two contents.
    #[inline(never)]
    fn commit_answer(&mut self, next: State) -> Result<(), Refusal> {
        let can_seal = matches!(self.made.keys.sealing, Sealing::With(_));
        let receipt_number = next.receipt_number.checked_add(1).filter(|_| can_seal).ok_or(Refusal::OutOfService)?;
        self.answered = None;
        self.commit(State { receipt_number, ..next })
    }

    /// Signs the journaled state and keeps the receipt as the answer to `token`.
    #[inline(never)]
    fn sign_receipt(&mut self, challenge: Option<Challenge>, token: Option<[u8; 32]>) -> Result<(), Refusal> {
        self.put_receipt(challenge)?;
        let keys = &self.made.keys;
        let signed = cose::sign_in_place(&mut self.receipt, Label::Receipt, &keys.hash, &keys.pair);
        signed.map_err(|_| Refusal::OutOfService)?;
        self.answered = Some(Answered { token });
        Ok(())
    }

    /// Puts the payload of the receipt to where the receipt will be.
    #[inline(never)]
    fn put_receipt(&mut self, challenge: Option<Challenge>) -> Result<(), Refusal> {
        let (state, keys) = (&self.state, &self.made.keys);
        let clock = (state.clock > 0).then_some(state.clock);
        let readings = Readings { balance: state.balance, consumed: state.consumed, clock };
        let Sealing::With(key) = &keys.sealing else { return Err(Refusal::OutOfService) };
        let sealed = key.seal(state.receipt_number, &readings).map_err(|_| Refusal::OutOfService)?;
        let receipt = Receipt {
            meter: self.made.meter,
            number: state.receipt_number,
            outcome: state.outcome,
            registers: state.registers,
            total: state.total,
            sums: state.sums,
            flags: state.flags,
            readings: sealed,
            challenge,
        };
        let payload = receipt.to_payload().map_err(|_| Refusal::OutOfService)?;
        self.receipt.clear();
        self.receipt.append(&payload).map_err(|_| Refusal::OutOfService)
    }
}

#[inline(never)]
fn is_named(issuer: &Issuer, hint: KeyHint) -> bool {
    issuer.key.hash().hint() == hint
}

#[inline(never)]
fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[inline(never)]
fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Token), Refusal> {
    Ok(Token::parse(bytes)?)
}
