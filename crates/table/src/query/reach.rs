//! How far a condition reaches: which keys, and which span of values of an attribute, its records can have at all.
//!
//! A span is in the space of [`Keying::Numeric`] key bytes. Since no encoding is a prefix of another, one span serves
//! for the keys of an `ordered_set` and for index entries, in which the primary key follows the attribute's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mnemon_term::{Keying, Term, TermRef, key};

use crate::query::Test;
use crate::query::variants::variants;

/// Most keys that are read one by one.
const MAX_KEYS: usize = 4_096;

pub(crate) fn encode(term: TermRef<'_>, keying: Keying) -> Vec<u8> {
    let mut bytes = Vec::new();
    key::encode(term, keying, &mut bytes);
    bytes
}

/// The positions from `from` up to but without `to`; without `to`, up to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
}

impl Span {
    const EVERYTHING: Self = Self { from: Vec::new(), to: None };
    const NOTHING: Self = Self { from: Vec::new(), to: Some(Vec::new()) };

    /// Where the values that pass a test are.
    pub(crate) fn of(test: &Test) -> Self {
        let bytes = |term: &Term| encode(term.view(), Keying::Numeric);
        match test {
            Test::Eq(term) | Test::Exact(term) => Self::beginning_with(bytes(term)),
            Test::Lt(term) => Self { from: Vec::new(), to: Some(bytes(term)) },
            Test::Le(term) => Self { from: Vec::new(), to: key::successor_of_prefix(&bytes(term)) },
            Test::Gt(term) => {
                Self { from: key::successor_of_prefix(&bytes(term)).unwrap_or_default(), to: None }
            }
            Test::Ge(term) => Self { from: bytes(term), to: None },
            Test::In(terms) => {
                let points = terms.iter().map(|term| Self::beginning_with(bytes(term)));
                points.reduce(Self::hull).unwrap_or(Self::NOTHING)
            }
            Test::Prefix(prefix) => {
                let mut bytes = encode(TermRef::Binary(prefix), Keying::Numeric);
                // What remains without the end mark is what longer binaries begin with too.
                bytes.pop();
                Self::beginning_with(bytes)
            }
            Test::Exists(false) => Self::beginning_with(encode(TermRef::NIL, Keying::Numeric)),
            Test::Ne(_) | Test::Exists(true) => Self::EVERYTHING,
        }
    }

    fn beginning_with(bytes: Vec<u8>) -> Self {
        Self { to: key::successor_of_prefix(&bytes), from: bytes }
    }

    /// The smallest span around both.
    fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.zip(other.to).map(|(a, b)| a.max(b)) }
    }

    /// What is in both.
    fn intersection(self, other: Self) -> Self {
        let to = match (self.to, other.to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { from: self.from.max(other.from), to }
    }

    fn is_nothing(&self) -> bool {
        self.to.as_ref().is_some_and(|to| self.from >= *to)
    }

    pub(crate) fn contains(&self, position: &[u8]) -> bool {
        *self.from <= *position && self.to.as_ref().is_none_or(|to| *position < **to)
    }

    /// Whether there is a bound at the lower and at the upper end.
    pub(crate) fn bounded(&self) -> (bool, bool) {
        (!self.from.is_empty(), self.to.is_some())
    }

    /// Whether the span is of one value.
    pub(crate) fn is_point(&self) -> bool {
        let one = key::split_first(&self.from, Keying::Numeric).is_some_and(|(_, rest)| rest.is_empty());
        one && self.to == key::successor_of_prefix(&self.from)
    }

    pub(crate) fn into_bounds(self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let from = if self.from.is_empty() { Bound::Unbounded } else { Bound::Included(self.from) };
        (from, self.to.map_or(Bound::Unbounded, Bound::Excluded))
    }
}

/// What is known of the records that fulfil a condition. Where nothing is known it is as wide as the table; a condition
/// that no record fulfils has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    /// The keys they can have.
    pub(crate) keys: Option<BTreeSet<Vec<u8>>>,
    /// By place, the values they can have.
    pub(crate) spans: BTreeMap<u16, Span>,
}

impl Reach {
    /// The reach of a test of the attribute at a place whose order is known, or else of the key.
    pub(crate) fn of(place: u16, test: &Test, keying: Keying, ordered: bool) -> Option<Self> {
        let keys = if place == 0 { keys(test, keying) } else { None };
        let spans = if ordered { BTreeMap::from([(place, Span::of(test))]) } else { BTreeMap::new() };
        Self { keys, spans }.unless_nothing()
    }

    /// Where both are.
    pub(crate) fn meet(self, other: Self) -> Option<Self> {
        let keys = match (self.keys, other.keys) {
            (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
            (a, b) => a.or(b),
        };
        let mut spans = self.spans;
        for (place, span) in other.spans {
            let both = match spans.remove(&place) {
                Some(known) => known.intersection(span),
                None => span,
            };
            spans.insert(place, both);
        }
        Self { keys, spans }.unless_nothing()
    }

    /// Where either is.
    pub(crate) fn join(self, mut other: Self) -> Self {
        let keys = self.keys.zip(other.keys).map(|(mut a, b)| {
            a.extend(b);
            a
        });
        let spans = self
            .spans
            .into_iter()
            .filter_map(|(place, span)| other.spans.remove(&place).map(|known| (place, known.hull(span))));
        Self { keys: keys.filter(|keys| keys.len() <= MAX_KEYS), spans: spans.collect() }
    }

    fn unless_nothing(self) -> Option<Self> {
        let nothing =
            self.keys.as_ref().is_some_and(BTreeSet::is_empty) || self.spans.values().any(Span::is_nothing);
        (!nothing).then_some(self)
    }
}

/// The key bytes that pass a test, if they can be listed.
fn keys(test: &Test, keying: Keying) -> Option<BTreeSet<Vec<u8>>> {
    match test {
        Test::Eq(term) => equal_keys(std::slice::from_ref(term), keying),
        Test::In(terms) => equal_keys(terms, keying),
        Test::Exact(term) => Some(BTreeSet::from([encode(term.view(), keying)])),
        Test::Exists(false) => Some(BTreeSet::from([encode(TermRef::NIL, keying)])),
        _ => None,
    }
}

fn equal_keys(terms: &[Term], keying: Keying) -> Option<BTreeSet<Vec<u8>>> {
    let mut keys = BTreeSet::new();
    for term in terms {
        match keying {
            Keying::Numeric => {
                keys.insert(encode(term.view(), keying));
            }
            Keying::Exact => keys.extend(variants(term)?.iter().map(|term| encode(term.view(), keying))),
        }
        if keys.len() > MAX_KEYS {
            return None;
        }
    }
    Some(keys)
}
