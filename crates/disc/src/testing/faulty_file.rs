//! One file of the faulty disc: what readers see, what is durable, and the changes in between.

use std::collections::BTreeSet;

/// A sector is written as a whole or not at all.
const SECTOR: usize = 512;

/// A change that is not durable yet.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Clear { len: usize },
    Cut { len: usize },
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write(to, *offset, bytes),
            Self::Clear { len } => {
                to.clear();
                to.resize(*len, 0);
            }
            Self::Cut { len } => to.resize(*len, 0),
        }
    }

    /// Applies what a crash in the middle leaves of it: some sectors, whichever `coin` picks. A sector that missed a write misses
    /// the later ones too: it reaches the disc as it was at some moment.
    fn apply_torn(&self, to: &mut Vec<u8>, missed: &mut BTreeSet<usize>, coin: &mut dyn FnMut() -> bool) {
        match self {
            Self::Write { offset, bytes } => {
                let mut done = 0;
                while done < bytes.len() {
                    let at = offset + done;
                    let step = (SECTOR - at % SECTOR).min(bytes.len() - done);
                    if !missed.contains(&(at / SECTOR)) && coin() {
                        write(to, at, &bytes[done..done + step]);
                    } else {
                        missed.insert(at / SECTOR);
                    }
                    done += step;
                }
            }
            Self::Clear { .. } | Self::Cut { .. } => {
                if coin() {
                    self.apply(to);
                }
            }
        }
    }
}

fn write(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[offset..end].copy_from_slice(bytes);
}

/// A file's states.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// What readers see.
    pub(super) seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl Content {
    /// A durable file.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { seen: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// Applies a part of a change that failed in the middle.
    pub(super) fn change_in_part(&mut self, change: &Change) {
        if let Change::Write { offset, bytes } = change {
            let half = bytes[..bytes.len() / 2].to_vec();
            self.change(Change::Write { offset: *offset, bytes: half });
        }
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A failed sync: readers go on seeing what was written, but it will never reach the disc, as Linux has it.
    pub(super) fn forget(&mut self) {
        self.pending.clear();
    }

    /// What is there after a power cut, when `keep` says what happens to what was not synced.
    pub(super) fn after_crash(&self, keep: &mut super::faulty_disc::Keep) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut missed = BTreeSet::new();
        for change in &self.pending {
            keep.decide(|coin| match coin {
                None => change.apply(&mut bytes),
                Some(coin) => change.apply_torn(&mut bytes, &mut missed, coin),
            });
        }
        bytes
    }
}
