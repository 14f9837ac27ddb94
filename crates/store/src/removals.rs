//! The last removals of a shard, so that an absence can be told from an absence in between.
//!
//! A row that was made and removed again leaves nothing to compare versions with. A few removals are remembered by the
//! hash of their keys; for what is older than those, the answer is the careful one.

/// Removals that a shard remembers.
const REMEMBERED: usize = 32;

/// The last removals of a shard. Takes no memory before the first.
#[derive(Default)]
pub(crate) struct Removals {
    /// Hash of the key and clock of the commit, the oldest at `next` once all places are taken.
    last: Vec<(u64, u64)>,
    next: usize,
    /// The clock of the youngest removal that is not remembered any more.
    forgotten: u64,
}

impl Removals {
    pub(crate) fn note(&mut self, hash: u64, clock: u64) {
        if self.last.len() < REMEMBERED {
            self.last.reserve_exact(REMEMBERED - self.last.len());
            self.last.push((hash, clock));
            return;
        }
        if let Some(place) = self.last.get_mut(self.next) {
            let (_, oldest) = std::mem::replace(place, (hash, clock));
            self.forgotten = self.forgotten.max(oldest);
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// All rows were removed at once.
    pub(crate) fn note_all(&mut self, clock: u64) {
        self.last.clear();
        self.next = 0;
        self.forgotten = clock;
    }

    /// Whether a row of this hash may have been removed by a commit after `clock`. Never `false` when one was.
    pub(crate) fn any_since(&self, hash: u64, clock: u64) -> bool {
        self.forgotten > clock || self.last.iter().any(|(known, at)| *known == hash && *at > clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_is_known_by_its_key_until_many_others_came() {
        let mut removals = Removals::default();
        removals.note(7, 10);
        assert!(removals.any_since(7, 9) && !removals.any_since(7, 10) && !removals.any_since(8, 9));
        for clock in 11..11 + REMEMBERED as u64 {
            removals.note(8, clock);
        }
        // It is forgotten, so nobody who watched before it can be told more than perhaps.
        assert!(removals.any_since(7, 9) && removals.any_since(9, 9));
        assert!(!removals.any_since(7, 10));
    }

    #[test]
    fn clearing_removes_every_key() {
        let mut removals = Removals::default();
        removals.note(7, 10);
        removals.note_all(12);
        assert!(removals.any_since(1, 11) && !removals.any_since(7, 12));
    }
}
