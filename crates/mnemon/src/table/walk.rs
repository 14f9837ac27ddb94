//! Walks along the keys, one step at a time.

use mnemon_table::TableError as Error;
use mnemon_term::{Term, from_term};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Table;
use crate::codec;

/// Keys beside keys. Each call is one look at the present, so a walk is not of one moment; inside a transaction
/// ([`Transaction::next`](crate::Transaction::next)) it is.
impl<T: Serialize + DeserializeOwned> Table<T> {
    /// The first key: the least in an `ordered_set`, any in others.
    ///
    /// # Errors
    /// [`Error::Term`] when the key is not a `K`.
    pub async fn first<K: DeserializeOwned>(&self) -> Result<Option<K>, Error> {
        key(self.table.dirty_first()?)
    }

    /// The last key; in a `set` or `bag` the same as the first, as in ETS.
    ///
    /// # Errors
    /// As of [`first`](Self::first).
    pub async fn last<K: DeserializeOwned>(&self) -> Result<Option<K>, Error> {
        key(self.table.dirty_last()?)
    }

    /// The key after this one, which need not exist. In a `set` or `bag` the order is any, but walks from `first` to
    /// the end meet each key that stays once.
    ///
    /// # Errors
    /// As of [`first`](Self::first).
    pub async fn next<K>(&self, after: &K) -> Result<Option<K::Owned>, Error>
    where
        K: Serialize + ToOwned<Owned: DeserializeOwned> + ?Sized,
    {
        key(self.table.dirty_next(&codec::term(after)?)?)
    }

    /// The key before this one; in a `set` or `bag` the same as `next`, as in ETS.
    ///
    /// # Errors
    /// As of [`first`](Self::first).
    pub async fn prev<K>(&self, before: &K) -> Result<Option<K::Owned>, Error>
    where
        K: Serialize + ToOwned<Owned: DeserializeOwned> + ?Sized,
    {
        key(self.table.dirty_prev(&codec::term(before)?)?)
    }
}

/// A key as a Rust value.
pub(crate) fn key<K: DeserializeOwned>(key: Option<Term>) -> Result<Option<K>, Error> {
    Ok(key.map(|term| from_term(&term)).transpose()?)
}
