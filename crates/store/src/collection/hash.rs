//! A hash: fields and their values.
//!
//! Up to [`SMALL_FIELDS`] fields stand in a list in order of insertion, as Redis's listpacks do; a larger one becomes
//! a persistent tree ordered by the field's hash. A field and its value share one allocation.

mod walk;

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use equivalent::{Comparable, Equivalent};
use imbl::OrdMap;
use triomphe::{Arc, ThinArc};

pub use walk::HashPage;

/// Fields that a small hash holds at most (Redis: `hash-max-listpack-entries`).
pub const SMALL_FIELDS: usize = 128;
/// The longest field or value of a small hash (Redis: `hash-max-listpack-value`).
pub const SMALL_BYTES: usize = 64;
/// What an element costs beside its bytes in a tree that is about two thirds full.
const ELEMENT_OVERHEAD: usize = 48;

/// One field with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Element(ThinArc<u32, u8>);

impl Element {
    fn new(field: &[u8], value: &[u8]) -> Self {
        let mut payload: smallvec::SmallVec<[u8; 256]> = smallvec::SmallVec::new();
        payload.extend_from_slice(field);
        payload.extend_from_slice(value);
        let field_len =
            u32::try_from(field.len()).expect("front doors limit a field's length far below 4 GiB");
        Self(ThinArc::from_header_and_slice(field_len, &payload))
    }

    /// The field.
    #[must_use]
    pub fn field(&self) -> &[u8] {
        &self.0.slice[..self.0.header.header as usize]
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.0.slice[self.0.header.header as usize..]
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {:?}", self.field(), self.value())
    }
}

/// Where an element stands in the tree: by its field's hash first, so that a comparison rarely leaves the node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    hash: u64,
    element: Element,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.element.field().cmp(other.element.field()))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A field that is looked for.
struct Sought<'a> {
    hash: u64,
    field: &'a [u8],
}

impl Equivalent<Place> for Sought<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.hash == place.hash && self.field == place.element.field()
    }
}

impl Comparable<Place> for Sought<'_> {
    fn compare(&self, place: &Place) -> Ordering {
        self.hash.cmp(&place.hash).then_with(|| self.field.cmp(place.element.field()))
    }
}

/// The seeds are fixed: an ordered tree does not degrade when hashes collide, and equal hashes must look alike on
/// every copy.
fn hash_of(field: &[u8]) -> u64 {
    let mut hasher = ahash::RandomState::with_seeds(0x6d6e_656d, 0x6f6e, 0x6861, 0x7368).build_hasher();
    hasher.write(field);
    hasher.finish()
}

#[derive(Clone, Debug)]
enum Form {
    Small(Arc<Vec<Element>>),
    Large(OrdMap<Place, ()>),
}

/// Fields and their values.
#[derive(Clone, Debug)]
pub struct Hash {
    form: Form,
    bytes: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Self { form: Form::Small(Arc::new(Vec::new())), bytes: 0 }
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|element| other.get(element.field()) == Some(element.value()))
    }
}

impl Eq for Hash {}

impl Hash {
    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Small(elements) => elements.len(),
            Form::Large(tree) => tree.len(),
        }
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field's value. O(log n), O(n) up to [`SMALL_FIELDS`].
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.find(field).map(Element::value)
    }

    fn find(&self, field: &[u8]) -> Option<&Element> {
        match &self.form {
            Form::Small(elements) => elements.iter().find(|element| element.field() == field),
            Form::Large(tree) => {
                tree.get_key_value(&Sought { hash: hash_of(field), field }).map(|(place, ())| &place.element)
            }
        }
    }

    /// Sets a field; whether it is new. O(log n).
    pub fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.grow_for(field, value);
        let element = Element::new(field, value);
        self.bytes += field.len() + value.len();
        let old = match &mut self.form {
            Form::Small(elements) => {
                let elements = Arc::make_mut(elements);
                match elements.iter_mut().find(|old| old.field() == field) {
                    Some(place) => Some(std::mem::replace(place, element)),
                    None => {
                        elements.push(element);
                        None
                    }
                }
            }
            Form::Large(tree) => {
                let hash = hash_of(field);
                // The way down is in the cache when it is walked again; inserting replaces an equal key.
                let old =
                    tree.get_key_value(&Sought { hash, field }).map(|(place, ())| place.element.clone());
                tree.insert(Place { hash, element }, ());
                old
            }
        };
        match old {
            Some(old) => {
                self.bytes -= old.field().len() + old.value().len();
                false
            }
            None => true,
        }
    }

    /// Removes a field; whether it was there. O(log n).
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let old = match &mut self.form {
            Form::Small(elements) => {
                let at = elements.iter().position(|element| element.field() == field);
                at.map(|at| Arc::make_mut(elements).remove(at))
            }
            Form::Large(tree) => {
                tree.remove_with_key(&Sought { hash: hash_of(field), field }).map(|(place, ())| place.element)
            }
        };
        if let Some(old) = &old {
            self.bytes -= old.field().len() + old.value().len();
        }
        old.is_some()
    }

    /// Turns a small hash into a large one when the field would not fit. Never turned back, as in Redis.
    fn grow_for(&mut self, field: &[u8], value: &[u8]) {
        let Form::Small(elements) = &self.form else { return };
        let fits = elements.len() < SMALL_FIELDS || self.find(field).is_some();
        if fits && field.len() <= SMALL_BYTES && value.len() <= SMALL_BYTES {
            return;
        }
        let places = elements
            .iter()
            .map(|element| (Place { hash: hash_of(element.field()), element: element.clone() }, ()));
        self.form = Form::Large(places.collect());
    }

    /// The elements: in order of insertion while small, else in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = &Element> {
        let (small, large) = match &self.form {
            Form::Small(elements) => (Some(elements.iter()), None),
            Form::Large(tree) => (None, Some(tree.keys().map(|place| &place.element))),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// An estimate of the bytes the hash takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes + self.len() * ELEMENT_OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_hash_keeps_the_order_of_insertion() {
        let mut hash = Hash::default();
        for field in ["c", "a", "b"] {
            assert!(hash.insert(field.as_bytes(), b"1"));
        }
        assert!(!hash.insert(b"a", b"2"));
        let fields: Vec<_> = hash.iter().map(|element| element.field().to_vec()).collect();
        assert_eq!(fields, [b"c", b"a", b"b"]);
        assert_eq!(hash.get(b"a"), Some(&b"2"[..]));
    }

    #[test]
    fn a_large_hash_finds_replaces_and_removes() {
        let mut hash = Hash::default();
        for i in 0..5_000u32 {
            assert!(hash.insert(&i.to_be_bytes(), b"x"));
        }
        let before = hash.clone();
        for i in 0..5_000u32 {
            assert!(!hash.insert(&i.to_be_bytes(), b"yy"));
            if i % 2 == 0 {
                assert!(hash.remove(&i.to_be_bytes()));
                assert!(!hash.remove(&i.to_be_bytes()));
            }
        }
        assert_eq!((hash.len(), before.len()), (2_500, 5_000));
        assert_eq!(before.get(&7u32.to_be_bytes()), Some(&b"x"[..]));
        assert_eq!(hash.get(&7u32.to_be_bytes()), Some(&b"yy"[..]));
        assert_eq!(hash.bytes, 2_500 * 6);
    }

    #[test]
    fn a_long_value_makes_a_hash_large_and_equality_ignores_the_form() {
        let (mut one, mut other) = (Hash::default(), Hash::default());
        one.insert(b"f", &[0; 65]);
        one.insert(b"f", b"v");
        other.insert(b"f", b"v");
        assert!(matches!(one.form, Form::Large(_)));
        assert_eq!(one, other);
    }
}
