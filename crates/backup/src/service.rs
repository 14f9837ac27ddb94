//! A node's backups: one piece of work at a time, in the background, with figures for operators.
//!
//! What must stay true: a file that a client names lies in the directory of backups; work that was begun goes on when whoever
//! asked for it goes away; a node that stops waits for what changes tables and gives up what does not.

use std::fs::File;
use std::future::Future;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mnemon_table::{Catalog, TableError};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::create::{Progress, Source, open_moment, write_backup};
use crate::error::BackupError;
use crate::figures::{BackupReport, Book, Figures};
use crate::jobs::Jobs;
use crate::names;
use crate::pending::{Noted, Pending, PendingRestore};
use crate::reader::{BackupReader, Summary};
use crate::restore::{RestorePlan, Restored, Unnoted, check, restore_noting};
use crate::shelf::{Listed, Shelf};

/// How long a node that stops waits for work that changes tables.
const STOP_WITHIN: Duration = Duration::from_secs(60);
const READ_BYTES: usize = 256 << 10;

/// Where a node keeps what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The directory of backups; made when it is first needed.
    pub backups: Option<PathBuf>,
    /// The node's data directory, where a restore is noted that the next start has to do.
    pub data: Option<PathBuf>,
}

/// The backups of one node.
#[derive(Debug)]
pub struct Backups {
    catalog: Arc<Catalog>,
    node: String,
    places: Places,
    shelf: Mutex<Option<Shelf>>,
    /// Held by the work that is under way.
    turn: Arc<Semaphore>,
    progress: Mutex<Arc<Progress>>,
    book: Book,
    jobs: Jobs,
    /// Of the node: work outlives the runtime of the client that asked for it.
    runtime: Handle,
}

/// The right to work; one at a time.
struct Turn {
    owner: Arc<Backups>,
    progress: Arc<Progress>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.owner.book.running(None);
    }
}

impl Backups {
    /// The backups of the node that has these tables. Touches no disc. Must be called inside the tokio runtime that the work
    /// shall be done by.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, node: impl Into<String>, places: Places) -> Arc<Self> {
        Arc::new(Self {
            catalog,
            node: node.into(),
            places,
            shelf: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            progress: Mutex::default(),
            book: Book::default(),
            jobs: Jobs::default(),
            runtime: Handle::current(),
        })
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The node's tables.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Counts since the start, and what is under way.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.book.figures()
    }

    /// How far the work under way has come.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.lock().clone()
    }

    /// Takes a backup of these tables, or of all, beside whoever reads and writes, as of one moment. Without a name it is
    /// called after the node and the time. The work is done on a thread for such.
    ///
    /// # Errors
    /// `Busy`, `BadName`, `Exists`, `NoDirectory`, `Io`, `Table`. Then there is no such backup.
    pub async fn create(
        self: &Arc<Self>,
        name: Option<String>,
        tables: Option<Vec<String>>,
    ) -> Result<BackupReport, BackupError> {
        let now_ms = self.catalog.store().now_ms();
        let name = name.unwrap_or_else(|| names::unnamed(&self.node, now_ms));
        let name = name.strip_suffix(crate::SUFFIX).map(str::to_owned).unwrap_or(name);
        let turn = self.begin("backup", &name)?;
        let taken =
            aside(&self.runtime, async move || turn.take(&name, tables.as_deref(), now_ms).await).await;
        match &taken {
            Ok(report) => {
                self.book.taken(report);
                tracing::info!(
                    name = report.name,
                    tables = report.tables,
                    rows = report.rows,
                    bytes = report.bytes,
                    duration_ms = report.duration_ms,
                    "backup taken"
                );
            }
            // The one who asked is told; nothing is wrong with backups.
            Err(
                BackupError::BadName(_) | BackupError::Exists(_) | BackupError::Table(TableError::NoTable(_)),
            ) => {}
            Err(cause) => {
                self.book.failed(&cause.to_string());
                tracing::error!(%cause, "no backup was taken");
            }
        }
        taken
    }

    /// Reads a backup to its end and checks all of it.
    ///
    /// # Errors
    /// `Corrupt` with the table and the place, `Missing`, `BadName`, `NoDirectory`, `Io`.
    pub async fn verify(self: &Arc<Self>, name: &str) -> Result<Summary, BackupError> {
        let (own, name) = (self.clone(), name.to_owned());
        aside(&self.runtime, async move || own.shelf()?.read(&name)?.verify(|_| ())).await
    }

    /// The backups in the directory, by name. Reads their headers.
    ///
    /// # Errors
    /// `NoDirectory`, `Io`.
    pub async fn list(self: &Arc<Self>) -> Result<Vec<Listed>, BackupError> {
        let own = self.clone();
        aside(&self.runtime, async move || own.shelf()?.list()).await
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// `Missing`, `BadName`, `NoDirectory`, `Io`.
    pub async fn remove(self: &Arc<Self>, name: &str) -> Result<(), BackupError> {
        let (own, name) = (self.clone(), name.to_owned());
        aside(&self.runtime, async move || own.shelf()?.remove(&name)).await
    }

    /// Restores a backup from the directory. The whole file is checked before anything is changed; then table after table
    /// comes back, each as a whole. It goes on to its end when the caller is dropped.
    ///
    /// # Errors
    /// `Busy`, and those of [`crate::restore`].
    pub async fn restore(self: &Arc<Self>, name: &str, plan: RestorePlan) -> Result<Restored, BackupError> {
        let own = self.clone();
        let turn = self.begin("restore", name)?;
        let name = name.to_owned();
        let done = aside(&self.runtime, async move || {
            let shelf = own.shelf()?;
            let file = own.path_of(&name)?;
            turn.bring(|| shelf.read(&name), file, &plan).await
        })
        .await;
        self.tell_restored(done)
    }

    /// As [`Backups::restore`] from a file anywhere; for whoever embeds the node, not for its clients.
    ///
    /// # Errors
    /// As there.
    pub async fn restore_file(
        self: &Arc<Self>,
        file: &Path,
        plan: RestorePlan,
    ) -> Result<Restored, BackupError> {
        let turn = self.begin("restore", &file.display().to_string())?;
        let file = file.to_owned();
        let done =
            aside(&self.runtime, async move || turn.bring(|| open_file(&file), file.clone(), &plan).await)
                .await;
        self.tell_restored(done)
    }

    fn tell_restored(&self, done: Result<Restored, BackupError>) -> Result<Restored, BackupError> {
        match &done {
            Ok(restored) => {
                self.book.restored();
                tracing::info!(
                    tables = restored.tables.len(),
                    skipped = restored.skipped.len(),
                    "backup restored"
                );
            }
            Err(cause) => tracing::error!(%cause, "a restore failed"),
        }
        done
    }

    /// Checks a backup of the directory and notes that the next start shall restore it before any client is served: Mnesia's
    /// `install_fallback`. A note of before is replaced.
    ///
    /// # Errors
    /// `Unsupported` without a data directory; what a restore refuses; `Io`.
    pub async fn restore_at_next_start(
        self: &Arc<Self>,
        name: &str,
        plan: RestorePlan,
    ) -> Result<(), BackupError> {
        let own = self.clone();
        let turn = self.begin("check", name)?;
        let name = name.to_owned();
        aside(&self.runtime, async move || {
            let pending = own.pending()?.ok_or_else(no_data)?;
            let id = check(&own.catalog, own.shelf()?.read(&name)?, &plan, &turn.progress)?;
            pending.write(&PendingRestore::new(own.path_of(&name)?, id, plan))
        })
        .await
    }

    /// What the next start would restore.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub async fn pending_restore(self: &Arc<Self>) -> Result<Option<PendingRestore>, BackupError> {
        let own = self.clone();
        aside(&self.runtime, async move || own.pending()?.map_or(Ok(None), |pending| pending.read())).await
    }

    /// Lets the next start restore nothing: Mnesia's `uninstall_fallback`.
    ///
    /// # Errors
    /// `Io`.
    pub async fn cancel_pending_restore(self: &Arc<Self>) -> Result<(), BackupError> {
        let own = self.clone();
        let _turn = self.begin("cancel", "the restore at the next start")?;
        aside(&self.runtime, async move || own.pending()?.map_or(Ok(()), |pending| pending.remove())).await
    }

    /// Does what a note in the data directory asks for. To be called at a start, before anybody is served.
    ///
    /// # Errors
    /// What [`crate::restore`] refuses; the note stays, so nobody is served what is half restored.
    pub async fn finish_pending(self: &Arc<Self>) -> Result<Option<Restored>, BackupError> {
        let Some(note) = self.pending_restore().await? else { return Ok(None) };
        let own = self.clone();
        let turn = self.begin("restore", &note.file.display().to_string())?;
        let done = aside(&self.runtime, async move || {
            let open = || {
                let reader = open_file(&note.file)?;
                if reader.header().id == note.id {
                    return Ok(reader);
                }
                let cause = format!("{} is not the backup that was to be restored", note.file.display());
                Err(BackupError::Unsupported(cause))
            };
            let restored = restore_noting(&own.catalog, open, &note.plan, &turn.progress, &Unnoted).await?;
            // Durable before the note goes.
            own.catalog.store().sync_log(STOP_WITHIN)?;
            own.pending()?.map_or(Ok(()), |pending| pending.remove())?;
            Ok(restored)
        })
        .await;
        self.tell_restored(done).map(Some)
    }

    /// Removes the oldest scheduled backups of this node beyond `keep`. Gives their names.
    ///
    /// # Errors
    /// `NoDirectory`, `Io`.
    pub async fn prune(self: &Arc<Self>, keep: usize) -> Result<Vec<String>, BackupError> {
        let own = self.clone();
        aside(&self.runtime, async move || {
            let shelf = own.shelf()?;
            let gone = names::superfluous(&own.node, &shelf.names()?, keep);
            gone.iter().try_for_each(|name| shelf.remove(name))?;
            Ok(gone)
        })
        .await
    }

    /// Takes a scheduled backup of all tables.
    ///
    /// # Errors
    /// As [`Backups::create`].
    pub async fn create_scheduled(self: &Arc<Self>) -> Result<BackupReport, BackupError> {
        let name = names::scheduled(&self.node, self.catalog.store().now_ms());
        self.create(Some(name), None).await
    }

    /// When the newest readable backup of this node was taken, which may be before its start.
    ///
    /// # Errors
    /// `NoDirectory`, `Io`.
    pub async fn newest_ms(self: &Arc<Self>) -> Result<Option<u64>, BackupError> {
        let listed = self.list().await?;
        let own = listed.iter().filter_map(|listed| listed.header.as_ref().ok());
        let newest = own.filter(|header| header.meta.node == self.node).map(|header| header.created_ms).max();
        self.book.known(newest);
        Ok(newest)
    }

    /// Gives up a backup that is under way and waits for a restore; nothing begins after that.
    pub async fn shutdown(&self) {
        self.progress.lock().stop();
        let ended = tokio::time::timeout(STOP_WITHIN, self.turn.acquire()).await;
        if ended.is_err() {
            tracing::warn!("a backup or restore did not end; it is cut off");
        }
        self.turn.close();
    }

    fn begin(self: &Arc<Self>, what: &str, name: &str) -> Result<Turn, BackupError> {
        let Ok(permit) = self.turn.clone().try_acquire_owned() else {
            let running = self.book.figures().running;
            return Err(BackupError::Busy(running.unwrap_or_else(|| "another backup or restore".to_owned())));
        };
        let progress = Arc::new(Progress::default());
        *self.progress.lock() = progress.clone();
        self.book.running(Some(format!("{what} {name}")));
        Ok(Turn { owner: self.clone(), progress, _permit: permit })
    }

    fn shelf(&self) -> Result<Shelf, BackupError> {
        let mut shelf = self.shelf.lock();
        if let Some(shelf) = &*shelf {
            return Ok(shelf.clone());
        }
        let directory = self.places.backups.as_ref().ok_or(BackupError::NoDirectory)?;
        let opened = Shelf::open(directory)?;
        if self.places.data.as_ref().is_some_and(|data| directory.starts_with(data)) {
            // Nobody else writes there.
            opened.remove_drafts()?;
        }
        Ok(shelf.insert(opened).clone())
    }

    fn pending(&self) -> Result<Option<Pending>, BackupError> {
        self.places.data.as_deref().map(Pending::open).transpose()
    }

    /// Where a backup of the directory is, for a later start in whatever working directory.
    fn path_of(&self, name: &str) -> Result<PathBuf, BackupError> {
        let directory = self.places.backups.as_ref().ok_or(BackupError::NoDirectory)?;
        let stem = name.strip_suffix(crate::SUFFIX).unwrap_or(name);
        let path = directory.join(format!("{stem}{}", crate::SUFFIX));
        std::path::absolute(&path).map_err(BackupError::io("find", &path.display().to_string()))
    }
}

impl Turn {
    async fn take(
        &self,
        name: &str,
        tables: Option<&[String]>,
        began_ms: u64,
    ) -> Result<BackupReport, BackupError> {
        let catalog = &*self.owner.catalog;
        let draft = self.owner.shelf()?.create(name)?;
        let moment = open_moment(catalog).await;
        let source = Source { catalog, moment: &moment, node: &self.owner.node, id: random_id() };
        let file = format!("{name}{}", crate::SUFFIX);
        let (draft, written) = write_backup(&source, tables, &file, draft, &self.progress)?;
        draft.keep()?;
        Ok(BackupReport {
            name: name.to_owned(),
            tables: written.tables,
            rows: written.rows,
            raw_bytes: written.raw_bytes,
            bytes: written.bytes,
            clock: moment.clock(),
            created_ms: moment.time_ms(),
            duration_ms: catalog.store().now_ms().saturating_sub(began_ms),
        })
    }

    async fn bring<R: std::io::Read + Send>(
        &self,
        open: impl FnMut() -> Result<BackupReader<R>, BackupError>,
        file: PathBuf,
        plan: &RestorePlan,
    ) -> Result<Restored, BackupError> {
        let catalog = &*self.owner.catalog;
        match self.owner.pending()? {
            Some(pending) if pending.read()?.is_some() => Err(BackupError::Unsupported(
                "a restore is to be done at the next start; do that first, or cancel it".to_owned(),
            )),
            Some(pending) => {
                let file = std::path::absolute(&file).unwrap_or(file);
                let notes = Noted { pending: &pending, catalog, file };
                restore_noting(catalog, open, plan, &self.progress, &notes).await
            }
            None => restore_noting(catalog, open, plan, &self.progress, &Unnoted).await,
        }
    }
}

/// A backup anywhere in the file system.
///
/// # Errors
/// `Io`, and those of [`BackupReader::open`].
pub fn open_file(path: &Path) -> Result<BackupReader<BufReader<File>>, BackupError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(BackupError::io("open", &name))?;
    BackupReader::open(&name, BufReader::with_capacity(READ_BYTES, file))
}

fn no_data() -> BackupError {
    let cause = "this node has no data directory, so nothing outlives its end; restore while it runs";
    BackupError::Unsupported(cause.to_owned())
}

/// Runs work that reads and writes files on a thread for such. It goes on when the caller is dropped.
async fn aside<T, F>(runtime: &Handle, work: impl FnOnce() -> F + Send + 'static) -> Result<T, BackupError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackupError>>,
{
    let own = runtime.clone();
    let done = runtime.spawn_blocking(move || own.block_on(work())).await;
    done.unwrap_or_else(|stopped| Err(BackupError::Unsupported(format!("the work stopped: {stopped}"))))
}

/// Random bytes from the keys that the standard library draws for its maps.
fn random_id() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 16];
    for half in bytes.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(0_u8).to_le_bytes());
    }
    bytes
}
