//! The intact rows of a tree that is damaged: its runs are read block by block, without the lists that lead to the blocks.
//!
//! What must stay true: nothing is shown whose checksum is wrong, and nothing that was overwritten or removed later. Where a block
//! of one run is lost, nobody knows which keys it had, so what other runs have between its neighbours is not shown either. The
//! list of runs is needed, as it says which of them count and which are newer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use lsm_tree::coding::Decode;
use lsm_tree::table::Block;
use lsm_tree::table::block::{BlockType, Header};
use lsm_tree::{CompressionType, SeqNo};

use super::block::{self, Entry};
use super::contents::{self, Section};
use super::lsm::{RUNS_NAME, check_current, guarded};
use crate::error::DiscError;

/// What the list of runs has of a run.
struct Listed {
    number: u64,
    /// What is added to the sequence numbers of its entries.
    seqno: SeqNo,
}

/// Shows the intact rows of the tree in this directory, in the order of their keys.
///
/// # Errors
/// Of the list of runs: then there is nothing to show.
pub(super) fn salvage(path: &Path, name: &str, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), DiscError> {
    let list = check_current(path, name)?;
    let mut runs: Vec<Run> = listed(path, name, &list)?
        .into_iter()
        .map(|listed| Run::open(&path.join(RUNS_NAME).join(listed.number.to_string()), listed.seqno))
        .collect();
    let mut heads = BinaryHeap::new();
    for (place, run) in runs.iter_mut().enumerate() {
        run.advance();
        heads.extend(run.next.as_ref().map(|next| Reverse((next.key.clone(), place))));
    }
    while let Some(Reverse((key, first))) = heads.pop() {
        // All that the runs have of this key; the newest counts.
        let mut places = vec![first];
        while let Some(Reverse((_, place))) = heads.pop_if_same(&key) {
            places.push(place);
        }
        let is_known = runs.iter().all(|run| run.is_sure_of(&key));
        let mut newest: Option<Entry> = None;
        for place in places {
            let run = &mut runs[place];
            while run.next.as_ref().is_some_and(|next| next.key == key) {
                let entry = run.next.take();
                run.advance();
                if entry.as_ref().map(|entry| entry.seqno) > newest.as_ref().map(|newest| newest.seqno) {
                    newest = entry;
                }
            }
            heads.extend(run.next.as_ref().map(|next| Reverse((next.key.clone(), place))));
        }
        if let Some(Entry { value: Some(value), .. }) = newest.filter(|_| is_known) {
            visit(&key, &value);
        }
    }
    Ok(())
}

trait PopIfSame {
    fn pop_if_same(&mut self, key: &[u8]) -> Option<Reverse<(Vec<u8>, usize)>>;
}

impl PopIfSame for BinaryHeap<Reverse<(Vec<u8>, usize)>> {
    fn pop_if_same(&mut self, key: &[u8]) -> Option<Reverse<(Vec<u8>, usize)>> {
        let is_same = self.peek().is_some_and(|Reverse((next, _))| next == key);
        if is_same { self.pop() } else { None }
    }
}

/// The runs that count, from a list whose checksum is right.
fn listed(path: &Path, name: &str, list: &str) -> Result<Vec<Listed>, DiscError> {
    let file = path.join(list);
    let shown = format!("rows/{name}/{list}");
    let bad = || DiscError::corrupt(&shown, 0, "it does not list runs");
    let all = contents::sections(&file, &shown)?;
    let section = contents::section(&all, b"tables").ok_or_else(bad)?;
    let bytes = std::fs::read(&file).map_err(DiscError::io("read", &shown))?;
    let place =
        usize::try_from(section.offset).ok().zip(section.end().and_then(|end| usize::try_from(end).ok()));
    let listed = place.and_then(|(from, to)| bytes.get(from..to)).ok_or_else(bad)?;
    parse_list(listed).ok_or_else(bad)
}

fn parse_list(bytes: &[u8]) -> Option<Vec<Listed>> {
    /// Number, kind of checksum, checksum, sequence number.
    const LISTED: usize = 8 + 1 + 16 + 8;
    let mut runs = Vec::new();
    let (levels, mut rest) = bytes.split_first()?;
    for _ in 0..*levels {
        let (parts, behind) = rest.split_first()?;
        rest = behind;
        for _ in 0..*parts {
            let (count, mut behind) = rest.split_first_chunk::<4>()?;
            for _ in 0..u32::from_le_bytes(*count) {
                let (of, next) = behind.split_first_chunk::<LISTED>()?;
                let number = u64::from_le_bytes(*of.first_chunk()?);
                let seqno = u64::from_le_bytes(*of.last_chunk()?);
                runs.push(Listed { number, seqno });
                behind = next;
            }
            rest = behind;
        }
    }
    rest.is_empty().then_some(runs)
}

/// Looks at the end of each run that counts, before the library does.
///
/// # Errors
/// `Corrupt`, `Missing`, `Io`.
pub(super) fn check_runs(path: &Path, name: &str, list: &str) -> Result<(), DiscError> {
    for Listed { number, .. } in listed(path, name, list)? {
        let shown = format!("rows/{name}/{RUNS_NAME}/{number}");
        contents::sections(&path.join(RUNS_NAME).join(number.to_string()), &shown)?;
    }
    Ok(())
}

/// A run that is read from its beginning.
struct Run {
    file: Option<BufReader<File>>,
    /// Where its blocks of rows end, if that is known.
    end: Option<u64>,
    at: u64,
    seqno: SeqNo,
    /// Entries of the block that is being read, in reverse.
    block: Vec<Entry>,
    next: Option<Entry>,
    /// Some keys before `next`, or all from here on if there is none, are not known.
    has_gap: bool,
}

/// What stands at some place of a run.
enum Found {
    Entries(Vec<Entry>),
    /// A block of rows that cannot be read.
    Lost,
    End,
    /// Nobody knows where the next block begins.
    Lead,
}

impl Run {
    fn open(path: &Path, seqno: SeqNo) -> Self {
        let all = contents::sections(path, "a run").unwrap_or_default();
        let end = contents::section(&all, b"data").and_then(Section::end);
        let file = File::open(path).ok().map(BufReader::new);
        Self { file, end, at: 0, seqno, block: Vec::new(), next: None, has_gap: false }
    }

    /// Whether all that the run has of this key is known; the key is not before what was read.
    fn is_sure_of(&self, key: &[u8]) -> bool {
        !self.has_gap || self.next.as_ref().is_some_and(|next| &*next.key <= key)
    }

    /// Goes on to the next entry.
    fn advance(&mut self) {
        self.next = self.block.pop();
        if self.next.is_some() {
            self.has_gap = false;
            return;
        }
        self.has_gap = false;
        loop {
            match self.read_block() {
                Found::Entries(entries) => {
                    self.block = entries;
                    self.block.reverse();
                    self.next = self.block.pop();
                    if self.next.is_some() {
                        return;
                    }
                }
                Found::Lost => self.has_gap = true,
                Found::End => return,
                Found::Lead => {
                    self.has_gap = true;
                    self.file = None;
                    return;
                }
            }
        }
    }

    fn read_block(&mut self) -> Found {
        if self.end == Some(self.at) {
            return Found::End;
        }
        let Some(file) = &mut self.file else { return Found::Lead };
        let mut head = vec![0; Header::serialized_len()];
        if file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_exact(&mut head)).is_err() {
            return Found::Lead;
        }
        // A header has a checksum of its own.
        let Ok(header) = Header::decode_from(&mut &*head) else { return Found::Lead };
        if header.block_type != BlockType::Data {
            return if self.end.is_none() { Found::End } else { Found::Lead };
        }
        let mut bytes = head;
        let len = u64::from(header.data_length);
        match file.take(len).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == len => {}
            _ => return Found::Lead,
        }
        self.at += bytes.len() as u64;
        let block = guarded("read", "a run", || Block::from_reader(&mut &*bytes, CompressionType::None));
        let entries = block.ok().and_then(|block| block::entries(&block.data));
        entries.map_or(Found::Lost, |entries| {
            Found::Entries(entries.into_iter().map(|entry| entry.raised(self.seqno)).collect())
        })
    }
}
