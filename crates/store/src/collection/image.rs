//! A collection as data, for operations that carry a whole one.
//!
//! The form a hash has taken belongs to it: it decides the order in which readers meet the fields, and every copy must
//! give the same.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::collection::{Bag, Collection, Hash};
use crate::encoding;
use crate::op::{Bytes, Fields};

#[derive(Serialize, Deserialize)]
enum Image<'a> {
    Hash {
        large: bool,
        #[serde(borrow, serialize_with = "encoding::pairs")]
        elements: Fields<'a>,
    },
    Bag(#[serde(borrow, serialize_with = "encoding::list")] Vec<Bytes<'a>>),
}

pub(crate) fn serialize<S: Serializer>(collection: &Arc<Collection>, to: S) -> Result<S::Ok, S::Error> {
    let image = match &**collection {
        Collection::Hash(hash) => Image::Hash {
            large: hash.is_large(),
            elements: hash.iter().map(|element| (element.field().into(), element.value().into())).collect(),
        },
        Collection::Bag(bag) => Image::Bag(bag.iter().map(Cow::Borrowed).collect()),
    };
    image.serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Collection>, D::Error> {
    Ok(Arc::new(match Image::deserialize(from)? {
        Image::Hash { large, elements } => {
            let mut hash = Hash::default();
            if large {
                hash.enlarge();
            }
            for (field, value) in &elements {
                hash.insert(field, value);
            }
            Collection::Hash(hash)
        }
        Image::Bag(objects) => {
            let mut bag = Bag::default();
            for object in &objects {
                bag.insert(object);
            }
            Collection::Bag(bag)
        }
    }))
}
