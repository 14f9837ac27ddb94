//! A log under a script: what was appended, what was acknowledged, and what must be found again.

use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::log::{Content, LogPlace, Opened, open};
use mnemon_disc::testing::FaultyDisc;
use mnemon_disc::time::ManualTicker;
use mnemon_disc::{Disc, DiscError, Durability, LogConfig, NodeId, StreamId};

pub(crate) const NODE: NodeId = NodeId([0x11; 16]);

/// Small segments, so that a short script fills several.
pub(crate) fn small() -> LogConfig {
    LogConfig { segment_bytes: 1 << 10, ..LogConfig::default() }
}

/// What was appended, in order: sequence number and bytes.
pub(crate) type Entries = Vec<(u64, Vec<u8>)>;

/// Opens the log of a disc and collects its entries from a sequence number on.
pub(crate) fn open_log(disc: Arc<dyn Disc>, from: u64) -> Result<(Opened, Entries), DiscError> {
    let mut entries = Vec::new();
    let ticker = Box::new(ManualTicker::default());
    let place = LogPlace { disc, node: NODE, ticker, config: small() };
    let opened = open(place, from, |record| {
        if let Content::Entry(bytes) = record.content {
            entries.push((record.sequence, bytes.into_owned()));
        }
        Ok::<(), DiscError>(())
    })?;
    Ok((opened, entries))
}

/// One step of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Append an entry of so many bytes.
    Append(usize, Durability),
    /// Let the committer work.
    Commit,
    /// Let the preparer work until it has nothing to do.
    Prepare,
    /// Release all but the last so many entries that are durable.
    Purge(usize),
    /// Open the log anew, as after a kill of the process.
    Reopen,
    /// Close the log in order and open it anew.
    Close,
}

/// A log that is taken through a script, and what is known of it.
pub(crate) struct Run {
    disc: FaultyDisc,
    opened: Option<Opened>,
    /// Every entry that was not refused, with the number after its last part.
    pub(crate) appended: Vec<(u64, u64, Vec<u8>)>,
    /// Every entry below is durable.
    pub(crate) acknowledged: u64,
    /// Entries from here on are needed.
    pub(crate) needed: u64,
    number: u8,
}

impl Run {
    pub(crate) fn new(disc: &FaultyDisc) -> Self {
        let disc = disc.clone();
        let mut run =
            Self { disc, opened: None, appended: Vec::new(), acknowledged: 1, needed: 1, number: 0 };
        run.reopen();
        run
    }

    fn reopen(&mut self) {
        self.opened = None;
        match open_log(Arc::new(self.disc.clone()), self.needed) {
            Ok((opened, entries)) => {
                // What a killed process had not written yet is gone and was not acknowledged.
                self.check(&entries, "after a kill");
                self.appended.truncate(self.appended.len() - self.lost(&entries));
                self.acknowledged = self.acknowledged.max(opened.log.durable());
                self.opened = Some(opened);
            }
            Err(cause) => assert!(!cause.is_damage(), "{cause}"),
        }
    }

    fn lost(&self, entries: &Entries) -> usize {
        self.appended.iter().filter(|(sequence, ..)| *sequence >= self.needed).count() - entries.len()
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Reopen => return self.reopen(),
            Step::Close => {
                if let Some(opened) = &mut self.opened {
                    opened.log.close();
                    let _ = opened.committer.step();
                    self.acknowledged = opened.log.durable();
                }
                return self.reopen();
            }
            _ => {}
        }
        let Some(Opened { log, committer, preparer, .. }) = &mut self.opened else { return };
        match step {
            Step::Append(len, durability) => {
                self.number = self.number.wrapping_add(1);
                let payload: Vec<u8> = (0..len).map(|place| (place as u8) ^ self.number | 1).collect();
                let appended = log
                    .reserve(len, Duration::ZERO)
                    .and_then(|reservation| log.append(reservation, StreamId::LOCAL, &payload, durability));
                if let Ok(position) = appended {
                    self.appended.push((position.sequence, position.next(), payload));
                }
            }
            Step::Commit => drop(committer.step()),
            Step::Prepare => {
                // Errors are final for this round, as they are between two tries of the thread.
                while let Ok(true) = preparer.step() {}
            }
            Step::Purge(keep) => {
                let durable: Vec<u64> = self
                    .appended
                    .iter()
                    .filter(|entry| entry.1 <= self.acknowledged)
                    .map(|entry| entry.0)
                    .collect();
                if let Some(below) = durable.len().checked_sub(keep).and_then(|place| durable.get(place)) {
                    self.needed = self.needed.max(*below);
                    let _ = log.purge(StreamId::LOCAL, *below);
                }
            }
            Step::Reopen | Step::Close => {}
        }
        self.acknowledged = self.acknowledged.max(log.durable());
    }

    /// What was found must be what was appended, without a gap, and reach at least as far as was acknowledged.
    pub(crate) fn check(&self, found: &Entries, when: &str) {
        let needed = self.appended.iter().filter(|entry| entry.0 >= self.needed);
        for (place, (sequence, _, payload)) in needed.clone().enumerate() {
            match found.get(place) {
                Some(entry) => {
                    assert!(
                        entry.0 == *sequence && entry.1 == *payload,
                        "{when}: entry {sequence} is another"
                    );
                }
                None => assert!(
                    needed.clone().skip(place).all(|entry| entry.1 > self.acknowledged),
                    "{when}: entry {sequence} was acknowledged and is gone"
                ),
            }
        }
        assert!(found.len() <= needed.count(), "{when}: more entries than were appended");
    }

    /// Opens the disc as it is after a crash, checks it, and goes on for a while.
    pub(crate) fn check_after_crash(&self, disc: &FaultyDisc, when: &str) {
        let (mut opened, mut entries) = open_log(Arc::new(disc.clone()), self.needed)
            .unwrap_or_else(|cause| panic!("{when}: {cause}\n{:?}", disc.names()));
        self.check(&entries, when);
        while opened.preparer.step().expect("a disc without faults") {}
        for len in [3, 900] {
            let payload = vec![0xee; len];
            let reservation = opened.log.reserve(len, Duration::ZERO).expect("room");
            let position = opened
                .log
                .append(reservation, StreamId::LOCAL, &payload, Durability::Commit)
                .expect("an open log");
            entries.push((position.sequence, payload));
            opened.committer.step().expect("a disc without faults");
            assert!(opened.log.is_durable(position), "{when}: not durable after a sync");
        }
        drop(opened);
        let (_, again) = open_log(Arc::new(disc.restart(mnemon_disc::testing::Fate::Lost)), self.needed)
            .unwrap_or_else(|cause| panic!("{when}, once more: {cause}"));
        assert_eq!(again, entries, "{when}, once more");
    }
}
