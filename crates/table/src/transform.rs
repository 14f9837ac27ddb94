//! `transform_table`: giving every record of a table a new shape, and the table a new schema.
//!
//! Writers are refused with `Transforming` (a transaction waits) while it runs, readers go on. All records are
//! computed first, so one that cannot be transformed leaves the table as it was. Then they are written in batches of
//! row commits, never one commit that would hold every lock for seconds; a reader without a snapshot may meet both
//! shapes meanwhile. A table on disc only, which may not fit into memory, is moved instead, a page at a time, into one of the new
//! shape. At the end the new schema is in force and transactions that began under the old one run again.

use std::sync::Arc;

use mnemon_store::collection::Bag;
use mnemon_store::{Cause, Check, Collection, Commit, Course, Expiry, Kind, Op, Row, TableOp, Value, When};
use mnemon_term::{Record, RecordRef, Term, TermRef};

use crate::catalog::{Catalog, Recast};
use crate::error::TableError;
use crate::form::TableForm;
use crate::schema::Schema;
use crate::schema::Storage;
use crate::table::Table;
use crate::view::{Present, Span, View, Walk};

/// Keys that one commit of a transformation rewrites.
const BATCH_KEYS: usize = 256;

/// Where an attribute of the new shape comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// The old attribute at this place.
    Old(u16),
    /// This value in every record.
    Constant(Term),
}

/// A new shape of records, attribute by attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape(pub Vec<Column>);

impl Reshape {
    /// Keeps the attributes that both schemas name alike; new ones are nil.
    #[must_use]
    pub fn by_name(old: &Schema, new: &Schema) -> Self {
        let column = |name: &&str| old.place_of(name).map_or(Column::Constant(Term::nil()), Column::Old);
        Self(new.attribute_names().iter().map(column).collect())
    }

    /// A record in the new shape.
    ///
    /// # Errors
    /// `Term` when the record would be too large.
    pub fn apply(&self, record: RecordRef<'_>) -> Result<Record, TableError> {
        let columns = self.0.iter().map(|column| match column {
            Column::Old(place) => record.get(usize::from(*place)).unwrap_or(TermRef::NIL),
            Column::Constant(term) => TermRef::from(term),
        });
        Ok(Record::new(columns)?)
    }
}

/// The objects that a key is to have, and until when.
struct Reshaped {
    key: Vec<u8>,
    bodies: Vec<Vec<u8>>,
    expires_at: Option<u64>,
}

impl Reshaped {
    /// The objects of a row, for the way back.
    fn as_it_was(row: &Row) -> Self {
        let bodies = bodies(row).into_iter().map(<[u8]>::to_vec).collect();
        Self { key: row.key().to_vec(), bodies, expires_at: row.expires_at() }
    }
}

/// The rewriting of a sealed table.
struct Rewriting<'r> {
    table: &'r Table,
    /// The schema's version that commits have to know.
    sealed: u64,
    course: &'r Arc<Course>,
    /// What was written over so far.
    undo: Vec<Row>,
}

impl Catalog {
    /// Rewrites every record by `change` and puts `schema` in force. Gives how many records there were; those of a bag that have become
    /// equal are one from then on. The table's name, kind, bounds and keys stay:
    /// `change` must give each record the key it had. O(n), twice the table's memory while it runs. It goes on to its
    /// end when the caller is dropped; [`Catalog::changes`] tells how far it is, and it can be cancelled. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// `BadSchema` when name, kind or bounds differ, `BadRecord` when `change` gives a record that does not fit or
    /// has another key, `change`'s own, `Aborted` when it panics, `Cancelled`: nothing was changed. `NoTable`, `Unsupported` for
    /// `db0`…`db15`.
    pub async fn transform_table<F>(
        self: &Arc<Self>,
        name: &str,
        schema: Schema,
        change: F,
    ) -> Result<u64, TableError>
    where
        F: Fn(RecordRef<'_>) -> Result<Record, TableError> + Send + 'static,
    {
        let table = self.user_table(name)?;
        if table.schema().storage() == Storage::Disc {
            // Asked before anything is done.
            self.keeper_of(&table)?;
        }
        check_frame(&table, &schema)?;
        let catalog = self.clone();
        let transformation = tokio::spawn(async move {
            let listed = catalog.list_change(&table.name(), "transform".to_owned());
            let changing = catalog.changing.lock().await;
            // It may have moved while this waited for its turn.
            check_frame(&table, &schema)?;
            if table.schema().storage() == Storage::DiscOnly {
                let shape = schema.clone();
                let name = table.name();
                let recast: Recast = Box::new(move |row| recast(&name, &shape, row, &change));
                return listed.end(catalog.move_table(changing, schema, Some(recast), &listed).await);
            }
            listed.begin()?;
            listed.end(catalog.transform(&table, schema, change, listed.course()).await)
        });
        transformation.await.unwrap_or_else(|stopped| Err(TableError::Aborted(stopped.to_string())))
    }

    async fn transform<F>(
        &self,
        table: &Arc<Table>,
        schema: Schema,
        change: F,
        course: &Arc<Course>,
    ) -> Result<u64, TableError>
    where
        F: Fn(RecordRef<'_>) -> Result<Record, TableError> + Send + 'static,
    {
        table.check_exists()?;
        let old = Schema::clone(&table.schema());
        // Ends the commits under way; from here on only this transformation writes.
        let sealed = table.next_schema_version();
        self.set_version(table, sealed, true).await?;
        let after = schema.alter().version(sealed + 1).build()?;
        let rewriting = Rewriting { table, sealed, course, undo: Vec::new() };
        let done = self.transform_sealed(table.clone(), &after, rewriting, change).await;
        let after = if done.is_ok() { after } else { old.alter().version(sealed + 1).build()? };
        self.install(table, after).await?;
        done
    }

    async fn transform_sealed<F>(
        &self,
        table: Arc<Table>,
        schema: &Schema,
        mut rewriting: Rewriting<'_>,
        change: F,
    ) -> Result<u64, TableError>
    where
        F: Fn(RecordRef<'_>) -> Result<Record, TableError> + Send + 'static,
    {
        let old = Schema::clone(&table.schema());
        let is_on_disc = schema.storage() == Storage::Disc;
        let (shape, course) = (schema.clone(), rewriting.course.clone());
        let source = table.clone();
        let reshaped = tokio::task::spawn_blocking(move || reshape(&source, &shape, change, &course)).await;
        let reshaped = reshaped.unwrap_or_else(|stopped| Err(TableError::Aborted(stopped.to_string())))?;
        if is_on_disc {
            // Half of a transformation must not be what a crash finds: it finds the old records until a checkpoint with the
            // new ones is published.
            self.store().begin_rewrite(table.id())?;
        }
        let done = self.rewrite_and_decide(&mut rewriting, schema, reshaped, is_on_disc).await;
        if done.is_err() {
            self.take_back(rewriting, &old).await?;
            if is_on_disc {
                self.store().abandon_rewrite(table.id())?;
            }
        }
        done
    }

    async fn rewrite_and_decide(
        &self,
        rewriting: &mut Rewriting<'_>,
        schema: &Schema,
        reshaped: Vec<Reshaped>,
        is_on_disc: bool,
    ) -> Result<u64, TableError> {
        let count = self.rewrite_whole(rewriting, schema, reshaped).await?;
        if is_on_disc {
            self.publish_rewrite(rewriting.table, schema, rewriting.course).await?;
        } else {
            rewriting.course.decide()?;
        }
        Ok(count)
    }

    /// Writes back what was written over. Of a table on disc nothing of this is noted, so the disc cannot refuse it.
    async fn take_back(&self, rewriting: Rewriting<'_>, old: &Schema) -> Result<(), TableError> {
        let Rewriting { table, sealed, undo, .. } = rewriting;
        let before = undo.iter().map(Reshaped::as_it_was).collect();
        drop(undo);
        let course = Arc::new(Course::default());
        let mut back = Rewriting { table, sealed, course: &course, undo: Vec::new() };
        self.rewrite_whole(&mut back, old, before).await.map(drop)
    }

    /// Writes records and makes the schema's indexes anew.
    async fn rewrite_whole(
        &self,
        rewriting: &mut Rewriting<'_>,
        schema: &Schema,
        reshaped: Vec<Reshaped>,
    ) -> Result<u64, TableError> {
        let table = rewriting.table;
        for attribute in table.copy().indexed() {
            self.drop_index(table, attribute).await?;
        }
        table.begin_shape(schema);
        let count = self.rewrite(rewriting, reshaped).await?;
        for attribute in schema.indexes().iter().copied() {
            self.build_index(table, attribute, rewriting.course).await?;
        }
        Ok(count)
    }

    async fn rewrite(
        &self,
        rewriting: &mut Rewriting<'_>,
        reshaped: Vec<Reshaped>,
    ) -> Result<u64, TableError> {
        let Rewriting { table, sealed, course, undo } = rewriting;
        course.enter("writing", reshaped.len() as u64);
        let mut count = 0;
        let mut rest = reshaped.into_iter();
        loop {
            // What was written is freed while the rows that it has replaced are kept for the way back.
            let batch: Vec<Reshaped> = rest.by_ref().take(BATCH_KEYS).collect();
            if batch.is_empty() {
                return Ok(count);
            }
            course.check()?;
            let mut ops = Vec::new();
            for Reshaped { key, bodies, expires_at } in &batch {
                count += bodies.len() as u64;
                ops.extend(rewrite_ops(table, key, bodies, *expires_at));
            }
            undo.extend(batch.iter().filter_map(|of| table.store().get(table.copy(), &of.key)));
            let time_ms = self.store().now_ms();
            let commit = Commit {
                time_ms,
                checks: vec![Check::Schema { table: table.id(), version: *sealed }],
                ops,
                with_before: false,
            };
            self.submit_commit(&commit).await?;
            course.advance(batch.len() as u64);
            tokio::task::yield_now().await;
        }
    }
}

/// # Errors
/// `BadSchema`.
fn check_frame(table: &TableForm, schema: &Schema) -> Result<(), TableError> {
    if schema.name() == table.schema().name() && schema.copy_spec() == table.schema().copy_spec() {
        return Ok(());
    }
    let cause = "a transformation keeps the table's name, kind, bounds and storage".to_owned();
    Err(TableError::BadSchema(cause))
}

/// All records in their new shape, checked against the new schema.
fn reshape(
    table: &Table,
    schema: &Schema,
    change: impl Fn(RecordRef<'_>) -> Result<Record, TableError>,
    course: &Course,
) -> Result<Vec<Reshaped>, TableError> {
    let rows = table.rows_now()?;
    course.enter("computing", rows.len() as u64);
    let name = table.name();
    let one = |row: &Row| {
        course.check()?;
        let bodies = bodies(row).into_iter().map(|body| reshape_one(&name, schema, row.key(), body, &change));
        let bodies = bodies.collect::<Result<_, TableError>>()?;
        course.advance(1);
        Ok(Reshaped { key: row.key().to_vec(), bodies, expires_at: row.expires_at() })
    };
    rows.iter().map(one).collect()
}

/// The encoded records of a row.
fn bodies(row: &Row) -> Vec<&[u8]> {
    match row.value() {
        Value::Collection(Collection::Bag(bag)) => bag.iter().collect(),
        _ => vec![row.body()],
    }
}

impl TableForm {
    /// All rows, to be asked of a sealed table.
    fn rows_now(&self) -> Result<Vec<Row>, TableError> {
        let mut rows: Vec<Row> = Vec::new();
        Present(self.store()).walk(self, &Span::all(), &mut |row| {
            rows.push(row.clone());
            Walk::On
        })?;
        Ok(rows)
    }
}

/// A row in its new shape, checked against the new schema.
fn recast(
    table: &str,
    schema: &Schema,
    row: &Row,
    change: impl Fn(RecordRef<'_>) -> Result<Record, TableError>,
) -> Result<Row, TableError> {
    let bodies = bodies(row).into_iter().map(|body| reshape_one(table, schema, row.key(), body, &change));
    let bodies = bodies.collect::<Result<Vec<_>, TableError>>()?;
    if !matches!(row.value(), Value::Collection(_)) {
        let body = bodies.first().map(Vec::as_slice).unwrap_or_default();
        return Ok(Row::bytes(row.version(), row.expires_at(), row.key(), body));
    }
    let mut bag = Bag::default();
    for body in &bodies {
        bag.insert(body);
    }
    let bag = Arc::new(Collection::Bag(bag));
    Ok(Row::collection(row.version(), row.expires_at(), row.key(), bag))
}

fn reshape_one(
    table: &str,
    schema: &Schema,
    key: &[u8],
    body: &[u8],
    change: impl Fn(RecordRef<'_>) -> Result<Record, TableError>,
) -> Result<Vec<u8>, TableError> {
    let record = change(RecordRef::trusted(body))?;
    schema.check(record.as_ref())?;
    let mut new_key = Vec::new();
    schema.key_of(record.as_ref(), &mut new_key);
    if new_key != key {
        let cause = "a transformation must leave each record its key".to_owned();
        return Err(TableError::BadRecord { table: table.to_owned(), cause });
    }
    Ok(record.into_bytes())
}

/// Puts the new objects in the place of the old ones. The expiry is told and not kept: a row whose time has passed meanwhile
/// would live for ever.
fn rewrite_ops<'a>(
    table: &Table,
    key: &'a [u8],
    bodies: &'a [Vec<u8>],
    expires_at: Option<u64>,
) -> Vec<TableOp<'a>> {
    let id = table.id();
    let expiry = expires_at.map_or(Expiry::Never, Expiry::At);
    let puts = bodies.iter().map(move |body| TableOp {
        table: id,
        op: Op::Put {
            key: key.into(),
            body: body.as_slice().into(),
            expiry,
            when: When::Always,
            over_bytes_only: false,
        },
    });
    if table.kind() != Kind::Bag {
        return puts.collect();
    }
    let delete = Op::Delete { key: key.into(), cause: Cause::Delete, version: 0 };
    std::iter::once(TableOp { table: id, op: delete }).chain(puts).collect()
}

#[cfg(test)]
mod tests {
    use mnemon_store::ManualClock;

    use super::*;
    use crate::query::Query;
    use crate::schema::AttributeType;

    fn shape(names: &[&str], index: &str, kind: Kind) -> Schema {
        let builder = names.iter().fold(Schema::builder("t").kind(kind), |builder, name| {
            builder.attribute(*name, AttributeType::Any)
        });
        builder.index(index).build().unwrap()
    }

    async fn filled(kind: Kind) -> (Arc<Catalog>, Arc<Table>) {
        let catalog = Arc::new(Catalog::local(Box::new(ManualClock::at(1))));
        let table = catalog.create(shape(&["id", "age", "name"], "age", kind)).await.unwrap();
        for i in 0..1_000i64 {
            let record = Record::new([TermRef::from(i), TermRef::from(i % 7), TermRef::from("x")]).unwrap();
            table.write(record.as_ref()).await.unwrap();
        }
        (catalog, table)
    }

    #[tokio::test]
    async fn records_get_the_new_shape_and_indexes_follow_their_attribute() {
        for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
            let (catalog, table) = filled(kind).await;
            let new = shape(&["id", "email", "age"], "age", kind);
            let reshape = Reshape::by_name(&table.schema(), &new);
            let count = catalog.transform_table("t", new, move |record| reshape.apply(record)).await.unwrap();
            assert_eq!(count, 1_000);
            assert_eq!(table.schema().attribute_names(), ["id", "email", "age"]);
            assert_eq!(table.index_read("age", &Term::Int(3)).await.unwrap().len(), 143);
            let all = table.select(&Query::all()).await.unwrap();
            assert!(all.iter().all(|object| object.record().arity() == 3));
            assert!(all.iter().all(|object| object.record().get(1).is_some_and(TermRef::is_nil)));
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_transformed_leaves_everything_as_it_was() {
        let (catalog, table) = filled(Kind::Set).await;
        let new = shape(&["id", "age"], "age", Kind::Set);
        let keyless =
            |record: RecordRef<'_>| Ok(Record::new([record.get(1).unwrap_or(TermRef::NIL), TermRef::NIL])?);
        let refused = catalog.transform_table("t", new.clone(), keyless).await;
        assert!(matches!(refused, Err(TableError::BadRecord { .. })));
        let panicking = |_: RecordRef<'_>| -> Result<Record, TableError> { panic!("boom") };
        let refused = catalog.transform_table("t", new, panicking).await;
        assert!(matches!(refused, Err(TableError::Aborted(_))));
        assert_eq!(table.schema().arity(), 3);
        assert_eq!(table.index_read("age", &Term::Int(3)).await.unwrap().len(), 143);
        let record = Record::new([TermRef::from(5_000i64), TermRef::from(3i64), TermRef::from("x")]).unwrap();
        table.write(record.as_ref()).await.unwrap();
        assert_eq!(table.index_read("age", &Term::Int(3)).await.unwrap().len(), 144);
    }
}
