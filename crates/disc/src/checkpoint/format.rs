//! The layout of checkpoint files. `docs/formats.md` shows it byte by byte.

use super::{CheckpointHeader, MAX_META_BYTES};
use crate::error::DiscError;
use crate::fields::Fields;
use crate::identity::NodeId;
use crate::log::parse_number;

/// The newest format of checkpoint files.
pub const CHECKPOINT_FORMAT: u16 = 1;

pub(super) const MAGIC: [u8; 8] = *b"MNEMNCKP";
pub(super) const END_MAGIC: [u8; 8] = *b"MNEMCEND";
pub(super) const HEADER: usize = 64;
pub(super) const BLOCK_HEADER: usize = 20;
pub(super) const INDEX_ENTRY: usize = 12;
pub(super) const TRAILER: usize = 48;

const PREFIX: &str = "table-";
const SUFFIX: &str = ".ckp";

/// The name of a table's checkpoint at a clock.
#[must_use]
pub fn checkpoint_name(table: u64, clock: u64) -> String {
    format!("{PREFIX}{table:016x}-{clock:016x}{SUFFIX}")
}

/// Table and clock that a checkpoint's name tells; `None` for other names.
#[must_use]
pub fn parse_checkpoint_name(name: &str) -> Option<(u64, u64)> {
    let (table, clock) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((parse_number(table)?, parse_number(clock)?))
}

/// The bytes of a header with its meta, and the salt of all other checksums of the file.
pub(super) fn encode_header(header: &CheckpointHeader) -> Result<(Vec<u8>, u32), DiscError> {
    let (bytes, limit) = (header.meta.len() as u64, MAX_META_BYTES as u64);
    if bytes > limit {
        return Err(DiscError::TooLarge { bytes, limit });
    }
    let mut bytes = Vec::with_capacity(HEADER + header.meta.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&CHECKPOINT_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&(header.meta.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&header.table.to_le_bytes());
    bytes.extend_from_slice(&header.clock.to_le_bytes());
    bytes.extend_from_slice(&header.node.0);
    bytes.extend_from_slice(&[0; 12]);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &header.meta);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&header.meta);
    Ok((bytes, checksum))
}

/// How many bytes of meta the fixed part of a header announces, if it is a header.
pub(super) fn meta_len(fixed: &[u8; HEADER], name: &str) -> Result<usize, DiscError> {
    let mut fields = Fields(fixed);
    let (magic, format, _, len) =
        (fields.array::<8>(), fields.u16().unwrap_or(0), fields.u16(), fields.u32().unwrap_or(u32::MAX));
    if magic != Some(MAGIC) {
        return Err(DiscError::corrupt(name, 0, "it does not begin as a checkpoint does"));
    }
    if format > CHECKPOINT_FORMAT {
        return Err(DiscError::UnknownFormat {
            file: name.to_owned(),
            found: format,
            known: CHECKPOINT_FORMAT,
        });
    }
    match usize::try_from(len) {
        Ok(len) if len <= MAX_META_BYTES => Ok(len),
        _ => Err(DiscError::corrupt(name, 12, "its header announces more than can be")),
    }
}

/// The header of a file, and the salt of its other checksums.
pub(super) fn decode_header(
    fixed: &[u8; HEADER],
    meta: Vec<u8>,
    name: &str,
) -> Result<(CheckpointHeader, u32), DiscError> {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&fixed[..HEADER - 4]), &meta);
    if fixed[HEADER - 4..] != checksum.to_le_bytes() {
        return Err(DiscError::corrupt(name, 0, "its header fails its checksum"));
    }
    let mut fields = Fields(&fixed[16..]);
    let (Some(table), Some(clock), Some(node)) = (fields.u64(), fields.u64(), fields.array::<16>()) else {
        return Err(DiscError::corrupt(name, 0, "its header is cut off"));
    };
    Ok((CheckpointHeader { table, clock, node: NodeId(node), meta }, checksum))
}

/// How a block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) stored: u32,
    /// The length of the entries; when it is more than `stored`, they are compressed.
    pub(super) raw: u32,
    pub(super) entries: u32,
    pub(super) number: u32,
}

impl BlockHeader {
    pub(super) fn encode(&self, payload: &[u8], salt: u32) -> [u8; BLOCK_HEADER] {
        let mut bytes = [0; BLOCK_HEADER];
        for (place, field) in [self.stored, self.raw, self.entries, self.number].into_iter().enumerate() {
            bytes[4 + place * 4..8 + place * 4].copy_from_slice(&field.to_le_bytes());
        }
        let checksum = crc32c::crc32c_append(crc32c::crc32c_append(salt, &bytes[4..]), payload);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header and payload that make up `bytes` exactly, if they are good.
    pub(super) fn decode(bytes: &[u8], salt: u32) -> Option<(Self, &[u8])> {
        let mut fields = Fields(bytes);
        let checksum = fields.u32()?;
        let header =
            Self { stored: fields.u32()?, raw: fields.u32()?, entries: fields.u32()?, number: fields.u32()? };
        let payload = fields.0;
        let good = crc32c::crc32c_append(salt, &bytes[4..]) == checksum;
        (good && usize::try_from(header.stored).ok()? == payload.len()).then_some((header, payload))
    }
}

/// What a file ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) index_offset: u64,
    pub(super) blocks: u32,
    pub(super) entries: u64,
    pub(super) raw_bytes: u64,
}

impl Trailer {
    pub(super) fn encode(&self, index: &[u8], salt: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRAILER);
        bytes.extend_from_slice(&END_MAGIC);
        bytes.extend_from_slice(&self.index_offset.to_le_bytes());
        bytes.extend_from_slice(&self.entries.to_le_bytes());
        bytes.extend_from_slice(&self.raw_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        let checksum = crc32c::crc32c_append(crc32c::crc32c_append(salt, index), &bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The trailer, before its checksum was checked: that covers the index, which it tells how to find.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.array::<8>()? != END_MAGIC {
            return None;
        }
        Some(Self {
            index_offset: fields.u64()?,
            entries: fields.u64()?,
            raw_bytes: fields.u64()?,
            blocks: fields.u32()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_table_and_clock() {
        assert_eq!(parse_checkpoint_name(&checkpoint_name(3, u64::MAX)), Some((3, u64::MAX)));
        assert_eq!(parse_checkpoint_name("table-3-4.ckp"), None);
    }
}
