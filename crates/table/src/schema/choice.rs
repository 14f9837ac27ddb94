//! The choices of a schema that are one word each.

use std::fmt;
use std::str::FromStr;

use mnemon_store::Durability;
use serde::{Deserialize, Serialize};

use crate::TableError;

/// Whether a table may be written, Mnesia's `access_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// It may.
    #[default]
    ReadWrite,
    /// Writes are refused.
    ReadOnly,
}

impl fmt::Display for AccessMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadWrite => "read_write",
            Self::ReadOnly => "read_only",
        })
    }
}

impl FromStr for AccessMode {
    type Err = TableError;

    /// # Errors
    /// `BadSchema` for any other word than those that `Display` writes.
    fn from_str(text: &str) -> Result<Self, TableError> {
        match text {
            "read_write" => Ok(Self::ReadWrite),
            "read_only" => Ok(Self::ReadOnly),
            _ => Err(TableError::BadSchema(format!(
                "unknown access mode {text:?}; the modes are read_write and read_only"
            ))),
        }
    }
}

/// Where the rows of a table are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// In RAM; they end with the process.
    #[default]
    Ram,
    /// In RAM and on disc, Mnesia's `disc_copies`: read as fast as in RAM, there again after a restart.
    Disc,
    /// On disc, Mnesia's `disc_only_copies`: rows may exceed the memory, and are read from the disc where they are not in the
    /// cache of its blocks.
    DiscOnly,
}

impl Storage {
    /// Whether rows are there again after a restart, which needs a data directory.
    #[must_use]
    pub fn is_on_disc(self) -> bool {
        matches!(self, Self::Disc | Self::DiscOnly)
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ram => "ram",
            Self::Disc => "disc",
            Self::DiscOnly => "disc_only",
        })
    }
}

impl FromStr for Storage {
    type Err = TableError;

    /// # Errors
    /// `BadSchema` for any other word than those that `Display` writes.
    fn from_str(text: &str) -> Result<Self, TableError> {
        match text {
            "ram" => Ok(Self::Ram),
            "disc" => Ok(Self::Disc),
            "disc_only" => Ok(Self::DiscOnly),
            _ => {
                Err(TableError::BadSchema(format!("unknown storage {text:?}; it is ram, disc or disc_only")))
            }
        }
    }
}

/// Reads `commit`, `interval:MILLISECONDS` or `none`.
///
/// # Errors
/// `BadSchema` for anything else.
pub fn parse_durability(text: &str) -> Result<Durability, TableError> {
    let interval = text.strip_prefix("interval:").and_then(|ms| ms.parse().ok()).filter(|ms| *ms > 0);
    match (text, interval) {
        ("commit", _) => Ok(Durability::Commit),
        ("none", _) => Ok(Durability::None),
        (_, Some(ms)) => Ok(Durability::Interval(ms)),
        _ => Err(TableError::BadSchema(format!(
            "unknown durability {text:?}; it is commit, interval:MILLISECONDS (1 or more) or none"
        ))),
    }
}

/// As [`parse_durability`] reads it.
#[must_use]
pub fn durability_text(durability: Durability) -> String {
    match durability {
        Durability::Commit => "commit".to_owned(),
        Durability::Interval(ms) => format!("interval:{ms}"),
        Durability::None => "none".to_owned(),
    }
}

/// Which nodes hold the rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Placement {
    /// This node alone.
    #[default]
    Local,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_and_durability_read_as_they_are_written() {
        for storage in [Storage::Ram, Storage::Disc, Storage::DiscOnly] {
            assert_eq!(storage.to_string().parse(), Ok(storage));
        }
        for durability in [Durability::Commit, Durability::Interval(100), Durability::None] {
            assert_eq!(parse_durability(&durability_text(durability)), Ok(durability));
        }
        for wrong in ["", "interval", "interval:0", "interval:-1", "always"] {
            assert!(parse_durability(wrong).is_err(), "{wrong}");
        }
        assert!("tape".parse::<Storage>().is_err());
    }

    #[test]
    fn access_modes_read_as_they_are_written() {
        for mode in [AccessMode::ReadWrite, AccessMode::ReadOnly] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let error = "rw".parse::<AccessMode>().unwrap_err().to_string();
        assert!(error.contains("\"rw\"") && error.contains("read_only"), "{error}");
    }
}
