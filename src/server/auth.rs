//! Tokens: JWT, signed with HS256, that name a tenant and a user.
//!
//! Not accounts: whoever holds the secret makes tokens. The algorithm is ours to name, never the token's.

use anyhow::{Context, Result};
use axum::http::{header, HeaderMap};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use tidewell_core::collections::json;
use tidewell_core::sync::Caller;

/// Who asks, for whose data, until when.
pub(crate) struct Session {
    pub(crate) tenant: String,
    pub(crate) caller: Caller,
    /// Seconds since 1970.
    pub(crate) expires: u64,
}

/// Verifies tokens.
pub(crate) struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.leeway = 5;
        Self { key: DecodingKey::from_secret(secret), validation }
    }

    /// The session of a request; `None` without a token that holds.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, &self.key, &self.validation).ok()?.claims;
        let name = |claim: &str| claims.get(claim)?.as_str().filter(|name| (1..=128).contains(&name.len()));
        let (tenant, user) = (name("tenant")?.to_owned(), name("sub")?.into());
        let expires = claims.get("exp")?.as_f64()? as u64;
        let claims = json::parse(claims.to_string().as_bytes()).ok()?;
        Some(Session { tenant, caller: Caller { user, claims }, expires })
    }
}

/// Makes a token.
pub(crate) fn make(secret: &[u8], claims: &serde_json::Value) -> Result<String> {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).context("signing the token")
}
