//! Transactions over typed tables.
//!
//! How reads come to be of one state and writes to be applied as one belongs to `mnemon_table`; here they get their
//! Rust types.

use mnemon_table::TableError as Error;
use mnemon_table::query::{Pattern, Query};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::range::IntoKeyRange;
use crate::table::{Table, key, place_of};

/// One run of a transaction: what its closure reads and writes by. See [`Node::transaction`](crate::Node::transaction).
///
/// All that is read through it is of one state, its own writes included; nothing that is written through it is seen
/// by anybody else before the transaction commits. It ends with its closure: kept longer, it answers
/// [`Error::NoTransaction`].
///
/// **Errors**, beside those that a method names: [`Error::Conflict`] when the run is lost because something it read has
/// changed (return it, and the closure runs again), [`Error::TooLarge`] when scans have read more than 10,000 rows,
/// [`Error::CrossGroup`] for a table of another node, [`Error::SnapshotExpired`] when a read-only one has outlived its
/// deadline, [`Error::NoTransaction`], and those of [`Table`]'s methods.
#[derive(Clone, Debug)]
pub struct Transaction(mnemon_table::Transaction);

impl Transaction {
    pub(crate) fn new(transaction: mnemon_table::Transaction) -> Self {
        Self(transaction)
    }

    /// The record under a key; in a bag, the first.
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn read<T, K>(&self, table: &Table<T>, key: &K) -> Result<Option<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        K: Serialize + ?Sized,
    {
        let found = self.0.read(table.untyped(), &codec::term(key)?).await?;
        found.map(|object| codec::value(object.record())).transpose()
    }

    /// All records under a key.
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn lookup<T, K>(&self, table: &Table<T>, key: &K) -> Result<Vec<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        K: Serialize + ?Sized,
    {
        codec::values(&self.0.lookup(table.untyped(), &codec::term(key)?).await?)
    }

    /// Writes a record; in a bag, adds it.
    ///
    /// # Errors
    /// [`Error::BadRecord`], [`Error::ReadOnly`], [`Error::ReadOnlyTransaction`].
    pub async fn write<T>(&self, table: &Table<T>, record: &T) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let record = codec::record(table.untyped(), record)?;
        self.0.write(table.untyped(), record.as_ref()).await
    }

    /// Writes a record unless its key is there; whether it was written.
    ///
    /// # Errors
    /// As of [`write`](Self::write).
    pub async fn insert_new<T>(&self, table: &Table<T>, record: &T) -> Result<bool, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let record = codec::record(table.untyped(), record)?;
        self.0.insert_new(table.untyped(), record.as_ref()).await
    }

    /// Deletes all records under a key. Does not read it: whether there were any stays open, and nobody else's write of
    /// the key makes this transaction run again.
    ///
    /// # Errors
    /// As of [`write`](Self::write).
    pub async fn delete<T, K>(&self, table: &Table<T>, key: &K) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned,
        K: Serialize + ?Sized,
    {
        self.0.delete(table.untyped(), &codec::term(key)?).await
    }

    /// Deletes the record that equals this one.
    ///
    /// # Errors
    /// As of [`write`](Self::write).
    pub async fn delete_object<T>(&self, table: &Table<T>, record: &T) -> Result<(), Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let record = codec::record(table.untyped(), record)?;
        self.0.delete_object(table.untyped(), record.as_ref()).await
    }

    /// Adds to an integer attribute; gives the sum. See [`Table::update_counter`].
    ///
    /// # Errors
    /// As of [`Table::update_counter`], and [`Error::ReadOnlyTransaction`].
    pub async fn update_counter<T, K>(
        &self,
        table: &Table<T>,
        key: &K,
        attribute: &str,
        by: i64,
    ) -> Result<i64, Error>
    where
        T: Serialize + DeserializeOwned,
        K: Serialize + ?Sized,
    {
        let place = place_of(table.untyped(), attribute)?;
        self.0.update_counter(table.untyped(), &codec::term(key)?, place, by).await
    }

    /// The first key; see [`Table::first`].
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn first<K: DeserializeOwned>(&self, table: &Table<impl Sized>) -> Result<Option<K>, Error> {
        key(self.0.first(table.untyped()).await?)
    }

    /// The last key; see [`Table::last`].
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn last<K: DeserializeOwned>(&self, table: &Table<impl Sized>) -> Result<Option<K>, Error> {
        key(self.0.last(table.untyped()).await?)
    }

    /// The key after this one; see [`Table::next`].
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn next<K>(&self, table: &Table<impl Sized>, after: &K) -> Result<Option<K::Owned>, Error>
    where
        K: Serialize + ToOwned<Owned: DeserializeOwned> + ?Sized,
    {
        key(self.0.next(table.untyped(), &codec::term(after)?).await?)
    }

    /// The key before this one; see [`Table::prev`].
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn prev<K>(&self, table: &Table<impl Sized>, before: &K) -> Result<Option<K::Owned>, Error>
    where
        K: Serialize + ToOwned<Owned: DeserializeOwned> + ?Sized,
    {
        key(self.0.prev(table.untyped(), &codec::term(before)?).await?)
    }

    /// The records of a range of keys. `ordered_set` only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other kinds.
    pub async fn range<T>(&self, table: &Table<T>, keys: impl IntoKeyRange) -> Result<Vec<T>, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        codec::values(&self.0.range(table.untyped(), &keys.into_key_range().bounds()?).await?)
    }

    /// The records whose indexed attribute equals a value.
    ///
    /// # Errors
    /// [`Error::NoIndex`].
    pub async fn index_read<T, V>(
        &self,
        table: &Table<T>,
        attribute: &str,
        value: &V,
    ) -> Result<Vec<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        V: Serialize + ?Sized,
    {
        codec::values(&self.0.index_read(table.untyped(), attribute, &codec::term(value)?).await?)
    }

    /// The records that match a pattern.
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn match_object<T>(&self, table: &Table<T>, pattern: &Pattern) -> Result<Vec<T>, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        codec::values(&self.0.match_object(table.untyped(), pattern).await?)
    }

    /// The records that fulfil a query.
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn select<T>(&self, table: &Table<T>, query: &Query) -> Result<Vec<T>, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        codec::values(&self.0.select(table.untyped(), query).await?)
    }

    /// Folds all records.
    ///
    /// # Errors
    /// As every method: see [`Transaction`].
    pub async fn fold<T, A>(
        &self,
        table: &Table<T>,
        start: A,
        mut step: impl FnMut(A, T) -> A,
    ) -> Result<A, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let fold = self.0.fold(table.untyped(), Ok(start), |sum: Result<A, Error>, record| {
            let sum = sum?;
            Ok(step(sum, codec::value(record)?))
        });
        fold.await?
    }

    /// Runs an inner transaction, a savepoint: when its closure fails its writes are taken back, and the outer
    /// transaction may go on. What it read stays read. It is not run again by itself.
    ///
    /// # Errors
    /// The inner closure's own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use mnemon::{Error, Node};
    /// # let node = Node::builder().start().await?;
    /// # let notes = node.create_table::<(u32, String)>("notes").await?;
    /// node.transaction(async |tx| {
    ///     tx.write(&notes, &(1, "kept".into())).await?;
    ///     let inner: Result<(), Error> = tx
    ///         .nested(async |tx| {
    ///             tx.write(&notes, &(2, "dropped".into())).await?;
    ///             Err(Error::Aborted("changed my mind".into()))
    ///         })
    ///         .await;
    ///     assert!(inner.is_err());
    ///     Ok::<_, Error>(())
    /// })
    /// .await?;
    /// assert_eq!(notes.size(), 1);
    /// # Ok(()) }
    /// ```
    pub async fn nested<T, E, F, A>(&self, body: F) -> Result<T, E>
    where
        F: FnOnce(Self) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        self.0.nested(|inner| body(Self(inner))).await
    }
}
