//! `fetch`: reads a record, or loads it once however many callers wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use mnemon_term::{Record, Term};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::TableError;
use crate::object::Object;
use crate::table::Table;

/// What a loader says of the record it brings.
#[derive(Clone, Debug)]
pub enum Load {
    /// Write it to the table, with the table's time to live.
    Commit(Record),
    /// Write it to the table, to live this many milliseconds.
    CommitFor(Record, u64),
    /// Give it to those who wait and do not keep it.
    Ignore(Record),
}

/// What `fetch` gives.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// The record was in the table.
    Found(Object),
    /// It was loaded, by this caller or one who was waiting already.
    Loaded(Record),
}

impl Fetched {
    /// The record.
    ///
    /// # Errors
    /// As [`Object::to_record`].
    pub fn to_record(&self) -> Result<Record, TableError> {
        match self {
            Self::Found(object) => object.to_record(),
            Self::Loaded(record) => Ok(record.clone()),
        }
    }
}

type Answer = Option<Result<Record, TableError>>;

/// The loads of a table that are under way, by key bytes.
#[derive(Default)]
pub(crate) struct Loads(Mutex<HashMap<Vec<u8>, watch::Receiver<Answer>>>);

impl Table {
    /// The record under `key`; when it is absent, what `loader` brings. While a load is under way, other callers of
    /// the same key wait for it instead of loading again; its error or panic reaches all of them and is not kept:
    /// the next caller loads anew. The load goes on when its caller is dropped. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// `LoadFailed` with the loader's error or panic; errors of writing the record.
    pub async fn fetch<F, L, E>(self: &Arc<Self>, key: &Term, loader: F) -> Result<Fetched, TableError>
    where
        F: FnOnce(Term) -> L,
        L: Future<Output = Result<Load, E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        if let Some(found) = self.dirty_read(key)? {
            return Ok(Fetched::Found(found));
        }
        let bytes = self.key_bytes(key);
        let mut answer = {
            let mut loads = self.loads.0.lock();
            match loads.get(&bytes) {
                Some(under_way) => under_way.clone(),
                None => {
                    // It may have been loaded between the look and the lock.
                    if let Some(found) = self.dirty_read(key)? {
                        return Ok(Fetched::Found(found));
                    }
                    let (sender, answer) = watch::channel(None);
                    loads.insert(bytes.clone(), answer.clone());
                    let load = tokio::spawn(loader(key.clone()));
                    tokio::spawn(finish(self.clone(), bytes, load, sender));
                    answer
                }
            }
        };
        let loaded = answer.wait_for(Option::is_some).await;
        match loaded.as_deref() {
            Ok(Some(Ok(record))) => Ok(Fetched::Loaded(record.clone())),
            Ok(Some(Err(error))) => Err(error.clone()),
            Ok(None) | Err(_) => {
                Err(TableError::LoadFailed("the runtime stopped before the load ended".to_owned()))
            }
        }
    }
}

/// Waits for a load, keeps its record if it says so, and tells all who wait.
async fn finish<E: std::fmt::Display>(
    table: Arc<Table>,
    key: Vec<u8>,
    load: tokio::task::JoinHandle<Result<Load, E>>,
    sender: watch::Sender<Answer>,
) {
    let answer = match load.await {
        Ok(Ok(loaded)) => keep(&table, &key, loaded).await,
        Ok(Err(error)) => Err(TableError::LoadFailed(error.to_string())),
        Err(stopped) if stopped.is_panic() => {
            Err(TableError::LoadFailed(format!("the loader panicked: {}", panic_text(stopped.into_panic()))))
        }
        Err(_) => Err(TableError::LoadFailed("the loader was cancelled".to_owned())),
    };
    // The record is in the table before the load is forgotten, so that nobody loads it again in between.
    table.loads.0.lock().remove(&key);
    sender.send_replace(Some(answer));
}

async fn keep(table: &Table, key: &[u8], load: Load) -> Result<Record, TableError> {
    let record = match &load {
        Load::Commit(record) | Load::CommitFor(record, _) | Load::Ignore(record) => record.clone(),
    };
    if *table.record_key(record.as_ref())? != *key {
        return Err(TableError::LoadFailed("the loader brought a record with another key".to_owned()));
    }
    match load {
        Load::Commit(_) => table.write(record.as_ref()).await?,
        Load::CommitFor(_, ttl_ms) => table.write_with_ttl(record.as_ref(), ttl_ms).await?,
        Load::Ignore(_) => {}
    }
    Ok(record)
}

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mnemon_store::ManualClock;
    use mnemon_term::TermRef;

    use super::*;
    use crate::catalog::Catalog;
    use crate::schema::{AttributeType, Schema};

    async fn pages() -> Arc<Table> {
        let catalog = Catalog::local(Box::new(ManualClock::at(1)));
        let schema = Schema::builder("pages").attribute("url", AttributeType::Any);
        let schema = schema.attribute("body", AttributeType::Any).build().unwrap();
        catalog.create(schema).await.unwrap()
    }

    fn page(body: &str) -> Record {
        Record::new([TermRef::from("/"), TermRef::from(body)]).unwrap()
    }

    #[tokio::test]
    async fn however_many_wait_it_loads_once() {
        let table = pages().await;
        let loads = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(tokio::sync::Notify::new());
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let (table, loads, open) = (table.clone(), loads.clone(), open.clone());
                tokio::spawn(async move {
                    let loader = |_| async move {
                        loads.fetch_add(1, Ordering::SeqCst);
                        open.notified().await;
                        Ok::<_, String>(Load::Commit(page("home")))
                    };
                    table.fetch(&Term::from("/"), loader).await.unwrap().to_record().unwrap()
                })
            })
            .collect();
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        open.notify_one();
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap(), page("home"));
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert!(table.dirty_read(&Term::from("/")).unwrap().is_some());
    }

    #[tokio::test]
    async fn an_ignored_record_is_given_and_not_kept() {
        let table = pages().await;
        let loader = |_| async { Ok::<_, String>(Load::Ignore(page("secret"))) };
        assert_eq!(table.fetch(&Term::from("/"), loader).await.unwrap().to_record().unwrap(), page("secret"));
        assert!(table.dirty_read(&Term::from("/")).unwrap().is_none());
    }

    #[tokio::test]
    async fn errors_and_panics_are_told_and_poison_nothing() {
        let table = pages().await;
        let key = Term::from("/");
        let failed = table.fetch(&key, |_| async { Err::<Load, _>("offline") }).await;
        assert!(matches!(failed, Err(TableError::LoadFailed(cause)) if cause == "offline"));
        let panicked = table.fetch(&key, |_| async { panic!("boom") as Result<Load, String> }).await;
        assert!(matches!(panicked, Err(TableError::LoadFailed(cause)) if cause.contains("boom")));
        let other_key = Record::new([TermRef::from("/other"), TermRef::from("x")]).unwrap();
        let stray = table.fetch(&key, |_| async { Ok::<_, String>(Load::Commit(other_key)) }).await;
        assert!(matches!(stray, Err(TableError::LoadFailed(_))));
        let loaded = table.fetch(&key, |_| async { Ok::<_, String>(Load::Commit(page("home"))) }).await;
        assert_eq!(loaded.unwrap().to_record().unwrap(), page("home"));
    }
}
