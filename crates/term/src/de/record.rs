//! A record becomes a struct, tuple or sequence, each attribute the field in its place.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::de::access::Elements;
use crate::de::exact::ExactDeserializer;
use crate::error::{Error, Result};
use crate::record::RecordRef;
use crate::ser::TERM;
use crate::view::TermRef;

pub(crate) struct RecordDeserializer<'de>(pub(crate) RecordRef<'de>);

impl<'de> RecordDeserializer<'de> {
    fn all<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        Elements::of_record(self.0.attributes(), None).visit(visitor)
    }

    fn exactly<V: Visitor<'de>>(self, expected: usize, visitor: V) -> Result<V::Value> {
        match self.0.arity() {
            found if found == expected => self.all(visitor),
            found => Err(Error::Arity { expected, found }),
        }
    }
}

impl<'de> Deserializer<'de> for RecordDeserializer<'de> {
    type Error = Error;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.all(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match name {
            TERM => visitor.visit_newtype_struct(ExactDeserializer(TermRef::Tuple(self.0.attributes()))),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.exactly(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.exactly(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        Elements::of_record(self.0.attributes(), Some(fields.len())).visit(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
        Err(refusal("a map (nor a struct with `flatten`)"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value> {
        Err(refusal("an enum"))
    }
}

fn refusal(what: &str) -> Error {
    Error::Shape(format!(
        "a record is read as a struct, a tuple or a sequence, not as {what}; attributes have positions, not names"
    ))
}
