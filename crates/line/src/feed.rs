//! Changes of one bucket on their way to a subscriber, whatever the bucket is made of.

use mnemon_table::{Event, Subscription};
use mnemon_term::RecordRef;
use tokio::sync::mpsc;

use crate::shelf::Bytes;

/// A change of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set { key: Bytes, value: Bytes },
    Deleted { key: Bytes },
}

impl Change {
    /// The line that tells it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Set { key, value } => {
                out.extend_from_slice(key);
                out.extend_from_slice(b" SET TO ");
                out.extend_from_slice(value);
            }
            Self::Deleted { key } => {
                out.extend_from_slice(key);
                out.extend_from_slice(b" DELETED");
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The changes of one bucket, in their order.
#[derive(Debug)]
pub(crate) enum Feed {
    /// From a bucket's process.
    Process(mpsc::Receiver<Change>),
    /// From a bucket's table.
    Table(Subscription),
}

impl Feed {
    /// The next change; `None` when there will be no more: the bucket has ended, or this subscriber was too slow. Giving
    /// up waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        match self {
            Self::Process(changes) => changes.recv().await,
            Self::Table(subscription) => match subscription.recv().await? {
                Event::Row { new: Some(row), .. } => {
                    let (key, value) = words(row.body())?;
                    Some(Change::Set { key, value })
                }
                Event::Row { old: Some(row), .. } => {
                    words(row.body()).map(|(key, _)| Change::Deleted { key })
                }
                // The table was cleared, or events were lost: what the subscriber knows is no longer true.
                _ => None,
            },
        }
    }
}

/// Key and value of a row; `None`: someone else's row, written past this protocol.
fn words(body: &[u8]) -> Option<(Bytes, Bytes)> {
    let record = RecordRef::trusted(body);
    Some((record.get(0)?.as_bytes()?.into(), record.get(1)?.as_bytes()?.into()))
}
