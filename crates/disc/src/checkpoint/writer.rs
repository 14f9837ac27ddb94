//! Writing a checkpoint: entries in, blocks out; memory for one block.

use std::sync::Arc;

use super::format::{BlockHeader, INDEX_ENTRY, Trailer, checkpoint_name, encode_header};
use super::{CheckpointHeader, CheckpointOptions, MAX_ENTRY_BYTES};
use crate::disc::{DRAFT_SUFFIX, Disc, DiscFile};
use crate::error::DiscError;
use crate::fields::put_length;

/// Writes one checkpoint. Dropped before [`CheckpointWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct CheckpointWriter<'d> {
    disc: &'d dyn Disc,
    name: String,
    draft: String,
    file: Arc<dyn DiscFile>,
    options: CheckpointOptions,
    salt: u32,
    block: Vec<u8>,
    block_entries: u32,
    /// A block with its header, as it goes to the disc.
    out: Vec<u8>,
    index: Vec<u8>,
    offset: u64,
    synced: u64,
    entries: u64,
    raw_bytes: u64,
    finished: bool,
}

/// A checkpoint that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its file.
    pub file: String,
    /// How many entries it has.
    pub entries: u64,
    /// How long the file is.
    pub bytes: u64,
    /// How long the entries are together.
    pub raw_bytes: u64,
}

impl<'d> CheckpointWriter<'d> {
    /// Begins a checkpoint. A file of the same table and clock is replaced when this one is finished.
    ///
    /// # Errors
    /// `Io`, `TooLarge` for the meta.
    pub fn create(
        disc: &'d dyn Disc,
        header: &CheckpointHeader,
        options: CheckpointOptions,
    ) -> Result<Self, DiscError> {
        let (bytes, salt) = encode_header(header)?;
        let name = checkpoint_name(header.table, header.clock);
        let draft = format!("{name}{DRAFT_SUFFIX}");
        let file = disc.create(&draft, 0).map_err(DiscError::io("create", &draft))?;
        let mut writer = Self {
            disc,
            name,
            draft,
            file,
            options,
            salt,
            block: Vec::new(),
            block_entries: 0,
            out: Vec::new(),
            index: Vec::new(),
            offset: 0,
            synced: 0,
            entries: 0,
            raw_bytes: 0,
            finished: false,
        };
        writer.options.block_bytes = writer.options.block_bytes.clamp(1 << 10, 64 << 20);
        writer.write(&bytes)?;
        Ok(writer)
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// `TooLarge` beyond [`MAX_ENTRY_BYTES`]; `Io`, after which the checkpoint must be given up.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), DiscError> {
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(DiscError::TooLarge { bytes: entry.len() as u64, limit: MAX_ENTRY_BYTES as u64 });
        }
        if !self.block.is_empty() && self.block.len() + entry.len() > self.options.block_bytes {
            self.end_block()?;
        }
        put_length(&mut self.block, u32::try_from(entry.len()).expect("the limit is below 4 GiB"));
        self.block.extend_from_slice(entry);
        self.block_entries += 1;
        self.entries += 1;
        if self.block.len() >= self.options.block_bytes { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), DiscError> {
        let compressed = self.options.compress.then(|| lz4_flex::block::compress(&self.block));
        let payload =
            compressed.as_deref().filter(|bytes| bytes.len() < self.block.len()).unwrap_or(&self.block);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block holds less than 4 GiB");
        let header = BlockHeader {
            stored: length(payload),
            raw: length(&self.block),
            entries: self.block_entries,
            number: length(&self.index) / INDEX_ENTRY as u32,
        };
        self.out.clear();
        self.out.extend_from_slice(&header.encode(payload, self.salt));
        self.out.extend_from_slice(payload);
        self.index.extend_from_slice(&self.offset.to_le_bytes());
        self.index.extend_from_slice(&self.block_entries.to_le_bytes());
        self.raw_bytes += self.block.len() as u64;
        self.block.clear();
        self.block_entries = 0;
        let out = std::mem::take(&mut self.out);
        let written = self.write(&out);
        self.out = out;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DiscError> {
        self.file.write_at(self.offset, bytes).map_err(DiscError::io("write", &self.draft))?;
        self.offset += bytes.len() as u64;
        if self.offset - self.synced >= self.options.sync_every_bytes {
            self.file.sync().map_err(DiscError::io("sync", &self.draft))?;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Completes the file, makes it durable and gives it its name.
    ///
    /// # Errors
    /// `Io`; then there is no such checkpoint.
    pub fn finish(mut self) -> Result<Written, DiscError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let trailer = Trailer {
            index_offset: self.offset,
            blocks: u32::try_from(self.index.len() / INDEX_ENTRY).expect("blocks were numbered with 32 bits"),
            entries: self.entries,
            raw_bytes: self.raw_bytes,
        };
        let mut end = std::mem::take(&mut self.index);
        let trailer = trailer.encode(&end, self.salt);
        end.extend_from_slice(&trailer);
        self.write(&end)?;
        self.file.sync().map_err(DiscError::io("sync", &self.draft))?;
        self.disc.rename(&self.draft, &self.name).map_err(DiscError::io("rename", &self.draft))?;
        self.finished = true;
        let file = std::mem::take(&mut self.name);
        Ok(Written { file, entries: self.entries, bytes: self.offset, raw_bytes: self.raw_bytes })
    }
}

impl Drop for CheckpointWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // What stays because of an error is removed at the next start.
            let _ = self.disc.remove(&self.draft);
        }
    }
}
