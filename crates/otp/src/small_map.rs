//! A map that is a short list until it has many entries: a process has a handful of links, a supervisor 200,000.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries up to which a search of the list is cheaper than hashing.
const FEW: usize = 12;

/// A map from small keys; empty, it takes three words and no allocation.
pub(crate) enum SmallMap<K, V> {
    Few(Vec<(K, V)>),
    #[expect(
        clippy::box_collection,
        reason = "most maps are lists: unboxed, the table would double all of them"
    )]
    Many(Box<HashMap<K, V>>),
}

impl<K: Copy + Eq + Hash, V> SmallMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(list) => list.len(),
            Self::Many(map) => map.len(),
        }
    }

    /// Adds an entry and returns the one it replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::Many(map) => map.insert(key, value),
            Self::Few(list) => {
                if let Some((_, old)) = list.iter_mut().find(|(known, _)| *known == key) {
                    return Some(std::mem::replace(old, value));
                }
                if list.len() < FEW {
                    // Most processes have one or two: grow by as much as is needed.
                    list.reserve_exact(if list.is_empty() { 1 } else { list.len() });
                    list.push((key, value));
                } else {
                    let mut map: HashMap<K, V> = std::mem::take(list).into_iter().collect();
                    map.insert(key, value);
                    *self = Self::Many(Box::new(map));
                }
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::Few(list) => {
                let at = list.iter().position(|(known, _)| *known == key)?;
                Some(list.swap_remove(at).1)
            }
            Self::Many(map) => map.remove(&key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let (few, many) = match self {
            Self::Few(list) => (Some(list), None),
            Self::Many(map) => (None, Some(map)),
        };
        let few = few.into_iter().flatten().map(|(key, value)| (*key, value));
        few.chain(many.into_iter().flat_map(|map| map.iter().map(|(key, value)| (*key, value))))
    }

    /// All entries; the map is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<(K, V)> {
        match std::mem::replace(self, Self::new()) {
            Self::Few(list) => list,
            Self::Many(map) => map.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_the_same_on_both_sides_of_the_limit() {
        let mut map = SmallMap::new();
        for key in 0..100_u64 {
            assert_eq!(map.insert(key, key * 2), None);
            assert_eq!(map.insert(key, key), Some(key * 2));
            assert_eq!(map.len() as u64, key + 1);
        }
        for key in (0..100).step_by(2) {
            assert_eq!(map.remove(key), Some(key));
            assert_eq!(map.remove(key), None);
        }
        let mut rest: Vec<u64> = map.iter().map(|(key, _)| key).collect();
        rest.sort_unstable();
        assert_eq!(rest, (1..100).step_by(2).collect::<Vec<_>>());
        assert_eq!(map.take().len(), 50);
        assert_eq!(map.len(), 0);
    }
}
