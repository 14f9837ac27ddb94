//! serde values into terms and records, encoded directly, without a tree between.
//!
//! # Conventions (both ways)
//!
//! | Rust | term |
//! |---|---|
//! | `bool` | the atoms `true`, `false` |
//! | integers | integer; outside the range of `i64` an error |
//! | `f32`, `f64` | float; NaN and infinities are an error. Reading takes integers that are exact as floats |
//! | `char`, `str`, `String` | binary of the text; an atom is not read as text |
//! | bytes (`serde_bytes`, [`Record`]) | binary. A `Vec<u8>` is a sequence of numbers to serde, hence a list |
//! | `()`, unit struct, `None` | `nil`; `Some(x)` is x |
//! | a tuple, array or tuple struct | tuple (reading takes a list of that length too) |
//! | a sequence | list (reading takes a tuple too) |
//! | a map, a nested struct | map; a struct's keys are its field names as binaries. Skipped fields are absent |
//! | newtype struct | what is in it |
//! | unit variant | atom of its name (reading takes a binary of its name too) |
//! | newtype variant | tuple {name, value} |
//! | tuple variant | tuple {name, value, …} |
//! | struct variant | tuple {name, map} |
//! | [`Term`] | itself, exactly |
//!
//! **Records.** A struct, tuple, tuple struct or sequence becomes a record: fields by position, the first is the key. All fields
//! keep their positions: one left out by `skip_serializing_if` is `nil`. Reading demands as many attributes as
//! the type has fields. A field that is never written (`#[serde(skip)]`) has no position on either side; `flatten` makes a struct a map
//! to serde, so that it is refused.

mod compound;
mod key;
mod record;
mod scalar;

use serde::Serialize;
use serde::ser::Serializer;

use crate::error::{Error, Result};
use crate::key::{KeyBytes, Keying};
use crate::record::Record;
use crate::ser::compound::{Elements, Pairs};
use crate::ser::scalar::scalars;
use crate::term::Term;
use crate::view::{TermRef, unreadable};
use crate::wire;
use crate::wire::encoder::{Container, Encoder};

/// The newtype struct by which an atom passes through serde.
pub(crate) const ATOM: &str = "$mnemon::Atom";
/// The newtype struct by which any term is asked for.
pub(crate) const TERM: &str = "$mnemon::Term";

/// The record of a struct or tuple: fields by position, the first is the key.
///
/// | Rust | term |
/// |---|---|
/// | `bool`, `None`, `()` | atoms `true`, `false`, `nil` |
/// | integers; floats; text and bytes | integer; float; binary |
/// | tuple; sequence; map or nested struct | tuple; list; map (a struct's keys are binaries) |
/// | unit variant; other variants | atom; tuple {name, …} (a struct variant: {name, map}) |
///
/// A field left out by `skip_serializing_if` is `nil`, so that no other field moves. A [`Term`] is kept exactly.
///
/// # Errors
/// [`Error::Shape`] for a type that is neither struct nor tuple nor sequence, [`Error::IntegerRange`] for integers that
/// do not fit `i64`, [`Error::NotFinite`], and those of [`Record::new`].
///
/// ```
/// use mnemon_term::{Term, from_record, to_record};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct User { id: u32, name: String, email: Option<String>, state: State }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum State { Active, Banned { until: u64 } }
///
/// let user = User { id: 7, name: "Ada".into(), email: None, state: State::Active };
/// let record = to_record(&user)?;
/// assert_eq!(record.as_ref().to_terms()?, [7.into(), "Ada".into(), Term::nil(), Term::atom("active")]);
/// assert_eq!(from_record::<User>(record.as_ref())?, user);
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn to_record<T: Serialize + ?Sized>(value: &T) -> Result<Record> {
    value.serialize(record::RecordSerializer)
}

/// The term of a value; the conventions are those of [`to_record`], a struct being a map.
///
/// # Errors
/// [`Error::IntegerRange`], [`Error::NotFinite`], [`Error::AtomTooLong`], [`Error::TooDeep`], [`Error::TooLarge`], and
/// whatever the value's own `Serialize` reports.
///
/// ```
/// use mnemon_term::{Term, from_term, to_term};
///
/// let term = to_term(&("a", Some(1), [true]))?;
/// let list = Term::tuple([Term::from(true)]);
/// assert_eq!(term, Term::tuple([Term::from("a"), Term::from(1), list]));
/// assert_eq!(from_term::<(String, Option<u8>, [bool; 1])>(&term)?, ("a".to_owned(), Some(1), [true]));
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term> {
    let bytes = encoded(value)?;
    let (term, _) = wire::read(&bytes, 0).ok_or_else(unreadable)?;
    term.to_term()
}

/// The key bytes of a value's term. Numbers allocate nothing, text and bytes use their thread's buffer; anything compound
/// is encoded as a term first.
///
/// # Errors
/// Those of [`to_term`].
///
/// ```
/// use mnemon_term::{Keying, TermRef, key::KeyBytes, to_key};
///
/// let plain = KeyBytes::of(TermRef::from("alice"), Keying::Exact);
/// assert_eq!(*to_key("alice", Keying::Exact)?, *plain);
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn to_key<T: Serialize + ?Sized>(value: &T, keying: Keying) -> Result<KeyBytes> {
    key::of(value, keying)
}

/// The integer that a value's term is, if it is one: such keys, the most frequent ones, have a shorter way.
///
/// ```
/// use mnemon_term::to_int;
///
/// assert_eq!((to_int(&7_u8), to_int(&Some(7)), to_int("7")), (Some(7), Some(7), None));
/// ```
pub fn to_int<T: Serialize + ?Sized>(value: &T) -> Option<i64> {
    key::int(value)
}

/// The encoded term of a value.
pub(crate) fn encoded<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut encoder = Encoder::with_capacity(64);
    value.serialize(TermSerializer::new(&mut encoder))?;
    Ok(encoder.into_bytes())
}

/// Writes one value as one term.
pub(crate) struct TermSerializer<'e> {
    encoder: &'e mut Encoder,
    /// Whether text is an atom's name.
    atom: bool,
}

impl<'e> TermSerializer<'e> {
    pub(crate) fn new(encoder: &'e mut Encoder) -> Self {
        Self { encoder, atom: false }
    }

    fn put(self, term: TermRef<'_>) -> Result<()> {
        self.encoder.term(term)
    }

    fn put_text(self, text: &str) -> Result<()> {
        if self.atom { self.encoder.atom(text) } else { self.encoder.binary(text.as_bytes()) }
    }

    /// Opens a tuple whose first element is the name of a variant.
    fn variant(self, name: &str) -> Result<Elements<'e>> {
        let mut elements = Elements::open(self.encoder, Container::Tuple)?;
        elements.atom(name)?;
        Ok(elements)
    }
}

impl<'e> Serializer for TermSerializer<'e> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'e>;
    type SerializeTuple = Elements<'e>;
    type SerializeTupleStruct = Elements<'e>;
    type SerializeTupleVariant = Elements<'e>;
    type SerializeMap = Pairs<'e>;
    type SerializeStruct = Pairs<'e>;
    type SerializeStructVariant = Pairs<'e>;

    scalars!();

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<()> {
        value.serialize(Self { atom: name == ATOM, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut elements = self.variant(variant)?;
        elements.push(value)?;
        elements.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'e>> {
        Elements::open(self.encoder, Container::List)
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'e>> {
        Elements::open(self.encoder, Container::Tuple)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'e>> {
        Elements::open(self.encoder, Container::Tuple)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'e>> {
        self.variant(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Pairs<'e>> {
        Pairs::open(self.encoder)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Pairs<'e>> {
        Pairs::open(self.encoder)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Pairs<'e>> {
        Pairs::open_variant(self.encoder, variant)
    }
}
