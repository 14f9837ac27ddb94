//! Records from text, one by one, each with the number of its line.

use std::io::{BufRead, Read};

use csv::ByteRecord;
use mnemon_store::Expiry;
use mnemon_table::schema::Schema;
use mnemon_term::{Record, Term};

use super::{EXPIRES_AT, TextFormat, database, field, lifetime};
use crate::error::BackupError;

/// The longest line of JSON.
const LINE_MAX: u64 = 256 << 20;

/// A record of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRecord {
    /// Where it stands, from 1.
    pub line: u64,
    /// It; of a database, a key and a value.
    pub record: Record,
    /// When it expires; `None`: the text does not say.
    pub expiry: Option<Expiry>,
}

/// A text whose quotes are counted: the library takes what stands behind one that is not closed for the rest of its field, so that a
/// file that was cut would look whole.
struct Quoted<R> {
    input: R,
    /// Whether one has been opened and not closed: a quote in a quoted field is two.
    is_open: bool,
    is_at_end: bool,
}

impl<R> Quoted<R> {
    fn new(input: R) -> Self {
        Self { input, is_open: false, is_at_end: false }
    }

    fn is_cut(&self) -> bool {
        self.is_at_end && self.is_open
    }
}

impl<R: Read> Read for Quoted<R> {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(piece)?;
        let quotes = piece.iter().take(count).filter(|byte| **byte == b'"').count();
        self.is_open ^= quotes % 2 == 1;
        self.is_at_end |= count == 0 && !piece.is_empty();
        Ok(count)
    }
}

/// The records of a text. After an error there is nothing more.
pub struct Lines<'s, R> {
    schema: &'s Schema,
    is_database: bool,
    form: Form<R>,
    done: bool,
}

enum Form<R> {
    Jsonl { input: R, line: u64, text: Vec<u8> },
    Csv { input: Box<csv::Reader<Quoted<R>>>, places: Vec<Column>, record: ByteRecord },
}

/// What a column of CSV holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    /// The attribute at this place.
    Attribute(usize),
    ExpiresAt,
}

/// The records of a text, each checked against the schema and with the number of its line, from 1. `is_database`: the text is of a
/// numbered database, and `schema` what [`super::database_schema`] gives.
///
/// # Errors
/// `Line` for a first line of CSV that does not name the table's attributes, `Io`. Later, item by item: `Line`, `Io`.
pub fn records<R: BufRead>(
    format: TextFormat,
    schema: &Schema,
    is_database: bool,
    input: R,
) -> Result<Lines<'_, R>, BackupError> {
    let form = match format {
        TextFormat::Jsonl => Form::Jsonl { input, line: 0, text: Vec::new() },
        TextFormat::Csv => {
            let input = csv::ReaderBuilder::new().has_headers(false).from_reader(Quoted::new(input));
            let mut input = Box::new(input);
            let mut record = ByteRecord::new();
            let places = match input.read_byte_record(&mut record).map_err(|cause| refused(&cause, 1))? {
                true => columns(&record, schema)?,
                false => Vec::new(),
            };
            Form::Csv { input, places, record }
        }
    };
    Ok(Lines { schema, is_database, form, done: false })
}

/// The place of each column's attribute.
fn columns(header: &ByteRecord, schema: &Schema) -> Result<Vec<Column>, BackupError> {
    let bad = |cause: String| BackupError::Line { line: 1, cause };
    let mut places = Vec::new();
    for (number, name) in header.iter().enumerate() {
        // Spreadsheets begin a file with a mark of its encoding.
        let name = if number == 0 { name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name) } else { name };
        let name = String::from_utf8_lossy(name);
        let column = match schema.place_of(&name) {
            Some(place) => Column::Attribute(usize::from(place)),
            None if name == EXPIRES_AT => Column::ExpiresAt,
            None => {
                let known = schema.attribute_names().join(", ");
                return Err(bad(format!("{name:?} is no attribute of the table; they are {known}")));
            }
        };
        if places.contains(&column) {
            return Err(bad(format!("the attribute {name:?} is there twice")));
        }
        places.push(column);
    }
    if !places.contains(&Column::Attribute(0)) {
        return Err(bad(format!("the key {:?} is not among the columns", schema.attribute_names()[0])));
    }
    Ok(places)
}

impl<R: BufRead> Iterator for Lines<'_, R> {
    type Item = Result<TextRecord, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.form {
            Form::Jsonl { input, line, text } => next_object(self.schema, input, line, text),
            Form::Csv { input, places, record } => {
                next_fields(self.schema, self.is_database, input, places, record)
            }
        };
        let next = next.transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

type Next = Result<Option<TextRecord>, BackupError>;

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
        let (record, expiry) = lifetime::take_line(text, &schema.attribute_names()).map_err(refuse)?;
        let refuse = |cause: String| BackupError::Line { line: *line, cause };
        schema.check(record.as_ref()).map_err(|cause| refuse(cause.to_string()))?;
        return Ok(Some(TextRecord { line: *line, record, expiry }));
    }
}

fn next_fields<R: Read>(
    schema: &Schema,
    is_database: bool,
    input: &mut csv::Reader<Quoted<R>>,
    places: &[Column],
    fields: &mut ByteRecord,
) -> Next {
    let at = input.position().line();
    let is_there = input.read_byte_record(fields).map_err(|cause| refused(&cause, at))?;
    let line = fields.position().filter(|_| is_there).map_or(at, csv::Position::line);
    let refuse = |cause: String| BackupError::Line { line, cause };
    if input.get_ref().is_cut() {
        return Err(refuse("here or before it a quote is not closed".to_owned()));
    }
    if !is_there {
        return Ok(None);
    }
    let mut terms = vec![Term::nil(); schema.arity()];
    let mut expiry = None;
    for (text, column) in fields.iter().zip(places) {
        let Column::Attribute(place) = column else {
            expiry = lifetime::take_field(text).map_err(refuse)?;
            continue;
        };
        let Some(attribute) = schema.attributes().get(*place) else { continue };
        let takes = if is_database { database::FIELD } else { attribute.attribute_type() };
        let term = field::take(text, takes);
        let term = term.map_err(|cause| refuse(format!("{}: {cause}", attribute.name())))?;
        if let Some(slot) = terms.get_mut(*place) {
            *slot = term;
        }
    }
    let record = Record::new(&terms).map_err(|cause| refuse(cause.to_string()))?;
    schema.check(record.as_ref()).map_err(|cause| refuse(cause.to_string()))?;
    Ok(Some(TextRecord { line, record, expiry }))
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
