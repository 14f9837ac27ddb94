//! Reading the log while it is written: what is durable, from a sequence number on.

use std::sync::Arc;

use super::opening::load;
use super::record::{Assembler, Record};
use super::scan::Scan;
use super::segment::segment_name;
use super::shared::Shared;
use crate::error::DiscError;

/// Gives the durable records one after the other. When it has given all, it can be asked again later.
///
/// Each segment is read as a whole; so is the present end of the log each time it has grown. It is made for catching up, not for
/// listening.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Records below are skipped.
    from: u64,
    /// The frame to be read next.
    expected: u64,
    image: Option<Image>,
    assembler: Assembler,
}

/// A segment in memory.
#[derive(Debug)]
struct Image {
    first: u64,
    bytes: Vec<u8>,
    salt: u32,
    offset: usize,
    /// How far the log was durable when it was read.
    until: u64,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, from: u64) -> Self {
        Self { shared, from: from.max(1), expected: 0, image: None, assembler: Assembler::default() }
    }

    /// The next durable record; `None` when there is none yet.
    ///
    /// # Errors
    /// `Purged` when the entries are gone, `Corrupt`, `Io`.
    pub fn next_record(&mut self) -> Result<Option<Record<'static>>, DiscError> {
        loop {
            let durable = self.shared.durable.until();
            if self.expected.max(self.from) >= durable && self.expected >= self.from {
                return Ok(None);
            }
            if self.image.as_ref().is_none_or(|image| self.expected >= image.until) {
                self.load(durable)?;
            }
            match self.step()? {
                Step::Record(record) if record.sequence >= self.from => return Ok(Some(record)),
                Step::Record(_) | Step::Part => {}
                Step::End => self.load(durable)?,
            }
            if self.expected >= durable {
                return Ok(None);
            }
        }
    }

    /// Reads the segment that holds the next frame.
    fn load(&mut self, durable: u64) -> Result<(), DiscError> {
        let wanted = if self.expected == 0 { self.from } else { self.expected };
        let segments = self.shared.ledger.lock().segments();
        let purged = DiscError::Purged { sequence: wanted };
        let first = segments.into_iter().rev().find(|first| *first <= wanted).ok_or(purged)?;
        if self.expected == 0 {
            self.expected = first;
        }
        // A segment that was read before goes on where it ended then.
        let again = self.image.as_ref().filter(|image| image.first == first).map(|image| image.offset);
        let (bytes, salt) =
            load(&*self.shared.disc, first, self.shared.node).map_err(|cause| self.explain(cause))?;
        let offset = again.unwrap_or(super::segment::HEADER);
        self.image = Some(Image { first, bytes, salt, offset, until: durable });
        Ok(())
    }

    fn step(&mut self) -> Result<Step, DiscError> {
        let Some(image) = &mut self.image else {
            return Ok(Step::End);
        };
        let mut scan = Scan::resume(&image.bytes, image.salt, image.offset, self.expected);
        let Some(frame) = scan.next_frame() else {
            let first = image.first;
            let (offset, sequence) = (image.offset as u64, self.expected);
            // A durable entry that is not here must begin the next segment.
            return if self.shared.ledger.lock().segments().contains(&sequence) && sequence != first {
                Ok(Step::End)
            } else {
                let what = format!("entry {sequence} is bad");
                Err(self.explain(DiscError::corrupt(&segment_name(first), offset, what)))
            };
        };
        image.offset = scan.offset();
        let fed = self.assembler.feed(frame, self.expected == image.first);
        self.expected = scan.expected();
        match fed {
            Ok(Some(record)) => Ok(Step::Record(record.into_owned())),
            Ok(None) => Ok(Step::Part),
            Err(what) => Err(DiscError::corrupt(&segment_name(image.first), image.offset as u64, what)),
        }
    }

    /// What is bad because its file was freed meanwhile is not damaged.
    fn explain(&self, cause: DiscError) -> DiscError {
        let sequence = self.expected.max(self.from);
        let oldest = self.shared.ledger.lock().segments().first().copied();
        if oldest.is_none_or(|oldest| oldest > sequence) { DiscError::Purged { sequence } } else { cause }
    }
}

enum Step {
    Record(Record<'static>),
    /// A part of an entry.
    Part,
    /// It goes on in the next segment.
    End,
}
