//! A look at a data directory that changes nothing: what is intact, what is damaged and where. For `repair --dry-run`.

use std::fmt;

use crate::checkpoint::{Checkpoint, parse_checkpoint_name};
use crate::directory::holds_data;
use crate::disc::{DRAFT_SUFFIX, Disc};
use crate::error::DiscError;
use crate::fs_disc::LOCK_NAME;
use crate::identity::{self, IDENTITY_NAME, NodeId};
use crate::log::{log_segments, parse_segment_name, parse_spare_name, segment_name, survey_segment};
use crate::manifest::{CheckpointRef, Manifest, generations, parse_manifest_name};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// Whose directory it is.
    Identity,
    /// Which checkpoints count.
    Manifest,
    /// A table's rows.
    Checkpoint {
        /// The table's number.
        table: u64,
    },
    /// A piece of the log.
    Segment,
    /// Something of no account: reserved space, the lock, what a crash left half.
    Spare,
    /// Nothing of ours.
    Unknown,
}

/// One file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Its name.
    pub file: String,
    /// What it is.
    pub kind: FileKind,
    /// Whether the directory's state rests on it.
    pub counts: bool,
    /// Entries of it that can be read.
    pub entries: u64,
    /// A tail that a crash left incomplete, from this byte on; it will be ignored, as it should.
    pub torn_at: Option<u64>,
    /// What is wrong with it.
    pub damage: Vec<DiscError>,
}

/// What a data directory is like.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Whose it is, as far as that can be told.
    pub node: Option<NodeId>,
    /// Every file, by name, and those that are missing.
    pub files: Vec<FileReport>,
}

impl Survey {
    /// Looks at every byte of a directory. Nothing is changed. Reads all files once.
    ///
    /// # Errors
    /// `Io` when the directory itself cannot be read; what is wrong with files is in the answer.
    pub fn of(disc: &dyn Disc) -> Result<Self, DiscError> {
        let mut names = disc.list().map_err(DiscError::io("list", "the data directory"))?;
        names.sort_unstable();
        let found = identity::read(disc);
        let node = node_of(disc, &names);
        let look = Look { disc, node, manifest: None, segments: log_segments(&names) };
        let manifest = node.and_then(|node| {
            let good = |generation: u64| Manifest::read(disc, generation, node).ok();
            generations(&names).into_iter().find_map(good)
        });
        let look = Look { manifest, ..look };
        let mut files: Vec<FileReport> = names.iter().map(|name| look.file(name)).collect();
        if let (Err(cause), false) = (found, names.iter().any(|name| name == IDENTITY_NAME))
            && names.iter().any(|name| holds_data(name))
        {
            files.push(report(IDENTITY_NAME, FileKind::Identity, true, Err(cause)));
        }
        files.extend(look.missing(&names));
        Ok(Self { node, files })
    }

    /// Whether nothing is damaged that the state rests on.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.files.iter().all(|file| file.damage.is_empty() || !file.counts)
    }

    /// Everything that is wrong.
    pub fn damage(&self) -> impl Iterator<Item = &DiscError> {
        self.files.iter().flat_map(|file| &file.damage)
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => writeln!(f, "node {node}")?,
            None => writeln!(f, "node unknown")?,
        }
        for file in self.files.iter().filter(|file| file.kind != FileKind::Spare || !file.damage.is_empty()) {
            let FileReport { file: name, entries, .. } = file;
            let state = match (file.damage.is_empty(), file.torn_at, file.counts) {
                (false, ..) => "DAMAGED".to_owned(),
                (true, Some(at), _) => format!("intact up to an incomplete tail at byte {at}"),
                (true, None, true) => "intact".to_owned(),
                (true, None, false) => "intact, not needed".to_owned(),
            };
            writeln!(f, "{name}: {state}, {entries} entries can be read")?;
            for damage in &file.damage {
                writeln!(f, "  {damage}")?;
            }
        }
        Ok(())
    }
}

struct Look<'d> {
    disc: &'d dyn Disc,
    node: Option<NodeId>,
    manifest: Option<Manifest>,
    segments: Vec<u64>,
}

impl Look<'_> {
    fn file(&self, name: &str) -> FileReport {
        if name == IDENTITY_NAME {
            return report(name, FileKind::Identity, true, identity::read(self.disc).map(|_| 0));
        }
        if name == LOCK_NAME || name.ends_with(DRAFT_SUFFIX) || parse_spare_name(name).is_some() {
            return report(name, FileKind::Spare, false, Ok(0));
        }
        let Some(node) = self.node else {
            return report(name, FileKind::Unknown, false, Ok(0));
        };
        if let Some(generation) = parse_manifest_name(name) {
            // A damaged one newer than the one that can be used counts: it should have been used.
            let current = self.manifest.as_ref().map_or(0, |manifest| manifest.generation);
            let read = Manifest::read(self.disc, generation, node);
            return report(name, FileKind::Manifest, generation >= current, read.map(|_| 0));
        }
        if let Some((table, clock)) = parse_checkpoint_name(name) {
            let is_it = |of: &CheckpointRef| (of.table, of.clock) == (table, clock);
            let counts =
                self.manifest.as_ref().is_some_and(|manifest| manifest.checkpoints.iter().any(is_it));
            return self.checkpoint(name, table, counts, node);
        }
        match parse_segment_name(name) {
            Some(first) => self.segment(name, first, node),
            None => report(name, FileKind::Unknown, false, Ok(0)),
        }
    }

    /// Reads every block, past those that are damaged.
    fn checkpoint(&self, name: &str, table: u64, counts: bool, node: NodeId) -> FileReport {
        let mut found = report(name, FileKind::Checkpoint { table }, counts, Ok(0));
        match Checkpoint::open(self.disc, name, node) {
            Ok(checkpoint) => {
                for number in 0..checkpoint.blocks() {
                    match checkpoint.read_block(number) {
                        Ok(block) => found.entries += block.entries().count() as u64,
                        Err(cause) => found.damage.push(cause),
                    }
                }
            }
            Err(cause) => found.damage.push(cause),
        }
        found
    }

    fn segment(&self, name: &str, first: u64, node: NodeId) -> FileReport {
        let next = self.segments.iter().copied().find(|other| *other > first);
        let from = self.manifest.as_ref().map_or(1, |manifest| manifest.log_from);
        let counts = next.is_none_or(|next| next > from);
        let (entries, end, ended) = survey_segment(self.disc, first, node, next);
        let (torn, damage) = match ended {
            Ok(torn) => (torn, Vec::new()),
            Err(cause) => (None, vec![cause]),
        };
        let torn_at = torn.map(|_| end);
        FileReport { file: name.to_owned(), kind: FileKind::Segment, counts, entries, torn_at, damage }
    }

    /// Files that should be there.
    fn missing(&self, names: &[String]) -> Vec<FileReport> {
        let Some(manifest) = &self.manifest else { return Vec::new() };
        let absent = |file: String, kind, what: &str| {
            report(&file, kind, true, Err(DiscError::Missing { file: file.clone(), what: what.to_owned() }))
        };
        let checkpoints = manifest.checkpoints.iter().filter(|of| !names.contains(&of.file()));
        let mut found: Vec<FileReport> = checkpoints
            .map(|of| absent(of.file(), FileKind::Checkpoint { table: of.table }, "the manifest names it"))
            .collect();
        if manifest.log_from > 1 && self.segments.first().is_none_or(|first| *first > manifest.log_from) {
            let what = "the checkpoints need the log from there on";
            found.push(absent(segment_name(manifest.log_from), FileKind::Segment, what));
        }
        found
    }
}

fn report(name: &str, kind: FileKind, counts: bool, entries: Result<u64, DiscError>) -> FileReport {
    let (entries, damage) = match entries {
        Ok(entries) => (entries, Vec::new()),
        Err(cause) => (0, vec![cause]),
    };
    FileReport { file: name.to_owned(), kind, counts, entries, torn_at: None, damage }
}

/// Whose directory it is, as far as that can be told.
pub(crate) fn node_of(disc: &dyn Disc, names: &[String]) -> Option<NodeId> {
    identity::read(disc).ok().or_else(|| guess_node(disc, names))
}

/// Whose files these seem to be, when the directory does not say.
fn guess_node(disc: &dyn Disc, names: &[String]) -> Option<NodeId> {
    names.iter().find_map(|name| {
        let offset = match () {
            () if parse_segment_name(name).is_some() => 24,
            () if parse_manifest_name(name).is_some() => 16,
            () if parse_checkpoint_name(name).is_some() => 32,
            () => return None,
        };
        let mut node = [0; 16];
        let read = disc.open(name).and_then(|file| file.read_at(offset, &mut node));
        matches!(read, Ok(16)).then_some(NodeId(node))
    })
}
