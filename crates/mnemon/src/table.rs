//! A table of Rust values: reads and writes of single keys, and how a handle is had.
//!
//! The queries, the dirty forms, `fetch` and subscriptions stand in the files below this one. What is not of one
//! key and one commit belongs to [`Transaction`](crate::Transaction).

mod builder;
mod dirty;
mod fetch;
mod info;
mod query;
mod subscription;
mod walk;

pub use builder::TableBuilder;
pub(crate) use builder::fits;
pub use fetch::Load;
pub use query::Snapshot;
pub use subscription::{Event, Subscription};
pub(crate) use walk::key;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mnemon_store::{Cause, Op, OpError, Outcome};
use mnemon_table::TableError as Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec;

/// A table whose records are values of `T`.
///
/// `T` is a struct or tuple that serde can read and write; its first field is the key. A handle is cheap to clone, is
/// used from any thread, and stays usable until its table is dropped; from then on every call answers
/// [`Error::NoTable`]. The same table may be open under several types, and Redis clients see it under none: they see
/// its attributes. `Table<Vec<Term>>` is the table without a Rust type.
///
/// **Keys** are whatever serializes to the same term as the first field: for a `u32` key `&7`, for a `String` key
/// `"ada"`, for a compound key a reference to a tuple. A key of another type is not an error; nothing is found under it.
///
/// **Cost.** A read of one key is one short lock, and the value is built from the row's bytes. Unless said otherwise
/// each method is O(1), in an `ordered_set` O(log n).
///
/// **Errors**, beside those that a method names: [`Error::NoTable`] once the table was dropped, [`Error::Term`] when a
/// key cannot be encoded or a record is not a `T`, which happens only where other types or Redis clients write too; of
/// writes [`Error::Transforming`] while [`Node::transform_table`](crate::Node::transform_table) runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mnemon::Node;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct User { id: u32, name: String, visits: i64 }
///
/// let node = Node::builder().start().await?;
/// let users = node.create_table::<User>("users").await?;
///
/// users.write(&User { id: 1, name: "Ada".into(), visits: 0 }).await?;
/// assert!(!users.insert_new(&User { id: 1, name: "Eve".into(), visits: 0 }).await?);
/// assert_eq!(users.update_counter(&1, "visits", 5).await?, 5);
/// assert_eq!(users.read(&1).await?, Some(User { id: 1, name: "Ada".into(), visits: 5 }));
/// assert!(users.delete(&1).await?);
/// assert_eq!(users.read(&1).await?, None);
/// # Ok(()) }
/// ```
pub struct Table<T> {
    table: Arc<mnemon_table::Table>,
    /// Neither owns a `T` nor borrows one.
    records: PhantomData<fn(T) -> T>,
}

impl<T> Table<T> {
    /// The table without its Rust type, as the crates beneath know it.
    #[must_use]
    pub fn untyped(&self) -> &Arc<mnemon_table::Table> {
        &self.table
    }
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    pub(crate) fn new(table: Arc<mnemon_table::Table>) -> Self {
        Self { table, records: PhantomData }
    }

    /// The record under a key; in a bag, the one that was written first.
    ///
    /// # Errors
    /// As every method: see [`Table`].
    pub async fn read<K: Serialize + ?Sized>(&self, key: &K) -> Result<Option<T>, Error> {
        self.dirty_read(key)
    }

    /// All records under a key: in a bag any number, in the order they were written.
    ///
    /// # Errors
    /// As every method: see [`Table`].
    pub async fn lookup<K: Serialize + ?Sized>(&self, key: &K) -> Result<Vec<T>, Error> {
        self.dirty_lookup(key)
    }

    /// Writes a record over what its key held; in a bag, adds it unless an equal one is there. It lives as long as
    /// the table's time to live says.
    ///
    /// # Errors
    /// [`Error::BadRecord`] when the value fits no record or not this table, [`Error::ReadOnly`].
    pub async fn write(&self, record: &T) -> Result<(), Error> {
        self.table.write(self.record(record)?.as_ref()).await
    }

    /// As [`write`](Self::write), for a record that lives so long, whatever the table's time to live. Counted in
    /// milliseconds, begun ones as whole.
    ///
    /// # Errors
    /// As of `write`.
    pub async fn write_with_ttl(&self, record: &T, ttl: Duration) -> Result<(), Error> {
        let record = self.record(record)?;
        self.table.write_with_ttl(record.as_ref(), to_ms(ttl)).await
    }

    /// Writes a record unless its key is there; whether it was written.
    ///
    /// # Errors
    /// As of [`write`](Self::write).
    pub async fn insert_new(&self, record: &T) -> Result<bool, Error> {
        self.table.insert_new(self.record(record)?.as_ref()).await
    }

    /// Deletes all records under a key; whether there were any.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    pub async fn delete<K: Serialize + ?Sized>(&self, key: &K) -> Result<bool, Error> {
        let key = codec::key_bytes(&self.table, key)?;
        Ok(removed(&self.perform(&delete_op(&key)).await?))
    }

    /// Deletes the record that equals this one; whether it was there. In a bag, the others of its key stay.
    ///
    /// # Errors
    /// As of [`write`](Self::write).
    pub async fn delete_object(&self, record: &T) -> Result<bool, Error> {
        self.table.delete_object(self.record(record)?.as_ref()).await
    }

    /// Adds to an integer attribute and gives the sum: atomic, without a transaction. A missing record is made first
    /// with `nil` in its other attributes, so a `T` that is to be read back needs `Option`s there; else write the
    /// record before it is counted in. A record's time to live goes on.
    ///
    /// # Errors
    /// [`Error::BadRecord`] for an unknown attribute, [`Error::Refused`] when it holds no integer or the sum leaves 64
    /// bits, [`Error::Unsupported`] in a bag, [`Error::ReadOnly`].
    pub async fn update_counter<K: Serialize + ?Sized>(
        &self,
        key: &K,
        attribute: &str,
        by: i64,
    ) -> Result<i64, Error> {
        let place = place_of(&self.table, attribute)?;
        self.table.update_counter(&codec::term(key)?, place, by).await
    }

    /// Deletes all records; how many there were. Their memory is freed without holding up writers.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    pub async fn clear(&self) -> Result<u64, Error> {
        self.table.clear().await
    }

    fn record(&self, record: &T) -> Result<mnemon_term::Record, Error> {
        codec::record(&self.table, record)
    }

    /// One operation as a commit of its own.
    async fn perform(&self, op: &Op<'_>) -> Result<Outcome, Error> {
        // The answer is awaited after the borrow of `op` has ended.
        let verdict = self.table.submit(op);
        self.accepted(verdict.await?)
    }

    fn accepted(&self, answer: Result<Outcome, OpError>) -> Result<Outcome, Error> {
        answer.map_err(|cause| Error::Refused { table: self.table.name(), cause })
    }
}

fn delete_op(key: &[u8]) -> Op<'_> {
    Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 }
}

fn removed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Removed(Some(_)))
}

/// The place of an attribute to count in.
pub(crate) fn place_of(table: &mnemon_table::Table, attribute: &str) -> Result<u16, Error> {
    let schema = table.schema();
    schema.place_of(attribute).ok_or_else(|| Error::BadRecord {
        table: schema.name().to_owned(),
        cause: format!(
            "there is no attribute {attribute:?} to count in; the attributes are {}",
            schema.attribute_names().join(", ")
        ),
    })
}

/// Milliseconds, begun ones as whole.
pub(crate) fn to_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone(), records: PhantomData }
    }
}

impl<T> std::fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}
