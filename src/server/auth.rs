//! Tokens: JWT that name a tenant and a user, signed by a key of a key set or with the server's own secret.
//!
//! Not accounts. The algorithm is the key's, never the token's: a token that names another is refused before any key is
//! touched with it.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::http::{header, HeaderMap};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use tidewell_core::collections::json;
use tidewell_core::sync::Caller;

use crate::jwks::Jwks;

/// Who asks, for whose data, until when.
pub(crate) struct Session {
    pub(crate) tenant: String,
    pub(crate) caller: Caller,
    /// Seconds since 1970.
    pub(crate) expires: u64,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token does not hold.
    Token,
    /// The keys could not be had yet, so nobody knows.
    NoKeys,
}

/// What a token must say besides who it is for.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// `aud`, if it matters.
    pub audience: Option<String>,
    /// `iss`, if it matters.
    pub issuer: Option<String>,
}

/// Verifies tokens.
pub(crate) struct Tokens {
    secret: Option<DecodingKey>,
    keys: Option<Arc<Jwks>>,
    expected: Expected,
}

impl Tokens {
    pub(crate) fn new(secret: Option<&[u8]>, keys: Option<Arc<Jwks>>, expected: Expected) -> Self {
        Self { secret: secret.map(DecodingKey::from_secret), keys, expected }
    }

    /// The session of a request.
    pub(crate) async fn session(&self, headers: &HeaderMap) -> Result<Session, Refused> {
        let token = bearer(headers).ok_or(Refused::Token)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Token)?;
        let claims = match (header.alg, &self.secret, &self.keys) {
            (Algorithm::HS256, Some(secret), _) => self.claims(token, secret, Algorithm::HS256),
            (Algorithm::RS256 | Algorithm::EdDSA, _, Some(keys)) => {
                let key = keys.find(header.kid.as_deref(), header.alg).await?;
                self.claims(token, &key.key, key.algorithm)
            }
            _ => None,
        };
        claims.and_then(session).ok_or(Refused::Token)
    }

    fn claims(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<serde_json::Value> {
        let mut required = vec!["exp", "sub"];
        let mut validation = Validation::new(algorithm);
        validation.validate_nbf = true;
        validation.validate_aud = self.expected.audience.is_some();
        validation.leeway = 5;
        if let Some(audience) = &self.expected.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.expected.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Some(jsonwebtoken::decode::<serde_json::Value>(token, key, &validation).ok()?.claims)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Names stand in keys of the database and in logs: they are short and printable.
fn session(claims: serde_json::Value) -> Option<Session> {
    let fits = |name: &&str| (1..=128).contains(&name.len()) && !name.chars().any(char::is_control);
    let name = |claim: &str| claims.get(claim)?.as_str().filter(fits);
    let (tenant, user) = (name("tenant")?.to_owned(), name("sub")?.into());
    let expires = claims.get("exp")?.as_f64()? as u64;
    let claims = json::parse(claims.to_string().as_bytes()).ok()?;
    Some(Session { tenant, caller: Caller { user, claims }, expires })
}

/// Makes a token.
pub(crate) fn make(secret: &[u8], claims: &serde_json::Value) -> Result<String> {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).context("signing the token")
}
