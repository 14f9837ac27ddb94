//! Tables as text, for people and other programs: JSON lines, and CSV with a line of names.
//!
//! What must stay true: what is exported and imported into a table with the same attributes is the same records, whatever
//! terms they hold; memory is that of a batch, however long the file; an error of an import names its line, and everything
//! before that line is in the table. Times to live are told if that is asked for.

mod database;
mod field;
mod lifetime;
mod reading;

pub use lifetime::EXPIRES_AT;
pub use reading::{Lines, TextRecord, records};

use std::fmt;
use std::io::{BufRead, Write};
use std::str::FromStr;

use mnemon_store::Expiry;
use mnemon_table::schema::Schema;
use mnemon_table::{Moment, Still, Table, TableError};
use mnemon_term::{Record, RecordRef, json};
use serde::{Deserialize, Serialize};

use crate::create::Progress;
use crate::entry::bodies;
use crate::error::BackupError;

/// Records that an import writes in one commit.
const BATCH_RECORDS: usize = 512;
/// Bytes that an import writes in one commit, one record at least.
const BATCH_BYTES: usize = 1 << 20;

/// How records are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// A JSON object a line, by attribute names; what JSON cannot say is tagged (see `mnemon_term::json`).
    #[default]
    Jsonl,
    /// RFC 4180 with a first line of attribute names. A field is read by its attribute's type: see `docs/backup.md`.
    Csv,
}

impl fmt::Display for TextFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        })
    }
}

impl FromStr for TextFormat {
    type Err = BackupError;

    /// # Errors
    /// `Unsupported` for another word than `jsonl` and `csv`.
    fn from_str(text: &str) -> Result<Self, BackupError> {
        match text {
            "jsonl" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            _ => Err(BackupError::Unsupported(format!("there is no format {text:?}; it is jsonl or csv"))),
        }
    }
}

/// What an export writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// How.
    pub format: TextFormat,
    /// Whether each record says when it expires, as [`EXPIRES_AT`].
    pub expiry: bool,
}

impl From<TextFormat> for TextOptions {
    fn from(format: TextFormat) -> Self {
        Self { format, expiry: false }
    }
}

/// The schema that text of a table is written and read by: its own; for `db0`…`db15` that of keys and values.
#[must_use]
pub fn schema_of(table: &Table) -> Schema {
    if table.is_database() { database::schema(&table.name()) } else { table.schema().as_ref().clone() }
}

/// The schema of the text of a numbered database.
#[must_use]
pub fn database_schema(name: &str) -> Schema {
    database::schema(name)
}

/// Writes the records of a table at a moment; how many there were. Of `db0`…`db15` keys and values are written as records of
/// the attributes `key` and `value`, where an object is a hash. Blocks.
///
/// # Errors
/// `Table` for a moment that was closed; `Io`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mnemon_backup::text::{TextFormat, export, import};
/// # use mnemon_backup::Progress;
/// # use mnemon_table::{Catalog, schema::{AttributeType, Schema}};
/// # use mnemon_store::SystemClock;
/// # use mnemon_term::{Record, Term};
/// # let catalog = Catalog::local(Box::new(SystemClock));
/// # let schema = Schema::builder("t").attribute("id", AttributeType::Int).attribute("name", AttributeType::String);
/// let table = catalog.create(schema.build()?).await?;
/// table.write(Record::new(&[Term::from(1), Term::from("Ada, \"Countess\"")])?.as_ref()).await?;
///
/// let moment = catalog.moment(60_000).await;
/// let mut text = Vec::new();
/// export(&moment, &moment.tables()[0], TextFormat::Csv, &mut text, &Progress::default())?;
/// assert_eq!(String::from_utf8_lossy(&text), "id,name\n1,\"Ada, \"\"Countess\"\"\"\n");
///
/// table.clear().await?;
/// assert_eq!(import(&table, TextFormat::Csv, &text[..]).await?, 1);
/// # Ok(()) }
/// ```
pub fn export(
    moment: &Moment,
    of: &Still,
    options: impl Into<TextOptions>,
    mut out: impl Write,
    progress: &Progress,
) -> Result<u64, BackupError> {
    let TextOptions { format, expiry } = options.into();
    let is_database = of.table.is_database();
    let schema = if is_database { database::schema(of.schema.name()) } else { of.schema.as_ref().clone() };
    let names = schema.attribute_names();
    let failed = || BackupError::io("write", "the export");
    let mut line = Vec::new();
    if format == TextFormat::Csv {
        let columns = names.iter().copied().chain(expiry.then_some(EXPIRES_AT));
        let header: Vec<Vec<u8>> = columns.map(|name| name.as_bytes().to_vec()).collect();
        field::put_line(&header, &mut line);
        out.write_all(&line).map_err(failed())?;
    }
    let (mut count, mut bytes) = (0, line.len() as u64);
    for page in moment.pages(of) {
        for row in page? {
            let value =
                if is_database { Some(database::record_of(&row).map_err(TableError::from)?) } else { None };
            let records = value.iter().map(Record::as_ref);
            let own = (!is_database).then(|| bodies(&row).map(RecordRef::trusted));
            for record in records.chain(own.into_iter().flatten()) {
                line.clear();
                match format {
                    TextFormat::Jsonl => {
                        let told = expiry.then(|| row.expires_at().map_or(Expiry::Never, Expiry::At));
                        put_json(record, &names, told, &mut line)?;
                    }
                    TextFormat::Csv => {
                        let told = expiry.then_some(row.expires_at());
                        field::put_record(record, &schema, is_database, told, &mut line);
                    }
                }
                out.write_all(&line).map_err(failed())?;
                count += 1;
                bytes += line.len() as u64;
            }
        }
        progress.note(count, bytes);
        progress.check()?;
    }
    out.flush().map_err(failed())?;
    Ok(count)
}

/// Writes the records of a text into a table, over those that have their keys; a bag gets them beside its own. Some hundreds
/// are one commit. Gives how many there were. Reads where it is called.
///
/// # Errors
/// `Line` for a line that is no record of the table; everything before it is in the table. `Table` when the table takes no
/// writes: then a part of the lines may be in it. `Io`.
pub async fn import(table: &Table, format: TextFormat, input: impl BufRead) -> Result<u64, BackupError> {
    let is_database = table.is_database();
    let schema = schema_of(table);
    let mut lines = records(format, &schema, is_database, input)?;
    let (mut batch, mut bytes, mut count) = (Vec::<TextRecord>::new(), 0, 0);
    loop {
        let next = lines.next();
        let (found, end) = match next {
            Some(Ok(found)) => (Some(found), None),
            Some(Err(cause)) => (None, Some(Err(cause))),
            None => (None, Some(Ok(()))),
        };
        bytes += found.as_ref().map_or(0, |found| found.record.as_bytes().len());
        batch.extend(found);
        if batch.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES || end.is_some() && !batch.is_empty() {
            count += write(table, &batch).await?;
            batch.clear();
            bytes = 0;
        }
        match end {
            Some(Err(cause)) => return Err(cause),
            Some(Ok(())) => return Ok(count),
            None => {}
        }
    }
}

async fn write(table: &Table, batch: &[TextRecord]) -> Result<u64, BackupError> {
    if table.is_database() {
        let mut refused = None;
        let mut ops = Vec::new();
        for found in batch {
            match database::op_of(found.record.as_ref(), found.expiry) {
                Ok(op) => ops.push(op),
                Err(cause) => {
                    refused = Some(BackupError::Line { line: found.line, cause });
                    break;
                }
            }
        }
        // What stands before a bad line is in the table.
        table.submit_all(ops).await?;
        if let Some(cause) = refused {
            return Err(cause);
        }
    } else {
        let records: Vec<_> = batch.iter().map(|found| (found.record.as_ref(), found.expiry)).collect();
        table.write_each(&records).await?;
    }
    Ok(batch.len() as u64)
}

/// Appends a record as a line of JSON, with its expiry if there is one to tell.
///
/// # Errors
/// `Table` when the names do not fit it.
pub fn put_json(
    record: RecordRef<'_>,
    names: &[&str],
    expiry: Option<Expiry>,
    line: &mut Vec<u8>,
) -> Result<(), BackupError> {
    json::write_record(record, names, line).map_err(TableError::from)?;
    if let Some(expiry) = expiry {
        lifetime::put_member(expiry, line);
    }
    line.push(b'\n');
    Ok(())
}
