//! Records: rows as encoded bytes, owned ([`Record`]) or borrowed ([`RecordRef`]).
//! The format is [`wire`]'s; here is only what a row can do.

use std::fmt;

use crate::error::{Error, Result};
use crate::term::Term;
use crate::view::{SeqIter, SeqRef, TermRef, unreadable};
use crate::wire::encoder::Encoder;
use crate::wire::{self, MAX_ARITY};

/// A row: one to 255 terms, of which the first is the key, as compact bytes.
///
/// The bytes are canonical, so records are equal (and hash alike) exactly when their terms are.
///
/// ```
/// use mnemon_term::{Record, Term, TermRef};
///
/// let record = Record::new(&[Term::atom("alice"), Term::from(41)])?;
/// let older = record.as_ref().with(1, 42)?;
/// assert_eq!(older.as_ref().get(1).and_then(TermRef::as_int), Some(42));
/// assert_eq!(older.as_ref().get(0).and_then(TermRef::as_atom), Some("alice"));
/// # Ok::<(), mnemon_term::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Record(Vec<u8>);

impl Record {
    /// A record of these terms: `&Term`s, [`TermRef`]s or what becomes one.
    ///
    /// # Errors
    /// [`Error::EmptyRecord`] and [`Error::TooManyAttributes`] for 0 or more than 255 terms, [`Error::TooDeep`],
    /// [`Error::TooLarge`], and for views made by hand those of [`TermRef::to_term`].
    pub fn new<'t, I>(terms: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: Into<TermRef<'t>>,
    {
        let mut builder = RecordBuilder::new();
        for term in terms {
            builder.push(term)?;
        }
        builder.finish()
    }

    /// A record of bytes from outside, checked as by [`RecordRef::parse`].
    ///
    /// # Errors
    /// Those of [`RecordRef::parse`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        wire::validate::record(&bytes)?;
        Ok(Self(bytes))
    }

    /// The record as a view.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "AsRef returns a reference, and the view is a value")]
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef(&self.0)
    }

    /// The encoded bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded bytes, owned. O(1).
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref(), f)
    }
}

/// Builds a record one attribute at a time.
#[derive(Debug)]
pub struct RecordBuilder {
    encoder: Encoder,
    arity: usize,
}

impl Default for RecordBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordBuilder {
    /// A builder without attributes.
    pub fn new() -> Self {
        Self::with_capacity(64)
    }

    /// A builder that expects a record of about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut encoder = Encoder::with_capacity(bytes);
        // The arity is set at the end.
        encoder.byte(0);
        Self { encoder, arity: 0 }
    }

    /// Appends an attribute. After an error the record is as it was before.
    ///
    /// # Errors
    /// Those of [`Record::new`].
    pub fn push<'t>(&mut self, term: impl Into<TermRef<'t>>) -> Result<()> {
        let term = term.into();
        self.attribute(|encoder| encoder.term(term))
    }

    /// Appends the attribute that `write` encodes as exactly one term.
    pub(crate) fn attribute(&mut self, write: impl FnOnce(&mut Encoder) -> Result<()>) -> Result<()> {
        if self.arity == MAX_ARITY {
            return Err(Error::TooManyAttributes);
        }
        let start = self.encoder.position();
        if let Err(error) = write(&mut self.encoder) {
            self.encoder.truncate(start, 0);
            return Err(error);
        }
        self.arity += 1;
        Ok(())
    }

    /// How many attributes there are so far.
    pub fn arity(&self) -> usize {
        self.arity
    }

    /// The record.
    ///
    /// # Errors
    /// [`Error::EmptyRecord`] when nothing was pushed.
    pub fn finish(mut self) -> Result<Record> {
        match u8::try_from(self.arity) {
            Ok(0) => return Err(Error::EmptyRecord),
            Ok(arity) => self.encoder.patch(0, arity),
            Err(_) => return Err(Error::TooManyAttributes),
        }
        Ok(Record(self.encoder.into_bytes()))
    }
}

/// A borrowed record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordRef<'a>(&'a [u8]);

impl<'a> RecordRef<'a> {
    /// A record of bytes from outside, checked completely: whatever passes reads without fault and is in the
    /// one encoding its terms have. O(bytes).
    ///
    /// # Errors
    /// [`Error::Malformed`] with the offset, [`Error::EmptyRecord`], [`Error::TooDeep`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        wire::validate::record(bytes)?;
        Ok(Self(bytes))
    }

    /// A record of bytes that a [`Record`] made. Nothing is checked here: of malformed bytes some attribute
    /// will be `None`, an iteration will end early or a conversion will be an error; nothing panics.
    #[inline]
    pub fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoded bytes.
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// How many attributes the record has. O(1).
    #[inline]
    pub fn arity(self) -> usize {
        self.0.first().copied().map_or(0, usize::from)
    }

    #[inline]
    pub(crate) fn attributes(self) -> SeqRef<'a> {
        match self.0.split_first() {
            Some((&arity, body)) => SeqRef::encoded(body, usize::from(arity), 0),
            None => SeqRef::encoded(&[], 0, 0),
        }
    }

    /// The attribute at a position from 0; `None` past the end. O(position), each attribute skipped in constant
    /// time; allocates nothing.
    #[inline]
    pub fn get(self, index: usize) -> Option<TermRef<'a>> {
        self.attributes().get(index)
    }

    /// The first attribute.
    #[inline]
    pub fn key(self) -> Option<TermRef<'a>> {
        self.get(0)
    }

    /// The attributes in order.
    pub fn iter(self) -> SeqIter<'a> {
        self.attributes().iter()
    }

    /// The attributes as trees.
    ///
    /// # Errors
    /// [`Error::Malformed`] for malformed [`trusted`](Self::trusted) bytes.
    pub fn to_terms(self) -> Result<Vec<Term>> {
        let terms = self.iter().map(TermRef::to_term).collect::<Result<Vec<_>>>()?;
        if terms.len() == self.arity() { Ok(terms) } else { Err(unreadable()) }
    }

    /// An owned copy.
    ///
    /// # Errors
    /// Those of [`RecordRef::parse`]: bytes that were only [`trusted`](Self::trusted) are checked here.
    pub fn to_record(self) -> Result<Record> {
        Record::from_bytes(self.0)
    }

    /// This record with one attribute replaced; the others are copied as bytes.
    ///
    /// # Errors
    /// [`Error::NoSuchAttribute`] past the end, [`Error::Malformed`] for malformed trusted bytes, and those of
    /// [`Record::new`] for the new term.
    pub fn with<'t>(self, index: usize, term: impl Into<TermRef<'t>>) -> Result<Record> {
        let arity = self.arity();
        if index >= arity {
            return Err(Error::NoSuchAttribute { index, arity });
        }
        let offset_after = |mut at: usize, count: usize| -> Result<usize> {
            for _ in 0..count {
                at += self.0.get(at..).and_then(wire::span).ok_or_else(unreadable)?;
            }
            Ok(at)
        };
        let start = offset_after(1, index)?;
        let end = offset_after(start, 1)?;
        let mut encoder = Encoder::with_capacity(self.0.len() + 16);
        encoder.raw(self.0.get(..start).ok_or_else(unreadable)?);
        encoder.term(term.into())?;
        encoder.raw(self.0.get(end..).ok_or_else(unreadable)?);
        Ok(Record(encoder.into_bytes()))
    }
}

impl<'a> IntoIterator for RecordRef<'a> {
    type Item = TermRef<'a>;
    type IntoIter = SeqIter<'a>;

    fn into_iter(self) -> SeqIter<'a> {
        self.iter()
    }
}

impl<'a> From<&'a Record> for RecordRef<'a> {
    fn from(record: &'a Record) -> Self {
        record.as_ref()
    }
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("Record");
        for attribute in self.iter() {
            tuple.field(&attribute);
        }
        tuple.finish()
    }
}
