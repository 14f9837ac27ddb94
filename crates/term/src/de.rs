//! Terms and records into serde values, straight from the encoded bytes. The conventions are those of
//! [`crate::ser`].

mod access;
pub(crate) mod exact;
mod record;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use crate::de::access::{Elements, Pairs, Variant};
use crate::de::exact::ExactDeserializer;
use crate::error::{Error, Result};
use crate::record::RecordRef;
use crate::ser::{ATOM, TERM};
use crate::view::TermRef;

/// The struct or tuple of a record: fields by position, as [`to_record`](crate::to_record) wrote them. Text and bytes
/// can be borrowed from the record.
///
/// # Errors
/// [`Error::Arity`] when the record has not one attribute for each field, [`Error::Attribute`] with the position
/// when an attribute does not fit its field, [`Error::Shape`] when the type is no struct, tuple or sequence.
///
/// ```
/// use mnemon_term::{from_record, to_record};
///
/// let record = to_record(&(1, "one", vec![0.5]))?;
/// let (id, name, weights): (u8, &str, Vec<f32>) = from_record(record.as_ref())?;
/// assert_eq!((id, name, weights), (1, "one", vec![0.5]));
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn from_record<'de, T: Deserialize<'de>>(record: RecordRef<'de>) -> Result<T> {
    T::deserialize(record::RecordDeserializer(record))
}

/// The value of a term (a `&Term` or a [`TermRef`]), as [`to_term`](crate::to_term) wrote it.
///
/// # Errors
/// [`Error::Shape`] saying what was expected and found, [`Error::Malformed`] for malformed trusted bytes.
pub fn from_term<'de, T: Deserialize<'de>>(term: impl Into<TermRef<'de>>) -> Result<T> {
    T::deserialize(TermDeserializer(term.into()))
}

/// Reads one term.
#[derive(Clone, Copy)]
pub(crate) struct TermDeserializer<'de>(pub(crate) TermRef<'de>);

impl<'de> TermDeserializer<'de> {
    fn unexpected(self, expected: &str) -> Error {
        Error::Shape(format!("expected {expected}, found the {} {}", self.0.kind(), excerpt(self.0)))
    }
}

/// The start of a term's text, for messages.
fn excerpt(term: TermRef<'_>) -> String {
    let mut text = match term {
        // The text of a large container is not worth making for its start.
        TermRef::Tuple(terms) | TermRef::List(terms) => format!("of {} elements", terms.len()),
        TermRef::Map(pairs) => format!("of {} pairs", pairs.len()),
        TermRef::Binary(bytes) => format!("{:?}", TermRef::Binary(bytes.get(..64).unwrap_or(bytes))),
        scalar => format!("{scalar:?}"),
    };
    if text.chars().nth(64).is_some() {
        text = text.chars().take(64).chain(['…']).collect();
    }
    text
}

impl<'de> Deserializer<'de> for TermDeserializer<'de> {
    type Error = Error;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 unit unit_struct map ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Int(value) => visitor.visit_i64(value),
            TermRef::Float(value) => visitor.visit_f64(value),
            TermRef::Atom("nil") => visitor.visit_unit(),
            TermRef::Atom("true") => visitor.visit_bool(true),
            TermRef::Atom("false") => visitor.visit_bool(false),
            TermRef::Atom(name) => visitor.visit_borrowed_str(name),
            TermRef::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => visitor.visit_borrowed_bytes(bytes),
            },
            TermRef::Tuple(elements) | TermRef::List(elements) => Elements::new(elements).visit(visitor),
            TermRef::Map(pairs) => Pairs::new(pairs).visit(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        const EXACT: i64 = 1 << 53;
        match self.0 {
            #[allow(clippy::cast_precision_loss, reason = "exact in this range")]
            TermRef::Int(value) if (-EXACT..=EXACT).contains(&value) => visitor.visit_f64(value as f64),
            TermRef::Float(value) => visitor.visit_f64(value),
            _ => Err(self.unexpected("a float")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // An atom read as text would come back as a binary: another term, and as a key another row.
        match self.0.as_str() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.unexpected("text (a UTF-8 binary)")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Binary(bytes) => visitor.visit_borrowed_bytes(bytes),
            _ => Err(self.unexpected("a binary")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.0.is_nil() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match (name, self.0) {
            (TERM, term) => visitor.visit_newtype_struct(ExactDeserializer(term)),
            (ATOM, TermRef::Atom(name)) => visitor.visit_borrowed_str(name),
            (ATOM, _) => Err(self.unexpected("an atom")),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Tuple(elements) | TermRef::List(elements) => Elements::new(elements).visit(visitor),
            _ => Err(self.unexpected("a list or tuple")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Tuple(elements) | TermRef::List(elements) if elements.len() == len => {
                Elements::new(elements).visit(visitor)
            }
            _ => Err(self.unexpected(&format!("a tuple or list of {len} elements"))),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.0 {
            TermRef::Map(pairs) => Pairs::new(pairs).visit(visitor),
            _ => Err(self.unexpected(&format!("a map for the struct {name}"))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let variant = match self.0 {
            TermRef::Atom(_) => Some(Variant { name: self.0, content: None }),
            TermRef::Binary(_) => Some(Variant { name: self.0, content: None }),
            TermRef::Tuple(elements) => elements.get(0).filter(|name| name.as_atom().is_some()).map(|name| {
                let mut content = elements.iter();
                content.next();
                Variant { name, content: Some((content, elements.len().saturating_sub(1))) }
            }),
            _ => None,
        };
        match variant {
            Some(variant) => visitor.visit_enum(variant),
            None => {
                Err(self.unexpected(&format!("an atom or a tuple that begins with one for the enum {name}")))
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            TermRef::Atom(name) => visitor.visit_borrowed_str(name),
            TermRef::Binary(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_| Error::custom("a name is not UTF-8"))?;
                visitor.visit_borrowed_str(text)
            }
            // A map may hold keys that are no names; a struct ignores them as it does unknown names.
            _ => visitor.visit_bytes(&[0xFF]),
        }
    }
}
