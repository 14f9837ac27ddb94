//! The data directory: whose it is, that it is used once at a time, and that every state of it is whole.

use std::sync::Arc;

use mnemon_disc::checkpoint::CheckpointOptions;
use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
use mnemon_disc::time::ManualTicker;
use mnemon_disc::{CheckpointRef, DataDirectory, DiscError, Durability, FileKind, StreamId, Survey};

use crate::script::small;

const RANDOM: fn() -> [u8; 16] = || [0x5a; 16];

/// Appends an entry for each number, tells which were acknowledged, and writes a checkpoint of all so far after every third.
fn fill(disc: &FaultyDisc, numbers: u8, acknowledged: &mut u8) -> Result<(), DiscError> {
    let mut directory = DataDirectory::on(Arc::new(disc.clone()), RANDOM)?;
    let ticker = Box::new(ManualTicker::default());
    let mut opened = directory.open_log(small(), ticker, |_| Ok::<(), DiscError>(()))?;
    for number in 1..=numbers {
        while opened.preparer.step()? {}
        let reservation = opened.log.try_reserve(200)?;
        opened.log.append(reservation, StreamId::LOCAL, &[number; 200], Durability::Commit)?;
        opened.committer.step()?;
        *acknowledged = number;
        if number % 3 == 0 {
            let from = opened.log.next();
            let published = checkpoint(&mut directory, number, from);
            if published.is_ok() {
                opened.log.purge(StreamId::LOCAL, from)?;
            } else if disc.is_stopped() {
                break;
            }
        }
    }
    Ok(())
}

fn checkpoint(directory: &mut DataDirectory, number: u8, from: u64) -> Result<(), DiscError> {
    let clock = u64::from(number);
    let mut writer = directory.write_checkpoint(1, clock, Vec::new(), CheckpointOptions::default())?;
    for entry in 1..=number {
        writer.push(&[entry; 200])?;
    }
    let written = writer.finish()?;
    let of = CheckpointRef { table: 1, clock, entries: written.entries, bytes: written.bytes };
    directory.publish(from, vec![of], b"schemas".to_vec())
}

/// What a node would come back with: the numbers of the checkpoint and of the log after it.
fn recover(disc: &FaultyDisc) -> Result<Vec<u8>, DiscError> {
    let directory = DataDirectory::on(Arc::new(disc.clone()), RANDOM)?;
    let mut numbers = Vec::new();
    for of in directory.manifest().checkpoints.clone() {
        let checkpoint = directory.checkpoint(&of)?;
        for block in 0..checkpoint.blocks() {
            numbers.extend(checkpoint.read_block(block)?.entries().map(|entry| entry[0]));
        }
    }
    directory.open_log(small(), Box::new(ManualTicker::default()), |record| {
        if let mnemon_disc::log::Content::Entry(bytes) = record.content {
            numbers.push(bytes[0]);
        }
        Ok::<(), DiscError>(())
    })?;
    Ok(numbers)
}

#[test]
fn whatever_step_the_power_goes_at_the_node_comes_back() {
    let disc = FaultyDisc::new();
    let mut all = 0;
    fill(&disc, 14, &mut all).unwrap();
    let steps = disc.steps();
    assert!(all == 14 && steps > 80, "{steps}");
    for step in 0..steps {
        let disc = FaultyDisc::new();
        disc.fail_at(step, Fault::Stop);
        let mut acknowledged = 0;
        fill(&disc, 14, &mut acknowledged).ok();
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(1), Fate::Torn(2), Fate::Torn(3)] {
            let after = disc.restart(fate);
            let when = format!("stop at {step}, {fate:?}");
            let survey = Survey::of(&after).unwrap();
            assert!(survey.is_intact(), "{when}:\n{survey}");
            let numbers = recover(&after).unwrap_or_else(|cause| panic!("{when}: {cause}"));
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u8), "{when}: {numbers:?}");
            assert!(numbers.len() >= usize::from(acknowledged), "{when}: {numbers:?}");
            let drafts = after.names().into_iter().filter(|name| name.ends_with(".draft")).count();
            assert_eq!(drafts, 0, "{when}: what was half is removed");
        }
    }
}

#[test]
fn every_flipped_byte_that_counts_is_named_or_harmless() {
    let disc = FaultyDisc::new();
    fill(&disc, 11, &mut 0).unwrap();
    let whole = recover(&disc).unwrap();
    assert_eq!(whole.len(), 11);
    for name in disc.names() {
        let bytes = disc.bytes(&name).unwrap();
        for place in 0..bytes.len() {
            let copy = disc.copy();
            let mut flipped = bytes.clone();
            flipped[place] ^= 4;
            copy.put(&name, flipped);
            match recover(&copy) {
                // Damage to the very last entry of a log that was not closed cannot be told from a torn write.
                Ok(numbers) if is_in_last_entry(&disc, &name, place) => assert_eq!(numbers, whole[..10]),
                Ok(numbers) => assert_eq!(numbers, whole, "{name}:{place}"),
                Err(cause) => {
                    let told = cause.to_string();
                    assert!(told.contains(&name), "{name}:{place}: {told}");
                    let survey = Survey::of(&copy).unwrap();
                    assert!(
                        survey.files.iter().any(|file| file.file == name && !file.damage.is_empty()),
                        "{survey}"
                    );
                }
            }
            if name == "node" || name.starts_with("manifest-") || name.starts_with("table-") {
                assert!(!Survey::of(&copy).unwrap().is_intact(), "{name}:{place}");
            }
        }
    }
}

/// Whether this is a byte of the entry that was appended last.
fn is_in_last_entry(disc: &FaultyDisc, name: &str, place: usize) -> bool {
    let last = disc.names().into_iter().rfind(|name| name.starts_with("log-")).unwrap();
    let used = disc.bytes(&last).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    name == last && (used - 227..=used).contains(&place)
}

#[test]
fn every_missing_file_that_counts_is_missed() {
    let disc = FaultyDisc::new();
    fill(&disc, 11, &mut 0).unwrap();
    for gone in disc.names() {
        let copy = FaultyDisc::new();
        for name in disc.names().into_iter().filter(|name| *name != gone) {
            copy.put(&name, disc.bytes(&name).unwrap());
        }
        let found = recover(&copy);
        if gone.starts_with("spare-") {
            assert_eq!(found.unwrap().len(), 11);
        } else {
            assert!(found.as_ref().is_err_and(DiscError::is_damage), "{gone}: {found:?}");
        }
    }
}

#[test]
fn a_survey_tells_what_can_be_saved_of_a_damaged_table() {
    let disc = FaultyDisc::new();
    let directory = DataDirectory::on(Arc::new(disc.clone()), RANDOM).unwrap();
    let options = CheckpointOptions { block_bytes: 1 << 10, compress: false, ..CheckpointOptions::default() };
    let mut writer = directory.write_checkpoint(9, 1, Vec::new(), options).unwrap();
    for number in 0..100_u8 {
        writer.push(&[number; 100]).unwrap();
    }
    let name = writer.finish().unwrap().file;
    let mut bytes = disc.bytes(&name).unwrap();
    bytes[3000] ^= 1;
    disc.put(&name, bytes);
    let survey = Survey::of(&disc).unwrap();
    let file = survey.files.iter().find(|file| file.kind == FileKind::Checkpoint { table: 9 }).unwrap();
    assert_eq!((file.entries, file.damage.len()), (90, 1));
    assert!(survey.to_string().contains("90 entries can be read"), "{survey}");
}

#[test]
fn an_older_manifest_serves_when_the_newest_is_damaged_and_the_log_reaches_back() {
    let disc = FaultyDisc::new();
    let mut directory = DataDirectory::on(Arc::new(disc.clone()), RANDOM).unwrap();
    let ticker = || Box::new(ManualTicker::default());
    let mut opened = directory.open_log(small(), ticker(), |_| Ok::<(), DiscError>(())).unwrap();
    checkpoint(&mut directory, 1, 1).unwrap();
    let old: Vec<_> = disc.names().into_iter().map(|name| (disc.bytes(&name).unwrap(), name)).collect();
    while opened.preparer.step().unwrap() {}
    let reservation = opened.log.try_reserve(1).unwrap();
    opened.log.append(reservation, StreamId::LOCAL, &[2], Durability::Commit).unwrap();
    opened.committer.step().unwrap();
    checkpoint(&mut directory, 2, opened.log.next()).unwrap();
    // As if the power had gone before the old files were removed.
    for (bytes, name) in old.into_iter().filter(|(_, name)| !name.starts_with("spare-")) {
        disc.put(&name, bytes);
    }
    let newest = disc.names().into_iter().rfind(|name| name.starts_with("manifest-")).unwrap();
    let mut bytes = disc.bytes(&newest).unwrap();
    bytes[40] ^= 1;
    disc.put(&newest, bytes);
    let directory = DataDirectory::on(Arc::new(disc.clone()), RANDOM).unwrap();
    assert_eq!((directory.manifest().generation, directory.damaged().len()), (1, 1));
    assert!(disc.names().contains(&newest), "kept for whoever repairs it");
    assert_eq!(recover(&disc).unwrap(), [1, 2]);
}

#[test]
fn a_directory_is_used_once_at_a_time() {
    let path = std::env::temp_dir().join(format!("mnemon-disc-lock-{}", std::process::id()));
    let first = DataDirectory::open(&path, RANDOM).unwrap();
    let second = DataDirectory::open(&path, RANDOM);
    assert!(matches!(&second, Err(DiscError::Locked(found)) if *found == path), "{second:?}");
    let node = first.node();
    drop(first);
    let again = DataDirectory::open(&path, || [1; 16]).unwrap();
    assert_eq!(again.node(), node, "a directory keeps its UUID");
    drop(again);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let disc = FaultyDisc::new();
    drop(DataDirectory::on(Arc::new(disc.clone()), RANDOM).unwrap());
    let mut bytes = disc.bytes("node").unwrap();
    bytes[8] = 200;
    let checksum = crc32c::crc32c(&bytes[..28]).to_le_bytes();
    bytes[28..].copy_from_slice(&checksum);
    disc.put("node", bytes);
    let refused = DataDirectory::on(Arc::new(disc), RANDOM).unwrap_err();
    assert!(matches!(refused, DiscError::UnknownFormat { found: 200, .. }), "{refused}");
}
