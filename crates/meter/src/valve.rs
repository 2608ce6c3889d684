//! The valve, or relay: what shuts it, what arms it, and who opens it (DESIGN §6).
//!
//! | event | effect |
//! |-------|--------|
//! | balance falls to 0 or below | cause *no credit*, shut |
//! | a cause is raised | shut; arming is cancelled |
//! | a token is applied and leaves no cause | a shut valve is armed; water and electricity whose factory record allows it, shut for used-up credit alone, open |
//! | the last cause is cleared at the meter | armed |
//! | a press, armed and no cause | open; the opening check begins |
//! | too much flow during the opening check | shut, still armed; the third time in a row: cause *flow* |
//! | the watch time is over | the count of uncontrolled openings is 0 again |
//! | a start with a cause, a shut valve, or the opening check under way | driven shut; armed if there is no cause |
//! | flow while shut | *valve failed*, driven shut again |
//!
//! So a valve that stands shut without a cause is always armed, and a gas valve is opened by [`Meter::press_open`] and by
//! nothing else.

use crate::limits;
use crate::meter::Meter;
use crate::state::{MAX_UNCONTROLLED_OPENINGS, State};
use coinless_protocol::keys::MeterKey;
use coinless_protocol::problem::Refusal;
use coinless_protocol::report::Event;
use coinless_protocol::state::{ShutCause, ShutCauses};
use coinless_protocol::token::ValveOrder;
use coinless_protocol::{Commodity, FineCredit};
use embedded_storage::nor_flash::NorFlash;

/// How long a valve may take to move. Flow in this time after it was told to shut is no sign that it failed.
pub const VALVE_TRAVEL_MS: u64 = 10_000;

/// What the port has to do with the valve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValveCommand {
    /// Drive it open.
    Open,
    /// Drive it shut.
    Shut,
}

/// The check after an opening.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    until_ms: u64,
    flowed: i64,
}

/// What a press of the button did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// The valve is being opened.
    Opened,
    /// It is open already.
    AlreadyOpen,
    /// These causes hold it shut.
    HeldShut(ShutCauses),
    /// The meter is out of service.
    OutOfService,
}

/// Why a cause was not cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClearError {
    /// Only credit clears *no credit*.
    #[error("only credit clears the cause 'no credit'")]
    OnlyCredit,
    /// The meter is out of service.
    #[error("the meter is out of service")]
    OutOfService,
}

impl<F: NorFlash, K: MeterKey> Meter<F, K> {
    /// What the port has to do with the valve now. Only the last command counts.
    pub fn take_valve_command(&mut self) -> Option<ValveCommand> {
        self.command.take()
    }

    /// A person deliberately presses the button at the meter, after being told to turn off every appliance. The only way to
    /// open a gas valve. Whatever comes of it, the display shows the owner code ([`Meter::owner_code`]), unless the meter is out of
    /// service.
    pub fn press_open(&mut self, now_ms: u64) -> Pressed {
        self.tick(now_ms);
        self.work.press(now_ms);
        let flags = self.state.flags;
        if self.in_service().is_err() {
            return Pressed::OutOfService;
        }
        self.show_owner_code(now_ms);
        if !flags.causes.is_empty() {
            return Pressed::HeldShut(flags.causes);
        }
        // After a cut between shutting and journaling, the state says open and the valve is shut. So a press counts until
        // flow has shown that it is open, and begins the opening check like any other.
        if flags.open && (self.flow_seen || self.watch.is_some()) {
            return Pressed::AlreadyOpen;
        }
        let next = self.opened(State { by_hand: false, ..self.state });
        match self.commit(next) {
            Ok(()) => self.drive_open(now_ms),
            Err(_) => return Pressed::OutOfService,
        }
        Pressed::Opened
    }

    /// Something at the meter holds the valve shut from now on: tamper contact, leak sensor, battery, the utility's command
    /// by a technician. [`ShutCause::NoCredit`] is the balance's own and ignored here.
    pub fn raise_cause(&mut self, now_ms: u64, cause: ShutCause) {
        self.tick(now_ms);
        if cause != ShutCause::NoCredit && self.in_service().is_ok() {
            self.hold_shut(now_ms, cause);
        }
    }

    /// A technician at the meter, or for a battery the sensor, clears `cause`. If it was the last one the valve is armed, not
    /// opened.
    ///
    /// # Errors
    /// [`ClearError`] for *no credit*, and when the meter is out of service.
    pub fn clear_cause(&mut self, now_ms: u64, cause: ShutCause) -> Result<(), ClearError> {
        self.tick(now_ms);
        if cause == ShutCause::NoCredit {
            return Err(ClearError::OnlyCredit);
        }
        let mut next = Self::cleared(self.state, &[cause]);
        match cause {
            ShutCause::Flow => next.openings = 0,
            ShutCause::Disuse => next.used_day = 0,
            _ => {}
        }
        // What changes nothing does not wear the flash.
        if next == self.state {
            return self.in_service().map_err(|_: Refusal| ClearError::OutOfService);
        }
        self.commit(next).map_err(|_: Refusal| ClearError::OutOfService)
    }

    /// A technician has repaired the valve.
    ///
    /// # Errors
    /// [`ClearError::OutOfService`].
    pub fn clear_valve_failed(&mut self, now_ms: u64) -> Result<(), ClearError> {
        self.tick(now_ms);
        let mut next = self.state;
        next.flags.valve_failed = false;
        self.commit(next).map_err(|_: Refusal| ClearError::OutOfService)
    }

    /// What a start does to the valve: towards shut, or nothing.
    pub(crate) fn start_valve(&mut self) {
        let flags = self.state.flags;
        if flags.open && flags.causes.is_empty() && !self.state.watch {
            return;
        }
        self.state.by_hand |= self.state.watch;
        self.state.flags.armed = flags.causes.is_empty();
        self.drive_shut(0);
    }

    /// What applied credit does to the valve, as part of `next`: it clears *no credit*, and arms or opens a shut valve. Emergency
    /// credit is paid back first: all that it was used for is part of the balance.
    pub(crate) fn credited(&self, mut next: State) -> State {
        if next.balance.0 <= 0 {
            return next;
        }
        (next.emergency, next.friendly) = (false, false);
        if next.flags.open {
            return next;
        }
        let causes = next.flags.causes;
        next.flags.causes = causes.without(ShutCause::NoCredit);
        next.flags.armed = next.flags.causes.is_empty();
        let for_credit_alone = causes == ShutCauses::NONE.with(ShutCause::NoCredit) && !next.by_hand;
        let allowed = self.terms.settings.open_by_token.unwrap_or(self.made.open_by_token);
        let by_token = allowed && self.made.commodity != Commodity::Gas;
        if by_token && for_credit_alone { self.opened(next) } else { next }
    }

    /// What the utility's order does to the valve, as part of `next`.
    pub(crate) fn ordered(&self, next: State, order: ValveOrder) -> State {
        match order {
            ValveOrder::HoldShut => Self::held(next, ShutCause::Command),
            ValveOrder::Release => Self::cleared(next, &[ShutCause::Command]),
            ValveOrder::Service => {
                let mut next = Self::cleared(next, &[ShutCause::Tamper, ShutCause::Flow, ShutCause::Disuse]);
                (next.flags.valve_failed, next.openings) = (false, 0);
                // The days of disuse begin anew.
                next.used_day = 0;
                next
            }
        }
    }

    /// The state held shut for `cause`, for opening by hand only.
    pub(crate) fn held(mut next: State, cause: ShutCause) -> State {
        next.flags.causes = next.flags.causes.with(cause);
        (next.flags.open, next.flags.armed, next.watch) = (false, false, false);
        next.by_hand = true;
        next
    }

    /// The state without `causes`; armed if it stands shut and none is left.
    fn cleared(mut next: State, causes: &[ShutCause]) -> State {
        next.flags.causes = causes.iter().fold(next.flags.causes, |left, cause| left.without(*cause));
        next.flags.armed = !next.flags.open && next.flags.causes.is_empty();
        next
    }

    /// Drives the valve of a state that was journaled, if it was `open` before and is not now, or the other way round.
    pub(crate) fn drive_from(&mut self, now_ms: u64, open: bool) {
        match (open, self.state.flags.open) {
            (false, true) => self.drive_open(now_ms),
            (true, false) => self.drive_shut(now_ms),
            _ => {}
        }
    }

    /// Opens the valve of a state that is journaled as open.
    pub(crate) fn drive_open(&mut self, now_ms: u64) {
        let opening = self.made.opening;
        self.command = Some(ValveCommand::Open);
        self.flow_seen = false;
        self.shut_ms = None;
        let until_ms = now_ms.saturating_add(opening.watch_ms());
        self.watch = opening.is_on().then_some(Watch { until_ms, flowed: 0 });
    }

    /// Holds the valve shut for `cause`, if it is a new one.
    pub(crate) fn hold_shut(&mut self, now_ms: u64, cause: ShutCause) {
        if self.state.flags.causes.contains(cause) {
            return;
        }
        self.state.flags.causes = self.state.flags.causes.with(cause);
        self.state.flags.armed = false;
        self.state.by_hand |= cause != ShutCause::NoCredit;
        self.drive_shut(now_ms);
    }

    /// Shuts a valve that a person may open again at once.
    pub(crate) fn trip(&mut self, now_ms: u64) {
        self.state.flags.armed = self.state.flags.causes.is_empty();
        self.state.by_hand = true;
        self.drive_shut(now_ms);
    }

    /// Shuts the valve when the credit is used up, gives alarms, and says when only a friendly period or day keeps it open.
    pub(crate) fn keep_limits(&mut self, now_ms: u64) {
        let (now, settings) = (self.known_time(), &self.terms.settings);
        let (floor, lowest) =
            (limits::floor(&self.state, settings), limits::lowest(&self.state, settings, now.as_ref()));
        let alarm = limits::alarm(&self.state, settings);
        let balance = self.state.balance.0;
        let cut = self.state.flags.causes.contains(ShutCause::NoCredit);
        if balance <= lowest && !cut {
            self.count(Event::CreditUsedUp);
            self.hold_shut(now_ms, ShutCause::NoCredit);
        }
        let friendly = balance <= floor && balance > lowest && !cut;
        if friendly && !self.state.friendly {
            self.count(Event::FriendlyCredit);
        }
        if alarm > self.state.alarm {
            self.count(Event::LowCredit);
        }
        (self.state.friendly, self.state.alarm) = (friendly, alarm);
    }

    /// Whether a person may take emergency credit now.
    pub fn offers_emergency(&self) -> bool {
        self.fault().is_none() && limits::offers_emergency(&self.state, &self.terms.settings)
    }

    /// A person at the meter takes emergency credit; gives whether it was offered. What *no credit* held shut is armed then.
    ///
    /// # Errors
    /// [`ClearError::OutOfService`].
    pub fn take_emergency(&mut self, now_ms: u64) -> Result<bool, ClearError> {
        self.tick(now_ms);
        self.work.press(now_ms);
        if !self.offers_emergency() {
            return Ok(false);
        }
        let mut next = Self::cleared(State { emergency: true, friendly: false, ..self.state }, &[ShutCause::NoCredit]);
        next.events.count(Event::EmergencyTaken);
        self.commit(next).map_err(|_: Refusal| ClearError::OutOfService)?;
        Ok(true)
    }

    /// Something flowed at `now_ms`.
    pub(crate) fn flow(&mut self, now_ms: u64, fine: FineCredit) {
        self.watch_flow(now_ms, fine);
        if !self.state.flags.open {
            return self.flow_while_shut(now_ms);
        }
        self.flow_seen = true;
        let Some(watch) = &mut self.watch else { return };
        watch.flowed = watch.flowed.saturating_add(fine.0);
        if watch.flowed > self.made.opening.allowed_fine() {
            self.uncontrolled_flow(now_ms);
        }
    }

    /// Ends the opening check whose time is over.
    pub(crate) fn end_watch(&mut self, now_ms: u64) {
        if self.watch.is_some_and(|watch| now_ms >= watch.until_ms) {
            self.watch = None;
            // A failure puts the meter out of service.
            let _ = self.commit(State { watch: false, openings: 0, ..self.state });
        }
    }

    fn opened(&self, mut next: State) -> State {
        (next.flags.open, next.flags.armed) = (true, false);
        next.watch = self.made.opening.is_on();
        next
    }

    fn uncontrolled_flow(&mut self, now_ms: u64) {
        self.state.openings = self.state.openings.saturating_add(1).min(MAX_UNCONTROLLED_OPENINGS);
        self.count(Event::UncontrolledFlow);
        self.trip(now_ms);
        if self.state.openings >= MAX_UNCONTROLLED_OPENINGS {
            self.hold_shut(now_ms, ShutCause::Flow);
        }
    }

    fn flow_while_shut(&mut self, now_ms: u64) {
        let moving = self.shut_ms.is_some_and(|shut_ms| now_ms.saturating_sub(shut_ms) < VALVE_TRAVEL_MS);
        if !moving && !self.state.flags.valve_failed {
            self.state.flags.valve_failed = true;
            self.count(Event::ValveFailed);
            self.drive_shut(now_ms);
        }
    }

    /// Shuts the valve; journaled by the next call, when it has been driven.
    fn drive_shut(&mut self, now_ms: u64) {
        self.state.flags.open = false;
        self.state.watch = false;
        self.watch = None;
        self.command = Some(ValveCommand::Shut);
        self.shut_ms = Some(now_ms);
        self.dirty = true;
    }
}
