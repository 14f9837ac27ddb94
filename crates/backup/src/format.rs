//! The layout of backup files. `docs/formats.md` shows it byte by byte.
//!
//! A header, then blocks without gaps; the last block says what all the others held. It is written and read from the front
//! to the back, so a backup may go through a pipe. Every byte is covered by a checksum, and the header's checksum salts all
//! others, so that a block of another file is none of this one.

use mnemon_disc::fields::Fields;
use mnemon_table::schema::Schema;
use serde::{Deserialize, Serialize};

/// The newest format of backup files.
pub const BACKUP_FORMAT: u16 = 1;

pub(crate) const MAGIC: [u8; 8] = *b"MNEMNBAK";
pub(crate) const HEADER: usize = 64;
pub(crate) const BLOCK_HEADER: usize = 24;
/// The longest meta.
pub(crate) const META_MAX: u32 = 64 << 20;
/// The longest entry.
pub(crate) const ENTRY_MAX: usize = 1 << 30;
/// LZ4 cannot shrink more than this.
pub(crate) const MAX_RATIO: usize = 256;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// A table begins.
    Table,
    /// Rows of that table.
    Rows,
    /// The table ends.
    TableEnd,
    /// The backup ends.
    End,
}

impl BlockKind {
    fn number(self) -> u8 {
        match self {
            Self::Table => 1,
            Self::Rows => 2,
            Self::TableEnd => 3,
            Self::End => 4,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::Table, Self::Rows, Self::TableEnd, Self::End].into_iter().find(|kind| kind.number() == number)
    }
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHeader {
    /// The commit clock of the one moment that the backup holds.
    pub clock: u64,
    /// When that was, in milliseconds since the epoch.
    pub created_ms: u64,
    /// Random bytes, so that two backups are told apart.
    pub id: [u8; 16],
    /// Whose tables they are, and which.
    pub meta: BackupMeta,
}

/// The part of a header that may grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupMeta {
    /// The node's name.
    pub node: String,
    /// The version of the program.
    pub version: String,
    /// The tables in the order of the file.
    pub tables: Vec<String>,
}

/// A table as a backup has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedTable {
    /// Its schema at that moment.
    pub schema: Schema,
    /// Whether it is one of `db0`…`db15`, whose keys are raw bytes.
    pub database: bool,
}

impl BackedTable {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.schema.name()
    }
}

/// Counts at the end of a table or of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) tables: u64,
    pub(crate) rows: u64,
    /// Bytes of all entries, each with its length before it.
    pub(crate) bytes: u64,
}

impl Totals {
    pub(crate) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (place, number) in [self.tables, self.rows, self.bytes].into_iter().enumerate() {
            bytes[place * 8..place * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let totals = Self { tables: fields.u64()?, rows: fields.u64()?, bytes: fields.u64()? };
        fields.0.is_empty().then_some(totals)
    }
}

/// The bytes of a header, and the salt of all other checksums.
pub(crate) fn encode_header(header: &BackupHeader) -> (Vec<u8>, u32) {
    let meta = serde_json::to_vec(&header.meta).expect("texts in a struct are always JSON");
    let mut bytes = Vec::with_capacity(HEADER + meta.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&BACKUP_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&u32::try_from(meta.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&header.clock.to_le_bytes());
    bytes.extend_from_slice(&header.created_ms.to_le_bytes());
    bytes.extend_from_slice(&header.id);
    bytes.extend_from_slice(&[0; 12]);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &meta);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&meta);
    (bytes, checksum)
}

/// The fixed part of a header.
pub(crate) struct Fixed {
    pub(crate) format: u16,
    pub(crate) meta_len: u32,
    pub(crate) clock: u64,
    pub(crate) created_ms: u64,
    pub(crate) id: [u8; 16],
    pub(crate) checksum: u32,
}

impl Fixed {
    /// `None` when the bytes do not begin as a backup does.
    pub(crate) fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.array::<8>()? != MAGIC {
            return None;
        }
        let (format, _) = (fields.u16()?, fields.u16()?);
        let (meta_len, clock, created_ms, id) =
            (fields.u32()?, fields.u64()?, fields.u64()?, fields.array::<16>()?);
        fields.array::<12>()?;
        Some(Self { format, meta_len, clock, created_ms, id, checksum: fields.u32()? })
    }
}

/// How a block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) stored: u32,
    /// The length of the payload; when it is more than `stored`, it is compressed.
    pub(crate) raw: u32,
    pub(crate) entries: u32,
    pub(crate) number: u32,
    pub(crate) kind: BlockKind,
}

impl BlockHeader {
    pub(crate) fn encode(&self, payload: &[u8], salt: u32) -> [u8; BLOCK_HEADER] {
        let mut bytes = [0; BLOCK_HEADER];
        for (place, field) in [self.stored, self.raw, self.entries, self.number].into_iter().enumerate() {
            bytes[4 + place * 4..8 + place * 4].copy_from_slice(&field.to_le_bytes());
        }
        bytes[20] = self.kind.number();
        let checksum = crc32c::crc32c_append(crc32c::crc32c_append(salt, &bytes[4..]), payload);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// How many bytes of payload the header announces; nothing else may be used before [`BlockHeader::decode`].
    pub(crate) fn announced(bytes: &[u8; BLOCK_HEADER]) -> u32 {
        let mut fields = Fields(bytes);
        fields.u32();
        fields.u32().unwrap_or(u32::MAX)
    }

    /// The header, if it and its payload are good.
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER], payload: &[u8], salt: u32) -> Option<Self> {
        let mut fields = Fields(bytes);
        let checksum = fields.u32()?;
        if crc32c::crc32c_append(crc32c::crc32c_append(salt, fields.0), payload) != checksum {
            return None;
        }
        let (stored, raw, entries, number) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let [kind, ..] = fields.array::<4>()?;
        Some(Self { stored, raw, entries, number, kind: BlockKind::of(kind)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_header_is_good_only_with_its_payload_and_its_file() {
        let header = BlockHeader { stored: 3, raw: 3, entries: 1, number: 7, kind: BlockKind::Rows };
        let bytes = header.encode(b"abc", 5);
        assert_eq!(BlockHeader::decode(&bytes, b"abc", 5), Some(header));
        assert_eq!(BlockHeader::decode(&bytes, b"abd", 5), None);
        assert_eq!(BlockHeader::decode(&bytes, b"abc", 6), None);
    }
}
