//! A meter in memory that C gave.

use crate::abi::*;
use crate::board::Board;
use crate::chip::Chip;
use crate::key::Key;
use coinless_meter::port::Device;
use coinless_meter::{Layout, MountError};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

pub(crate) type CDevice = Device<Board, Chip, Key>;

/// What is in [`MeterMemory`].
#[repr(C)]
pub(crate) struct Held {
    /// [`STARTED`], [`AT_WORK`], or anything else for a meter that was not started. Loads and stores are enough: an interrupt that
    /// comes between them has stored what it found when it ends.
    state: AtomicU32,
    device: UnsafeCell<MaybeUninit<CDevice>>,
}

const STARTED: u32 = 0xc01d_5a7e;
const AT_WORK: u32 = 0xc01d_b057;
const NOT_STARTED: u32 = 0;

const _: () = {
    assert!(size_of::<Held>() <= size_of::<MeterMemory>(), "COINLESS_METER_WORDS is too small");
    assert!(size_of::<Held>() + 256 > size_of::<MeterMemory>(), "COINLESS_METER_WORDS is too large");
    assert!(align_of::<Held>() <= align_of::<MeterMemory>());
};

impl Held {
    fn at(meter: *mut MeterMemory) -> Option<NonNull<Self>> {
        NonNull::new(meter).filter(|meter| meter.is_aligned()).map(NonNull::cast)
    }
}

/// A meter during a call. No other call gets it meanwhile.
pub(crate) struct AtWork {
    held: NonNull<Held>,
}

impl AtWork {
    /// The meter in `meter`, for one call.
    ///
    /// # Safety
    /// `meter` is null, or points to a whole [`MeterMemory`] that was zeroed or started before.
    pub unsafe fn enter(meter: *mut MeterMemory) -> Result<Self, i32> {
        let held = Held::at(meter).ok_or(COINLESS_ERROR_ARGUMENT)?;
        // SAFETY: aligned, and large enough as the caller promises; a number can be read whatever the memory holds.
        let state = unsafe { &(*held.as_ptr()).state };
        match state.load(Ordering::Acquire) {
            STARTED => {
                state.store(AT_WORK, Ordering::Release);
                Ok(Self { held })
            }
            AT_WORK => Err(COINLESS_ERROR_BUSY),
            _ => Err(COINLESS_ERROR_NOT_STARTED),
        }
    }

    pub fn device(&mut self) -> &mut CDevice {
        // SAFETY: the state was STARTED, so the device was written; it is AT_WORK now, so that no other call makes a reference.
        unsafe { (*(*self.held.as_ptr()).device.get()).assume_init_mut() }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        // SAFETY: as in `enter`, from which `held` comes.
        unsafe { (*self.held.as_ptr()).state.store(STARTED, Ordering::Release) };
    }
}

/// Starts a meter in `meter`. What is there from an earlier start is forgotten, as by a reset.
///
/// # Safety
/// As of [`AtWork::enter`].
pub(crate) unsafe fn start(meter: *mut MeterMemory, calls: &'static PortCalls, layout: &Layout) -> i32 {
    let Some(held) = Held::at(meter) else { return COINLESS_ERROR_ARGUMENT };
    // SAFETY: as in `AtWork::enter`.
    let state = unsafe { &(*held.as_ptr()).state };
    if state.load(Ordering::Acquire) == AT_WORK {
        return COINLESS_ERROR_BUSY;
    }
    state.store(AT_WORK, Ordering::Release);
    // SAFETY: in the memory that was promised; AT_WORK keeps every other call away from it.
    let place = unsafe { &mut *(*held.as_ptr()).device.get() };
    let result = fill(place, calls, layout);
    state.store(if result == COINLESS_OK { STARTED } else { NOT_STARTED }, Ordering::Release);
    result
}

// On its own, so that the device is made where it stays: a second one on the stack would be the deepest there is.
#[inline(never)]
fn fill(place: &mut MaybeUninit<CDevice>, calls: &'static PortCalls, layout: &Layout) -> i32 {
    let device = place.write(Device::new(Board::new(calls), Chip::new(calls)));
    let begun = device.begin_with_key(layout, |secret| Key::of(secret, calls));
    if calls.on_battery != 0 {
        device.limit_work(coinless_meter::WorkLimit::BATTERY);
    }
    match begun {
        Ok(()) => COINLESS_OK,
        Err(MountError::NoFactory) => COINLESS_ERROR_NO_METER,
        Err(MountError::NoKey) => COINLESS_ERROR_NO_KEY,
        Err(MountError::Layout(_)) => COINLESS_ERROR_LAYOUT,
    }
}
