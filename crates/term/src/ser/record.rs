//! A struct, tuple or sequence becomes a record, each field an attribute in its place.

use serde::Serialize;
use serde::ser::{
    Impossible, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer,
};

use crate::error::{Error, Result};
use crate::record::{Record, RecordBuilder};
use crate::ser::TermSerializer;
use crate::ser::scalar::scalars;
use crate::view::TermRef;

/// Takes what can be a record, and what wraps it.
pub(crate) struct RecordSerializer;

impl RecordSerializer {
    fn put(self, _: TermRef<'_>) -> Result<Record> {
        Err(refusal("a single value"))
    }

    fn put_text(self, _: &str) -> Result<Record> {
        Err(refusal("a single value"))
    }
}

fn refusal(what: &str) -> Error {
    Error::Shape(format!(
        "a record is made of a struct (without `flatten`), a tuple or a sequence, not of {what}; wrap it in one whose first field is the key"
    ))
}

impl Serializer for RecordSerializer {
    type Ok = Record;
    type Error = Error;
    type SerializeSeq = Attributes;
    type SerializeTuple = Attributes;
    type SerializeTupleStruct = Attributes;
    type SerializeTupleVariant = Impossible<Record, Error>;
    type SerializeMap = Impossible<Record, Error>;
    type SerializeStruct = Attributes;
    type SerializeStructVariant = Impossible<Record, Error>;

    scalars!();

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Record> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Record> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Record> {
        Err(refusal("an enum"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Attributes> {
        Ok(Attributes::new(None))
    }

    fn serialize_tuple(self, len: usize) -> Result<Attributes> {
        Ok(Attributes::new(Some(len)))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Attributes> {
        Ok(Attributes::new(Some(len)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Err(refusal("an enum"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap> {
        Err(refusal("a map"))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Attributes> {
        Ok(Attributes::new(Some(len)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Err(refusal("an enum"))
    }
}

/// A record being filled.
pub(crate) struct Attributes {
    builder: RecordBuilder,
    /// Fields announced; skipped ones are not among them.
    announced: Option<usize>,
    written: usize,
}

impl Attributes {
    fn new(announced: Option<usize>) -> Self {
        Self { builder: RecordBuilder::new(), announced, written: 0 }
    }

    fn attribute<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.written += 1;
        self.builder.attribute(|encoder| value.serialize(TermSerializer::new(encoder)))
    }

    fn finish(self) -> Result<Record> {
        match self.announced {
            Some(expected) if expected != self.written => Err(Error::Arity { expected, found: self.written }),
            _ => self.builder.finish(),
        }
    }
}

impl SerializeSeq for Attributes {
    type Ok = Record;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.attribute(value)
    }

    fn end(self) -> Result<Record> {
        self.finish()
    }
}

impl SerializeTuple for Attributes {
    type Ok = Record;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.attribute(value)
    }

    fn end(self) -> Result<Record> {
        self.finish()
    }
}

impl SerializeTupleStruct for Attributes {
    type Ok = Record;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.attribute(value)
    }

    fn end(self) -> Result<Record> {
        self.finish()
    }
}

impl SerializeStruct for Attributes {
    type Ok = Record;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<()> {
        self.attribute(value)
    }

    /// The skipped field keeps its place.
    fn skip_field(&mut self, _: &'static str) -> Result<()> {
        self.builder.push(TermRef::NIL)
    }

    fn end(self) -> Result<Record> {
        self.finish()
    }
}
