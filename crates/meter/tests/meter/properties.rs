//! What holds in any order of events: sums, gas safety, and that nothing sent to a meter hurts it.

use crate::support::*;
use coinless_meter::{Meter, MeterServer, Pressed, ValveCommand};
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Commodity, FineCredit};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Event {
    Token {
        number: u32,
        total: u64,
    },
    Garbage(Vec<u8>),
    Identity,
    Receipt,
    Consume(i64),
    Wait(u64),
    Raise(u8),
    Clear(u8),
    Press,
    Reset,
    /// A power cut so many steps from now, found at the next reset.
    Cut(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..12_u32, 0..6_000_u64).prop_map(|(number, total)| Event::Token { number, total }),
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Event::Garbage),
        1 => Just(Event::Identity),
        1 => Just(Event::Receipt),
        6 => (1..900_000_i64).prop_map(Event::Consume),
        2 => (1..70_000_u64).prop_map(Event::Wait),
        1 => (0..8_u8).prop_map(Event::Raise),
        2 => (0..8_u8).prop_map(Event::Clear),
        3 => Just(Event::Press),
        2 => Just(Event::Reset),
        1 => (0..400_u64).prop_map(Event::Cut),
    ]
}

/// A meter, its physical valve, and what must be true of both.
struct Bench {
    meter: Option<Meter<Flash>>,
    valve_open: bool,
    now_ms: u64,
    total: u64,
    receipt_number: u32,
}

impl Bench {
    fn new(commodity: Commodity) -> Self {
        Self { meter: Some(meter(commodity)), valve_open: false, now_ms: 1_000, total: 0, receipt_number: 0 }
    }

    fn happen(&mut self, event: &Event) {
        let now = self.now_ms;
        let meter = self.meter.as_mut().unwrap();
        let mut pressed = false;
        match event {
            Event::Token { number, total } => {
                if let Ok(answer) = meter.token(now, &credit(*number, *total)) {
                    let number = opened(answer.receipt).0.number;
                    assert!(number > self.receipt_number || (answer.repeated && number == self.receipt_number));
                    self.receipt_number = number;
                }
            }
            Event::Garbage(bytes) => {
                let _ = meter.token(now, bytes);
                MeterServer::<(), 1>::new(1).handle(meter, now, 0, (), bytes, &mut |_, _| {});
            }
            Event::Identity => drop(meter.identity(now)),
            Event::Receipt => drop(meter.receipt(now).map(|receipt| {
                self.receipt_number = opened(receipt).0.number.max(self.receipt_number);
            })),
            Event::Consume(fine) => meter.consume(now, FineCredit(*fine)),
            Event::Wait(ms) => {
                self.now_ms += ms;
                meter.tick(self.now_ms);
            }
            Event::Raise(bit) => meter.raise_cause(now, ShutCause::ALL[usize::from(*bit)]),
            Event::Clear(bit) => drop(meter.clear_cause(now, ShutCause::ALL[usize::from(*bit)])),
            Event::Press => pressed = meter.press_open(now) == Pressed::Opened,
            Event::Reset => self.reset(),
            Event::Cut(steps) => meter.flash().cut_after(*steps),
        }
        self.drive(pressed);
    }

    fn reset(&mut self) {
        let flash = self.meter.take().unwrap().into_flash();
        flash.power_on();
        self.meter = Some(mounted(flash));
        self.now_ms = 0;
    }

    /// Does what a port does after each call, and checks what must hold then.
    fn drive(&mut self, pressed: bool) {
        let meter = self.meter.as_mut().unwrap();
        match meter.take_valve_command() {
            Some(ValveCommand::Open) => {
                assert!(pressed, "only a press opens a gas valve");
                assert!(meter.state().unwrap().flags.causes.is_empty());
                self.valve_open = true;
            }
            Some(ValveCommand::Shut) => self.valve_open = false,
            None => {}
        }
        meter.tick(self.now_ms);
        if meter.flash().is_cut() {
            return self.reset_and_drive();
        }
        let state = meter.state().unwrap();
        assert_eq!(meter.fault(), None);
        assert!(state.sums_hold());
        assert!(state.total.get() >= self.total, "a total never falls");
        self.total = state.total.get();
        let flags = state.flags;
        assert!(!flags.open || (flags.causes.is_empty() && !flags.armed));
        assert_eq!(flags.armed, !flags.open && flags.causes.is_empty(), "shut without a cause is armed");
        assert!(!self.valve_open || flags.open, "the valve is never open where the meter says shut");
        assert!(state.balance.0 > 0 || flags.causes.contains(ShutCause::NoCredit));
    }

    fn reset_and_drive(&mut self) {
        self.reset();
        self.drive(false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_a_press_opens_a_gas_valve_and_the_sums_hold(events in proptest::collection::vec(event(), 1..60)) {
        let mut bench = Bench::new(Commodity::Gas);
        for event in &events {
            bench.happen(event);
        }
    }

    #[test]
    fn no_datagram_hurts(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 1..20)) {
        let mut meter = meter(Commodity::Gas);
        let mut server = MeterServer::<u8, 1>::new(1);
        for datagram in &datagrams {
            // Half of them begin like CoAP.
            let mut coap = datagram.clone();
            if let [first, second, ..] = coap.as_mut_slice() {
                *first = *first & 0x38 | 0x40;
                *second &= 7;
            }
            server.handle(&mut meter, 1, 0, 1, datagram, &mut |_, _| {});
            server.handle(&mut meter, 1, 0, 1, &coap, &mut |_, _| {});
        }
        prop_assert_eq!(meter.state().unwrap().balance, fine(2000));
        prop_assert!(!meter.state().unwrap().flags.open);
    }
}
