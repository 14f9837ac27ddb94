//! What must hold for the key bytes of whatever terms there are.

use std::cmp::Ordering;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use mnemon_term::{Keying, Record, RecordRef, Term, TermRef, key};

use crate::terms::terms;

/// The order of terms, and key bytes beside it.
///
/// The bytes are a JSON array of terms, a record, or anything. Holds that key bytes compare as the terms do, numerically
/// and exactly; that no key is the beginning of another, so that keys may be put one behind the other and taken apart
/// again; that the successor of a key lies behind all keys that begin so and before all others; that terms and record
/// bytes are one and the same to all of this. Arbitrary bytes may also be taken apart as if they were keys.
///
/// # Panics
/// When any of this does not hold.
pub fn key_order(bytes: &[u8]) {
    for keying in [Keying::Exact, Keying::Numeric] {
        if let Some((first, rest)) = key::split_first(bytes, keying) {
            assert_eq!([first, rest].concat(), bytes, "split bytes, {keying:?}");
        }
    }
    if let Ok(record) = RecordRef::parse(bytes) {
        let again = Record::new(&record.to_terms().expect("what was checked can be read"));
        assert_eq!(again.expect("what was read can be written").as_bytes(), bytes, "one encoding a record");
    }
    let terms = terms(bytes);
    let record = Record::new(&terms).expect("what was read can be stored");
    let stored: Vec<TermRef<'_>> = record.as_ref().iter().collect();
    assert_eq!(stored.len(), terms.len());
    let cases: Vec<Case<'_>> =
        terms.iter().zip(stored).map(|(term, stored)| Case::of(term, stored)).collect();
    for a in &cases {
        each(a);
        for b in &cases {
            pair(a, b);
        }
    }
    sorted(terms.iter().collect());
}

/// A term with all that is compared of it.
struct Case<'a> {
    term: &'a Term,
    /// The same in record bytes.
    stored: TermRef<'a>,
    numeric: Vec<u8>,
    exact: Vec<u8>,
}

impl<'a> Case<'a> {
    fn of(term: &'a Term, stored: TermRef<'a>) -> Self {
        Self { term, stored, numeric: key_of(term, Keying::Numeric), exact: key_of(term, Keying::Exact) }
    }

    fn key(&self, keying: Keying) -> &[u8] {
        match keying {
            Keying::Numeric => &self.numeric,
            Keying::Exact => &self.exact,
        }
    }
}

fn key_of<'t>(term: impl Into<TermRef<'t>>, keying: Keying) -> Vec<u8> {
    let mut bytes = Vec::new();
    key::encode(term, keying, &mut bytes);
    bytes
}

fn compare(keying: Keying, a: TermRef<'_>, b: TermRef<'_>) -> Ordering {
    match keying {
        Keying::Numeric => a.compare(b),
        Keying::Exact => a.exact_compare(b),
    }
}

/// What holds for one term.
fn each(case: &Case<'_>) {
    let term = case.term;
    assert_eq!(case.stored.to_term().as_ref(), Ok(term), "a term that was stored");
    for keying in [Keying::Exact, Keying::Numeric] {
        let key = case.key(keying);
        assert_eq!(
            key,
            key_of(case.stored, keying),
            "the keys of {term:?} and of its record bytes, {keying:?}"
        );
        assert_eq!(key::split_first(key, keying), Some((key, &[][..])), "one term, {keying:?}");
        let cut = &key[..key.len() - 1];
        assert_eq!(key::split_first(cut, keying), None, "the key of {term:?} without its end, {keying:?}");
    }
}

/// What holds for two terms.
fn pair(a: &Case<'_>, b: &Case<'_>) {
    let (one, other) = (a.term, b.term);
    let (numeric, exact) = (Term::compare(one, other), one.cmp(other));
    for (keying, expected) in [(Keying::Numeric, numeric), (Keying::Exact, exact)] {
        for (x, y) in [(a.stored, b.stored), (one.view(), b.stored), (a.stored, other.view())] {
            assert_eq!(compare(keying, x, y), expected, "{x:?} and {y:?} in record bytes, {keying:?}");
        }
        let (left, right) = (a.key(keying), b.key(keying));
        assert_eq!(left.cmp(right), expected, "{one:?} and {other:?}, {keying:?}");
        assert!(left == right || !right.starts_with(left), "{one:?} begins the key of {other:?}, {keying:?}");
        let end = key::successor_of_prefix(left).expect("no key is all FF");
        let inside = left <= right && *right < *end;
        assert_eq!(inside, expected.is_eq(), "{other:?} from {one:?} up to its successor, {keying:?}");
    }
    assert_eq!(one == other, exact.is_eq(), "{one:?} and {other:?}: equality and order");
    if one == other {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        assert_eq!(hasher.hash_one(one), hasher.hash_one(other), "{one:?} and {other:?}: hashes");
        assert!(numeric.is_eq(), "{one:?} and {other:?} are equal only exactly");
    }
    composite(a, b);
}

/// As in an index: a value's key and behind it the record's key.
fn composite(a: &Case<'_>, b: &Case<'_>) {
    for keying in [Keying::Exact, Keying::Numeric] {
        let joined = [&a.numeric, b.key(keying)].concat();
        let split = key::split_first(&joined, Keying::Numeric);
        let expected = (&a.numeric[..], b.key(keying));
        assert_eq!(split, Some(expected), "{:?} and behind it {:?}", a.term, b.term);
        // The joined keys are ordered by their parts.
        let turned = [&b.numeric, a.key(keying)].concat();
        let by_parts =
            Term::compare(a.term, b.term).then_with(|| compare(keying, b.term.view(), a.term.view()));
        assert_eq!(joined.cmp(&turned), by_parts, "{:?} and {:?} by turns, {keying:?}", a.term, b.term);
    }
}

/// Both orders are total: whatever is sorted by them stays sorted for all pairs, not only for neighbours.
fn sorted(mut terms: Vec<&Term>) {
    for compare in [Term::compare, |a: &Term, b: &Term| a.cmp(b)] {
        terms.sort_by(|a, b| compare(a, b));
        for (at, one) in terms.iter().enumerate() {
            for later in &terms[at..] {
                assert!(compare(one, later).is_le(), "{one:?} is sorted before {later:?}");
                assert_eq!(
                    compare(one, later),
                    compare(later, one).reverse(),
                    "{one:?} and {later:?} turned"
                );
            }
        }
    }
}
