//! News for live clients: that a tenant has reached a version, and nothing else.
//!
//! Only a hint. A client that hears none asks by its timer, and what it gets comes from a pull. Versions that come faster
//! than a client takes them are skipped: the newest is enough.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// A comment is sent after so long without an event, so that both ends notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The stream of a client.
pub(crate) type Stream = Sse<KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;

/// The newest versions, to whoever listens.
pub(crate) struct News {
    tenants: Mutex<BTreeMap<String, watch::Sender<u64>>>,
    closing: watch::Sender<bool>,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { tenants: Mutex::default(), closing: watch::channel(false).0 }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<u64>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant has reached a version.
    pub(crate) fn tell(&self, tenant: &str, version: u64) {
        if let Some(listeners) = self.lock().get(tenant) {
            // News of other servers may come late.
            listeners.send_if_modified(|newest| {
                let newer = version > *newest;
                *newest = version.max(*newest);
                newer
            });
        }
    }

    /// Something may have been missed: everybody is told to ask.
    pub(crate) fn tell_all(&self) {
        for listeners in self.lock().values() {
            listeners.send_replace(0);
        }
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
        self.lock().values().map(watch::Sender::receiver_count).sum()
    }

    /// Listens to a tenant, unless `most` do. What is told from now on is heard.
    pub(crate) fn listen(self: &Arc<Self>, tenant: String, most: usize) -> Option<Listener> {
        let mut tenants = self.lock();
        let listeners = tenants.entry(tenant.clone()).or_insert_with(|| watch::channel(0).0);
        if listeners.receiver_count() >= most {
            return None;
        }
        let receiver = Some(listeners.subscribe());
        Some(Listener { news: Arc::clone(self), tenant, receiver })
    }
}

/// One who listens to a tenant.
pub(crate) struct Listener {
    news: Arc<News>,
    tenant: String,
    receiver: Option<watch::Receiver<u64>>,
}

impl Listener {
    /// The stream, from `version` on, for so long.
    pub(crate) fn stream(mut self, version: u64, lifetime: Duration) -> Stream {
        let mut closing = self.news.closing.subscribe();
        let (out, events) = mpsc::channel(1);
        tokio::spawn(async move {
            tokio::select! {
                () = self.forward(version, &out) => {}
                () = tokio::time::sleep(lifetime) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        });
        Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::new().interval(HEARTBEAT))
    }

    async fn forward(&mut self, version: u64, out: &mpsc::Sender<Result<Event, Infallible>>) {
        let Some(receiver) = &mut self.receiver else { return };
        let mut version = version;
        loop {
            if out.send(Ok(event(version))).await.is_err() {
                return;
            }
            tokio::select! {
                () = out.closed() => return,
                changed = receiver.changed() => if changed.is_err() { return },
            }
            version = *receiver.borrow_and_update();
        }
    }
}

impl Drop for Listener {
    /// The last one takes the tenant's place with it.
    fn drop(&mut self) {
        let mut tenants = self.news.lock();
        drop(self.receiver.take());
        if tenants.get(&self.tenant).is_some_and(|listeners| listeners.receiver_count() == 0) {
            tenants.remove(&self.tenant);
        }
    }
}

fn event(version: u64) -> Event {
    Event::default().event("version").data(version.to_string())
}
