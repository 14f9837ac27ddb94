//! A table on disc only that is eight times as large as the memory it may take: filled, read at random, scanned, started anew.

use std::fs;

use redis::{Connection, cmd, pipe};

use crate::crash::connect;
use crate::data::place;
use crate::process::{Running, binary_on};

/// Of blocks that were read; changes that wait to be written take as much again.
const CACHE_BYTES: u64 = 8 << 20;
const MEMORY_BYTES: u64 = 2 * CACHE_BYTES;
const BODY_BYTES: usize = 4 << 10;
const ROWS: u64 = 8 * MEMORY_BYTES / BODY_BYTES as u64;
const A_PIPELINE: u64 = 64;
/// What the process may grow by beside: the log's buffers and what a start reads of it, runs being written, answers under way,
/// what the allocator holds back.
const BESIDE_BYTES: u64 = 40 << 20;

fn body(id: u64) -> String {
    // Not to be packed: a different letter at each place.
    let letter = |place: u64| char::from(b'a' + ((id.wrapping_mul(0x9e37_79b9) >> (place % 29)) % 26) as u8);
    (0..BODY_BYTES as u64).map(letter).collect()
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
    let cache = CACHE_BYTES.to_string();
    let node = Running::start(command.args(["--disc-cache-bytes", &cache, "--checkpoint-bytes", "8mb"]));
    let client = connect(node.address()).expect("the node listens");
    (node, client)
}

/// Reads rows all over the table, then all of it in order.
fn read(client: &mut Connection) {
    let mut state = 7_u64;
    for _ in 0..ROWS / 8 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let id = (state >> 33) % ROWS;
        let rows: Vec<String> = cmd("T.READ").arg("large").arg(id).query(client).expect("a read");
        assert_eq!(rows, [record(id)]);
    }
    let mut next = 0;
    while next < ROWS {
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

#[test]
fn a_table_of_eight_times_its_memory_stays_within_it() {
    let data = place("larger");
    let (node, mut client) = start(&data);
    let mut create = cmd("T.CREATE");
    create.arg("large").arg("KIND").arg("ordered_set").arg("ATTRS").arg("id:int,text");
    create.arg("STORAGE").arg("disc_only").arg("DURABILITY").arg("none");
    create.query::<()>(&mut client).expect("a new table");
    let before = resident_bytes(&node, "VmRSS");
    for first in (0..ROWS).step_by(A_PIPELINE as usize) {
        let mut writes = pipe();
        for id in first..first + A_PIPELINE {
            writes.cmd("T.WRITE").arg("large").arg(record(id)).ignore();
        }
        writes.query::<()>(&mut client).expect("writes");
    }
    read(&mut client);
    let most = resident_bytes(&node, "VmHWM");
    assert!(
        most < before + MEMORY_BYTES + BESIDE_BYTES,
        "{most} bytes at most, {before} before {} bytes of records came",
        ROWS * BODY_BYTES as u64
    );
    drop(client);
    node.signal("TERM");
    let (status, log) = node.end();
    assert_eq!(status.code(), Some(0), "{log}");

    let (node, mut client) = start(&data);
    read(&mut client);
    let again = resident_bytes(&node, "VmHWM");
    assert!(again < before + MEMORY_BYTES + BESIDE_BYTES, "{again} bytes after a restart");
    println!(
        "{} MiB of records: at first {} MiB resident, at most {}, after a restart {}",
        (ROWS * BODY_BYTES as u64) >> 20,
        before >> 20,
        most >> 20,
        again >> 20
    );
}
