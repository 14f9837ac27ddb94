//! Checkpoint files: what is written is read, whatever is damaged is found, whatever fails leaves nothing half.

use std::io::ErrorKind;

use mnemon_disc::checkpoint::{
    Checkpoint, CheckpointHeader, CheckpointOptions, CheckpointWriter, MAX_META_BYTES, Written,
};
use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
use mnemon_disc::{Disc, DiscError};
use proptest::prelude::*;

use crate::script::NODE;

fn options(compress: bool) -> CheckpointOptions {
    CheckpointOptions { block_bytes: 1 << 10, compress, sync_every_bytes: 2 << 10 }
}

fn write(disc: &dyn Disc, entries: &[Vec<u8>], compress: bool) -> Result<Written, DiscError> {
    let header = CheckpointHeader { table: 5, clock: 77, node: NODE, meta: b"attributes".to_vec() };
    let mut writer = CheckpointWriter::create(disc, &header, options(compress))?;
    for entry in entries {
        writer.push(entry)?;
    }
    writer.finish()
}

fn read(disc: &dyn Disc, name: &str) -> Result<Vec<Vec<u8>>, DiscError> {
    let checkpoint = Checkpoint::open(disc, name, NODE)?;
    let mut entries = Vec::new();
    for number in 0..checkpoint.blocks() {
        entries.extend(checkpoint.read_block(number)?.entries().map(<[u8]>::to_vec));
    }
    assert_eq!(checkpoint.entries(), entries.len() as u64);
    checkpoint.verify()?;
    Ok(entries)
}

/// Bytes that LZ4 cannot shrink.
fn noise(len: usize, mut seed: u32) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn sample() -> Vec<Vec<u8>> {
    (0..60).map(|number| if number % 3 == 0 { noise(40, number) } else { vec![number as u8; 70] }).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..80),
        long in 0..5000_usize,
        compress in any::<bool>(),
    ) {
        let mut entries = entries;
        entries.push(vec![3; long]);
        let disc = FaultyDisc::new();
        let written = write(&disc, &entries, compress).unwrap();
        prop_assert_eq!(written.entries, entries.len() as u64);
        prop_assert_eq!(read(&disc, &written.file).unwrap(), entries);
    }
}

#[test]
fn an_empty_checkpoint_is_one() {
    let disc = FaultyDisc::new();
    let written = write(&disc, &[], true).unwrap();
    assert_eq!(read(&disc, &written.file).unwrap(), Vec::<Vec<u8>>::new());
    let checkpoint = Checkpoint::open(&disc, &written.file, NODE).unwrap();
    assert_eq!((checkpoint.header().clock, &checkpoint.header().meta[..]), (77, &b"attributes"[..]));
    assert!(matches!(checkpoint.read_block(0), Err(DiscError::Missing { .. })));
}

#[test]
fn every_flipped_byte_is_found_and_named() {
    for compress in [false, true] {
        let disc = FaultyDisc::new();
        let name = write(&disc, &sample(), compress).unwrap().file;
        let bytes = disc.bytes(&name).unwrap();
        for place in 0..bytes.len() {
            for mask in [1, 0x80] {
                let mut flipped = bytes.clone();
                flipped[place] ^= mask;
                disc.put(&name, flipped);
                let damage = read(&disc, &name).expect_err("a flip is found");
                let named = match &damage {
                    DiscError::Corrupt { file, .. }
                    | DiscError::Foreign { file, .. }
                    | DiscError::UnknownFormat { file, .. } => file,
                    other => panic!("byte {place}: {other}"),
                };
                assert_eq!(*named, name, "byte {place}");
            }
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_is_found() {
    let disc = FaultyDisc::new();
    let name = write(&disc, &sample(), true).unwrap().file;
    let bytes = disc.bytes(&name).unwrap();
    for len in 0..bytes.len() {
        disc.put(&name, bytes[..len].to_vec());
        assert!(read(&disc, &name).is_err_and(|cause| cause.is_damage()), "cut at {len}");
    }
    let mut longer = bytes;
    longer.push(0);
    disc.put(&name, longer);
    assert!(read(&disc, &name).is_err());
}

#[test]
fn whatever_fails_there_is_a_whole_checkpoint_or_none() {
    let disc = FaultyDisc::new();
    let name = write(&disc, &sample(), true).unwrap().file;
    for step in 0..disc.steps() {
        for fault in [Fault::Stop, Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull)] {
            for fate in [Fate::Lost, Fate::Kept, Fate::Torn(1), Fate::Torn(2)] {
                let disc = FaultyDisc::new();
                disc.fail_at(step, fault);
                let written = write(&disc, &sample(), true);
                let after = disc.restart(fate);
                match read(&after, &name) {
                    Ok(entries) => assert_eq!(entries, sample()),
                    Err(DiscError::Io { .. } | DiscError::Missing { .. }) => {
                        assert!(written.is_err(), "{fault:?} at {step}, {fate:?}");
                    }
                    Err(other) => panic!("{fault:?} at {step}, {fate:?}: {other}"),
                }
                if !disc.is_stopped() {
                    assert_eq!(
                        written.is_err(),
                        disc.names().is_empty(),
                        "{fault:?} at {step}: {:?}",
                        disc.names()
                    );
                }
            }
        }
    }
}

#[test]
fn threads_read_blocks_of_one_file() {
    let disc = FaultyDisc::new();
    let entries: Vec<Vec<u8>> = (0..2000_u32).map(|number| number.to_le_bytes().repeat(9)).collect();
    let name = write(&disc, &entries, true).unwrap().file;
    let checkpoint = Checkpoint::open(&disc, &name, NODE).unwrap();
    let count = |from: usize| {
        let mine = (from..checkpoint.blocks()).step_by(3);
        mine.map(|number| checkpoint.read_block(number).unwrap().entries().count()).sum::<usize>()
    };
    let total: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|from| scope.spawn(move || count(from))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(total, 2000);
}

#[test]
fn too_much_meta_is_refused() {
    let disc = FaultyDisc::new();
    let header = CheckpointHeader { table: 1, clock: 1, node: NODE, meta: vec![0; MAX_META_BYTES + 1] };
    let refused = CheckpointWriter::create(&disc, &header, CheckpointOptions::default());
    assert!(matches!(refused, Err(DiscError::TooLarge { .. })));
    assert!(disc.names().is_empty());
}
