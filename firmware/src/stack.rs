//! How deep the stack went.

use core::{arch, ptr};

/// What the unused stack is filled with.
const PAINT: u32 = 0xc01d_1e55;
/// Bytes below the stack pointer that are left alone: this module's own frames.
const MARGIN: usize = 128;

unsafe extern "C" {
    static _stack_start: u32;
    static mut __ebss: u32;
}

fn top() -> usize {
    (&raw const _stack_start) as usize
}

/// Where the memory below the stack begins that nothing else uses.
fn bottom() -> usize {
    ((&raw mut __ebss) as usize + 3) & !3
}

/// Bytes of stack in use by the function that asks and by what called it.
#[inline(always)]
pub fn used() -> usize {
    top() - pointer()
}

#[inline(always)]
fn pointer() -> usize {
    let pointer;
    // SAFETY: reads the stack pointer and nothing else.
    unsafe { arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Fills the stack that is not in use.
#[inline(never)]
pub fn paint() {
    let end = pointer().saturating_sub(MARGIN);
    for at in (bottom()..end).step_by(4) {
        // SAFETY: between the last static and the stack in use there is nothing, and no interrupt is on.
        unsafe { ptr::write_volatile(at as *mut u32, PAINT) };
    }
}

/// The deepest stack since [`paint`], as [`used`] counts; everything there was, if it is all used.
#[inline(never)]
pub fn depth() -> usize {
    let end = pointer();
    // SAFETY: the same words that were painted, and those of frames that are still there.
    let used = |at: &usize| unsafe { ptr::read_volatile(*at as *const u32) } != PAINT;
    top() - (bottom()..end).step_by(4).find(used).unwrap_or(end)
}
