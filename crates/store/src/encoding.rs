//! Postcard's form with byte strings taken as whole pieces. Serde's own way, and postcard's into a `Vec`, go byte by byte, which
//! cost more than the rest of an entry of the log; the bytes that come out are the same.

use postcard::ser_flavors::Flavor;
use serde::{Serialize, Serializer};
use serde_bytes::Bytes as Piece;

use crate::error::StoreError;
use crate::op::Bytes;

/// Appends a value's bytes to a buffer.
///
/// # Errors
/// `Encoding`: none in practice; the encoder's are passed on.
pub(crate) fn append(value: &impl Serialize, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let written = postcard::serialize_with_flavor(value, Pieces(bytes));
    written.map_err(|cause| StoreError::Encoding(cause.to_string()))
}

struct Pieces(Vec<u8>);

impl Flavor for Pieces {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

pub(crate) fn list<S: Serializer>(list: &[Bytes<'_>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(list.iter().map(|bytes| Piece::new(bytes)))
}

pub(crate) fn pairs<S: Serializer>(pairs: &[(Bytes<'_>, Bytes<'_>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|(one, other)| (Piece::new(one), Piece::new(other))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_serdes_own_way() {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(with = "serde_bytes")]
            one: Bytes<'a>,
            #[serde(with = "serde_bytes")]
            perhaps: Option<Bytes<'a>>,
            #[serde(serialize_with = "list")]
            list: Vec<Bytes<'a>>,
            #[serde(serialize_with = "pairs")]
            pairs: Vec<(Bytes<'a>, Bytes<'a>)>,
        }
        let bytes = |bytes: &'static [u8]| Bytes::Borrowed(bytes);
        let long = [7; 300];
        let list = vec![bytes(b""), bytes(&[0, 255, 128]), Bytes::Borrowed(&long[..])];
        let pairs = vec![(bytes(b"field"), bytes(b"value")), (bytes(b""), bytes(b""))];
        let plain = (bytes(b"one"), Some(bytes(b"more")), list.clone(), pairs.clone());
        let whole = Whole { one: bytes(b"one"), perhaps: Some(bytes(b"more")), list, pairs };
        assert_eq!(append(&whole, Vec::new()).unwrap(), postcard::to_allocvec(&plain).unwrap());
    }
}
