//! How fast a checkpoint is written and read: `cargo run --release -p mnemon-disc --example checkpoint -- [DIRECTORY]`. One million
//! entries of 56 bytes, with and without compression; one JSON line for each.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::PathBuf;

use mnemon_disc::checkpoint::{Checkpoint, CheckpointHeader, CheckpointOptions, CheckpointWriter};
use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_disc::{FsDisc, NodeId};

const ENTRIES: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("mnemon-checkpoint"), PathBuf::from);
    let disc = FsDisc::open(&directory)?;
    let node = NodeId([1; 16]);
    let clock = SystemTicker::new();
    for compress in [false, true] {
        let header = CheckpointHeader { table: 1, clock: 1, node, meta: Vec::new() };
        let options = CheckpointOptions { compress, ..CheckpointOptions::default() };
        let begun = clock.now_us();
        let mut writer = CheckpointWriter::create(&disc, &header, options)?;
        let mut entry = [0x20; 56];
        for number in 0..ENTRIES {
            entry[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            writer.push(&entry)?;
        }
        let written = writer.finish()?;
        let write_ms = (clock.now_us() - begun) / 1000;
        let begun = clock.now_us();
        let checkpoint = Checkpoint::open(&disc, &written.file, node)?;
        let mut bytes = 0;
        for number in 0..checkpoint.blocks() {
            bytes += checkpoint.read_block(number)?.entries().map(<[u8]>::len).sum::<usize>();
        }
        println!(
            "{{\"compress\":{compress},\"entries\":{ENTRIES},\"write_ms\":{write_ms},\"read_ms\":{},\"file_bytes\":{},\
             \"entry_bytes\":{bytes}}}",
            (clock.now_us() - begun) / 1000,
            written.bytes,
        );
    }
    drop(disc);
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
