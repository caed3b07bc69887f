//! What a `postgres://` URL says: where the database is, and whether the way there is encrypted (`sslmode`, `sslrootcert`).
//!
//! The words are libpq's, so that `pg_dump` and `pg_restore` understand the same URL; its guesses are not: nothing is encrypted if it
//! can be and plain if it cannot, and no file in somebody's home is looked for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{bail, ensure, Context, Result};
use postgres::config::SslMode;
use postgres::{Client, Config, NoTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where to connect, and how.
pub(crate) struct Target {
    pub(super) config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// The two parameters that are not left to the client's crate.
#[derive(Default)]
struct Wanted {
    mode: Option<String>,
    roots: Option<String>,
}

impl Target {
    /// Understands a URL.
    ///
    /// # Errors
    /// What of it is wrong. The URL, which may hold a password, is not quoted.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (plain, wanted) = take(url)?;
        let mut config: Config = plain.parse().context("the database's postgres:// URL")?;
        let tls = match (wanted.mode.as_deref(), wanted.roots.as_deref()) {
            (None | Some("disable"), None) => None,
            (None | Some("disable" | "require"), Some(_)) => {
                bail!("the database's URL: sslrootcert is for sslmode=verify-full")
            }
            (Some("require"), None) => Some(unverified()?),
            (Some("verify-full"), roots) => Some(verified(roots)?),
            (Some(other), _) => {
                bail!("the database's URL: sslmode is '{other}': disable, require or verify-full are known")
            }
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls: tls.map(MakeRustlsConnect::new) })
    }

    /// Connects.
    pub(super) fn connect(&self) -> std::result::Result<Client, postgres::Error> {
        match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }
    }
}

/// The URL without the parameters that are understood here, and those.
fn take(url: &str) -> Result<(String, Wanted)> {
    let mut wanted = Wanted::default();
    let Some((place, query)) = url.split_once('?') else { return Ok((url.to_owned(), wanted)) };
    let mut others = Vec::new();
    for parameter in query.split('&') {
        let slot = match parameter.split_once('=') {
            Some(("sslmode", value)) => (&mut wanted.mode, value),
            Some(("sslrootcert", value)) => (&mut wanted.roots, value),
            _ => {
                others.push(parameter);
                continue;
            }
        };
        let value = percent_encoding::percent_decode_str(slot.1).decode_utf8();
        let value = value.context("the database's URL: sslmode or sslrootcert is not UTF-8")?;
        ensure!(slot.0.replace(value.into_owned()).is_none(), "the database's URL names sslmode or sslrootcert twice");
    }
    let question = if others.is_empty() { "" } else { "?" };
    Ok((format!("{place}{question}{}", others.join("&")), wanted))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Encrypted, whoever answers: nobody who only listens understands it.
fn unverified() -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let anybody = Arc::new(Anybody(provider()));
    Ok(builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth())
}

/// Encrypted, to a server whose certificate an authority gave to that host.
fn verified(roots: Option<&str>) -> Result<ClientConfig> {
    let store = match roots {
        None | Some("system") => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(file) => authorities(Path::new(file))?,
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// The certificates of authorities in a PEM file.
fn authorities(file: &Path) -> Result<RootCertStore> {
    let said = || format!("the database's URL: sslrootcert is {}", file.display());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(said)? {
        store.add(certificate.with_context(said)?).with_context(said)?;
    }
    ensure!(!store.is_empty(), "{}, in which there is no certificate", said());
    Ok(store)
}

/// Takes every certificate, of which the server must hold the key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
