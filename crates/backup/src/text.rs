//! Tables as text, for people and other programs: JSON lines, and CSV with a line of names.
//!
//! What must stay true: what is exported and imported into a table with the same attributes is the same records, whatever
//! terms they hold; memory is that of a batch, however long the file; an error of an import names its line, and everything
//! before that line is in the table. Times to live are not text: imported records get the table's own.

mod field;
mod reading;

pub use reading::{Lines, records};

use std::fmt;
use std::io::{BufRead, Write};
use std::str::FromStr;

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

/// Writes the records of a table at a moment; how many there were. Blocks.
///
/// # Errors
/// `Table` for `db0`…`db15`, whose values are no records, and for a moment that was closed; `Io`.
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
    format: TextFormat,
    mut out: impl Write,
    progress: &Progress,
) -> Result<u64, BackupError> {
    refuse_databases(&of.table)?;
    let names = of.schema.attribute_names();
    let failed = || BackupError::io("write", "the export");
    let mut line = Vec::new();
    if format == TextFormat::Csv {
        let header: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        field::put_line(&header, &mut line);
        out.write_all(&line).map_err(failed())?;
    }
    let (mut count, mut bytes) = (0, line.len() as u64);
    for page in moment.pages(of) {
        for row in page? {
            for body in bodies(&row) {
                line.clear();
                let record = RecordRef::trusted(body);
                match format {
                    TextFormat::Jsonl => {
                        json::write_record(record, &names, &mut line).map_err(TableError::from)?;
                        line.push(b'\n');
                    }
                    TextFormat::Csv => field::put_record(record, &of.schema, &mut line),
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
    refuse_databases(table)?;
    let schema = table.schema().as_ref().clone();
    let mut lines = records(format, &schema, input)?;
    let (mut batch, mut bytes, mut count) = (Vec::<Record>::new(), 0, 0);
    loop {
        let next = lines.next();
        if let Some(Ok((_, record))) = &next {
            bytes += record.as_bytes().len();
            batch.push(record.clone());
        }
        let ends = !matches!(next, Some(Ok(_)));
        if batch.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES || ends && !batch.is_empty() {
            table.write_all(&batch).await?;
            count += batch.len() as u64;
            batch.clear();
            bytes = 0;
        }
        match next {
            Some(Err(cause)) => return Err(cause),
            None => return Ok(count),
            Some(Ok(_)) => {}
        }
    }
}

fn refuse_databases(table: &Table) -> Result<(), BackupError> {
    if table.is_database() {
        let cause = "db0…db15 hold strings and hashes, not records; take a backup of it";
        return Err(TableError::Unsupported { table: table.name(), cause }.into());
    }
    Ok(())
}
