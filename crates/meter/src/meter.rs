//! The meter: its state, its journal, and how consumption is counted.

use crate::calendar::LocalTime;
use crate::charges::{self, Overflow};
use crate::clock::RunningClock;
use crate::commission::{Layout, read_factory};
use crate::factory::{Issuer, IssuerRole, MAX_ISSUERS, OpeningCheck};
use crate::flow::Flow;
use crate::journal::{Journal, LayoutError, Newest};
use crate::state::State;
use crate::terms::{Terms, TermsInUse};
use crate::tokens::{Answered, DisplayCode};
use crate::valve::{ValveCommand, Watch};
use crate::work::{Work, WorkLimit};
use coinless_protocol::cose::MAX_OBJECT_BYTES;
use coinless_protocol::keys::{KeyHash, KeyPair, MeterKey, PublicKey};
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::report::Event;
use coinless_protocol::settings::NO_CORRECTION_PPM;
use coinless_protocol::state::{Flags, ShutCause};
use coinless_protocol::{Bytes, Commodity, CreditKind, DecodeError, FineCredit, MeterId, Units};
use embedded_storage::nor_flash::NorFlash;

/// Consumption of gas that may be lost in a power cut: 50 dm³, in thousandths. More than of water, since a house that is heated
/// uses several m³ a day and every record wears the flash.
pub const UNBILLED_BOUND_GAS: FineCredit = FineCredit(50_000);
/// Consumption of water that may be lost in a power cut: 10 litres, in thousandths.
pub const UNBILLED_BOUND_WATER: FineCredit = FineCredit(10_000);
/// Consumption of electricity that may be lost in a power cut: 100 Wh, in thousandths. Likewise: a household
/// uses some 10 kWh a day.
pub const UNBILLED_BOUND_ELECTRICITY: FineCredit = FineCredit(100_000);

/// The most consumption that a power cut can lose, but for the one pulse under way: as soon as this much is not journaled, it
/// is. The loss falls on the utility.
pub const fn unbilled_bound(commodity: Commodity) -> FineCredit {
    match commodity {
        Commodity::Gas => UNBILLED_BOUND_GAS,
        Commodity::Water => UNBILLED_BOUND_WATER,
        Commodity::Electricity => UNBILLED_BOUND_ELECTRICITY,
    }
}

/// A meter over the flash `F`, with a private key that is in memory or, as `K` says, in a secure element.
///
/// Time comes in as milliseconds since the start (a monotonic uptime). After every call the port takes
/// [`Meter::take_valve_command`], drives the valve, and then calls [`Meter::tick`], which journals a shutting: a valve is shut
/// before that is journaled, and journaled open before it is opened. A port that forgets loses nothing but time: whatever is
/// called next journals it first.
#[derive(Debug)]
pub struct Meter<F, K = KeyPair> {
    pub(crate) flash: F,
    pub(crate) journal: Journal<State>,
    pub(crate) terms_journal: Journal<Terms>,
    pub(crate) made: Made<K>,
    pub(crate) terms: TermsInUse,
    /// What will be journaled next; what is journaled but for the consumption in `unjournaled` and for `dirty`.
    pub(crate) state: State,
    unjournaled: FineCredit,
    /// The state differs from the journal by more than consumption.
    pub(crate) dirty: bool,
    fault: Option<Fault>,
    pub(crate) watch: Option<Watch>,
    pub(crate) command: Option<ValveCommand>,
    /// When the valve was last told to shut.
    pub(crate) shut_ms: Option<u64>,
    /// Something has flowed since the valve was opened or the meter was started: it is known to be open.
    pub(crate) flow_seen: bool,
    /// What `receipt` answers; without it that is nothing.
    pub(crate) answered: Option<Answered>,
    pub(crate) receipt: Bytes<MAX_OBJECT_BYTES>,
    pub(crate) display_code: Option<DisplayCode>,
    pub(crate) owner_code: Option<DisplayCode>,
    pub(crate) clock: RunningClock,
    /// Whether the port had its chance to say that its clock went on.
    clock_settled: bool,
    pub(crate) flowing: Flow,
    pub(crate) work: Work,
}

/// What the meter was made with, ready for use.
#[derive(Debug)]
pub(crate) struct Made<K> {
    pub(crate) meter: MeterId,
    pub(crate) commodity: Commodity,
    pub(crate) credit: CreditKind,
    pub(crate) issuers: heapless::Vec<Issuer, MAX_ISSUERS>,
    pub(crate) max_credit: Units,
    pub(crate) opening: OpeningCheck,
    pub(crate) open_by_token: bool,
    pub(crate) keys: Keys<K>,
}

pub(crate) struct Keys<K> {
    /// The meter's own; none before it is open.
    own: Option<K>,
    /// That of its public key.
    pub(crate) hash: KeyHash,
    pub(crate) sealing: Sealing,
}

/// How readings are sealed to the station.
pub(crate) enum Sealing {
    /// The meter was made without a station and gives no receipts.
    Never,
    /// The station's key, with which none is agreed yet.
    To(PublicKey),
    /// The key that was agreed.
    With(ReadingsKey),
}

impl<K> Keys<K> {
    /// The meter's own.
    pub(crate) fn own(&self) -> Result<&K, Refusal> {
        self.own.as_ref().ok_or(Refusal::OutOfService)
    }
}

impl<K> core::fmt::Debug for Keys<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.hash.fmt(f)
    }
}

/// Why a meter is out of service: it shuts its valve, answers no token and gives no receipt. Only a restart or the maker helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The journal holds no valid record, or one of another format.
    #[error("the meter has no valid state")]
    NoState,
    /// The balance is not what the sums say.
    #[error("the meter's balance is not the sum of its registers")]
    Sums,
    /// The flash did not take a record.
    #[error("the meter's flash did not take a record")]
    Journal,
}

/// Why a flash holds no meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// There is no valid factory record.
    #[error("this flash holds no meter: there is no valid factory record")]
    NoFactory,
    /// Neither the factory record nor a secure element gives a private key, or both do.
    #[error("the meter needs one private key, in its factory record or in a secure element")]
    NoKey,
    /// The layout does not suit the flash.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl<F: NorFlash> Meter<F> {
    /// Starts the meter that `flash` holds, with the private key of its factory record: see [`Meter::open`].
    ///
    /// # Errors
    /// [`MountError`] if the flash holds no meter.
    pub fn mount(flash: F, layout: &Layout) -> Result<Self, MountError> {
        Self::mount_with_key(flash, layout, |secret| KeyPair::from_secret(secret).ok())
    }
}

impl<F: NorFlash, K: MeterKey> Meter<F, K> {
    /// [`Meter::closed`] and [`Meter::open`] in one, for where stack is plenty.
    ///
    /// # Errors
    /// [`MountError`] if the flash holds no meter. A meter without a valid state is mounted with [`Fault::NoState`].
    pub fn mount_with_key(
        flash: F,
        layout: &Layout,
        key: impl FnOnce(&[u8; 32]) -> Option<K>,
    ) -> Result<Self, MountError> {
        let mut meter = Self::closed(flash);
        meter.open(layout, key)?;
        Ok(meter)
    }

    /// A meter over `flash` that knows nothing yet: out of service, until [`Meter::open`]. It is to be put where it stays, since
    /// it is large.
    #[inline]
    pub fn closed(flash: F) -> Self {
        let keys = Keys { own: None, hash: KeyHash([0; 32]), sealing: Sealing::Never };
        Self {
            flash,
            journal: Journal::nowhere(),
            terms_journal: Journal::nowhere(),
            made: Made {
                meter: MeterId::UNKNOWN,
                commodity: Commodity::Gas,
                credit: CreditKind::Unit,
                issuers: heapless::Vec::new(),
                max_credit: Units::ZERO,
                opening: OpeningCheck::GAS,
                open_by_token: false,
                keys,
            },
            terms: TermsInUse::default(),
            clock: RunningClock::journaled(0),
            work: Work::started(WorkLimit::MAINS, 0),
            // Never used as a state: the fault keeps it from everybody.
            state: State::new(Units::ZERO),
            unjournaled: FineCredit::ZERO,
            dirty: true,
            fault: Some(Fault::NoState),
            watch: None,
            command: None,
            shut_ms: None,
            flow_seen: false,
            answered: None,
            receipt: Bytes::new(),
            display_code: None,
            owner_code: None,
            clock_settled: false,
            flowing: Flow::default(),
        }
    }

    /// Starts the meter that the flash holds, at uptime 0. Takes one multiplication on the curve, the meter's public key; the
    /// first call after this takes another one, for the key of the readings. Each is a second or so on a small processor.
    ///
    /// `key` gives the private key. It is told what the factory record has for one: 32 bytes, or
    /// [`IN_SECURE_ELEMENT`](crate::factory::IN_SECURE_ELEMENT). While a secure element does not answer, the meter counts and shuts
    /// as ever, but takes no token and gives no receipt.
    ///
    /// A start drives the valve only towards shut: if anything holds it shut, if it stands shut, or if the opening check was
    /// under way. The terms are journaled once more, and the first call after this journals the state once more, so that a record
    /// that was read from half-programmed cells is settled before anything is acknowledged on it.
    ///
    /// # Errors
    /// [`MountError`] if the flash holds no meter; it stays out of service. A meter without a valid state is open, with
    /// [`Fault::NoState`].
    // Not inlined, nor what it calls: each step has the stack for itself, and the curve takes most of it.
    #[inline(never)]
    pub fn open(&mut self, layout: &Layout, key: impl FnOnce(&[u8; 32]) -> Option<K>) -> Result<(), MountError> {
        self.command = Some(ValveCommand::Shut);
        self.read_key(layout, key)?;
        self.read_made(layout)?;
        self.journal = Journal::closed(&self.flash, layout.journal.clone())?;
        self.terms_journal = Journal::closed(&self.flash, layout.terms.clone())?;
        match self.read_state().and_then(|()| self.settle_terms()) {
            Ok(()) => {
                (self.fault, self.command) = (None, None);
                self.start();
            }
            Err(fault) => self.fail(fault),
        }
        Ok(())
    }

    #[inline(never)]
    fn read_key(&mut self, layout: &Layout, key: impl FnOnce(&[u8; 32]) -> Option<K>) -> Result<(), MountError> {
        let secret = self.read_secret(layout)?;
        let own = key(&secret).ok_or(MountError::NoKey)?;
        self.made.keys.hash = own.public_key().hash();
        self.made.keys.own = Some(own);
        Ok(())
    }

    #[inline(never)]
    fn read_secret(&mut self, layout: &Layout) -> Result<[u8; 32], MountError> {
        read_factory(&mut self.flash, layout).map(|factory| factory.secret).ok_or(MountError::NoFactory)
    }

    #[inline(never)]
    fn read_made(&mut self, layout: &Layout) -> Result<(), MountError> {
        let factory = read_factory(&mut self.flash, layout);
        let factory = factory.as_ref().ok_or(MountError::NoFactory)?;
        let made = &mut self.made;
        (made.meter, made.commodity, made.credit) = (factory.meter, factory.commodity, factory.credit);
        (made.max_credit, made.opening) = (factory.max_credit, factory.opening);
        made.open_by_token = factory.open_by_token;
        made.issuers.clone_from(&factory.issuers);
        made.keys.sealing = factory.readings_key.map_or(Sealing::Never, Sealing::To);
        Ok(())
    }

    #[inline(never)]
    fn read_state(&mut self) -> Result<(), Fault> {
        let Newest::Record(state) = self.journal.find_newest(&mut self.flash) else { return Err(Fault::NoState) };
        self.clock = RunningClock::journaled(state.clock);
        self.work = Work::started(WorkLimit::MAINS, state.work_stock);
        self.state = state;
        if state.sums_hold() { Ok(()) } else { Err(Fault::Sums) }
    }

    /// Limits what the meter does for strangers; without this it is [`WorkLimit::MAINS`]. To be called right after [`Meter::mount`]
    /// on a meter with a battery.
    pub fn limit_work(&mut self, limit: WorkLimit) {
        self.work = Work::started(limit, self.state.work_stock);
    }

    /// The port's clock went on while the meter was off and says `unix_s`, seconds since 1970-01-01 UTC. To be called after
    /// [`Meter::mount`] and before anything else; it counts if the meter knew the time before, and gives whether it does.
    pub fn clock_went_on(&mut self, now_ms: u64, unix_s: u64) -> bool {
        let known = self.state.clock_trusted && !self.clock_settled;
        known && self.clock.kept(now_ms, unix_s)
    }

    /// Counts consumption of `fine` thousandths of dm³, litre or Wh, a pulse or a few, at `now_ms`. Nothing is counted for 0 or
    /// less: what flows back is not credit.
    pub fn consume(&mut self, now_ms: u64, fine: FineCredit) {
        self.tick(now_ms);
        if fine.0 <= 0 || self.fault.is_some() {
            return;
        }
        if self.use_up(fine).is_err() {
            return self.fail(Fault::Sums);
        }
        self.unjournaled = FineCredit(self.unjournaled.0.saturating_add(fine.0));
        self.flow(now_ms, fine);
        self.keep_limits(now_ms);
        // With a valve to be shut first, it is journaled by the call after that.
        if !self.dirty && self.unjournaled >= unbilled_bound(self.made.commodity) {
            self.journal_now();
        }
    }

    /// Does what is due at `now_ms`: journals what waits for a valve to have been driven, takes standing charge and debt of a new
    /// day, ends friendly periods and the opening check. To be called after each valve command, and about once a second.
    pub fn tick(&mut self, now_ms: u64) {
        if self.fault.is_some() {
            return;
        }
        self.settle_clock();
        if self.dirty {
            self.journal_now();
        }
        self.end_watch(now_ms);
        self.pass_time(now_ms);
        if let Sealing::To(station) = self.made.keys.sealing {
            self.made.agree(&station);
        }
    }

    /// Who this is.
    pub fn id(&self) -> MeterId {
        self.made.meter
    }

    /// What it measures.
    pub fn commodity(&self) -> Commodity {
        self.made.commodity
    }

    /// What its credit is counted in.
    pub fn credit_kind(&self) -> CreditKind {
        self.made.credit
    }

    /// The most credit that it can hold.
    pub fn max_credit(&self) -> Units {
        self.terms.settings.max_credit.unwrap_or(self.made.max_credit)
    }

    /// The numbers of its registers.
    pub fn registers(&self) -> RegisterNumbers {
        let RegisterNumbers { epoch, tariff, settings, keys, .. } = self.terms.numbers;
        RegisterNumbers { epoch, credit: self.state.in_epoch(epoch).credit, tariff, settings, keys }
    }

    /// The tariff, the settings and the numbers of what tokens set.
    pub fn terms(&self) -> &TermsInUse {
        &self.terms
    }

    /// What consumption costs now, in thousandths of a minor unit of the currency per m³ or kWh; none for unit credit, and before
    /// the first tariff.
    pub fn price(&self) -> Option<u64> {
        let state = self.state().filter(|_| !self.terms.tariff.rates.is_empty())?;
        Some(charges::price(&self.terms.tariff, self.known_time().as_ref(), state.used_in_month))
    }

    /// Debt that is left, in thousandths of a credit unit.
    pub fn debt(&self) -> FineCredit {
        charges::owed(&self.state, &self.terms.tariff)
    }

    /// Seconds since 1970-01-01 UTC that it is at least, and whether the meter knows the time; none if it was never set.
    pub fn clock(&self, now_ms: u64) -> Option<(u64, bool)> {
        Some((self.clock.now(now_ms), self.clock.trusted)).filter(|(unix_s, _)| *unix_s > 0)
    }

    /// Its check after an opening.
    pub fn opening_check(&self) -> OpeningCheck {
        self.made.opening
    }

    /// Why it is out of service, if it is.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Its state, with consumption that is not yet journaled; none if it has none.
    pub fn state(&self) -> Option<&State> {
        (self.fault != Some(Fault::NoState)).then_some(&self.state)
    }

    /// What it tells everybody of valve and causes; a meter out of service adds the cause *fault*.
    pub fn flags(&self) -> Flags {
        let flags = self.state.flags;
        match self.fault {
            Some(_) => Flags { causes: flags.causes.with(ShutCause::Fault), open: false, armed: false, ..flags },
            None => flags,
        }
    }

    /// The flash.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back without journaling anything, as a power cut would.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Makes `next` the state, in the journal and here.
    ///
    /// # Errors
    /// [`Refusal::OutOfService`] if its sums do not hold or the journal does not take it; the meter is then out of service.
    pub(crate) fn commit(&mut self, next: State) -> Result<(), Refusal> {
        self.in_service()?;
        let done = match next.sums_hold() {
            true => self.journal.commit(&mut self.flash, &next).map_err(|_| Fault::Journal),
            false => Err(Fault::Sums),
        };
        match done {
            Ok(()) => {
                (self.state, self.dirty, self.unjournaled) = (next, false, FineCredit::ZERO);
                Ok(())
            }
            Err(fault) => {
                self.fail(fault);
                Err(Refusal::OutOfService)
            }
        }
    }

    pub(crate) fn in_service(&self) -> Result<(), Refusal> {
        if self.fault.is_some() { Err(Refusal::OutOfService) } else { Ok(()) }
    }

    /// The local time, if the meter knows the time.
    pub(crate) fn known_time(&self) -> Option<LocalTime> {
        self.local_time().filter(|_| self.clock.trusted)
    }

    /// The local time that it is at least.
    fn local_time(&self) -> Option<LocalTime> {
        let unix_s = Some(self.state.clock).filter(|unix_s| *unix_s > 0)?;
        LocalTime::at(unix_s, self.terms.settings.utc_offset_quarters)
    }

    pub(crate) fn journal_now(&mut self) {
        // A failure is not lost: it puts the meter out of service.
        let _ = self.commit(self.state);
    }

    pub(crate) fn fail(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.watch = None;
        self.command = Some(ValveCommand::Shut);
    }

    pub(crate) fn count(&mut self, event: Event) {
        self.state.events.count(event);
    }

    /// Takes `terms` into use, as they were journaled.
    // Not inlined, nor the other functions that hold terms: they are large, and to be gone when the meter signs or verifies.
    #[inline(never)]
    pub(crate) fn use_terms(&mut self, terms: &Terms) -> Result<(), DecodeError> {
        self.terms.take(terms)?;
        if let Some(keys) = terms.operational_keys()? {
            self.made.issuers.retain(|issuer| issuer.role == IssuerRole::Root);
            for key in keys.as_slice() {
                let issuer = Issuer { role: IssuerRole::Operational, key: *key };
                self.made.issuers.push(issuer).map_err(|_| DecodeError::Malformed)?;
            }
        }
        Ok(())
    }

    /// Journals the terms that were read once more, so that a record that was read from half-programmed cells is settled, and
    /// takes them into use.
    #[inline(never)]
    fn settle_terms(&mut self) -> Result<(), Fault> {
        let Newest::Record(terms) = self.terms_journal.find_newest(&mut self.flash) else { return Err(Fault::NoState) };
        self.terms_journal.commit(&mut self.flash, &terms).map_err(|_| Fault::Journal)?;
        self.use_terms(&terms).map_err(|_| Fault::NoState)
    }

    fn start(&mut self) {
        self.count(Event::Start);
        self.start_valve();
    }

    /// Before the first thing happens: a clock that the port did not keep is not known any more.
    fn settle_clock(&mut self) {
        if self.clock_settled {
            return;
        }
        self.clock_settled = true;
        if self.state.clock_trusted && !self.clock.trusted {
            self.state.clock_trusted = false;
            self.count(Event::ClockLost);
        }
    }

    fn use_up(&mut self, measured: FineCredit) -> Result<(), Overflow> {
        let now = self.known_time();
        let state = &mut self.state;
        state.metered = FineCredit(state.metered.0.checked_add(measured.0).ok_or(Overflow)?);
        let amount = match self.terms.settings.correction_ppm {
            NO_CORRECTION_PPM => measured,
            ppm => charges::correct(state, measured, ppm)?,
        };
        let used = match self.made.credit {
            CreditKind::Unit => amount,
            CreditKind::Money(_) => {
                let price = charges::price(&self.terms.tariff, now.as_ref(), state.used_in_month);
                charges::cost(state, amount, price)?
            }
        };
        state.used_in_month = FineCredit(state.used_in_month.0.checked_add(amount.0).ok_or(Overflow)?);
        state.consumed = FineCredit(state.consumed.0.checked_add(used.0).ok_or(Overflow)?);
        state.balance = FineCredit(state.balance.0.checked_sub(used.0).ok_or(Overflow)?);
        let day = self.local_time().map(|now| now.day);
        self.state.used_day = day.unwrap_or(self.state.used_day);
        Ok(())
    }

    /// Time passed: a new day is charged, what holds by the clock begins or ends.
    fn pass_time(&mut self, now_ms: u64) {
        if self.fault.is_some() {
            return;
        }
        self.state.clock = self.clock.now(now_ms);
        self.state.work_stock = self.work.refilled(now_ms);
        if let Some(now) = self.local_time() {
            match charges::days(&mut self.state, &self.terms.tariff, &now) {
                Ok(begun) => self.dirty |= begun,
                Err(Overflow) => return self.fail(Fault::Sums),
            }
            self.look_for_disuse(now_ms, now.day);
        }
        self.keep_limits(now_ms);
    }
}

impl<K: MeterKey> Made<K> {
    #[inline(never)]
    fn agree(&mut self, station: &PublicKey) {
        // A secure element that fails is asked again by the next tick.
        let agreed = self.keys.own.as_ref().map(|own| ReadingsKey::agree_with(own, station, &self.meter));
        if let Some(Ok(key)) = agreed {
            self.keys.sealing = Sealing::With(key);
        }
    }
}
