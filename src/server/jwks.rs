//! The public keys of whoever makes the tokens: a JWK set in a file or behind a URL, read again from time to time.
//!
//! A key has one algorithm, by its type. While a newer set cannot be had, the keys that are known go on to hold.

use std::io::Read;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{bail, Context, Result};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::Refused;

/// The most bytes of a set.
const SET_MAX: u64 = 256 << 10;
/// The most keys of a set.
const KEYS_MAX: usize = 100;
/// A set that takes longer to come is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the set is and how often it is read.
#[derive(Clone, Debug)]
pub struct Source {
    /// A path or a URL.
    pub place: String,
    /// How old the keys may become before they are read again.
    pub refresh: Duration,
    /// A token with an unknown key makes the set be read again, but not more often than this.
    pub at_most_every: Duration,
}

/// A public key and the one algorithm that goes with it.
#[derive(Clone)]
pub(crate) struct Key {
    name: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// The keys of a source.
pub(crate) struct Jwks {
    source: Source,
    keys: RwLock<Arc<Vec<Key>>>,
    tried: Mutex<Option<Instant>>,
}

impl Jwks {
    /// Reads the keys. A file must be there; what is behind a URL may be away for now.
    pub(crate) async fn start(source: Source) -> Result<Arc<Self>> {
        let is_file = !source.place.contains("://");
        if source.place.starts_with("http://") && !is_loopback(&source.place) {
            bail!("the key set {} must come over https", source.place);
        }
        let keys = Arc::new(Self { source, keys: RwLock::default(), tried: Mutex::new(None) });
        match keys.refresh(Duration::ZERO).await {
            Err(error) if is_file => Err(error),
            _ => Ok(keys),
        }
    }

    /// The key of a token. A set that does not hold it is read again; one that is old is read again meanwhile.
    pub(crate) async fn find(self: &Arc<Self>, name: Option<&str>, algorithm: Algorithm) -> Result<Key, Refused> {
        if let Some(key) = self.lookup(name, algorithm) {
            let old = |tried: &Option<Instant>| tried.is_some_and(|tried| tried.elapsed() >= self.source.refresh);
            if self.tried.try_lock().is_ok_and(|tried| old(&tried)) {
                let keys = Arc::clone(self);
                // It has said in the log why it failed; what is known holds.
                tokio::spawn(async move { keys.refresh(keys.source.refresh).await.is_ok() });
            }
            return Ok(key);
        }
        let _failed = self.refresh(self.source.at_most_every).await.is_err();
        match self.lookup(name, algorithm) {
            Some(key) => Ok(key),
            None if self.known().is_empty() => Err(Refused::NoKeys),
            None => Err(Refused::Token),
        }
    }

    /// Without a name there must be no choice.
    fn lookup(&self, name: Option<&str>, algorithm: Algorithm) -> Option<Key> {
        let keys = self.known();
        let mut found =
            keys.iter().filter(|key| key.algorithm == algorithm && (name.is_none() || key.name.as_deref() == name));
        let first = found.next().cloned();
        first.filter(|_| name.is_some() || found.next().is_none())
    }

    fn known(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the set, unless that was tried within `least`. Those who come meanwhile wait for it.
    async fn refresh(&self, least: Duration) -> Result<()> {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|tried| tried.elapsed() < least) {
            return Ok(());
        }
        *tried = Some(Instant::now());
        let place = self.source.place.clone();
        let read = tokio::task::spawn_blocking(move || parse(&read(&place)?));
        let read = read.await.context("reading the key set").and_then(|keys| keys);
        match read {
            Ok(keys) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                Ok(())
            }
            Err(error) => {
                crate::log::warn("keys", &format!("{error:#}"));
                Err(error)
            }
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://").split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn read(place: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if place.contains("://") {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(0);
        let agent: ureq::Agent = config.build().into();
        let mut answer = agent.get(place).call().with_context(|| format!("asking for the key set {place}"))?;
        answer.body_mut().as_reader().take(SET_MAX + 1).read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(place).with_context(|| format!("reading the key set {place}"))?;
        file.take(SET_MAX + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > SET_MAX {
        bail!("the key set {place} has more than {SET_MAX} bytes");
    }
    Ok(bytes)
}

/// The keys of a set that verify signatures of RS256 or EdDSA; others are passed over, but some must be left.
fn parse(bytes: &[u8]) -> Result<Vec<Key>> {
    let set: serde_json::Value = serde_json::from_slice(bytes).context("the key set is no JSON")?;
    let all = set.get("keys").and_then(serde_json::Value::as_array).context("the key set has no 'keys'")?;
    if all.len() > KEYS_MAX {
        bail!("the key set has {} keys: {KEYS_MAX} are the most", all.len());
    }
    // One by one: a set may hold keys of kinds that are not known here.
    let known = all.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let keys: Vec<Key> = JwkSet { keys: known.collect() }.keys.iter().filter_map(usable).collect();
    if keys.is_empty() {
        bail!("the key set has no key for RS256 or EdDSA");
    }
    Ok(keys)
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    if !signs || common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return None;
    }
    Some(Key { name: common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}
