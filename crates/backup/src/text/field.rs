//! Terms as fields of CSV, by their attribute's type.
//!
//! An empty field is `nil`. Numbers, texts, atoms and truth values stand as they are; where that would read back as something
//! else (an empty text, one that begins with a quote), and for everything without a plain form, the field is JSON.

use mnemon_table::schema::{AttributeType, Schema};
use mnemon_term::{RecordRef, Term, TermRef, json};

use super::{database, lifetime};

/// Appends a record as a line.
///
/// `told`: when it expires, if that is a column too.
pub(super) fn put_record(
    record: RecordRef<'_>,
    schema: &Schema,
    is_database: bool,
    told: Option<Option<u64>>,
    out: &mut Vec<u8>,
) {
    let field = |(term, attribute): (TermRef<'_>, &mnemon_table::schema::Attribute)| {
        let mut text = Vec::new();
        let takes = if is_database { database::FIELD } else { attribute.attribute_type() };
        put(term, takes, &mut text);
        text
    };
    let mut fields: Vec<Vec<u8>> = record.iter().zip(schema.attributes()).map(field).collect();
    if let Some(expires_at) = told {
        let mut text = Vec::new();
        lifetime::put_field(expires_at, &mut text);
        fields.push(text);
    }
    put_line(&fields, out);
}

/// Appends fields as a line, quoted where need be.
pub(crate) fn put_line(fields: &[Vec<u8>], out: &mut Vec<u8>) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        // A line with nothing on it would be passed over.
        let alone = fields.len() == 1 && field.is_empty();
        if alone || field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) || is_spaced(field) {
            out.push(b'"');
            for byte in field {
                out.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(field);
        }
    }
    out.push(b'\n');
}

/// Other programs take blanks at the ends away.
fn is_spaced(field: &[u8]) -> bool {
    field.first().is_some_and(u8::is_ascii_whitespace) || field.last().is_some_and(u8::is_ascii_whitespace)
}

fn put(term: TermRef<'_>, takes: AttributeType, out: &mut Vec<u8>) {
    if term.is_nil() {
        return;
    }
    match (takes, term) {
        (AttributeType::String, TermRef::Binary(text)) if is_plain(text, b"\"") => {
            out.extend_from_slice(text)
        }
        (AttributeType::Binary, TermRef::Binary(text))
            if is_plain(text, b"\"{") && std::str::from_utf8(text).is_ok() =>
        {
            out.extend_from_slice(text);
        }
        (AttributeType::Atom, TermRef::Atom(name)) if is_plain(name.as_bytes(), b"{") => {
            out.extend_from_slice(name.as_bytes());
        }
        (AttributeType::Any, TermRef::Binary(text))
            if !text.is_empty() && std::str::from_utf8(text).is_ok() && json::parse(text).is_err() =>
        {
            out.extend_from_slice(text);
        }
        (_, term) => json::write(term, out),
    }
}

fn is_plain(text: &[u8], marks: &[u8]) -> bool {
    text.first().is_some_and(|first| !marks.contains(first))
}

/// Reads a field. What the type does not admit is left to the schema's check.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn take(field: &[u8], takes: AttributeType) -> Result<Term, String> {
    let Some(first) = field.first() else { return Ok(Term::nil()) };
    let as_json = || json::parse(field).map_err(|cause| cause.to_string());
    let text = || std::str::from_utf8(field).map_err(|_| "it is not UTF-8".to_owned());
    match takes {
        AttributeType::String | AttributeType::Binary if *first == b'"' => as_json(),
        AttributeType::Binary if *first == b'{' => as_json(),
        AttributeType::String | AttributeType::Binary => text().map(Term::from),
        AttributeType::Atom if *first == b'{' => as_json(),
        AttributeType::Atom => {
            let name = text()?;
            let atom = mnemon_term::Atom::new(name).map_err(|cause| cause.to_string())?;
            Ok(Term::Atom(atom))
        }
        AttributeType::Float => match as_json()? {
            // Spreadsheets write 1 for 1.0.
            Term::Int(number) => Term::float(number as f64).map_err(|cause| cause.to_string()),
            other => Ok(other),
        },
        // A number that no term can be is text, as in spreadsheets.
        AttributeType::Any => text().map(|text| json::parse_key(field).unwrap_or_else(|_| text.into())),
        _ => as_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(term: Term, takes: AttributeType, field: &str) {
        let mut text = Vec::new();
        put(term.view(), takes, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), field);
        assert_eq!(take(&text, takes), Ok(term), "{field}");
    }

    #[test]
    fn plain_terms_have_plain_fields() {
        use AttributeType as T;
        for takes in [T::Any, T::Int, T::Float, T::String, T::Binary, T::Bool, T::Atom, T::List, T::Tuple] {
            check(Term::nil(), takes, "");
        }
        check(Term::from(-5), T::Int, "-5");
        check(Term::from(5), T::Any, "5");
        check(Term::float(1.0).unwrap(), T::Float, "1.0");
        check(Term::from(1), T::Number, "1");
        check(Term::from("Ada"), T::String, "Ada");
        check(Term::from("5"), T::String, "5");
        check(Term::from("{x"), T::String, "{x");
        check(Term::from("Ada"), T::Any, "Ada");
        check(Term::atom("ok"), T::Atom, "ok");
        check(Term::from(true), T::Bool, "true");
        check(Term::list([Term::from(1)]), T::List, "[1]");
    }

    #[test]
    fn what_would_read_back_as_something_else_is_json() {
        use AttributeType as T;
        check(Term::from(""), T::String, r#""""#);
        check(Term::from("\"x"), T::String, r#""\"x""#);
        check(Term::from("5"), T::Any, r#""5""#);
        check(Term::from("null"), T::Any, r#""null""#);
        check(Term::from("{"), T::Binary, r#""{""#);
        check(Term::from(vec![0xFF]), T::Binary, r#"{"$binary":"/w=="}"#);
        check(Term::atom("{"), T::Atom, r#"{"$atom":"{"}"#);
        check(Term::atom(""), T::Atom, r#"{"$atom":""}"#);
        check(Term::atom("ok"), T::Any, r#"{"$atom":"ok"}"#);
    }

    #[test]
    fn a_whole_number_is_a_float_where_a_float_is_wanted() {
        assert_eq!(take(b"3", AttributeType::Float), Ok(Term::float(3.0).unwrap()));
        assert!(take(b"3,5", AttributeType::Int).is_err() && take(&[0xFF], AttributeType::String).is_err());
    }
}
