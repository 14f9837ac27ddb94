//! Taking a backup: one moment of the tables, written while writers go on.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mnemon_table::{Catalog, Moment, Still, TableError};

use crate::error::BackupError;
use crate::format::{BackedTable, BackupHeader, BackupMeta};
use crate::writer::{BackupWriter, Written};

/// How long a backup may take before its moment is closed, in milliseconds.
const MOMENT_TTL_MS: u64 = 4 * 3_600_000;
/// How long a backup waits for the log to be synced up to its moment.
const SYNC_WITHIN: Duration = Duration::from_secs(60);

/// How far a backup or a restore has come; read and stopped from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Bytes of the file so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Lets the work end at the next page or block, with `Unsupported`; a restore that has begun to change tables goes on.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(crate) fn note(&self, rows: u64, bytes: u64) {
        self.rows.store(rows, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }

    /// # Errors
    /// `Unsupported` once the work shall end.
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        if self.stop.load(Relaxed) {
            let cause = "the work was stopped because the node is stopping; do it again when it runs";
            return Err(BackupError::Unsupported(cause.to_owned()));
        }
        Ok(())
    }
}

/// Writes a backup of these tables, or of all, to `out`. Blocks for as long as that takes: call it where that holds nobody
/// up. `id` are random bytes.
///
/// # Errors
/// `Table` for a table that is not there, for a moment that had to be closed because writers replaced too much, and when the
/// disc failed under commits that the backup holds; `Io`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mnemon_backup::{BackupReader, Progress, Source, write_backup};
/// # use mnemon_table::{Catalog, schema::Schema};
/// # use mnemon_store::SystemClock;
///
/// let catalog = Catalog::local(Box::new(SystemClock));
/// catalog.create(Schema::builder("t").build()?).await?;
/// let moment = catalog.moment(60_000).await;
/// let source = Source { catalog: &catalog, moment: &moment, node: "shop1", id: [7; 16] };
/// let (file, written) = write_backup(&source, None, "a.backup", Vec::new(), &Progress::default())?;
/// assert_eq!(written.tables, 1);
/// assert_eq!(BackupReader::open("a.backup", &file[..])?.header().meta.tables, ["t"]);
/// # Ok(()) }
/// ```
pub fn write_backup<W: Write>(
    source: &Source<'_>,
    tables: Option<&[String]>,
    name: &str,
    out: W,
    progress: &Progress,
) -> Result<(W, Written), BackupError> {
    let chosen = choose(source.moment, tables)?;
    let meta = BackupMeta {
        node: source.node.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tables: chosen.iter().map(|still| still.schema.name().to_owned()).collect(),
    };
    let moment = source.moment;
    let header = BackupHeader { clock: moment.clock(), created_ms: moment.time_ms(), id: source.id, meta };
    let mut writer = BackupWriter::new(name, out, &header)?;
    for still in chosen {
        let database = still.table.is_database();
        writer.begin_table(&BackedTable { schema: still.schema.as_ref().clone(), database })?;
        for page in moment.pages(still) {
            for row in page? {
                writer.push(&row)?;
            }
            let written = writer.written();
            progress.note(written.rows, written.bytes);
            progress.check()?;
        }
    }
    let written = writer.finish()?;
    // What is restored must never be what a crash took back.
    source.catalog.store().sync_log(SYNC_WITHIN)?;
    Ok(written)
}

/// What a backup is taken of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The tables.
    pub catalog: &'a Catalog,
    /// The moment, opened by [`Catalog::moment`].
    pub moment: &'a Moment,
    /// The node's name.
    pub node: &'a str,
    /// Random bytes, so that two backups are told apart.
    pub id: [u8; 16],
}

/// Opens a moment for a backup.
pub(crate) async fn open_moment(catalog: &Catalog) -> Moment {
    catalog.moment(MOMENT_TTL_MS).await
}

fn choose<'m>(moment: &'m Moment, tables: Option<&[String]>) -> Result<Vec<&'m Still>, BackupError> {
    let all = moment.tables();
    let Some(wanted) = tables else { return Ok(all.iter().collect()) };
    let find = |name: &String| {
        let found = all.iter().find(|still| still.schema.name() == name);
        found.ok_or_else(|| BackupError::Table(TableError::NoTable(name.clone())))
    };
    let mut chosen: Vec<&Still> = Vec::new();
    for name in wanted {
        let still = find(name)?;
        if !chosen.iter().any(|known| known.table.id() == still.table.id()) {
            chosen.push(still);
        }
    }
    Ok(chosen)
}
