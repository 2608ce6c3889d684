//! What a meter keeps in its flash: records as bytes, and journals of anything.

use crate::input::Input;
use coinless_meter::factory::{FACTORY_BYTES, IN_SECURE_ELEMENT};
use coinless_meter::journal::{CONFIRMED, OVERHEAD_BYTES, Record, group_bytes};
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::terms::{Terms, Version};
use coinless_meter::{Factory, Fault, Layout, Meter, State, commission};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::{Commodity, CreditKind, Units};
use core::ops::Range;
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

/// The body of a slot of a journal of `R`, with the first bytes of `data`.
fn body<R: Record>(data: &[u8]) -> Vec<u8> {
    let mut body = vec![0; size_of::<R::Slot>() - OVERHEAD_BYTES];
    body.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    body
}

/// A body as a journal writes it.
pub(crate) fn written<R: Record>(record: &R) -> Vec<u8> {
    let mut body = body::<R>(&[]);
    record.write_body(&mut body);
    body
}

/// The body of a state record.
pub(crate) fn state(data: &[u8]) {
    let body = body::<State>(data);
    if let Some(state) = State::read_body(&body) {
        assert_eq!(written(&state), body);
        let _ = state.sums_hold();
    }
}

/// The body of a terms record.
pub(crate) fn terms(data: &[u8]) {
    let body = body::<Terms>(data);
    if let Some(terms) = Terms::read_body(&body) {
        assert_eq!(written(&terms), body);
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
    assert_eq!(factory.key_pair().is_ok(), factory.secret != IN_SECURE_ELEMENT);
    assert!(factory.opening.allowed_fine() >= 0);
}

type Flash = RamFlash<4608, 4, 512>;

const STATES: Range<usize> = 512..2560;
const TERMS: Range<usize> = 2560..4608;

fn layout() -> Layout {
    let range = |range: Range<usize>| range.start as u32..range.end as u32;
    Layout { factory: 0..512, journal: range(STATES), terms: range(TERMS) }
}

thread_local! {
    /// A new meter, without a station since nothing is signed here.
    static MADE: Flash = {
        let factory = crate::meter::factory(Commodity::Gas, CreditKind::Unit);
        let factory = Factory { issuers: heapless::Vec::new(), readings_key: None, ..factory };
        commission(Flash::new(1), &layout(), &factory).expect("a new flash")
    };
}

/// Journals of any slots are mounted as their newest whole records, or not at all, and go on from there.
pub(crate) fn journal(data: &[u8]) {
    let mut flash = MADE.with(Flash::clone);
    let mut input = Input::new(data);
    fill::<State>(&mut flash.bytes_mut()[STATES], &mut input, &State::new(Units::ZERO));
    if input.u8() & 1 == 1 {
        fill::<Terms>(&mut flash.bytes_mut()[TERMS], &mut input, &Terms::default());
    }
    let state = newest::<State>(&flash.bytes_mut()[STATES]).filter(State::sums_hold);
    let terms = newest::<Terms>(&flash.bytes_mut()[TERMS]).filter(is_usable);
    let confirmed = is_confirmed::<State>(&flash.bytes_mut()[STATES]);
    let mut meter = Meter::mount(flash, &layout()).expect("a factory record");
    assert_eq!(meter.fault().is_none(), state.is_some() && terms.is_some(), "{:?}", meter.fault());
    let (Some(state), Some(terms)) = (state, terms) else { return };
    same(&meter, &state, &terms);
    // Written over and over, round the rings, with a power cut in it.
    for step in 0..6 {
        let steps = input.any::<u16>().into();
        // A cut may take back a record on which nothing was ever acknowledged, and what is before it may be anything here.
        if confirmed || step > 0 {
            meter.flash().cut_after(steps);
        }
        meter.tick(step);
        meter.tick(step);
        // Charges that are due by a clock of long ago may not fit into a sum.
        if meter.fault() == Some(Fault::Sums) {
            return assert!(state.sums.charged.0.max(-state.balance.0) > i64::MAX / 2);
        }
        let flash = meter.into_flash();
        flash.power_on();
        meter = Meter::mount(flash, &layout()).expect("a factory record");
        assert_eq!(meter.fault(), None);
        same(&meter, &state, &terms);
    }
}

/// What neither a start nor the time changes.
fn same(meter: &Meter<Flash>, before: &State, terms: &Terms) {
    let state = *meter.state().expect("in service");
    let kept = |state: &State| {
        let State { epoch, credit, total, valve, receipt_number, consumed, metered, closed, .. } = *state;
        (epoch, credit, total, valve, receipt_number, consumed, metered, closed)
    };
    assert_eq!(kept(&state), kept(before));
    assert_eq!((state.sums.initial, state.sums.withdrawn), (before.sums.initial, before.sums.withdrawn));
    assert!(state.sums.charged >= before.sums.charged && state.balance <= before.balance);
    assert!(!state.flags.open || before.flags.open, "a start opens nothing");
    let numbers = meter.registers();
    assert_eq!((numbers.epoch, numbers.tariff), (terms.epoch, terms.tariff.number));
    assert_eq!((numbers.settings, numbers.keys), (terms.settings.number, terms.keys.number));
}

/// Whether a meter can live by these terms.
fn is_usable(terms: &Terms) -> bool {
    let content = |version: &Version| Some(version.content.to_vec()).filter(|content| !content.is_empty());
    content(&terms.tariff).is_none_or(|tariff| Tariff::from_bytes(&tariff).is_ok())
        && content(&terms.settings).is_none_or(|settings| Settings::from_bytes(&settings).is_ok())
        && content(&terms.keys).is_none_or(|keys| OperationalKeys::from_bytes(&keys).is_ok())
}

/// Fills the slots of a journal: left as they are, any bytes, or records with any body and sequence number.
fn fill<R: Record>(journal: &mut [u8], input: &mut Input<'_>, usual: &R) {
    for slot in journal.chunks_exact_mut(size_of::<R::Slot>()) {
        let how = input.u8() & 3;
        match how {
            0 => continue,
            1 => slot.iter_mut().zip(input.bytes()).for_each(|(to, from)| *to = *from),
            _ => {
                // The last numbers are left out: a journal that has used them up goes out of service.
                let sequence = input.number() & 0x7fff_ffff;
                let body = if how == 2 { written(usual) } else { body::<R>(input.long_bytes()) };
                let record = sequence.to_le_bytes().into_iter().chain((!sequence).to_le_bytes()).chain(body);
                slot.iter_mut().zip(record).for_each(|(to, from)| *to = from);
                seal(slot);
            }
        }
        // Torn in one bit.
        if input.u8() == 1 {
            let at = usize::from(input.any::<u16>()) % slot.len();
            slot[at] ^= 1;
        }
    }
}

/// The valid records with the numbers of their slots and their own, as `coinless_meter::journal` describes them.
fn valid<R: Record>(journal: &[u8]) -> impl Iterator<Item = (usize, u32, &[u8])> {
    journal.chunks_exact(size_of::<R::Slot>()).enumerate().filter_map(|(slot, record)| {
        let (checked, checksum) = record.split_last_chunk::<4>()?;
        let (sequence, rest) = checked.split_first_chunk::<4>()?;
        let (complement, body) = rest.split_first_chunk::<4>()?;
        let sequence = u32::from_le_bytes(*sequence);
        let whole = CHECKSUM.checksum(checked).to_le_bytes() == *checksum && complement == &(!sequence).to_le_bytes();
        (whole && sequence > 0).then_some((slot, sequence, body))
    })
}

/// The newest of them. Of two with one number the first counts.
fn newest_of<R: Record>(journal: &[u8]) -> Option<(usize, u32, &[u8])> {
    valid::<R>(journal).reduce(|newest, record| if record.1 > newest.1 { record } else { newest })
}

fn newest<R: Record>(journal: &[u8]) -> Option<R> {
    newest_of::<R>(journal).and_then(|(_, _, body)| R::read_body(body))
}

/// Whether the group of the newest record counts.
fn is_confirmed<R: Record>(journal: &[u8]) -> bool {
    let slots = group_bytes::<Flash, R>() as usize / size_of::<R::Slot>();
    newest_of::<R>(journal).is_some_and(|(newest, ..)| {
        valid::<R>(journal).filter(|(slot, ..)| slot / slots == newest / slots).count() >= CONFIRMED as usize
    })
}
