//! Long changes of tables over HTTP: listed, and cancelled.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use mnemon_table::{Catalog, TableChange, TableError};

use crate::api::{self, Failure};
use crate::route::{Shared, json};

/// `GET /api/v1/changes`
pub(crate) async fn list(State(shared): State<Shared>) -> Response {
    json(StatusCode::OK, &api::Changes { changes: shown(shared.node.catalog()) })
}

/// `POST /api/v1/tables/NAME/cancel-change`. What takes longer to take back than an answer may is 202, and goes on.
pub(crate) async fn cancel(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let catalog: Arc<Catalog> = shared.node.catalog().clone();
    let cancelling = tokio::spawn(async move { catalog.cancel_change(&name).await });
    match tokio::time::timeout(shared.answer_within / 2, cancelling).await {
        Ok(Ok(Ok(cancelled))) => json(StatusCode::OK, &api::Cancelled { cancelled, ended: true }),
        Ok(Ok(Err(cause))) => refused(&cause),
        Ok(Err(stopped)) => refused(&TableError::Aborted(stopped.to_string())),
        Err(_) => json(StatusCode::ACCEPTED, &api::Cancelled { cancelled: true, ended: false }),
    }
}

fn refused(cause: &TableError) -> Response {
    let (status, error) = match cause {
        TableError::NoChange(_) => (StatusCode::NOT_FOUND, "NOCHANGE"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "ERR"),
    };
    json(status, &Failure { error: error.to_owned(), message: cause.to_string() })
}

/// Those under way or waiting for their turn.
pub(crate) fn shown(catalog: &Catalog) -> Vec<api::Change> {
    let now_ms = catalog.store().now_ms();
    let show = |change: TableChange| api::Change {
        table: change.table,
        what: change.what,
        phase: change.phase.to_owned(),
        done: change.done,
        total: change.total,
        age_s: now_ms.saturating_sub(change.since_ms) / 1_000,
        cancelled: change.is_cancelled,
    };
    catalog.changes().into_iter().map(show).collect()
}
