//! The flash model itself: that cuts leave behind what they should, and nothing else.

use coinless_meter::ram_flash::{MAX_STUCK, RamFlash, RamFlashError};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use std::collections::BTreeSet;

type Flash<const WRITE: usize> = RamFlash<1024, WRITE, 256>;

const NEW: [u8; 256] = [0x5a; 256];

fn read<const WRITE: usize>(flash: &mut Flash<WRITE>, from: u32, len: usize) -> Result<Vec<u8>, RamFlashError> {
    let mut bytes = vec![0; len];
    flash.read(from, &mut bytes).map(|()| bytes)
}

/// What 400 cuts in the second word of a programming leave of that word, read twice each.
fn torn_words<const WRITE: usize>() -> BTreeSet<Option<(Vec<u8>, Vec<u8>)>> {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let mut flash = Flash::<WRITE>::new(seed);
        flash.cut_after(WRITE as u64 + seed % WRITE as u64);
        assert_eq!(flash.write(256, &NEW[..2 * WRITE]), Err(RamFlashError::NoPower));
        assert_eq!(read(&mut flash, 256, 1), Err(RamFlashError::NoPower));
        flash.power_on();
        let word = 256 + WRITE as u32;
        assert_eq!(read(&mut flash, 256, WRITE).unwrap(), &NEW[..WRITE], "the word before it is new");
        assert_eq!(read(&mut flash, word + WRITE as u32, WRITE).unwrap(), vec![0xff; WRITE], "the one after it is old");
        let torn = (0..2).map(|_| read(&mut flash, word, WRITE)).collect::<Result<Vec<_>, _>>();
        // No bit was cleared that did not have to be.
        assert!(torn.iter().flatten().flatten().all(|byte| byte & 0x5a == 0x5a));
        seen.insert(torn.ok().map(|torn| (torn[0].clone(), torn[1].clone())));
        flash.erase(256, 512).unwrap();
        assert_eq!((read(&mut flash, 256, 256).unwrap(), flash.weak_bits()), (vec![0xff; 256], 0));
    }
    seen
}

#[test]
fn a_cut_leaves_any_mixture_of_the_word_under_way() {
    let short = torn_words::<1>();
    let first: BTreeSet<_> = short.iter().flatten().map(|(first, _)| first[0]).collect();
    assert_eq!(first.len(), 16, "all mixtures of four bits");
    assert!(short.iter().flatten().any(|(first, second)| first != second), "weak bits");
    assert!(!short.contains(&None), "a single byte can be read");
    for seen in [torn_words::<8>(), torn_words::<128>()] {
        let all =
            |byte| move |(first, second): &(Vec<u8>, Vec<u8>)| first == second && first.iter().all(|is| *is == byte);
        assert!(seen.contains(&None), "unreadable");
        assert!(seen.iter().flatten().any(all(0xff)) && seen.iter().flatten().any(all(0x5a)), "old and new");
        assert!(seen.iter().flatten().any(|(first, second)| first != second), "weak bits");
        // Mixtures of later bytes too, whichever was under way.
        let last = |(first, second): &(Vec<u8>, Vec<u8>)| {
            first == second && ![Some(&0xff), Some(&0x5a)].contains(&first.last())
        };
        assert!(seen.iter().flatten().any(last), "a mixture of the whole word");
        assert!(seen.len() > 100);
    }
}

#[test]
fn a_cut_leaves_any_mixture_of_the_sector_under_erasure() {
    let (mut old, mut erased, mut cleared, mut weak) = (0, 0, 0, 0);
    for seed in 0..400 {
        let mut flash = Flash::<8>::new(seed).with_erase_steps(1);
        flash.write(0, &[0x5a; 1024]).unwrap();
        flash.cut_after(256 + seed % 256);
        assert_eq!(flash.erase(0, 768), Err(RamFlashError::NoPower));
        flash.power_on();
        assert_eq!(read(&mut flash, 0, 256).unwrap(), [0xff; 256], "the sector before it is erased");
        assert_eq!(read(&mut flash, 512, 512).unwrap(), [0x5a; 512], "those after it are old");
        let (first, second) = (read(&mut flash, 256, 256).unwrap(), read(&mut flash, 256, 256).unwrap());
        old += u32::from(first == NEW && second == NEW);
        erased += u32::from(first.iter().all(|byte| *byte == 0xff));
        cleared += u32::from(first.iter().any(|byte| byte & 0x5a != 0x5a));
        weak += u32::from(first != second);
        flash.erase(256, 512).unwrap();
        assert_eq!((read(&mut flash, 256, 256).unwrap(), flash.weak_bits()), (vec![0xff; 256], 0));
    }
    assert!(old > 40 && erased > 8 && cleared > 60 && weak > 100, "{old} {erased} {cleared} {weak}");
}

#[test]
fn the_seed_decides_and_a_copy_goes_on_alike() {
    let torn = |seed| {
        let mut flash = Flash::<8>::new(seed);
        flash.write(0, &NEW).unwrap();
        flash.cut_after(3);
        flash.erase(0, 256).unwrap_err();
        flash.power_on();
        let mut copy = flash.clone();
        let bytes = read(&mut flash, 0, 256).unwrap();
        assert_eq!(read(&mut copy, 0, 256).unwrap(), bytes);
        bytes
    };
    assert!((0..50).all(|seed| torn(seed) == torn(seed)));
    assert!((0..50).map(torn).collect::<BTreeSet<_>>().len() > 20);
}

#[test]
fn a_word_is_programmed_once_between_two_erasures() {
    let mut flash = Flash::<4>::new(1);
    flash.write(8, &[0x0f; 4]).unwrap();
    assert_eq!(flash.write(8, &[0x0e; 4]), Err(RamFlashError::ProgrammedTwice));
    assert_eq!(flash.programmed_twice(), 1);
    assert!(matches!(flash.write(9, &[0; 4]), Err(RamFlashError::Arguments(_))));
    assert!(matches!(flash.erase(0, 100), Err(RamFlashError::Arguments(_))));
    flash.erase(0, 256).unwrap();
    flash.write(8, &[0x0e; 4]).unwrap();
    assert_eq!((flash.erasures(), flash.programmed_twice()), (1, 1));
}

#[test]
fn bits_flip_where_a_whole_block_is_erased() {
    let mut flash = Flash::<4>::new(1);
    for block in [0, 128, 384, 640, 896] {
        flash.write(block + 64, &[0xfe, 0xff, 0xff, 0xff]).unwrap();
    }
    let flips = (0..200).filter(|_| flash.flip_erased(128)).count();
    // Once in each of the three others.
    assert_eq!(flips, 3);
    let cleared: u32 = read(&mut flash, 0, 1024).unwrap().iter().map(|byte| byte.count_zeros()).sum();
    assert_eq!(cleared, 5 + 3);
}

#[test]
fn worn_bits_stay_as_they_are() {
    let mut flash = Flash::<4>::new(1);
    assert!(flash.stick(5, 0x01, 0x80));
    assert_eq!(read(&mut flash, 4, 4).unwrap(), [0xff, 0xfe, 0xff, 0xff]);
    flash.write(4, &[0; 4]).unwrap();
    assert_eq!(read(&mut flash, 4, 4).unwrap(), [0, 0x80, 0, 0]);
    flash.erase(0, 256).unwrap();
    assert_eq!(read(&mut flash, 4, 4).unwrap(), [0xff, 0xfe, 0xff, 0xff]);
    assert!(!flash.stick(1024, 1, 0));
    assert!((1..MAX_STUCK).all(|place| flash.stick(place, 1, 0)) && !flash.stick(900, 1, 0));
}
