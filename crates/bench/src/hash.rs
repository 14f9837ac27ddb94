//! Setting a field of a hash: what it costs in a large hash beside a small one, alone and under an open snapshot.

pub(crate) mod over_resp;

use std::io::Write;

use mnemon_store::{CopySpec, Kind, Op, Store, StoreConfig, SystemClock, TableCopy, TableId, When};

use crate::clock;
use crate::error::Error;
use crate::options::Options;
use crate::report::{Record, Report};
use crate::statistics::{median, ratios};

const SMALL: u64 = 1_000;
const LARGE: u64 = 1_000_000;
/// Fields set in one measurement.
const SETS: u64 = 100_000;
const SNAPSHOT_TTL_MS: u64 = 600_000;

/// Measures and reports.
///
/// # Errors
/// When a hash cannot be written, or results cannot be.
pub(crate) fn run(options: &Options, report: &mut Report<impl Write>) -> Result<(), Error> {
    let large = if options.quick { LARGE / 10 } else { LARGE };
    let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
    let copy = store.create(TableId(1), CopySpec::new(Kind::Set))?;
    for (key, fields) in [(&b"small"[..], SMALL), (b"large", large)] {
        for field in 0..fields {
            set(&store, &copy, key, field, b"0123456789012345678901234567890123456789")?;
        }
    }
    for under_snapshot in [false, true] {
        let (mut small, mut big) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            let snapshot = under_snapshot.then(|| store.snapshot(SNAPSHOT_TTL_MS));
            small.push(sets(&store, &copy, b"small", SMALL)?);
            big.push(sets(&store, &copy, b"large", large)?);
            drop(snapshot);
            store.maintain_snapshots();
        }
        let costs = ratios(&big, &small);
        report.add(
            Record::new("hash")
                .with("command", if under_snapshot { "hset under a snapshot" } else { "hset" })
                .with("runs", costs.len())
                .figure("thousand_fields_ns", median(&small))
                .with("fields", large)
                .figure("large_ns", median(&big))
                .figure("cost", median(&costs))
                .figures("costs", &costs),
        )?;
    }
    Ok(())
}

/// Nanoseconds a field, at random fields of a hash.
fn sets(store: &Store, copy: &TableCopy, key: &[u8], fields: u64) -> Result<f64, Error> {
    let mut number = 1u64;
    let started = clock::now();
    for _ in 0..SETS {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        set(store, copy, key, (number >> 20) % fields, b"9876543210987654321098765432109876543210")?;
    }
    Ok(started.elapsed().as_nanos() as f64 / SETS as f64)
}

fn set(store: &Store, copy: &TableCopy, key: &[u8], field: u64, value: &[u8]) -> Result<(), Error> {
    let field = field.to_be_bytes();
    let fields = vec![(field[..].into(), value.into())];
    let op = Op::FieldPut { key: key.into(), fields, when: When::Always };
    let (_, outcome) = store.commit_one(copy, store.now_ms(), &op)?;
    outcome.map(drop).map_err(|refused| Error::Embedded(refused.to_string()))
}
