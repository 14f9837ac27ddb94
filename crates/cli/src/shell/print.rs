//! Answers as text.
//!
//! What must stay true: a pretty answer cannot steer the terminal, whatever bytes it holds; nesting is bounded by the
//! decoder, which refuses deeper answers.

use mnemon_resp::protocol::Reply;
use serde_json::{Value, json};

use crate::shell::{Style, records};

/// The text of an answer, without a line break at its end. `width` is that of the terminal.
pub(super) fn render(reply: &Reply, style: Style, width: Option<u16>) -> Vec<u8> {
    match style {
        Style::Json => json_of(reply).to_string().into_bytes(),
        Style::Raw => {
            let mut text = Vec::new();
            raw(reply, &mut text);
            text
        }
        Style::Pretty => match records::table(reply, width) {
            Some(table) => table.into_bytes(),
            None => {
                let mut text = String::new();
                pretty(reply, 0, &mut text);
                text.into_bytes()
            }
        },
    }
}

/// A line for each value; nothing that is not data.
fn raw(reply: &Reply, text: &mut Vec<u8>) {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            join(items.iter(), text);
        }
        Reply::Map(pairs) => join(pairs.iter().flat_map(|(key, value)| [key, value]), text),
        Reply::Bulk(bytes) => text.extend_from_slice(bytes),
        Reply::Null | Reply::NullArray => {}
        other => text.extend_from_slice(plain(other).as_bytes()),
    }
}

fn join<'a>(items: impl Iterator<Item = &'a Reply>, text: &mut Vec<u8>) {
    for (place, item) in items.enumerate() {
        if place > 0 {
            text.push(b'\n');
        }
        raw(item, text);
    }
}

/// The text of a value that has no parts.
fn plain(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) | Reply::Error(text) => text.to_string(),
        Reply::Int(number) => number.to_string(),
        Reply::StaticBulk(text) => (*text).to_owned(),
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Double(number) => number.to_string(),
        Reply::Bool(value) => value.to_string(),
        Reply::BigNumber(digits) => digits.clone(),
        Reply::Verbatim { text, .. } => text.clone(),
        _ => String::new(),
    }
}

fn pretty(reply: &Reply, indent: usize, text: &mut String) {
    match reply {
        Reply::Array(items) => list(items, ')', "(empty array)", indent, text),
        Reply::Set(items) => list(items, '~', "(empty set)", indent, text),
        Reply::Push(items) => list(items, '>', "(empty push)", indent, text),
        Reply::Pairs(pairs) => {
            // A server's own form of an array; no decoder gives it.
            let pair = |(key, value): &(Reply, Reply)| Reply::Array(vec![key.clone(), value.clone()]);
            pretty(&Reply::Array(pairs.iter().map(pair).collect()), indent, text);
        }
        Reply::Map(pairs) if pairs.is_empty() => text.push_str("(empty hash)"),
        Reply::Map(pairs) => {
            let width = pairs.len().to_string().len();
            for (place, (key, value)) in pairs.iter().enumerate() {
                begin(place, width, '#', indent, text);
                pretty(key, indent + width + 2, text);
                text.push_str(" => ");
                let is_nested = matches!(value, Reply::Array(v) | Reply::Set(v) if !v.is_empty())
                    || matches!(value, Reply::Map(pairs) if !pairs.is_empty());
                if is_nested {
                    text.push('\n');
                    text.push_str(&" ".repeat(indent + width + 2));
                }
                pretty(value, indent + width + 2, text);
            }
        }
        Reply::Bulk(bytes) => quote(bytes, text),
        Reply::StaticBulk(words) => quote(words.as_bytes(), text),
        Reply::Null | Reply::NullArray => text.push_str("(nil)"),
        Reply::Int(number) => text.push_str(&format!("(integer) {number}")),
        Reply::Double(number) => text.push_str(&format!("(double) {number}")),
        Reply::Bool(value) => text.push_str(&format!("({value})")),
        Reply::BigNumber(digits) => {
            text.push_str(&format!("(big number) {}", crate::output::printable(digits)))
        }
        // Text for people, with its lines.
        Reply::Verbatim { text: words, .. } => {
            let lines: Vec<String> = words.lines().map(crate::output::printable).collect();
            text.push_str(&lines.join("\n"));
        }
        Reply::Error(words) => text.push_str(&format!("(error) {}", crate::output::printable(words))),
        Reply::Simple(words) => text.push_str(&crate::output::printable(words)),
    }
}

fn list(items: &[Reply], sign: char, empty: &str, indent: usize, text: &mut String) {
    if items.is_empty() {
        text.push_str(empty);
        return;
    }
    let width = items.len().to_string().len();
    for (place, item) in items.iter().enumerate() {
        begin(place, width, sign, indent, text);
        pretty(item, indent + width + 2, text);
    }
}

/// The number of an item; all but the first begin a line.
fn begin(place: usize, width: usize, sign: char, indent: usize, text: &mut String) {
    if place > 0 {
        text.push('\n');
        text.push_str(&" ".repeat(indent));
    }
    text.push_str(&format!("{:>width$}{sign} ", place + 1));
}

/// A string as it could be typed.
fn quote(bytes: &[u8], text: &mut String) {
    text.push('"');
    for chunk in bytes.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match sign {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                control if control.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in control.encode_utf8(&mut buffer).bytes() {
                        text.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
}

fn json_of(reply: &Reply) -> Value {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items.iter().map(json_of).collect(),
        Reply::Map(pairs) => {
            Value::Object(pairs.iter().map(|(key, value)| (plain(key), json_of(value))).collect())
        }
        Reply::Null | Reply::NullArray => Value::Null,
        Reply::Int(number) => json!(number),
        Reply::Double(number) => json!(number),
        Reply::Bool(value) => json!(value),
        other => Value::String(plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(reply: &Reply, style: Style) -> String {
        String::from_utf8(render(reply, style, None)).unwrap()
    }

    #[test]
    fn pretty_is_as_redis_cli_prints() {
        for (reply, text) in [
            (Reply::OK, "OK"),
            (Reply::Int(-1), "(integer) -1"),
            (Reply::Null, "(nil)"),
            (Reply::bulk("a\"\n\u{1b}é"), "\"a\\\"\\n\\x1bé\""),
            (Reply::Bulk(vec![0xff, b'a']), "\"\\xffa\""),
            (Reply::Bool(true), "(true)"),
            (Reply::Double(1.5), "(double) 1.5"),
            (Reply::Array(vec![]), "(empty array)"),
            (Reply::error("ERR no"), "(error) ERR no"),
        ] {
            assert_eq!(show(&reply, Style::Pretty), text);
        }
        let nested = Reply::Array(vec![Reply::bulk("a"), Reply::Array(vec![Reply::Int(1), Reply::Null])]);
        assert_eq!(show(&nested, Style::Pretty), "1) \"a\"\n2) 1) (integer) 1\n   2) (nil)");
        let map = Reply::Map(vec![(Reply::bulk("k"), Reply::Int(1)), (Reply::bulk("l"), nested.clone())]);
        let expected =
            "1# \"k\" => (integer) 1\n2# \"l\" => \n   1) \"a\"\n   2) 1) (integer) 1\n      2) (nil)";
        assert_eq!(show(&map, Style::Pretty), expected);
    }

    #[test]
    fn raw_is_the_data_alone_and_json_one_line() {
        let reply = Reply::Array(vec![
            Reply::bulk("a b"),
            Reply::Int(7),
            Reply::Map(vec![(Reply::bulk("k"), Reply::Null)]),
        ]);
        assert_eq!(show(&reply, Style::Raw), "a b\n7\nk\n");
        assert_eq!(show(&reply, Style::Json), r#"["a b",7,{"k":null}]"#);
        assert_eq!(render(&Reply::Bulk(vec![0, 255]), Style::Raw, None), [0, 255]);
    }
}
