//! serde's access to the contents of containers. An access that its visitor did not read to the end is an error,
//! so that no element is lost without a word.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::de::TermDeserializer;
use crate::error::{Error, Result};
use crate::view::{MapIter, MapRef, SeqIter, SeqRef, TermRef, unreadable};

/// The elements of a tuple, list or record.
pub(crate) struct Elements<'de> {
    terms: SeqIter<'de>,
    len: usize,
    read: usize,
    /// Whether errors name the position, as an attribute's.
    attributes: bool,
    /// For a struct, how many fields it says it has (its aliases counted): a field past the end is then an error, even
    /// one with a default, because it means that the positions do not fit.
    fields: Option<usize>,
}

impl<'de> Elements<'de> {
    pub(crate) fn new(elements: SeqRef<'de>) -> Self {
        Self::from_iter(elements.iter(), elements.len())
    }

    fn from_iter(terms: SeqIter<'de>, len: usize) -> Self {
        Self { terms, len, read: 0, attributes: false, fields: None }
    }

    pub(crate) fn of_record(elements: SeqRef<'de>, fields: Option<usize>) -> Self {
        Self { attributes: true, fields, ..Self::new(elements) }
    }

    pub(crate) fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_seq(&mut self)?;
        if self.read == self.len {
            Ok(value)
        } else {
            Err(Error::Arity { expected: self.read, found: self.len })
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.read == self.len {
            return match self.fields {
                Some(expected) => Err(Error::Arity { expected, found: self.len }),
                None => Ok(None),
            };
        }
        let index = self.read;
        let term = self.terms.next().ok_or_else(unreadable)?;
        self.read += 1;
        let value = seed.deserialize(TermDeserializer(term));
        value.map(Some).map_err(|error| match self.attributes {
            true => Error::Attribute { index, source: Box::new(error) },
            false => error,
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len.saturating_sub(self.read))
    }
}

/// The pairs of a map.
pub(crate) struct Pairs<'de> {
    pairs: MapIter<'de>,
    value: Option<TermRef<'de>>,
    left: usize,
}

impl<'de> Pairs<'de> {
    pub(crate) fn new(pairs: MapRef<'de>) -> Self {
        Self { pairs: pairs.iter(), value: None, left: pairs.len() }
    }

    pub(crate) fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_map(&mut self)?;
        if self.left == 0 {
            Ok(value)
        } else {
            Err(Error::Shape(format!("{} pairs of a map are left over", self.left)))
        }
    }
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        let (key, value) = self.pairs.next().ok_or_else(unreadable)?;
        self.left -= 1;
        self.value = Some(value);
        seed.deserialize(TermDeserializer(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let value =
            self.value.take().ok_or_else(|| Error::Shape("a map's value was read before its key".into()))?;
        seed.deserialize(TermDeserializer(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// A variant of an enum: an atom, or a tuple of an atom and the content with its length.
pub(crate) struct Variant<'de> {
    pub(crate) name: TermRef<'de>,
    pub(crate) content: Option<(SeqIter<'de>, usize)>,
}

impl<'de> Variant<'de> {
    /// The content, which must be of this length.
    fn content(self, expected: usize) -> Result<SeqIter<'de>> {
        let found = self.content.as_ref().map_or(0, |(_, len)| *len);
        match self.content {
            Some((terms, _)) if found == expected => Ok(terms),
            _ => Err(Error::Shape(format!(
                "the variant {:?} has {expected} values, found {found}; write a tuple of its name and its values",
                self.name
            ))),
        }
    }

    /// The only value of the content.
    fn only(self) -> Result<TermDeserializer<'de>> {
        self.content(1)?.next().map(TermDeserializer).ok_or_else(unreadable)
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = self.name.as_atom().or_else(|| self.name.as_str()).unwrap_or_default();
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            None => Ok(()),
            Some((_, found)) => Err(Error::Shape(format!(
                "the variant {:?} has no values, found {found}; write it as an atom",
                self.name
            ))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.only()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        Elements::from_iter(self.content(len)?, len).visit(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        match self.only()?.0 {
            TermRef::Map(pairs) => Pairs::new(pairs).visit(visitor),
            other => Err(TermDeserializer(other).unexpected("a map of the variant's fields")),
        }
    }
}
