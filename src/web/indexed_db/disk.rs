//! The disk: operations over a connection that is replaced when it dies.
//!
//! Not one connection: `connection.rs` is. A transaction is issued in one task (`issue.rs`) and nothing is awaited while
//! it is open.

use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;

use tidewell_core::disk::{
    Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs, RangeReads,
};
use wasm_bindgen_futures::spawn_local;

use crate::host;
use crate::signal::Signal;

use super::connection::{Connection, Identity};
use super::deadline::Deadlines;
use super::event::{DiskEvent, DiskListener, Listener};
use super::failure::Failure;
use super::flight::End;
use super::floors::Floors;
use super::issue::Issuer;
use super::issued::Issued;

/// How often an operation tries another connection before it gives up.
pub(super) const ATTEMPTS: usize = 3;
/// Pauses between attempts to open, in milliseconds.
const OPEN_PAUSES_MS: [f64; 2] = [50.0, 500.0];

/// How a disk behaves.
#[derive(Clone)]
pub struct IndexedDbOptions {
    /// The deadline of every operation, in milliseconds that the page was awake.
    pub deadline_ms: f64,
    /// Is called when something happens to the connection, from the opening on.
    pub listener: Option<DiskListener>,
}

impl Default for IndexedDbOptions {
    fn default() -> Self {
        Self { deadline_ms: 10_000.0, listener: None }
    }
}

/// A [`Disk`] in IndexedDB. Every tab and worker of an origin that opens the same name shares it.
///
/// * A commit is acknowledged on the transaction's `complete` event.
/// * A dead connection is replaced; reads are repeated on the new one, commits answer [`DiskError::Interrupted`] unless
///   none of their requests had been issued.
/// * When the data it had open is gone, this and every later operation answer [`DiskError::Lost`].
pub struct IndexedDbDisk {
    inner: Rc<Inner>,
}

pub(super) struct Inner {
    name: String,
    pub(super) issuer: Issuer,
    pub(super) deadlines: Rc<Deadlines>,
    listener: Listener,
    pub(super) state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    connection: Option<Rc<Connection>>,
    identity: Option<Identity>,
    pub(super) floors: Floors,
    opening: bool,
    waiting: Vec<Signal<End>>,
    lost: Option<String>,
    closed: bool,
}

impl IndexedDbDisk {
    /// Opens the database `name`, creating it if it does not exist.
    ///
    /// # Errors
    /// [`DiskError::Unavailable`] where IndexedDB is missing or refused, [`DiskError::Lost`] when the browser kept only
    /// a part of the database, [`DiskError::Interrupted`] when it does not answer in time.
    pub async fn open(name: &str, options: IndexedDbOptions) -> Result<Self, DiskError> {
        let inner = Rc::new(Inner {
            name: name.to_owned(),
            issuer: Issuer::new(),
            deadlines: Deadlines::new(options.deadline_ms),
            listener: Listener::new(options.listener),
            state: RefCell::default(),
        });
        inner.connection().await?;
        Ok(Self { inner })
    }

    /// Closes the connection without telling the disk, as a browser does that drops it. For tests.
    #[doc(hidden)]
    pub fn sever(&self) {
        if let Some(connection) = &self.inner.state.borrow().connection {
            connection.database.close();
        }
    }
}

impl Inner {
    /// What is known without waiting: a live connection, or why there will be none.
    fn present(&self) -> Option<Result<Rc<Connection>, DiskError>> {
        let state = self.state.borrow();
        if state.closed || crate::life::is_dead() {
            return Some(Err(DiskError::Closed));
        }
        if let Some(detail) = &state.lost {
            return Some(Err(DiskError::Lost(detail.clone())));
        }
        state.connection.as_ref().filter(|connection| connection.is_alive()).map(|connection| Ok(Rc::clone(connection)))
    }

    /// A live connection, opening one if need be. (Boxed, like others here: a future that is inlined into each caller costs
    /// kilobytes.)
    pub(super) fn connection(self: &Rc<Self>) -> LocalFuture<'_, Result<Rc<Connection>, DiskError>> {
        match self.present() {
            Some(present) => Box::pin(ready(present)),
            None => Box::pin(self.connect()),
        }
    }

    async fn connect(self: &Rc<Self>) -> Result<Rc<Connection>, DiskError> {
        for _ in 0..ATTEMPTS {
            if let Some(present) = self.present() {
                return present;
            }
            let end = self.join_opening();
            let _armed = self.deadlines.arm(&end);
            match end.await {
                // An opening that was under way already: it may be over sooner the next time.
                End::Failed(DiskError::Interrupted(_)) => {}
                End::Failed(error) => return Err(error),
                End::Expired => return Err(DiskError::Interrupted("opening the database took too long".into())),
                End::Complete | End::Aborted | End::Unread => {}
            }
        }
        self.present().unwrap_or_else(|| Err(DiskError::Interrupted("the connection keeps dying".into())))
    }

    /// Waits for the opening under way, or begins one. It is a task of its own, so that no waiter can cancel it.
    fn join_opening(self: &Rc<Self>) -> Signal<End> {
        let end = Signal::new();
        let mut state = self.state.borrow_mut();
        state.waiting.push(end.clone());
        if !std::mem::replace(&mut state.opening, true) {
            state.connection = None;
            let inner = Rc::clone(self);
            spawn_local(async move { inner.reopen().await });
        }
        end
    }

    async fn reopen(self: Rc<Self>) {
        let outcome = self.establish().await;
        let (waiting, event) = {
            let mut state = self.state.borrow_mut();
            let known = state.identity.is_some();
            state.opening = false;
            let event = match &outcome {
                Ok((connection, identity, floors)) => {
                    state.floors = floors.clone();
                    state.identity = Some(identity.clone());
                    state.connection = (!state.closed).then(|| Rc::clone(connection));
                    known.then_some(DiskEvent::Reopened)
                }
                Err(DiskError::Lost(detail)) => {
                    state.lost = Some(detail.clone());
                    Some(DiskEvent::Lost)
                }
                Err(_) => None,
            };
            (std::mem::take(&mut state.waiting), event)
        };
        let end = || outcome.as_ref().map_or_else(|error| End::Failed(error.clone()), |_| End::Complete);
        for waiting in waiting {
            waiting.set(end());
        }
        if let Some(event) = event {
            self.listener.tell(event);
        }
    }

    /// Opens a connection and makes sure that it leads to the same data as the one before.
    async fn establish(&self) -> Result<(Rc<Connection>, Identity, Floors), DiskError> {
        let expected = self.state.borrow().identity.clone();
        let opened = self.open_patiently(expected.is_some()).await?;
        let connection = Rc::new(opened.connection);
        let (identity, floors) = match opened.created {
            Some(identity) => (identity, Floors::default()),
            None => self.identity(&connection).await?,
        };
        if expected.is_some_and(|expected| expected != identity) {
            return Err(DiskError::Lost("the database was deleted and created anew".into()));
        }
        Ok((connection, identity, floors))
    }

    async fn open_patiently(&self, existing: bool) -> Result<super::connection::Opened, DiskError> {
        let mut pauses = OPEN_PAUSES_MS.into_iter();
        loop {
            match Connection::open(&self.name, existing, &self.listener).await {
                Ok(opened) => return Ok(opened),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Dead(detail) | Failure::Constraint(detail)) => match pauses.next() {
                    Some(pause) => host::sleep(pause).await,
                    None => return Err(DiskError::Unavailable(detail)),
                },
            }
        }
    }

    pub(super) fn identity<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> LocalFuture<'a, Result<(Identity, Floors), DiskError>> {
        Box::pin(async move {
            let _turn = connection.turn().await;
            let issued = self.issuer.identity(connection).map_err(into_error)?;
            self.landed(&issued).await.map_err(into_error)?;
            let (identity, floors) = issued.identity().map_err(into_error)?;
            let lost = "the browser kept only a part of the database: its identity is missing";
            Ok((identity.ok_or_else(|| DiskError::Lost(lost.into()))?, floors))
        })
    }

    /// Waits for the end of a transaction.
    pub(super) fn landed<'a>(&'a self, issued: &'a Issued) -> LocalFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let _armed = self.deadlines.arm(&issued.end);
            match issued.end.clone().await {
                End::Complete => issued.check(),
                End::Unread if issued.changes => {
                    Err(Failure::Dead("committed, but what it read did not arrive".into()))
                }
                End::Aborted | End::Unread => Err(issued.failure()),
                End::Failed(error) => Err(Failure::Final(error)),
                End::Expired => Err(Failure::Final(DiskError::Interrupted("the deadline passed".into()))),
            }
        })
    }

    /// Lets go of a connection that does not work; another one may have replaced it already.
    pub(super) fn abandon(&self, connection: &Rc<Connection>) {
        connection.give_up();
        let mut state = self.state.borrow_mut();
        if state.connection.as_ref().is_some_and(|current| Rc::ptr_eq(current, connection)) {
            state.connection = None;
        }
    }

    /// Runs a transaction that changes nothing, on as many connections as it takes, until `collect` could take its results.
    async fn look(self: &Rc<Self>, issue: &Issue<'_>, collect: &mut Collect<'_>) -> Result<(), DiskError> {
        let mut detail = String::new();
        for _ in 0..ATTEMPTS {
            let connection = self.connection().await?;
            let turn = connection.turn().await;
            let outcome = match issue(&connection) {
                Ok(issued) => self.landed(&issued).await.and_then(|()| collect(&issued)),
                Err(failure) => Err(failure),
            };
            drop(turn);
            match outcome {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => {
                    if matches!(error, DiskError::Interrupted(_)) {
                        self.abandon(&connection);
                    }
                    return Err(error);
                }
                Err(Failure::Dead(text) | Failure::Constraint(text)) => {
                    self.abandon(&connection);
                    detail = text;
                }
            }
        }
        Err(DiskError::Interrupted(detail))
    }

    fn looking<'a>(
        self: &'a Rc<Self>,
        issue: &'a Issue<'a>,
        collect: &'a mut Collect<'a>,
    ) -> LocalFuture<'a, Result<(), DiskError>> {
        Box::pin(self.look(issue, collect))
    }
}

/// Issues a transaction.
type Issue<'a> = dyn Fn(&Connection) -> Result<Issued, Failure> + 'a;
/// Takes the results of a transaction.
type Collect<'a> = dyn FnMut(&Issued) -> Result<(), Failure> + 'a;

pub(super) fn into_error(failure: Failure) -> DiskError {
    match failure {
        Failure::Final(error) => error,
        Failure::Dead(detail) => DiskError::Interrupted(detail),
        Failure::Constraint(detail) => DiskError::Unavailable(detail),
    }
}

impl Disk for IndexedDbDisk {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Vec<Option<Vec<u8>>>, DiskError>> {
        Box::pin(async move {
            let mut blobs = Vec::new();
            let issue = |connection: &Connection| self.inner.issuer.read(connection, names);
            let mut collect = |issued: &Issued| issued.blobs().map(|found| blobs = found);
            self.inner.looking(&issue, &mut collect).await?;
            Ok(blobs)
        })
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        Box::pin(async move {
            let mut blobs = Vec::new();
            if limit == 0 {
                // To IndexedDB a count of 0 means all of them.
                return Ok(blobs);
            }
            let issue = |connection: &Connection| self.inner.issuer.scan(connection, &range, limit);
            let mut collect = |issued: &Issued| issued.scanned(range.area).map(|found| blobs = found);
            self.inner.looking(&issue, &mut collect).await?;
            blobs.truncate(limit);
            Ok(blobs)
        })
    }

    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        Box::pin(async move { self.inner.commit(&batch, durability).await })
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        Box::pin(async move {
            let issue = |connection: &Connection| self.inner.issuer.barrier(connection);
            self.inner.looking(&issue, &mut |_| Ok(())).await
        })
    }

    fn close(&self) {
        let connection = {
            let mut state = self.inner.state.borrow_mut();
            state.closed = true;
            state.connection.take()
        };
        drop(connection);
    }
}
