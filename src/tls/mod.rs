//! TLS: rustls on the aws-lc-rs provider, TLS 1.2 by default, the certificate chosen by what the client can verify.
//! Gives `server` its configuration; development certificates for `quickstart` are in [`development`].

mod certificates;
pub mod development;
mod ourselves;

pub use certificates::CertificateStore;
pub use ourselves::connection_to_ourselves;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{self, Ticketer, kx_group};
use rustls::server::ServerSessionMemoryCache;

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

/// The certificates in use, and the TLS configuration around them.
pub struct ServerTls {
    /// For the listeners.
    pub config: Arc<ServerConfig>,
    /// To watch for changes.
    pub certificates: Arc<CertificateStore>,
}

/// A server configuration over these certificates and keys (PEM), in order of preference. `max_fragment_size` is that of
/// TLS records, bytes with their overhead; none: the largest.
pub fn server_config(
    pairs: Vec<(PathBuf, PathBuf)>,
    versions: &[TlsVersion],
    max_fragment_size: Option<usize>,
) -> Result<ServerTls, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    // Named, so that no other crate's feature changes them.
    provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    let provider = Arc::new(provider);
    let certificates = CertificateStore::load(pairs, provider.clone())?;
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
        .with_cert_resolver(certificates.clone());
    // `curl --http1.0` names http/1.0 alone; without a common name the handshake would have to fail.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    config.ticketer = Ticketer::new()?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.max_fragment_size = max_fragment_size;
    Ok(ServerTls {
        config: Arc::new(config),
        certificates,
    })
}
