//! Writing a backup: tables and rows in, blocks out; memory for one block.

use std::io::{self, Write};

use mnemon_disc::fields::put_length;
use mnemon_store::{Row, row_image};

use crate::error::BackupError;
use crate::format::{BackedTable, BackupHeader, BlockHeader, BlockKind, ENTRY_MAX, Totals, encode_header};

/// Bytes of rows in a block before it is compressed and checksummed.
const BLOCK_BYTES: usize = 128 << 10;

/// What a backup has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Tables.
    pub tables: u64,
    /// Rows; of a bag, keys.
    pub rows: u64,
    /// Bytes of the rows before compression.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes one backup to whatever takes bytes. It is complete only after [`BackupWriter::finish`].
///
/// ```
/// use mnemon_backup::{BackedTable, BackupHeader, BackupMeta, BackupReader, BackupWriter};
/// use mnemon_store::Row;
/// use mnemon_table::schema::Schema;
///
/// let meta = BackupMeta { node: "n".into(), version: "0.1.0".into(), tables: vec!["t".into()] };
/// let header = BackupHeader { clock: 7, created_ms: 0, id: [1; 16], meta };
/// let mut writer = BackupWriter::new("a.backup", Vec::new(), &header)?;
/// writer.begin_table(&BackedTable { schema: Schema::builder("t").build()?, database: false })?;
/// writer.push(&Row::bytes(1, None, b"key", b"record"))?;
/// let (file, written) = writer.finish()?;
/// assert_eq!((written.tables, written.rows, written.bytes), (1, 1, file.len() as u64));
///
/// let summary = BackupReader::open("a.backup", &file[..])?.verify(|_| ())?;
/// assert_eq!(summary.rows, 1);
/// # Ok::<(), mnemon_backup::BackupError>(())
/// ```
#[derive(Debug)]
pub struct BackupWriter<W> {
    name: String,
    out: W,
    salt: u32,
    block: Vec<u8>,
    block_entries: u32,
    entry: Vec<u8>,
    number: u32,
    /// Of the table that was begun.
    table: Option<Totals>,
    totals: Totals,
    bytes: u64,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a backup; `name` is what errors call it.
    ///
    /// # Errors
    /// `Io`.
    pub fn new(name: &str, out: W, header: &BackupHeader) -> Result<Self, BackupError> {
        let (bytes, salt) = encode_header(header);
        let mut writer = Self {
            name: name.to_owned(),
            out,
            salt,
            block: Vec::with_capacity(BLOCK_BYTES + 1024),
            block_entries: 0,
            entry: Vec::new(),
            number: 0,
            table: None,
            totals: Totals::default(),
            bytes: 0,
        };
        writer.write(&bytes)?;
        Ok(writer)
    }

    /// Begins a table, and ends the one before.
    ///
    /// # Errors
    /// `Io`.
    pub fn begin_table(&mut self, table: &BackedTable) -> Result<(), BackupError> {
        self.end_table()?;
        let payload = serde_json::to_vec(table).map_err(|cause| self.refuse(cause.into()))?;
        self.write_block(BlockKind::Table, &payload, 0)?;
        self.table = Some(Totals { tables: 1, ..Totals::default() });
        Ok(())
    }

    /// Appends a row of the table that was begun.
    ///
    /// # Errors
    /// `Io`, also without a table or for a row beyond 1 GiB.
    pub fn push(&mut self, row: &Row) -> Result<(), BackupError> {
        self.entry.clear();
        self.entry = row_image::encode(row, std::mem::take(&mut self.entry))?;
        let length = u32::try_from(self.entry.len()).ok().filter(|_| self.entry.len() <= ENTRY_MAX);
        let Some(length) = length.filter(|_| self.table.is_some()) else {
            let cause = "a row is larger than 1 GiB, or stands outside of a table";
            return Err(self.refuse(io::Error::new(io::ErrorKind::InvalidInput, cause)));
        };
        if !self.block.is_empty() && self.block.len() + self.entry.len() > BLOCK_BYTES {
            self.end_block()?;
        }
        put_length(&mut self.block, length);
        self.block.extend_from_slice(&self.entry);
        self.block_entries += 1;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    /// What has been written so far; rows of an unfinished block are not counted.
    #[must_use]
    pub fn written(&self) -> Written {
        let table = self.table.unwrap_or_default();
        Written {
            tables: self.totals.tables + table.tables,
            rows: self.totals.rows + table.rows,
            raw_bytes: self.totals.bytes + table.bytes,
            bytes: self.bytes,
        }
    }

    /// Completes the backup and gives back where it went, flushed.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<(W, Written), BackupError> {
        self.end_table()?;
        let totals = self.totals.encode();
        self.write_block(BlockKind::End, &totals, 0)?;
        self.out.flush().map_err(BackupError::io("write", &self.name))?;
        let written = self.written();
        Ok((self.out, written))
    }

    fn end_table(&mut self) -> Result<(), BackupError> {
        self.end_block()?;
        let Some(table) = self.table.take() else { return Ok(()) };
        self.totals.tables += table.tables;
        self.totals.rows += table.rows;
        self.totals.bytes += table.bytes;
        self.write_block(BlockKind::TableEnd, &table.encode(), 0)
    }

    fn end_block(&mut self) -> Result<(), BackupError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        if let Some(table) = &mut self.table {
            table.rows += u64::from(self.block_entries);
            table.bytes += block.len() as u64;
        }
        let entries = std::mem::take(&mut self.block_entries);
        let written = self.write_block(BlockKind::Rows, &block, entries);
        self.block = block;
        self.block.clear();
        written
    }

    fn write_block(&mut self, kind: BlockKind, raw: &[u8], entries: u32) -> Result<(), BackupError> {
        let compressed = lz4_flex::block::compress(raw);
        let payload = if compressed.len() < raw.len() { &compressed } else { raw };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is little more than an entry");
        let header =
            BlockHeader { stored: length(payload), raw: length(raw), entries, number: self.number, kind };
        self.number = self.number.checked_add(1).ok_or_else(|| {
            self.refuse(io::Error::new(io::ErrorKind::FileTooLarge, "a backup has at most 2^32 blocks"))
        })?;
        self.write(&header.encode(payload, self.salt))?;
        self.write(payload)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.out.write_all(bytes).map_err(BackupError::io("write", &self.name))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn refuse(&self, cause: io::Error) -> BackupError {
        BackupError::io("write", &self.name)(cause)
    }
}
