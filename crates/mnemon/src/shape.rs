//! What a Rust type looks like as a record, found out without a value of it.
//!
//! A type is asked to read itself from a deserializer that has nothing: what it asks for first is its shape. Nothing
//! here reads or writes records.

use std::fmt;

use mnemon_term::MAX_ARITY;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// How many wrappers (newtypes, options) around a record are looked through.
const WRAPPERS_MAX: usize = 16;

/// How a type asks to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As a struct with these names: its fields in their order, aliases among them.
    Struct(&'static [&'static str]),
    /// As a tuple or tuple struct of so many elements.
    Tuple(usize),
    /// As a sequence of any length, or as whatever comes.
    Open,
    /// As what no record can be; the text says what.
    Other(&'static str),
}

/// The shape of a type. Takes no value and reads none.
pub(crate) fn shape_of<'de, T: Deserialize<'de>>() -> Shape {
    match T::deserialize(Probe { left: WRAPPERS_MAX }) {
        Err(Asked(shape)) => shape,
        // It asked for nothing.
        Ok(_) => Shape::Open,
    }
}

impl Shape {
    /// Whether records of so many attributes, named so, can be read as this.
    ///
    /// # Errors
    /// A text that says why not.
    pub(crate) fn fits(&self, names: &[&str]) -> Result<(), String> {
        let found = names.len();
        match self {
            Self::Open => Ok(()),
            Self::Other(what) => {
                Err(format!("a record is a struct (without `flatten`) or a tuple, and the type is {what}"))
            }
            Self::Tuple(expected) if *expected == found => Ok(()),
            Self::Tuple(expected) => Err(format!(
                "the type is a tuple of {expected} elements and the table has the {found} attributes {}",
                names.join(", ")
            )),
            Self::Struct(fields) if fields.len() == found => Ok(()),
            // Names beyond the attributes may be aliases.
            Self::Struct(fields) if names.iter().all(|name| fields.contains(name)) => Ok(()),
            Self::Struct(fields) => Err(format!(
                "the type has the {} fields {} and the table the {found} attributes {}",
                fields.len(),
                fields.join(", "),
                names.join(", ")
            )),
        }
    }
}

/// Has nothing to read; notes what it is asked for.
struct Probe {
    left: usize,
}

/// The error that carries the shape out.
#[derive(Debug)]
struct Asked(Shape);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(Shape::Open)
    }
}

impl Probe {
    fn deeper(self) -> Result<Self, Asked> {
        let left = self.left.checked_sub(1).ok_or(Asked(Shape::Open))?;
        Ok(Self { left })
    }
}

/// Answers these requests with a shape that needs no argument.
macro_rules! other {
    ($($method:ident => $what:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
            Err(Asked(Shape::Other($what)))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    forward_to_deserialize_any! { seq identifier ignored_any }

    other! {
        deserialize_bool => "a bool"
        deserialize_i8 => "an integer"
        deserialize_i16 => "an integer"
        deserialize_i32 => "an integer"
        deserialize_i64 => "an integer"
        deserialize_i128 => "an integer"
        deserialize_u8 => "an integer"
        deserialize_u16 => "an integer"
        deserialize_u32 => "an integer"
        deserialize_u64 => "an integer"
        deserialize_u128 => "an integer"
        deserialize_f32 => "a float"
        deserialize_f64 => "a float"
        deserialize_char => "a char"
        deserialize_str => "text"
        deserialize_string => "text"
        deserialize_bytes => "bytes"
        deserialize_byte_buf => "bytes"
        deserialize_unit => "a unit"
        deserialize_map => "a map, or a struct with `flatten`"
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Open))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Other("a unit struct")))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Other("an enum")))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_some(self.deeper()?)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(match fields.len() {
            0 => Shape::Other("a struct without fields"),
            _ => Shape::Struct(fields),
        }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value, Asked> {
        Err(Asked(match len {
            1..=MAX_ARITY => Shape::Tuple(len),
            _ => Shape::Other("a tuple without elements, or of more than a record can have"),
        }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        self.deserialize_tuple(len, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[test]
    #[allow(dead_code, reason = "the fields are never read, only asked for")]
    fn types_tell_their_shape_without_a_value() {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct User {
            id: u32,
            #[serde(skip)]
            cached: bool,
            full_name: String,
        }
        #[derive(Deserialize)]
        struct Wrapper(User);
        #[derive(Deserialize)]
        struct Pair(u8, u8);
        #[derive(Deserialize)]
        enum State {
            On,
        }
        #[derive(Deserialize)]
        struct Flat {
            #[serde(flatten)]
            rest: BTreeMap<String, u8>,
        }
        #[derive(Deserialize)]
        #[serde(from = "(u32, String)")]
        struct FromPair;
        impl From<(u32, String)> for FromPair {
            fn from(_: (u32, String)) -> Self {
                Self
            }
        }
        let fields = Shape::Struct(&["id", "fullName"]);
        assert_eq!(shape_of::<User>(), fields);
        assert_eq!(shape_of::<Wrapper>(), fields);
        assert_eq!(shape_of::<Box<User>>(), fields);
        assert_eq!(shape_of::<Pair>(), Shape::Tuple(2));
        assert_eq!(shape_of::<FromPair>(), Shape::Tuple(2));
        assert_eq!(shape_of::<(u8, String, f64)>(), Shape::Tuple(3));
        assert_eq!(shape_of::<Vec<u8>>(), Shape::Open);
        assert_eq!(shape_of::<Vec<mnemon_term::Term>>(), Shape::Open);
        assert_eq!(shape_of::<State>(), Shape::Other("an enum"));
        assert!(matches!(shape_of::<Flat>(), Shape::Other(_)));
        assert!(matches!(shape_of::<String>(), Shape::Other("text")));
        assert_eq!(shape_of::<()>(), Shape::Other("a unit"));
        assert_eq!(shape_of::<[u8; 3]>(), Shape::Tuple(3));
    }

    #[test]
    fn a_type_fits_as_many_attributes_as_it_has_fields() {
        let user = Shape::Struct(&["id", "name"]);
        assert_eq!(user.fits(&["id", "name"]), Ok(()));
        assert_eq!(user.fits(&["key", "val"]), Ok(()));
        assert!(user.fits(&["id", "name", "age"]).is_err_and(|why| why.contains("id, name, age")));
        assert!(user.fits(&["key"]).is_err());
        // `name` with the alias `nick`.
        assert_eq!(Shape::Struct(&["id", "name", "nick"]).fits(&["id", "name"]), Ok(()));
        assert!(Shape::Tuple(2).fits(&["key"]).is_err());
        assert!(Shape::Other("text").fits(&["key"]).is_err());
        assert_eq!(Shape::Open.fits(&["key"]), Ok(()));
    }

    #[test]
    fn a_type_that_wraps_itself_is_given_up() {
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "it cannot be made")]
        struct Endless(Box<Endless>);
        assert_eq!(shape_of::<Endless>(), Shape::Open);
    }
}
