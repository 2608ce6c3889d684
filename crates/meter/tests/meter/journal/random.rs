//! Any number of cuts in a row at random moments, on random geometries, with flipped and stuck bits.

use super::ring::{Breach, Ring};
use crate::support::{Draw, Replay, long, seeds};
use coinless_meter::ram_flash::{ERASE_STEP_BYTES, HalfErased};

/// Sessions between two cuts in one case, at most.
const MAX_CUTS: u64 = 48;

/// Cuts of the ordinary run, and of the long one (`COINLESS_LONG=1`, which `cargo xtask test --long` sets).
const CUTS: u64 = 100_000;
const LONG_CUTS: u64 = 10_000_000;

/// Replays the case of this seed alone.
const SEED_VARIABLE: &str = "COINLESS_JOURNAL_SEED";

/// What a case was.
#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    weak: u64,
    flips: u64,
    worn_out: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.weak += other.weak;
        self.flips += other.flips;
        self.worn_out += other.worn_out;
    }
}

/// When the power is cut, in steps after it came: anywhere, or near the end of something that is written.
fn moment<const SLOT: usize>(draw: &mut Draw, group: u64, ring: u64) -> u64 {
    let (slot, erasure) = (SLOT as u64, group / ERASE_STEP_BYTES as u64);
    match draw.below(5) {
        0 => draw.below(erasure + 1),
        1 => draw.below(erasure + 2 * slot),
        2 => draw.below(2 * ring),
        // A record takes as many steps as bytes; the first follows an erasure.
        _ => erasure + slot * (1 + draw.below(5)) - draw.below(12),
    }
}

fn case<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize>(
    draw: &mut Draw,
) -> Result<Tally, Breach> {
    let groups = 2 + draw.below(3) as u32;
    let mut ring = Ring::<SLOT, SIZE, WRITE, ERASE>::new(draw.below(u64::MAX), groups);
    if groups == 2 {
        ring.flash = ring.flash.with_half_erased(&HalfErased::ORDERLY);
    }
    let group = u64::from(Ring::<SLOT, SIZE, WRITE, ERASE>::group());
    let bytes = group * u64::from(groups);
    let worn = if draw.one_in(4) { 1 + draw.below(3) } else { 0 };
    for _ in 0..worn {
        let bit = 1 << draw.below(8);
        let (low, high) = if draw.one_in(2) { (bit, 0) } else { (0, bit) };
        assert!(ring.flash.stick(draw.below(bytes) as usize, low, high));
    }
    let mut tally = Tally::default();
    for _ in 0..1 + draw.below(MAX_CUTS) {
        if std::env::var_os("DBG").is_some() {
            let dump: Vec<String> = (0..bytes as usize / SLOT)
                .map(|i| {
                    let b = ring.flash.bytes_mut()[i * SLOT..(i + 1) * SLOT].to_vec();
                    let seq = u32::from_le_bytes(b[0..4].try_into().unwrap());
                    let comp = u32::from_le_bytes(b[4..8].try_into().unwrap());
                    let ok = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&b[..SLOT - 4]).to_le_bytes()
                        == b[SLOT - 4..];
                    if b.iter().all(|b| *b == 0xff) {
                        "-".into()
                    } else if comp == !seq {
                        format!(
                            "{seq}:{}{}",
                            u32::from_le_bytes(b[8..12].try_into().unwrap()),
                            if ok { "" } else { "!" }
                        )
                    } else {
                        "x".into()
                    }
                })
                .collect();
            println!(
                "SLOT {SLOT} GROUP {group} WRITE {WRITE} groups {groups} worn {worn} weak {} : {}",
                ring.flash.weak_bits(),
                dump.join(" ")
            );
        }
        let r = ring.mount();
        if std::env::var_os("DBG").is_some() {
            println!("  found {:?}", ring.found());
        }
        r?;
        ring.flash.cut_after(moment::<SLOT>(draw, group, bytes));
        let mut settled = false;
        loop {
            if draw.one_in(8) && ring.flash.flip_erased(SLOT) {
                tally.flips += 1;
            }
            let done = if settled { ring.commit() } else { ring.settle() };
            match done {
                Ok(true) => settled = true,
                Ok(false) => break,
                Err(breach) if worn == 0 => return Err(breach),
                // It says that it cannot go on; what was acknowledged must be there.
                Err(_) => {
                    tally.worn_out += 1;
                    ring.mount()?;
                    return Ok(tally);
                }
            }
        }
        tally.cuts += 1;
        tally.weak += u64::from(ring.flash.weak_bits() > 0);
    }
    ring.mount()?;
    Ok(tally)
}

/// The case of a seed.
fn run(seed: u64) -> Result<Tally, Breach> {
    let mut draw = Draw(seed);
    let draw = &mut draw;
    match draw.below(14) {
        0 => case::<128, 1024, 1, 128>(draw),
        1 => case::<128, 1024, 8, 128>(draw),
        2 => case::<128, 1024, 2, 256>(draw),
        3 => case::<128, 2048, 1, 512>(draw),
        4 => case::<128, 2048, 4, 512>(draw),
        5 => case::<128, 4096, 8, 1024>(draw),
        6 => case::<128, 4096, 128, 1024>(draw),
        7 => case::<256, 2048, 2, 128>(draw),
        8 => case::<256, 2048, 8, 512>(draw),
        9 => case::<256, 4096, 1, 1024>(draw),
        10 => case::<256, 8192, 4, 2048>(draw),
        11 => case::<512, 4096, 8, 128>(draw),
        12 => case::<512, 4096, 1, 512>(draw),
        _ => case::<512, 16384, 4, 4096>(draw),
    }
}

#[test]
fn any_number_of_cuts_in_a_row_on_any_geometry() {
    let enough = if long() { LONG_CUTS } else { CUTS };
    let mut all = Tally::default();
    for seed in seeds(SEED_VARIABLE) {
        let replay = Replay(SEED_VARIABLE, seed);
        all += run(seed).unwrap_or_else(|breach| panic!("{breach}"));
        drop(replay);
        if all.cuts >= enough {
            break;
        }
    }
    println!("{all:?}");
    // What is never drawn is never tried.
    let Tally { cuts, weak, flips, worn_out } = all;
    assert!(cuts < CUTS || (weak > cuts / 5 && flips > cuts / 20 && worn_out > cuts / 2_000), "{all:?}");
}
