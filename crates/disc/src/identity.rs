//! Who a data directory belongs to: the file `node`, written once.
//!
//! The node's UUID outlives its name and addresses; every other file carries it, so that files of two nodes cannot be mixed.

use std::fmt;

use crate::disc::{Disc, read_whole, replace};
use crate::error::DiscError;
use crate::fields::Fields;

pub(crate) const IDENTITY_NAME: &str = "node";
const MAGIC: [u8; 8] = *b"MNEMNODE";
/// The format of the data directory as a whole: raised when an older version could not use it any more.
pub const DIRECTORY_FORMAT: u16 = 1;
const LEN: usize = 32;

/// A node's UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 16]);

impl NodeId {
    /// Makes a version 4 UUID of 16 random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The node a directory belongs to, if it belongs to one.
pub(crate) fn read(disc: &dyn Disc) -> Result<NodeId, DiscError> {
    let bytes = read_whole(disc, IDENTITY_NAME, LEN as u64)?;
    let corrupt = |what: &str| DiscError::corrupt(IDENTITY_NAME, 0, what);
    let mut fields = Fields(&bytes);
    let (Some(magic), Some(format), Some(_), Some(node), Some(checksum)) =
        (fields.array::<8>(), fields.u16(), fields.u16(), fields.array::<16>(), fields.u32())
    else {
        return Err(corrupt("it is too short"));
    };
    if crc32c::crc32c(&bytes[..LEN - 4]) != checksum {
        return Err(corrupt("the checksum is wrong"));
    }
    if magic != MAGIC {
        return Err(corrupt("it is not a node's identity"));
    }
    if format > DIRECTORY_FORMAT {
        let file = IDENTITY_NAME.to_owned();
        return Err(DiscError::UnknownFormat { file, found: format, known: DIRECTORY_FORMAT });
    }
    Ok(NodeId(node))
}

/// Says whose directory this is.
pub(crate) fn write(disc: &dyn Disc, node: NodeId) -> Result<(), DiscError> {
    let mut bytes = Vec::with_capacity(LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&DIRECTORY_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&node.0);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    replace(disc, IDENTITY_NAME, &bytes)
}
