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

use crate::meter::Meter;
use crate::state::{MAX_UNCONTROLLED_OPENINGS, State};
use coinless_protocol::problem::Refusal;
use coinless_protocol::state::{ShutCause, ShutCauses};
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

impl<F: NorFlash> Meter<F> {
    /// What the port has to do with the valve now. Only the last command counts.
    pub fn take_valve_command(&mut self) -> Option<ValveCommand> {
        self.command.take()
    }

    /// A person deliberately presses the button at the meter, after being told to turn off every appliance. The only way to
    /// open a gas valve.
    pub fn press_open(&mut self, now_ms: u64) -> Pressed {
        self.tick(now_ms);
        let flags = self.state.flags;
        if self.in_service().is_err() {
            return Pressed::OutOfService;
        }
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
        let mut next = self.state;
        next.flags.causes = next.flags.causes.without(cause);
        next.flags.armed = !next.flags.open && next.flags.causes.is_empty();
        if cause == ShutCause::Flow {
            next.openings = 0;
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

    /// What applied credit does to the valve, as part of `next`: it clears *no credit*, and arms or opens a shut valve.
    pub(crate) fn credited(&self, mut next: State) -> State {
        if next.balance.0 <= 0 || next.flags.open {
            return next;
        }
        let causes = next.flags.causes;
        next.flags.causes = causes.without(ShutCause::NoCredit);
        next.flags.armed = next.flags.causes.is_empty();
        let for_credit_alone = causes == ShutCauses::NONE.with(ShutCause::NoCredit) && !next.by_hand;
        let by_token = self.made.open_by_token && self.made.commodity != Commodity::Gas;
        if by_token && for_credit_alone { self.opened(next) } else { next }
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

    /// Something flowed at `now_ms`.
    pub(crate) fn flow(&mut self, now_ms: u64, fine: FineCredit) {
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
        self.state.flags.armed = true;
        self.state.by_hand = true;
        self.drive_shut(now_ms);
        if self.state.openings >= MAX_UNCONTROLLED_OPENINGS {
            self.hold_shut(now_ms, ShutCause::Flow);
        }
    }

    fn flow_while_shut(&mut self, now_ms: u64) {
        let moving = self.shut_ms.is_some_and(|shut_ms| now_ms.saturating_sub(shut_ms) < VALVE_TRAVEL_MS);
        if !moving && !self.state.flags.valve_failed {
            self.state.flags.valve_failed = true;
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
