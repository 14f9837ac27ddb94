//! Checks record bytes that come from outside, so that every later read of them succeeds.
//!
//! What passes is canonical: it is byte for byte what the encoder would write.

use crate::atom::Atom;
use crate::error::{Error, Result};
use crate::order::{Mode, order};
use crate::view::TermRef;
use crate::wire::{
    ATOM, BINARY_8, BINARY_32, BINARY_SHORT, FLOAT, INT, MAX_DEPTH, TUPLE_8, TUPLE_32, read, span,
};

/// Checks a whole record. O(bytes), but map keys are compared with their neighbours as well.
pub(crate) fn record(bytes: &[u8]) -> Result<()> {
    let Some((&arity, body)) = bytes.split_first() else {
        return Err(Error::Malformed { offset: 0, reason: "there are no bytes" });
    };
    if arity == 0 {
        return Err(Error::EmptyRecord);
    }
    Check { total: bytes.len() }.terms(body, usize::from(arity), 0, 0)
}

struct Check {
    total: usize,
}

impl Check {
    /// An error at the first byte of `rest`, after which `tail` more bytes come.
    fn at(&self, rest: &[u8], tail: usize, reason: &'static str) -> Error {
        Error::Malformed { offset: self.total.saturating_sub(rest.len() + tail), reason }
    }

    /// Checks that `body` is exactly `count` terms inside `depth` containers.
    fn terms(&self, body: &[u8], count: usize, tail: usize, depth: u8) -> Result<()> {
        let mut rest = body;
        for _ in 0..count {
            rest = self.term(rest, tail, depth)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(self.at(rest, tail, "bytes are left over")) }
    }

    /// Checks the term that `bytes` begin with and returns what follows it.
    fn term<'a>(&self, bytes: &'a [u8], tail: usize, depth: u8) -> Result<&'a [u8]> {
        let cut = || self.at(bytes, tail, "a term is cut off or its tag is unknown");
        let &tag = bytes.first().ok_or_else(cut)?;
        let (own, rest) = span(bytes).and_then(|len| bytes.split_at_checked(len)).ok_or_else(cut)?;
        let canonical = |is: bool, reason| {
            if is { Ok(()) } else { Err(self.at(bytes, tail, reason)) }
        };
        if tag >= TUPLE_8 && usize::from(depth) >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let Some((term, _)) = read(own, depth) else {
            return Err(self.at(bytes, tail, "a term's content is invalid"));
        };
        let long = "a longer form than needed";
        match term {
            TermRef::Int(value) => canonical(own.len() == int_len(value), long)?,
            TermRef::Float(value) => canonical(value != 0.0 || value.is_sign_positive(), "a negative zero")?,
            TermRef::Atom(name) => {
                canonical(tag != ATOM || name.len() > 31, long)?;
                canonical(name.chars().count() <= Atom::MAX_CHARS, "an atom is too long")?;
            }
            TermRef::Binary(binary) => {
                canonical(tag != BINARY_8 || binary.len() > 63, long)?;
                canonical(tag != BINARY_32 || binary.len() > 255, long)?;
            }
            TermRef::Tuple(_) | TermRef::List(_) | TermRef::Map(_) => {
                let short = tag < TUPLE_32;
                let body = own.get(if short { 3 } else { 9 }..).unwrap_or_default();
                canonical(short || body.len() > 255, long)?;
                self.body(term, body, rest.len() + tail, depth + 1)?;
            }
        }
        Ok(rest)
    }

    fn body(&self, term: TermRef<'_>, body: &[u8], tail: usize, depth: u8) -> Result<()> {
        match term {
            TermRef::Tuple(elements) | TermRef::List(elements) => {
                self.terms(body, elements.len(), tail, depth)
            }
            TermRef::Map(pairs) => {
                self.terms(body, pairs.len() * 2, tail, depth)?;
                let ascending =
                    pairs.iter().is_sorted_by(|(a, _), (b, _)| order(*a, *b, Mode::MapKey).is_lt());
                if ascending { Ok(()) } else { Err(self.at(body, tail, "map keys are not in order")) }
            }
            _ => Ok(()),
        }
    }
}

/// How many bytes the encoder spends on this integer, tag included.
fn int_len(value: i64) -> usize {
    if (0..i64::from(BINARY_SHORT)).contains(&value) {
        return 1;
    }
    let magnitude = if value < 0 { !value } else { value };
    1 + (72 - magnitude.leading_zeros() as usize) / 8
}

const _: () = assert!(FLOAT - INT == 8, "an integer has 1 to 8 bytes");
