//! Walking a backup record by record, and writing another one on the way: Mnesia's `traverse_backup`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;

use mnemon_store::collection::Bag;
use mnemon_store::{Collection, Kind, Row};
use mnemon_term::Record;

use crate::entry::{Entry, bodies, check_row, each};
use crate::error::BackupError;
use crate::format::{BackedTable, BackupHeader};
use crate::reader::{BackupReader, Part, RowBlock, Summary};
use crate::writer::{BackupWriter, Written};

/// What becomes of a record when a backup is rewritten.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewritten {
    /// It stays.
    AsItIs,
    /// It is left out.
    Gone,
    /// These records stand in its place, with its expiry. Not for the values of `db0`…`db15`.
    Becomes(Vec<Record>),
}

/// Visits everything that a backup holds, in the order of the file, and checks all of it.
///
/// # Errors
/// `visit`'s own, which end the walk; `Corrupt`, `Io`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mnemon_backup::{BackupReader, Entry, Progress, Source, traverse, write_backup};
/// # use mnemon_table::{Catalog, schema::Schema};
/// # use mnemon_store::SystemClock;
/// # use mnemon_term::{Record, Term};
/// # let catalog = Catalog::local(Box::new(SystemClock));
/// # let table = catalog.create(Schema::builder("t").build()?).await?;
/// # table.write(Record::new(&[Term::from(1), Term::from("a")])?.as_ref()).await?;
/// # let moment = catalog.moment(60_000).await;
/// # let source = Source { catalog: &catalog, moment: &moment, node: "n", id: [7; 16] };
/// # let (file, _) = write_backup(&source, None, "a.backup", Vec::new(), &Progress::default())?;
/// let mut keys = Vec::new();
/// traverse(BackupReader::open("a.backup", &file[..])?, |table, entry| {
///     if let Entry::Record { record, .. } = entry {
///         keys.push((table.name().to_owned(), record.key().map(|key| key.to_string())));
///     }
///     Ok(())
/// })?;
/// assert_eq!(keys, [("t".to_owned(), Some("1".to_owned()))]);
/// # Ok(()) }
/// ```
pub fn traverse<R: Read>(
    mut reader: BackupReader<R>,
    mut visit: impl FnMut(&BackedTable, Entry<'_>) -> Result<(), BackupError>,
) -> Result<Summary, BackupError> {
    let mut summary = Summary::default();
    let mut current: Option<Box<BackedTable>> = None;
    while let Some(part) = reader.next_part()? {
        match (part, &current) {
            (Part::Table(table), _) => {
                summary.tables.push((table.name().to_owned(), 0));
                current = Some(table);
            }
            (Part::Rows(block), Some(table)) => {
                summary.raw_bytes += block.bytes();
                for row in checked(&block, table) {
                    each(table, &row?, |entry| visit(table, entry))?;
                    summary.rows += 1;
                }
            }
            (Part::TableEnd { rows }, _) => {
                if let Some((_, count)) = summary.tables.last_mut() {
                    *count = rows;
                }
            }
            (Part::Rows(_), None) => return Err(reader.broken_off()),
        }
    }
    summary.bytes = reader.offset();
    Ok(summary)
}

/// Writes a backup that differs from another one: `tables` gives each table's new shape, or `None` to leave it out; `records`
/// says what becomes of each entry. `open` opens the backup from its beginning; it is called twice, as the tables stand in the
/// header of the new one. Its clock and time are those of the old one, its `id` is new.
///
/// # Errors
/// `Misfit` for a record that does not fit its table's new shape, `tables`' and `records`' own, `Corrupt`, `Io`.
pub fn rewrite<R: Read, W: Write>(
    mut open: impl FnMut() -> Result<BackupReader<R>, BackupError>,
    (name, id, out): (&str, [u8; 16], W),
    mut tables: impl FnMut(&BackedTable) -> Result<Option<BackedTable>, BackupError>,
    mut records: impl FnMut(&BackedTable, Entry<'_>) -> Result<Rewritten, BackupError>,
) -> Result<(W, Written), BackupError> {
    let mut reader = open()?;
    let mut shapes: BTreeMap<String, Option<BackedTable>> = BTreeMap::new();
    let mut names = Vec::new();
    while let Some(part) = reader.next_part()? {
        if let Part::Table(table) = part {
            let shape = tables(&table)?;
            names.extend(shape.iter().map(|shape| shape.name().to_owned()));
            shapes.insert(table.name().to_owned(), shape);
        }
    }
    let mut header = BackupHeader { id, ..reader.header().clone() };
    header.meta.tables = names;
    let mut writer = BackupWriter::new(name, out, &header)?;
    let mut reader = open()?;
    let mut current: Option<(Box<BackedTable>, BackedTable)> = None;
    while let Some(part) = reader.next_part()? {
        match part {
            Part::Table(table) => {
                let shape = shapes.get(table.name()).cloned().flatten();
                if let Some(shape) = &shape {
                    writer.begin_table(shape)?;
                }
                current = shape.map(|shape| (table, shape));
            }
            Part::Rows(block) => {
                let Some((table, shape)) = &current else { continue };
                for row in checked(&block, table) {
                    for row in rewritten(table, shape, &row?, &mut records)? {
                        writer.push(&row)?;
                    }
                }
            }
            Part::TableEnd { .. } => {}
        }
    }
    writer.finish()
}

/// The rows of a block, each checked against its table.
fn checked<'b>(
    block: &'b RowBlock,
    table: &'b BackedTable,
) -> impl Iterator<Item = Result<Row, BackupError>> + 'b {
    block.rows().map(move |row| {
        let row = row?;
        check_row(&table.schema, table.database, &row).map_err(|what| block.corrupt(&what))?;
        Ok(row)
    })
}

/// The rows that stand in the place of one.
fn rewritten(
    table: &BackedTable,
    shape: &BackedTable,
    row: &Row,
    records: &mut impl FnMut(&BackedTable, Entry<'_>) -> Result<Rewritten, BackupError>,
) -> Result<Vec<Row>, BackupError> {
    let misfit = |cause: String| BackupError::Misfit { table: shape.name().to_owned(), cause };
    let mut answers = Vec::new();
    each(table, row, |entry| {
        answers.push(records(table, entry)?);
        Ok::<_, BackupError>(())
    })?;
    if table.database {
        return match answers.pop() {
            Some(Rewritten::AsItIs) => Ok(vec![row.clone()]),
            Some(Rewritten::Gone) | None => Ok(Vec::new()),
            Some(Rewritten::Becomes(_)) => Err(misfit("db0…db15 hold values, not records".to_owned())),
        };
    }
    let mut kept: Vec<(Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    let mut keep = |body: Vec<u8>| {
        let record = mnemon_term::RecordRef::parse(&body).map_err(|cause| misfit(cause.to_string()))?;
        let mut key = Vec::new();
        shape.schema.key_of(record, &mut key);
        match kept.iter_mut().find(|(known, _)| *known == key) {
            Some((_, bodies)) => bodies.push(body),
            None => kept.push((key, vec![body])),
        }
        Ok::<_, BackupError>(())
    };
    for (body, answer) in bodies(row).zip(answers) {
        match answer {
            Rewritten::AsItIs => keep(body.to_vec())?,
            Rewritten::Gone => {}
            Rewritten::Becomes(records) => {
                records.into_iter().try_for_each(|record| keep(record.into_bytes()))?;
            }
        }
    }
    let build = |(key, bodies): (Vec<u8>, Vec<Vec<u8>>)| {
        let row = row_of(shape, row, &key, &bodies);
        check_row(&shape.schema, false, &row).map_err(misfit)?;
        Ok(row)
    };
    kept.into_iter().map(build).collect()
}

fn row_of(shape: &BackedTable, old: &Row, key: &[u8], bodies: &[Vec<u8>]) -> Row {
    if shape.schema.kind() == Kind::Bag {
        let mut bag = Bag::default();
        for body in bodies {
            bag.insert(body);
        }
        return Row::collection(old.version(), old.expires_at(), key, Arc::new(Collection::Bag(bag)));
    }
    let body = bodies.last().map(Vec::as_slice).unwrap_or_default();
    Row::bytes(old.version(), old.expires_at(), key, body)
}
