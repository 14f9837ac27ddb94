//! Trees of rows as log-structured merge trees, each in a directory of its own: `<table>.<generation>`.
//!
//! What must stay true: the library's memtable and its versions of keys are not used. Every change is an ingestion, which is
//! one sorted run and then one new list of runs, both synced; a reader sees the newest list. What a failed write leaves
//! behind is removed at once, as a full disc must not become fuller by trying again.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use lsm_tree::compaction::Leveled;
use lsm_tree::config::{BlockSizePolicy, PartitioningPolicy, PinningPolicy};
use lsm_tree::{AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, SeqNo, SequenceNumberCounter};
use parking_lot::Mutex;

use super::{MAX_ROW_KEY_BYTES, RowChange, RowSpan, RowTree, RowTrees, salvage};
use crate::error::DiscError;

/// Open files that all trees share.
const DESCRIPTORS: usize = 256;
/// What a read brings into the cache.
const BLOCK_BYTES: u32 = 4 << 10;
/// Compactions write files of about this size.
const RUN_BYTES: u64 = 32 << 20;
/// Reads are of the newest state.
const NEWEST: SeqNo = SeqNo::MAX;
/// The file that names the newest list of runs: its number, its checksum and the checksum's kind.
const CURRENT_NAME: &str = "current";
const CURRENT_LEN: usize = 8 + 16 + 1;
pub(super) const RUNS_NAME: &str = "tables";

/// Trees in one directory, with one cache.
pub struct LsmTrees {
    path: PathBuf,
    cache: Arc<Cache>,
    descriptors: Arc<DescriptorTable>,
    open: Mutex<HashMap<(u64, u64), Weak<LsmTree>>>,
    keeps_all: bool,
}

impl LsmTrees {
    /// The trees in this directory, which is made with the first of them. Blocks that were read stay in a cache of so many
    /// bytes, which all trees share.
    #[must_use]
    pub fn new(path: &Path, cache_bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            cache: Arc::new(Cache::with_capacity_bytes(cache_bytes)),
            descriptors: Arc::new(DescriptorTable::new(DESCRIPTORS)),
            open: Mutex::default(),
            keeps_all: false,
        }
    }

    /// The same for a repair: trees that do not count stay.
    #[must_use]
    pub fn keeping_all(self) -> Self {
        Self { keeps_all: true, ..self }
    }

    fn make_directory(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&self.path)?;
        self.path.canonicalize()?.parent().map_or(Ok(()), sync_directory)
    }

    fn load(&self, table: u64, generation: u64) -> Result<Arc<LsmTree>, DiscError> {
        let name = tree_name(table, generation);
        let path = self.path.join(&name);
        let seqno = SequenceNumberCounter::default();
        let all = || PinningPolicy::all(false);
        let config = Config::new(&path, seqno.clone(), SequenceNumberCounter::default())
            .use_cache(self.cache.clone())
            .use_descriptor_table(Some(self.descriptors.clone()))
            .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
            .index_block_pinning_policy(all())
            .filter_block_pinning_policy(all())
            .index_block_partitioning_policy(PartitioningPolicy::all(true))
            .filter_block_partitioning_policy(PartitioningPolicy::all(true));
        let tree = guarded("open", &name, || {
            let tree = config.open()?;
            let newest = tree.get_highest_persisted_seqno();
            seqno.fetch_max(newest.map_or(1, |newest| newest + 1));
            Ok(tree)
        })?;
        sync_directory(&self.path).map_err(DiscError::io("sync", "rows"))?;
        let (changing, compacting) = (Mutex::default(), Mutex::default());
        let discarded = AtomicBool::new(false);
        Ok(Arc::new(LsmTree { tree: Some(tree), seqno, path, name, changing, compacting, discarded }))
    }
}

impl RowTrees for LsmTrees {
    fn create(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError> {
        self.make_directory().map_err(DiscError::io("make the directory", "rows"))?;
        let name = tree_name(table, generation);
        // Held until it is known to be open: `retain` must not take its directory for one that nobody needs.
        let mut open = self.open.lock();
        remove_tree(&self.path.join(&name)).map_err(DiscError::io("remove", &name))?;
        let tree = self.load(table, generation)?;
        open.insert((table, generation), Arc::downgrade(&tree));
        Ok(tree)
    }

    fn open(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError> {
        let name = tree_name(table, generation);
        let path = self.path.join(&name);
        let list = check_current(&path, &name)?;
        salvage::check_runs(&path, &name, &list)?;
        let tree = self.load(table, generation)?;
        self.open.lock().insert((table, generation), Arc::downgrade(&tree));
        Ok(tree)
    }

    fn salvage(
        &self,
        table: u64,
        generation: u64,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), DiscError> {
        let name = tree_name(table, generation);
        salvage::salvage(&self.path.join(&name), &name, visit)
    }

    fn retain(&self, kept: &[(u64, u64)]) -> Result<(), DiscError> {
        if self.keeps_all {
            return Ok(());
        }
        let mut open = self.open.lock();
        open.retain(|_, tree| tree.strong_count() > 0);
        let listing = match fs::read_dir(&self.path) {
            Ok(listing) => listing.collect::<io::Result<Vec<_>>>(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => Err(cause),
        };
        for entry in listing.map_err(DiscError::io("list", "rows"))? {
            let name = entry.file_name();
            let Some(of) = name.to_str().and_then(parse_tree_name) else { continue };
            let is_kept = kept.contains(&of);
            if let Some(tree) = open.get(&of).and_then(Weak::upgrade) {
                // One that is not named at all may be newer than what is kept, and be named the next time.
                let is_outdated = kept.iter().any(|(table, newer)| *table == of.0 && *newer > of.1);
                tree.discarded.store(is_outdated, Ordering::SeqCst);
            } else if !is_kept {
                let shown = tree_name(of.0, of.1);
                remove_tree(&entry.path()).map_err(DiscError::io("remove", &shown))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LsmTrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LsmTrees").field("path", &self.path).finish_non_exhaustive()
    }
}

struct LsmTree {
    /// There until this is dropped.
    tree: Option<AnyTree>,
    seqno: SequenceNumberCounter,
    path: PathBuf,
    name: String,
    /// Held by who writes a batch.
    changing: Mutex<()>,
    /// Held by who compacts.
    compacting: Mutex<()>,
    /// Its files go when the last reader does.
    discarded: AtomicBool,
}

impl LsmTree {
    fn tree(&self) -> Result<&AnyTree, DiscError> {
        self.tree.as_ref().ok_or(DiscError::Closed)
    }

    /// Removes runs from this number on that no list names: what a failed write has left. Nobody writes meanwhile.
    fn sweep(&self, tree: &AnyTree, from: u64) {
        let version = tree.current_version();
        let named: HashSet<u64> = version.iter_tables().map(lsm_tree::Table::id).collect();
        let Ok(files) = fs::read_dir(self.path.join(RUNS_NAME)) else { return };
        for file in files.flatten() {
            let number = file.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if number.is_some_and(|number| number >= from && !named.contains(&number)) {
                // What cannot be removed now is removed at the next start.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

impl RowTree for LsmTree {
    fn get(&self, key: &[u8]) -> Result<Option<Box<[u8]>>, DiscError> {
        let tree = self.tree()?;
        // The library panics at one.
        if key.len() > MAX_ROW_KEY_BYTES {
            return Ok(None);
        }
        guarded("read", &self.name, || Ok(tree.get(key, NEWEST)?.map(|value| Box::from(&*value))))
    }

    fn walk(&self, span: RowSpan<'_>, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiscError> {
        let span = span.within_keys();
        if span.is_empty() {
            return Ok(());
        }
        let tree = self.tree()?;
        guarded("read", &self.name, || {
            let mut rows = tree.range::<&[u8], _>((span.from, span.to), NEWEST, None);
            loop {
                let row = if span.reverse { rows.next_back() } else { rows.next() };
                let Some(row) = row else { return Ok(()) };
                let (key, value) = row.into_inner()?;
                if !visit(&key, &value) {
                    return Ok(());
                }
            }
        })
    }

    fn ingest(&self, changes: &mut dyn Iterator<Item = RowChange>) -> Result<(), DiscError> {
        let tree = self.tree()?;
        let _changing = self.changing.lock();
        let first_new = tree.next_table_id();
        let mut too_large = None;
        let written = guarded("write", &self.name, || {
            let mut ingestion = tree.ingestion()?;
            for (key, value) in changes {
                if key.len() > MAX_ROW_KEY_BYTES {
                    too_large = Some(key.len());
                    return Ok(());
                }
                match value {
                    Some(value) => ingestion.write(key, value)?,
                    None => ingestion.write_tombstone(key)?,
                }
            }
            ingestion.finish()
        });
        let written = match too_large {
            Some(bytes) => Err(DiscError::TooLarge { bytes: bytes as u64, limit: MAX_ROW_KEY_BYTES as u64 }),
            None => written,
        };
        if written.is_err() {
            let _compacting = self.compacting.lock();
            self.sweep(tree, first_new);
        }
        written
    }

    fn compact(&self, go_on: &dyn Fn() -> bool) -> Result<(), DiscError> {
        let tree = self.tree()?;
        let compacting = self.compacting.lock();
        let first_new = tree.next_table_id();
        let strategy = Arc::new(Leveled::default().with_table_target_size(RUN_BYTES));
        loop {
            let before = tree.current_version().id();
            let done = guarded("compact", &self.name, || tree.compact(strategy.clone(), self.seqno.get()));
            if done.is_err() {
                drop(compacting);
                let _changing = self.changing.lock();
                let _compacting = self.compacting.lock();
                self.sweep(tree, first_new);
                return done;
            }
            let is_done = tree.current_version().id() == before;
            if is_done || self.discarded.load(Ordering::SeqCst) || !go_on() {
                return Ok(());
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.tree.as_ref().map_or(0, AbstractTree::disk_space)
    }
}

impl Drop for LsmTree {
    fn drop(&mut self) {
        self.tree = None;
        if self.discarded.load(Ordering::SeqCst) {
            // What cannot be removed now is removed at the next start.
            let _ = remove_tree(&self.path);
        }
    }
}

impl fmt::Debug for LsmTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LsmTree").field("name", &self.name).finish_non_exhaustive()
    }
}

fn tree_name(table: u64, generation: u64) -> String {
    format!("{table}.{generation}")
}

fn parse_tree_name(name: &str) -> Option<(u64, u64)> {
    let (table, generation) = name.split_once('.')?;
    Some((table.parse().ok()?, generation.parse().ok()?))
}

/// Removes a tree: first what makes it one, so that a half of it is none.
fn remove_tree(path: &Path) -> io::Result<()> {
    let absent = |cause: &io::Error| cause.kind() == io::ErrorKind::NotFound;
    match fs::remove_file(path.join(CURRENT_NAME)) {
        Err(cause) if !absent(&cause) => return Err(cause),
        _ => {}
    }
    match fs::remove_dir_all(path) {
        Err(cause) if !absent(&cause) => Err(cause),
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Whether the list of runs is what was written: the library itself does not look. Gives its file.
pub(super) fn check_current(path: &Path, name: &str) -> Result<String, DiscError> {
    let read = |file: &str| {
        let mut bytes = Vec::new();
        let opened = fs::File::open(path.join(file)).and_then(|mut file| file.read_to_end(&mut bytes));
        opened.map(|_| bytes).map_err(|cause| {
            let (file, what) = (format!("rows/{name}/{file}"), "it lists the table's rows".to_owned());
            match cause.kind() {
                io::ErrorKind::NotFound => DiscError::Missing { file, what },
                _ => DiscError::io("read", &file)(cause),
            }
        })
    };
    let current = read(CURRENT_NAME)?;
    let corrupt = |file: &str, what: &str| DiscError::corrupt(&format!("rows/{name}/{file}"), 0, what);
    let fields = current.first_chunk::<CURRENT_LEN>().filter(|_| current.len() == CURRENT_LEN);
    let fields = fields.ok_or_else(|| corrupt(CURRENT_NAME, "it has the wrong length"))?;
    let (mut number, mut checksum) = ([0; 8], [0; 16]);
    number.copy_from_slice(&fields[..8]);
    checksum.copy_from_slice(&fields[8..24]);
    let list = format!("v{}", u64::from_le_bytes(number));
    let found = xxhash_rust::xxh3::xxh3_128(&read(&list)?);
    if fields[24] == 0 && found == u128::from_le_bytes(checksum) {
        Ok(list)
    } else {
        Err(corrupt(&list, "its checksum is wrong"))
    }
}

/// Does something with the library, whose errors and panics become ours.
pub(super) fn guarded<T>(
    operation: &'static str,
    name: &str,
    work: impl FnOnce() -> lsm_tree::Result<T>,
) -> Result<T, DiscError> {
    let file = format!("rows/{name}");
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(lsm_tree::Error::Io(cause))) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            Err(DiscError::corrupt(&file, 0, format!("a file is too short: {cause}")))
        }
        Ok(Err(lsm_tree::Error::Io(cause))) => Err(DiscError::io(operation, &file)(cause)),
        Ok(Err(cause)) => Err(DiscError::corrupt(&file, 0, cause.to_string())),
        // It trusts what its checksums say, and contradictions end it.
        Err(_) => Err(DiscError::corrupt(&file, 0, "its files contradict one another")),
    }
}
