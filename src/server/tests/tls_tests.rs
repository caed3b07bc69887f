//! Encrypted connections to PostgreSQL: by whom they are made, and whom they are refused to.
//!
//! What is sent over them is in the other tests.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::cluster::Cluster;
use crate::fixture::{agent, create, heard, Device, Home};

/// An authority: its certificate as PEM, and what it signs with.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate for its own authority's where both have one name.
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate, Issuer::new(params, key))
}

/// A PostgreSQL whose certificate is for `localhost`, and that authority's certificate.
fn encrypted() -> (Cluster, String) {
    let (certificate, issuer) = authority();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (Cluster::start_with_tls(&own.pem(), &key.serialize_pem()), certificate)
}

/// A home with the files of authorities that URLs name.
fn home_with(url: &str, files: &[(&str, &str)]) -> Home {
    let home = Home::on(url);
    for (name, text) in files {
        std::fs::write(home.folder.path().join(name), text).unwrap();
    }
    home
}

fn url(cluster: &Cluster, host: &str, query: &str) -> String {
    format!("postgres://tidewell@{host}:{}/postgres{query}", cluster.port)
}

#[test]
fn servers_on_a_database_that_wants_encryption_push_hear_of_each_other_and_back_up() {
    let (cluster, certificate) = encrypted();
    let files = [("ca.pem", certificate.as_str())];
    // `%2E` is a dot.
    for (id, query) in ["?sslmode=verify-full&sslrootcert=ca%2Epem", "?sslmode=require"].into_iter().enumerate() {
        let home = home_with(&url(&cluster, "localhost", query), &files);
        let (token, servers) = (home.token(&format!("t{id}"), "ann"), [home.start(), home.start()]);
        let live = agent().get(format!("{}/v1/live", servers[1].url));
        let mut stream = live.header("authorization", format!("Bearer {token}")).call().unwrap();
        let mut device = Device::new(id as u64 + 1, &token);
        device.mutate(vec![create("x")]);
        device.push(&servers[0].url).unwrap();
        heard(&mut stream.body_mut().as_reader(), "data: 1\n");
        let said = home.run(&["backup", "copy.dump"]).unwrap();
        assert!(said.contains("tenants are in copy.dump"), "{said}");
    }
}

#[test]
fn a_database_that_cannot_be_trusted_is_not_connected_to_and_the_reason_is_said() {
    let (cluster, certificate) = encrypted();
    let (other, _) = authority();
    let files = [("ca.pem", certificate.as_str()), ("other.pem", &other), ("empty.pem", "")];
    let refused = |url: &str, wanted: &str| {
        let said = home_with(url, &files).run(&["migrate"]).unwrap_err();
        assert!(said.contains(wanted) && !said.contains("tidewell@"), "{url}: {said}");
    };
    for (host, query, wanted) in [
        ("localhost", "", "wants an encrypted connection"),
        ("localhost", "?sslmode=disable", "wants an encrypted connection"),
        ("localhost", "?sslmode=verify-full", "UnknownIssuer"),
        ("localhost", "?sslmode=verify-full&sslrootcert=system", "UnknownIssuer"),
        ("localhost", "?sslmode=verify-full&sslrootcert=other.pem", "invalid peer certificate"),
        ("127.0.0.1", "?sslmode=verify-full&sslrootcert=ca.pem", "not valid for name"),
        ("localhost", "?sslmode=verify-full&sslrootcert=none.pem", "sslrootcert is none.pem"),
        ("localhost", "?sslmode=verify-full&sslrootcert=empty.pem", "no certificate"),
        ("localhost", "?sslmode=require&sslrootcert=ca.pem", "sslrootcert is for sslmode=verify-full"),
        ("localhost", "?sslmode=prefer", "disable, require or verify-full"),
        ("localhost", "?sslmode=require&sslmode=disable", "twice"),
        ("localhost", "?sslmode=require&unheard=of", "postgres:// URL"),
    ] {
        refused(&url(&cluster, host, query), wanted);
    }
    refused(&format!("{}?sslmode=require", Cluster::shared().database()), "does not support TLS");
}
