//! TLS to the database: what is accepted, and what the start says of what is not.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::SECRET;
use super::server::Server;
use crate::database::server;
use crate::harness::{Gate, command};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for 127.0.0.1, and its key.
fn certificate(issuer: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn written(folder: &Path, name: &str, issuer: &Authority) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, issuer.pem()).unwrap();
    path
}

fn url(server: &Server, host: &str, parameters: &str) -> String {
    format!("postgres://postgres@{host}:{}/postgres?{parameters}", server.port)
}

/// What `migrate` says of this URL, when it refuses it.
fn refusal(url: &str) -> Option<String> {
    let output = command()
        .arg("migrate")
        .env("FIELDGATE__STORAGE__URL", url)
        .env("FIELDGATE__SECRETS__KEY", "5a".repeat(32))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (!output.status.success()).then_some(said)
}

#[track_caller]
fn assert_refused(url: &str, parts: &[&str]) {
    let said = refusal(url).unwrap();
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_database_is_spoken_to_over_tls_and_proves_who_it_is() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (issuer, stranger) = (authority("the database's"), authority("another"));
    let ca = written(folder.path(), "ca.pem", &issuer);
    let other_ca = written(folder.path(), "other.pem", &stranger);
    let trusting = |mode: &str, ca: &Path| format!("sslmode={mode}&sslrootcert={}", ca.display());

    let without = ["does not speak TLS", "ssl = on", "sslmode=disable"];
    assert_refused(&url(&server, "127.0.0.1", "sslmode=require"), &without);
    assert_refused(
        &url(&server, "127.0.0.1", &trusting("verify-full", &ca)),
        &without,
    );
    for plain in ["sslmode=disable", "sslmode=prefer", ""] {
        assert_eq!(refusal(&url(&server, "127.0.0.1", plain)), None);
    }

    let (certificate, key) = certificate(&issuer);
    server.speak_tls(&certificate, &key);
    assert_refused(
        &url(&server, "127.0.0.1", &trusting("verify-full", &other_ca)),
        &["UnknownIssuer", "sslrootcert"],
    );
    assert_refused(
        &url(&server, "localhost", &trusting("verify-full", &ca)),
        &["not valid for name \"localhost\"", "sslmode=verify-ca"],
    );
    let missing = folder.path().join("missing.pem");
    assert_refused(
        &url(&server, "127.0.0.1", &trusting("verify-full", &missing)),
        &["No such file", "sslrootcert"],
    );
    let accepted = [
        url(&server, "localhost", &trusting("verify-ca", &ca)),
        url(&server, "127.0.0.1", "sslmode=require"),
        url(&server, "127.0.0.1", "sslmode=prefer"),
    ];
    for url in accepted {
        assert_eq!(refusal(&url), None);
    }

    assert_encrypted(&server, &trusting("verify-full", &ca), "t");
    assert_encrypted(&server, "sslmode=disable", "f");
}

/// Every connection of a running program is, or none.
fn assert_encrypted(server: &Server, parameters: &str, all: &str) {
    let mut gate = Gate::builder()
        .with("STORAGE__URL", &url(server, "127.0.0.1", parameters))
        .with("SECRETS__KEY", &"5a".repeat(32))
        .start();
    let device = format!("over_{all}");
    gate.device(&device, SECRET, None);
    let token = gate.token(&device, SECRET);
    assert_eq!(gate.message(&device, &token, b"x").status, 200);
    let query =
        "SELECT bool_and(ssl), bool_or(ssl), count(*) > 2 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'fieldgate'";
    assert_eq!(server.sql(query), format!("{all}|{all}|t"));
    gate.stop();
}
