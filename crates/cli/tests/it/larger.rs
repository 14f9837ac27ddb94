//! A table on disc only that is many times as large as the memory it may take: filled, read at random, scanned, backed up,
//! transformed, started anew.

use std::fs;
use std::ops::Range;
use std::sync::LazyLock;

use redis::{Connection, cmd, pipe};

use crate::crash::connect;
use crate::data::place;
use crate::process::{Running, binary_on};

/// Of all tables on disc only: blocks and changes.
const MEMORY_BYTES: u64 = 16 << 20;
const BODY_BYTES: usize = 4 << 10;
const ROWS: u64 = 8 * MEMORY_BYTES / BODY_BYTES as u64;
const A_PIPELINE: u64 = 64;
/// What the process may grow by beside, as `docs/limits.md` says: what the allocator keeps back, buffers of flushes, of compactions
/// and of the log, answers under way.
const BESIDE_BYTES: u64 = 48 << 20;
/// What a transformation takes while it runs: pages of both shapes, and their entries of the log.
const MOVE_BYTES: u64 = 20 << 20;
/// What twice as large a table may take more: the peaks of equal runs differ by half of it.
const GROWTH_BYTES: u64 = 16 << 20;

/// A text that cannot be packed: a piece of a long one without repetitions, another for every record.
fn body(id: u64) -> &'static str {
    static LETTERS: LazyLock<String> = LazyLock::new(|| {
        let mut state = 1_u64;
        let mut letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + ((state >> 33) % 26) as u8)
        };
        (0..1 << 20).map(&mut letter).collect()
    });
    let first = id.wrapping_mul(0x9e37_79b9) as usize % (LETTERS.len() - BODY_BYTES);
    &LETTERS[first..first + BODY_BYTES]
}

fn record(id: u64) -> String {
    format!("{{\"id\":{id},\"text\":\"{}\"}}", body(id))
}

fn resident_bytes(node: &Running, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).expect("the figure is there");
    let kilobytes = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().expect("a number") << 10
}

fn start(data: &std::path::Path) -> (Running, Connection) {
    let mut command = binary_on(data);
    // What the allocator keeps back for later differs from run to run, and hides what is in use.
    command.env("MIMALLOC_PURGE_DELAY", "0");
    let cache = MEMORY_BYTES.to_string();
    let node = Running::start(command.args(["--disc-cache-bytes", &cache, "--checkpoint-bytes", "8mb"]));
    let client = connect(node.address()).expect("the node listens");
    (node, client)
}

/// Reads rows all over the table, then all of it in order.
fn read(client: &mut Connection, all: u64) {
    let mut state = 7_u64;
    for _ in 0..all / 8 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let id = (state >> 33) % all;
        let rows: Vec<String> = cmd("T.READ").arg("large").arg(id).query(client).expect("a read");
        assert_eq!(rows, [record(id)]);
    }
    let mut next = 0;
    while next < all {
        let mut range = cmd("T.RANGE");
        range.arg("large").arg("FROM").arg(next).arg("LIMIT").arg(100);
        let rows: Vec<String> = range.query(client).expect("a range");
        assert!(!rows.is_empty(), "nothing from {next} on");
        for row in rows {
            assert!(row == record(next), "record {next}");
            next += 1;
        }
    }
}

fn write(client: &mut Connection, ids: Range<u64>) {
    for first in ids.clone().step_by(A_PIPELINE as usize) {
        let mut writes = pipe();
        for id in first..(first + A_PIPELINE).min(ids.end) {
            writes.cmd("T.WRITE").arg("large").arg(record(id)).ignore();
        }
        writes.query::<()>(client).expect("writes");
    }
}

#[test]
fn a_table_of_eight_times_its_memory_stays_within_it_and_twice_as_large_a_one_as_well() {
    let data = place("larger");
    let (node, mut client) = start(&data);
    let mut create = cmd("T.CREATE");
    create.arg("large").arg("KIND").arg("ordered_set").arg("ATTRS").arg("id:int,text");
    create.arg("STORAGE").arg("disc_only").arg("DURABILITY").arg("none");
    create.query::<()>(&mut client).expect("a new table");
    let before = resident_bytes(&node, "VmRSS");
    let bound = before + MEMORY_BYTES + BESIDE_BYTES;
    write(&mut client, 0..ROWS);
    read(&mut client, ROWS);
    // Now the blocks are there, and changes come on top.
    write(&mut client, 0..ROWS);
    read(&mut client, ROWS);
    // A backup is read and written piece by piece.
    cmd("T.BACKUP").arg("whole").query::<redis::Value>(&mut client).expect("a backup");
    let eight = resident_bytes(&node, "VmHWM");
    assert!(
        eight < bound,
        "{eight} bytes at most, {before} before {} bytes of records came",
        ROWS * BODY_BYTES as u64
    );
    write(&mut client, ROWS..2 * ROWS);
    read(&mut client, 2 * ROWS);
    let sixteen = resident_bytes(&node, "VmHWM");
    assert!(
        sixteen < bound && sixteen < eight + GROWTH_BYTES,
        "{sixteen} bytes of twice as much, {eight} before"
    );
    let mut transform = cmd("T.TRANSFORM");
    transform.arg("large").arg("ATTRS").arg("id:int,text,more").arg("DEFAULTS").arg("{\"more\":1}");
    assert_eq!(transform.query::<u64>(&mut client).expect("a new shape"), 2 * ROWS);
    let transformed = resident_bytes(&node, "VmHWM");
    assert!(transformed < bound + MOVE_BYTES, "{transformed} bytes of a transformation, {sixteen} before");
    transform = cmd("T.TRANSFORM");
    transform.arg("large").arg("ATTRS").arg("id:int,text");
    assert_eq!(transform.query::<u64>(&mut client).expect("the old shape"), 2 * ROWS);
    drop(client);
    node.signal("TERM");
    let (status, log) = node.end();
    assert_eq!(status.code(), Some(0), "{log}");

    let (node, mut client) = start(&data);
    read(&mut client, 2 * ROWS);
    let again = resident_bytes(&node, "VmHWM");
    assert!(again < bound, "{again} bytes after a restart");
    println!(
        "{} MiB of records: at first {} MiB resident, at most {}; of twice as many {}, with a transformation {}; after a restart {}",
        (ROWS * BODY_BYTES as u64) >> 20,
        before >> 20,
        eight >> 20,
        sixteen >> 20,
        transformed >> 20,
        again >> 20
    );
}
