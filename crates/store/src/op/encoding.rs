//! Byte strings of an operation as whole pieces. Serde's own way goes byte by byte, which cost more than the rest of an entry
//! of the log; the bytes that come out are the same.

use serde::Serializer;
use serde_bytes::Bytes as Piece;

use super::Bytes;

pub(crate) fn list<S: Serializer>(list: &[Bytes<'_>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(list.iter().map(|bytes| Piece::new(bytes)))
}

pub(crate) fn pairs<S: Serializer>(pairs: &[(Bytes<'_>, Bytes<'_>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|(one, other)| (Piece::new(one), Piece::new(other))))
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

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
        assert_eq!(postcard::to_allocvec(&whole).unwrap(), postcard::to_allocvec(&plain).unwrap());
    }
}
