//! Reads by Mnesia's and ETS's names, written once over a [`View`].

use std::collections::HashSet;
use std::ops::Bound;

use mnemon_store::{Kind, Row, Source, StoreError};
use mnemon_term::key::{self, Keying, NumberKey, successor_of_prefix};
use mnemon_term::{RecordRef, Term, TermRef};

use crate::error::TableError;
use crate::form::TableForm;
use crate::object::{Object, first_object, objects};
use crate::query::{Pattern, Plan, Query};
use crate::view::{Span, View, Walk};

/// A part of an `ordered_set` by its keys.
#[derive(Clone, Debug)]
pub struct KeyRange {
    /// Where it begins.
    pub from: Bound<Term>,
    /// Where it ends.
    pub to: Bound<Term>,
    /// At most this many records.
    pub limit: Option<usize>,
    /// From the end to the beginning.
    pub reverse: bool,
}

impl Default for KeyRange {
    fn default() -> Self {
        Self { from: Bound::Unbounded, to: Bound::Unbounded, limit: None, reverse: false }
    }
}

pub(crate) fn read(
    view: &mut impl View,
    table: &TableForm,
    key: &Term,
) -> Result<Option<Object>, TableError> {
    Ok(row(view, table, key)?.and_then(first_object))
}

pub(crate) fn lookup(view: &mut impl View, table: &TableForm, key: &Term) -> Result<Vec<Object>, TableError> {
    Ok(row(view, table, key)?.map(|row| objects(&row)).unwrap_or_default())
}

/// Written where it is used: with a call more, the next read's row is out of the processor's sight.
#[inline(always)]
fn row(view: &mut impl View, table: &TableForm, key: &Term) -> Result<Option<Row>, TableError> {
    match *key {
        // Its bytes stay where they are made: see there.
        Term::Int(value) => view.row(table, &NumberKey::of_int(value, table.kind().keying())),
        _ => view.row(table, &table.key(key)),
    }
}

/// Which neighbour of a key is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    First,
    Last,
    Next,
    Prev,
}

/// The key at the beginning, at the end, or beside another. In a `set` or `bag` the order is that of the scan, and
/// back is forth, as in ETS.
pub(crate) fn step(
    view: &mut impl View,
    table: &TableForm,
    step: Step,
    key: Option<&Term>,
) -> Result<Option<Term>, TableError> {
    let reverse = matches!(step, Step::Last | Step::Prev) && table.kind() == Kind::OrderedSet;
    let mut span = Span { reverse, ..Span::all() };
    if let Some(key) = key {
        let position = table.copy().position(&table.key_bytes(key));
        if reverse {
            span.to = Bound::Excluded(position);
        } else {
            span.from = Bound::Excluded(position);
        }
    }
    let mut found = None;
    view.walk(table, &span, &mut |row| {
        found = Some(row.clone());
        Walk::Enough
    })?;
    found
        .and_then(first_object)
        .and_then(|object| object.record().key().map(TermRef::to_term))
        .transpose()
        .map_err(Into::into)
}

pub(crate) fn range(
    view: &mut impl View,
    table: &TableForm,
    range: &KeyRange,
) -> Result<Vec<Object>, TableError> {
    if table.kind() != Kind::OrderedSet {
        let table = table.name().to_owned();
        return Err(TableError::Unsupported {
            table,
            cause: "only an ordered_set has ranges; match or select instead",
        });
    }
    let bound = |bound: &Bound<Term>| bound.as_ref().map(|term| table.key_bytes(term));
    let (from, to) = (bound(&range.from), bound(&range.to));
    let span = Span { source: Source::Rows, from, to, reverse: range.reverse };
    collect(view, table, &span, range.limit, |_| true)
}

/// Records whose attribute equals the value: numerically in an `ordered_set`, exactly in others, like their keys.
pub(crate) fn index_read(
    view: &mut impl View,
    table: &TableForm,
    attribute: u16,
    value: &Term,
) -> Result<Vec<Object>, TableError> {
    let mut prefix = Vec::new();
    key::encode(value, Keying::Numeric, &mut prefix);
    let to = successor_of_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
    let span = Span { source: Source::Index(attribute), from: Bound::Included(prefix), to, reverse: false };
    let value = TermRef::from(value);
    let exact = table.kind() != Kind::OrderedSet;
    collect(view, table, &span, None, |record| {
        let Some(found) = record.get(usize::from(attribute)) else {
            return false;
        };
        if exact { found.exact_eq(value) } else { found.compare(value).is_eq() }
    })
}

pub(crate) fn select(
    view: &mut impl View,
    table: &TableForm,
    query: &Query,
) -> Result<Vec<Object>, TableError> {
    let plan = query.plan(table.kind(), &table.copy().indexed());
    let order = (query.max_records(), query.is_reverse());
    find(view, table, plan, order, |record| query.matches(record))
}

pub(crate) fn match_object(
    view: &mut impl View,
    table: &TableForm,
    pattern: &Pattern,
) -> Result<Vec<Object>, TableError> {
    let plan = Plan::choose(&pattern.to_condition(), table.kind(), &table.copy().indexed());
    find(view, table, plan, (None, false), |record| pattern.matches(record))
}

/// The wanted records among those that a plan leads to.
fn find(
    view: &mut impl View,
    table: &TableForm,
    plan: Plan,
    (limit, reverse): (Option<usize>, bool),
    wanted: impl Fn(RecordRef<'_>) -> bool,
) -> Result<Vec<Object>, TableError> {
    let span = |source, from, to| Span { source, from, to, reverse };
    // Rows without an order are not walked backwards.
    let all = Span { reverse: reverse && table.kind() == Kind::OrderedSet, ..Span::all() };
    let span = match plan {
        Plan::Key(key) => return find_keys(view, table, vec![key], limit, wanted),
        Plan::Keys(mut keys) => {
            // They are ascending, which is the order of the rows where there is one.
            if all.reverse {
                keys.reverse();
            }
            return find_keys(view, table, keys, limit, wanted);
        }
        Plan::KeyRange { from, to } => span(Source::Rows, from, to),
        Plan::Index { attribute, from, to } => span(Source::Index(attribute), from, to),
        Plan::Scan => all.clone(),
    };
    match collect(view, table, &span, limit, &wanted) {
        // The index was dropped, or is younger than the snapshot: the rows themselves are there.
        Err(TableError::Store(StoreError::NoIndex { .. })) => collect(view, table, &all, limit, &wanted),
        answer => answer,
    }
}

fn find_keys(
    view: &mut impl View,
    table: &TableForm,
    keys: Vec<Vec<u8>>,
    limit: Option<usize>,
    wanted: impl Fn(RecordRef<'_>) -> bool,
) -> Result<Vec<Object>, TableError> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for key in keys {
        if found.len() >= limit {
            break;
        }
        if let Some(row) = view.row(table, &key)? {
            found.extend(objects(&row).into_iter().filter(|object| wanted(object.record())));
        }
    }
    found.truncate(limit);
    Ok(found)
}

pub(crate) fn fold<A>(
    view: &mut impl View,
    table: &TableForm,
    start: A,
    mut step: impl FnMut(A, RecordRef<'_>) -> A,
) -> Result<A, TableError> {
    let mut sum = Some(start);
    view.walk(table, &Span::all(), &mut |row| {
        for object in objects(row) {
            sum = sum.take().map(|so_far| step(so_far, object.record()));
        }
        Walk::On
    })?;
    Ok(sum.expect("taken and given back at each step"))
}

fn collect(
    view: &mut impl View,
    table: &TableForm,
    span: &Span,
    limit: Option<usize>,
    mut wanted: impl FnMut(RecordRef<'_>) -> bool,
) -> Result<Vec<Object>, TableError> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut found: Vec<Object> = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    // A bag's key stands in an index once a value, and leads to all its objects each time.
    let mut met: Option<HashSet<Box<[u8]>>> =
        (table.kind() == Kind::Bag && span.source != Source::Rows).then(HashSet::new);
    view.walk(table, span, &mut |row: &Row| {
        if met.as_mut().is_none_or(|met| met.insert(row.key().into())) {
            found.extend(objects(row).into_iter().filter(|object| wanted(object.record())));
        }
        if found.len() >= limit { Walk::Enough } else { Walk::On }
    })?;
    found.truncate(limit);
    Ok(found)
}
