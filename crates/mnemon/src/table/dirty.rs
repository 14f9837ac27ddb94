//! The synchronous forms: at once, without one state for several rows.
//!
//! Mnesia's dirty operations. Here they are no less atomic than the others for one key; what they lack is a common
//! moment for several.

use mnemon_store::{Op, Outcome};
use mnemon_table::TableError as Error;
use mnemon_table::query::{Pattern, Query};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Table, delete_op, place_of, removed};
use crate::codec;
use crate::range::IntoKeyRange;

/// The same without `async`: for code that cannot wait.
///
/// Operations on one key are as atomic as their async forms. Those that visit several records see each as it is when
/// it is met, so a commit that happens meanwhile may show in part. Those that write may also answer
/// [`Error::Unsupported`] when the table's copies must agree first; tables of one node never do.
impl<T: Serialize + DeserializeOwned> Table<T> {
    fn perform_now(&self, op: &Op<'_>) -> Result<Outcome, Error> {
        let cause = "its copies must agree first; use the operation without `dirty_`";
        let answer = self.table.submit(op).ready();
        self.accepted(answer.ok_or_else(|| Error::Unsupported { table: self.table.name(), cause })??)
    }

    /// See [`read`](Self::read).
    ///
    /// # Errors
    /// As of `read`.
    pub fn dirty_read<K: Serialize + ?Sized>(&self, key: &K) -> Result<Option<T>, Error> {
        match codec::row(&self.table, key)? {
            Some(row) => codec::first(&row),
            None => Ok(None),
        }
    }

    /// See [`lookup`](Self::lookup).
    ///
    /// # Errors
    /// As of `lookup`.
    pub fn dirty_lookup<K: Serialize + ?Sized>(&self, key: &K) -> Result<Vec<T>, Error> {
        match codec::row(&self.table, key)? {
            Some(row) => codec::all(&row),
            None => Ok(Vec::new()),
        }
    }

    /// See [`write`](Self::write).
    ///
    /// # Errors
    /// As of `write`.
    pub fn dirty_write(&self, record: &T) -> Result<(), Error> {
        self.table.dirty_write(self.record(record)?.as_ref())
    }

    /// See [`insert_new`](Self::insert_new).
    ///
    /// # Errors
    /// As of `insert_new`.
    pub fn dirty_insert_new(&self, record: &T) -> Result<bool, Error> {
        self.table.dirty_insert_new(self.record(record)?.as_ref())
    }

    /// See [`delete`](Self::delete).
    ///
    /// # Errors
    /// As of `delete`.
    pub fn dirty_delete<K: Serialize + ?Sized>(&self, key: &K) -> Result<bool, Error> {
        let key = codec::key_bytes(&self.table, key)?;
        Ok(removed(&self.perform_now(&delete_op(&key))?))
    }

    /// See [`delete_object`](Self::delete_object).
    ///
    /// # Errors
    /// As of `delete_object`.
    pub fn dirty_delete_object(&self, record: &T) -> Result<bool, Error> {
        self.table.dirty_delete_object(self.record(record)?.as_ref())
    }

    /// See [`update_counter`](Self::update_counter).
    ///
    /// # Errors
    /// As of `update_counter`.
    pub fn dirty_update_counter<K: Serialize + ?Sized>(
        &self,
        key: &K,
        attribute: &str,
        by: i64,
    ) -> Result<i64, Error> {
        let place = place_of(&self.table, attribute)?;
        self.table.dirty_update_counter(&codec::term(key)?, place, by)
    }

    /// See [`range`](Self::range).
    ///
    /// # Errors
    /// As of `range`.
    pub fn dirty_range(&self, keys: impl IntoKeyRange) -> Result<Vec<T>, Error> {
        codec::values(&self.table.dirty_range(&keys.into_key_range().bounds()?)?)
    }

    /// See [`index_read`](Self::index_read).
    ///
    /// # Errors
    /// As of `index_read`.
    pub fn dirty_index_read<V: Serialize + ?Sized>(
        &self,
        attribute: &str,
        value: &V,
    ) -> Result<Vec<T>, Error> {
        codec::values(&self.table.dirty_index_read(attribute, &codec::term(value)?)?)
    }

    /// See [`match_object`](Self::match_object).
    ///
    /// # Errors
    /// As of `match_object`.
    pub fn dirty_match_object(&self, pattern: &Pattern) -> Result<Vec<T>, Error> {
        codec::values(&self.table.dirty_match_object(pattern)?)
    }

    /// See [`select`](Self::select).
    ///
    /// # Errors
    /// As of `select`.
    pub fn dirty_select(&self, query: &Query) -> Result<Vec<T>, Error> {
        codec::values(&self.table.dirty_select(query)?)
    }
}
