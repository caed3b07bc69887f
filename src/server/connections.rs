//! Accepting connections: a bounded number, none of them for a client that sends or takes nothing.
//!
//! It knows no route. TLS is a reverse proxy's work.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::service::Service;

/// How long requests that were accepted may take once the server ends.
const GRACE: Duration = Duration::from_secs(30);

/// Serves until `stop`; then answers what was accepted.
pub(crate) async fn serve(listener: TcpListener, app: Router, shared: &Arc<Service>, stop: impl Future<Output = ()>) {
    let limits = &shared.limits;
    let room = Arc::new(Semaphore::new(limits.connections.max(1)));
    let open = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of files, most likely: others have to end first.
                    crate::log::warn("accept", &error.to_string());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // Without it an answer waits for the client's acknowledgement; a socket that refuses is about to fail anyway.
            let _refused = stream.set_nodelay(true).is_err();
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(limits.stalled));
            let service = TowerToHyperService::new(app.clone());
            let connection = open.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                // Whatever ended it concerns this client alone.
                if connection.await.is_err_and(|error| error.is_parse()) {
                    shared.refusals.note_no_http();
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    let _late = tokio::time::timeout(GRACE, open.shutdown()).await.is_err();
}
