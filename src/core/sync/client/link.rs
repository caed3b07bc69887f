//! When to send what: backoff, deadlines, and the status people see.
//!
//! It reads no clock and holds no connection: the time comes in with every call, and an answer that never comes is noticed
//! by its deadline.

use super::super::message::{Outcome, PullAnswer, PullRequest, PushAnswer, PushRequest};
use super::pace::Pace;
use super::state::Client;

pub use super::pace::Failure;

/// What the application shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The server did not answer; the next attempt is planned.
    Offline,
    /// The first question is on its way.
    Connecting,
    /// Changes are on their way.
    Syncing,
    /// Everything is there.
    Live,
    /// The token is refused: nothing is sent until it is renewed, and nothing is dropped.
    NeedsAuth,
    /// This client is too old or too new: nothing is sent until the application is another, and nothing is dropped.
    Upgrade,
}

impl Status {
    /// The word that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Syncing => "syncing",
            Self::Live => "live",
            Self::NeedsAuth => "needs-auth",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Durations in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// An answer that takes longer does not come.
    pub deadline: f64,
    /// The first wait after a failure; it doubles.
    pub backoff: f64,
    /// The longest wait after a failure.
    pub backoff_max: f64,
    /// A pull at least this often, whatever the live channel says.
    pub poll: f64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { deadline: 30_000.0, backoff: 500.0, backoff_max: 60_000.0, poll: 30_000.0 }
    }
}

/// A time that is further off than was ever set, by more than fractions are rounded, says that the clock was set back.
const ROUNDING: f64 = 1.0;

/// A request to send.
#[derive(Clone, Debug)]
pub enum Request {
    /// A push.
    Push(PushRequest),
    /// A pull.
    Pull(PullRequest),
}

/// What to do now.
#[derive(Clone, Debug)]
pub enum Next {
    /// Send this; its answer, or failure, comes back with the number.
    Send(u64, Request),
    /// Nothing before this time, unless something happens.
    Wait(f64),
    /// Nothing until [`Link::resume`].
    Paused,
}

/// The state of the connection to a server.
#[derive(Debug)]
pub struct Link {
    timing: Timing,
    status: Status,
    failures: u32,
    not_before: f64,
    flight: Option<Flight>,
    last_tag: u64,
    pull_at: f64,
    push_pace: Pace,
    pull_pace: Pace,
    too_large: Option<TooLarge>,
}

/// The next mutation is too large for the way to the server even alone.
#[derive(Clone, Copy, Debug)]
struct TooLarge {
    bytes: usize,
    /// When it is tried again. Whatever else there is does not wait for it.
    again: f64,
}

/// What was sent, and not answered.
#[derive(Clone, Copy, Debug)]
struct Flight {
    tag: u64,
    deadline: f64,
    is_push: bool,
    /// Mutations, or the most documents.
    count: usize,
    /// Of mutations.
    bytes: usize,
}

impl Link {
    /// A link that has not tried yet.
    pub fn new(timing: Timing) -> Self {
        let (status, push_pace, pull_pace) = (Status::Connecting, Pace::FULL, Pace::FULL);
        let (failures, not_before, last_tag, pull_at) = (0, 0.0, 0, 0.0);
        let (flight, too_large) = (None, None);
        Self { timing, status, failures, not_before, flight, last_tag, pull_at, push_pace, pull_pace, too_large }
    }

    /// The bytes of the next mutation, if it is too large for the way to the server even alone. It is tried again and again.
    pub fn too_large(&self) -> Option<usize> {
        self.too_large.map(|it| it.bytes)
    }

    /// What the application shows.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What to do now. `jitter` is a random number from 0 to 1.
    pub fn next(&mut self, now: f64, jitter: f64, client: &Client) -> Next {
        if matches!(self.status, Status::NeedsAuth | Status::Upgrade) {
            return Next::Paused;
        }
        if let Some(Flight { tag, deadline, .. }) = self.flight {
            if now < deadline && deadline - now <= self.timing.deadline + ROUNDING {
                return Next::Wait(deadline);
            }
            // No answer in time, or the clock was set back: the connection may be half open. Start over.
            self.failed(tag, now, jitter, None, Failure::Timeout);
        }
        if now < self.not_before && self.not_before - now <= self.timing.backoff_max * 2.0 {
            return Next::Wait(self.not_before);
        }
        let pull_is_due = now >= self.pull_at || self.pull_at - now > self.timing.poll + ROUNDING;
        let longest = self.timing.backoff_max + ROUNDING;
        let again = self.too_large.map(|it| it.again).filter(|again| now < *again && again - now <= longest);
        let push = if again.is_some() { None } else { client.push_within(&self.push_pace) };
        let request = match push {
            Some(push) => Request::Push(push),
            None if pull_is_due || client.version().is_none() => Request::Pull(client.pull_within(&self.pull_pace)),
            None => return Next::Wait(again.map_or(self.pull_at, |again| again.min(self.pull_at))),
        };
        let (is_push, count, bytes) = match &request {
            Request::Push(push) => (true, push.mutations.len(), push.mutations.iter().map(|one| one.bytes()).sum()),
            Request::Pull(pull) => (false, pull.limit, usize::MAX),
        };
        self.last_tag += 1;
        let (tag, deadline) = (self.last_tag, now + self.timing.deadline);
        self.flight = Some(Flight { tag, deadline, is_push, count, bytes });
        Next::Send(tag, request)
    }

    /// A push was answered.
    pub fn pushed(&mut self, tag: u64, now: f64, jitter: f64, answer: &PushAnswer) {
        let wait = match answer {
            PushAnswer::Retry(after) => Some(*after),
            PushAnswer::Results { results, .. } => results.iter().find_map(|handled| match handled.outcome {
                Outcome::Retry(after) => Some(after),
                _ => None,
            }),
            _ => None,
        };
        let old = matches!(answer, PushAnswer::Upgrade)
            || matches!(answer, PushAnswer::Results { results, .. } if results.iter().any(|handled| handled.outcome == Outcome::Upgrade));
        self.answered(tag, now, jitter, wait, matches!(answer, PushAnswer::Auth), old);
        self.pull_at = now;
        self.status = if self.status == Status::Live { Status::Syncing } else { self.status };
    }

    /// A pull was answered.
    pub fn pulled(&mut self, tag: u64, now: f64, jitter: f64, answer: &PullAnswer) {
        let wait = if let PullAnswer::Retry(after) = answer { Some(*after) } else { None };
        self.answered(tag, now, jitter, wait, *answer == PullAnswer::Auth, *answer == PullAnswer::Upgrade);
        if let PullAnswer::Page(page) = answer {
            self.pull_at = if page.more { now } else { now + self.timing.poll };
            self.status = if page.more { Status::Syncing } else { Status::Live };
        }
    }

    fn answered(&mut self, tag: u64, now: f64, jitter: f64, wait: Option<u64>, auth: bool, old: bool) {
        if wait.is_some() {
            self.failed(tag, now, jitter, wait, Failure::Other);
            return;
        }
        if let Some(flight) = self.flight.take_if(|flight| flight.tag == tag) {
            self.pace(flight).grow();
            self.too_large.take_if(|_| flight.is_push);
        }
        (self.not_before, self.failures) = (now, 0);
        self.status = match (auth, old) {
            (true, _) => Status::NeedsAuth,
            (_, true) => Status::Upgrade,
            _ => Status::Syncing,
        };
    }

    fn pace(&mut self, flight: Flight) -> &mut Pace {
        if flight.is_push {
            &mut self.push_pace
        } else {
            &mut self.pull_pace
        }
    }

    /// A request failed, or its answer made no sense: the same goes again later, or less of it if it was too much. `after` is what the
    /// server asked for.
    pub fn failed(&mut self, tag: u64, now: f64, jitter: f64, after: Option<u64>, why: Failure) {
        let Some(flight) = self.flight.take_if(|flight| flight.tag == tag) else { return };
        if why != Failure::Other {
            self.pace(flight).shrink(flight.count, flight.bytes);
        }
        if flight.is_push && flight.count == 1 && why == Failure::TooLarge {
            // The server is there: only this does not get through.
            let again = now + self.timing.backoff_max * (0.5 + jitter / 2.0);
            self.too_large = Some(TooLarge { bytes: flight.bytes, again });
            (self.pull_at, self.status) = (now, Status::Syncing);
            return;
        }
        let doubled = self.timing.backoff * f64::from(1u32 << self.failures.min(16));
        let wait = doubled.min(self.timing.backoff_max) * (0.5 + jitter / 2.0);
        let asked = after.map_or(0.0, |after| (after as f64).min(self.timing.backoff_max));
        self.not_before = now + wait.max(asked);
        self.failures = self.failures.saturating_add(1);
        self.status = Status::Offline;
    }

    /// The server has something new, or the device is online again: no reason to wait.
    pub fn poke(&mut self, now: f64) {
        (self.pull_at, self.not_before) = (now, now);
    }

    /// The token was renewed, or the application is another: goes on.
    pub fn resume(&mut self, now: f64) {
        self.flight = None;
        self.failures = 0;
        self.status = Status::Connecting;
        self.poke(now);
    }
}
