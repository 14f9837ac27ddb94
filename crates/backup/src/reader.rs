//! Reading a backup from the front to the back. Nothing is used before its checksum was checked, and no memory is taken for
//! what the file only claims to have.

use std::io::{self, Read};

use mnemon_disc::fields::take_length;
use mnemon_store::{Row, row_image};
use serde::{Deserialize, Serialize};

use crate::error::BackupError;
use crate::format::{
    BACKUP_FORMAT, BLOCK_HEADER, BackedTable, BackupHeader, BlockHeader, BlockKind, Fixed, HEADER, MAX_RATIO,
    META_MAX, Totals,
};

/// A step through a backup.
#[derive(Debug)]
pub enum Part {
    /// A table begins; its rows follow.
    Table(Box<BackedTable>),
    /// Rows of that table.
    Rows(RowBlock),
    /// The table is complete.
    TableEnd {
        /// Its rows.
        rows: u64,
    },
}

/// What a backup was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Each table with its rows.
    pub tables: Vec<(String, u64)>,
    /// Rows of all.
    pub rows: u64,
    /// Bytes of all rows before compression.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A backup that is read part by part. Every part is checked before it is handed out; that all parts were there is known
/// when [`BackupReader::next_part`] has answered `None`.
#[derive(Debug)]
pub struct BackupReader<R> {
    name: String,
    input: R,
    header: BackupHeader,
    salt: u32,
    offset: u64,
    number: u32,
    table: Option<(String, Totals)>,
    totals: Totals,
    done: bool,
    stored: Vec<u8>,
}

impl<R: Read> BackupReader<R> {
    /// Reads and checks the header; `name` is what errors call the file.
    ///
    /// # Errors
    /// `Corrupt`, `UnknownFormat`, `Io`.
    pub fn open(name: &str, mut input: R) -> Result<Self, BackupError> {
        let bad = |what: &str| corrupt(name, None, 0, what);
        let mut fixed = [0; HEADER];
        read_exact(&mut input, name, 0, None, &mut fixed)?;
        let known = Fixed::decode(&fixed).ok_or_else(|| bad("it does not begin as a backup does"))?;
        if known.format > BACKUP_FORMAT {
            return Err(BackupError::UnknownFormat {
                file: name.to_owned(),
                found: known.format,
                known: BACKUP_FORMAT,
            });
        }
        if known.meta_len > META_MAX {
            return Err(bad("its header announces more than can be"));
        }
        let mut meta = Vec::new();
        read_up_to(&mut input, name, u64::from(known.meta_len), &mut meta)?;
        if meta.len() as u64 != u64::from(known.meta_len) {
            return Err(bad("the file is cut off in its header"));
        }
        let salt = crc32c::crc32c_append(crc32c::crc32c(&fixed[..HEADER - 4]), &meta);
        if salt != known.checksum {
            return Err(bad("its header fails its checksum"));
        }
        let parsed = serde_json::from_slice(&meta).map_err(|_| bad("its header is not understood"))?;
        let header =
            BackupHeader { clock: known.clock, created_ms: known.created_ms, id: known.id, meta: parsed };
        Ok(Self {
            name: name.to_owned(),
            input,
            header,
            salt,
            offset: (HEADER + meta.len()) as u64,
            number: 0,
            table: None,
            totals: Totals::default(),
            done: false,
            stored: Vec::new(),
        })
    }

    /// What the backup says of itself.
    #[must_use]
    pub fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// How many bytes were read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The error of a table that does not come to its end.
    pub(crate) fn broken_off(&self) -> BackupError {
        self.corrupt(self.offset, "the table does not come to its end")
    }

    /// The next part; `None` when the backup was read to its end and is complete.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; nothing can be read after that.
    pub fn next_part(&mut self) -> Result<Option<Part>, BackupError> {
        if self.done {
            return Ok(None);
        }
        let begin = self.offset;
        let (header, raw) = self.next_block()?;
        let bad = |reader: &Self, what: &str| Err(reader.corrupt(begin, what));
        match (header.kind, self.table.take()) {
            (BlockKind::Table, None) => {
                let Ok(table) = serde_json::from_slice::<BackedTable>(&raw) else {
                    return bad(self, "the description of a table is not understood");
                };
                let place = usize::try_from(self.totals.tables).unwrap_or(usize::MAX);
                if self.header.meta.tables.get(place).map(String::as_str) != Some(table.name()) {
                    return bad(self, "it is not the table that the header names here");
                }
                self.table = Some((table.name().to_owned(), Totals { tables: 1, ..Totals::default() }));
                Ok(Some(Part::Table(Box::new(table))))
            }
            (BlockKind::Rows, Some((name, mut totals))) => {
                totals.rows += u64::from(header.entries);
                totals.bytes += raw.len() as u64;
                self.table = Some((name, totals));
                let block =
                    RowBlock { file: self.name.clone(), offset: begin, table: self.table_name(), raw };
                if block.count() != Some(header.entries) {
                    return bad(self, "it does not hold the rows it should");
                }
                Ok(Some(Part::Rows(block)))
            }
            (BlockKind::TableEnd, Some((name, totals))) => {
                if Totals::decode(&raw) != Some(totals) {
                    self.table = Some((name, totals));
                    return bad(self, "rows of the table are missing");
                }
                self.totals.tables += 1;
                self.totals.rows += totals.rows;
                self.totals.bytes += totals.bytes;
                Ok(Some(Part::TableEnd { rows: totals.rows }))
            }
            (BlockKind::End, None) => self.end(begin, &raw).map(|()| None),
            _ => bad(self, "a block stands where it cannot"),
        }
    }

    fn end(&mut self, begin: u64, raw: &[u8]) -> Result<(), BackupError> {
        let complete = self.totals.tables == self.header.meta.tables.len() as u64;
        if Totals::decode(raw) != Some(self.totals) || !complete {
            return Err(self.corrupt(begin, "tables are missing"));
        }
        let mut more = Vec::new();
        read_up_to(&mut self.input, &self.name, 1, &mut more)?;
        if !more.is_empty() {
            return Err(self.corrupt(self.offset, "something follows the end"));
        }
        self.done = true;
        Ok(())
    }

    /// The header and payload of the next block, which are good.
    fn next_block(&mut self) -> Result<(BlockHeader, Vec<u8>), BackupError> {
        let (begin, table) = (self.offset, self.table_name());
        let mut fixed = [0; BLOCK_HEADER];
        read_exact(&mut self.input, &self.name, begin, table.as_deref(), &mut fixed)?;
        let announced = u64::from(BlockHeader::announced(&fixed));
        self.stored.clear();
        read_up_to(&mut self.input, &self.name, announced, &mut self.stored)?;
        if self.stored.len() as u64 != announced {
            return Err(self.corrupt(begin, "the file is cut off, or the block's length is wrong"));
        }
        let header = BlockHeader::decode(&fixed, &self.stored, self.salt)
            .ok_or_else(|| self.corrupt(begin, "a block fails its checksum"))?;
        if header.number != self.number {
            return Err(self.corrupt(begin, "a block stands in the place of another"));
        }
        let raw_len = usize::try_from(header.raw).unwrap_or(usize::MAX);
        let raw = if raw_len == self.stored.len() {
            std::mem::take(&mut self.stored)
        } else if raw_len < self.stored.len().saturating_mul(MAX_RATIO) {
            let raw = lz4_flex::block::decompress(&self.stored, raw_len).ok();
            raw.filter(|raw| raw.len() == raw_len)
                .ok_or_else(|| self.corrupt(begin, "a block cannot be decompressed"))?
        } else {
            return Err(self.corrupt(begin, "a block announces more than can be"));
        };
        self.offset += BLOCK_HEADER as u64 + announced;
        self.number = self.number.wrapping_add(1);
        Ok((header, raw))
    }

    /// Reads the rest and checks all of it, each row included; `visit` sees what goes by.
    ///
    /// # Errors
    /// As [`BackupReader::next_part`].
    pub fn verify(mut self, mut visit: impl FnMut(&Summary)) -> Result<Summary, BackupError> {
        let mut summary = Summary::default();
        while let Some(part) = self.next_part()? {
            match part {
                Part::Table(table) => summary.tables.push((table.name().to_owned(), 0)),
                Part::Rows(block) => {
                    for row in block.rows() {
                        row?;
                        summary.rows += 1;
                    }
                    summary.raw_bytes += block.raw.len() as u64;
                }
                Part::TableEnd { rows } => {
                    if let Some((_, count)) = summary.tables.last_mut() {
                        *count = rows;
                    }
                }
            }
            summary.bytes = self.offset;
            visit(&summary);
        }
        summary.bytes = self.offset;
        Ok(summary)
    }

    fn table_name(&self) -> Option<String> {
        self.table.as_ref().map(|(name, _)| name.clone())
    }

    fn corrupt(&self, offset: u64, what: &str) -> BackupError {
        corrupt(&self.name, self.table_name(), offset, what)
    }
}

/// Rows that lie together in a file.
#[derive(Debug)]
pub struct RowBlock {
    file: String,
    table: Option<String>,
    offset: u64,
    raw: Vec<u8>,
}

impl RowBlock {
    /// The rows, as they were; each may turn out to be none.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, BackupError>> {
        let bad = |what: &str| corrupt(&self.file, self.table.clone(), self.offset, what);
        Entries(&self.raw).map(move |entry| {
            let entry = entry.ok_or_else(|| bad("a row is cut off"))?;
            row_image::decode(entry).map_err(|cause| bad(&format!("a row is not understood: {cause}")))
        })
    }

    /// An error that names where these rows stand.
    pub(crate) fn corrupt(&self, what: &str) -> BackupError {
        corrupt(&self.file, self.table.clone(), self.offset, what)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.raw.len() as u64
    }

    fn count(&self) -> Option<u32> {
        let mut count = 0_u32;
        for entry in Entries(&self.raw) {
            entry?;
            count = count.checked_add(1)?;
        }
        Some(count)
    }
}

/// Entries behind their lengths; `None` for what is cut off, which ends them.
struct Entries<'b>(&'b [u8]);

impl<'b> Iterator for Entries<'b> {
    type Item = Option<&'b [u8]>;

    fn next(&mut self) -> Option<Option<&'b [u8]>> {
        if self.0.is_empty() {
            return None;
        }
        let mut rest = self.0;
        let length = take_length(&mut rest).and_then(|length| usize::try_from(length).ok());
        match length.and_then(|length| rest.split_at_checked(length)) {
            Some((entry, rest)) => {
                self.0 = rest;
                Some(Some(entry))
            }
            None => {
                self.0 = &[];
                Some(None)
            }
        }
    }
}

pub(crate) fn corrupt(file: &str, table: Option<String>, offset: u64, what: &str) -> BackupError {
    BackupError::Corrupt { file: file.to_owned(), table, offset, what: what.to_owned() }
}

fn read_exact(
    input: &mut impl Read,
    name: &str,
    offset: u64,
    table: Option<&str>,
    buffer: &mut [u8],
) -> Result<(), BackupError> {
    input.read_exact(buffer).map_err(|cause| match cause.kind() {
        io::ErrorKind::UnexpectedEof => {
            corrupt(name, table.map(str::to_owned), offset, "the file is cut off")
        }
        _ => BackupError::io("read", name)(cause),
    })
}

/// Reads up to `limit` bytes; memory grows with what arrives.
fn read_up_to(input: &mut impl Read, name: &str, limit: u64, into: &mut Vec<u8>) -> Result<(), BackupError> {
    input.by_ref().take(limit).read_to_end(into).map(drop).map_err(BackupError::io("read", name))
}
