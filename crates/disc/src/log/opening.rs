//! Opening a log: every segment from a sequence number on is read and checked once, and its records are handed out.
//!
//! Nothing on the disc is changed. Writing goes on in a new segment, whose header tells where the old one ended: so a torn tail
//! needs no repair, and later damage to the last entries before it is found.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Condvar, Mutex};

use super::committer::Committer;
use super::config::LogConfig;
use super::frame::FrameKind;
use super::ledger::{Ledger, Sealed, Streams};
use super::preparer::Preparer;
use super::record::{Assembler, Content, Record};
use super::scan::{End, Scan};
use super::segment::{self, SegmentHeader, parse_segment_name, parse_spare_name, segment_name};
use super::shared::Shared;
use super::statistics::Counters;
use super::synced::Durable;
use super::workers::Workers;
use super::{Log, StreamId};
use crate::disc::{Disc, read_whole};
use crate::error::DiscError;
use crate::identity::NodeId;
use crate::time::Ticker;

/// Where a log is.
#[derive(Debug)]
pub struct LogPlace {
    /// The directory.
    pub disc: Arc<dyn Disc>,
    /// Whose log it is.
    pub node: NodeId,
    /// Where intervals and latencies come from.
    pub ticker: Box<dyn Ticker>,
    /// The settings.
    pub config: LogConfig,
}

/// A log that was read and can be written, and what will do the writing: either [`Opened::start`] puts the two on threads, or
/// a test takes their steps itself.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: Log,
    /// Writes and syncs.
    pub committer: Committer,
    /// Reserves and removes segments.
    pub preparer: Preparer,
    /// What was there.
    pub found: Found,
}

impl Opened {
    /// Starts the threads.
    ///
    /// # Errors
    /// `Io` when the operating system gives no threads.
    pub fn start(self) -> Result<(Log, Workers, Found), DiscError> {
        let workers = Workers::start(self.log.shared.clone(), self.committer, self.preparer)?;
        Ok((self.log, workers, self.found))
    }
}

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Segments that were read.
    pub segments: u64,
    /// Entries that were handed out.
    pub entries: u64,
    /// Bytes of good frames.
    pub bytes: u64,
    /// The next sequence number.
    pub next: u64,
    /// Whether the log had been closed in order.
    pub closed: bool,
    /// What was cut off.
    pub torn: Option<Torn>,
}

/// A tail that a crash had left incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Torn {
    /// The segment.
    pub file: String,
    /// Where the tail begins.
    pub offset: u64,
    /// Good frames in it, behind the incomplete one. None of them had been acknowledged as durable.
    pub frames: u64,
}

/// Opens the log of a directory and hands the records from sequence number `from` on (1: all) to `replay`, in their order. A
/// record that `Truncate` voids has been handed out before.
///
/// # Errors
/// `Corrupt`, `Missing`, `Foreign`, `UnknownFormat`, `Io`, and what `replay` answers. The disc is unchanged.
pub fn open<E: From<DiscError>>(
    place: LogPlace,
    from: u64,
    mut replay: impl FnMut(Record<'_>) -> Result<(), E>,
) -> Result<Opened, E> {
    let LogPlace { disc, node, ticker, config } = place;
    let config = config.within_limits();
    let names = disc.list().map_err(DiscError::io("list", "the data directory"))?;
    let firsts = segments(&names);
    let begin = first_needed(&firsts, from)?;
    let mut walk =
        Walk { disc: &*disc, node, from, found: Found::default(), assembler: Assembler::default() };
    let mut ledger = Ledger::new(node, config.segment_bytes, from.max(1));
    let mut releases = Vec::new();
    let mut last = None;
    // Those before are no longer needed; the next purge frees them.
    let unread = firsts.iter().take(begin).map(|first| Sealed { first: *first, streams: Streams::new() });
    ledger.sealed.extend(unread);
    for (place, first) in firsts.iter().enumerate().skip(begin) {
        let followed_by = firsts.get(place + 1).copied();
        let (streams, good) = walk.segment(*first, followed_by, &mut releases, &mut replay)?;
        // An empty last segment is replaced when the next one is begun: it would have the same name.
        if walk.found.next > *first {
            ledger.sealed.push_back(Sealed { first: *first, streams });
            ledger.placed(*first);
            last = Some((*first, good));
        }
        ledger.next = walk.found.next;
    }
    let found = walk.found;
    if ledger.next < from {
        let what =
            format!("the log ends before entry {}, the checkpoints need it from {from} on", ledger.next);
        return Err(DiscError::Missing { file: "the end of the log".to_owned(), what }.into());
    }
    // Even a log that says it was closed: that it says so does not mean that it reached the disc.
    if let Some((first, good)) = last {
        settle(&*disc, first, &good)?;
    }
    for (stream, below) in releases {
        ledger.release(stream, below);
    }
    Ok(assemble(disc, ticker, config, ledger, found, &names))
}

/// What was replayed must not vanish in the next crash: a killed process may have left it unsynced. It is written again, not
/// only synced: after a sync that failed, the operating system shows bytes that it will never write by itself.
fn settle(disc: &dyn Disc, first: u64, good: &[u8]) -> Result<(), DiscError> {
    let name = segment_name(first);
    let file = disc.open(&name).map_err(DiscError::io("open", &name))?;
    file.write_at(0, good).map_err(DiscError::io("write", &name))?;
    file.sync().map_err(DiscError::io("sync", &name))
}

fn assemble(
    disc: Arc<dyn Disc>,
    ticker: Box<dyn Ticker>,
    config: LogConfig,
    mut ledger: Ledger,
    mut found: Found,
    names: &[String],
) -> Opened {
    found.next = ledger.next;
    ledger.floor = ledger.next;
    ledger.sync_wanted = ledger.next;
    ledger.awaited = ledger.next;
    let spares: Vec<&String> = names.iter().filter(|name| parse_spare_name(name).is_some()).collect();
    let last_spare = spares.iter().filter_map(|name| parse_spare_name(name)).max().unwrap_or(0);
    // Their content is whatever the crash left: they are cleared before they are used.
    ledger.retired.extend(spares.into_iter().cloned());
    let shared = Arc::new(Shared {
        disc,
        node: ledger.node(),
        config,
        ticker,
        last_spare: AtomicU64::new(last_spare),
        durable: Durable::new(ledger.next),
        ledger: Mutex::new(ledger),
        work: Condvar::new(),
        prepare: Condvar::new(),
        room: Condvar::new(),
        counters: Counters::default(),
    });
    Opened {
        committer: Committer::new(shared.clone()),
        preparer: Preparer::over(shared.clone()),
        log: Log { shared },
        found,
    }
}

/// The first sequence numbers of all segments, in order.
pub(crate) fn segments(names: &[String]) -> Vec<u64> {
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    firsts.sort_unstable();
    firsts
}

/// The place of the segment that holds `from`.
fn first_needed(firsts: &[u64], from: u64) -> Result<usize, DiscError> {
    let missing = |file: String, what: String| Err(DiscError::Missing { file, what });
    match (firsts.first(), firsts.partition_point(|first| *first <= from.max(1)).checked_sub(1)) {
        (_, Some(place)) => Ok(place),
        (None, None) if from <= 1 => Ok(0),
        (None, None) => {
            missing("the log".to_owned(), format!("the checkpoints need it from entry {from} on"))
        }
        (Some(first), None) => {
            let what =
                format!("entries {from} to {} are needed and there is no segment with them", first - 1);
            missing(segment_name(from), what)
        }
    }
}

/// A segment's bytes, its header checked, and the salt of its frames.
pub(crate) fn load(disc: &dyn Disc, first: u64, node: NodeId) -> Result<(Vec<u8>, u32), DiscError> {
    let name = segment_name(first);
    let bytes = read_whole(disc, &name, segment::MAX_LEN)?;
    let (header, salt) = SegmentHeader::decode(&bytes, &name, node)?;
    // Segments are reserved as a whole and never shortened: what is missing may have held entries.
    if bytes.len() as u64 == header.len {
        Ok((bytes, salt))
    } else {
        let what = format!("it has {} bytes instead of {}", bytes.len(), header.len);
        Err(DiscError::corrupt(&name, bytes.len() as u64, what))
    }
}

/// Goes through segments in order.
struct Walk<'d> {
    disc: &'d dyn Disc,
    node: NodeId,
    from: u64,
    found: Found,
    assembler: Assembler,
}

impl Walk<'_> {
    /// Reads one segment and gives it up to the end of its good frames. `followed_by`: the first sequence number of the
    /// next one.
    fn segment<E: From<DiscError>>(
        &mut self,
        first: u64,
        followed_by: Option<u64>,
        releases: &mut Vec<(StreamId, u64)>,
        replay: &mut impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(Streams, Vec<u8>), E> {
        let name = segment_name(first);
        let (mut bytes, salt) = load(self.disc, first, self.node)?;
        let mut scan = Scan::new(&bytes, salt, first);
        let mut streams = Streams::new();
        loop {
            let (offset, leads) = (scan.offset(), scan.expected() == first);
            let Some(frame) = scan.next_frame() else { break };
            if frame.header.kind.pins() {
                streams.insert(frame.header.stream, frame.header.sequence);
            }
            let fed = self.assembler.feed(frame, leads);
            let record = fed.map_err(|what| DiscError::corrupt(&name, offset as u64, what))?;
            self.found.closed = frame.header.kind == FrameKind::Close;
            let Some(record) = record else { continue };
            if let Content::Purge { below } = record.content {
                releases.push((record.stream, below));
            }
            if record.sequence >= self.from {
                self.found.entries += u64::from(matches!(record.content, Content::Entry(_)));
                replay(record)?;
            }
        }
        self.found.segments += 1;
        let end = scan.offset();
        self.found.bytes += end as u64;
        self.found.next = scan.expected();
        self.finish(&name, &scan, followed_by)?;
        bytes.truncate(end);
        Ok((streams, bytes))
    }

    /// Decides what it means that the segment's good frames end here.
    fn finish(&mut self, name: &str, scan: &Scan<'_>, followed_by: Option<u64>) -> Result<(), DiscError> {
        let (offset, expected) = (scan.offset() as u64, scan.expected());
        match followed_by {
            // The next header says where this segment ended; what lies behind is of no account.
            Some(next) if next == expected => Ok(()),
            Some(next) => {
                let what =
                    format!("entry {expected} is bad or missing, and the next segment begins with {next}");
                Err(DiscError::corrupt(name, offset, what))
            }
            None => match scan.judge() {
                End::Clean => Ok(()),
                End::Torn { frames } => {
                    self.found.torn = Some(Torn { file: name.to_owned(), offset, frames });
                    Ok(())
                }
                End::Corrupt { what } => Err(DiscError::corrupt(name, offset, what)),
            },
        }
    }
}

/// Hands out the records from sequence number `from` on, or all that are there, until the end or the first damage. Changes
/// nothing and prepares no writing.
pub(crate) fn read_prefix<E: From<DiscError>>(
    disc: &dyn Disc,
    node: NodeId,
    from: Option<u64>,
    names: &[String],
    mut replay: impl FnMut(Record<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let firsts = segments(names);
    let from = from.or(firsts.first().copied()).unwrap_or(1);
    let begin = first_needed(&firsts, from)?;
    let (found, assembler) = (Found::default(), Assembler::default());
    let mut walk = Walk { disc, node, from, found, assembler };
    for (place, first) in firsts.iter().enumerate().skip(begin) {
        walk.segment(*first, firsts.get(place + 1).copied(), &mut Vec::new(), &mut replay)?;
    }
    Ok(())
}

/// What is intact in one segment: its good frames, and why they end. For a survey, which goes on past damage.
pub(crate) fn survey_segment(
    disc: &dyn Disc,
    first: u64,
    node: NodeId,
    followed_by: Option<u64>,
) -> (u64, u64, Result<Option<Torn>, DiscError>) {
    let name = segment_name(first);
    let (bytes, salt) = match load(disc, first, node) {
        Ok(loaded) => loaded,
        Err(cause) => return (0, 0, Err(cause)),
    };
    let mut scan = Scan::new(&bytes, salt, first);
    while scan.next_frame().is_some() {}
    let (found, assembler) = (Found::default(), Assembler::default());
    let mut walk = Walk { disc, node, from: 0, found, assembler };
    let ended = walk.finish(&name, &scan, followed_by);
    (scan.expected() - first, scan.offset() as u64, ended.map(|()| walk.found.torn))
}
