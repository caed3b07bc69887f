//! What each route does: who asks, how often, what; then the core's answer.
//!
//! Every answer of the protocol has a body of the protocol. Errors of HTTP say what was wrong, in JSON.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{header, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tidewell_core::base::{Error, ErrorKind};
use tidewell_core::sync::message::{Handled, UPGRADE};
use tidewell_core::sync::{Outcome, PullAnswer, PullRequest, PushAnswer, PushRequest};

use crate::auth::{Refused, Session};
use crate::body;
use crate::metrics::count;
use crate::refusals::marked;
use crate::service::Service;

/// How long a client waits when the server could not even look, in milliseconds.
const LATER: u64 = 1000;

/// What nginx, and what speaks its language, understands as "pass on at once".
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answers that both kinds of messages have.
struct Words {
    auth: Vec<u8>,
    upgrade: Vec<u8>,
    retry: fn(u64) -> Vec<u8>,
}

fn push_words() -> Words {
    let retry = |after| PushAnswer::Retry(after).to_json();
    Words { auth: PushAnswer::Auth.to_json(), upgrade: PushAnswer::Upgrade.to_json(), retry }
}

fn pull_words() -> Words {
    let retry = |after| PullAnswer::Retry(after).to_json();
    Words { auth: PullAnswer::Auth.to_json(), upgrade: PullAnswer::Upgrade.to_json(), retry }
}

/// Who asks, if the token holds and this is not a request too many. Nothing of the body is kept before.
async fn admitted(service: &Service, headers: &HeaderMap, words: &Words) -> Result<Session, Box<Response>> {
    let session = match service.tokens.session(headers).await {
        Ok(session) => session,
        Err(Refused::Token) => {
            count(&service.metrics.refused_tokens);
            return Err(marked(answer(StatusCode::UNAUTHORIZED, words.auth.clone()), "auth").into());
        }
        Err(Refused::NoKeys) => {
            count(&service.metrics.failures);
            return Err(later(words, "no-keys").into());
        }
    };
    match service.rates.admit(&session) {
        Ok(()) => Ok(session),
        Err(wait) => Err(too_many(service, words, wait).into()),
    }
}

fn too_many(service: &Service, words: &Words, wait: Duration) -> Response {
    count(&service.metrics.limited);
    let wait = wait.max(Duration::from_millis(50));
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, (words.retry)(wait.as_millis() as u64));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    marked(response, "limited")
}

/// It could not even be looked at.
fn later(words: &Words, code: &'static str) -> Response {
    marked(answer(StatusCode::SERVICE_UNAVAILABLE, (words.retry)(LATER)), code)
}

/// A message and who sent it.
async fn received<T>(
    service: &Service,
    request: Request,
    words: &Words,
    parse: impl FnOnce(&[u8]) -> Result<T, Error>,
) -> Result<(Session, T), Box<Response>> {
    let (parts, body) = request.into_parts();
    let session = match admitted(service, &parts.headers, words).await {
        Ok(session) => session,
        Err(response) => {
            body::pass_over(body).await;
            return Err(response);
        }
    };
    let bytes = body::read(&parts.headers, body).await.map_err(|(status, code, message)| {
        count(&service.metrics.bad_requests);
        Box::new(refuse(status, code, &message))
    })?;
    match body::work(|| parse(&bytes)) {
        Ok(message) => Ok((session, message)),
        Err(error) if error.reason() == Some(UPGRADE) => Err(answer(StatusCode::OK, words.upgrade.clone()).into()),
        Err(error) => Err(bad(service, &error).into()),
    }
}

pub(crate) async fn push(State(service): State<Arc<Service>>, request: Request) -> Response {
    let words = push_words();
    let (session, request) = match received(&service, request, &words, PushRequest::parse).await {
        Ok(received) => received,
        Err(response) => return *response,
    };
    count(&service.metrics.pushes);
    match service.database.push(session, request).await {
        Some(Ok(pushed)) => {
            let answered = answer(StatusCode::OK, pushed.to_json());
            let PushAnswer::Results { results, .. } = pushed else { return answered };
            results.iter().for_each(|handled| service.metrics.outcome(&handled.outcome));
            let is_bad = |one: &Handled| matches!(&one.outcome, Outcome::Rejected(why) if &*why.code == "invalid");
            if results.iter().any(is_bad) {
                marked(answered, "invalid")
            } else {
                answered
            }
        }
        Some(Err(error)) => failed(&service, &words, &error),
        None => {
            count(&service.metrics.limited);
            later(&words, "busy")
        }
    }
}

pub(crate) async fn pull(State(service): State<Arc<Service>>, request: Request) -> Response {
    let words = pull_words();
    let (session, request) = match received(&service, request, &words, PullRequest::parse).await {
        Ok(received) => received,
        Err(response) => return *response,
    };
    count(&service.metrics.pulls);
    let reading = Arc::clone(&service);
    let pulled = tokio::task::spawn_blocking(move || {
        let pulled = reading.database.pull(&reading.policy, &session, &request)?;
        if let PullAnswer::Page(page) = &pulled {
            reading.metrics.documents.fetch_add(page.changes.len() as u64, Ordering::Relaxed);
        }
        Ok(pulled.to_json())
    });
    match pulled.await {
        Ok(Ok(bytes)) => answer(StatusCode::OK, bytes),
        Ok(Err(error)) => failed(&service, &words, &error),
        Err(_) => failed(&service, &words, &Error::internal("the pull was given up")),
    }
}

pub(crate) async fn live(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let words = pull_words();
    let session = match admitted(&service, &headers, &words).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let lifetime = Duration::from_secs(session.expires.saturating_sub(jsonwebtoken::get_current_timestamp()));
    // It listens before it asks, so that nothing falls between.
    let Some(listener) = service.news.listen(session.tenant.clone(), service.limits.live_streams) else {
        return too_many(&service, &words, Duration::from_secs(30));
    };
    let reading = Arc::clone(&service);
    match tokio::task::spawn_blocking(move || reading.database.head(&session.tenant)).await {
        // A reverse proxy that collects answers would keep the news to itself.
        Ok(Ok(head)) => ([(UNBUFFERED, "no")], listener.stream(head.version, lifetime)).into_response(),
        Ok(Err(error)) => failed(&service, &words, &error),
        Err(_) => failed(&service, &words, &Error::internal("the question was given up")),
    }
}

pub(crate) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let reading = Arc::clone(&service);
    let head = tokio::task::spawn_blocking(move || reading.database.head("")).await;
    if matches!(head, Ok(Ok(_))) && service.database.is_writable() {
        "ready".into_response()
    } else {
        refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the database does not answer")
    }
}

pub(crate) async fn metrics(State(service): State<Arc<Service>>) -> String {
    service.metrics.text(service.news.listeners())
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// An error of HTTP. The message may quote the request: it goes to whoever sent that, and not into the log.
pub(crate) fn refuse(status: StatusCode, code: &'static str, message: &str) -> Response {
    let body = serde_json::json!({ "error": { "code": code, "message": message } });
    marked(answer(status, body.to_string().into_bytes()), code)
}

fn bad(service: &Service, error: &Error) -> Response {
    count(&service.metrics.bad_requests);
    refuse(StatusCode::BAD_REQUEST, "invalid", error.message())
}

fn failed(service: &Service, words: &Words, error: &Error) -> Response {
    if error.kind() == ErrorKind::Invalid {
        return bad(service, error);
    }
    count(&service.metrics.failures);
    service.refusals.note_failure(error);
    answer(StatusCode::SERVICE_UNAVAILABLE, (words.retry)(LATER))
}
