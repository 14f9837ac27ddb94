//! Before-images: what open snapshots still see of rows that have changed since.
//!
//! A writer that replaces or removes a row while a snapshot is open leaves the old row here, marked with the clock
//! of the commit that superseded it. A row that was absent leaves nothing: a reader at clock `s` that meets a row
//! newer than `s` and no image knows that there was none. A cleared map is kept whole, so clearing stays O(1).

use std::collections::BTreeMap;
use std::ops::Bound;

use mnemon_disc::DiscError;
use smallvec::SmallVec;

use crate::row::Row;
use crate::rows::{PAGE_ROWS, Position, Rows, Span, Walked};
use crate::snapshot::Retention;

/// What an image costs beside its row: its place in the tree.
const IMAGE_OVERHEAD: usize = 64;

struct Image {
    /// The clock of the commit that replaced or removed the row.
    until: u64,
    row: Row,
}

struct Cleared {
    until: u64,
    rows: Rows,
    bytes: usize,
}

/// The before-images of one map.
#[derive(Default)]
pub(crate) struct Images {
    /// Oldest first under each position.
    rows: BTreeMap<Position, SmallVec<[Image; 1]>>,
    cleared: Vec<Cleared>,
    bytes: usize,
    /// The clock of the last commit that left something here.
    newest: u64,
}

impl Images {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.cleared.is_empty()
    }

    /// Bytes held, estimated; a row that is also held elsewhere counts here too.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn keep(&mut self, position: Position, row: Row, until: u64) {
        self.bytes += row.memory() + IMAGE_OVERHEAD;
        self.newest = until;
        self.rows.entry(position).or_default().push(Image { until, row });
    }

    pub(crate) fn keep_cleared(&mut self, rows: Rows, until: u64, bytes: usize) {
        self.bytes += bytes;
        self.newest = until;
        self.cleared.push(Cleared { until, rows, bytes });
    }

    /// The row that stood at a position when the clock showed `clock`, given that the present row is newer or gone.
    pub(crate) fn at(&self, position: &[u8], clock: u64) -> Result<Option<Row>, DiscError> {
        let image = self
            .rows
            .get(position)
            .and_then(|images| images.iter().find(|image| image.until > clock))
            .map(|image| (image.until, image.row.clone()));
        let mut cleared = None;
        for map in self.cleared.iter().filter(|map| map.until > clock) {
            if let Some(row) = map.rows.at_position(position)? {
                cleared = Some((map.until, row));
                break;
            }
        }
        let found = match (image, cleared) {
            (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
            (one, other) => one.or(other),
        };
        Ok(found.map(|(_, row)| row).filter(|row| row.version() <= clock))
    }

    /// Positions that have images, at most about a page of them.
    pub(crate) fn walk(&self, span: Span<'_>) -> Result<Vec<Walked>, DiscError> {
        let cleared = self.cleared.iter().map(|cleared| cleared.rows.walk(span, None));
        let mut walks = cleared.collect::<Result<Vec<Walked>, DiscError>>()?;
        if !span.is_empty() && !self.rows.is_empty() {
            let range = self.rows.range::<[u8], _>((span.from, span.to));
            let first = |(position, images): (&Position, &SmallVec<[Image; 1]>)| {
                images.first().map(|image| (position.clone(), image.row.clone()))
            };
            let found: Vec<_> = if span.reverse {
                range.rev().take(PAGE_ROWS).filter_map(first).collect()
            } else {
                range.take(PAGE_ROWS).filter_map(first).collect()
            };
            let stopped_at =
                if found.len() == PAGE_ROWS { found.last().map(|last| last.0.clone()) } else { None };
            walks.push(Walked { found, stopped_at });
        }
        Ok(walks)
    }

    /// Drops what need not stay, in the page of positions after `from`. Returns where to go on, and what was dropped,
    /// so that the caller frees it after letting the lock go.
    pub(crate) fn purge(
        &mut self,
        retention: &Retention,
        from: Option<&Position>,
    ) -> (Option<Position>, Dropped) {
        let mut dropped = Dropped::default();
        if retention.keeps_nothing_up_to(self.newest) {
            dropped.all = std::mem::take(self);
            return (None, dropped);
        }
        let needed = |version: u64, until: u64| retention.keeps(version, until);
        let start = from.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page: Vec<Position> = Vec::new();
        for (position, images) in
            self.rows.range_mut::<Position, _>((start, Bound::Unbounded)).take(PAGE_ROWS)
        {
            for image in images.extract_unneeded(needed) {
                self.bytes = self.bytes.saturating_sub(image.row.memory() + IMAGE_OVERHEAD);
                dropped.images.push(image);
            }
            page.push(position.clone());
        }
        for position in &page {
            if self.rows.get(position).is_some_and(|images| images.is_empty()) {
                self.rows.remove(position);
            }
        }
        if from.is_none() {
            // Of a cleared map's rows none is older than 0, so it stays for every snapshot before `until`.
            let (keep, drop): (Vec<_>, Vec<_>) = std::mem::take(&mut self.cleared)
                .into_iter()
                .partition(|cleared| retention.keeps(0, cleared.until));
            let freed: usize = drop.iter().map(|cleared| cleared.bytes).sum();
            self.bytes = self.bytes.saturating_sub(freed);
            self.cleared = keep;
            dropped.cleared = drop;
        }
        let next = if page.len() == PAGE_ROWS { page.pop() } else { None };
        (next, dropped)
    }
}

trait ExtractUnneeded {
    fn extract_unneeded(&mut self, needed: impl Fn(u64, u64) -> bool) -> Vec<Image>;
}

impl ExtractUnneeded for SmallVec<[Image; 1]> {
    fn extract_unneeded(&mut self, needed: impl Fn(u64, u64) -> bool) -> Vec<Image> {
        let all = std::mem::take(self);
        let (keep, drop): (Vec<Image>, Vec<Image>) =
            all.into_iter().partition(|image| needed(image.row.version(), image.until));
        self.extend(keep);
        drop
    }
}

/// Images that nobody needs any more, to be dropped without a lock held.
#[derive(Default)]
pub(crate) struct Dropped {
    #[allow(dead_code, reason = "held only to be dropped later")]
    all: Images,
    images: Vec<Image>,
    #[allow(dead_code, reason = "held only to be dropped later")]
    cleared: Vec<Cleared>,
}

#[cfg(test)]
mod tests {
    use crate::clock::ManualClock;
    use crate::copy::{CopySpec, Kind};
    use crate::event::TableId;
    use crate::op::{Expiry, Op, When};
    use crate::snapshot::Snapshot;
    use crate::store::{Store, StoreConfig};

    #[test]
    fn a_row_that_changes_often_is_kept_once_a_snapshot() {
        for kind in [Kind::Set, Kind::OrderedSet] {
            let store = Store::new(StoreConfig::new(Box::new(ManualClock::at(0))));
            let copy = store.create(TableId(1), CopySpec::new(kind)).unwrap();
            let put = |body: &[u8]| {
                let (expiry, when) = (Expiry::Never, When::Always);
                let op =
                    Op::Put { key: b"k"[..].into(), body: body.into(), expiry, when, over_bytes_only: false };
                store.commit_one(&copy, 0, &op).unwrap().1.unwrap();
            };
            put(b"one");
            let first = store.snapshot(1_000);
            put(b"two");
            let kept = copy.images_bytes();
            assert!(kept > 0);
            (0..100).for_each(|_| put(b"six"));
            assert_eq!(copy.images_bytes(), kept, "no snapshot sees what came in between");
            let second = store.snapshot(1_000);
            (0..100).for_each(|_| put(b"ten"));
            assert_eq!(copy.images_bytes(), 2 * kept);
            let seen =
                |snapshot: &Snapshot| store.get_at(&copy, b"k", snapshot).unwrap().unwrap().body().to_vec();
            assert_eq!((seen(&first), seen(&second)), (b"one".to_vec(), b"six".to_vec()));
            drop(second);
            put(b"old");
            store.maintain_snapshots();
            assert_eq!(copy.images_bytes(), kept);
            assert_eq!(seen(&first), b"one");
        }
    }
}
