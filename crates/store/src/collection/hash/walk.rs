//! Walking a hash in parts: from a position on, in bounded steps, or to fields drawn at random.
//!
//! A position of a large hash is the hash of a field, cut to 53 bits so that every client can hold it. Hashes of fields
//! have fixed seeds, so a position means the same however the hash grows, shrinks or moves to another node.

use super::{Element, FieldRank, Form, Hash, Rank};

/// Bits of a field's hash that a position leaves out.
const CUT: u32 = 11;

/// Some elements of a hash, and where to go on.
#[derive(Debug)]
pub struct HashPage<'a> {
    /// The elements.
    pub elements: Vec<Element<'a>>,
    /// The position behind them; 0 at the end.
    pub next: u64,
}

impl Hash {
    /// Whether the hash has outgrown the page that keeps the order of insertion.
    #[must_use]
    pub fn is_large(&self) -> bool {
        matches!(self.form, Form::Large(_))
    }

    /// Elements from a position on (0: the beginning): about `count` of a large hash, all of a small one. Elements
    /// that are there during a whole walk are met at least once. O(count + log n).
    #[must_use]
    pub fn page(&self, position: u64, count: usize) -> HashPage<'_> {
        let pages = match &self.form {
            Form::Small(page) => return HashPage { elements: page.iter().collect(), next: 0 },
            Form::Large(pages) => pages,
        };
        let Some(from) = position.checked_mul(1 << CUT) else {
            return HashPage { elements: Vec::new(), next: 0 };
        };
        let mut elements = Vec::new();
        let mut last = position;
        for element in pages.iter_from(from) {
            let at = FieldRank::bits(element.field(), 0) >> CUT;
            // Never stops between two elements of one position, else a walk would not get on.
            if elements.len() >= count.max(1) && at > last {
                return HashPage { elements, next: at };
            }
            last = at;
            elements.push(element);
        }
        HashPage { elements, next: 0 }
    }

    /// The element that a random number chooses, each with the same chance. `None` when there is none. O(log n).
    #[must_use]
    pub fn draw(&self, random: u64) -> Option<Element<'_>> {
        let at = usize::try_from(random.checked_rem(self.len() as u64)?).ok()?;
        match &self.form {
            Form::Small(page) => Some(page.get(at)),
            Form::Large(pages) => pages.nth(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn large(count: u32) -> Hash {
        let mut hash = Hash::default();
        hash.enlarge();
        for at in 0..count {
            hash.insert(at.to_string().as_bytes(), b"v");
        }
        hash
    }

    #[test]
    fn a_walk_in_small_steps_meets_every_field_that_stays() {
        let mut hash = large(3_000);
        let (mut met, mut position, mut steps) = (BTreeSet::new(), 0, 0_u32);
        loop {
            let page = hash.page(position, 10);
            assert!(page.elements.len() <= 12, "{}", page.elements.len());
            met.extend(page.elements.iter().map(|element| element.field().to_vec()));
            position = page.next;
            if position == 0 {
                break;
            }
            steps += 1;
            hash.insert(format!("new{steps}").as_bytes(), b"v");
            hash.remove((steps % 1_000 + 2_000).to_string().as_bytes());
        }
        assert!((0..2_000).all(|at| met.contains(at.to_string().as_bytes())));
    }

    #[test]
    fn a_position_past_the_end_is_the_end() {
        let hash = large(10);
        for position in [u64::MAX, 1 << 53, (1 << 53) - 1] {
            let page = hash.page(position, 5);
            assert!(page.elements.is_empty() && page.next == 0, "{position}");
        }
    }

    #[test]
    fn every_field_can_be_drawn() {
        let mut small = Hash::default();
        for at in 0..20_u8 {
            small.insert(&[at], b"v");
        }
        for hash in [large(20), small] {
            let step = 0x9e37_79b9_7f4a_7c15_u64;
            let drawn = (0..5_000).filter_map(|at| hash.draw(step.wrapping_mul(at)));
            let drawn: BTreeSet<Vec<u8>> = drawn.map(|element| element.field().to_vec()).collect();
            assert_eq!(drawn.len(), 20);
        }
        assert!(Hash::default().draw(7).is_none());
    }
}
