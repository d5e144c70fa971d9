//! TLS: rustls on the aws-lc-rs provider, TLS 1.2 by default, the certificate chosen by what the client can verify.
//! Gives `server` its configuration; development certificates for `quickstart` are in [`development`].

pub mod development;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, Ticketer, kx_group};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsVersion;

/// How many sessions are kept for clients without tickets.
const SESSIONS: usize = 10_000;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, written, or is not what it should be.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The configuration cannot be made.
    #[error("TLS configuration: {0}")]
    Configuration(#[from] rustls::Error),
    /// A development certificate cannot be made.
    #[error("development certificates: {0}")]
    Development(String),
}

fn fault(path: &Path, cause: impl std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    }
}

/// A server configuration over these certificates and keys (PEM), in order of preference.
pub fn server_config(
    pairs: &[(PathBuf, PathBuf)],
    versions: &[TlsVersion],
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    // Named, so that no other crate's feature changes them.
    provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    let provider = Arc::new(provider);
    let mut keys = Vec::with_capacity(pairs.len());
    for (certificate, key) in pairs {
        keys.push(Arc::new(certified_key(certificate, key, &provider)?));
    }
    let versions: Vec<_> = versions
        .iter()
        .map(|version| match version {
            TlsVersion::V12 => &rustls::version::TLS12,
            TlsVersion::V13 => &rustls::version::TLS13,
        })
        .collect();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Certificates(keys)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = Ticketer::new()?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(Arc::new(config))
}

fn certified_key(
    certificate: &Path,
    key: &Path,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| fault(certificate, error))?;
    if chain.is_empty() {
        return Err(fault(certificate, "holds no certificate in PEM"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => fault(
            key,
            format!("is not the key of the certificate in {}", certificate.display()),
        ),
        other => fault(key, other),
    })
}

/// Several certificates side by side.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let verifiable = || {
            let schemes = hello.signature_schemes();
            self.0
                .iter()
                .filter(move |certified| certified.key.choose_scheme(schemes).is_some())
        };
        let suites = hello.cipher_suites();
        let fits = |certified: &&Arc<CertifiedKey>| {
            let family = suite_family(certified.key.algorithm());
            suites
                .iter()
                .any(|suite| format!("{suite:?}").starts_with(family))
        };
        // Suites of TLS 1.3 go with every kind of key, but a client may list them and then speak 1.2: they count only
        // where no suite of 1.2 decides.
        verifiable().find(fits).or_else(|| verifiable().next()).cloned()
    }
}

/// How the names of the TLS 1.2 suites begin that go with a key of this kind.
fn suite_family(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RSA => "TLS_ECDHE_RSA_",
        _ => "TLS_ECDHE_ECDSA_",
    }
}
