//! Backups over HTTP: begun, listed, verified, restored; and tables as streams of text.
//!
//! What must stay true: work that takes long is begun and answered with a number at once; a stream is made as fast as its
//! client reads and ends with an error that the client sees, never early and well; a request that changes something says so
//! by its content type, which no web page can send to another site unasked.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use mnemon_backup::text::{TextFormat, TextOptions, export, import};
use mnemon_backup::{BackupError, Listed, Progress, Task};
use mnemon_table::TableError;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::api::{self, Failure};
use crate::route::{Shared, json};

/// Bytes of text that wait for a slow reader are at most as many chunks of this.
const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 16;
/// How long a slow reader may hold the moment that it reads.
const MOMENT_TTL_MS: u64 = 3_600_000;

/// `GET /api/v1/backups`
pub(crate) async fn list(State(shared): State<Shared>) -> Response {
    let Some(backups) = shared.node.backups() else { return refusal(&BackupError::NoDirectory) };
    match backups.list().await {
        Ok(listed) => {
            let running = backups.figures().running;
            let list = listed.into_iter().map(shown).collect();
            json(StatusCode::OK, &api::BackupList { backups: list, running })
        }
        Err(cause) => refusal(&cause),
    }
}

/// `POST /api/v1/backups`
pub(crate) async fn create(State(shared): State<Shared>, body: Bytes) -> Response {
    let wanted: api::NewBackup = match parsed(&body) {
        Ok(wanted) => wanted,
        Err(cause) => return bad_body(&cause),
    };
    start(&shared, Task::Create { name: wanted.name, tables: wanted.tables })
}

/// `POST /api/v1/backups/NAME/verify`
pub(crate) async fn verify(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    start(&shared, Task::Verify(name))
}

/// `POST /api/v1/backups/NAME/restore`
pub(crate) async fn restore(State(shared): State<Shared>, Path(name): Path<String>, body: Bytes) -> Response {
    let wanted: api::Restore = match parsed(&body) {
        Ok(wanted) => wanted,
        Err(cause) => return bad_body(&cause),
    };
    start(
        &shared,
        match wanted.at_next_start {
            true => Task::RestoreAtNextStart(name, wanted.plan),
            false => Task::Restore(name, wanted.plan),
        },
    )
}

/// `POST /api/v1/cancel-restore`
pub(crate) async fn cancel(State(shared): State<Shared>) -> Response {
    let Some(backups) = shared.node.backups() else { return refusal(&BackupError::NoDirectory) };
    match backups.cancel_pending_restore().await {
        Ok(()) => json(StatusCode::OK, &api::Imported { records: 0 }),
        Err(cause) => refusal(&cause),
    }
}

/// `GET /api/v1/jobs/ID`, and with `?wait` as soon as it has ended or after some seconds.
pub(crate) async fn job(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(backups) = shared.node.backups() else { return refusal(&BackupError::NoDirectory) };
    let within = if query.as_deref() == Some("wait") { shared.answer_within / 2 } else { Duration::ZERO };
    let found = match id.parse() {
        Ok(id) => backups.job_ended(id, within).await,
        Err(_) => None,
    };
    match found {
        Some(job) => json(StatusCode::OK, &job),
        None => fail(StatusCode::NOT_FOUND, "NOJOB", "there is no such job, or it is long past".to_owned()),
    }
}

/// `GET /api/v1/tables/NAME/export?format=jsonl|csv&expiry`
pub(crate) async fn export_table(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let options = match options_of(&query.unwrap_or_default()) {
        Ok(options) => options,
        Err(cause) => return refusal(&cause),
    };
    let catalog = shared.node.catalog().clone();
    let moment = catalog.moment(MOMENT_TTL_MS).await;
    let Some(place) = moment.tables().iter().position(|still| still.schema.name() == name) else {
        return refusal(&TableError::NoTable(name).into());
    };
    let (send, receive) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut out = Chunks { send, chunk: Vec::with_capacity(CHUNK) };
        if let Err(cause) = export(&moment, &moment.tables()[place], options, &mut out, &Progress::default())
        {
            tracing::warn!(table = name, %cause, "an export ended early");
            // Whoever has gone needs not be told; to others an error is the end of the stream.
            drop(out.send.blocking_send(Err(io::Error::other(cause.to_string()))));
        }
    });
    let kind = match options.format {
        TextFormat::Jsonl => "application/jsonl",
        TextFormat::Csv => "text/csv; charset=utf-8",
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], Body::new(Stream(receive))).into_response()
}

/// `POST /api/v1/tables/NAME/import`: JSON lines.
pub(crate) async fn import_table(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let table = match shared.node.catalog().table(&name) {
        Ok(table) => table,
        Err(cause) => return refusal(&cause.into()),
    };
    match import(&table, TextFormat::Jsonl, &body[..]).await {
        Ok(records) => json(StatusCode::OK, &api::Imported { records }),
        Err(cause) => refusal(&cause),
    }
}

fn options_of(query: &str) -> Result<TextOptions, BackupError> {
    let mut options = TextOptions::default();
    for word in query.split('&').filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            Some(("format", format)) => options.format = format.parse()?,
            None if word == "expiry" => options.expiry = true,
            _ => {
                let cause = "write format=jsonl or format=csv, and expiry to have times to live";
                return Err(BackupError::Unsupported(cause.to_owned()));
            }
        }
    }
    Ok(options)
}

fn start(shared: &Shared, task: Task) -> Response {
    let Some(backups) = shared.node.backups() else { return refusal(&BackupError::NoDirectory) };
    match backups.start(task) {
        Ok(job) => json(StatusCode::ACCEPTED, &job),
        Err(cause) => refusal(&cause),
    }
}

fn parsed<T: DeserializeOwned + Default>(body: &[u8]) -> serde_json::Result<T> {
    if body.is_empty() { Ok(T::default()) } else { serde_json::from_slice(body) }
}

fn bad_body(cause: &serde_json::Error) -> Response {
    fail(StatusCode::BAD_REQUEST, "BADREQUEST", format!("the body: {cause}"))
}

fn shown(listed: Listed) -> api::Backup {
    let mut shown = api::Backup { name: listed.name, bytes: listed.bytes, ..api::Backup::default() };
    match listed.header {
        Ok(header) => {
            shown.created_ms = header.created_ms;
            shown.clock = header.clock;
            shown.node = header.meta.node;
            shown.tables = header.meta.tables;
        }
        Err(cause) => shown.failure = Some(cause.to_string()),
    }
    shown
}

/// An error of this work as an answer.
fn refusal(cause: &BackupError) -> Response {
    let status = match cause {
        BackupError::Missing(_) | BackupError::Table(TableError::NoTable(_)) => StatusCode::NOT_FOUND,
        BackupError::Busy(_) | BackupError::Exists(_) => StatusCode::CONFLICT,
        BackupError::Io { .. } | BackupError::Corrupt { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        BackupError::Table(cause) if cause.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    fail(status, cause.word(), cause.to_string())
}

fn fail(status: StatusCode, error: &str, message: String) -> Response {
    json(status, &Failure { error: error.to_owned(), message })
}

/// Collects bytes and hands them on; waits while the reader is slow.
struct Chunks {
    send: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone");
        self.send.blocking_send(Ok(chunk.into())).map_err(gone)
    }
}

/// The chunks as the body of an answer.
struct Stream(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|next| next.map(|chunk| chunk.map(http_body::Frame::data)))
    }
}
