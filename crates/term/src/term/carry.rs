//! Terms, atoms, floats and records as serde values.
//!
//! Through this crate's own functions a [`Term`] passes exactly. Through another format it passes as that format's
//! nearest value (an atom as a string, a tuple as a sequence), and needs a format that describes itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::ser::{Serialize, SerializeTuple, Serializer};

use crate::atom::Atom;
use crate::de::exact::{ATOM_VARIANT, TUPLE_VARIANT};
use crate::float::Float;
use crate::record::Record;
use crate::ser::{ATOM, TERM};
use crate::term::Term;

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => value.serialize(serializer),
            Self::Atom(name) => match name.as_str() {
                "nil" => serializer.serialize_unit(),
                "true" => serializer.serialize_bool(true),
                "false" => serializer.serialize_bool(false),
                _ => name.serialize(serializer),
            },
            Self::Tuple(elements) => {
                let mut tuple = serializer.serialize_tuple(elements.len())?;
                for element in elements {
                    tuple.serialize_element(element)?;
                }
                tuple.end()
            }
            Self::Map(pairs) => serializer.collect_map(pairs),
            Self::List(elements) => serializer.collect_seq(elements),
            Self::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_bytes(bytes),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TERM, TermVisitor)
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::nil())
    }

    fn visit_none<E>(self) -> Result<Term, E> {
        Ok(Term::nil())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Term, E> {
        Ok(Term::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Term, E> {
        Term::try_from(value).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Term, E> {
        Term::float(value).map_err(E::custom)
    }

    fn visit_str<E>(self, value: &str) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Term, E> {
        Ok(Term::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Term, A::Error> {
        ElementsVisitor.visit_seq(elements).map(Term::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Term, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((key, value)) = members.next_entry()? {
            pairs.insert(key, value);
        }
        Ok(Term::Map(pairs))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Term, A::Error> {
        let (tag, content) = tagged.variant::<u32>()?;
        match tag {
            ATOM_VARIANT => {
                let name: String = content.newtype_variant()?;
                Term::try_atom(name).map_err(A::Error::custom)
            }
            TUPLE_VARIANT => content.tuple_variant(0, ElementsVisitor).map(Term::Tuple),
            _ => Err(A::Error::custom("a term has no such variant")),
        }
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Vec<Term>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of terms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Term>, A::Error> {
        // The hint of a foreign format is not to be trusted with the size of a buffer.
        let mut terms = Vec::with_capacity(elements.size_hint().unwrap_or(0).min(1024));
        while let Some(term) = elements.next_element()? {
            terms.push(term);
        }
        Ok(terms)
    }
}

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ATOM, AtomVisitor)
    }
}

struct AtomVisitor;

impl<'de> Visitor<'de> for AtomVisitor {
    type Value = Atom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an atom")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Atom, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Atom, E> {
        Atom::new(name).map_err(E::custom)
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Record {
    /// As bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Record {
    /// From bytes, checked as by [`RecordRef::parse`](crate::RecordRef::parse).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a record")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Record, E> {
        Record::from_bytes(bytes).map_err(E::custom)
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Record, E> {
        Record::from_bytes(bytes).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Record, E> {
        self.visit_bytes(text.as_bytes())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Record, A::Error> {
        let mut record = Vec::new();
        while let Some(byte) = bytes.next_element::<u8>()? {
            record.push(byte);
        }
        self.visit_byte_buf(record)
    }
}
