//! The routes, and the life of the server from its start to its end.
//!
//! What a route does is in `handlers`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{header, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn_with_state, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::Router;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::Tokens;
use crate::config::Config;
use crate::connections;
use crate::database::Database;
use crate::handlers::{live, metrics, pull, push, ready, refuse};
use crate::jwks::Jwks;
use crate::limits::Rates;
use crate::live::News;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::service::Service;

/// What the routes take and answer.
const OPENAPI: &str = include_str!("openapi.json");
/// How often callers that are gone are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Runs the server until it is told to stop (SIGINT, SIGTERM); then it answers what it has accepted.
///
/// # Errors
/// If the database cannot be opened or the address not be had.
pub async fn serve(config: Config) -> Result<()> {
    let news = Arc::new(News::new());
    let keys = match config.keys {
        Some(source) => Some(Jwks::start(source).await?),
        None => None,
    };
    let database = Database::start(&config.database, config.connections, &config.policy, &news).await?;
    let tokens = Tokens::new(config.secret.as_deref(), keys, config.expected);
    let (metrics, limits, rates) = (Metrics::default(), config.limits, Rates::new(&config.limits));
    let refusals = Refusals::default();
    let service = Arc::new(Service { tokens, policy: config.policy, news, metrics, database, limits, rates, refusals });
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {}", config.listen))?;
    println!("tidewell-server listens on http://{}, data in {}", listener.local_addr()?, config.database);
    let app = routes(Arc::clone(&service), &config.cors)?;
    let sweeping = Arc::clone(&service);
    let sweeper = tokio::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            sweeping.rates.forget();
            sweeping.refusals.settle();
        }
    });
    let stop = async {
        stopped().await;
        service.news.close();
    };
    connections::serve(listener, app, &service, stop).await;
    sweeper.abort();
    service.refusals.settle();
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
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "not-found", "there is no such route") })
        .method_not_allowed_fallback(|| async {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "method", "the route takes another method")
        })
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&service), watched))
        .layer(allowed(cors)?)
        .with_state(service);
    Ok(router)
}

fn allowed(origins: &[String]) -> Result<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(3600));
    if origins.iter().any(|origin| origin == "*") {
        return Ok(layer.allow_origin(AllowOrigin::any()));
    }
    let origins: Result<Vec<HeaderValue>> =
        origins.iter().map(|origin| origin.parse().with_context(|| format!("the CORS origin '{origin}'"))).collect();
    Ok(layer.allow_origin(origins?))
}

/// Ends what takes too long, and notes what is refused.
async fn watched(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = match tokio::time::timeout(service.limits.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long"),
    };
    service.refusals.note(route.as_ref(), &response);
    response
}
