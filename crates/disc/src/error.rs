//! What can go wrong on disc. A message names the file and says what to try.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why something on disc could not be done.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscError {
    /// The operating system refused. Unless said otherwise nothing of the operation has taken effect.
    #[error("cannot {operation} {file}: {cause}; look at the disc and the permissions of the data directory")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file, relative to the data directory.
        file: String,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// The disc has no room for the log to grow. Nothing was applied. It is asked for again by itself.
    #[error(
        "no room for {bytes} more bytes of log ({cause}); free space on the disc, then writes go on by themselves"
    )]
    Full {
        /// How much was asked for.
        bytes: u64,
        /// Why the log could not grow.
        cause: String,
    },
    /// So much waits to be written that the log takes no more at the moment. Nothing was applied.
    #[error("the log is behind: {buffered} bytes wait to be written; try again, or write less at once")]
    Busy {
        /// Bytes that wait.
        buffered: u64,
    },
    /// An entry is larger than allowed. Nothing was applied.
    #[error("an entry of {bytes} bytes exceeds the limit of {limit}; split it or raise `max_entry_bytes`")]
    TooLarge {
        /// The entry's size.
        bytes: u64,
        /// The limit, or what was reserved.
        limit: u64,
    },
    /// A write or sync failed while this was on its way: it may or may not be there after the next start.
    #[error("outcome unknown: the log failed ({cause}); reopen the data directory to learn what was kept")]
    OutcomeUnknown {
        /// The failure.
        cause: Arc<str>,
    },
    /// The log failed earlier and takes nothing more. Nothing was applied.
    #[error("the log failed earlier ({cause}) and takes no more writes; reopen the data directory")]
    Poisoned {
        /// The failure.
        cause: Arc<str>,
    },
    /// The log is closed. Nothing was applied.
    #[error("the log is closed; open the data directory again")]
    Closed,
    /// The deadline passed first. What was awaited may still come.
    #[error("not durable within {waited_ms} ms; the disc is slow or stuck")]
    Timeout {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// A file is not what was written to it.
    #[error("{file} is damaged at byte {offset}: {what}; `repair --dry-run` tells what is intact")]
    Corrupt {
        /// The file, relative to the data directory.
        file: String,
        /// Where the first damaged thing begins.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Something that must be there is not.
    #[error("{file} is missing: {what}; restore it or start from a backup")]
    Missing {
        /// The file or files.
        file: String,
        /// Who needs it.
        what: String,
    },
    /// A file has a format this version does not know.
    #[error("{file} has format {found}, this version knows up to {known}; run a newer version")]
    UnknownFormat {
        /// The file.
        file: String,
        /// Its format's number.
        found: u16,
        /// The highest number known here.
        known: u16,
    },
    /// A file belongs to another node.
    #[error(
        "{file} was written by node {found}, this directory is of node {own}; do not mix data directories"
    )]
    Foreign {
        /// The file.
        file: String,
        /// Who wrote it.
        found: String,
        /// Whose directory it is.
        own: String,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another node; stop that node or choose another directory", .0.display())]
    Locked(PathBuf),
    /// Entries that were asked for have been purged.
    #[error("entry {sequence} is no longer in the log; start from a checkpoint")]
    Purged {
        /// What was asked for.
        sequence: u64,
    },
}

impl DiscError {
    /// Wraps what the operating system said.
    pub(crate) fn io(operation: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |cause| Self::Io { operation, file, cause: Arc::new(cause) }
    }

    pub(crate) fn corrupt(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), offset, what: what.into() }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. } | Self::Timeout { .. })
    }

    /// Whether a file was found damaged, missing or foreign: nothing a retry helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Missing { .. } | Self::Foreign { .. })
    }
}
