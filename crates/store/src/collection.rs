//! Values that are addressed element by element: the hashes of `db0`…`db15` and the objects of a bag's key.
//!
//! All are persistent structures: a clone shares every element, so a before-image under an open snapshot costs the
//! changed path and not the value. Lists, sets and sorted sets join as further variants.

pub mod bag;
pub mod hash;
pub(crate) mod image;
mod pages;

pub use bag::Bag;
pub use hash::Hash;

/// A value made of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Collection {
    /// Fields and their values, Redis's hash.
    Hash(Hash),
    /// The objects under one key of a bag.
    Bag(Bag),
}

impl Collection {
    /// An estimate of the bytes the elements take.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Self::Hash(hash) => hash.memory(),
            Self::Bag(bag) => bag.memory(),
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Hash(hash) => hash.len(),
            Self::Bag(bag) => bag.len(),
        }
    }

    /// Whether there are none. A row never holds an empty collection: its last element takes the row along.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value's type, as Redis's `TYPE` names it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Hash(_) => "hash",
            Self::Bag(_) => "bag",
        }
    }
}
