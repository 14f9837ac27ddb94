//! Three tables said plainly: sorted maps that are copied whole.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use mnemon_store::Kind;
use mnemon_table::KeyRange;
use mnemon_term::{Record, RecordRef, Term, TermRef};

/// A key as its table tells keys apart.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    term: Term,
    numeric: bool,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.numeric { Term::compare(&self.term, &other.term) } else { self.term.cmp(&other.term) }
    }
}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Key {}

#[derive(Clone, Debug)]
pub(crate) struct ModelRow {
    pub(crate) records: Vec<Record>,
    pub(crate) expires_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelTable {
    pub(crate) kind: Kind,
    rows: BTreeMap<Key, ModelRow>,
    /// Attributes with an index.
    pub(crate) indexes: Vec<u16>,
}

/// What a counter's update comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Sum(i64),
    Refused,
    Unsupported,
}

pub(crate) fn key_of(record: RecordRef<'_>) -> Term {
    record.key().expect("records have a key").to_term().expect("keys are not deep")
}

impl ModelTable {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, rows: BTreeMap::new(), indexes: Vec::new() }
    }

    fn key(&self, term: &Term) -> Key {
        Key { term: term.clone(), numeric: self.kind == Kind::OrderedSet }
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        self.rows.retain(|_, row| row.expires_at.is_none_or(|at_ms| at_ms > now_ms));
    }

    pub(crate) fn lookup(&self, key: &Term) -> Vec<Record> {
        self.rows.get(&self.key(key)).map(|row| row.records.clone()).unwrap_or_default()
    }

    /// All records, by key; under a key in the order they came.
    pub(crate) fn all(&self) -> Vec<Record> {
        self.rows.values().flat_map(|row| row.records.clone()).collect()
    }

    /// One term a key, in order.
    pub(crate) fn keys(&self) -> Vec<Term> {
        let first = |row: &ModelRow| key_of(row.records[0].as_ref());
        self.rows.values().map(first).collect()
    }

    pub(crate) fn write(&mut self, record: &Record, expires_at: Option<u64>) {
        let key = self.key(&key_of(record.as_ref()));
        let mut records = match self.rows.remove(&key) {
            Some(row) if self.kind == Kind::Bag => row.records,
            _ => Vec::new(),
        };
        if !records.contains(record) {
            records.push(record.clone());
        }
        self.rows.insert(key, ModelRow { records, expires_at });
    }

    pub(crate) fn insert_new(&mut self, record: &Record, expires_at: Option<u64>) -> bool {
        let new = self.lookup(&key_of(record.as_ref())).is_empty();
        if new {
            self.write(record, expires_at);
        }
        new
    }

    pub(crate) fn delete(&mut self, key: &Term) -> bool {
        let key = self.key(key);
        self.rows.remove(&key).is_some()
    }

    pub(crate) fn delete_object(&mut self, record: &Record) -> bool {
        let key = self.key(&key_of(record.as_ref()));
        let Some(row) = self.rows.get_mut(&key) else { return false };
        let before = row.records.len();
        row.records.retain(|other| other != record);
        let removed = row.records.len() < before;
        if row.records.is_empty() {
            self.rows.remove(&key);
        }
        removed
    }

    pub(crate) fn count(&mut self, key: &Term, attribute: u16, by: i64, expires_at: Option<u64>) -> Counted {
        if self.kind == Kind::Bag {
            return Counted::Unsupported;
        }
        let place = usize::from(attribute);
        let row = self.rows.get(&self.key(key));
        let expires_at = row.map_or(expires_at, |row| row.expires_at);
        let mut terms = match row {
            Some(row) => row.records[0].as_ref().to_terms().expect("flat"),
            None => {
                let mut terms = vec![key.clone(), Term::nil(), Term::nil()];
                terms[place] = Term::Int(0);
                terms
            }
        };
        let Some(sum) = terms[place].as_int().and_then(|number| number.checked_add(by)) else {
            return Counted::Refused;
        };
        terms[place] = Term::Int(sum);
        self.write(&Record::new(&terms).expect("flat"), expires_at);
        Counted::Sum(sum)
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(crate) fn range(&self, range: &KeyRange) -> Vec<Record> {
        let inside = |key: &Key| {
            let compare = |bound: &Term| Term::compare(&key.term, bound);
            let above = match &range.from {
                Bound::Included(from) => compare(from).is_ge(),
                Bound::Excluded(from) => compare(from).is_gt(),
                Bound::Unbounded => true,
            };
            above
                && match &range.to {
                    Bound::Included(to) => compare(to).is_le(),
                    Bound::Excluded(to) => compare(to).is_lt(),
                    Bound::Unbounded => true,
                }
        };
        let found = self.rows.iter().filter(|(key, _)| inside(key));
        let mut found: Vec<Record> = found.flat_map(|(_, row)| row.records.clone()).collect();
        if range.reverse {
            found.reverse();
        }
        found.truncate(range.limit.unwrap_or(usize::MAX));
        found
    }

    /// The nearest key behind (or, `back`, before) a key; in order tables only.
    pub(crate) fn beside(&self, key: &Term, back: bool) -> Option<Term> {
        let key = self.key(key);
        let row = if back {
            self.rows.range(..&key).next_back()
        } else {
            self.rows.range((Bound::Excluded(&key), Bound::Unbounded)).next()
        };
        row.map(|(_, row)| key_of(row.records[0].as_ref()))
    }

    /// Whether a record's attribute is what an index read of this value gives.
    pub(crate) fn is_indexed_under(&self, record: RecordRef<'_>, attribute: u16, value: &Term) -> bool {
        let value = TermRef::from(value);
        record.get(usize::from(attribute)).is_some_and(|found| {
            if self.kind == Kind::OrderedSet { found.compare(value).is_eq() } else { found.exact_eq(value) }
        })
    }
}
