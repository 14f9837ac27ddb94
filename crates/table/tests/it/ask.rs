//! Asks a table in each of the ways there are, and judges the answers by the model.

use mnemon_store::Kind;
use mnemon_table::query::{Plan, Query};
use mnemon_table::{Object, Table, TableError, Transaction};
use mnemon_term::{Record, RecordRef, Term};

use crate::model::ModelTable;
use crate::step::{ATTRIBUTES, Read};

/// More keys than any table of these tests has.
const WALK_MAX: usize = 100;

#[derive(Debug)]
pub(crate) enum Answer {
    Records(Vec<Record>),
    Key(Option<Term>),
    Keys(Vec<Term>),
    Refused(TableError),
}

fn records(found: Result<impl IntoIterator<Item = Object>, TableError>) -> Answer {
    match found {
        Ok(objects) => Answer::Records(
            objects.into_iter().map(|object| object.to_record().expect("tables hold records")).collect(),
        ),
        Err(error) => Answer::Refused(error),
    }
}

fn key(found: Result<Option<Term>, TableError>) -> Answer {
    found.map_or_else(Answer::Refused, Answer::Key)
}

fn gathered(mut all: Vec<Record>, record: RecordRef<'_>) -> Vec<Record> {
    all.push(record.to_record().expect("flat"));
    all
}

/// The plain way.
pub(crate) async fn plainly(table: &Table, read: &Read) -> Answer {
    match read {
        Read::One(key) => records(table.read(key).await),
        Read::Lookup(key) => records(table.lookup(key).await),
        Read::Range(range) => records(table.range(range).await),
        Read::Index(attribute, value) => {
            records(table.index_read(ATTRIBUTES[usize::from(*attribute)], value).await)
        }
        Read::Match(pattern) => records(table.match_object(pattern).await),
        Read::Select(query) => records(table.select(query).await),
        Read::Fold => table.fold(Vec::new(), gathered).await.map_or_else(Answer::Refused, Answer::Records),
        Read::First | Read::Last | Read::Next(_) | Read::Prev(_) | Read::Walk => dirtily(table, read),
    }
}

/// The dirty way.
pub(crate) fn dirtily(table: &Table, read: &Read) -> Answer {
    match read {
        Read::One(key) => records(table.dirty_read(key)),
        Read::Lookup(key) => records(table.dirty_lookup(key)),
        Read::Range(range) => records(table.dirty_range(range)),
        Read::Index(attribute, value) => {
            records(table.dirty_index_read(ATTRIBUTES[usize::from(*attribute)], value))
        }
        Read::Match(pattern) => records(table.dirty_match_object(pattern)),
        Read::Select(query) => records(table.dirty_select(query)),
        Read::Fold => records(table.dirty_select(&Query::all())),
        Read::First => key(table.dirty_first()),
        Read::Last => key(table.dirty_last()),
        Read::Next(from) => key(table.dirty_next(from)),
        Read::Prev(from) => key(table.dirty_prev(from)),
        Read::Walk => {
            let mut keys: Vec<Term> = Vec::new();
            let mut next = table.dirty_first();
            while let Ok(Some(key)) = next
                && keys.len() < WALK_MAX
            {
                next = table.dirty_next(&key);
                keys.push(key);
            }
            Answer::Keys(keys)
        }
    }
}

/// In a transaction.
pub(crate) async fn within(transaction: &Transaction, table: &Table, read: &Read) -> Answer {
    match read {
        Read::One(key) => records(transaction.read(table, key).await),
        Read::Lookup(key) => records(transaction.lookup(table, key).await),
        Read::Range(range) => records(transaction.range(table, range).await),
        Read::Index(attribute, value) => {
            let name = ATTRIBUTES[usize::from(*attribute)];
            records(transaction.index_read(table, name, value).await)
        }
        Read::Match(pattern) => records(transaction.match_object(table, pattern).await),
        Read::Select(query) => records(transaction.select(table, query).await),
        Read::Fold => {
            let all = transaction.fold(table, Vec::new(), gathered).await;
            all.map_or_else(Answer::Refused, Answer::Records)
        }
        Read::First => key(transaction.first(table).await),
        Read::Last => key(transaction.last(table).await),
        Read::Next(from) => key(transaction.next(table, from).await),
        Read::Prev(from) => key(transaction.prev(table, from).await),
        Read::Walk => {
            let mut keys: Vec<Term> = Vec::new();
            let mut next = transaction.first(table).await;
            while let Ok(Some(key)) = next
                && keys.len() < WALK_MAX
            {
                next = transaction.next(table, &key).await;
                keys.push(key);
            }
            Answer::Keys(keys)
        }
    }
}

/// Compares an answer with what the model holds.
pub(crate) fn judge(model: &ModelTable, read: &Read, answer: &Answer) {
    let ordered = model.kind == Kind::OrderedSet;
    match (read, answer) {
        (Read::One(key), Answer::Records(found)) => {
            let mut expected = model.lookup(key);
            expected.truncate(1);
            assert_eq!(*found, expected, "{read:?}");
        }
        (Read::Lookup(key), Answer::Records(found)) => assert_eq!(*found, model.lookup(key), "{read:?}"),
        (Read::Range(range), Answer::Records(found)) if ordered => {
            assert_eq!(*found, model.range(range), "{read:?}");
        }
        (Read::Range(_), Answer::Refused(TableError::Unsupported { .. })) if !ordered => {}
        (Read::Index(attribute, value), Answer::Records(found)) => {
            assert!(model.indexes.contains(attribute), "no index, yet {found:?}");
            same_records(found, matching(model, |record| model.is_indexed_under(record, *attribute, value)));
        }
        (Read::Index(attribute, _), Answer::Refused(TableError::NoIndex { .. })) => {
            assert!(!model.indexes.contains(attribute), "the index on {attribute} is not there");
        }
        (Read::Match(pattern), Answer::Records(found)) => {
            same_records(found, matching(model, |record| pattern.matches(record)));
        }
        (Read::Select(query), Answer::Records(found)) => judge_select(model, query, found),
        (Read::Fold, Answer::Records(found)) => same_records(found, model.all()),
        (Read::First | Read::Last, Answer::Key(found)) => {
            let keys = model.keys();
            let expected = if matches!(read, Read::First) { keys.first() } else { keys.last() };
            if ordered {
                assert_eq!(found.as_ref(), expected, "{read:?}");
            } else {
                assert_eq!(found.is_none(), keys.is_empty(), "{read:?}");
                assert!(found.as_ref().is_none_or(|found| keys.contains(found)), "{read:?}: {found:?}");
            }
        }
        (Read::Next(from) | Read::Prev(from), Answer::Key(found)) => {
            if ordered {
                assert_eq!(*found, model.beside(from, matches!(read, Read::Prev(_))), "{read:?}");
            } else {
                let keys = model.keys();
                assert!(found.as_ref().is_none_or(|found| keys.contains(found) && found != from), "{read:?}");
            }
        }
        (Read::Walk, Answer::Keys(found)) => {
            let (mut found, expected) = (found.clone(), model.keys());
            if !ordered {
                found.sort();
            }
            assert_eq!(found, expected, "a walk from key to key");
        }
        (read, answer) => panic!("{read:?} of a {:?} answers {answer:?}", model.kind),
    }
}

fn matching(model: &ModelTable, wanted: impl Fn(RecordRef<'_>) -> bool) -> Vec<Record> {
    let mut all = model.all();
    all.retain(|record| wanted(record.as_ref()));
    all
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    records
}

fn same_records(found: &[Record], expected: Vec<Record>) {
    assert_eq!(sorted(found.to_vec()), sorted(expected));
}

fn judge_select(model: &ModelTable, query: &Query, found: &[Record]) {
    let mut expected = matching(model, |record| query.matches(record));
    let count = expected.len().min(query.max_records().unwrap_or(usize::MAX));
    assert_eq!(found.len(), count, "the number of records of {query:?}: {found:?} of {expected:?}");
    match query.plan(model.kind, &model.indexes) {
        // In the order of the keys.
        Plan::Scan | Plan::Key(_) | Plan::Keys(_) | Plan::KeyRange { .. }
            if model.kind == Kind::OrderedSet =>
        {
            if query.is_reverse() {
                expected.reverse();
            }
            expected.truncate(count);
            assert_eq!(found, expected, "{query:?}");
        }
        // In the order of the index's values; a bag's key brings all its objects at once.
        Plan::Index { attribute, .. } if model.kind != Kind::Bag => {
            let value = |record: &Record| {
                let value = record.as_ref().get(usize::from(attribute)).expect("all have it");
                value.to_term().expect("flat")
            };
            expected.sort_by(|one, other| Term::compare(&value(one), &value(other)));
            if query.is_reverse() {
                expected.reverse();
            }
            let values = |records: &[Record]| records.iter().map(value).collect::<Vec<_>>();
            let same = values(found)
                .iter()
                .zip(values(&expected))
                .all(|(one, other)| Term::compare(one, &other).is_eq());
            assert!(same, "{query:?} gives {found:?} of {expected:?}");
            all_inside(found, &expected);
        }
        _ => all_inside(found, &expected),
    }
}

/// That each found record is one of the expected, and none is there twice.
fn all_inside(found: &[Record], expected: &[Record]) {
    let found = sorted(found.to_vec());
    let twice = found.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "{twice:?} is there twice");
    let stranger = found.iter().find(|record| !expected.contains(record));
    assert!(stranger.is_none(), "{stranger:?} is not among {expected:?}");
}
