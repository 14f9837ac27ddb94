//! The pairs of a map in map-key order, from record bytes or from a tree.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::fmt;

use crate::error::Result;
use crate::key;
use crate::order::{Mode, order};
use crate::term::Term;
use crate::view::{SeqIter, SeqRef, TermRef, unreadable};

/// The pairs of a map.
#[derive(Clone, Copy)]
pub struct MapRef<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Keys and values by turns, in map-key order.
    Encoded(SeqRef<'a>),
    Tree(&'a BTreeMap<Term, Term>),
}

impl<'a> MapRef<'a> {
    /// `count` is of pairs and at most half the length of `body`.
    pub(crate) fn encoded(body: &'a [u8], count: usize, depth: u8) -> Self {
        Self(Source::Encoded(SeqRef::encoded(body, count * 2, depth)))
    }

    pub(crate) fn tree(pairs: &'a BTreeMap<Term, Term>) -> Self {
        Self(Source::Tree(pairs))
    }

    /// How many pairs there are. O(1).
    pub fn len(self) -> usize {
        match self.0 {
            Source::Encoded(terms) => terms.len() / 2,
            Source::Tree(pairs) => pairs.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of exactly this key (1 and 1.0 differ). O(pairs).
    pub fn get<'k>(self, key: impl Into<TermRef<'k>>) -> Option<TermRef<'a>> {
        let key = key.into();
        for (candidate, value) in self.iter() {
            match order(candidate, key, Mode::MapKey) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The pairs in map-key order: Erlang's, with every integer before every float. Ends early at a malformed
    /// pair.
    pub fn iter(self) -> MapIter<'a> {
        MapIter(match self.0 {
            Source::Encoded(terms) => Iter::Encoded(terms.iter()),
            Source::Tree(pairs) => in_map_key_order(pairs),
        })
    }

    /// The pairs in the order they are stored in, which may not be map-key order; see [`is_sorted`](Self::is_sorted).
    pub(crate) fn stored(self) -> MapIter<'a> {
        MapIter(match self.0 {
            Source::Encoded(terms) => Iter::Encoded(terms.iter()),
            Source::Tree(pairs) => Iter::Tree(pairs.iter()),
        })
    }

    /// Whether the pairs are stored in map-key order. O(1) for record bytes, O(keys) for trees.
    pub(crate) fn is_sorted(self) -> bool {
        match self.0 {
            Source::Encoded(_) => true,
            Source::Tree(pairs) => is_in_map_key_order(pairs),
        }
    }

    /// The pairs as trees.
    pub(crate) fn to_terms(self) -> Result<BTreeMap<Term, Term>> {
        let mut pairs = BTreeMap::new();
        let mut count = 0;
        for (key, value) in self.iter() {
            pairs.insert(key.to_term()?, value.to_term()?);
            count += 1;
        }
        if count == self.len() { Ok(pairs) } else { Err(unreadable()) }
    }
}

/// A tree whose keys hold floats is sorted by the keys' bytes: to compare such keys, which may be maps of such keys
/// again, would cost more at every level.
fn in_map_key_order(pairs: &BTreeMap<Term, Term>) -> Iter<'_> {
    if is_in_map_key_order(pairs) {
        return Iter::Tree(pairs.iter());
    }
    let mut sorted: Vec<(&Term, &Term)> = pairs.iter().collect();
    sorted.sort_by_cached_key(|(key, _)| key::map_key(key.view()));
    Iter::Sorted(sorted.into_iter())
}

/// A tree is in the order of `Ord`, which differs from map-key order only where integers and floats meet.
fn is_in_map_key_order(pairs: &BTreeMap<Term, Term>) -> bool {
    !pairs.keys().any(holds_float)
}

fn holds_float(term: &Term) -> bool {
    match term {
        Term::Float(_) => true,
        Term::Int(_) | Term::Atom(_) | Term::Binary(_) => false,
        Term::Tuple(terms) | Term::List(terms) => terms.iter().any(holds_float),
        Term::Map(pairs) => pairs.iter().any(|(key, value)| holds_float(key) || holds_float(value)),
    }
}

impl<'a> IntoIterator for MapRef<'a> {
    type Item = (TermRef<'a>, TermRef<'a>);
    type IntoIter = MapIter<'a>;

    fn into_iter(self) -> MapIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The pairs of a map in map-key order.
pub struct MapIter<'a>(Iter<'a>);

enum Iter<'a> {
    Encoded(SeqIter<'a>),
    Tree(btree_map::Iter<'a, Term, Term>),
    Sorted(std::vec::IntoIter<(&'a Term, &'a Term)>),
}

impl<'a> Iterator for MapIter<'a> {
    type Item = (TermRef<'a>, TermRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = match &mut self.0 {
            Iter::Encoded(terms) => return terms.next().zip(terms.next()),
            Iter::Tree(pairs) => pairs.next()?,
            Iter::Sorted(pairs) => pairs.next()?,
        };
        Some((key.into(), value.into()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Iter::Encoded(terms) => (0, terms.size_hint().1.map(|terms| terms / 2)),
            Iter::Tree(pairs) => pairs.size_hint(),
            Iter::Sorted(pairs) => pairs.size_hint(),
        }
    }
}

impl fmt::Debug for MapIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapIter").field("size_hint", &self.size_hint()).finish()
    }
}
