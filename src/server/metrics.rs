//! Counters in Prometheus' text form.
//!
//! They name no tenant, user or document.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use tidewell_core::sync::Outcome;

/// What is counted.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(crate) pushes: AtomicU64,
    pub(crate) pulls: AtomicU64,
    pub(crate) documents: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) refused_tokens: AtomicU64,
    pub(crate) bad_requests: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) limited: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn outcome(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied(_) => count(&self.applied),
            Outcome::Duplicate(_) => count(&self.duplicates),
            Outcome::Rejected(_) => count(&self.rejected),
            Outcome::Retry(_) | Outcome::Upgrade => {}
        }
    }

    pub(crate) fn text(&self, live: usize) -> String {
        let counters = [
            ("pushes", "pushes handled", &self.pushes),
            ("pulls", "pulls handled", &self.pulls),
            ("documents_sent", "documents sent by pulls", &self.documents),
            ("mutations_applied", "mutations that took effect", &self.applied),
            ("mutations_duplicate", "mutations that came again", &self.duplicates),
            ("mutations_rejected", "mutations rejected for good", &self.rejected),
            ("tokens_refused", "requests without a token that holds", &self.refused_tokens),
            ("bad_requests", "requests that are no message", &self.bad_requests),
            ("limited", "requests that were one too many", &self.limited),
            ("failures", "requests that failed here", &self.failures),
        ];
        let mut text = String::new();
        for (name, help, counter) in counters {
            let value = counter.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP tidewell_{name}_total {help}\n# TYPE tidewell_{name}_total counter\n");
            let _ = writeln!(text, "tidewell_{name}_total {value}");
        }
        let _ = write!(text, "# HELP tidewell_live_streams open live streams\n# TYPE tidewell_live_streams gauge\n");
        let _ = writeln!(text, "tidewell_live_streams {live}");
        text
    }
}
