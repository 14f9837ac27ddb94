//! Access plans: the least part of a table in which all records that fulfil a condition are.

use std::ops::Bound;

use mnemon_store::Kind;

use crate::query::reach::{Reach, Span};
use crate::query::{Condition, MAX_NESTING};

/// Where records are to be looked for. It holds all that fulfil the condition and may hold others: whoever reads by
/// it checks each record again.
///
/// Bounds are never inverted: a condition that nothing can fulfil has the plan `Keys` of no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The row of these key bytes.
    Key(Vec<u8>),
    /// The rows of these key bytes, ascending and each once.
    Keys(Vec<Vec<u8>>),
    /// The rows of an `ordered_set` between two key bytes.
    KeyRange {
        /// The lower bound.
        from: Bound<Vec<u8>>,
        /// The upper bound.
        to: Bound<Vec<u8>>,
    },
    /// The entries of an index between two positions. A row of a `bag` is met once for each different value that its
    /// objects have between them.
    Index {
        /// The place of the indexed attribute.
        attribute: u16,
        /// The lower bound.
        from: Bound<Vec<u8>>,
        /// The upper bound.
        to: Bound<Vec<u8>>,
    },
    /// All rows.
    Scan,
}

impl Plan {
    /// The plan for a condition on a table of this kind with these complete indexes; its key is at place 0.
    ///
    /// Equality of the key is preferred, then a key range with two bounds (of an `ordered_set`), an index with one
    /// value, a key range with one bound, an index range with two bounds or with one, and at last a scan.
    /// O(size of the condition × log keys).
    ///
    /// ```
    /// use mnemon_store::Kind;
    /// use mnemon_table::query::{Condition, Plan, Test};
    /// use mnemon_term::Term;
    ///
    /// let age = Condition::On(2, Test::Ge(Term::from(30)));
    /// assert!(matches!(Plan::choose(&age, Kind::Set, &[2]), Plan::Index { attribute: 2, .. }));
    /// assert_eq!(Plan::choose(&age, Kind::Set, &[]), Plan::Scan);
    ///
    /// // 1 and 1.0 are two keys of a set.
    /// let one = Condition::On(0, Test::Eq(Term::from(1)));
    /// assert!(matches!(Plan::choose(&one, Kind::Set, &[]), Plan::Keys(keys) if keys.len() == 2));
    /// assert!(matches!(Plan::choose(&one, Kind::OrderedSet, &[]), Plan::Key(_)));
    /// ```
    #[must_use]
    pub fn choose(condition: &Condition, kind: Kind, indexed: &[u16]) -> Self {
        match (Planner { kind, indexed }).reach(condition, 1) {
            Some(reach) => Self::of(reach),
            None => Self::Keys(Vec::new()),
        }
    }

    fn of(reach: Reach) -> Self {
        if let Some(mut keys) = reach.keys {
            // The key has a span only where its order is that of the key bytes.
            if let Some(span) = reach.spans.get(&0) {
                keys.retain(|key| span.contains(key));
            }
            let mut keys: Vec<_> = keys.into_iter().collect();
            return match keys.pop() {
                Some(key) if keys.is_empty() => Self::Key(key),
                Some(key) => {
                    keys.push(key);
                    Self::Keys(keys)
                }
                None => Self::Keys(keys),
            };
        }
        let ranked =
            reach.spans.into_iter().filter_map(|(place, span)| Some((rank(place, &span)?, place, span)));
        match ranked.min_by_key(|(rank, place, _)| (*rank, *place)) {
            Some((_, place, span)) => {
                let (from, to) = span.into_bounds();
                if place == 0 {
                    Self::KeyRange { from, to }
                } else {
                    Self::Index { attribute: place, from, to }
                }
            }
            None => Self::Scan,
        }
    }
}

/// The lower, the better; none for a span without bounds.
fn rank(place: u16, span: &Span) -> Option<u8> {
    match (place, span.bounded()) {
        (_, (false, false)) => None,
        (0, (true, true)) => Some(0),
        (_, (true, true)) if place != 0 && span.is_point() => Some(1),
        (0, _) => Some(2),
        (_, (true, true)) => Some(3),
        _ => Some(4),
    }
}

struct Planner<'p> {
    kind: Kind,
    indexed: &'p [u16],
}

impl Planner<'_> {
    /// How far a condition reaches; `None` when no record can fulfil it.
    fn reach(&self, condition: &Condition, level: usize) -> Option<Reach> {
        if level > MAX_NESTING {
            return Some(Reach::default());
        }
        match condition {
            Condition::On(place, test) => {
                let ordered =
                    if *place == 0 { self.kind == Kind::OrderedSet } else { self.indexed.contains(place) };
                Reach::of(*place, test, self.kind.keying(), ordered)
            }
            Condition::And(conditions) => conditions
                .iter()
                .try_fold(Reach::default(), |reach, condition| reach.meet(self.reach(condition, level + 1)?)),
            Condition::Or(conditions) => {
                conditions.iter().filter_map(|condition| self.reach(condition, level + 1)).reduce(Reach::join)
            }
            Condition::Not(_) => Some(Reach::default()),
        }
    }
}

#[cfg(test)]
mod tests;
