//! Walks over what is in memory and what is on disc, as one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use mnemon_disc::DiscError;
use mnemon_disc::rows::RowTree;

use super::meta::{META_KEY, Meta};
use super::{Changes, ColdRows, Holds, TreeKey, decode, tree_key};
use crate::row::Row;
use crate::rows::{PAGE_ROWS, Position, Span, Walked};

/// What one source has of a page.
struct Part<V> {
    found: Vec<(Position, V)>,
    /// The last position that it covers; `None` when that is all of the span.
    stopped_at: Option<Position>,
}

/// What the tree has of a page. Read without the lock of the rows, so that nobody waits for the disc.
pub(crate) struct Ahead {
    turns: u64,
    most: usize,
    part: Part<Option<Row>>,
}

/// The tree under some rows, as it was when their lock was held.
pub(crate) struct Beneath {
    tree: Option<Arc<dyn RowTree>>,
    holds: Holds,
    turns: u64,
}

impl Beneath {
    /// Reads what the tree has of a page.
    pub(crate) fn read(&self, span: Span<'_>, most: usize) -> Result<Ahead, DiscError> {
        let most = most.clamp(1, PAGE_ROWS);
        let part = match &self.tree {
            Some(tree) if !span.is_empty() => {
                part_on_disc(&**tree, self.holds, span, most, |bytes| decode(bytes).map(Some))?
            }
            _ => Part { found: Vec::new(), stopped_at: None },
        };
        Ok(Ahead { turns: self.turns, most, part })
    }
}

impl ColdRows {
    pub(crate) fn beneath(&self) -> Beneath {
        Beneath { tree: self.tree().cloned(), holds: self.holds(), turns: self.turns }
    }

    /// Visits at most `most` rows of the span. What was read ahead of the same span counts if the tree is still the same; else
    /// the disc is read.
    pub(crate) fn walk(
        &self,
        span: Span<'_>,
        most: usize,
        ahead: Option<Ahead>,
    ) -> Result<Walked, DiscError> {
        let most = most.clamp(1, PAGE_ROWS);
        if span.is_empty() {
            return Ok(Walked { found: Vec::new(), stopped_at: None });
        }
        let on_disc = match ahead.filter(|ahead| ahead.turns == self.turns && ahead.most == most) {
            Some(ahead) => ahead.part,
            None => self.part_on_disc(span, most, |bytes| decode(bytes).map(Some))?,
        };
        let merged = self.merge(span, most, on_disc);
        Ok(Walked { found: merged.found, stopped_at: merged.stopped_at })
    }

    /// The first keys of the span, upwards. What stands there is not read.
    pub(crate) fn first_keys(&self, span: Span<'_>, most: usize) -> Result<Vec<Position>, DiscError> {
        let mut keys = Vec::new();
        let mut from: Bound<Position> = span.from.map(Position::from_slice);
        while keys.len() < most {
            let span = Span { from: from.as_ref().map(|key| &**key), ..span };
            let on_disc = self.part_on_disc(span, PAGE_ROWS, |_| Ok(Some(())))?;
            let merged = self.merge_with(span, PAGE_ROWS, on_disc, |row| row.as_ref().map(|_| ()));
            keys.extend(merged.found.into_iter().map(|(key, ())| key));
            match merged.stopped_at {
                Some(stop) => from = Bound::Excluded(stop),
                None => break,
            }
        }
        keys.truncate(most);
        Ok(keys)
    }

    fn part_on_disc<V>(
        &self,
        span: Span<'_>,
        most: usize,
        value: impl Fn(&[u8]) -> Result<V, DiscError>,
    ) -> Result<Part<V>, DiscError> {
        match self.tree() {
            Some(tree) => part_on_disc(&**tree, self.holds(), span, most, value),
            None => Ok(Part { found: Vec::new(), stopped_at: None }),
        }
    }

    fn merge(&self, span: Span<'_>, most: usize, on_disc: Part<Option<Row>>) -> Part<Row> {
        self.merge_with(span, most, on_disc, Option::clone)
    }

    /// Younger sources hide what older ones have at the same place; the page covers what all of them have covered.
    fn merge_with<V>(
        &self,
        span: Span<'_>,
        most: usize,
        on_disc: Part<Option<V>>,
        value: impl Fn(&Option<Row>) -> Option<V>,
    ) -> Part<V> {
        let flushing = self.flushing.as_ref().map(|frozen| part_of(&frozen.changes, span, most, &value));
        let dirty = part_of(&self.dirty, span, most, &value);
        let parts = [Some(on_disc), flushing, Some(dirty)];
        let stops = parts.iter().flatten().filter_map(|part| part.stopped_at.as_ref());
        let mut stopped_at = if span.reverse { stops.max() } else { stops.min() }.cloned();
        let is_covered = |position: &Position| match &stopped_at {
            None => true,
            Some(stop) if span.reverse => position >= stop,
            Some(stop) => position <= stop,
        };
        let mut merged: BTreeMap<Position, Option<V>> = BTreeMap::new();
        for (position, value) in parts.into_iter().flatten().flat_map(|part| part.found) {
            if is_covered(&position) {
                merged.insert(position, value);
            }
        }
        let present = |(position, value): (Position, Option<V>)| Some((position, value?));
        let mut found: Vec<(Position, V)> = merged.into_iter().filter_map(present).collect();
        if span.reverse {
            found.reverse();
        }
        if found.len() > most {
            found.truncate(most);
            stopped_at = found.last().map(|(position, _)| position.clone());
        }
        Part { found, stopped_at }
    }
}

/// What a key of a tree and its value are, of use to who saves a damaged one.
pub(crate) enum Saved {
    Meta(Meta),
    Row(Row),
}

/// `None` for what can be made anew.
pub(crate) fn saved_of(key: &[u8], value: &[u8]) -> Option<Saved> {
    if key == META_KEY {
        return Meta::decode(value).ok().map(Saved::Meta);
    }
    let is_row = key.starts_with(&Holds::Rows.prefix());
    if is_row { decode(value).ok().map(Saved::Row) } else { None }
}

/// Reads all of a tree, indexes and all.
///
/// # Errors
/// Of the tree.
pub(crate) fn check_all(tree: &dyn RowTree) -> Result<(), DiscError> {
    let span = Span { from: Bound::Unbounded, to: Bound::Unbounded, reverse: false };
    tree.walk(span, &mut |_, _| true)
}

fn part_on_disc<V>(
    tree: &dyn RowTree,
    holds: Holds,
    span: Span<'_>,
    most: usize,
    value: impl Fn(&[u8]) -> Result<V, DiscError>,
) -> Result<Part<V>, DiscError> {
    let (from, to) = bounds(holds, span);
    let span_on_disc = Span {
        from: from.as_ref().map(|key| &**key),
        to: to.as_ref().map(|key| &**key),
        reverse: span.reverse,
    };
    let skip = holds.prefix().len();
    let mut found = Vec::new();
    let mut failed = None;
    tree.walk(span_on_disc, &mut |key, bytes| {
        match value(bytes) {
            Ok(value) => found.push((Position::from_slice(key.get(skip..).unwrap_or_default()), value)),
            Err(cause) => failed = Some(cause),
        }
        failed.is_none() && found.len() < most
    })?;
    match failed {
        Some(cause) => Err(cause),
        None => Ok(stopped(found, most)),
    }
}

fn part_of<V>(
    changes: &Changes,
    span: Span<'_>,
    most: usize,
    value: impl Fn(&Option<Row>) -> Option<V>,
) -> Part<Option<V>> {
    let range = changes.range::<[u8], _>((span.from, span.to)).map(|(key, row)| (&**key, row));
    let copy = |(key, row): (&[u8], &Option<Row>)| (Position::from_slice(key), value(row));
    let found = if span.reverse {
        range.rev().take(most).map(copy).collect()
    } else {
        range.take(most).map(copy).collect()
    };
    stopped(found, most)
}

fn stopped<V>(found: Vec<(Position, V)>, most: usize) -> Part<V> {
    let stopped_at = if found.len() < most { None } else { found.last().map(|(key, _)| key.clone()) };
    Part { found, stopped_at }
}

/// A map's span as one of the tree.
fn bounds(holds: Holds, span: Span<'_>) -> (Bound<TreeKey>, Bound<TreeKey>) {
    let own = |key: &[u8]| tree_key(holds, key);
    let from = match span.from {
        Bound::Unbounded => Bound::Included(holds.prefix()),
        bound => bound.map(own),
    };
    let to = match span.to {
        Bound::Unbounded => Bound::Excluded(holds.end()),
        bound => bound.map(own),
    };
    (from, to)
}
