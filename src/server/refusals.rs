//! The log of requests that were refused, or failed: a line each, and only so many of a kind in a second.
//!
//! Not what the client is told. A line names a code, a route and a status, and nothing that came with the request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::response::Response;
use tidewell_core::base::Error;
use tokio::time::Instant;

use crate::log;

/// The most lines of one code in a [`PERIOD`]: whoever is refused over and over must not fill the disk.
const LINES: u32 = 5;
const PERIOD: Duration = Duration::from_secs(1);

/// Marks a response as a refusal with this code.
#[derive(Clone, Copy, Debug)]
struct Code(&'static str);

/// A response, marked.
pub(crate) fn marked(mut response: Response, code: &'static str) -> Response {
    response.extensions_mut().insert(Code(code));
    response
}

/// What was refused of late, by code.
#[derive(Default)]
pub(crate) struct Refusals {
    codes: Mutex<BTreeMap<&'static str, Period>>,
}

struct Period {
    began: Instant,
    lines: u32,
    passed_over: u64,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Period>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a response, if it is a refusal. The path is one that the server knows: another is the client's own words.
    pub(crate) fn note(&self, route: Option<&MatchedPath>, response: &Response) {
        if let Some(Code(code)) = response.extensions().get().copied() {
            let route = route.map_or("another", MatchedPath::as_str);
            self.line(code, || log::refused(code, route, response.status().as_u16()));
        }
    }

    /// Notes what was no HTTP, and never came to a route.
    pub(crate) fn note_no_http(&self) {
        self.line("http", || log::warn("http", "what came is no HTTP, or too much of it"));
    }

    /// Notes what failed here. The message names no document's content.
    pub(crate) fn note_failure(&self, error: &Error) {
        self.line(error.kind().code(), || log::error(error.kind().code(), error.message()));
    }

    /// Writes a line, unless too many were just written.
    fn line(&self, code: &'static str, write: impl FnOnce()) {
        let now = Instant::now();
        {
            let mut codes = self.lock();
            let period = codes.entry(code).or_insert(Period { began: now, lines: 0, passed_over: 0 });
            if now - period.began >= PERIOD {
                passed_over(code, period);
                *period = Period { began: now, lines: 0, passed_over: 0 };
            }
            if period.lines >= LINES {
                period.passed_over += 1;
                return;
            }
            period.lines += 1;
        }
        write();
    }

    /// Says how many had no line, where nothing came since that would have said it.
    pub(crate) fn settle(&self) {
        for (code, period) in self.lock().iter_mut() {
            passed_over(code, period);
            period.passed_over = 0;
        }
    }
}

fn passed_over(code: &str, period: &Period) {
    if period.passed_over > 0 {
        log::passed_over(code, period.passed_over);
    }
}
