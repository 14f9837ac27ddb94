//! Writes terms as JSON. What each term becomes is the table in [`super`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::{TAG_ATOM, TAG_BINARY, TAG_MAP, TAG_TUPLE};
use crate::term::Term;
use crate::view::{MapRef, SeqRef, TermRef};

/// Appends a term as compact JSON. O(size).
///
/// A float made by hand that is NaN or infinite is written as `null`; no stored term holds one.
///
/// ```
/// use mnemon_term::{Term, json};
///
/// let mut text = Vec::new();
/// json::write(&Term::tuple([Term::atom("ok"), Term::from("é")]), &mut text);
/// assert_eq!(text, r#"{"$tuple":[{"$atom":"ok"},"é"]}"#.as_bytes());
/// ```
pub fn write<'t>(term: impl Into<TermRef<'t>>, out: &mut Vec<u8>) {
    put(term.into(), out);
}

pub(crate) fn put(term: TermRef<'_>, out: &mut Vec<u8>) {
    match term {
        TermRef::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        TermRef::Float(value) if value.is_finite() => {
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        }
        TermRef::Float(_) | TermRef::Atom("nil") => out.extend_from_slice(b"null"),
        TermRef::Atom(name @ ("true" | "false")) => out.extend_from_slice(name.as_bytes()),
        TermRef::Atom(name) => tagged(TAG_ATOM, out, |out| put_text(name, out)),
        TermRef::Binary(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => put_text(text, out),
            Err(_) => tagged(TAG_BINARY, out, |out| put_text(&STANDARD.encode(bytes), out)),
        },
        TermRef::Tuple(elements) => tagged(TAG_TUPLE, out, |out| put_array(elements, out)),
        TermRef::List(elements) => put_array(elements, out),
        TermRef::Map(pairs) if is_object(pairs) => put_object(pairs, out),
        TermRef::Map(pairs) => tagged(TAG_MAP, out, |out| put_pairs(pairs, out)),
    }
}

/// Whether the map is written as an object: text keys only, and not what would read as a tag.
fn is_object(pairs: MapRef<'_>) -> bool {
    let single = pairs.len() == 1;
    pairs.stored().all(|(key, _)| key.as_str().is_some_and(|text| !(single && text.starts_with('$'))))
}

fn put_object(pairs: MapRef<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        comma(at, out);
        put_text(key.as_str().unwrap_or_default(), out);
        out.push(b':');
        put(value, out);
    }
    out.push(b'}');
}

fn put_pairs(pairs: MapRef<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, (key, value)) in pairs.iter().enumerate() {
        comma(at, out);
        out.push(b'[');
        put(key, out);
        out.push(b',');
        put(value, out);
        out.push(b']');
    }
    out.push(b']');
}

fn put_array(elements: SeqRef<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, element) in elements.iter().enumerate() {
        comma(at, out);
        put(element, out);
    }
    out.push(b']');
}

fn tagged(tag: &str, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(b"\":");
    value(out);
    out.push(b'}');
}

pub(crate) fn comma(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing a string into a buffer cannot fail");
}

impl fmt::Display for TermRef<'_> {
    /// The term as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        put(*self, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Display for Term {
    /// The term as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(term: Term, json: &str) {
        assert_eq!(term.to_string(), json);
        assert_eq!(crate::json::parse(json.as_bytes()).unwrap(), term);
    }

    #[test]
    fn scalars_are_plain() {
        check(Term::nil(), "null");
        check(Term::from(true), "true");
        check(Term::from(i64::MIN), "-9223372036854775808");
        check(Term::float(1.0).unwrap(), "1.0");
        check(Term::float(1e300).unwrap(), "1e300");
        check(Term::from("a\"\u{1}é"), r#""a\"\u0001é""#);
    }

    #[test]
    fn what_json_cannot_say_is_tagged() {
        check(Term::atom("ok"), r#"{"$atom":"ok"}"#);
        check(Term::tuple([]), r#"{"$tuple":[]}"#);
        check(Term::from(vec![0xFF, 0x00]), r#"{"$binary":"/wA="}"#);
        check(Term::map([(Term::from(1), Term::nil())]), r#"{"$map":[[1,null]]}"#);
    }

    #[test]
    fn a_map_whose_only_key_begins_with_a_dollar_is_tagged() {
        check(Term::map([(Term::from("$atom"), Term::from("x"))]), r#"{"$map":[["$atom","x"]]}"#);
        let two = Term::map([(Term::from("$tuple"), Term::list([])), (Term::from("x"), Term::from(1))]);
        check(two, r#"{"$tuple":[],"x":1}"#);
    }

    #[test]
    fn a_float_that_is_no_number_is_null() {
        assert_eq!(TermRef::Float(f64::NAN).to_string(), "null");
    }
}
