//! The certificates in use: loaded from their files, chosen by what the client can verify, taken up anew when the files
//! change. The TLS configuration around them stays, so sessions resume across a change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{TlsError, fault};
use crate::domain::clock::{Clock, Timestamp};
use crate::lifecycle::Hangups;
use crate::observability::Metrics;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// From when on the coming end is a warning.
const WARN_BEFORE_DAYS: i64 = 30;

/// Certificates with their keys (PEM), in order of preference.
pub struct CertificateStore {
    files: Vec<(PathBuf, PathBuf)>,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<Loaded>>,
}

struct Loaded {
    keys: Vec<Arc<CertifiedKey>>,
    /// Of all files' bytes: tells whether anything changed.
    fingerprint: Vec<u8>,
    /// When the first of them ends.
    ends: Timestamp,
}

impl CertificateStore {
    /// Reads and checks the files.
    pub(super) fn load(
        files: Vec<(PathBuf, PathBuf)>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, TlsError> {
        let loaded = read(&files, &provider)?;
        Ok(Arc::new(Self {
            files,
            provider,
            current: RwLock::new(Arc::new(loaded)),
        }))
    }

    fn current(&self) -> Arc<Loaded> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// When the first certificate ends.
    pub fn ends(&self) -> Timestamp {
        self.current().ends
    }

    /// Takes changed files up; whether there were any. A fault leaves what was in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        if fingerprint(&self.files)? == self.current().fingerprint {
            return Ok(false);
        }
        let loaded = read(&self.files, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(true)
    }

    /// Looks at the files now and then, and on SIGHUP, until told to stop.
    pub async fn watch(
        self: Arc<Self>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        mut hangups: Hangups,
        stop: CancellationToken,
    ) {
        let mut last_fault = String::new();
        self.tell_end(clock.now(), &metrics);
        loop {
            let asked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = hangups.next() => true,
                () = tokio::time::sleep(LOOK_INTERVAL) => false,
            };
            match self.reload() {
                Ok(changed) => {
                    last_fault.clear();
                    if changed || asked {
                        tracing::info!(changed, "certificates were looked at");
                        self.tell_end(clock.now(), &metrics);
                    }
                }
                Err(error) => {
                    let fault = error.to_string();
                    // The same fault is told once, unless somebody asks.
                    if asked || fault != last_fault {
                        tracing::error!(%error, "the new certificate is no good, the old one stays in use");
                    }
                    last_fault = fault;
                }
            }
        }
    }

    fn tell_end(&self, now: Timestamp, metrics: &Metrics) {
        metrics.certificate_end.set(self.ends().0 / 1000);
        let days_left = (self.ends().0 - now.0) / 86_400_000;
        if days_left < WARN_BEFORE_DAYS {
            tracing::warn!(days_left, "the certificate ends soon");
        } else {
            tracing::info!(days_left, "certificate");
        }
    }
}

impl fmt::Debug for CertificateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateStore")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for CertificateStore {
    /// The same for clients with and without a server name.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current();
        let verifiable = || {
            let schemes = hello.signature_schemes();
            current
                .keys
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
        // In TLS 1.2 the groups of a client are also the curves that it takes in a certificate (RFC 8422 §5.1).
        let on_known_curve = |certified: &&Arc<CertifiedKey>| {
            let signer = certified.key.choose_scheme(hello.signature_schemes());
            match (
                signer.and_then(|signer| curve(signer.scheme())),
                hello.named_groups(),
            ) {
                (Some(curve), Some(groups)) => groups.contains(&curve),
                _ => true,
            }
        };
        // Suites of TLS 1.3 go with every kind of key, but a client may list them and then speak 1.2: they count only
        // where no suite of 1.2 decides. Where no certificate serves, the handshake fails over that, and says so.
        verifiable()
            .filter(on_known_curve)
            .find(fits)
            .or_else(|| verifiable().find(fits))
            .or_else(|| verifiable().next())
            .or_else(|| current.keys.first())
            .cloned()
    }
}

/// The curve of a key that signs so; none for RSA.
fn curve(scheme: SignatureScheme) -> Option<NamedGroup> {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => Some(NamedGroup::secp256r1),
        SignatureScheme::ECDSA_NISTP384_SHA384 => Some(NamedGroup::secp384r1),
        SignatureScheme::ECDSA_NISTP521_SHA512 => Some(NamedGroup::secp521r1),
        _ => None,
    }
}

/// How the names of the TLS 1.2 suites begin that go with a key of this kind.
fn suite_family(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RSA => "TLS_ECDHE_RSA_",
        _ => "TLS_ECDHE_ECDSA_",
    }
}

fn read(files: &[(PathBuf, PathBuf)], provider: &CryptoProvider) -> Result<Loaded, TlsError> {
    let fingerprint = fingerprint(files)?;
    let mut keys = Vec::with_capacity(files.len());
    let mut ends = Timestamp(i64::MAX);
    for (certificate, key) in files {
        let certified = certified_key(certificate, key, provider)?;
        ends = ends.min(end_of(certificate, &certified)?);
        keys.push(Arc::new(certified));
    }
    Ok(Loaded {
        keys,
        fingerprint,
        ends,
    })
}

fn fingerprint(files: &[(PathBuf, PathBuf)]) -> Result<Vec<u8>, TlsError> {
    let mut context = Context::new(&SHA256);
    for path in files.iter().flat_map(|(certificate, key)| [certificate, key]) {
        let bytes = std::fs::read(path).map_err(|error| fault(path, error))?;
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(&bytes);
    }
    Ok(context.finish().as_ref().to_vec())
}

fn certified_key(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
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

fn end_of(path: &Path, certified: &CertifiedKey) -> Result<Timestamp, TlsError> {
    let leaf = certified.cert.first().map(|leaf| X509Certificate::from_der(leaf));
    match leaf {
        Some(Ok((_, leaf))) => Ok(Timestamp(
            leaf.validity().not_after.timestamp().saturating_mul(1000),
        )),
        _ => Err(fault(path, "is not an X.509 certificate")),
    }
}
