//! What can go wrong with a backup. A message names the file, the table and the place, and says what to try.

use std::io;
use std::sync::Arc;

use mnemon_store::StoreError;
use mnemon_table::TableError;

/// Why a backup, a restore, an export or an import was not done. Unless a variant says otherwise nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The operating system refused.
    #[error("cannot {operation} {file}: {cause}; look at the disc and the permissions of the directory")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file.
        file: String,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// A file is not what was written to it.
    #[error("{file} is damaged at byte {offset}{}: {what}; restore from another backup", in_table(.table))]
    Corrupt {
        /// The file.
        file: String,
        /// The table whose part it is, where that is known.
        table: Option<String>,
        /// Where the damaged part begins.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A file has a format that this version does not know.
    #[error("{file} has format {found}, this version knows up to {known}; run a newer version")]
    UnknownFormat {
        /// The file.
        file: String,
        /// Its format's number.
        found: u16,
        /// The highest number known here.
        known: u16,
    },
    /// A name that a backup cannot have.
    #[error(
        "{0:?} is no name for a backup; take 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter or a digit"
    )]
    BadName(String),
    /// There is a backup of this name.
    #[error("there is a backup {0} already; choose another name")]
    Exists(String),
    /// There is no backup of this name.
    #[error("there is no backup {0}; list those that there are")]
    Missing(String),
    /// Another backup or restore is under way.
    #[error("{0} is under way; wait for its end")]
    Busy(String),
    /// The node has nowhere to put backups.
    #[error("this node has no directory for backups; start it with a data directory or with backup_dir")]
    NoDirectory,
    /// Something that this node cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// A table that is not in the backup.
    #[error("{file} holds no table {table:?}; list the tables that it holds")]
    NotInBackup {
        /// The file.
        file: String,
        /// The table.
        table: String,
    },
    /// The table that is there cannot take the records of the backup.
    #[error(
        "table {table:?} cannot take its records of the backup: {cause}; restore it with recreate, or skip it"
    )]
    Misfit {
        /// The table.
        table: String,
        /// Why.
        cause: String,
    },
    /// A restore stopped in the middle. Tables before this one are restored, those behind it are as they were.
    #[error("the restore stopped in table {table:?}: {cause}; restored before: {}; {}", list(.done), state(.sealed))]
    Incomplete {
        /// The table.
        table: String,
        /// Why.
        cause: String,
        /// Tables that are restored.
        done: Vec<String>,
        /// Whether the table holds a part of what it should and refuses writes until it is restored again, or until the
        /// next start of a node with a data directory, which does that by itself. Otherwise it is as it was.
        sealed: bool,
    },
    /// A line of an import.
    #[error("line {line}: {cause}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        cause: String,
    },
    /// The tables refused.
    #[error(transparent)]
    Table(#[from] TableError),
}

fn in_table(table: &Option<String>) -> String {
    table.as_ref().map_or_else(String::new, |table| format!(" in table {table:?}"))
}

fn state(sealed: &bool) -> &'static str {
    if *sealed {
        "the table takes no writes until it is restored again; a node with a data directory does so at its next start"
    } else {
        "the table is as it was"
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl BackupError {
    /// Wraps what the operating system said.
    pub(crate) fn io(operation: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |cause| Self::Io { operation, file, cause: Arc::new(cause) }
    }

    /// An upper-case word that stands before the message at the front doors.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Io { .. } => "IOERROR",
            Self::Corrupt { .. } => "CORRUPT",
            Self::UnknownFormat { .. } => "BADFORMAT",
            Self::BadName(_) => "BADNAME",
            Self::Exists(_) => "EXISTS",
            Self::Missing(_) => "NOBACKUP",
            Self::Busy(_) => "BUSY",
            Self::NoDirectory => "NODIRECTORY",
            Self::NotInBackup { .. } | Self::Table(TableError::NoTable(_)) => "NOTABLE",
            Self::Misfit { .. } => "MISFIT",
            Self::Incomplete { .. } => "INCOMPLETE",
            Self::Line { .. } => "BADRECORD",
            Self::Table(TableError::DiscFull(_)) => "DISCFULL",
            Self::Table(TableError::OutcomeUnknown(_)) => "OUTCOMEUNKNOWN",
            Self::Table(TableError::Loading { .. }) => "LOADING",
            Self::Table(TableError::Damaged { .. }) => "DAMAGED",
            Self::Table(TableError::Transforming(_)) => "TRYAGAIN",
            Self::Table(_) | Self::Unsupported(_) => "ERR",
        }
    }

    /// Whether the file is not what was written to it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Table(cause) => cause.is_retryable(),
            _ => false,
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(cause: StoreError) -> Self {
        Self::Table(cause.into())
    }
}
