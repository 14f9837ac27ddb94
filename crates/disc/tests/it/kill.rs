//! A process with 16 writers, killed again and again: what it said was durable is there, in order, on the real file system.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mnemon_disc::log::{Content, Opened, Record};
use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_disc::{DataDirectory, DiscError, Durability, Log, LogConfig, StreamId};

/// Says to the child where to write.
const DIRECTORY: &str = "MNEMON_DISC_TEST_KILLED_DIRECTORY";
const WRITERS: u8 = 16;
const ROUNDS: u64 = 8;
/// Should the parent die, the child ends by itself.
const CHILD_LIMIT_US: u64 = 60_000_000;

type Counts = BTreeMap<u8, u64>;

fn open(
    directory: &Path,
    replay: impl FnMut(Record<'_>) -> Result<(), DiscError>,
) -> (DataDirectory, Opened) {
    let directory = DataDirectory::open(directory, || [3; 16]).unwrap();
    let config = LogConfig { segment_bytes: 256 << 10, ..LogConfig::default() };
    let opened = directory.open_log(config, Box::new(SystemTicker::new()), replay).unwrap();
    (directory, opened)
}

/// How many entries of each writer are in the log; they must count up without a gap, and be what was written.
fn recovered(directory: &Path) -> (Counts, DataDirectory, Opened) {
    let mut counts = Counts::new();
    let (directory, opened) = open(directory, |record| {
        if let Content::Entry(bytes) = &record.content {
            let writer = bytes[0];
            let count = counts.entry(writer).or_default();
            *count += 1;
            assert_eq!(**bytes, payload(writer, *count), "entry {} of writer {writer}", *count);
        }
        Ok(())
    });
    (counts, directory, opened)
}

fn payload(writer: u8, number: u64) -> Vec<u8> {
    let mut bytes = vec![writer];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.resize(9 + (number as usize * 37 + usize::from(writer)) % 3000, number as u8);
    bytes
}

#[test]
#[ignore = "the process that `what_was_acknowledged_survives_kill_9` kills"]
fn child_that_writes_until_it_is_killed() {
    let directory =
        PathBuf::from(std::env::var_os(DIRECTORY).expect("only the test beside this one runs it"));
    let (counts, _directory, opened) = recovered(&directory);
    let (log, _workers, _) = opened.start().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let begun = counts.get(&writer).copied().unwrap_or(0);
            let log = &log;
            scope.spawn(move || write(log, writer, begun));
        }
    });
}

fn write(log: &Log, writer: u8, mut number: u64) {
    let clock = SystemTicker::new();
    let wait = Duration::from_secs(30);
    while clock.now_us() < CHILD_LIMIT_US {
        number += 1;
        let bytes = payload(writer, number);
        let reservation = log.reserve(bytes.len(), wait).unwrap();
        let position = log.append(reservation, StreamId::LOCAL, &bytes, Durability::Commit).unwrap();
        log.synced(position).wait(wait).unwrap();
        // In one write, so that lines of different writers do not mix and a half line is the last one.
        let line = format!("ack {writer} {number}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// Runs the child, kills it after some acknowledgements, and gives the last one of each writer.
fn run_and_kill(directory: &Path, after: u64) -> Counts {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child_that_writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = Counts::new();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, ack)) = line.split_once("ack ") else { continue };
        if let Some((writer, number)) = ack.split_once(' ') {
            acknowledged.insert(writer.parse().unwrap(), number.parse().unwrap());
        }
        seen += 1;
        if seen == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= after, "the child ended by itself after {seen} acknowledgements");
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let directory = std::env::temp_dir().join(format!("mnemon-disc-kill-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    for round in 0..ROUNDS {
        let acknowledged = run_and_kill(&directory, 100 + round * 173);
        let (found, ..) = recovered(&directory);
        for (writer, number) in acknowledged {
            let found = found.get(&writer).copied().unwrap_or(0);
            // Each writer has at most one entry under way.
            assert!(
                found == number || found == number + 1,
                "round {round}: {number} entries of writer {writer} were acknowledged, {found} found"
            );
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
