//! Conversions from Rust's values into [`Term`].

use std::collections::BTreeMap;

use crate::atom::Atom;
use crate::error::{Error, Result};
use crate::float::Float;
use crate::term::Term;

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Atom(Atom::from(value))
    }
}

impl From<i64> for Term {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Term {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Term {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Term {
    /// A binary of the text.
    fn from(value: &str) -> Self {
        Self::Binary(value.as_bytes().to_vec())
    }
}

impl From<String> for Term {
    /// A binary of the text.
    fn from(value: String) -> Self {
        Self::Binary(value.into_bytes())
    }
}

impl From<Vec<u8>> for Term {
    fn from(value: Vec<u8>) -> Self {
        Self::Binary(value)
    }
}

impl From<&[u8]> for Term {
    fn from(value: &[u8]) -> Self {
        Self::Binary(value.to_vec())
    }
}

impl From<Atom> for Term {
    fn from(value: Atom) -> Self {
        Self::Atom(value)
    }
}

impl From<Float> for Term {
    fn from(value: Float) -> Self {
        Self::Float(value)
    }
}

impl From<BTreeMap<Term, Term>> for Term {
    fn from(value: BTreeMap<Term, Term>) -> Self {
        Self::Map(value)
    }
}

impl<T: Into<Term>> From<Option<T>> for Term {
    /// `None` is `nil`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::nil(), Into::into)
    }
}

impl TryFrom<f64> for Term {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self> {
        Self::float(value)
    }
}

impl TryFrom<u64> for Term {
    type Error = Error;

    fn try_from(value: u64) -> Result<Self> {
        i64::try_from(value).map(Self::Int).map_err(|_| Error::IntegerRange(value.to_string()))
    }
}
