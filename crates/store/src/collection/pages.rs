//! The elements of a large hash: a persistent trie over the bits of the fields' hashes, with packed pages as leaves.
//!
//! What must stay true:
//! - The order of the elements depends on the fields alone, not on how they came and went: it is that of their hashes.
//! - A clone shares everything. A change of one of the two then copies a page of at most a few KiB and the branches
//!   above it, each with at most 64 children.
//! - No choice of fields makes a change dearer than that: when the hashes of the first round are used up, the bits of a
//!   hash follow for which nobody finds collisions.
//!
//! What fields and values mean is left to [`hash`](super::hash).

mod ahead;
mod node;
pub(crate) mod page;
mod rank;
mod walk;

use std::marker::PhantomData;

use node::{Branch, Node, Put, Sought};
pub(crate) use rank::{FieldRank, Rank};
pub(crate) use walk::Elements;

/// One field with its value, borrowed from the hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    field: &'a [u8],
    value: &'a [u8],
}

impl<'a> Element<'a> {
    /// The field.
    #[must_use]
    pub fn field(&self) -> &'a [u8] {
        self.field
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        self.value
    }
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {:?}", self.field, self.value)
    }
}

/// A map from fields to values. At most 2³² elements.
pub(crate) struct Pages<R = FieldRank> {
    root: Branch,
    len: usize,
    rank: PhantomData<R>,
}

impl<R> Clone for Pages<R> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len, rank: PhantomData }
    }
}

impl<R> Default for Pages<R> {
    fn default() -> Self {
        Self { root: Branch::over(Node::Empty), len: 0, rank: PhantomData }
    }
}

impl<R: Rank> Pages<R> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value of a field. O(log n); about two cache misses besides the branches.
    pub(crate) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.root.get::<R>(Sought::new::<R>(field))
    }

    /// Sets a field; returns the length of the value that was there. O(log n + a page).
    pub(crate) fn insert(&mut self, field: &[u8], value: &[u8]) -> Option<usize> {
        match self.root.put::<R>(Sought::new::<R>(field), value) {
            Put::Replaced(old) => Some(old),
            Put::New | Put::Full => {
                self.len += 1;
                None
            }
        }
    }

    /// Removes a field; returns the length of its value. O(log n + a page).
    pub(crate) fn remove(&mut self, field: &[u8]) -> Option<usize> {
        // Looked for first: what is not there shall not cost a copy of what is shared.
        self.get(field)?;
        let old = self.root.remove::<R>(Sought::new::<R>(field))?;
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
        }
        Some(old)
    }

    /// The elements in the order of their hashes.
    pub(crate) fn iter(&self) -> Elements<'_> {
        Elements::below(&self.root)
    }

    /// The elements whose hash is at least `hash`.
    pub(crate) fn iter_from(&self, hash: u64) -> Elements<'_> {
        Elements::from::<R>(&self.root, hash)
    }

    /// The element before which there are so many others. O(64 log n).
    pub(crate) fn nth(&self, number: usize) -> Option<Element<'_>> {
        walk::nth(&self.root, u32::try_from(number).ok()?)
    }
}

impl<R: Rank> std::fmt::Debug for Pages<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
