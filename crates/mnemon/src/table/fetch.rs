//! `fetch`: a table as a cache in front of something slower.

use std::fmt::Display;
use std::time::Duration;

use mnemon_table::TableError as Error;
use mnemon_term::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Table, to_ms};
use crate::codec;

/// What a loader says of the record it brings to [`Table::fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load<T> {
    /// Keep it, with the table's time to live.
    Commit(T),
    /// Keep it for so long.
    CommitFor(T, Duration),
    /// Give it to those who wait, and do not keep it.
    Ignore(T),
}

impl<T: Serialize> Load<T> {
    fn encode(self, table: &mnemon_table::Table) -> Result<mnemon_table::Load, Error> {
        let encode = |value: &T| -> Result<Record, Error> { codec::record(table, value) };
        Ok(match self {
            Self::Commit(value) => mnemon_table::Load::Commit(encode(&value)?),
            Self::CommitFor(value, ttl) => mnemon_table::Load::CommitFor(encode(&value)?, to_ms(ttl)),
            Self::Ignore(value) => mnemon_table::Load::Ignore(encode(&value)?),
        })
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Table<T> {
    /// The record under a key; when it is absent, what `loader` brings, which must have that key.
    ///
    /// While a load is under way other callers of the same key wait for it and their loaders are dropped unused. A
    /// loader's error or panic reaches all who wait and is not kept: the next caller loads anew. The loader runs in a
    /// task of its own and goes on when its caller is dropped. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::LoadFailed`] with the loader's error or panic, or because it brought another key; those of
    /// [`write`](Self::write).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use mnemon::{Load, Node};
    ///
    /// async fn ask_the_service(city: &str) -> Result<Load<(String, f64)>, std::io::Error> {
    ///     // … a slow answer, worth keeping for a minute.
    ///     Ok(Load::CommitFor((city.to_owned(), 21.5), Duration::from_secs(60)))
    /// }
    ///
    /// let node = Node::builder().start().await?;
    /// let weather = node.create_table::<(String, f64)>("weather").max_entries(1_000).await?;
    /// let (_, celsius) = weather.fetch("Paris", ask_the_service("Paris")).await?;
    /// assert_eq!(celsius, 21.5);
    /// # Ok(()) }
    /// ```
    pub async fn fetch<K, L, E>(&self, key: &K, loader: L) -> Result<T, Error>
    where
        K: Serialize + ?Sized,
        L: Future<Output = Result<Load<T>, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        if let Some(found) = self.read(key).await? {
            return Ok(found);
        }
        let key = codec::term(key)?;
        let table = self.table.clone();
        let encoded = async move {
            match loader.await {
                Ok(load) => load.encode(&table).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        let fetched = self.table.fetch(&key, move |_| encoded).await?;
        match fetched {
            mnemon_table::Fetched::Found(object) => codec::value(object.record()),
            mnemon_table::Fetched::Loaded(record) => codec::value(record.as_ref()),
        }
    }
}
