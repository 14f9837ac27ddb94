//! Reading a checkpoint block by block. Nothing is used before its checksum was checked, and no memory is taken for what the
//! file only claims to have.

use std::sync::Arc;

use super::CheckpointHeader;
use super::format::{
    BLOCK_HEADER, BlockHeader, HEADER, INDEX_ENTRY, TRAILER, Trailer, decode_header, meta_len,
};
use crate::disc::{Disc, DiscFile, read_exact};
use crate::error::DiscError;
use crate::fields::{Fields, take_length};
use crate::identity::NodeId;

/// LZ4 cannot shrink more than this.
const MAX_RATIO: usize = 256;

/// A checkpoint file whose header and index are good. Threads may share it, each reading blocks of its own.
#[derive(Debug)]
pub struct Checkpoint {
    name: String,
    file: Arc<dyn DiscFile>,
    header: CheckpointHeader,
    salt: u32,
    trailer: Trailer,
    /// Where blocks begin, and at last where the index begins.
    offsets: Vec<u64>,
}

impl Checkpoint {
    /// Opens a checkpoint of this node and checks its header and its index; blocks are checked when they are read.
    ///
    /// # Errors
    /// `Corrupt`, `Missing`, `Foreign`, `UnknownFormat`, `Io`.
    pub fn open(disc: &dyn Disc, name: &str, own: NodeId) -> Result<Self, DiscError> {
        let file = disc.open(name).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => {
                DiscError::Missing { file: name.to_owned(), what: "a table's rows are in it".to_owned() }
            }
            _ => DiscError::io("open", name)(cause),
        })?;
        let read = |offset: u64, buffer: &mut [u8]| {
            read_exact(&*file, offset, buffer).map_err(|cause| match cause.kind() {
                std::io::ErrorKind::UnexpectedEof => DiscError::corrupt(name, offset, "the file is cut off"),
                _ => DiscError::io("read", name)(cause),
            })
        };
        let len = file.len().map_err(DiscError::io("measure", name))?;
        let mut fixed = [0; HEADER];
        read(0, &mut fixed)?;
        let mut meta = vec![0; meta_len(&fixed, name)?];
        read(HEADER as u64, &mut meta)?;
        let begin = (HEADER + meta.len()) as u64;
        let (header, salt) = decode_header(&fixed, meta, name)?;
        if header.node != own {
            let (file, found, own) = (name.to_owned(), header.node.to_string(), own.to_string());
            return Err(DiscError::Foreign { file, found, own });
        }
        let end = len.checked_sub(TRAILER as u64).filter(|end| *end >= begin);
        let end = end.ok_or_else(|| DiscError::corrupt(name, len, "the file is cut off"))?;
        let mut last = [0; TRAILER];
        read(end, &mut last)?;
        let bad = |what| DiscError::corrupt(name, end, what);
        let trailer = Trailer::decode(&last).ok_or_else(|| bad("it does not end as a checkpoint does"))?;
        let index_len = end.checked_sub(trailer.index_offset).unwrap_or(u64::MAX);
        if index_len != u64::from(trailer.blocks) * INDEX_ENTRY as u64 || trailer.index_offset < begin {
            return Err(bad("its index is not where it should be"));
        }
        let mut index = vec![0; usize::try_from(index_len).unwrap_or(usize::MAX)];
        read(trailer.index_offset, &mut index)?;
        if trailer.encode(&index, salt) != last {
            return Err(DiscError::corrupt(name, trailer.index_offset, "its index fails its checksum"));
        }
        let offsets = offsets(&index, &trailer, begin)
            .ok_or_else(|| DiscError::corrupt(name, trailer.index_offset, "its index contradicts itself"))?;
        Ok(Self { name: name.to_owned(), file, header, salt, trailer, offsets })
    }

    /// Opens a checkpoint whose header or index is damaged, by going from block to block: for salvage. Blocks are checked when
    /// they are read, against the salt that the header holds; a block whose length is damaged hides those behind it.
    ///
    /// # Errors
    /// `Corrupt` when nothing can be found, `Io`.
    pub(crate) fn open_without_index(disc: &dyn Disc, name: &str, own: NodeId) -> Result<Self, DiscError> {
        let file = disc.open(name).map_err(DiscError::io("open", name))?;
        let len = file.len().map_err(DiscError::io("measure", name))?;
        let mut fixed = [0; HEADER];
        read_exact(&*file, 0, &mut fixed).map_err(DiscError::io("read", name))?;
        let mut meta = vec![0; meta_len(&fixed, name)?];
        read_exact(&*file, HEADER as u64, &mut meta).map_err(DiscError::io("read", name))?;
        let begin = (HEADER + meta.len()) as u64;
        let salt = Fields(&fixed[HEADER - 4..]).u32().unwrap_or_default();
        // A header that is damaged says nothing that could be trusted, its salt apart, which every block proves.
        let header = decode_header(&fixed, meta, name)
            .map(|(header, _)| header)
            .unwrap_or(CheckpointHeader { table: 0, clock: 0, node: own, meta: Vec::new() });
        let mut offsets = vec![begin];
        let mut at = begin;
        loop {
            let mut block = [0; BLOCK_HEADER];
            if read_exact(&*file, at, &mut block).is_err() {
                break;
            }
            let mut fields = Fields(&block[4..]);
            let (stored, number) = (fields.u32().unwrap_or_default(), Fields(&block[16..]).u32());
            let end = at + BLOCK_HEADER as u64 + u64::from(stored);
            // Each block bears its number; what does not is the index, or what damage has made of a block.
            if end > len || number.map(u64::from) != Some(offsets.len() as u64 - 1) {
                break;
            }
            offsets.push(end);
            at = end;
        }
        let blocks = u32::try_from(offsets.len() - 1).unwrap_or(u32::MAX);
        let trailer = Trailer { index_offset: at, blocks, entries: 0, raw_bytes: 0 };
        Ok(Self { name: name.to_owned(), file, header, salt, trailer, offsets })
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &CheckpointHeader {
        &self.header
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.trailer.entries
    }

    /// How many bytes its entries have together, each with its length before it.
    #[must_use]
    pub fn raw_bytes(&self) -> u64 {
        self.trailer.raw_bytes
    }

    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Reads and checks a block. Blocks hold the entries in the order in which they were written.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `Missing` beyond the last block.
    pub fn read_block(&self, number: usize) -> Result<Block, DiscError> {
        let (Some(from), Some(to)) = (self.offsets.get(number), self.offsets.get(number + 1)) else {
            let what = format!("there are {} blocks, not {number}", self.blocks());
            return Err(DiscError::Missing { file: self.name.clone(), what });
        };
        let bad = |what: &str| DiscError::corrupt(&self.name, *from, format!("block {number} {what}"));
        // The index lies within the file, so this is no more than the file has.
        let mut stored = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
        read_exact(&*self.file, *from, &mut stored).map_err(DiscError::io("read", &self.name))?;
        let (header, payload) =
            BlockHeader::decode(&stored, self.salt).ok_or_else(|| bad("fails its checksum"))?;
        if usize::try_from(header.number) != Ok(number) {
            return Err(bad("stands in the place of another"));
        }
        let raw_len = usize::try_from(header.raw).unwrap_or(usize::MAX);
        let raw = if raw_len == payload.len() {
            stored.drain(..BLOCK_HEADER);
            stored
        } else if raw_len < payload.len().saturating_mul(MAX_RATIO) {
            let raw = lz4_flex::block::decompress(payload, raw_len);
            raw.ok().filter(|raw| raw.len() == raw_len).ok_or_else(|| bad("cannot be decompressed"))?
        } else {
            return Err(bad("announces more than can be"));
        };
        let block = Block { raw };
        let mut entries = block.entries();
        let count = entries.by_ref().count();
        if usize::try_from(header.entries) != Ok(count) || !entries.rest.is_empty() {
            return Err(bad("does not hold the entries it should"));
        }
        Ok(block)
    }

    /// Reads and checks every block.
    ///
    /// # Errors
    /// As [`Checkpoint::read_block`], and `Corrupt` when the sums do not agree.
    pub fn verify(&self) -> Result<(), DiscError> {
        let mut entries = 0;
        for number in 0..self.blocks() {
            entries += self.read_block(number)?.entries().count() as u64;
        }
        if entries == self.trailer.entries {
            Ok(())
        } else {
            let what = format!("{entries} entries, {} announced", self.trailer.entries);
            Err(DiscError::corrupt(&self.name, self.trailer.index_offset, what))
        }
    }
}

/// The beginnings of blocks, which follow one another without gaps from `begin` to the index.
fn offsets(index: &[u8], trailer: &Trailer, begin: u64) -> Option<Vec<u64>> {
    let mut offsets = Vec::with_capacity(index.len() / INDEX_ENTRY + 1);
    let mut fields = Fields(index);
    let mut entries = 0;
    while let (Some(offset), Some(count)) = (fields.u64(), fields.u32()) {
        let fits = offsets.last().map_or(offset == begin, |last| offset > *last + BLOCK_HEADER as u64);
        if !fits {
            return None;
        }
        offsets.push(offset);
        entries += u64::from(count);
    }
    let fits = offsets.last().map_or(trailer.index_offset == begin, |last| trailer.index_offset > *last);
    offsets.push(trailer.index_offset);
    (fits && entries == trailer.entries).then_some(offsets)
}

/// The entries of one block.
#[derive(Debug)]
pub struct Block {
    raw: Vec<u8>,
}

impl Block {
    /// The entries in their order.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: &self.raw }
    }
}

/// Goes through the entries of a block.
#[derive(Clone, Debug)]
pub struct Entries<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Entries<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let mut rest = self.rest;
        let length = usize::try_from(take_length(&mut rest)?).ok()?;
        let (entry, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(entry)
    }
}
