//! The paths, and how what they show becomes a response.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use crate::api::Failure;
use crate::guard::{self, Refused};
use crate::health::{Probe, judge};
use crate::metrics::{HttpStats, expose};
use crate::observed::Observed;
use crate::{backups, changes, exposition, show};

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) node: Arc<dyn Observed>,
    pub(crate) stats: Arc<HttpStats>,
    pub(crate) answer_within: Duration,
}

/// All paths.
pub(crate) fn router(shared: Shared) -> Router {
    let private = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/tables", get(tables))
        .route("/api/v1/tables/{name}", get(table))
        .route("/api/v1/tables/{name}/export", get(backups::export_table))
        .route("/api/v1/tables/{name}/import", post(backups::import_table))
        .route("/api/v1/tables/{name}/cancel-change", post(changes::cancel))
        .route("/api/v1/changes", get(changes::list))
        .route("/api/v1/clients", get(clients))
        .route("/api/v1/backups", get(backups::list).post(backups::create))
        .route("/api/v1/backups/{name}/verify", post(backups::verify))
        .route("/api/v1/backups/{name}/restore", post(backups::restore))
        .route("/api/v1/cancel-restore", post(backups::cancel))
        .route("/api/v1/jobs/{id}", get(backups::job))
        .route("/api/v1/tree", get(tree))
        .route_layer(from_fn_with_state(shared.clone(), admit));
    Router::new()
        .route("/livez", get(|state, query| probe(Probe::Live, state, query)))
        .route("/readyz", get(|state, query| probe(Probe::Ready, state, query)))
        .route("/healthz", get(|state, query| probe(Probe::Health, state, query)))
        .merge(private)
        .fallback(|| async { unknown_path() })
        .method_not_allowed_fallback(|| async { guard::BAD_METHOD.into_response() })
        .layer(DefaultBodyLimit::max(guard::POST_MAX))
        .layer(from_fn_with_state(shared.clone(), bound))
        .with_state(shared)
}

/// Holds every request to its limits, and counts it.
async fn bound(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let response = match guard::check_shape(&request) {
        Err(refused) => refused.into_response(),
        Ok(()) => match tokio::time::timeout(shared.answer_within, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let message = "no answer within the deadline; the node is overloaded, try later";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Refused { status, error: "OVERLOADED", message }.into_response()
            }
        },
    };
    shared.stats.count(response.status().as_u16());
    response
}

async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let allowed = guard::check_access(&*shared.node, request.headers());
    match allowed.and_then(|()| guard::check_content(&request)) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn probe(probe: Probe, State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let changes = changes::shown(shared.node.catalog());
    let finding = judge(probe, &shared.node.checks(), &changes, &query.unwrap_or_default());
    let status = if finding.is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain(status, "text/plain; charset=utf-8", finding.text)
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let stats = shared.stats.clone();
    aside(shared.node, move |node| plain(StatusCode::OK, exposition::CONTENT_TYPE, expose(node, &stats)))
        .await
}

async fn status(State(shared): State<Shared>) -> Response {
    aside(shared.node, |node| json(StatusCode::OK, &show::status(node))).await
}

async fn tables(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    aside(shared.node, move |node| match show::tables(node, &query) {
        Ok(tables) => json(StatusCode::OK, &tables),
        Err(refused) => refused.into_response(),
    })
    .await
}

async fn table(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    aside(shared.node, move |node| match show::table(node, &name) {
        Some(table) => json(StatusCode::OK, &table),
        None => {
            let message = format!(
                "there is no table {name:?}; `mnemon ctl tables` and GET /api/v1/tables list those there are"
            );
            json(StatusCode::NOT_FOUND, &Failure { error: "NOTABLE".to_owned(), message })
        }
    })
    .await
}

async fn clients(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    aside(shared.node, move |node| match show::clients(node, &query) {
        Ok(clients) => json(StatusCode::OK, &clients),
        Err(refused) => refused.into_response(),
    })
    .await
}

async fn tree(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    aside(shared.node, move |node| match show::tree(node, &query) {
        Ok(tree) => json(StatusCode::OK, &tree),
        Err(refused) => refused.into_response(),
    })
    .await
}

/// Runs what may take milliseconds, a sum over all tables, where it holds up none of the embedder's tasks.
async fn aside(
    node: Arc<dyn Observed>,
    work: impl FnOnce(&dyn Observed) -> Response + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || work(&*node)).await {
        Ok(response) => response,
        Err(stopped) => {
            tracing::error!(cause = %stopped, "an HTTP request failed");
            let message = "the request failed; the node's log says why";
            Refused { status: StatusCode::INTERNAL_SERVER_ERROR, error: "ERR", message }.into_response()
        }
    }
}

fn unknown_path() -> Response {
    let message = "nothing is here; try /healthz, /metrics or /api/v1/status";
    Refused { status: StatusCode::NOT_FOUND, error: "NOPATH", message }.into_response()
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response {
    (status, [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], text).into_response()
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Strings, numbers and lists, so this cannot fail; an empty object would be told apart by any reader.
    let text = serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned());
    plain(status, "application/json", text)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let failure = Failure { error: self.error.to_owned(), message: self.message.to_owned() };
        let mut response = json(self.status, &failure);
        let told = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Basic realm=\"mnemon\", Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "GET, HEAD")),
            _ => None,
        };
        if let Some((name, value)) = told {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
