//! Answers that are lists of records, as a table.

use std::fmt;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use mnemon_resp::protocol::Reply;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::output::printable;

/// More columns than this are no table that anybody can read.
const COLUMNS_MAX: usize = 64;

/// An object whose fields keep the order in which they were written.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The answer as a table, if it is a list of records and nothing else.
pub(super) fn table(reply: &Reply, width: Option<u16>) -> Option<String> {
    let Reply::Array(items) = reply else { return None };
    let rows: Vec<Fields> = items.iter().map(record).collect::<Option<_>>()?;
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.0) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
        if columns.len() > COLUMNS_MAX {
            return None;
        }
    }
    if columns.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(columns.iter().map(|name| printable(name)));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in &rows {
        let cell = |name: &&str| {
            row.0.iter().find(|(field, _)| field == name).map_or_else(String::new, |(_, value)| text(value))
        };
        table.add_row(columns.iter().map(cell));
    }
    let count = rows.len();
    Some(format!("{table}\n({count} {})", if count == 1 { "record" } else { "records" }))
}

fn record(reply: &Reply) -> Option<Fields> {
    let bytes = match reply {
        Reply::Bulk(bytes) => bytes.as_slice(),
        Reply::StaticBulk(text) => text.as_bytes(),
        _ => return None,
    };
    if bytes.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Reply {
        Reply::Array(items.iter().map(Reply::bulk).collect())
    }

    #[test]
    fn records_stand_in_columns_in_their_own_order() {
        let reply = list(&[r#"{"id":1,"name":"Ada","tags":["x"]}"#, r#"{"id":2,"age":36,"name":null}"#]);
        let table = table(&reply, None).unwrap();
        let lines: Vec<Vec<&str>> =
            table.lines().map(|line| line.split(['│', '┆']).map(str::trim).collect()).collect();
        assert_eq!(lines[1][1..5], ["id", "name", "tags", "age"], "{table}");
        assert_eq!(lines[3][1..5], ["1", "Ada", r#"["x"]"#, ""], "{table}");
        assert_eq!(lines[4][1..5], ["2", "", "", "36"], "{table}");
        assert!(table.ends_with("(2 records)"));
    }

    #[test]
    fn what_is_no_list_of_records_is_no_table() {
        for reply in [
            list(&[]),
            list(&["a"]),
            list(&["{}"]),
            list(&[r#"{"a":1}"#, "b"]),
            list(&["[1]"]),
            Reply::Int(1),
            Reply::bulk(r#"{"a":1}"#),
        ] {
            assert_eq!(table(&reply, None), None, "{reply:?}");
        }
        let wide: String = (0..100).map(|n| format!("\"c{n}\":1,")).collect();
        assert_eq!(table(&list(&[&format!("{{{}}}", wide.trim_end_matches(','))]), None), None);
    }
}
