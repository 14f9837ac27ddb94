//! Ranges of keys, written as Rust writes ranges.

use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use mnemon_table::TableError;
use serde::Serialize;

use crate::codec;

/// A part of an `ordered_set` by its keys: a Rust range, perhaps with a limit, perhaps from its end.
///
/// ```
/// use mnemon::KeyRange;
///
/// let newest = KeyRange::of(100..=199).limit(5).reverse();
/// let by_name = KeyRange::of("a".."c");
/// let all = KeyRange::of(..);
/// # let _ = (newest, by_name, all);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a range does nothing until a table is asked for it"]
pub struct KeyRange {
    bounds: Result<mnemon_table::KeyRange, TableError>,
}

impl KeyRange {
    /// The keys between two bounds. A key that cannot be encoded is an error where the range is used.
    pub fn of(keys: impl IntoKeyRange) -> Self {
        keys.into_key_range()
    }

    /// At most so many records.
    pub fn limit(mut self, records: usize) -> Self {
        if let Ok(range) = &mut self.bounds {
            range.limit = Some(records);
        }
        self
    }

    /// From the greatest key to the least.
    pub fn reverse(mut self) -> Self {
        if let Ok(range) = &mut self.bounds {
            range.reverse = true;
        }
        self
    }

    pub(crate) fn bounds(self) -> Result<mnemon_table::KeyRange, TableError> {
        self.bounds
    }

    fn between<K: Serialize>(from: Bound<K>, to: Bound<K>) -> Self {
        let bounds = || {
            Ok(mnemon_table::KeyRange { from: encoded(from)?, to: encoded(to)?, limit: None, reverse: false })
        };
        Self { bounds: bounds() }
    }
}

fn encoded<K: Serialize>(bound: Bound<K>) -> Result<Bound<mnemon_term::Term>, TableError> {
    Ok(match bound {
        Bound::Included(key) => Bound::Included(codec::term(&key)?),
        Bound::Excluded(key) => Bound::Excluded(codec::term(&key)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// What can be a range of keys: every range of the standard library over keys that serialize, a pair of
/// [`Bound`]s, and [`KeyRange`] itself.
pub trait IntoKeyRange {
    /// The range.
    fn into_key_range(self) -> KeyRange;
}

impl IntoKeyRange for KeyRange {
    fn into_key_range(self) -> KeyRange {
        self
    }
}

impl IntoKeyRange for RangeFull {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between::<()>(Bound::Unbounded, Bound::Unbounded)
    }
}

impl<K: Serialize> IntoKeyRange for (Bound<K>, Bound<K>) {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between(self.0, self.1)
    }
}

impl<K: Serialize> IntoKeyRange for Range<K> {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between(Bound::Included(self.start), Bound::Excluded(self.end))
    }
}

impl<K: Serialize> IntoKeyRange for RangeInclusive<K> {
    fn into_key_range(self) -> KeyRange {
        let (from, to) = self.into_inner();
        KeyRange::between(Bound::Included(from), Bound::Included(to))
    }
}

impl<K: Serialize> IntoKeyRange for RangeFrom<K> {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between(Bound::Included(self.start), Bound::Unbounded)
    }
}

impl<K: Serialize> IntoKeyRange for RangeTo<K> {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between(Bound::Unbounded, Bound::Excluded(self.end))
    }
}

impl<K: Serialize> IntoKeyRange for RangeToInclusive<K> {
    fn into_key_range(self) -> KeyRange {
        KeyRange::between(Bound::Unbounded, Bound::Included(self.end))
    }
}
