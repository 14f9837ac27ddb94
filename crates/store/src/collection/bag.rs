//! The objects under one key of a `bag`: records that are not equal, in order of their insertion, as ETS keeps them.

use imbl::OrdMap;
use triomphe::ThinArc;

/// What an object costs beside its bytes: its allocation and its places in two trees.
const OBJECT_OVERHEAD: usize = 80;

type Object = ThinArc<(), u8>;

fn object(bytes: &[u8]) -> Object {
    ThinArc::from_header_and_slice((), bytes)
}

/// The place of an object in the tree by content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Content(Object);

struct Sought<'a>(&'a [u8]);

impl equivalent::Equivalent<Content> for Sought<'_> {
    fn equivalent(&self, content: &Content) -> bool {
        self.0 == &content.0.slice
    }
}

impl equivalent::Comparable<Content> for Sought<'_> {
    fn compare(&self, content: &Content) -> std::cmp::Ordering {
        self.0.cmp(&content.0.slice)
    }
}

/// Objects by their turn and by their content.
#[derive(Clone, Default)]
pub struct Bag {
    by_turn: OrdMap<u64, Object>,
    by_content: OrdMap<Content, u64>,
    next_turn: u64,
    bytes: usize,
}

impl PartialEq for Bag {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Bag {}

/// Shows what equality compares: the objects in order. Which turns they have depends on what was there before, and a bag that
/// comes back from the disc counts anew.
impl std::fmt::Debug for Bag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Bag {
    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_turn.len()
    }

    /// Whether there is no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_turn.is_empty()
    }

    /// Adds an object; `false` when an equal one is there already. O(log n).
    pub fn insert(&mut self, bytes: &[u8]) -> bool {
        if self.contains(bytes) {
            return false;
        }
        let object = object(bytes);
        self.by_content.insert(Content(object.clone()), self.next_turn);
        self.by_turn.insert(self.next_turn, object);
        self.next_turn += 1;
        self.bytes += bytes.len();
        true
    }

    /// Removes an object; whether it was there. O(log n).
    pub fn remove(&mut self, bytes: &[u8]) -> bool {
        let Some(turn) = self.by_content.remove(&Sought(bytes)) else {
            return false;
        };
        self.by_turn.remove(&turn);
        self.bytes -= bytes.len();
        true
    }

    /// Whether an equal object is there. O(log n).
    #[must_use]
    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.by_content.contains_key(&Sought(bytes))
    }

    /// The objects in order of their insertion.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.by_turn.values().map(|object| &object.slice)
    }

    /// An estimate of the bytes the bag takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes + self.len() * OBJECT_OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bags_look_alike_whatever_was_in_them_before() {
        let (mut one, mut other) = (Bag::default(), Bag::default());
        assert!(one.insert(b"gone") && one.remove(b"gone") && one.insert(b"a") && other.insert(b"a"));
        assert_eq!(one, other);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn equal_objects_are_stored_once_and_order_is_of_insertion() {
        let mut bag = Bag::default();
        assert!(bag.insert(b"b") && bag.insert(b"a") && !bag.insert(b"b"));
        assert_eq!(bag.iter().collect::<Vec<_>>(), [b"b", b"a"]);
        assert!(bag.remove(b"b") && !bag.remove(b"b"));
        assert!(bag.insert(b"b"));
        assert_eq!(bag.iter().collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
