//! Hands a term to [`Term`](crate::Term)'s own `Deserialize` without loss: what serde's model cannot tell apart
//! (atoms and text, tuples and lists) arrives as the variants of an enum.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::de::access::{Elements, Pairs};
use crate::error::{Error, Result};
use crate::term::Term;
use crate::view::{SeqRef, TermRef};

/// The variant of atoms and of tuples.
pub(crate) const ATOM_VARIANT: u32 = 0;
pub(crate) const TUPLE_VARIANT: u32 = 1;

pub(crate) struct ExactDeserializer<'de>(pub(crate) TermRef<'de>);

impl<'de> Deserializer<'de> for ExactDeserializer<'de> {
    type Error = Error;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Int(value) => visitor.visit_i64(value),
            TermRef::Float(value) => visitor.visit_f64(value),
            TermRef::Atom(name) => visitor.visit_enum(Tagged::Atom(name)),
            TermRef::Binary(bytes) => visitor.visit_borrowed_bytes(bytes),
            TermRef::Tuple(elements) => visitor.visit_enum(Tagged::Tuple(elements)),
            TermRef::List(elements) => Elements::new(elements).visit(visitor),
            TermRef::Map(pairs) => Pairs::new(pairs).visit(visitor),
        }
    }
}

enum Tagged<'de> {
    Atom(&'de str),
    Tuple(SeqRef<'de>),
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let tag = match self {
            Self::Atom(_) => ATOM_VARIANT,
            Self::Tuple(_) => TUPLE_VARIANT,
        };
        let tag: serde::de::value::U32Deserializer<Error> = tag.into_deserializer();
        Ok((seed.deserialize(tag)?, self))
    }
}

fn misread() -> Error {
    Error::Shape(format!("only {} reads terms exactly", std::any::type_name::<Term>()))
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Err(misread())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        match self {
            Self::Atom(name) => {
                let name: serde::de::value::BorrowedStrDeserializer<'de, Error> =
                    serde::de::value::BorrowedStrDeserializer::new(name);
                seed.deserialize(name)
            }
            Self::Tuple(_) => Err(misread()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        match self {
            Self::Tuple(elements) => Elements::new(elements).visit(visitor),
            Self::Atom(_) => Err(misread()),
        }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Err(misread())
    }
}
