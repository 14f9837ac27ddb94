//! Results: one JSON object a line, or a table for the eye. Whatever is measured, is absent or failed goes through here.
//!
//! A record is an ordered list of fields. Records with the same fields that follow one another share one table.

use std::io::{self, Write};

use serde_json::{Number, Value};

use crate::error::Error;

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One object a line, written at once.
    Json,
    /// Aligned columns, written when the columns change; lists are left out.
    Table,
}

/// One result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// A result of the benchmark `bench`.
    pub(crate) fn new(bench: &'static str) -> Self {
        Self::default().with("bench", bench)
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a figure, cut to three decimals: more would be noise. `None` becomes `null`.
    pub(crate) fn figure(self, name: &'static str, figure: Option<f64>) -> Self {
        self.with(name, figure.map_or(Value::Null, rounded))
    }

    /// Adds a list of figures.
    pub(crate) fn figures(self, name: &'static str, figures: &[f64]) -> Self {
        self.with(name, figures.iter().copied().map(rounded).collect::<Vec<_>>())
    }

    fn to_json(&self) -> String {
        let fields: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
        format!("{{{}}}", fields.join(","))
    }

    /// Names and texts of the columns of the table.
    fn columns(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().filter(|(_, value)| !value.is_array()).map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            };
            (*name, text)
        })
    }

    fn has_columns_of(&self, other: &Self) -> bool {
        self.columns().map(|(name, _)| name).eq(other.columns().map(|(name, _)| name))
    }
}

fn rounded(figure: f64) -> Value {
    Number::from_f64((figure * 1000.0).round() / 1000.0).map_or(Value::Null, Value::Number)
}

/// Where results go.
#[derive(Debug)]
pub(crate) struct Report<W> {
    out: W,
    format: Format,
    table: Vec<Record>,
    failures: usize,
}

impl<W: Write> Report<W> {
    /// A report to `out`.
    pub(crate) fn new(out: W, format: Format) -> Self {
        Self { out, format, table: Vec::new(), failures: 0 }
    }

    /// Writes the facts all results share: the machine, versions, commands.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn header(&mut self, record: &Record) -> Result<(), Error> {
        if self.format == Format::Json {
            return self.add(record.clone());
        }
        for (name, text) in record.columns().skip(1) {
            writeln!(self.out, "{name:<18} {text}")?;
        }
        Ok(())
    }

    /// Adds a result.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn add(&mut self, record: Record) -> Result<(), Error> {
        if self.format == Format::Json {
            writeln!(self.out, "{}", record.to_json())?;
            return Ok(self.out.flush()?);
        }
        if self.table.last().is_some_and(|last| !last.has_columns_of(&record)) {
            self.write_table()?;
        }
        self.table.push(record);
        Ok(())
    }

    /// Says that `peer` cannot be compared with, and why.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn absent(&mut self, bench: &'static str, peer: &str, reason: &str) -> Result<(), Error> {
        self.add(Record::new(bench).with("peer", peer).with("absent", reason))
    }

    /// Says that a measurement could not be made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn failed(&mut self, bench: &'static str, what: &str, error: &Error) -> Result<(), Error> {
        self.failures += 1;
        self.add(Record::new(bench).with("failed", what).with("error", error.to_string()))
    }

    /// Writes what is still held back and returns how many measurements failed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self) -> Result<usize, Error> {
        self.write_table()?;
        self.out.flush()?;
        Ok(self.failures)
    }

    fn write_table(&mut self) -> io::Result<()> {
        let rows: Vec<Vec<(&str, String)>> =
            self.table.iter().map(|record| record.columns().collect()).collect();
        let Some(first) = rows.first() else { return Ok(()) };
        let mut lines: Vec<Vec<&str>> = vec![first.iter().map(|(name, _)| *name).collect()];
        lines.extend(rows.iter().map(|row| row.iter().map(|(_, text)| text.as_str()).collect()));
        let mut widths = vec![0; first.len()];
        for line in &lines {
            for (width, text) in widths.iter_mut().zip(line) {
                *width = text.chars().count().max(*width);
            }
        }
        writeln!(self.out)?;
        for line in &lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
            writeln!(self.out, "{}", cells.join("  ").trim_end())?;
        }
        self.table.clear();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format) -> (String, usize) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, format);
        report.header(&Record::new("header").with("cores", 2)).unwrap();
        for (command, ops) in [("set", Some(1_000.123_456)), ("incr", None)] {
            let record =
                Record::new("resp").with("command", command).figure("ops", ops).figures("ratios", &[1.0]);
            report.add(record).unwrap();
        }
        report.absent("resp", "redis", "not in \"PATH\"").unwrap();
        report.failed("memory", "fill", &Error::Proc { what: "x", path: "/p".into() }).unwrap();
        let failures = report.finish().unwrap();
        (String::from_utf8(out).unwrap(), failures)
    }

    #[test]
    fn every_json_line_is_an_object_with_its_fields_in_order() {
        let (text, failures) = shown(Format::Json);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r#"{"bench":"header","cores":2}"#);
        assert_eq!(lines[1], r#"{"bench":"resp","command":"set","ops":1000.123,"ratios":[1.0]}"#);
        assert_eq!(lines[2], r#"{"bench":"resp","command":"incr","ops":null,"ratios":[1.0]}"#);
        assert_eq!(lines[3], r#"{"bench":"resp","peer":"redis","absent":"not in \"PATH\""}"#);
        assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).unwrap().is_object()));
        assert_eq!((lines.len(), failures), (5, 1));
    }

    #[test]
    fn a_table_aligns_equal_records_and_starts_anew_for_others() {
        let (text, _) = shown(Format::Table);
        let expected = "cores              2\n\nbench  command  ops\nresp   set      1000.123\nresp   incr     -\n\n\
                        bench  peer   absent\nresp   redis  not in \"PATH\"\n";
        assert!(text.starts_with(expected), "{text}");
    }
}
