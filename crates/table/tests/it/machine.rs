//! Runs steps against three tables and the model side by side.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mnemon_sim::Triple;
use mnemon_store::{Kind, ManualClock, OpError};
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Table, TableError, Transaction, TransactionOptions};
use parking_lot::Mutex;

use crate::ask::{dirtily, judge, plainly, within};
use crate::model::{Counted, ModelTable};
use crate::step::{ATTRIBUTES, Inside, Read, Step, Write};

const KINDS: [Kind; 3] = [Kind::Set, Kind::OrderedSet, Kind::Bag];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) indexed: bool,
}

/// The three tables as the model has them.
type Models = [ModelTable; 3];

pub(crate) struct Machine {
    catalog: Arc<Catalog>,
    triple: Arc<Triple>,
    tables: [Arc<Table>; 3],
    models: Models,
    time: Arc<ManualClock>,
    now_ms: u64,
    ttl_ms: Option<u64>,
}

/// A transaction that fails because the test wants it to.
#[derive(Debug)]
enum Failure {
    Wanted,
    Table(TableError),
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl Machine {
    pub(crate) async fn new(shape: Shape) -> Self {
        let time = Arc::new(ManualClock::at(1_000));
        let (catalog, triple) = Triple::catalog(Triple::new, &time);
        let mut tables = Vec::new();
        let mut models = Vec::new();
        for (kind, name) in KINDS.into_iter().zip(["set", "ordered_set", "bag"]) {
            let mut schema = Schema::builder(name).kind(kind).ttl_ms(shape.ttl_ms);
            for attribute in ATTRIBUTES {
                schema = schema.attribute(attribute, AttributeType::Any);
            }
            let mut model = ModelTable::new(kind);
            if shape.indexed {
                schema = schema.index(ATTRIBUTES[1]);
                model.indexes.push(1);
            }
            tables.push(catalog.create(schema.build().unwrap()).await.unwrap());
            models.push(model);
        }
        Self {
            catalog,
            triple,
            tables: tables.try_into().expect("three"),
            models: models.try_into().expect("three"),
            time,
            now_ms: 1_000,
            ttl_ms: shape.ttl_ms,
        }
    }

    pub(crate) async fn run(mut self, steps: &[Step]) {
        for step in steps {
            self.step(step).await;
            for (table, model) in self.tables.iter().zip(&self.models) {
                for read in [Read::Fold, Read::Walk] {
                    judge(model, &read, &plainly(table, &read).await);
                }
            }
        }
        self.triple.assert_equal();
    }

    fn expires_at(&self) -> Option<u64> {
        self.ttl_ms.map(|ttl_ms| self.now_ms + ttl_ms)
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Read(table, read) => {
                judge(&self.models[*table], read, &plainly(&self.tables[*table], read).await);
                judge(&self.models[*table], read, &dirtily(&self.tables[*table], read));
            }
            Step::Write(table, write, dirty) => self.write(*table, write, *dirty).await,
            Step::WriteWithTtl(table, record, ttl_ms) => {
                self.tables[*table].write_with_ttl(record.as_ref(), *ttl_ms).await.unwrap();
                self.models[*table].write(record, Some(self.now_ms + ttl_ms));
            }
            Step::Clear(table) => {
                self.tables[*table].clear().await.unwrap();
                self.models[*table].clear();
            }
            Step::AddIndex(table, attribute) => self.add_index(*table, *attribute).await,
            Step::DelIndex(table, attribute) => self.del_index(*table, *attribute).await,
            Step::Advance(by_ms) => {
                self.time.advance(*by_ms);
                self.now_ms += by_ms;
                self.models.iter_mut().for_each(|model| model.expire(self.now_ms));
            }
            Step::Maintain => {
                self.catalog.maintain();
                assert!(
                    self.tables
                        .iter()
                        .zip(&self.models)
                        .all(|(table, model)| { table.size() == model.keys().len() }),
                    "maintenance leaves rows that have expired"
                );
            }
            Step::Transaction { steps, fails } => self.transaction(steps, *fails).await,
            Step::ReadOnly(reads) => self.read_only(reads).await,
        }
    }

    async fn write(&mut self, at: usize, write: &Write, dirty: bool) {
        let expires_at = self.expires_at();
        let (table, model) = (&self.tables[at], &mut self.models[at]);
        match write {
            Write::One(record) => {
                let record_ref = record.as_ref();
                if dirty { table.dirty_write(record_ref) } else { table.write(record_ref).await }.unwrap();
                model.write(record, expires_at);
            }
            Write::InsertNew(record) => {
                let record_ref = record.as_ref();
                let new = if dirty {
                    table.dirty_insert_new(record_ref)
                } else {
                    table.insert_new(record_ref).await
                };
                assert_eq!(new, Ok(model.insert_new(record, expires_at)), "{write:?}");
            }
            Write::Delete(key) => {
                let gone = if dirty { table.dirty_delete(key) } else { table.delete(key).await };
                assert_eq!(gone, Ok(model.delete(key)), "{write:?}");
            }
            Write::DeleteObject(record) => {
                let record_ref = record.as_ref();
                let gone = if dirty {
                    table.dirty_delete_object(record_ref)
                } else {
                    table.delete_object(record_ref).await
                };
                assert_eq!(gone, Ok(model.delete_object(record)), "{write:?}");
            }
            Write::Count(key, attribute, by) => {
                let sum = if dirty {
                    table.dirty_update_counter(key, *attribute, *by)
                } else {
                    table.update_counter(key, *attribute, *by).await
                };
                assert_eq!(counted(sum), model.count(key, *attribute, *by, expires_at), "{write:?}");
            }
        }
    }

    async fn add_index(&mut self, table: usize, attribute: u16) {
        let (name, attribute_name) = (self.tables[table].name(), ATTRIBUTES[usize::from(attribute)]);
        let added = self.catalog.add_table_index(&name, attribute_name).await;
        let indexes = &mut self.models[table].indexes;
        assert_eq!(added.is_ok(), !indexes.contains(&attribute), "{added:?}");
        if added.is_ok() {
            indexes.push(attribute);
        }
    }

    async fn del_index(&mut self, table: usize, attribute: u16) {
        let (name, attribute_name) = (self.tables[table].name(), ATTRIBUTES[usize::from(attribute)]);
        let deleted = self.catalog.del_table_index(&name, attribute_name).await;
        let indexes = &mut self.models[table].indexes;
        assert_eq!(deleted.is_ok(), indexes.contains(&attribute), "{deleted:?}");
        indexes.retain(|other| *other != attribute);
    }

    /// Runs a transaction. Nobody is in its way, so it runs once, and each of its reads must be the model's with its
    /// own writes.
    async fn transaction(&mut self, steps: &[Inside], fails: bool) {
        let expires_at = self.expires_at();
        let after = Mutex::new(None);
        let (tables, before) = (&self.tables, &self.models);
        let answer = self
            .catalog
            .transaction(|transaction| {
                let after = &after;
                async move {
                    assert!(after.lock().is_none(), "a transaction that nobody disturbs runs once");
                    let mut models = before.clone();
                    let done = perform(&transaction, tables, &mut models, steps, expires_at).await;
                    *after.lock() = Some(models);
                    done?;
                    if fails { Err(Failure::Wanted) } else { Ok(()) }
                }
            })
            .await;
        match answer {
            Ok(()) => self.models = after.into_inner().expect("it has run"),
            Err(Failure::Wanted) => assert!(fails),
            Err(Failure::Table(error)) => panic!("a transaction that nobody disturbs: {error}"),
        }
    }

    async fn read_only(&mut self, reads: &[(usize, Read)]) {
        let options = TransactionOptions { read_only: true, ..TransactionOptions::default() };
        let (tables, models) = (&self.tables, &self.models);
        let answer: Result<(), TableError> = self
            .catalog
            .transaction_with(options, |transaction| async move {
                for (table, read) in reads {
                    judge(&models[*table], read, &within(&transaction, &tables[*table], read).await);
                }
                Ok(())
            })
            .await;
        answer.unwrap();
    }
}

fn counted(sum: Result<i64, TableError>) -> Counted {
    match sum {
        Ok(sum) => Counted::Sum(sum),
        Err(TableError::Refused { cause: OpError::NotACounter | OpError::Overflow, .. }) => Counted::Refused,
        Err(TableError::Unsupported { .. }) => Counted::Unsupported,
        Err(error) => panic!("{error}"),
    }
}

/// Performs steps inside a transaction; boxed, because inner transactions nest.
fn perform<'a>(
    transaction: &'a Transaction,
    tables: &'a [Arc<Table>; 3],
    models: &'a mut Models,
    steps: &'a [Inside],
    expires_at: Option<u64>,
) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Inside::Read(table, read) => {
                    judge(&models[*table], read, &within(transaction, &tables[*table], read).await);
                }
                Inside::Write(table, write) => {
                    let (table, model) = (&tables[*table], &mut models[*table]);
                    write_within(transaction, table, model, write, expires_at).await?;
                }
                Inside::Nested(inner, fails) => {
                    let mut theirs = models.clone();
                    let answer = transaction
                        .nested(|transaction| {
                            let theirs = &mut theirs;
                            async move {
                                perform(&transaction, tables, theirs, inner, expires_at).await?;
                                if *fails { Err(Failure::Wanted) } else { Ok(()) }
                            }
                        })
                        .await;
                    match answer {
                        Ok(()) => *models = theirs,
                        Err(Failure::Wanted) => assert!(fails),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(())
    })
}

async fn write_within(
    transaction: &Transaction,
    table: &Table,
    model: &mut ModelTable,
    write: &Write,
    expires_at: Option<u64>,
) -> Result<(), TableError> {
    match write {
        Write::One(record) => {
            transaction.write(table, record.as_ref()).await?;
            model.write(record, expires_at);
        }
        Write::InsertNew(record) => {
            let new = transaction.insert_new(table, record.as_ref()).await?;
            assert_eq!(new, model.insert_new(record, expires_at), "{write:?}");
        }
        Write::Delete(key) => {
            transaction.delete(table, key).await?;
            model.delete(key);
        }
        Write::DeleteObject(record) => {
            transaction.delete_object(table, record.as_ref()).await?;
            model.delete_object(record);
        }
        Write::Count(key, attribute, by) => {
            let sum = transaction.update_counter(table, key, *attribute, *by).await;
            assert_eq!(counted(sum), model.count(key, *attribute, *by, expires_at), "{write:?}");
        }
    }
    Ok(())
}
