//! Containers being written: elements of tuples and lists, pairs of maps.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use crate::error::{Error, Result};
use crate::ser::TermSerializer;
use crate::wire::encoder::{Container, Encoder, Open};

/// An open tuple or list.
pub(crate) struct Elements<'e> {
    encoder: &'e mut Encoder,
    open: Open,
    count: usize,
}

impl<'e> Elements<'e> {
    pub(crate) fn open(encoder: &'e mut Encoder, kind: Container) -> Result<Self> {
        let open = encoder.open(kind)?;
        Ok(Self { encoder, open, count: 0 })
    }

    pub(crate) fn atom(&mut self, name: &str) -> Result<()> {
        self.count += 1;
        self.encoder.atom(name)
    }

    pub(crate) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count += 1;
        value.serialize(TermSerializer::new(self.encoder))
    }

    pub(crate) fn close(self) -> Result<()> {
        self.encoder.close(self.open, self.count)
    }
}

/// An open map; for a struct variant, inside the open tuple {name, map}.
pub(crate) struct Pairs<'e> {
    encoder: &'e mut Encoder,
    variant: Option<Open>,
    open: Open,
    /// Where each pair begins.
    starts: Vec<usize>,
}

impl<'e> Pairs<'e> {
    pub(crate) fn open(encoder: &'e mut Encoder) -> Result<Self> {
        let open = encoder.open(Container::Map)?;
        Ok(Self { encoder, variant: None, open, starts: Vec::new() })
    }

    pub(crate) fn open_variant(encoder: &'e mut Encoder, name: &str) -> Result<Self> {
        let tuple = encoder.open(Container::Tuple)?;
        encoder.atom(name)?;
        Ok(Self { variant: Some(tuple), ..Self::open(encoder)? })
    }

    fn begin(&mut self) {
        self.starts.push(self.encoder.position());
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.begin();
        self.encoder.binary(name.as_bytes())?;
        value.serialize(TermSerializer::new(self.encoder))
    }

    fn close(self) -> Result<()> {
        self.encoder.close_map(self.open, &self.starts)?;
        self.variant.map_or(Ok(()), |tuple| self.encoder.close(tuple, 2))
    }
}

/// The same two methods under the names of several traits.
macro_rules! elements {
    ($($name:ident::$method:ident),*) => {$(
        impl $name for Elements<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    )*};
}

elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($name:ident),*) => {$(
        impl $name for Pairs<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Pairs<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.begin();
        key.serialize(TermSerializer::new(self.encoder))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(TermSerializer::new(self.encoder))
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}
