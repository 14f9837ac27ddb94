//! The elements of a tuple or list, from record bytes or from a tree.

use std::fmt;

use crate::error::Result;
use crate::term::Term;
use crate::view::{TermRef, unreadable};
use crate::wire;

/// The elements of a tuple or list.
#[derive(Clone, Copy)]
pub struct SeqRef<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// `count` is at most the length of `body`; `depth` counts the containers around the elements.
    Encoded {
        body: &'a [u8],
        count: usize,
        depth: u8,
    },
    Terms(&'a [Term]),
}

impl<'a> SeqRef<'a> {
    pub(crate) fn encoded(body: &'a [u8], count: usize, depth: u8) -> Self {
        Self(Source::Encoded { body, count, depth })
    }

    pub(crate) fn terms(terms: &'a [Term]) -> Self {
        Self(Source::Terms(terms))
    }

    /// How many elements there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        match self.0 {
            Source::Encoded { count, .. } => count,
            Source::Terms(terms) => terms.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at a position from 0. O(position), skipping each element before it in constant time.
    pub fn get(self, index: usize) -> Option<TermRef<'a>> {
        match self.0 {
            Source::Encoded { body, count, depth } => {
                if index >= count {
                    return None;
                }
                let mut rest = body;
                for _ in 0..index {
                    rest = rest.get(wire::span(rest)?..)?;
                }
                wire::read(rest, depth).map(|(term, _)| term)
            }
            Source::Terms(terms) => terms.get(index).map(TermRef::from),
        }
    }

    /// The elements in order. Ends early at a malformed element.
    pub fn iter(self) -> SeqIter<'a> {
        SeqIter(match self.0 {
            Source::Encoded { body, count, depth } => Iter::Encoded { rest: body, left: count, depth },
            Source::Terms(terms) => Iter::Terms(terms.iter()),
        })
    }

    /// The elements as trees.
    pub(crate) fn to_terms(self) -> Result<Vec<Term>> {
        // The count is no larger than the bytes it was read from, so it may size the buffer.
        let mut terms = Vec::with_capacity(self.len());
        for term in self.iter() {
            terms.push(term.to_term()?);
        }
        if terms.len() == self.len() { Ok(terms) } else { Err(unreadable()) }
    }
}

impl<'a> IntoIterator for SeqRef<'a> {
    type Item = TermRef<'a>;
    type IntoIter = SeqIter<'a>;

    fn into_iter(self) -> SeqIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for SeqRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of a tuple, list or record in order.
#[derive(Clone)]
pub struct SeqIter<'a>(Iter<'a>);

#[derive(Clone)]
enum Iter<'a> {
    Encoded { rest: &'a [u8], left: usize, depth: u8 },
    Terms(std::slice::Iter<'a, Term>),
}

impl<'a> Iterator for SeqIter<'a> {
    type Item = TermRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<TermRef<'a>> {
        match &mut self.0 {
            Iter::Encoded { rest, left, depth } => {
                *left = left.checked_sub(1)?;
                // At a malformed element it stays, so that the iteration has ended for good.
                let (term, len) = wire::read(rest, *depth)?;
                *rest = rest.get(len..).unwrap_or_default();
                Some(term)
            }
            Iter::Terms(terms) => terms.next().map(TermRef::from),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Iter::Encoded { left, .. } => (0, Some(*left)),
            Iter::Terms(terms) => terms.size_hint(),
        }
    }
}

impl fmt::Debug for SeqIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
