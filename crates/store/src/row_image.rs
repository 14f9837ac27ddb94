//! A row as an entry of a checkpoint or a backup: version, expiry, key, value, in postcard's form. The order of fields is the
//! format; `docs/formats.md` gives its history.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::collection::Collection;
use crate::encoding;
use crate::error::StoreError;
use crate::row::{Row, Value};

#[derive(Serialize, Deserialize)]
struct RowImage<'a> {
    version: u64,
    expires_at: Option<u64>,
    #[serde(borrow, with = "serde_bytes")]
    key: &'a [u8],
    #[serde(borrow)]
    value: ValueImage<'a>,
}

#[derive(Serialize, Deserialize)]
enum ValueImage<'a> {
    Bytes(#[serde(borrow, with = "serde_bytes")] &'a [u8]),
    Collection(#[serde(with = "crate::collection::image")] Arc<Collection>),
}

/// Appends a row's bytes to a buffer.
///
/// # Errors
/// `Encoding`.
pub fn encode(row: &Row, out: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let value = match (row.value(), row.as_collection()) {
        (Value::Bytes(body), _) => ValueImage::Bytes(body),
        (Value::Collection(_), Some(shared)) => ValueImage::Collection(shared.clone()),
        (Value::Collection(collection), None) => ValueImage::Collection(Arc::new(collection.clone())),
    };
    let image = RowImage { version: row.version(), expires_at: row.expires_at(), key: row.key(), value };
    encoding::append(&image, out)
}

/// The row of an entry, whose bytes may be anything. That the value is a record is for others to check.
///
/// # Errors
/// `Encoding`.
pub fn decode(bytes: &[u8]) -> Result<Row, StoreError> {
    let image: RowImage<'_> = postcard::from_bytes(bytes)
        .map_err(|cause| StoreError::Encoding(format!("a row of a checkpoint: {cause}")))?;
    Ok(match image.value {
        ValueImage::Bytes(body) => Row::bytes(image.version, image.expires_at, image.key, body),
        ValueImage::Collection(value) => Row::collection(image.version, image.expires_at, image.key, value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::{Bag, Hash};

    #[test]
    fn rows_come_back_from_their_bytes() {
        let mut hash = Hash::default();
        hash.insert(b"field", b"value");
        let mut bag = Bag::default();
        bag.insert(b"one");
        bag.insert(b"two");
        let collection = |value| Row::collection(7, Some(9), b"key", Arc::new(value));
        let rows = [
            Row::bytes(u64::MAX, None, b"", b""),
            Row::bytes(1, Some(5), b"key", &[0, 255]),
            collection(Collection::Hash(hash)),
            collection(Collection::Bag(bag)),
        ];
        for row in rows {
            let again = decode(&encode(&row, Vec::new()).unwrap()).unwrap();
            assert_eq!(format!("{again:?}"), format!("{row:?}"));
        }
        assert!(decode(&[1, 2]).is_err());
    }
}
