//! The log without faults of the disc: streams, large entries, reading along, room, and damage.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::log::{Content, LogPlace, Opened, open};
use mnemon_disc::testing::{Fate, Fault, FaultyDisc};
use mnemon_disc::time::ManualTicker;
use mnemon_disc::{DiscError, Durability, Log, LogConfig, NodeId, Position, StreamId};

use crate::script::{Entries, NODE, open_log, small};

fn append(log: &Log, payload: &[u8], durability: Durability) -> Result<Position, DiscError> {
    let reservation = log.reserve(payload.len(), Duration::ZERO)?;
    log.append(reservation, StreamId::LOCAL, payload, durability)
}

fn prepare(opened: &mut Opened) {
    while opened.preparer.step().expect("a disc without faults") {}
}

/// A log in which these entries are durable, and the disc it is on.
fn filled(payloads: &[Vec<u8>]) -> (FaultyDisc, Opened, Entries) {
    let disc = FaultyDisc::new();
    let (mut opened, _) = open_log(Arc::new(disc.clone()), 1).unwrap();
    let mut entries = Vec::new();
    for payload in payloads {
        prepare(&mut opened);
        let position = append(&opened.log, payload, Durability::Commit).unwrap();
        opened.committer.step().unwrap();
        assert!(opened.log.is_durable(position));
        entries.push((position.sequence, payload.clone()));
    }
    (disc, opened, entries)
}

fn reopened(disc: &FaultyDisc, from: u64) -> Result<Entries, DiscError> {
    open_log(Arc::new(disc.clone()), from).map(|(_, entries)| entries)
}

#[test]
fn entries_of_every_size_come_back() {
    let payloads: Vec<Vec<u8>> = (0..400).map(|len| vec![len as u8; len * 7]).collect();
    let mut config = small();
    config.segment_bytes = 4096;
    let disc = FaultyDisc::new();
    let place = || LogPlace {
        disc: Arc::new(disc.clone()),
        node: NODE,
        ticker: Box::new(ManualTicker::default()),
        config: config.clone(),
    };
    let mut opened = open(place(), 1, |_| Ok::<(), DiscError>(())).unwrap();
    for payload in &payloads {
        prepare(&mut opened);
        append(&opened.log, payload, Durability::Commit).unwrap();
        opened.committer.step().unwrap();
    }
    let mut found = Vec::new();
    let again = open(place(), 1, |record| {
        if let Content::Entry(bytes) = record.content {
            found.push(bytes.into_owned());
        }
        Ok::<(), DiscError>(())
    });
    assert_eq!(again.unwrap().found.entries, 400);
    assert_eq!(found, payloads);
}

#[test]
fn an_entry_longer_than_many_segments_is_taken_when_room_was_made_for_it() {
    let (disc, mut opened, mut entries) = filled(&[vec![1; 10]]);
    let large = vec![7; 50_000];
    assert!(matches!(append(&opened.log, &large, Durability::Commit), Err(DiscError::Busy { .. })));
    // The refusal has told the preparer how much is wanted.
    prepare(&mut opened);
    let position = append(&opened.log, &large, Durability::Commit).unwrap();
    opened.committer.step().unwrap();
    assert!(opened.log.is_durable(position) && position.next() > position.sequence + 40);
    entries.push((position.sequence, large));
    assert_eq!(reopened(&disc.restart(Fate::Lost), 1).unwrap(), entries);
}

#[test]
fn a_reservation_that_is_dropped_gives_its_room_back() {
    let (_disc, opened, _) = filled(&[vec![1; 10]]);
    let mut kept = Vec::new();
    while let Ok(reservation) = opened.log.try_reserve(100) {
        kept.push(reservation);
    }
    assert!(kept.len() > 10);
    assert!(matches!(opened.log.try_reserve(100), Err(DiscError::Busy { .. })));
    kept.pop();
    assert!(opened.log.try_reserve(100).is_ok());
    drop(kept);
    assert_eq!(opened.log.status().buffered_bytes, 0);
}

#[test]
fn more_than_was_reserved_is_refused() {
    let (_disc, opened, _) = filled(&[vec![1; 10]]);
    let reservation = opened.log.try_reserve(3).unwrap();
    let refused = opened.log.append(reservation, StreamId::LOCAL, b"four", Durability::Commit);
    assert!(matches!(refused, Err(DiscError::TooLarge { bytes: 4, limit: 3 })));
    assert_eq!(opened.log.status().buffered_bytes, 0);
}

#[test]
fn whoever_may_wait_is_not_synced_for_until_the_interval_is_over() {
    let disc = FaultyDisc::new();
    let ticker = Arc::new(ManualTicker::default());
    let place = LogPlace {
        disc: Arc::new(disc.clone()),
        node: NODE,
        ticker: Box::new(ticker.clone()),
        config: small(),
    };
    let mut opened = open(place, 1, |_| Ok::<(), DiscError>(())).unwrap();
    prepare(&mut opened);
    let unhurried = append(&opened.log, b"none", Durability::None).unwrap();
    opened.committer.step().unwrap();
    let position = append(&opened.log, b"interval", Durability::Interval(100)).unwrap();
    opened.committer.step().unwrap();
    assert_eq!(reopened(&disc.restart(Fate::Kept), 1).unwrap().len(), 2, "both were handed over");
    ticker.advance_us(99_999);
    opened.committer.step().unwrap();
    assert!(!opened.log.is_durable(unhurried));
    ticker.advance_us(1);
    opened.committer.step().unwrap();
    assert!(opened.log.is_durable(position) && opened.log.is_durable(unhurried));
    assert_eq!(reopened(&disc.restart(Fate::Lost), 1).unwrap().len(), 2);
    assert!(!opened.committer.step().unwrap(), "nothing is left to do");
}

#[test]
fn a_stream_is_truncated_and_purged_without_the_others() {
    let disc = FaultyDisc::new();
    let (mut opened, _) = open_log(Arc::new(disc.clone()), 1).unwrap();
    let (one, two) = (StreamId::new(1).unwrap(), StreamId::new(2).unwrap());
    let mut positions = Vec::new();
    for number in 0..20_u8 {
        prepare(&mut opened);
        let stream = if number % 2 == 0 { one } else { two };
        let reservation = opened.log.try_reserve(300).unwrap();
        let position = opened.log.append(reservation, stream, &[number; 300], Durability::Commit).unwrap();
        opened.committer.step().unwrap();
        positions.push(position);
    }
    prepare(&mut opened);
    opened.log.truncate(one, positions[16].sequence, Durability::Commit).unwrap();
    let segments = |disc: &FaultyDisc| disc.names().iter().filter(|name| name.starts_with("log-")).count();
    let before = segments(&disc);
    opened.log.purge(one, opened.log.next()).unwrap();
    opened.committer.step().unwrap();
    prepare(&mut opened);
    assert_eq!(segments(&disc), before, "the other stream still needs them");
    opened.log.purge(two, positions[11].sequence).unwrap();
    opened.committer.step().unwrap();
    prepare(&mut opened);
    assert!(segments(&disc) < before);
    opened.log.sync(Duration::ZERO).unwrap_err();
    opened.committer.step().unwrap();

    let mut records = Vec::new();
    let from = positions[11].sequence;
    let ticker = Box::new(ManualTicker::default());
    let place = LogPlace { disc: Arc::new(disc.restart(Fate::Lost)), node: NODE, ticker, config: small() };
    open(place, from, |record| {
        records.push(record.into_owned());
        Ok::<(), DiscError>(())
    })
    .unwrap();
    let truncated = records.iter().filter(|record| matches!(record.content, Content::Truncate { .. }));
    assert_eq!(truncated.map(|record| record.stream).collect::<Vec<_>>(), [one]);
    let entries = records.iter().filter(|record| matches!(record.content, Content::Entry(_)));
    assert_eq!(entries.count(), 9);
}

#[test]
fn freed_segments_are_used_again_and_their_old_entries_are_not_seen() {
    let (disc, mut opened, mut entries) = filled(&[vec![1; 10]]);
    for number in 0..200_u8 {
        prepare(&mut opened);
        let position = append(&opened.log, &[number; 200], Durability::Commit).unwrap();
        opened.committer.step().unwrap();
        entries.push((position.sequence, vec![number; 200]));
        let below = entries[entries.len().saturating_sub(5)].0;
        opened.log.purge(StreamId::LOCAL, below).unwrap();
        entries.retain(|entry| entry.0 >= below);
    }
    prepare(&mut opened);
    assert!(disc.names().len() < 8, "{:?}", disc.names());
    opened.committer.step().unwrap();
    assert_eq!(reopened(&disc, entries[0].0).unwrap(), entries);
    let purged = opened.log.read(1).next_record();
    assert!(matches!(purged, Err(DiscError::Purged { .. })), "{purged:?}");
}

#[test]
fn a_reader_follows_the_durable_end() {
    let (_disc, mut opened, entries) = filled(&[vec![1; 10], vec![2; 900], vec![3; 2000], vec![4; 5]]);
    let mut reader = opened.log.read(entries[1].0);
    for (sequence, payload) in &entries[1..] {
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!((record.sequence, record.content), (*sequence, Content::Entry(payload.into())));
    }
    assert_eq!(reader.next_record().unwrap(), None);
    append(&opened.log, b"later", Durability::Commit).unwrap();
    assert_eq!(reader.next_record().unwrap(), None, "it is not durable yet");
    opened.committer.step().unwrap();
    let record = reader.next_record().unwrap().unwrap();
    assert_eq!(record.content, Content::Entry(b"later".into()));
    assert_eq!(reader.next_record().unwrap(), None);
}

#[test]
fn a_full_disc_refuses_and_writes_go_on_when_there_is_room() {
    let disc = FaultyDisc::new();
    disc.set_capacity(Some(3 << 10));
    let (mut opened, _) = open_log(Arc::new(disc.clone()), 1).unwrap();
    let mut entries = Vec::new();
    let full = loop {
        let _ = opened.preparer.step();
        match append(&opened.log, &[9; 100], Durability::Commit) {
            Ok(position) => entries.push((position.sequence, vec![9; 100])),
            Err(DiscError::Busy { .. }) => {}
            Err(full) => break full,
        }
        opened.committer.step().unwrap();
    };
    assert!(matches!(full, DiscError::Full { .. }) && full.is_retryable(), "{full}");
    assert!(entries.len() > 15 && opened.log.status().no_space.is_some());
    assert_eq!(reopened(&disc, 1).unwrap(), entries, "what was refused is not there, the rest can be read");
    disc.set_capacity(None);
    prepare(&mut opened);
    let position = append(&opened.log, b"again", Durability::Commit).unwrap();
    opened.committer.step().unwrap();
    entries.push((position.sequence, b"again".to_vec()));
    assert_eq!(reopened(&disc.restart(Fate::Lost), 1).unwrap(), entries);
    assert!(opened.log.status().no_space.is_none());
}

#[test]
fn a_full_disc_goes_on_with_what_a_purge_frees() {
    let disc = FaultyDisc::new();
    disc.set_capacity(Some(4 << 10));
    let (mut opened, _) = open_log(Arc::new(disc.clone()), 1).unwrap();
    for _ in 0..100 {
        let position = loop {
            match append(&opened.log, &[5; 300], Durability::Commit) {
                Ok(position) => break position,
                Err(DiscError::Full { .. }) => {
                    let done = opened.log.durable();
                    let noted = opened.log.purge(StreamId::LOCAL, done);
                    assert!(noted.is_ok() || matches!(noted, Err(DiscError::Full { .. })));
                    let _ = opened.preparer.step();
                }
                Err(DiscError::Busy { .. }) => drop(opened.preparer.step()),
                Err(other) => panic!("{other}"),
            }
        };
        opened.committer.step().unwrap();
        assert!(opened.log.is_durable(position));
    }
}

#[test]
fn a_failed_sync_is_final() {
    let (disc, mut opened, _) = filled(&[vec![1; 10]]);
    let position = append(&opened.log, b"unknown", Durability::Commit).unwrap();
    // The write is the next step, the sync the one after.
    disc.fail_at(disc.steps() + 1, Fault::Error(ErrorKind::Other));
    let synced = opened.log.synced(position);
    assert!(opened.committer.step().is_err());
    let outcome = synced.wait(Duration::ZERO);
    assert!(matches!(outcome, Err(DiscError::OutcomeUnknown { .. })), "{outcome:?}");
    let refused = append(&opened.log, b"more", Durability::Commit);
    assert!(matches!(refused, Err(DiscError::Poisoned { .. })), "{refused:?}");
    assert!(matches!(opened.committer.step(), Err(DiscError::Poisoned { .. })));
    assert!(opened.log.status().failure.is_some());
}

#[test]
fn every_flipped_byte_of_the_log_is_found_and_nothing_wrong_is_read() {
    let payloads: Vec<Vec<u8>> = (1..40_u8).map(|number| vec![number; usize::from(number) * 5]).collect();
    let (disc, mut opened, entries) = filled(&payloads);
    opened.log.close();
    opened.committer.step().unwrap();
    for name in disc.names().iter().filter(|name| name.starts_with("log-")) {
        let bytes = disc.bytes(name).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        for place in 0..=used {
            let copy = disc.copy();
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x10;
            copy.put(name, flipped);
            match reopened(&copy, 1) {
                Err(DiscError::Corrupt { file, offset, .. }) => {
                    assert!(
                        file == *name && offset as usize <= place,
                        "{name}:{place} named as {file}:{offset}"
                    );
                }
                Err(other) => panic!("{name}:{place}: {other}"),
                // Only the mark of an orderly end may look like a torn write.
                Ok(found) => assert!(found == entries && place + 36 > used, "{name}:{place} was not found"),
            }
        }
    }
}

#[test]
fn a_flip_in_the_last_group_is_damage_and_no_torn_write() {
    let (disc, mut opened, _) = filled(&[vec![1; 10]]);
    for number in 2..6 {
        append(&opened.log, &[number; 60], Durability::Commit).unwrap();
    }
    opened.committer.step().unwrap();
    let name = disc.names().into_iter().find(|name| name.starts_with("log-")).unwrap();
    let mut bytes = disc.bytes(&name).unwrap();
    // In the second of the four entries that were synced together.
    bytes[64 + 40 + 88 + 50] ^= 1;
    disc.put(&name, bytes);
    let damaged = reopened(&disc, 1).unwrap_err();
    assert!(matches!(damaged, DiscError::Corrupt { offset: 192, .. }), "{damaged}");
}

#[test]
fn damage_that_looks_like_a_torn_write_is_told_by_what_was_written_after_its_sync() {
    let disc = FaultyDisc::new();
    let place = |disc: &FaultyDisc| LogPlace {
        disc: Arc::new(disc.clone()),
        node: NODE,
        ticker: Box::new(ManualTicker::default()),
        config: LogConfig { segment_bytes: 1 << 14, ..small() },
    };
    let open_at = |disc: &FaultyDisc| open(place(disc), 1, |_| Ok::<(), DiscError>(()));
    let mut opened = open_at(&disc).unwrap();
    prepare(&mut opened);
    // Its zeroes look like sectors that were never written.
    append(&opened.log, &[0; 4096], Durability::Commit).unwrap();
    append(&opened.log, b"together with it", Durability::Commit).unwrap();
    opened.committer.step().unwrap();
    let name = disc.names().into_iter().find(|name| name.starts_with("log-")).unwrap();
    let flip = |disc: &FaultyDisc| {
        let copy = disc.copy();
        let mut bytes = disc.bytes(&name).unwrap();
        bytes[64 + 9] ^= 1;
        copy.put(&name, bytes);
        open_at(&copy).map(|opened| opened.found)
    };
    let found = flip(&disc).unwrap();
    assert_eq!(found.torn.map(|torn| torn.frames), Some(1), "up to here it may as well be a torn write");
    append(&opened.log, b"after its sync", Durability::None).unwrap();
    opened.committer.step().unwrap();
    assert!(matches!(flip(&disc), Err(DiscError::Corrupt { offset: 64, .. })));
}

#[test]
fn a_lost_segment_is_missed() {
    let payloads: Vec<Vec<u8>> = (1..40_u8).map(|number| vec![number; 100]).collect();
    let (disc, opened, _) = filled(&payloads);
    let names: Vec<String> = disc.names().into_iter().filter(|name| name.starts_with("log-")).collect();
    assert!(names.len() > 3);
    for name in &names {
        let copy = FaultyDisc::new();
        for other in disc.names().iter().filter(|other| *other != name) {
            copy.put(other, disc.bytes(other).unwrap());
        }
        let needs_end = reopened(&copy, if name == names.last().unwrap() { opened.log.next() } else { 1 });
        assert!(needs_end.as_ref().is_err_and(DiscError::is_damage), "{name}: {needs_end:?}");
    }
}

#[test]
fn a_segment_cut_off_anywhere_is_found() {
    let (disc, _opened, entries) = filled(&(1..9_u8).map(|number| vec![number; 100]).collect::<Vec<_>>());
    assert_eq!(reopened(&disc, 1).unwrap(), entries);
    let last = disc.names().into_iter().rfind(|name| name.starts_with("log-")).unwrap();
    let bytes = disc.bytes(&last).unwrap();
    for len in 0..bytes.len() {
        disc.put(&last, bytes[..len].to_vec());
        assert!(matches!(reopened(&disc, 1), Err(DiscError::Corrupt { .. })), "cut at {len}");
    }
}

#[test]
fn the_log_of_another_node_is_refused() {
    let (disc, _opened, _) = filled(&[vec![1; 10]]);
    let place = LogPlace {
        disc: Arc::new(disc),
        node: NodeId([9; 16]),
        ticker: Box::new(ManualTicker::default()),
        config: small(),
    };
    let refused = open(place, 1, |_| Ok::<(), DiscError>(())).unwrap_err();
    assert!(matches!(refused, DiscError::Foreign { .. }), "{refused}");
}

#[test]
fn a_log_that_was_purged_to_its_end_opens_from_there_after_it_has_gone_on() {
    let (disc, mut opened, _) = filled(&[vec![1; 10], vec![2; 10]]);
    let from = opened.log.next();
    opened.log.purge(StreamId::LOCAL, from).unwrap();
    opened.log.close();
    while opened.committer.step().unwrap() {}
    drop(opened);
    // Behind the place stand only marks; what follows goes into a new segment.
    for payload in [[3; 10], [4; 10]] {
        let (mut opened, _) = open_log(Arc::new(disc.clone()), from).unwrap();
        prepare(&mut opened);
        append(&opened.log, &payload, Durability::Commit).unwrap();
        opened.committer.step().unwrap();
        prepare(&mut opened);
    }
    let found: Vec<Vec<u8>> = reopened(&disc, from).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(found, [[3; 10], [4; 10]]);
}
