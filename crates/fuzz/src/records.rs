//! What a meter keeps in its flash: records as bytes, and a journal of anything.

use crate::input::Input;
use coinless_meter::factory::FACTORY_BYTES;
use coinless_meter::journal::RECORD_BYTES;
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::state::BODY_BYTES;
use coinless_meter::{Factory, Layout, Meter, State, commission};
use coinless_protocol::{Commodity, FineCredit, Units};
use crc::{CRC_32_ISCSI, Crc};

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// As many of the first bytes as there are, and zeros.
fn padded<const N: usize>(data: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    bytes
}

/// Puts a record's checksum into its last 4 bytes.
fn seal(record: &mut [u8]) {
    if let Some((checked, checksum)) = record.split_last_chunk_mut::<4>() {
        *checksum = CHECKSUM.checksum(checked).to_le_bytes();
    }
}

/// The body of a state record.
pub(crate) fn state(data: &[u8]) {
    let body: [u8; BODY_BYTES] = padded(data);
    if let Some(state) = State::from_body(&body) {
        assert_eq!(state.to_body(), body);
        let _ = state.sums_hold();
    }
}

/// The factory record, with a checksum that fits: a meter can be made from every one that is read.
pub(crate) fn factory(data: &[u8]) {
    let mut record: [u8; FACTORY_BYTES] = padded(data);
    let torn = Factory::from_record(&record).is_some();
    seal(&mut record);
    let Some(factory) = Factory::from_record(&record) else { return assert!(!torn) };
    assert_eq!(factory.to_record(), record);
    assert_eq!(factory.check(), Ok(()));
    assert!(factory.key_pair().is_ok());
    assert!(factory.opening.allowed_fine() >= 0);
}

type Flash = RamFlash<2048, 4, 512>;

const JOURNAL: core::ops::Range<usize> = 512..2048;

fn layout() -> Layout {
    Layout { factory: 0..512, journal: JOURNAL.start as u32..JOURNAL.end as u32 }
}

thread_local! {
    /// A new meter, without a station since nothing is signed here.
    static MADE: Flash = {
        let factory = crate::meter::factory(Commodity::Gas, false);
        let factory = Factory { issuers: heapless::Vec::new(), readings_key: None, ..factory };
        commission(Flash::new(1), &layout(), &factory).expect("a new flash")
    };
}

/// A journal of any slots is mounted as its newest whole record, or not at all, and goes on from there.
pub(crate) fn journal(data: &[u8]) {
    let mut flash = MADE.with(Flash::clone);
    let mut input = Input::new(data);
    for slot in flash.bytes_mut()[JOURNAL].chunks_exact_mut(RECORD_BYTES) {
        fill(slot, &mut input);
    }
    let newest = newest(&flash.bytes_mut()[JOURNAL]);
    let mut meter = Meter::mount(flash, &layout()).expect("a factory record");
    // No fault is one exactly if the newest record is a state whose sums hold.
    let expected = newest.filter(State::sums_hold);
    assert_eq!(meter.fault().is_none(), expected.is_some());
    let Some(expected) = expected else { return };
    let same = |meter: &Meter<Flash>| {
        let state = *meter.state().expect("in service");
        // A start drives the valve towards shut; all else is as it was.
        let State { flags, watch, by_hand, .. } = state;
        assert_eq!(State { flags, watch, by_hand, ..expected }, state);
        assert!(!flags.open || expected.flags.open);
        assert!((flags.causes.bits() & expected.flags.causes.bits()) == expected.flags.causes.bits());
    };
    same(&meter);
    // Written over and over, round the ring, with a power cut in it.
    for step in 0..6 {
        meter.flash().cut_after(input.any::<u16>().into());
        meter.tick(step);
        meter.consume(step, FineCredit(0));
        let flash = meter.into_flash();
        flash.power_on();
        meter = Meter::mount(flash, &layout()).expect("a factory record");
        assert_eq!(meter.fault(), None);
        same(&meter);
    }
}

/// Fills a slot: left erased, any bytes, or a record with any body and a sequence number.
fn fill(slot: &mut [u8], input: &mut Input<'_>) {
    match input.u8() & 3 {
        0 => {}
        1 => slot.iter_mut().zip(input.bytes()).for_each(|(to, from)| *to = *from),
        how => {
            // The last numbers are left out: a journal that has used them up goes out of service.
            let sequence = input.number() & 0x7fff_ffff;
            let body = match how {
                2 => State::new(Units::ZERO).to_body(),
                _ => padded(input.bytes()),
            };
            let record = sequence.to_le_bytes().into_iter().chain((!sequence).to_le_bytes()).chain(body);
            slot.iter_mut().zip(record).for_each(|(to, from)| *to = from);
            seal(slot);
            // Torn in one bit.
            if input.u8() == 1 {
                let at = usize::from(input.u8()) % slot.len();
                slot[at] ^= 1;
            }
        }
    }
}

/// The newest state, found as `coinless_meter::journal` describes it.
fn newest(journal: &[u8]) -> Option<State> {
    let records = journal.chunks_exact(RECORD_BYTES).filter_map(|record| {
        let (checked, checksum) = record.split_last_chunk::<4>()?;
        let (sequence, rest) = checked.split_first_chunk::<4>()?;
        let (complement, body) = rest.split_first_chunk::<4>()?;
        let sequence = u32::from_le_bytes(*sequence);
        let whole = CHECKSUM.checksum(checked).to_le_bytes() == *checksum && complement == &(!sequence).to_le_bytes();
        whole.then_some((sequence, body))
    });
    // Of two with one number the first counts.
    let (_, body) = records.reduce(|newest, record| if record.0 > newest.0 { record } else { newest })?;
    State::from_body(body.try_into().ok()?)
}
