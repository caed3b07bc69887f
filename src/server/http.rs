//! The routes, and the life of the server from its start to its end.
//!
//! Every answer of the protocol has a body of the protocol. Errors of HTTP say what was wrong, in JSON.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{header, HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::Router;
use tidewell_core::base::{Error, ErrorKind};
use tidewell_core::sync::limits::MESSAGE_MAX;
use tidewell_core::sync::message::UPGRADE;
use tidewell_core::sync::{PullAnswer, PullRequest, PushAnswer, PushRequest};
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;

use crate::auth::Tokens;
use crate::config::Config;
use crate::database::Database;
use crate::live::News;
use crate::metrics::{count, Metrics};
use crate::service::Service;

/// A request that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the server until it is told to stop (SIGINT, SIGTERM); then it answers what it has accepted.
///
/// # Errors
/// If the database cannot be opened or the address not be had.
pub async fn serve(config: Config) -> Result<()> {
    let news = Arc::new(News::new());
    let database = Database::start(&config.database, config.connections, &config.policy, &news).await?;
    let tokens = Tokens::new(&config.secret);
    let metrics = Metrics::default();
    let service = Arc::new(Service { tokens, policy: config.policy, news, metrics, database });
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {}", config.listen))?;
    println!("tidewell-server listens on http://{}, data in {}", listener.local_addr()?, config.database);
    let app = routes(Arc::clone(&service), &config.cors)?;
    let stopping = Arc::clone(&service);
    let stop = async move {
        stopped().await;
        stopping.news.close();
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match terminate {
            Ok(mut terminate) => tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}

fn routes(service: Arc<Service>, cors: &[String]) -> Result<Router> {
    let router = Router::new()
        .route("/v1/push", post(push))
        .route("/v1/pull", post(pull))
        .route("/v1/live", get(live))
        .route("/health", get(|| async { "ok" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        // The limit counts what comes out of the decompression: the body is read behind it.
        .layer(DefaultBodyLimit::max(MESSAGE_MAX))
        .layer(CompressionLayer::new())
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn(deadline))
        .layer(allowed(cors)?)
        .with_state(service);
    Ok(router)
}

fn allowed(origins: &[String]) -> Result<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING])
        .max_age(Duration::from_secs(3600));
    if origins.iter().any(|origin| origin == "*") {
        return Ok(layer.allow_origin(AllowOrigin::any()));
    }
    let origins: Result<Vec<HeaderValue>> =
        origins.iter().map(|origin| origin.parse().with_context(|| format!("the CORS origin '{origin}'"))).collect();
    Ok(layer.allow_origin(origins?))
}

async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long"),
    }
}

async fn push(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(session) = service.tokens.session(&headers) else {
        count(&service.metrics.refused_tokens);
        return answer(StatusCode::UNAUTHORIZED, PushAnswer::Auth.to_json());
    };
    let request = match PushRequest::parse(&body) {
        Ok(request) => request,
        Err(error) if error.reason() == Some(UPGRADE) => return answer(StatusCode::OK, PushAnswer::Upgrade.to_json()),
        Err(error) => return bad(&service, &error),
    };
    count(&service.metrics.pushes);
    match service.database.push(session, request).await {
        Some(Ok(pushed)) => {
            if let PushAnswer::Results { results, .. } = &pushed {
                results.iter().for_each(|handled| service.metrics.outcome(&handled.outcome));
            }
            answer(StatusCode::OK, pushed.to_json())
        }
        Some(Err(error)) => failed(&service, &error),
        None => answer(StatusCode::SERVICE_UNAVAILABLE, PushAnswer::Retry(1000).to_json()),
    }
}

async fn pull(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(session) = service.tokens.session(&headers) else {
        count(&service.metrics.refused_tokens);
        return answer(StatusCode::UNAUTHORIZED, PullAnswer::Auth.to_json());
    };
    let request = match PullRequest::parse(&body) {
        Ok(request) => request,
        Err(error) if error.reason() == Some(UPGRADE) => return answer(StatusCode::OK, PullAnswer::Upgrade.to_json()),
        Err(error) => return bad(&service, &error),
    };
    count(&service.metrics.pulls);
    let reading = Arc::clone(&service);
    let pulled = tokio::task::spawn_blocking(move || {
        let pulled = reading.database.pull(&reading.policy, &session, &request)?;
        if let PullAnswer::Page(page) = &pulled {
            let sent = page.changes.len() as u64;
            reading.metrics.documents.fetch_add(sent, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(pulled.to_json())
    });
    match pulled.await {
        Ok(Ok(bytes)) => answer(StatusCode::OK, bytes),
        Ok(Err(error)) => failed(&service, &error),
        Err(_) => failed(&service, &Error::internal("the pull was given up")),
    }
}

async fn live(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let Some(session) = service.tokens.session(&headers) else {
        count(&service.metrics.refused_tokens);
        return answer(StatusCode::UNAUTHORIZED, PullAnswer::Auth.to_json());
    };
    let lifetime = Duration::from_secs(session.expires.saturating_sub(jsonwebtoken::get_current_timestamp()));
    let reading = Arc::clone(&service);
    let tenant = session.tenant.clone();
    match tokio::task::spawn_blocking(move || reading.database.head(&tenant)).await {
        Ok(Ok(head)) => service.news.stream(session.tenant, head.version, lifetime).into_response(),
        Ok(Err(error)) => failed(&service, &error),
        Err(_) => failed(&service, &Error::internal("the question was given up")),
    }
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    let reading = Arc::clone(&service);
    let head = tokio::task::spawn_blocking(move || reading.database.head("")).await;
    if matches!(head, Ok(Ok(_))) && service.database.is_writable() {
        "ready".into_response()
    } else {
        refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the database does not answer")
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> String {
    service.metrics.text(service.news.listeners())
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    answer(status, serde_json::json!({ "error": { "code": code, "message": message } }).to_string().into_bytes())
}

fn bad(service: &Service, error: &Error) -> Response {
    count(&service.metrics.bad_requests);
    refuse(StatusCode::BAD_REQUEST, "invalid", error.message())
}

fn failed(service: &Service, error: &Error) -> Response {
    if error.kind() == ErrorKind::Invalid {
        return bad(service, error);
    }
    count(&service.metrics.failures);
    // The kind and the message name no document's content.
    crate::log::error(error.kind().code(), error.message());
    refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the server could not do it: try again")
}
