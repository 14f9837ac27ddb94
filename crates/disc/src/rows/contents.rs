//! The table of contents that ends each file of the library `lsm-tree`, which says where its sections are.
//!
//! The library believes the number of sections before it looks at the checksum, and asks for as much memory: a damaged byte would
//! end the process. So whoever lets it open a file comes here first.
//!
//! Layout, little endian: `TOC!`, number of sections (u32), of each its place and length (u64) and its name behind its length
//! (u16); then `SFA!`, 1, 0, the XXH3-128 of the table, its place and its length (u64).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::DiscError;
use crate::fields::Fields;

const TABLE_MAGIC: [u8; 4] = *b"TOC!";
const TRAILER_MAGIC: [u8; 6] = *b"SFA!\x01\x00";
const TRAILER: u64 = 6 + 16 + 8 + 8;
/// A longer table is none of ours.
const TABLE_MAX: u64 = 1 << 20;

/// A part of a file.
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Section {
    /// Where it ends.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }
}

/// The section of this name.
pub(super) fn section<'s>(sections: &'s [Section], name: &[u8]) -> Option<&'s Section> {
    sections.iter().find(|section| section.name == name)
}

/// The sections of a file, which is called `shown`.
///
/// # Errors
/// `Corrupt`, `Missing`, `Io`.
pub(super) fn sections(path: &Path, shown: &str) -> Result<Vec<Section>, DiscError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => {
            DiscError::Missing { file: shown.to_owned(), what: "rows of a table are in it".to_owned() }
        }
        io::ErrorKind::UnexpectedEof => DiscError::corrupt(shown, 0, "the file is cut off"),
        _ => DiscError::io("read", shown)(cause),
    };
    let mut file = File::open(path).map_err(failed)?;
    let file_len = file.metadata().map_err(failed)?.len();
    let mut read = |offset: u64, len: u64| {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let found = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        found.map(|()| bytes).map_err(failed)
    };
    let bad = |offset: u64, what: &str| DiscError::corrupt(shown, offset, what);
    let end = file_len.checked_sub(TRAILER).ok_or_else(|| bad(0, "the file is cut off"))?;
    let trailer = read(end, TRAILER)?;
    let (checksum, offset, len) =
        parse_trailer(&trailer).ok_or_else(|| bad(end, "it does not end as a file of rows does"))?;
    if len > TABLE_MAX || offset.checked_add(len) != Some(end) {
        return Err(bad(end, "its table of contents is not where it should be"));
    }
    let table = read(offset, len)?;
    if xxhash_rust::xxh3::xxh3_128(&table) != checksum {
        return Err(bad(offset, "its table of contents fails its checksum"));
    }
    parse_table(&table).ok_or_else(|| bad(offset, "its table of contents contradicts itself"))
}

fn parse_trailer(trailer: &[u8]) -> Option<(u128, u64, u64)> {
    let mut fields = Fields(trailer);
    let magic: [u8; 6] = fields.array()?;
    let checksum = u128::from_le_bytes(fields.array()?);
    let (offset, len) = (fields.u64()?, fields.u64()?);
    (magic == TRAILER_MAGIC).then_some((checksum, offset, len))
}

fn parse_table(table: &[u8]) -> Option<Vec<Section>> {
    let mut fields = Fields(table);
    let magic: [u8; 4] = fields.array()?;
    let mut sections = Vec::new();
    for _ in 0..fields.u32()? {
        let (offset, len, name_len) = (fields.u64()?, fields.u64()?, fields.u16()?);
        sections.push(Section { name: fields.bytes(usize::from(name_len))?.to_vec(), offset, len });
    }
    (magic == TABLE_MAGIC).then_some(sections)
}
