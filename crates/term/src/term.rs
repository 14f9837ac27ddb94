//! The tree form of a value. Equality and order are exact; [`Term::compare`] is Erlang's `==` order.
//! Reading, writing and comparing are not written here: a `&Term` becomes a [`TermRef`], which does them.

mod carry;
mod convert;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::atom::Atom;
use crate::error::Result;
use crate::float::Float;
use crate::order::{Mode, order};
use crate::view::TermRef;

/// A value.
///
/// `nil`, `true` and `false` are atoms; text is a UTF-8 [`Term::Binary`], as in Elixir.
///
/// Two orders exist. `Ord` (with `Eq` and `Hash`) is exact, Erlang's `=:=`: 1 and 1.0 differ, and a tie
/// between numbers is broken where it stands, the integer first. [`Term::compare`] is Erlang's `==`, in
/// which 1 and 1.0 are equal. Both put number < atom < tuple < map < empty list < list < binary.
///
/// Whatever this crate reads is at most [`MAX_DEPTH`](crate::MAX_DEPTH) levels deep, and only such terms can
/// be written. A deeper tree can be built by hand; like any deep tree of boxes it takes stack to compare or drop.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// An integer.
    Int(i64),
    /// A finite float.
    Float(Float),
    /// A name.
    Atom(Atom),
    /// A fixed number of terms.
    Tuple(Vec<Term>),
    /// Terms by keys that differ exactly.
    Map(BTreeMap<Term, Term>),
    /// Any number of terms.
    List(Vec<Term>),
    /// Bytes, or text in UTF-8.
    Binary(Vec<u8>),
}

impl Term {
    /// The atom `nil`: no value.
    pub const fn nil() -> Self {
        Self::Atom(Atom::NIL)
    }

    /// An atom whose name is part of the program. Allocates nothing.
    ///
    /// # Panics
    /// When the name has more than 255 characters. Use [`Term::try_atom`] for names that are input.
    pub const fn atom(name: &'static str) -> Self {
        Self::Atom(Atom::from_static(name))
    }

    /// An atom of any name.
    ///
    /// # Errors
    /// [`Error::AtomTooLong`](crate::Error::AtomTooLong) when the name has more than 255 characters.
    pub fn try_atom(name: impl AsRef<str> + Into<String>) -> Result<Self> {
        Atom::new(name).map(Self::Atom)
    }

    /// A float.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite) for NaN and the infinities.
    pub fn float(value: f64) -> Result<Self> {
        Float::new(value).map(Self::Float)
    }

    /// A tuple of these terms.
    pub fn tuple(elements: impl IntoIterator<Item = Term>) -> Self {
        Self::Tuple(elements.into_iter().collect())
    }

    /// A list of these terms.
    pub fn list(elements: impl IntoIterator<Item = Term>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// A map of these pairs; of equal keys the last one wins.
    pub fn map(pairs: impl IntoIterator<Item = (Term, Term)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// Erlang's standard order (`==` and `<` of Erlang): 1 and 1.0 are equal, integers and floats compare by
    /// their exact values. Map keys, as in Erlang, compare exactly, integers before floats.
    ///
    /// ```
    /// use std::cmp::Ordering;
    /// use mnemon_term::Term;
    ///
    /// let (int, float) = (Term::from(1), Term::float(1.0)?);
    /// assert_eq!(Term::compare(&int, &float), Ordering::Equal);
    /// assert_ne!(int, float);
    /// assert_eq!(Term::compare(&Term::atom("zoo"), &Term::from("ape")), Ordering::Less);
    /// # Ok::<(), mnemon_term::Error>(())
    /// ```
    pub fn compare(a: &Self, b: &Self) -> Ordering {
        order(a.view(), b.view(), Mode::Numeric)
    }

    /// A borrowed view of this term; costs nothing.
    #[inline]
    pub fn view(&self) -> TermRef<'_> {
        TermRef::from(self)
    }

    /// Whether this is the atom `nil`.
    pub fn is_nil(&self) -> bool {
        self.view().is_nil()
    }

    /// The text of a binary that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.view().as_str()
    }

    /// The value of an integer.
    pub fn as_int(&self) -> Option<i64> {
        self.view().as_int()
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        order(self.view(), other.view(), Mode::Exact)
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}
