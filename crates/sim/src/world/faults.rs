//! What can go wrong, and how often.

use fastrand::Rng;

/// How often each thing goes wrong, in cases of a thousand. Drawn anew for each seed, so that one world suffers much of one
/// fault and nothing of another: what many faults together hide, one of them alone may show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// A datagram between phone and meter gets lost.
    pub datagram_lost: u32,
    /// A datagram arrives twice.
    pub datagram_twice: u32,
    /// A datagram is late, by up to a minute.
    pub datagram_late: u32,
    /// A request of a phone never reaches the station.
    pub request_lost: u32,
    /// A request of a phone reaches the station late or twice; late is after the phone gave up.
    pub request_astray: u32,
    /// The station's answer does not reach the phone.
    pub answer_lost: u32,
    /// The app ends at a point where it writes or sends.
    pub app_crash: u32,
    /// The phone's memory refuses a write, or does it and says that it did not.
    pub store_error: u32,
    /// A phone is lost with all that is on it.
    pub phone_lost: u32,
    /// The station dies at a point between two transactions.
    pub station_crash: u32,
    /// A call of the station does not reach the provider or the sales system.
    pub call_lost: u32,
    /// A call arrives late, or twice.
    pub call_astray: u32,
    /// The answer to a call gets lost.
    pub call_answer_lost: u32,
    /// A payment is declined.
    pub declined: u32,
    /// A payment stays pending for minutes or hours.
    pub slow_payment: u32,
    /// A callback comes before its time, twice or never.
    pub callback_odd: u32,
    /// The provider collects another amount.
    pub other_amount: u32,
    /// The provider will not give money back.
    pub refund_declined: u32,
    /// The sales system will not sell what it quoted.
    pub sale_failed: u32,
    /// The power of a meter is cut in the next thing that it does.
    pub power_cut: u32,
}

impl Faults {
    /// The faults of one world.
    pub fn drawn(random: &mut Rng) -> Self {
        // Not at all, as usual, or much of it.
        let mut rate = |usual: u32| usual * [0, 1, 1, 1, 3][random.usize(0..5)];
        Self {
            datagram_lost: rate(60),
            datagram_twice: rate(40),
            datagram_late: rate(40),
            request_lost: rate(30),
            request_astray: rate(30),
            answer_lost: rate(40),
            app_crash: rate(8),
            store_error: rate(8),
            phone_lost: rate(12),
            station_crash: rate(6),
            call_lost: rate(50),
            call_astray: rate(60),
            call_answer_lost: rate(60),
            declined: rate(60),
            slow_payment: rate(80),
            callback_odd: rate(150),
            other_amount: rate(5),
            refund_declined: rate(40),
            sale_failed: rate(30),
            power_cut: rate(30),
        }
    }
}
