//! What the routes share: tokens, the database, news, limits, counters and the log of refusals.
//!
//! It knows no HTTP.

use std::sync::Arc;

use tidewell_core::sync::server::Policy;

use crate::auth::Tokens;
use crate::database::Database;
use crate::limits::{Limits, Rates};
use crate::live::News;
use crate::metrics::Metrics;
use crate::refusals::Refusals;

/// A running server.
pub(crate) struct Service {
    pub(crate) tokens: Tokens,
    pub(crate) policy: Policy,
    pub(crate) news: Arc<News>,
    pub(crate) metrics: Metrics,
    pub(crate) database: Database,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    pub(crate) refusals: Refusals,
}
