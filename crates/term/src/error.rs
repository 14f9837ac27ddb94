//! The one error type of this crate. Every message says what was wrong and what to try; none is worth a
//! retry with the same input.

use crate::wire::{MAX_ARITY, MAX_DEPTH};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a value, with bytes, with JSON or with a serde type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A float was NaN or infinite.
    #[error("a float must be finite, not NaN or infinite; use an atom for what is no number")]
    NotFinite,
    /// An atom's name is longer than Erlang allows.
    #[error("an atom has at most {max} characters, this one has {chars}; use a binary for longer text", max = crate::Atom::MAX_CHARS)]
    AtomTooLong {
        /// Characters in the refused name.
        chars: usize,
    },
    /// Containers are nested deeper than [`MAX_DEPTH`].
    #[error("the value is nested deeper than {MAX_DEPTH} levels; flatten it")]
    TooDeep,
    /// A binary or container is larger than its length field can say.
    #[error("{what} must be smaller than 4 GiB; split the value")]
    TooLarge {
        /// What was too large.
        what: &'static str,
    },
    /// A record without any attribute.
    #[error("a record needs at least one attribute, its key")]
    EmptyRecord,
    /// A record with more than [`MAX_ARITY`] attributes.
    #[error("a record has at most {MAX_ARITY} attributes; nest some of them in a map")]
    TooManyAttributes,
    /// Bytes that are not a record.
    #[error("malformed record bytes at offset {offset}: {reason}")]
    Malformed {
        /// Offset from the start of the record.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// An attribute position the record does not have.
    #[error(
        "the record has {arity} attributes, so there is no attribute at position {index} (counted from 0)"
    )]
    NoSuchAttribute {
        /// The position asked for, from 0.
        index: usize,
        /// How many attributes the record has.
        arity: usize,
    },
    /// A number of values that differs from the number of attributes.
    #[error("expected {expected} attributes, found {found}; give one value for each attribute")]
    Arity {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Text that is not JSON, or JSON of the wrong shape.
    #[error("invalid JSON: {0}")]
    Json(String),
    /// A JSON integer outside the range of `i64`.
    #[error(
        "the integer {0} is outside -9223372036854775808..=9223372036854775807; write it as a float (1.0e30) or as a string"
    )]
    JsonInteger(String),
    /// A one-key object whose key begins with `$` but whose meaning is unknown or whose value does not fit.
    #[error(
        "the tagged object {tag:?} is refused: {reason}; the tags are $atom (a string), $tuple (an array), $binary (base64) and $map (an array of [key, value])"
    )]
    JsonTag {
        /// The tag as written.
        tag: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A JSON record names an attribute the table lacks.
    #[error("unknown attribute {name:?}; the attributes are {known}")]
    UnknownAttribute {
        /// The name as written.
        name: String,
        /// The known names, joined by commas.
        known: String,
    },
    /// A JSON record names an attribute twice.
    #[error("attribute {name:?} is given twice; give it once")]
    DuplicateAttribute {
        /// The name as written.
        name: String,
    },
    /// A JSON record lacks its key.
    #[error("the key attribute {name:?} is missing; every record needs its key")]
    MissingKey {
        /// The name of the key attribute.
        name: String,
    },
    /// An integer of a serde type that does not fit `i64`.
    #[error("the integer {0} is outside -9223372036854775808..=9223372036854775807; use a float or a string")]
    IntegerRange(String),
    /// A serde type that does not fit the conventions, or a term that does not fit the serde type.
    #[error("{0}")]
    Shape(String),
    /// An error in one attribute of a record read into a serde type.
    #[error("attribute at position {index} (counted from 0): {source}")]
    Attribute {
        /// The position, from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Shape(message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Shape(message.to_string())
    }
}
