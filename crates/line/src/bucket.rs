//! One bucket as a client uses it, whatever it is made of.

use std::sync::Arc;

use mnemon_otp::{Agent, Error};
use mnemon_table::{Detail, Table, TableError};
use mnemon_term::{Record, Term, TermRef};

use crate::feed::Feed;
use crate::shelf::{Bytes, Shelf};

/// A bucket that was found.
pub(crate) enum Bucket {
    /// A process.
    Process(Agent<Shelf>),
    /// A local table, with the keys it may have.
    Table(Arc<Table>, usize),
}

/// Why a bucket did not do what was asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not there, or no longer.
    NotFound,
    /// Anything else.
    Failed(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NoProcess => Self::NotFound,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<TableError> for Refusal {
    fn from(error: TableError) -> Self {
        match error {
            TableError::NoTable(_) => Self::NotFound,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<mnemon_term::Error> for Refusal {
    fn from(error: mnemon_term::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn full() -> Refusal {
    Refusal::Failed("the bucket has as many keys as it may".to_owned())
}

impl Bucket {
    pub(crate) async fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Process(agent) => {
                let (key, value) = (Bytes::from(key), Bytes::from(value));
                agent.get_and_update(|shelf| shelf.put(key, value)).await?.map_err(|_| full())
            }
            Self::Table(table, max_keys) => {
                // Not one step with the write: clients that write at once may pass the limit by one key each.
                if table.size() >= *max_keys && table.read(&Term::Binary(key.into())).await?.is_none() {
                    return Err(full());
                }
                let record = Record::new([TermRef::Binary(key), TermRef::Binary(value)])?;
                Ok(table.write(record.as_ref()).await?)
            }
        }
    }

    pub(crate) async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Refusal> {
        match self {
            Self::Process(agent) => {
                let key = Bytes::from(key);
                Ok(agent.get(move |shelf| shelf.get(&key)).await?)
            }
            Self::Table(table, _) => {
                let found = table.read(&Term::Binary(key.into())).await?;
                // A row that was written past this protocol may hold something else: no value to be told in a line.
                Ok(found.and_then(|object| Some(object.record().get(1)?.as_bytes()?.into())))
            }
        }
    }

    pub(crate) async fn delete(&self, key: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Process(agent) => {
                let key = Bytes::from(key);
                Ok(agent.update(move |shelf| shelf.delete(&key)).await?)
            }
            Self::Table(table, _) => Ok(table.delete(&Term::Binary(key.into())).await.map(drop)?),
        }
    }

    /// Changes from now on, of which at most `queue` wait.
    pub(crate) async fn subscribe(&self, queue: usize) -> Result<Feed, Refusal> {
        match self {
            Self::Process(agent) => Ok(agent.get_and_update(move |shelf| shelf.subscribe(queue)).await?),
            Self::Table(table, _) => Ok(Feed::Table(table.subscribe(Detail::Simple, Some(queue))?)),
        }
    }
}
