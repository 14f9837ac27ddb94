//! Records from text, one by one, each with the number of its line.

use std::io::{BufRead, Read};

use csv::ByteRecord;
use mnemon_table::schema::Schema;
use mnemon_term::{Record, Term, json};

use super::TextFormat;
use super::field;
use crate::error::BackupError;

/// The longest line of JSON.
const LINE_MAX: u64 = 256 << 20;

/// The records of a text. After an error there is nothing more.
pub struct Lines<'s, R> {
    schema: &'s Schema,
    form: Form<R>,
    done: bool,
}

enum Form<R> {
    Jsonl { input: R, line: u64, text: Vec<u8> },
    Csv { input: Box<csv::Reader<R>>, places: Vec<usize>, record: ByteRecord },
}

/// The records of a text, each checked against the schema and with the number of its line, from 1.
///
/// # Errors
/// `Line` for a first line of CSV that does not name the table's attributes, `Io`. Later, item by item: `Line`, `Io`.
pub fn records<R: BufRead>(
    format: TextFormat,
    schema: &Schema,
    input: R,
) -> Result<Lines<'_, R>, BackupError> {
    let form = match format {
        TextFormat::Jsonl => Form::Jsonl { input, line: 0, text: Vec::new() },
        TextFormat::Csv => {
            let mut input = Box::new(csv::ReaderBuilder::new().has_headers(false).from_reader(input));
            let mut record = ByteRecord::new();
            let places = match input.read_byte_record(&mut record).map_err(|cause| refused(&cause, 1))? {
                true => columns(&record, schema)?,
                false => Vec::new(),
            };
            Form::Csv { input, places, record }
        }
    };
    Ok(Lines { schema, form, done: false })
}

/// The place of each column's attribute.
fn columns(header: &ByteRecord, schema: &Schema) -> Result<Vec<usize>, BackupError> {
    let bad = |cause: String| BackupError::Line { line: 1, cause };
    let mut places = Vec::new();
    for (number, name) in header.iter().enumerate() {
        // Spreadsheets begin a file with a mark of its encoding.
        let name = if number == 0 { name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name) } else { name };
        let name = String::from_utf8_lossy(name);
        let place = schema.place_of(&name).map(usize::from).ok_or_else(|| {
            let known = schema.attribute_names().join(", ");
            bad(format!("{name:?} is no attribute of the table; they are {known}"))
        })?;
        if places.contains(&place) {
            return Err(bad(format!("the attribute {name:?} is there twice")));
        }
        places.push(place);
    }
    if !places.contains(&0) {
        return Err(bad(format!("the key {:?} is not among the columns", schema.attribute_names()[0])));
    }
    Ok(places)
}

impl<R: BufRead> Iterator for Lines<'_, R> {
    type Item = Result<(u64, Record), BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.form {
            Form::Jsonl { input, line, text } => next_object(self.schema, input, line, text),
            Form::Csv { input, places, record } => next_fields(self.schema, input, places, record),
        };
        let next = next.transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

type Next = Result<Option<(u64, Record)>, BackupError>;

fn next_object<R: BufRead>(schema: &Schema, input: &mut R, line: &mut u64, text: &mut Vec<u8>) -> Next {
    loop {
        text.clear();
        let read = input.by_ref().take(LINE_MAX).read_until(b'\n', text);
        read.map_err(BackupError::io("read", "the text"))?;
        if text.is_empty() {
            return Ok(None);
        }
        *line += 1;
        let refuse = |cause: String| BackupError::Line { line: *line, cause };
        if text.len() as u64 >= LINE_MAX {
            return Err(refuse(format!("it is longer than {LINE_MAX} bytes")));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let record = json::record_from_json(text, &schema.attribute_names());
        let record = record.map_err(|cause| refuse(cause.to_string()))?;
        schema.check(record.as_ref()).map_err(|cause| refuse(cause.to_string()))?;
        return Ok(Some((*line, record)));
    }
}

fn next_fields<R: Read>(
    schema: &Schema,
    input: &mut csv::Reader<R>,
    places: &[usize],
    fields: &mut ByteRecord,
) -> Next {
    let at = input.position().line();
    if !input.read_byte_record(fields).map_err(|cause| refused(&cause, at))? {
        return Ok(None);
    }
    let line = fields.position().map_or(at, csv::Position::line);
    let refuse = |cause: String| BackupError::Line { line, cause };
    let mut terms = vec![Term::nil(); schema.arity()];
    for (text, place) in fields.iter().zip(places) {
        let Some(attribute) = schema.attributes().get(*place) else { continue };
        let term = field::take(text, attribute.attribute_type());
        let term = term.map_err(|cause| refuse(format!("{}: {cause}", attribute.name())))?;
        if let Some(slot) = terms.get_mut(*place) {
            *slot = term;
        }
    }
    let record = Record::new(&terms).map_err(|cause| refuse(cause.to_string()))?;
    schema.check(record.as_ref()).map_err(|cause| refuse(cause.to_string()))?;
    Ok(Some((line, record)))
}

/// An error of the reader of CSV.
fn refused(cause: &csv::Error, at: u64) -> BackupError {
    if let csv::ErrorKind::Io(cause) = cause.kind() {
        return BackupError::io("read", "the text")(std::io::Error::new(cause.kind(), cause.to_string()));
    }
    let line = cause.position().map_or(at, csv::Position::line);
    let cause = match cause.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields, the first line has {expected_len}")
        }
        _ => cause.to_string(),
    };
    BackupError::Line { line, cause }
}
