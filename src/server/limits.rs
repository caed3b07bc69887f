//! How much one caller may ask for: requests of a user and of a tenant in a second.
//!
//! Not a defence against floods from strangers: who has no token is refused before anything is read, and the rest is the
//! reverse proxy's work.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::auth::Session;

/// What a server bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests a second of one user, in bursts of twice as many; 0 for no limit.
    pub user_requests: u32,
    /// Requests a second of one tenant.
    pub tenant_requests: u32,
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// Open live streams of one tenant.
    pub live_streams: usize,
    /// How long a client may take to send the head of a request.
    pub head: Duration,
    /// How long a request may take altogether, its body included.
    pub request: Duration,
    /// How long a client may take nothing of an answer.
    pub stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            user_requests: 200,
            tenant_requests: 2000,
            connections: 4096,
            live_streams: 2000,
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            stalled: Duration::from_secs(20),
        }
    }
}

/// Counts requests.
pub(crate) struct Rates {
    users: Option<DefaultKeyedRateLimiter<(String, Box<str>)>>,
    tenants: Option<DefaultKeyedRateLimiter<String>>,
    clock: DefaultClock,
}

fn quota(requests: u32) -> Option<Quota> {
    let requests = NonZeroU32::new(requests)?;
    Some(Quota::per_second(requests).allow_burst(requests.saturating_mul(NonZeroU32::MIN.saturating_add(1))))
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            users: quota(limits.user_requests).map(RateLimiter::keyed),
            tenants: quota(limits.tenant_requests).map(RateLimiter::keyed),
            clock: DefaultClock::default(),
        }
    }

    /// One more request of this session; how long to wait, if it is one too many.
    pub(crate) fn admit(&self, session: &Session) -> Result<(), Duration> {
        let now = self.clock.now();
        if let Some(users) = &self.users {
            let key = (session.tenant.clone(), session.caller.user.clone());
            users.check_key(&key).map_err(|busy| busy.wait_time_from(now))?;
        }
        if let Some(tenants) = &self.tenants {
            tenants.check_key(&session.tenant).map_err(|busy| busy.wait_time_from(now))?;
        }
        Ok(())
    }

    /// Forgets those who have not asked for a while.
    pub(crate) fn forget(&self) {
        if let Some(users) = &self.users {
            users.retain_recent();
        }
        if let Some(tenants) = &self.tenants {
            tenants.retain_recent();
        }
    }
}
