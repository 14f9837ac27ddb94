//! The view of a term: the one form in which terms are read, compared, keyed and written.
//!
//! A [`TermRef`] is a term seen without decoding more than its head. It looks at record bytes or at a [`Term`]
//! tree alike, so everything above it is written once. Making one from a `&Term` costs nothing.

mod map;
mod sequence;

pub use map::{MapIter, MapRef};
pub use sequence::{SeqIter, SeqRef};

use std::cmp::Ordering;
use std::fmt;

use crate::atom::Atom;
use crate::error::{Error, Result};
use crate::order::{Mode, order};
use crate::term::Term;

/// A borrowed term, decoded lazily.
///
/// Views of what this crate made or checked always read well. A view of malformed bytes (see
/// [`RecordRef::trusted`](crate::RecordRef::trusted)) ends its iterations early instead of failing.
#[derive(Clone, Copy)]
pub enum TermRef<'a> {
    /// An integer.
    Int(i64),
    /// A float. One made by hand may be NaN or infinite; writing it is then an error.
    Float(f64),
    /// A name.
    Atom(&'a str),
    /// Bytes, or text in UTF-8.
    Binary(&'a [u8]),
    /// A fixed number of terms.
    Tuple(SeqRef<'a>),
    /// Any number of terms.
    List(SeqRef<'a>),
    /// Terms by keys.
    Map(MapRef<'a>),
}

impl<'a> TermRef<'a> {
    /// The atom `nil`.
    pub const NIL: Self = Self::Atom("nil");

    /// The tree of this term. O(size); allocates.
    ///
    /// # Errors
    /// [`Error::NotFinite`] and [`Error::AtomTooLong`] for a view made by hand, [`Error::Malformed`] for one
    /// of malformed bytes.
    pub fn to_term(self) -> Result<Term> {
        Ok(match self {
            Self::Int(value) => Term::Int(value),
            Self::Float(value) => Term::float(value)?,
            Self::Atom(name) => Term::Atom(Atom::new(name)?),
            Self::Binary(bytes) => Term::Binary(bytes.to_vec()),
            Self::Tuple(elements) => Term::Tuple(elements.to_terms()?),
            Self::List(elements) => Term::List(elements.to_terms()?),
            Self::Map(pairs) => Term::Map(pairs.to_terms()?),
        })
    }

    /// Erlang's standard order, in which 1 and 1.0 are equal; see [`Term::compare`]. Allocates nothing but for
    /// maps of a [`Term`] tree whose keys are integers and floats.
    pub fn compare(self, other: TermRef<'_>) -> Ordering {
        order(self, other, Mode::Numeric)
    }

    /// The order of `Term`'s `Ord`, in which 1 and 1.0 differ.
    pub fn exact_compare(self, other: TermRef<'_>) -> Ordering {
        order(self, other, Mode::Exact)
    }

    /// Whether the two are the same term: `==` of [`Term`], `=:=` of Erlang.
    pub fn exact_eq(self, other: TermRef<'_>) -> bool {
        self.exact_compare(other).is_eq()
    }

    /// Whether this is the atom `nil`.
    pub fn is_nil(self) -> bool {
        matches!(self, Self::Atom("nil"))
    }

    /// The value of an integer.
    #[inline]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a float.
    pub fn as_float(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The value of `true` and `false`.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Atom("true") => Some(true),
            Self::Atom("false") => Some(false),
            _ => None,
        }
    }

    /// The name of an atom.
    pub fn as_atom(self) -> Option<&'a str> {
        match self {
            Self::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// The bytes of a binary.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a binary that is UTF-8. O(length).
    pub fn as_str(self) -> Option<&'a str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// What kind of term this is, in one word, for messages: a binary that is text is called a string, as those who wrote
    /// it do. O(length) for a binary.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::Atom(_) => "atom",
            Self::Binary(_) if self.as_str().is_some() => "string",
            Self::Binary(_) => "binary",
            Self::Tuple(_) => "tuple",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }
}

/// The error for a view whose bytes are malformed; the view does not know its offset in the record.
pub(crate) fn unreadable() -> Error {
    Error::Malformed { offset: 0, reason: "a term of a view cannot be read" }
}

impl<'a> From<&'a Term> for TermRef<'a> {
    #[inline]
    fn from(term: &'a Term) -> Self {
        match term {
            Term::Int(value) => Self::Int(*value),
            Term::Float(value) => Self::Float(value.get()),
            Term::Atom(name) => Self::Atom(name.as_str()),
            Term::Tuple(elements) => Self::Tuple(SeqRef::terms(elements)),
            Term::Map(pairs) => Self::Map(MapRef::tree(pairs)),
            Term::List(elements) => Self::List(SeqRef::terms(elements)),
            Term::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl<'a> From<&TermRef<'a>> for TermRef<'a> {
    fn from(term: &TermRef<'a>) -> Self {
        *term
    }
}

impl From<i64> for TermRef<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for TermRef<'_> {
    fn from(value: bool) -> Self {
        Self::Atom(if value { "true" } else { "false" })
    }
}

impl<'a> From<&'a str> for TermRef<'a> {
    /// A binary of the text.
    fn from(value: &'a str) -> Self {
        Self::Binary(value.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for TermRef<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Binary(value)
    }
}

impl fmt::Debug for TermRef<'_> {
    /// In the manner of Elixir: `{:ok, %{"a" => [1, 2.0]}, <<0, 255>>}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Atom(name @ ("nil" | "true" | "false")) => f.write_str(name),
            Self::Atom(name) => write!(f, ":{name}"),
            Self::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => write!(f, "{text:?}"),
                Err(_) => {
                    f.write_str("<<")?;
                    separated(f, bytes.iter(), |f, byte| write!(f, "{byte}"))?;
                    f.write_str(">>")
                }
            },
            Self::Tuple(elements) => {
                f.write_str("{")?;
                separated(f, elements.iter(), |f, element| element.fmt(f))?;
                f.write_str("}")
            }
            Self::List(elements) => {
                f.write_str("[")?;
                separated(f, elements.iter(), |f, element| element.fmt(f))?;
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("%{")?;
                separated(f, pairs.iter(), |f, (key, value)| write!(f, "{key:?} => {value:?}"))?;
                f.write_str("}")
            }
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}
