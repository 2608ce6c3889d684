//! Time for waiting.

use coinless_phone::courier::LocalTime;
use coinless_phone::io::Time;
use gloo_timers::future::TimeoutFuture;

/// The page's clock.
#[derive(Debug, Clone, Copy)]
pub struct PageTime;

impl Time for PageTime {
    fn now_ms(&self) -> u64 {
        // It never goes back, unlike the wall's clock; a page does not live 2^53 ms.
        super::performance_now_ms()
    }

    async fn pause(&self, ms: u64) {
        TimeoutFuture::new(u32::try_from(ms).unwrap_or(u32::MAX)).await;
    }
}

/// Milliseconds since 1970-01-01 UTC by the phone's clock: for showing and for spacing questions, never for deciding about credit.
pub fn wall_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// The time and its offset from UTC where the phone is now.
pub fn local() -> LocalTime {
    let date = js_sys::Date::new_0();
    // A browser says by how many minutes UTC is later.
    LocalTime { now_ms: date.get_time() as u64, offset_minutes: -(date.get_timezone_offset() as i32) }
}
