//! The file of settings (TOML): what stands in it, and what it means.
//!
//! Flags and the environment come first; that is `config`'s matter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tidewell_core::collections::json;
use tidewell_core::sync::server::{Policy, Shape};
use tidewell_core::sync::{Access, Rule};

use crate::limits::Limits;
use crate::schemas::Schemas;

/// The file of settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) database: Option<String>,
    pub(crate) connections: Option<usize>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) jwks: Option<String>,
    pub(crate) jwks_refresh_seconds: Option<u64>,
    pub(crate) jwks_at_most_every_seconds: Option<u64>,
    pub(crate) audience: Option<String>,
    pub(crate) issuer: Option<String>,
    #[serde(default)]
    pub(crate) cors: Vec<String>,
    schema_min: Option<u64>,
    schema_max: Option<u64>,
    rules: Option<BTreeMap<String, FileRule>>,
    schemas: Option<BTreeMap<String, String>>,
    #[serde(default)]
    limits: FileLimits,
}

/// A collection's rule: filters as JSON text. What is missing is denied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    read: Option<String>,
    write: Option<String>,
}

/// What is missing is as it is by default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    user_requests: Option<u32>,
    tenant_requests: Option<u32>,
    connections: Option<usize>,
    live_streams: Option<usize>,
    head_seconds: Option<u64>,
    request_seconds: Option<u64>,
    stalled_seconds: Option<u64>,
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong in it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Who may do what with which documents. Paths of schemas begin at `folder`.
    ///
    /// # Errors
    /// A sentence that names the rule or schema that is none.
    pub(crate) fn policy(&self, folder: &Path) -> Result<Policy> {
        let shape = match &self.schemas {
            None => None,
            Some(sources) => Some(Arc::new(Schemas::load(sources, folder)?) as Arc<dyn Shape>),
        };
        Ok(Policy {
            access: self.rules.as_ref().map_or_else(|| Ok(Access::open()), access)?,
            shape,
            schema_min: self.schema_min.unwrap_or(0),
            schema_max: self.schema_max.unwrap_or(u64::MAX),
            retry_ms: 5000,
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        let (given, usual) = (&self.limits, Limits::default());
        let seconds = |given: Option<u64>, usual| given.map_or(usual, Duration::from_secs);
        Limits {
            user_requests: given.user_requests.unwrap_or(usual.user_requests),
            tenant_requests: given.tenant_requests.unwrap_or(usual.tenant_requests),
            connections: given.connections.unwrap_or(usual.connections),
            live_streams: given.live_streams.unwrap_or(usual.live_streams),
            head: seconds(given.head_seconds, usual.head),
            request: seconds(given.request_seconds, usual.request),
            stalled: seconds(given.stalled_seconds, usual.stalled),
        }
    }
}

fn access(rules: &BTreeMap<String, FileRule>) -> Result<Access> {
    let mut parsed = Vec::new();
    let mut others = Rule::default();
    for (collection, rule) in rules {
        let filter = |text: &Option<String>, what: &str| {
            let parsed = text.as_ref().map(|text| json::parse(text.as_bytes())).transpose();
            parsed.map_err(|error| anyhow::anyhow!("the {what} rule of '{collection}': {error}"))
        };
        let rule = Rule { read: filter(&rule.read, "read")?, write: filter(&rule.write, "write")? };
        if collection == "*" {
            others = rule;
        } else {
            parsed.push((collection.as_str().into(), rule));
        }
    }
    Access::new(parsed, others).map_err(|error| anyhow::anyhow!("in the rules: {error}"))
}
