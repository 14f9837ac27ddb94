//! The choices of a schema that are one word each.

use std::fmt;
use std::str::FromStr;

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
    fn access_modes_read_as_they_are_written() {
        for mode in [AccessMode::ReadWrite, AccessMode::ReadOnly] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let error = "rw".parse::<AccessMode>().unwrap_err().to_string();
        assert!(error.contains("\"rw\"") && error.contains("read_only"), "{error}");
    }
}
