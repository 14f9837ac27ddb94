//! Key bytes of serde values: scalars straight into the buffer, compound values through their encoded term.

use std::fmt;

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use crate::error::{Error, Result};
use crate::key::{self, Keying};
use crate::ser::scalar::scalars;
use crate::ser::{ATOM, encoded};
use crate::view::{TermRef, unreadable};
use crate::wire;

/// Appends the key bytes of a value; on an error nothing.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, keying: Keying, out: &mut Vec<u8>) -> Result<()> {
    match value.serialize(ScalarSerializer { keying, out: &mut *out, atom: false }) {
        Ok(()) => Ok(()),
        Err(Refusal::Failed(error)) => Err(error),
        Err(Refusal::Compound) => {
            let bytes = encoded(value)?;
            let (term, _) = wire::read(&bytes, 0).ok_or_else(unreadable)?;
            key::encode(term, keying, out);
            Ok(())
        }
    }
}

/// Why a value was not written as a scalar. Nothing was written then.
#[derive(Debug)]
enum Refusal {
    Compound,
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

struct ScalarSerializer<'o> {
    keying: Keying,
    out: &'o mut Vec<u8>,
    /// Whether text is an atom's name.
    atom: bool,
}

impl ScalarSerializer<'_> {
    fn put(self, term: TermRef<'_>) -> Result<(), Refusal> {
        key::encode(term, self.keying, self.out);
        Ok(())
    }

    fn put_text(self, text: &str) -> Result<(), Refusal> {
        if !self.atom {
            return self.put(TermRef::from(text));
        }
        crate::atom::check_name(text)?;
        self.put(TermRef::Atom(text))
    }
}

impl Serializer for ScalarSerializer<'_> {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Impossible<(), Refusal>;
    type SerializeTuple = Impossible<(), Refusal>;
    type SerializeTupleStruct = Impossible<(), Refusal>;
    type SerializeTupleVariant = Impossible<(), Refusal>;
    type SerializeMap = Impossible<(), Refusal>;
    type SerializeStruct = Impossible<(), Refusal>;
    type SerializeStructVariant = Impossible<(), Refusal>;

    scalars!();

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(ScalarSerializer { atom: name == ATOM, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Refusal> {
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
