//! Durable commits a second, how many share a sync, and how long one waits: `cargo run --release -p mnemon-disc --example
//! commits -- [DIRECTORY] [SECONDS]`. One JSON line for each number of writers.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mnemon_disc::log::{LogPlace, open};
use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_disc::{DiscError, Durability, FsDisc, Log, LogConfig, NodeId, StreamId};

const ENTRY: [u8; 100] = [42; 100];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory =
        arguments.next().map_or_else(|| std::env::temp_dir().join("mnemon-commits"), PathBuf::from);
    let seconds: u64 = arguments.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(3);
    for (writers, durability, name) in [
        (1, Durability::Commit, "commit"),
        (16, Durability::Commit, "commit"),
        (64, Durability::Commit, "commit"),
        (1, Durability::Interval(1000), "interval"),
        (2, Durability::Interval(1000), "interval"),
    ] {
        let place = directory.join(format!("{name}-{writers}"));
        let _ = std::fs::remove_dir_all(&place);
        println!("{}", measure(&place, writers, durability, name, Duration::from_secs(seconds))?);
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

fn measure(
    directory: &std::path::Path,
    writers: usize,
    durability: Durability,
    name: &str,
    time: Duration,
) -> Result<String, DiscError> {
    let disc = std::sync::Arc::new(FsDisc::open(directory)?);
    let ticker = Box::new(SystemTicker::new());
    let place = LogPlace { disc, node: NodeId([1; 16]), ticker, config: LogConfig::default() };
    let (log, workers, _) = open(place, 1, |_| Ok::<(), DiscError>(()))?.start()?;
    let stop = AtomicBool::new(false);
    let clock = SystemTicker::new();
    let end_us = clock.now_us() + time.as_micros() as u64;
    let latencies: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..writers).map(|_| scope.spawn(|| write(&log, durability, &stop, &clock, end_us))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a writer does not panic")).collect()
    });
    let mut all: Vec<u32> = latencies.into_iter().flatten().collect();
    all.sort_unstable();
    let at = |share: f64| all.get((all.len() as f64 * share) as usize).copied().unwrap_or(0);
    let statistics = log.statistics();
    workers.close()?;
    drop(log);
    let begun = clock.now_us();
    let found = {
        let disc = std::sync::Arc::new(FsDisc::open(directory)?);
        let ticker = Box::new(SystemTicker::new());
        let place = LogPlace { disc, node: NodeId([1; 16]), ticker, config: LogConfig::default() };
        open(place, 1, |_| Ok::<(), DiscError>(()))?.found
    };
    let replay_ms = (clock.now_us() - begun) / 1000;
    Ok(format!(
        "{{\"durability\":\"{name}\",\"writers\":{writers},\"commits_per_s\":{:.0},\"p50_us\":{},\"p99_us\":{},\"p999_us\":{},\
         \"max_us\":{},\"group\":{:.1},\"syncs_per_s\":{:.0},\"sync_us\":{:.0},\"replayed\":{},\"replay_ms\":{replay_ms}}}",
        all.len() as f64 / time.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        all.last().copied().unwrap_or(0),
        statistics.synced_entries as f64 / statistics.syncs.max(1) as f64,
        statistics.syncs as f64 / time.as_secs_f64(),
        statistics.sync_us as f64 / statistics.syncs.max(1) as f64,
        found.entries,
    ))
}

/// Commits until the time is over; gives how long each took in microseconds.
fn write(
    log: &Log,
    durability: Durability,
    stop: &AtomicBool,
    clock: &SystemTicker,
    end_us: u64,
) -> Vec<u32> {
    let wait = Duration::from_secs(10);
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = clock.now_us();
        if begun >= end_us {
            break;
        }
        let appended = log
            .reserve(ENTRY.len(), wait)
            .and_then(|reservation| log.append(reservation, StreamId::LOCAL, &ENTRY, durability))
            .and_then(|position| match durability {
                Durability::Commit => log.synced(position).wait(wait),
                Durability::Interval(_) | Durability::None => Ok(()),
            });
        if let Err(cause) = appended {
            stop.store(true, Ordering::Relaxed);
            eprintln!("{cause}");
            break;
        }
        latencies.push(u32::try_from(clock.now_us() - begun).unwrap_or(u32::MAX));
    }
    latencies
}
