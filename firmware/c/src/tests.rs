//! The library as C sees it, with a board in memory.
#![allow(clippy::undocumented_unsafe_blocks, reason = "everything here points to what lives in the test")]

use crate::*;
use coinless_meter::factory::IN_SECURE_ELEMENT;
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::{Factory, Issuer, IssuerRole, OpeningCheck};
use coinless_protocol::coap::{Code, ContentFormat, Kind, Message, option, write};
use coinless_protocol::cose::Label;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{Commodity, CreditKind, CreditNumber, Epoch, MeterId, Register, Units, slipmux};
use core::ffi::{CStr, c_void};
use core::ptr::{null, null_mut};
use std::boxed::Box;
use std::vec::Vec;

const CHIP_BYTES: usize = 5 * 4096;
const LAYOUT: FlashLayout = FlashLayout {
    factory_from: 0,
    factory_to: 4096,
    journal_from: 4096,
    journal_to: 12288,
    terms_from: 12288,
    terms_to: 20480,
};

/// A board and what happened to it. Its chip has smaller sectors than the library takes at once.
struct Bench {
    flash: RamFlash<CHIP_BYTES, 8, 1024>,
    meter: MeterMemory,
    port: PortCalls,
    sent: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
    valve: Option<u8>,
    view: Option<DisplayView>,
    flow: u32,
    /// What a call of the library from one of the port's functions answered.
    nested: i32,
    element_answers: bool,
}

unsafe fn bench<'a>(context: *mut c_void) -> &'a mut Bench {
    unsafe { &mut *context.cast() }
}

unsafe extern "C" fn flash_read(context: *mut c_void, offset: u32, bytes: *mut u8, len: u32) -> i32 {
    use embedded_storage::nor_flash::ReadNorFlash;
    let bytes = unsafe { core::slice::from_raw_parts_mut(bytes, len as usize) };
    i32::from(unsafe { bench(context) }.flash.read(offset, bytes).is_err())
}

unsafe extern "C" fn flash_write(context: *mut c_void, offset: u32, bytes: *const u8, len: u32) -> i32 {
    use embedded_storage::nor_flash::NorFlash;
    let bytes = unsafe { core::slice::from_raw_parts(bytes, len as usize) };
    i32::from(unsafe { bench(context) }.flash.write(offset, bytes).is_err())
}

unsafe extern "C" fn flash_erase(context: *mut c_void, from: u32, to: u32) -> i32 {
    use embedded_storage::nor_flash::NorFlash;
    i32::from(unsafe { bench(context) }.flash.erase(from, to).is_err())
}

unsafe extern "C" fn uptime_ms(_: *mut c_void) -> u64 {
    1_000
}

unsafe extern "C" fn draw(_: *mut c_void) -> u32 {
    4
}

unsafe extern "C" fn drive_valve(context: *mut c_void, command: u8) {
    unsafe { bench(context) }.valve = Some(command);
}

unsafe extern "C" fn take_consumption(context: *mut c_void) -> u32 {
    core::mem::take(&mut unsafe { bench(context) }.flow)
}

unsafe extern "C" fn send_datagram(context: *mut c_void, datagram: *const u8, len: u32) {
    let datagram = unsafe { core::slice::from_raw_parts(datagram, len as usize) };
    unsafe { bench(context) }.datagrams.push(datagram.to_vec());
}

unsafe extern "C" fn send_bytes(context: *mut c_void, bytes: *const u8, len: u32) {
    assert!(len <= 32);
    unsafe { bench(context) }.sent.extend_from_slice(unsafe { core::slice::from_raw_parts(bytes, len as usize) });
}

unsafe extern "C" fn show(context: *mut c_void, view: *const DisplayView) {
    let bench = context.cast::<Bench>();
    unsafe {
        (*bench).view = Some(*view);
        (*bench).nested = coinless_round(&raw mut (*bench).meter, null_mut());
    }
}

unsafe extern "C" fn element_public_key(_: *mut c_void, key: *mut u8) -> i32 {
    unsafe { key.cast::<[u8; 65]>().write(pair(1).public_key().to_sec1()) };
    0
}

unsafe extern "C" fn element_sign(context: *mut c_void, digest: *const u8, signature: *mut u8) -> i32 {
    use p256::ecdsa::signature::hazmat::PrehashSigner;
    let digest = unsafe { core::slice::from_raw_parts(digest, 32) };
    let key = p256::ecdsa::SigningKey::from_slice(&[1; 32]).unwrap();
    let signed: p256::ecdsa::Signature = key.sign_prehash(digest).unwrap();
    unsafe { signature.cast::<[u8; 64]>().write(signed.to_bytes().into()) };
    i32::from(!unsafe { bench(context) }.element_answers)
}

unsafe extern "C" fn element_agree(context: *mut c_void, peer: *const u8, secret: *mut u8) -> i32 {
    let peer = p256::PublicKey::from_sec1_bytes(unsafe { core::slice::from_raw_parts(peer, 65) }).unwrap();
    let own = p256::SecretKey::from_slice(&[1; 32]).unwrap();
    let agreed = p256::ecdh::diffie_hellman(own.to_nonzero_scalar(), peer.as_affine());
    unsafe { secret.cast::<[u8; 32]>().write((*agreed.raw_secret_bytes()).into()) };
    i32::from(!unsafe { bench(context) }.element_answers)
}

fn pair(byte: u8) -> KeyPair {
    KeyPair::from_secret(&[byte; 32]).unwrap()
}

fn meter_id() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

fn factory() -> Factory {
    let issuer = |role, byte| Issuer { role, key: pair(byte).public_key() };
    Factory {
        meter: meter_id(),
        commodity: Commodity::Gas,
        credit: CreditKind::Unit,
        secret: [1; 32],
        issuers: [issuer(IssuerRole::Root, 4), issuer(IssuerRole::Operational, 2)].into_iter().collect(),
        readings_key: Some(pair(3).public_key()),
        initial: Units::new(2_000).unwrap(),
        max_credit: Units::new(500_000).unwrap(),
        opening: OpeningCheck::GAS,
        open_by_token: false,
    }
}

/// A board whose flash is erased.
fn board() -> Box<Bench> {
    let port = PortCalls {
        abi: COINLESS_ABI,
        flash_bytes: CHIP_BYTES as u32,
        flash_sector_bytes: 1024,
        on_battery: 1,
        context: null_mut(),
        flash_read: Some(flash_read),
        flash_write: Some(flash_write),
        flash_erase: Some(flash_erase),
        uptime_ms: Some(uptime_ms),
        clock_s: None,
        draw: Some(draw),
        drive_valve: Some(drive_valve),
        take_consumption: Some(take_consumption),
        load_w: None,
        send_datagram: Some(send_datagram),
        send_bytes: Some(send_bytes),
        show: Some(show),
        element_public_key: None,
        element_sign: None,
        element_agree: None,
    };
    let mut bench = Box::new(Bench {
        flash: RamFlash::new(7),
        meter: MeterMemory { words: [0; COINLESS_METER_WORDS] },
        port,
        sent: Vec::new(),
        datagrams: Vec::new(),
        valve: None,
        view: None,
        flow: 0,
        nested: 0,
        element_answers: true,
    });
    bench.port.context = (&raw mut *bench).cast();
    bench
}

fn made(factory: &Factory) -> Box<Bench> {
    let mut bench = board();
    assert_eq!(commission(&mut bench, &factory.to_record()), COINLESS_OK);
    bench
}

fn commission(bench: &mut Bench, record: &[u8; 512]) -> i32 {
    unsafe { coinless_commission(&raw const bench.port, &LAYOUT, record.as_ptr()) }
}

fn start(bench: &mut Bench) -> i32 {
    let bytes = size_of::<MeterMemory>() as u32;
    unsafe { coinless_start(&raw mut bench.meter, bytes, &raw const bench.port, &LAYOUT) }
}

fn credit(number: u32, total: u64) -> Vec<u8> {
    let hash = pair(1).public_key().hash();
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    let order = Order::credit(register, Conditions::default());
    let token = Token { meter: meter_id(), meter_key: hash.hint(), epoch: Epoch(0), order };
    let token = token.sign(&hash, &pair(2)).unwrap();
    let format = [ContentFormat::CoseSign1 as u8];
    let options = [(option::URI_PATH, &b"token"[..]), (option::CONTENT_FORMAT, &format)];
    write(Kind::Con, Code(2), number as u16, b"t", &options, &token).unwrap().to_vec()
}

fn receive_bytes(bench: &mut Bench, bytes: &[u8]) -> CallDone {
    let mut done = CallDone::default();
    let meter = &raw mut bench.meter;
    let result = unsafe { coinless_receive_bytes(meter, bytes.as_ptr(), bytes.len() as u32, &raw mut done) };
    assert_eq!(result, COINLESS_OK);
    done
}

fn receipt(datagram: &[u8]) -> Receipt {
    let message = Message::parse(datagram).unwrap();
    let key = pair(1).public_key();
    let (signed, receipt) = Receipt::parse(message.payload).unwrap();
    assert!(signed.verify(&key, Label::Receipt, &key.hash()));
    receipt
}

fn view(bench: &Bench) -> DisplayView {
    bench.view.unwrap()
}

#[test]
fn credit_comes_in_over_a_serial_line_and_is_there_after_a_restart() {
    let mut bench = made(&factory());
    assert_eq!(commission(&mut bench, &factory().to_record()), COINLESS_ERROR_ALREADY_MADE);
    assert_eq!(start(&mut bench), COINLESS_OK);
    assert_eq!((bench.valve, view(&bench).balance), (Some(COINLESS_VALVE_SHUT), 2_000_000));
    let frame: Vec<u8> = slipmux::encode(&credit(1, 5_000)).collect();
    let mut pieces = frame.chunks(7);
    let last = pieces.next_back().unwrap();
    pieces.for_each(|piece| assert_eq!(receive_bytes(&mut bench, piece), CallDone::default()));
    assert_eq!(receive_bytes(&mut bench, last).served, COINLESS_SERVED_TOKEN);
    let mut decoder = slipmux::Decoder::new();
    let answers: Vec<Vec<u8>> = bench.sent.iter().filter_map(|byte| decoder.push(*byte).map(<[u8]>::to_vec)).collect();
    assert_eq!(answers.len(), 2, "an acknowledgement and a receipt");
    assert_eq!(receipt(&answers[1]).total, Units::new(5_000).unwrap());
    assert!(bench.datagrams.is_empty());
    bench.meter.words = [0; COINLESS_METER_WORDS];
    assert_eq!(start(&mut bench), COINLESS_OK);
    assert_eq!(view(&bench).balance, 7_000_000);
}

#[test]
fn datagrams_presses_and_flow() {
    let mut bench = made(&factory());
    assert_eq!(start(&mut bench), COINLESS_OK);
    let (meter, mut done) = (&raw mut bench.meter, CallDone::default());
    let token = credit(1, 5_000);
    let result = unsafe { coinless_receive_datagram(meter, token.as_ptr(), token.len() as u32, &raw mut done) };
    assert_eq!((result, done.served), (COINLESS_OK, COINLESS_SERVED_TOKEN));
    assert_eq!(receipt(&bench.datagrams[1]).total, Units::new(5_000).unwrap());
    assert!(bench.sent.is_empty());
    assert_eq!(view(&bench).flags, COINLESS_FLAG_ARMED | COINLESS_FLAG_BALANCE);
    assert_eq!(unsafe { coinless_press(meter, &raw mut done) }, COINLESS_OK);
    assert_eq!((done.pressed, bench.valve), (COINLESS_PRESSED_OPENED, Some(COINLESS_VALVE_OPEN)));
    bench.flow = 3_000;
    assert_eq!(unsafe { coinless_round(meter, null_mut()) }, COINLESS_OK);
    assert_eq!(view(&bench).balance, 6_997_000);
    assert_eq!(unsafe { coinless_raise(meter, COINLESS_CAUSE_TAMPER) }, COINLESS_OK);
    assert_eq!((bench.valve, view(&bench).causes), (Some(COINLESS_VALVE_SHUT), COINLESS_CAUSE_TAMPER));
    assert_eq!(unsafe { coinless_clear(meter, COINLESS_CAUSE_TAMPER) }, COINLESS_OK);
    assert_eq!(view(&bench).causes, COINLESS_CAUSE_NONE);
    let mut due_ms = 0;
    assert_eq!(unsafe { coinless_next_due_ms(meter, &raw mut due_ms) }, COINLESS_OK);
    assert!(due_ms > 1_000, "a receipt that nobody has acknowledged");
    let mut label = [0; COINLESS_LABEL_BYTES as usize];
    assert_eq!(unsafe { coinless_label(meter, label.as_mut_ptr().cast()) }, COINLESS_OK);
    let label = CStr::from_bytes_until_nul(&label).unwrap().to_str().unwrap();
    assert_eq!(MeterId::from_label(label), Ok(meter_id()));
}

#[test]
fn one_call_at_a_time() {
    let mut bench = made(&factory());
    assert_eq!(start(&mut bench), COINLESS_OK);
    assert_eq!(bench.nested, COINLESS_ERROR_BUSY);
    bench.nested = COINLESS_OK;
    assert_eq!(unsafe { coinless_round(&raw mut bench.meter, null_mut()) }, COINLESS_OK);
    assert_eq!(bench.nested, COINLESS_ERROR_BUSY);
}

#[test]
fn what_is_no_argument() {
    let mut bench = made(&factory());
    let (meter, bytes) = (&raw mut bench.meter, size_of::<MeterMemory>() as u32);
    let port = &raw const bench.port;
    unsafe {
        assert_eq!(coinless_round(meter, null_mut()), COINLESS_ERROR_NOT_STARTED);
        assert_eq!(coinless_round(null_mut(), null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_start(null_mut(), bytes, port, &LAYOUT), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_start(meter.byte_add(4), bytes, port, &LAYOUT), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_start(meter, bytes - 8, port, &LAYOUT), COINLESS_ERROR_SIZE);
        assert_eq!(coinless_start(meter, bytes, null(), &LAYOUT), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_start(meter, bytes, port, null()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_commission(port, &LAYOUT, null()), COINLESS_ERROR_ARGUMENT);
    }
    for spoil in [
        |port: &mut PortCalls| port.abi = COINLESS_ABI + 1,
        |port: &mut PortCalls| port.flash_sector_bytes = 8192,
        |port: &mut PortCalls| port.flash_sector_bytes = 768,
        |port: &mut PortCalls| port.flash_write = None,
        |port: &mut PortCalls| port.show = None,
        |port: &mut PortCalls| (port.send_bytes, port.send_datagram) = (None, None),
        |port: &mut PortCalls| port.element_sign = Some(element_sign),
    ] {
        let mut spoilt = made(&factory());
        spoil(&mut spoilt.port);
        assert_eq!(start(&mut spoilt), COINLESS_ERROR_PORT);
    }
    for layout in [
        FlashLayout { terms_from: 8192, ..LAYOUT },
        FlashLayout { factory_to: 2048, ..LAYOUT },
        FlashLayout { factory_to: 0, ..LAYOUT },
        FlashLayout { journal_to: 8192, ..LAYOUT },
        FlashLayout { terms_to: 24576, ..LAYOUT },
        FlashLayout { journal_from: 12288, journal_to: 4096, ..LAYOUT },
    ] {
        assert_eq!(unsafe { coinless_start(meter, bytes, port, &layout) }, COINLESS_ERROR_LAYOUT, "{layout:?}");
    }
    assert_eq!(start(&mut bench), COINLESS_OK);
    unsafe {
        let (byte, mut done) = (0, [0_u64; 2]);
        assert_eq!(coinless_receive_datagram(meter, null(), 4, null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_receive_datagram(meter, &byte, 0, null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_receive_datagram(meter, &byte, 321, null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_receive_bytes(meter, null(), 1, null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_next_due_ms(meter, null_mut()), COINLESS_ERROR_ARGUMENT);
        let odd = done.as_mut_ptr().byte_add(4);
        assert_eq!(coinless_next_due_ms(meter, odd), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_label(meter, null_mut()), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_sensor(meter, 3, 1), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_raise(meter, 0), COINLESS_ERROR_ARGUMENT);
        assert_eq!(coinless_clear(meter, 3), COINLESS_ERROR_ARGUMENT);
    }
}

#[test]
fn no_meter() {
    let mut bench = board();
    assert_eq!(start(&mut bench), COINLESS_ERROR_NO_METER);
    assert_eq!(unsafe { coinless_round(&raw mut bench.meter, null_mut()) }, COINLESS_ERROR_NOT_STARTED);
    assert_eq!(commission(&mut bench, &[0; 512]), COINLESS_ERROR_RECORD);
    bench.flash.cut();
    assert_eq!(commission(&mut bench, &factory().to_record()), COINLESS_ERROR_FLASH);
}

#[test]
fn the_key_in_a_secure_element() {
    let element = Factory { secret: IN_SECURE_ELEMENT, ..factory() };
    let with_element = |bench: &mut Bench| {
        bench.port.element_public_key = Some(element_public_key);
        bench.port.element_sign = Some(element_sign);
        bench.port.element_agree = Some(element_agree);
    };
    assert_eq!(start(&mut made(&element)), COINLESS_ERROR_NO_KEY);
    let mut two = made(&factory());
    with_element(&mut two);
    assert_eq!(start(&mut two), COINLESS_ERROR_NO_KEY);

    let mut bench = made(&element);
    with_element(&mut bench);
    bench.element_answers = false;
    assert_eq!(start(&mut bench), COINLESS_OK);
    let frame: Vec<u8> = slipmux::encode(&credit(1, 5_000)).collect();
    assert_eq!(receive_bytes(&mut bench, &frame).served, COINLESS_SERVED_REFUSED);
    bench.element_answers = true;
    bench.sent.clear();
    let frame: Vec<u8> = slipmux::encode(&credit(2, 6_000)).collect();
    assert_eq!(receive_bytes(&mut bench, &frame).served, COINLESS_SERVED_TOKEN);
    let mut decoder = slipmux::Decoder::new();
    let answers: Vec<Vec<u8>> = bench.sent.iter().filter_map(|byte| decoder.push(*byte).map(<[u8]>::to_vec)).collect();
    assert_eq!(receipt(&answers[1]).total, Units::new(6_000).unwrap());
    assert_eq!(view(&bench).balance, 8_000_000);
}
