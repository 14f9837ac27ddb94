//! Reads terms from JSON: a visitor over `serde_json`'s tokens.
//!
//! Two limits hold. The nesting of the JSON is bounded on the way down, which bounds the stack; a term level takes at most
//! three JSON levels (`{"$map":[[…` ). The depth of the term is known on the way up and checked at the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::json::integer::Numbers;
use crate::json::tag::untag;
use crate::term::Term;
use crate::wire::MAX_DEPTH;

/// The deepest nesting of arrays and objects that is read.
const MAX_NESTING: usize = 3 * MAX_DEPTH;

/// Reads one JSON value, with nothing but white space around it, as a term.
///
/// # Errors
/// [`Error::Json`] with line and column, [`Error::JsonInteger`], [`Error::JsonTag`], [`Error::AtomTooLong`] and
/// [`Error::TooDeep`].
///
/// ```
/// use mnemon_term::{Term, json};
///
/// let term = json::parse(br#"{"tags": ["a", {"$atom": "b"}], "n": 1.0}"#)?;
/// assert_eq!(term, Term::map([
///     (Term::from("tags"), Term::list([Term::from("a"), Term::atom("b")])),
///     (Term::from("n"), Term::float(1.0)?),
/// ]));
/// assert!(json::parse(b"9223372036854775808").is_err());
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn parse(input: &[u8]) -> Result<Term> {
    read(input, |source, tokens| Value { source, nesting: 0 }.deserialize(tokens))?.checked()
}

/// Reads a key as people type it: a JSON value, or, where the bytes are no JSON, a binary of them as they are, so that a bare word
/// needs no quotes.
///
/// # Errors
/// Those of [`parse`], for what is JSON but no term: as a string it would be another key than the one that is meant.
///
/// ```
/// use mnemon_term::{Term, json};
///
/// assert_eq!(json::parse_key(b"42")?, Term::from(42));
/// assert_eq!(json::parse_key(b"\"42\"")?, Term::from("42"));
/// assert_eq!(json::parse_key(b"alice")?, Term::from("alice"));
/// assert!(json::parse_key(b"9223372036854775808").is_err());
/// # Ok::<(), mnemon_term::Error>(())
/// ```
pub fn parse_key(input: &[u8]) -> Result<Term> {
    parse(input).or_else(|cause| if is_json(input) { Err(cause) } else { Ok(Term::from(input)) })
}

/// Whether the bytes have JSON's form, whatever they mean.
fn is_json(input: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(input).is_ok()
}

/// The tokens of a JSON text.
pub(crate) type Tokens<'i> = serde_json::Deserializer<serde_json::de::SliceRead<'i>>;

/// Reads one JSON value by `visit`, and nothing after it.
pub(crate) fn read<'i, T>(
    input: &'i [u8],
    visit: impl FnOnce(&Source<'i>, &mut Tokens<'i>) -> serde_json::Result<T>,
) -> Result<T> {
    let source =
        Source { numbers: RefCell::new(Numbers::new(input)), passed: Cell::new(0), failure: Cell::new(None) };
    let mut tokens = serde_json::Deserializer::from_slice(input);
    // `Value` counts the nesting itself, because one level of a term may be three of JSON.
    tokens.disable_recursion_limit();
    let read = visit(&source, &mut tokens).and_then(|value| tokens.end().map(|()| value));
    read.map_err(|error| source.failure.take().unwrap_or_else(|| Error::Json(error.to_string())))
}

/// What the visitors of one text share.
pub(crate) struct Source<'i> {
    numbers: RefCell<Numbers<'i>>,
    /// Numbers visited so far.
    passed: Cell<usize>,
    /// The error behind the tokenizer's error.
    failure: Cell<Option<Error>>,
}

impl Source<'_> {
    /// Keeps the error and gives the tokenizer one of its own, which ends the reading.
    pub(crate) fn fail<E: serde::de::Error>(&self, error: Error) -> E {
        let text = E::custom(&error);
        self.failure.set(Some(error));
        text
    }

    fn int<E: serde::de::Error>(&self, value: impl TryInto<i64> + fmt::Display + Copy) -> Result<Tall, E> {
        self.passed.set(self.passed.get() + 1);
        match value.try_into() {
            Ok(value) => Ok(Tall::flat(Term::Int(value))),
            Err(_) => Err(self.fail(Error::JsonInteger(value.to_string()))),
        }
    }

    /// A float, unless its text was an integer.
    fn float<E: serde::de::Error>(&self, value: f64) -> Result<Tall, E> {
        let index = self.passed.replace(self.passed.get() + 1);
        // Integers that the tokenizer turns into floats are -0 and those beyond 64 bits.
        if value == 0.0 || value.abs() >= 9.2e18 {
            let mut numbers = self.numbers.borrow_mut();
            let text = numbers.text(index).unwrap_or_default();
            if !text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
                let text = String::from_utf8_lossy(text).into_owned();
                return match text.as_str() {
                    "-0" => Ok(Tall::flat(Term::Int(0))),
                    _ => Err(self.fail(Error::JsonInteger(text))),
                };
            }
        }
        Term::float(value).map(Tall::flat).map_err(|error| self.fail(error))
    }
}

/// A term and how many levels of containers it has.
pub(crate) struct Tall {
    pub(crate) term: Term,
    pub(crate) height: usize,
}

impl Tall {
    pub(crate) fn flat(term: Term) -> Self {
        Self { term, height: 0 }
    }

    /// The term, unless it is too deep to be stored.
    pub(crate) fn checked(self) -> Result<Term> {
        if self.height <= MAX_DEPTH { Ok(self.term) } else { Err(Error::TooDeep) }
    }
}

/// The seed for one value inside `nesting` arrays and objects.
pub(crate) struct Value<'s, 'i> {
    pub(crate) source: &'s Source<'i>,
    pub(crate) nesting: usize,
}

impl Value<'_, '_> {
    /// The seed for what this value contains.
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.nesting >= MAX_NESTING {
            return Err(self.source.fail(Error::TooDeep));
        }
        Ok(Self { source: self.source, nesting: self.nesting + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = Tall;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Tall, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = Tall;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tall, E> {
        Ok(Tall::flat(Term::nil()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tall, E> {
        Ok(Tall::flat(Term::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Tall, E> {
        self.source.int(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tall, E> {
        self.source.int(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tall, E> {
        self.source.float(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Tall, E> {
        Ok(Tall::flat(Term::from(value)))
    }

    fn visit_string<E>(self, value: String) -> Result<Tall, E> {
        Ok(Tall::flat(Term::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tall, A::Error> {
        let (mut terms, mut height) = (Vec::new(), 0);
        while let Some(element) = elements.next_element_seed(self.inner()?)? {
            height = height.max(element.height);
            terms.push(element.term);
        }
        Ok(Tall { term: Term::List(terms), height: height + 1 })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tall, A::Error> {
        let (mut pairs, mut height) = (BTreeMap::new(), 0);
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.inner()?)?;
            height = height.max(value.height);
            pairs.insert(Term::from(name), value.term);
        }
        if pairs.len() == 1
            && let Some((Term::Binary(name), term)) = pairs.pop_first()
        {
            let tag = String::from_utf8(name).map_err(A::Error::custom)?;
            if tag.starts_with('$') {
                return untag(&tag, Tall { term, height }).map_err(|error| self.source.fail(error));
            }
            pairs.insert(Term::from(tag), term);
        }
        Ok(Tall { term: Term::Map(pairs), height: height + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(open: &str, close: &str, levels: usize) -> String {
        open.repeat(levels) + &close.repeat(levels)
    }

    #[test]
    fn integers_beyond_i64_are_refused_however_long() {
        for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551616", &"9".repeat(50)] {
            let wrapped = format!("[0, 1.0, \"2\", {text}]");
            assert_eq!(parse(wrapped.as_bytes()), Err(Error::JsonInteger(text.to_owned())));
        }
        assert_eq!(parse(b"9223372036854775807"), Ok(Term::from(i64::MAX)));
    }

    #[test]
    fn fraction_or_exponent_makes_a_float() {
        for (text, value) in [("1.0", 1.0), ("1e2", 100.0), ("1E+30", 1e30), ("-0.0", 0.0), ("0e5", 0.0)] {
            assert_eq!(parse(text.as_bytes()), Term::float(value), "{text}");
        }
        assert_eq!(
            parse(b"[-0, 1e20, -0]"),
            Ok(Term::list([0.into(), Term::float(1e20).unwrap(), 0.into()]))
        );
        assert!(matches!(parse(b"1e400"), Err(Error::Json(_))));
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        assert_eq!(parse(nested("[", "]", 200_000).as_bytes()), Err(Error::TooDeep));
        assert_eq!(parse("[".repeat(200_000).as_bytes()), Err(Error::TooDeep));
        assert_eq!(parse("{\"a\":".repeat(200_000).as_bytes()), Err(Error::TooDeep));
        assert_eq!(parse("{\"$map\":[[".repeat(200_000).as_bytes()), Err(Error::TooDeep));
        assert_eq!(parse(nested("[", "]", MAX_DEPTH + 1).as_bytes()), Err(Error::TooDeep));
    }

    #[test]
    fn the_deepest_terms_are_read() {
        assert!(parse(nested("[", "]", MAX_DEPTH).as_bytes()).is_ok());
        let mut map = Term::nil();
        for _ in 0..MAX_DEPTH {
            map = Term::map([(Term::from(1), map)]);
        }
        assert_eq!(parse(map.to_string().as_bytes()), Ok(map.clone()));
        let deeper = Term::map([(Term::from(1), map)]);
        assert_eq!(parse(deeper.to_string().as_bytes()), Err(Error::TooDeep));
    }

    #[test]
    fn of_equal_names_the_last_one_wins() {
        assert_eq!(parse(br#"{"a":1,"a":2}"#), Ok(Term::map([(Term::from("a"), Term::from(2))])));
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert!(matches!(parse(b"1 2"), Err(Error::Json(_))));
        assert_eq!(parse(b" 1\n"), Ok(Term::from(1)));
    }

    #[test]
    fn a_key_that_is_json_but_no_term_is_refused() {
        for key in [
            "9223372036854775808",
            "-9223372036854775809",
            "1e309",
            r#"{"$foo":1}"#,
            r#"{"$atom":5}"#,
            r#""\ud800""#,
        ] {
            assert!(parse_key(key.as_bytes()).is_err(), "{key}");
        }
        // No JSON, though it begins like the first.
        let word = "9223372036854775808-b";
        assert_eq!(parse_key(word.as_bytes()).unwrap(), Term::from(word));
    }

    #[test]
    fn a_key_that_is_no_json_is_taken_as_it_is() {
        assert_eq!(parse_key(b"user:1").unwrap(), Term::from("user:1"));
        assert_eq!(parse_key(b"\xFF\x00").unwrap(), Term::from(vec![0xFF, 0x00]));
        assert_eq!(parse_key(b"").unwrap(), Term::from(""));
        assert_eq!(parse_key(br#"{"$tuple":[1,"a"]}"#).unwrap(), Term::tuple([1.into(), "a".into()]));
    }
}
