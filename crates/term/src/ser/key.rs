//! Key bytes of serde values: of scalars at once, of compound values through their encoded term.

use std::fmt;

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use crate::error::{Error, Result};
use crate::key::{KeyBytes, Keying};
use crate::ser::scalar::scalars;
use crate::ser::{ATOM, encoded};
use crate::view::{TermRef, unreadable};
use crate::wire;

/// The key bytes of a value.
pub(crate) fn of<T: Serialize + ?Sized>(value: &T, keying: Keying) -> Result<KeyBytes> {
    match value.serialize(ScalarSerializer { target: Key(keying), atom: false }) {
        Ok(key) => Ok(key),
        Err(Refusal::Failed(error)) => Err(error),
        Err(Refusal::Compound | Refusal::Other) => {
            let bytes = encoded(value)?;
            let (term, _) = wire::read(&bytes, 0).ok_or_else(unreadable)?;
            Ok(KeyBytes::of(term, keying))
        }
    }
}

/// The integer that a value is.
pub(crate) fn int<T: Serialize + ?Sized>(value: &T) -> Option<i64> {
    value.serialize(ScalarSerializer { target: Int, atom: false }).ok()
}

/// What is made of a scalar.
trait Target {
    type Made;

    /// Whether nothing is made of text, so that it need not be formatted.
    const IS_NUMBER: bool = false;

    fn make(self, term: TermRef<'_>) -> Result<Self::Made, Refusal>;
}

/// Its key bytes.
struct Key(Keying);

impl Target for Key {
    type Made = KeyBytes;

    fn make(self, term: TermRef<'_>) -> Result<KeyBytes, Refusal> {
        Ok(KeyBytes::of(term, self.0))
    }
}

/// An integer, if it is one.
struct Int;

impl Target for Int {
    type Made = i64;

    const IS_NUMBER: bool = true;

    #[inline]
    fn make(self, term: TermRef<'_>) -> Result<i64, Refusal> {
        term.as_int().ok_or(Refusal::Other)
    }
}

/// Why nothing was made of a value.
#[derive(Debug)]
enum Refusal {
    Compound,
    Other,
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compound => f.write_str("the value is compound"),
            Self::Other => f.write_str("the value is no integer"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl serde::ser::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Failed(serde::ser::Error::custom(message))
    }
}

struct ScalarSerializer<M> {
    target: M,
    /// Whether text is an atom's name.
    atom: bool,
}

impl<M: Target> ScalarSerializer<M> {
    fn put(self, term: TermRef<'_>) -> Result<M::Made, Refusal> {
        self.target.make(term)
    }

    fn put_text(self, text: &str) -> Result<M::Made, Refusal> {
        if !self.atom {
            return self.put(TermRef::from(text));
        }
        crate::atom::check_name(text)?;
        self.put(TermRef::Atom(text))
    }
}

impl<M: Target> Serializer for ScalarSerializer<M> {
    type Ok = M::Made;
    type Error = Refusal;
    type SerializeSeq = Impossible<M::Made, Refusal>;
    type SerializeTuple = Impossible<M::Made, Refusal>;
    type SerializeTupleStruct = Impossible<M::Made, Refusal>;
    type SerializeTupleVariant = Impossible<M::Made, Refusal>;
    type SerializeMap = Impossible<M::Made, Refusal>;
    type SerializeStruct = Impossible<M::Made, Refusal>;
    type SerializeStructVariant = Impossible<M::Made, Refusal>;

    scalars!();

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<M::Made, Refusal> {
        if M::IS_NUMBER { Err(Refusal::Other) } else { self.serialize_str(&value.to_string()) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<M::Made, Refusal> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<M::Made, Refusal> {
        value.serialize(ScalarSerializer { atom: name == ATOM, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<M::Made, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Refusal> {
        Err(Refusal::Compound)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refusal> {
        Err(Refusal::Compound)
    }
}
