//! A data directory of each format that was ever written is read as it was then.
//!
//! `MNEMON_WRITE_FIXTURES=1` writes the directory of the present format where it is absent; it is committed once, and never
//! changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::checkpoint::CheckpointOptions;
use mnemon_disc::log::{Content, LogPlace, Record, open};
use mnemon_disc::testing::FaultyDisc;
use mnemon_disc::time::ManualTicker;
use mnemon_disc::{CheckpointRef, DataDirectory, Disc, DiscError, Durability, LogConfig, StreamId, Survey};

const OTHER: StreamId = StreamId::new(0x0001_0203).unwrap();

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 1 << 10, spares: 2, ..LogConfig::default() }
}

/// What every fixture holds: two tables, a log with two streams, a split entry, marks, and an orderly end.
fn write_sample(disc: &FaultyDisc) -> Result<(), DiscError> {
    let mut directory = DataDirectory::on(Arc::new(disc.clone()), || *b"sixteen bytes..!")?;
    let mut checkpoints = Vec::new();
    for (table, compress) in [(1, true), (2, false)] {
        let options = CheckpointOptions { block_bytes: 1 << 10, compress, ..CheckpointOptions::default() };
        let mut writer =
            directory.write_checkpoint(table, 40 + table, b"meta of the table".to_vec(), options)?;
        for number in 0..100_u8 {
            writer.push(&[number; 20])?;
        }
        let written = writer.finish()?;
        checkpoints.push(CheckpointRef {
            table,
            clock: 40 + table,
            entries: written.entries,
            bytes: written.bytes,
        });
    }
    directory.publish(1, checkpoints, b"meta of all".to_vec())?;
    let ticker = Box::new(ManualTicker::default());
    let mut opened = directory.open_log(config(), ticker, |_| Ok::<(), DiscError>(()))?;
    for (stream, len) in [(StreamId::LOCAL, 5), (OTHER, 300), (StreamId::LOCAL, 0), (OTHER, 1500)] {
        while opened.preparer.step()? {}
        let reservation = opened.log.reserve(len, Duration::ZERO)?;
        opened.log.append(reservation, stream, &vec![len as u8 | 1; len], Durability::Commit)?;
        opened.committer.step()?;
    }
    opened.log.truncate(OTHER, 4, Durability::Commit)?;
    opened.log.purge(OTHER, 2)?;
    opened.log.close();
    opened.committer.step().map(drop)
}

fn load(path: &Path) -> FaultyDisc {
    let disc = FaultyDisc::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        disc.put(&entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
    }
    disc
}

fn check(disc: &FaultyDisc, format: &str) {
    let survey = Survey::of(disc).unwrap();
    assert!(survey.is_intact() && survey.damage().count() == 0, "{format}:\n{survey}");
    let directory = DataDirectory::on(Arc::new(disc.clone()), || [0; 16]).unwrap();
    assert_eq!(directory.node().to_string(), "73697874-6565-4e20-a279-7465732e2e21", "{format}");
    let manifest = directory.manifest();
    assert_eq!((manifest.generation, manifest.log_from, &manifest.meta[..]), (1, 1, &b"meta of all"[..]));
    assert_eq!(
        manifest.checkpoints.iter().map(|of| (of.table, of.clock)).collect::<Vec<_>>(),
        [(1, 41), (2, 42)]
    );
    for of in &manifest.checkpoints {
        let checkpoint = directory.checkpoint(of).unwrap();
        assert_eq!(checkpoint.header().meta, b"meta of the table", "{format}");
        let blocks = (0..checkpoint.blocks()).map(|number| checkpoint.read_block(number).unwrap());
        let entries: Vec<Vec<u8>> =
            blocks.flat_map(|block| block.entries().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
        assert!(entries.into_iter().eq((0..100_u8).map(|number| vec![number; 20])), "{format}");
    }
    let mut records: Vec<Record<'static>> = Vec::new();
    let place = LogPlace {
        disc: directory.disc().clone(),
        node: directory.node(),
        ticker: Box::new(ManualTicker::default()),
        config: config(),
    };
    let opened = open(place, 1, |record| {
        records.push(record.into_owned());
        Ok::<(), DiscError>(())
    });
    assert!(opened.unwrap().found.closed, "{format}");
    let contents: Vec<(u64, u32, Content<'static>)> =
        records.into_iter().map(|record| (record.sequence, record.stream.number(), record.content)).collect();
    let entry = |len: usize| Content::Entry(vec![len as u8 | 1; len].into());
    let expected = [
        (1, 0, entry(5)),
        (2, 0x0001_0203, entry(300)),
        (3, 0, entry(0)),
        (4, 0x0001_0203, entry(1500)),
        (7, 0x0001_0203, Content::Truncate { from: 4 }),
        (8, 0x0001_0203, Content::Purge { below: 2 }),
        (9, 0, Content::Close),
    ];
    assert_eq!(contents, expected, "{format}");
}

#[test]
fn every_format_that_was_ever_written_is_read() {
    let present = fixtures().join("format-1");
    if std::env::var_os("MNEMON_WRITE_FIXTURES").is_some() && !present.exists() {
        let disc = FaultyDisc::new();
        write_sample(&disc).unwrap();
        std::fs::create_dir_all(&present).unwrap();
        for name in disc.list().unwrap().into_iter().filter(|name| !name.starts_with("spare-")) {
            std::fs::write(present.join(&name), disc.bytes(&name).unwrap()).unwrap();
        }
    }
    let mut formats = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        check(&load(&path), &path.display().to_string());
        formats += 1;
    }
    assert_eq!(formats, 1, "one directory a format");
}

#[test]
fn the_present_format_is_the_one_of_the_newest_fixture() {
    let disc = FaultyDisc::new();
    write_sample(&disc).unwrap();
    check(&disc, "as written now");
    let fixture = load(&fixtures().join("format-1"));
    // How well the compressed table shrinks is up to the compressor, not to the format.
    for name in fixture.names().into_iter().filter(|name| !name.starts_with("table-0000000000000001")) {
        assert_eq!(
            disc.bytes(&name),
            fixture.bytes(&name),
            "{name}: a changed layout needs a new format number"
        );
    }
}
