//! Terms from bytes: from a JSON array, from record bytes, or, if they are neither, drawn from the bytes one by one.
//!
//! What is drawn leans towards neighbours: integers beside powers of two, floats that are integers, strings that share a
//! beginning. Any bytes give some terms, so that no input is lost.

use mnemon_term::{RecordRef, Term, json};

/// Most terms that are taken from one input.
const MAX_TERMS: usize = 6;
/// Most containers around a term that is drawn.
const MAX_DRAWN_DEPTH: usize = 4;

/// The terms that the bytes stand for; never none.
pub(crate) fn terms(bytes: &[u8]) -> Vec<Term> {
    let mut terms = match (json::parse(bytes), RecordRef::parse(bytes)) {
        (Ok(Term::List(terms)), _) if !terms.is_empty() => terms,
        (Ok(term), _) => vec![term],
        (_, Ok(record)) => record.to_terms().expect("what was checked can be read"),
        _ => {
            let mut source = Source(bytes);
            let mut drawn = vec![source.term(0)];
            while !source.0.is_empty() && drawn.len() < MAX_TERMS {
                drawn.push(source.term(0));
            }
            drawn
        }
    };
    terms.truncate(MAX_TERMS);
    terms
}

/// Bytes to draw from; past their end all are 0.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }

    /// An integer near ±2^n.
    fn near_a_power(&mut self) -> i64 {
        let (exponent, step) = (self.byte(), self.byte());
        let power = 1_i64.wrapping_shl(u32::from(exponent));
        let step = i64::from(i8::from_le_bytes([step]));
        let near = power.wrapping_add(step);
        if exponent & 0x40 == 0 { near } else { near.wrapping_neg() }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte() % 8);
        // A shared beginning that holds the bytes which keys escape.
        let mut bytes = if len > 4 { vec![b'a', 0, 1] } else { Vec::new() };
        bytes.extend((0..len).map(|_| self.byte()));
        bytes
    }

    fn float(value: f64) -> Term {
        Term::float(value).unwrap_or(Term::nil())
    }

    fn term(&mut self, depth: usize) -> Term {
        let choice = self.byte();
        let count = usize::from(choice / 16 % 4);
        match choice % 12 {
            0 => Term::from(i64::from(i8::from_le_bytes([self.byte()]))),
            1 => Term::from(self.near_a_power()),
            2 => Term::from(i64::from_le_bytes(self.word().to_le_bytes())),
            #[expect(clippy::cast_precision_loss, reason = "a neighbour of the integer is as good")]
            3 => Self::float(self.near_a_power() as f64),
            4 => Self::float(f64::from_bits(self.word())),
            5 => Self::float(f64::from(i8::from_le_bytes([self.byte()])) / 4.0),
            6 => Term::try_atom(String::from_utf8_lossy(&self.bytes())).expect("at most 13 characters"),
            7 => Term::from(self.bytes()),
            _ if depth == MAX_DRAWN_DEPTH => Term::nil(),
            8 => Term::tuple((0..count).map(|_| self.term(depth + 1)).collect::<Vec<_>>()),
            9 => Term::list((0..count).map(|_| self.term(depth + 1)).collect::<Vec<_>>()),
            10 => {
                let pair = |source: &mut Self| (source.term(depth + 1), source.term(depth + 1));
                Term::map((0..count).map(|_| pair(self)).collect::<Vec<_>>())
            }
            _ => Term::from(choice & 0x80 != 0),
        }
    }
}
