//! Prometheus's text format, version 0.0.4.
//!
//! Each number is read from where it is counted at the moment of the scrape, so there is nothing to register: libraries
//! for this own the counters they print, and most keep them in a registry of the process.

use std::fmt::{Display, Write};

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text so far.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    /// Opens a metric. Its samples must follow before the next one is opened.
    pub(crate) fn metric<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Metric<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Metric { text: &mut self.0, name }
    }

    /// A metric of one sample without labels.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help).sample("", &[], value);
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// A metric whose samples are being written.
pub(crate) struct Metric<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Metric<'_> {
    /// One sample; `suffix` is that of a histogram's part, else empty.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (place, (name, label)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"", if place == 0 { '{' } else { ',' });
            escape(label, self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escape(label: &str, into: &mut String) {
    for sign in label.chars() {
        match sign {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_metric_and_labels_are_escaped() {
        let mut text = Exposition::default();
        text.single("a_total", Kind::Counter, "All.", 3);
        let mut rows = text.metric("rows", Kind::Gauge, "Rows.");
        rows.sample("", &[("table", "x\"\\\n"), ("kind", "set")], 1.5);
        rows.sample("", &[], 0);
        assert_eq!(
            text.into_text(),
            "# HELP a_total All.\n# TYPE a_total counter\na_total 3\n\
             # HELP rows Rows.\n# TYPE rows gauge\nrows{table=\"x\\\"\\\\\\n\",kind=\"set\"} 1.5\nrows 0\n"
        );
    }
}
