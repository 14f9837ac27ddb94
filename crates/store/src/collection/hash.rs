//! A hash: fields and their values.
//!
//! Up to [`SMALL_FIELDS`] fields stand in one page in order of insertion, as Redis's listpacks do; a larger hash
//! becomes a persistent trie of pages, ordered by the fields' hashes.

mod walk;

use crate::collection::pages::page::Page;
use crate::collection::pages::{Elements, FieldRank, Pages, Rank};

pub use crate::collection::pages::Element;
pub use walk::HashPage;

/// Fields that a small hash holds at most (Redis: `hash-max-listpack-entries`).
pub const SMALL_FIELDS: usize = 128;
/// The longest field or value of a small hash (Redis: `hash-max-listpack-value`).
pub const SMALL_BYTES: usize = 64;
/// What an element costs beside its bytes: its lengths, tag and place, its share of the page's header and of the
/// branches above, and the room that a page has left.
const ELEMENT_OVERHEAD: usize = 20;

#[derive(Clone)]
enum Form {
    Small(Page),
    Large(Pages),
}

/// Fields and their values. A clone shares them; changing it afterwards copies a page and not the whole.
///
/// ```
/// use mnemon_store::collection::Hash;
///
/// let mut hash = Hash::default();
/// assert!(hash.insert(b"name", b"Ada"));
/// let before = hash.clone();
/// assert!(!hash.insert(b"name", b"Grace"), "the field was there");
/// assert_eq!(hash.get(b"name"), Some(&b"Grace"[..]));
/// assert_eq!(before.get(b"name"), Some(&b"Ada"[..]));
/// ```
#[derive(Clone)]
pub struct Hash {
    form: Form,
    bytes: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Self { form: Form::Small(Page::default()), bytes: 0 }
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|element| other.get(element.field()) == Some(element.value()))
    }
}

impl Eq for Hash {}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A field's tag in the page of a small hash.
fn tag(field: &[u8]) -> u8 {
    (FieldRank::bits(field, 0) >> 56) as u8
}

impl Hash {
    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Small(page) => page.len(),
            Form::Large(pages) => pages.len(),
        }
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field's value. O(log n); a small hash looks at a byte of each field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.form {
            Form::Small(page) => page.find(tag(field), field).map(|at| page.get(at).value()),
            Form::Large(pages) => pages.get(field),
        }
    }

    /// See [`TableCopy::prefetch_fields`](crate::TableCopy::prefetch_fields).
    pub(crate) fn prefetch<'f>(&self, fields: impl Iterator<Item = &'f [u8]>) {
        if let Form::Large(pages) = &self.form {
            pages.prefetch(fields);
        }
    }

    /// Sets a field; whether it is new. O(log n), and a page of at most a few KiB is copied when it is shared or full.
    pub fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.grow_for(field, value);
        let old = match &mut self.form {
            Form::Small(page) => {
                let tag = tag(field);
                match page.find(tag, field) {
                    Some(at) => Some(page.replace(at, value)),
                    None => {
                        page.insert(page.len(), tag, field, value);
                        None
                    }
                }
            }
            Form::Large(pages) => pages.insert(field, value),
        };
        self.bytes += value.len();
        match old {
            Some(old) => self.bytes -= old,
            None => self.bytes += field.len(),
        }
        old.is_none()
    }

    /// Removes a field; whether it was there. O(log n), and a page may be copied as by `insert`.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let old = match &mut self.form {
            Form::Small(page) => page.find(tag(field), field).map(|at| page.remove(at)),
            Form::Large(pages) => pages.remove(field),
        };
        if let Some(old) = old {
            self.bytes -= field.len() + old;
        }
        old.is_some()
    }

    /// Turns a small hash into a large one when the field would not fit. Never turned back, as in Redis.
    fn grow_for(&mut self, field: &[u8], value: &[u8]) {
        let Form::Small(page) = &self.form else { return };
        let fits = page.len() < SMALL_FIELDS || page.find(tag(field), field).is_some();
        if !fits || field.len() > SMALL_BYTES || value.len() > SMALL_BYTES {
            self.enlarge();
        }
    }

    /// Makes a small hash large, whatever it holds.
    pub(crate) fn enlarge(&mut self) {
        if let Form::Small(page) = &self.form {
            let mut pages = Pages::default();
            for element in page.iter() {
                pages.insert(element.field(), element.value());
            }
            self.form = Form::Large(pages);
        }
    }

    /// The elements: in order of insertion while small, else in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        match &self.form {
            Form::Small(page) => Elements::of_page(page),
            Form::Large(pages) => pages.iter(),
        }
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
