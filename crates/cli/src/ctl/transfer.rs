//! `mnemon ctl export` and `mnemon ctl import`: tables as files of text.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use mnemon_backup::BackupError;
use mnemon_backup::text::{TextFormat, database_schema, put_json, records};
use mnemon_http::api::{Imported, Table};
use mnemon_table::DATABASES;
use mnemon_table::schema::{Schema, parse_attributes};

use super::escaped;
use crate::error::CliError;
use crate::operator::Target;
use crate::output::{human_bytes, print};

/// Records that are sent at once.
const BATCH_RECORDS: usize = 2_000;
/// Bytes that are sent at once, one record at least.
const BATCH_BYTES: usize = 1 << 20;

/// A table and a file.
#[derive(Debug, Args)]
pub(super) struct Transfer {
    /// The table's name.
    table: String,
    /// The file.
    file: PathBuf,
    /// jsonl or csv [default: what the file's name ends with, else jsonl].
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<TextFormat>,
    /// Export: tell of each record when it expires, as `$expires_at`. An import honours that wherever it stands.
    #[arg(long)]
    expiry: bool,
    #[command(flatten)]
    target: Target,
}

impl Transfer {
    fn format(&self) -> TextFormat {
        let ending = self.file.extension().and_then(|ending| ending.to_str());
        let by_name = || ending.and_then(|ending| ending.to_ascii_lowercase().parse().ok());
        self.format.or_else(by_name).unwrap_or_default()
    }
}

fn format(text: &str) -> Result<TextFormat, String> {
    text.parse().map_err(|error: BackupError| error.to_string())
}

/// Writes a table to a file, which appears when it is complete.
///
/// # Errors
/// `Unreachable`, `Refused`, `System`.
pub(super) fn export(wanted: &Transfer) -> Result<(), CliError> {
    let draft = draft_of(&wanted.file);
    let written = write(wanted, &draft).and_then(|bytes| {
        fs::rename(&draft, &wanted.file).map_err(of_file(&wanted.file))?;
        Ok(bytes)
    });
    match written {
        Ok(bytes) => {
            let (table, file) = (&wanted.table, wanted.file.display());
            print(&format!("{table} is in {file}, {}\n", human_bytes(bytes)));
            Ok(())
        }
        Err(cause) => {
            // What matters is why; the draft's name tells what it is if it stays.
            let _ = fs::remove_file(&draft);
            Err(cause)
        }
    }
}

fn write(wanted: &Transfer, draft: &Path) -> Result<u64, CliError> {
    let mut out = BufWriter::new(File::create(draft).map_err(of_file(&wanted.file))?);
    let expiry = if wanted.expiry { "&expiry" } else { "" };
    let path = format!("/api/v1/tables/{}/export?format={}{expiry}", escaped(&wanted.table), wanted.format());
    let bytes = wanted.target.download(&path, &mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(bytes)
}

/// A file that cannot be read or written.
fn of_file(file: &Path) -> impl Fn(io::Error) -> CliError {
    move |cause| CliError::Refused(format!("{}: {cause}", file.display()))
}

fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".draft");
    file.with_file_name(name)
}

/// Reads a file into a table.
///
/// # Errors
/// `Unreachable`, `Refused` with the line, `System`.
pub(super) fn import(wanted: &Transfer) -> Result<(), CliError> {
    let refused = |cause: String| CliError::Refused(cause);
    let target = &wanted.target;
    let found: Table = target.read(&format!("/api/v1/tables/{}", escaped(&wanted.table)))?;
    let is_database = is_database(&wanted.table);
    let schema = if is_database { Ok(database_schema(&wanted.table)) } else { schema_of(&found) };
    let schema = schema.map_err(|cause| refused(cause.to_string()))?;
    let names = schema.attribute_names();
    let file = File::open(&wanted.file).map_err(of_file(&wanted.file))?;
    let input = BufReader::with_capacity(256 << 10, file);
    let mut lines =
        records(wanted.format(), &schema, is_database, input).map_err(|cause| refused(cause.to_string()))?;
    let path = format!("/api/v1/tables/{}/import", escaped(&wanted.table));
    let (mut batch, mut count, mut done) = (Vec::new(), 0, 0);
    loop {
        let next = lines.next();
        if let Some(Ok(found)) = &next {
            put_json(found.record.as_ref(), &names, found.expiry, &mut batch)
                .map_err(|cause| refused(cause.to_string()))?;
            count += 1;
        }
        let ends = !matches!(next, Some(Ok(_)));
        if count >= BATCH_RECORDS || batch.len() >= BATCH_BYTES || ends && count > 0 {
            let answer: Imported = target
                .understand(&target.post(&path, &batch)?)
                .map_err(|cause| refused(format!("after {done} records: {cause}")))?;
            done += answer.records;
            batch.clear();
            count = 0;
        }
        match next {
            Some(Ok(_)) => {}
            Some(Err(cause)) => {
                let cause = format!("{cause}; the {done} records before it are in the table");
                return Err(refused(cause));
            }
            None => {
                print(&format!("{done} records are in {}\n", wanted.table));
                return Ok(());
            }
        }
    }
}

/// Whether the name is one of `db0`…`db15`, which no other table can have.
fn is_database(name: &str) -> bool {
    let number = name.strip_prefix("db").and_then(|number| number.parse::<usize>().ok());
    number.is_some_and(|number| number < DATABASES && name == format!("db{number}"))
}

/// As much of a table's schema as its records have to fit.
fn schema_of(found: &Table) -> Result<Schema, mnemon_table::TableError> {
    let names: Vec<&str> = found.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    let builder = Schema::builder(&found.summary.name).attributes(parse_attributes(&names.join(","))?);
    let builder = builder.storage(found.storage.parse()?);
    let indexed = found.attributes.iter().filter(|attribute| attribute.indexed);
    indexed.fold(builder, |builder, attribute| builder.index(&attribute.name)).build()
}
