//! What the meter says: its identity, its answers to tokens, its receipts.

use crate::charges;
use crate::decision::{Plan, Standing, decide};
use crate::factory::{Issuer, IssuerRole};
use crate::journal::Newest;
use crate::meter::{Fault, Meter, Sealing};
use crate::state::State;
use crate::terms::Terms;
use crate::work::{self, Cost};
use coinless_protocol::cose::{self, Label, Sign1};
use coinless_protocol::identity::{Identity, MAX_IDENTITY_BYTES, MAX_SIGNED_IDENTITY_BYTES, display_code};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::{KeyHint, MeterKey};
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt};
use coinless_protocol::report::Event;
use coinless_protocol::settings::{NO_CORRECTION_PPM, Settings};
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{Credit, Order, Set, Token};
use coinless_protocol::{Bytes, Challenge, Commodity, CreditKind, CreditNumber, FineCredit};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

/// How long the display shows the code of a challenge.
pub const DISPLAY_CODE_MS: u64 = 120_000;
/// How long the display shows the owner code after a press of the button.
pub const OWNER_CODE_MS: u64 = 300_000;

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

impl<F: NorFlash, K: MeterKey> Meter<F, K> {
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
    /// [`Refusal::OutOfService`] if the meter has no state, [`Refusal::Busy`] if it did enough for strangers.
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
        self.work_for_stranger(now_ms, Cost::Energy)?;
        let keys = &self.made.keys;
        let done = cose::sign_in_place(signed, Label::Identity, &keys.hash, keys.own()?);
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

    /// The code of the last challenge that the display shows now, 0 to 999 999, six digits.
    pub fn display_code(&self, now_ms: u64) -> Option<u32> {
        shown(self.display_code.as_ref(), now_ms, DISPLAY_CODE_MS)
    }

    /// The owner code that the display shows now, 0 to 99 999 999, eight digits: for [`OWNER_CODE_MS`] after a press of the button.
    /// It is for the display alone: whoever types it at the station has stood here, so no link may ever tell it.
    pub fn owner_code(&self, now_ms: u64) -> Option<u32> {
        shown(self.owner_code.as_ref(), now_ms, OWNER_CODE_MS)
    }

    /// A person pressed the button: makes the owner code of the last receipt's number. None without a key of the readings.
    pub(crate) fn show_owner_code(&mut self, now_ms: u64) {
        if let Sealing::With(key) = &self.made.keys.sealing {
            self.owner_code = Some(DisplayCode { code: key.owner_code(self.state.receipt_number), since_ms: now_ms });
        }
    }

    /// Takes a token as it was sent. An authentic one is always answered with a receipt, applied or not; what it changes is
    /// journaled before. A byte-identical repeat of the last token is answered from what is stored.
    ///
    /// # Errors
    /// [`Refusal`] if the token is not authentic or the meter is out of service or did enough for strangers; then nothing has
    /// changed. Cheap checks come before the signature.
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
    /// [`Refusal::OutOfService`] if the meter is, or was never given keys; [`Refusal::Busy`] if it has to sign first and did enough
    /// for strangers.
    #[inline(never)]
    pub fn receipt(&mut self, now_ms: u64) -> Result<&[u8], Refusal> {
        self.tick(now_ms);
        self.in_service()?;
        if self.answered.is_none() {
            self.work_for_stranger(now_ms, Cost::Record)?;
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
            credit: self.made.credit,
            registers: self.registers(),
            flags: self.flags(),
            challenge,
        })
    }

    /// Does what a token says, if it is authentic and no repeat.
    #[inline(never)]
    fn take(&mut self, now_ms: u64, bytes: &[u8], hash: &[u8; 32]) -> Result<Taken, Refusal> {
        let (signed, token) = parse(bytes)?;
        if self.is_answered(now_ms, hash, &token) {
            return Ok(Taken::Repeated);
        }
        if let Err(refusal) = self.is_for_me(&signed, &token) {
            if refusal == Refusal::UnknownIssuer {
                self.count(Event::BadToken);
            }
            return Err(refusal);
        }
        // Verifying is what costs: it is paid for first, and given back to whoever brings something new.
        let taken = self.work_for_stranger(now_ms, Cost::Energy)?;
        if !self.is_signed(&signed, &token) {
            self.count(Event::BadToken);
            return Err(Refusal::BadSignature);
        }
        let plan = self.usable_plan(now_ms, &token);
        match (plan.decision, taken) {
            (Decision::Applied, taken) => {
                self.work.give_back(taken);
                self.state.work_stock = self.work.stock();
            }
            // An old token says nothing new, and its answer wears the flash.
            (_, work::Taken::Nothing) => drop(self.work_for_stranger(now_ms, Cost::Record)?),
            _ => {}
        }
        let challenge = self.execute(now_ms, &plan, &token)?;
        Ok(Taken::New { challenge })
    }

    /// Whether the stored receipt still is the answer to the token with this hash. What was *not yet* may be taken now, and a
    /// token that was cut between its two journals may have something left.
    fn is_answered(&self, now_ms: u64, hash: &[u8; 32], token: &Token<'_>) -> bool {
        let decision = self.state.outcome.decision;
        let may_change = matches!(decision, Decision::NotYet { .. } | Decision::NeedsNewerRegister);
        self.answered.as_ref().is_some_and(|answered| answered.token == Some(*hash))
            && (!may_change || self.plan(now_ms, token).decision == decision)
    }

    fn is_by_money(&self) -> bool {
        matches!(self.made.credit, CreditKind::Money(_))
    }

    /// Where the meter stands, for a decision on `token`.
    fn plan(&self, now_ms: u64, token: &Token<'_>) -> Plan {
        let clock = match &token.order {
            Order::Set(set) => set.clock,
            Order::Read(_) | Order::Keys(_) => None,
        };
        let registers = self.registers();
        let standing = Standing {
            registers,
            valve: self.state.in_epoch(registers.epoch).valve,
            total: self.state.total,
            balance: self.state.balance,
            max_credit: self.max_credit(),
            closed: self.state.closed,
            unpriced: self.is_by_money() && self.terms.tariff.rates.is_empty(),
            clock_is_news: clock.is_some_and(|clock| self.clock.is_newer(now_ms, &clock)),
        };
        decide(&standing, token)
    }

    /// The cheap checks: whether a token is for this meter and key, by an issuer that it knows.
    fn is_for_me(&self, signed: &Sign1<'_>, token: &Token<'_>) -> Result<(), Refusal> {
        if token.meter != self.made.meter {
            return Err(Refusal::NotThisMeter);
        }
        if token.meter_key != self.made.keys.hash.hint() {
            return Err(Refusal::OtherKey);
        }
        if self.made.issuers.is_empty() || !self.can_seal() {
            return Err(Refusal::OutOfService);
        }
        let named = self.made.issuers.iter().any(|issuer| may_sign(issuer, token) && is_named(issuer, signed.kid));
        named.then_some(()).ok_or(Refusal::UnknownIssuer)
    }

    /// Whether one of the issuers that it names signed it for this meter's key. A hint is short, so two keys may share one.
    #[inline(never)]
    fn is_signed(&self, signed: &Sign1<'_>, token: &Token<'_>) -> bool {
        let mut issuers = self.made.issuers.iter();
        issuers.any(|issuer| {
            may_sign(issuer, token)
                && is_named(issuer, signed.kid)
                && signed.verify(&issuer.key, Label::Token, &self.made.keys.hash)
        })
    }

    /// Takes one work out of what strangers are allowed.
    pub(crate) fn work_for_stranger(&mut self, now_ms: u64, cost: Cost) -> Result<work::Taken, Refusal> {
        let taken = self.work.take(now_ms, cost);
        // Journaled with whatever is journaled next.
        self.state.work_stock = self.work.stock();
        taken.map_err(|_| {
            self.count(Event::Busy);
            Refusal::Busy
        })
    }

    /// Seconds, rounded up, until it does one more work for a stranger, after it refused one with [`Refusal::Busy`].
    pub fn busy_s(&self, now_ms: u64) -> u32 {
        u32::try_from(self.work.wait_ms(now_ms).div_ceil(1000)).unwrap_or(u32::MAX)
    }

    /// What is done with an authentic token.
    #[inline(never)]
    fn usable_plan(&self, now_ms: u64, token: &Token<'_>) -> Plan {
        let plan = self.plan(now_ms, token);
        match plan.takes_any() && !self.can_use(&plan, token) {
            true => Plan::nothing(Decision::BadContent),
            false => plan,
        }
    }

    /// Journals what comes of an authentic token; gives the challenge that the receipt has to hold.
    #[inline(never)]
    fn execute(&mut self, now_ms: u64, plan: &Plan, token: &Token<'_>) -> Result<Option<Challenge>, Refusal> {
        if plan.tariff || plan.settings || plan.keys {
            self.take_terms(plan, token)?;
        }
        let was_open = self.state.flags.open;
        let next = self.next_state(now_ms, plan, token)?;
        self.commit_answer(next)?;
        if let (true, Order::Set(Set { clock: Some(clock), .. })) = (plan.clock, &token.order) {
            self.clock.set(now_ms, clock);
        }
        self.drive_from(now_ms, was_open);
        Ok(match token.order {
            Order::Read(challenge) => Some(challenge),
            Order::Set(_) | Order::Keys(_) => None,
        })
    }

    /// Whether the contents that are to be taken are such that this meter can live with them.
    #[inline(never)]
    fn can_use(&self, plan: &Plan, token: &Token<'_>) -> bool {
        let set = match &token.order {
            Order::Read(_) => return true,
            Order::Keys(keys) => return OperationalKeys::from_bytes(keys.bytes).is_ok(),
            Order::Set(set) => set,
        };
        let by_money = self.is_by_money();
        let tariff = set.tariff.filter(|_| plan.tariff).is_none_or(|tariff| {
            Tariff::from_bytes(tariff.bytes).is_ok_and(|tariff| tariff.rates.is_empty() != by_money)
        });
        let gas = self.made.commodity == Commodity::Gas;
        let settings = set.settings.filter(|_| plan.settings).is_none_or(|settings| {
            Settings::from_bytes(settings.bytes).is_ok_and(|settings| match gas {
                true => settings.open_by_token != Some(true),
                false => settings.correction_ppm == NO_CORRECTION_PPM,
            })
        });
        tariff && settings
    }

    /// Journals the registers of the terms, then takes them into use. They are on their own: a cut after this leaves them taken
    /// and the rest of the token not, and the same token again has the rest taken.
    #[inline(never)]
    fn take_terms(&mut self, plan: &Plan, token: &Token<'_>) -> Result<(), Refusal> {
        let Newest::Record(mut terms) = self.terms_journal.newest(&mut self.flash) else {
            self.fail(Fault::NoState);
            return Err(Refusal::OutOfService);
        };
        take_contents(&mut terms, plan, token);
        let journaled = self.terms_journal.commit(&mut self.flash, &terms);
        if journaled.is_err() || self.use_terms(&terms).is_err() {
            self.fail(Fault::Journal);
            return Err(Refusal::OutOfService);
        }
        Ok(())
    }

    /// The state that follows from a token.
    #[inline(never)]
    fn next_state(&self, now_ms: u64, plan: &Plan, token: &Token<'_>) -> Result<State, Refusal> {
        let number = token.register().map_or(CreditNumber(0), |register| register.number);
        let mut next = State { outcome: Outcome { decision: plan.decision, token: number }, ..self.state };
        next = next.in_epoch(self.registers().epoch);
        let Order::Set(set) = &token.order else { return Ok(next) };
        if let Some(valve) = set.valve.filter(|_| plan.valve) {
            next = self.ordered(State { valve: valve.number, ..next }, valve.command);
        }
        if let Some(clock) = set.clock.filter(|_| plan.clock) {
            next.clock = clock.unix_s;
            next.clock_trusted |= self.clock.is_answer(now_ms, &clock);
        }
        match set.credit.filter(|_| plan.credit) {
            Some(credit) => self.with_credit(next, &credit).ok_or(Refusal::OutOfService),
            None => Ok(next),
        }
    }

    /// The state with newer credit; none if a sum grew out of its range.
    fn with_credit(&self, mut next: State, credit: &Credit) -> Option<State> {
        let added = credit.register.total.checked_sub(next.total)?.fine();
        (next.credit, next.total) = (credit.register.number, credit.register.total);
        next.balance.0 = next.balance.0.checked_add(added.0)?;
        charges::recover_from(&mut next, &self.terms.tariff, added).ok()?;
        if !credit.closing {
            return Some(self.credited(next));
        }
        // What is left goes back to the customer, through the station.
        let left = next.balance.0.max(0);
        next.sums.withdrawn = FineCredit(next.sums.withdrawn.0.checked_add(left)?);
        next.balance.0 = next.balance.0.checked_sub(left)?;
        next.closed = true;
        Some(Self::held(Self::held(next, ShutCause::NoCredit), ShutCause::ClosedAccount))
    }

    /// Whether it has a key for its readings, without which there is no receipt.
    fn can_seal(&self) -> bool {
        matches!(self.made.keys.sealing, Sealing::With(_))
    }

    /// Journals `next` under a new receipt number. Only then is the receipt signed: a number, which is the partial IV of the
    /// readings, is never used for two contents.
    #[inline(never)]
    fn commit_answer(&mut self, next: State) -> Result<(), Refusal> {
        self.answered = None;
        self.commit_number(next)
    }

    /// Journals `next` under a new number, for something else than a receipt.
    #[inline(never)]
    pub(crate) fn commit_number(&mut self, next: State) -> Result<(), Refusal> {
        let receipt_number =
            next.receipt_number.checked_add(1).filter(|_| self.can_seal()).ok_or(Refusal::OutOfService)?;
        self.commit(State { receipt_number, ..next })
    }

    /// Signs the journaled state and keeps the receipt as the answer to `token`.
    #[inline(never)]
    fn sign_receipt(&mut self, challenge: Option<Challenge>, token: Option<[u8; 32]>) -> Result<(), Refusal> {
        self.put_receipt(challenge)?;
        let keys = &self.made.keys;
        let signed = cose::sign_in_place(&mut self.receipt, Label::Receipt, &keys.hash, keys.own()?);
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
            registers: self.registers(),
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

/// Root keys sign keys and nothing else.
fn shown(code: Option<&DisplayCode>, now_ms: u64, for_ms: u64) -> Option<u32> {
    code.filter(|shown| now_ms.saturating_sub(shown.since_ms) < for_ms).map(|shown| shown.code)
}

fn may_sign(issuer: &Issuer, token: &Token<'_>) -> bool {
    (issuer.role == IssuerRole::Root) == matches!(token.order, Order::Keys(_))
}

/// Puts what is taken of `token` into `terms`.
fn take_contents(terms: &mut Terms, plan: &Plan, token: &Token<'_>) {
    terms.enter(token.epoch);
    match &token.order {
        Order::Set(set) => {
            set.tariff.iter().filter(|_| plan.tariff).for_each(|tariff| terms.tariff.set(tariff));
            set.settings.iter().filter(|_| plan.settings).for_each(|settings| terms.settings.set(settings));
        }
        Order::Keys(keys) => terms.keys.set(keys),
        Order::Read(_) => {}
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
fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Token<'_>), Refusal> {
    Ok(Token::parse(bytes)?)
}
