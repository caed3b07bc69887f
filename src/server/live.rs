//! News for live clients: that a tenant has reached a version, and nothing else.
//!
//! Only a hint. A client that hears none asks by its timer, and what it gets comes from a pull.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// The newest versions, to whoever listens.
pub(crate) struct News {
    sender: broadcast::Sender<(String, u64)>,
    closing: watch::Sender<bool>,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(1024).0, closing: watch::channel(false).0 }
    }

    pub(crate) fn tell(&self, tenant: &str, version: u64) {
        // Nobody listening is no failure.
        let _listeners = self.sender.send((tenant.to_owned(), version)).unwrap_or(0);
    }

    /// Something may have been missed: everybody is told to ask.
    pub(crate) fn tell_all(&self) {
        self.tell("", 0);
    }

    /// Whether the server ends.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits on this thread, at most so long, for the server's end.
    pub(crate) fn wait_for_close(&self, most: Duration) {
        let mut closing = self.closing.subscribe();
        let waiting = async { tokio::time::timeout(most, closing.wait_for(|closing| *closing)).await.is_ok() };
        let _closing = tokio::runtime::Handle::current().block_on(waiting);
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// How many streams are open.
    pub(crate) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// The stream of a tenant, from `version` on, for so long.
    pub(crate) fn stream(
        &self,
        tenant: String,
        version: u64,
        lifetime: Duration,
    ) -> Sse<KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>> {
        let mut receiver = self.sender.subscribe();
        let mut closing = self.closing.subscribe();
        let (out, events) = mpsc::channel(16);
        tokio::spawn(async move {
            let forward = async {
                if out.send(Ok(event(version))).await.is_err() {
                    return;
                }
                loop {
                    let version = tokio::select! {
                        () = out.closed() => return,
                        news = receiver.recv() => match news {
                            Ok((of, version)) if of == tenant || of.is_empty() => version,
                            Ok(_) => continue,
                            // Too slow to hear all of it: 0 means "ask".
                            Err(broadcast::error::RecvError::Lagged(_)) => 0,
                            Err(broadcast::error::RecvError::Closed) => return,
                        },
                    };
                    if out.send(Ok(event(version))).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = forward => {}
                () = tokio::time::sleep(lifetime) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        });
        Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
    }
}

fn event(version: u64) -> Event {
    Event::default().event("version").data(version.to_string())
}
