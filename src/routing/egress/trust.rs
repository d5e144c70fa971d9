//! Whom targets must prove to be: the public roots of the machine, or those that were built in where it has none, and the
//! CA that an action names.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why a target's CA is not usable.
#[derive(Debug, thiserror::Error)]
pub enum CaFault {
    /// There is no certificate in it.
    #[error("holds no certificate in PEM")]
    Empty,
    /// It is not PEM.
    #[error("is not PEM: {0}")]
    Pem(rustls_pki_types::pem::Error),
    /// One of its certificates cannot be used.
    #[error("holds a certificate that cannot be used: {0}")]
    Certificate(rustls::Error),
}

/// What TLS clients share.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    public: Arc<RootCertStore>,
}

impl Trust {
    /// Reads the machine's roots.
    pub(super) fn load() -> Self {
        let mut provider = aws_lc_rs::default_provider();
        // Named, so that no other crate's feature changes them.
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
        let mut public = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = public.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::debug!("the machine has no roots of its own, those that are built in are used");
            public.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self {
            provider: Arc::new(provider),
            public: Arc::new(public),
        }
    }

    /// A client that trusts the public roots and `ca`, in PEM; it offers HTTP/2 unless told not to.
    pub(super) fn client_config(&self, ca: Option<&[u8]>, http2: bool) -> Result<ClientConfig, TrustFault> {
        let roots = match ca {
            None => self.public.clone(),
            Some(pem) => {
                let mut roots = RootCertStore::clone(&self.public);
                for certificate in certificates(pem)? {
                    roots.add(certificate).map_err(CaFault::Certificate)?;
                }
                Arc::new(roots)
            }
        };
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TrustFault::Configuration)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(config)
    }
}

/// Why there is no TLS for a target.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustFault {
    /// Its CA.
    #[error(transparent)]
    Ca(#[from] CaFault),
    /// The library.
    #[error("TLS configuration: {0}")]
    Configuration(rustls::Error),
}

/// Whether `pem` can be the CA of a target.
pub fn check_ca(pem: &[u8]) -> Result<(), CaFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(CaFault::Certificate)?;
    }
    Ok(())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CaFault> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(CaFault::Pem)?;
    if found.is_empty() {
        return Err(CaFault::Empty);
    }
    Ok(found)
}

/// A failed handshake in words for those who configure targets.
pub(super) fn describe(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return format!("the TLS handshake failed: {error}");
    };
    let words = match fault {
        CertificateError::UnknownIssuer => {
            "it is signed by no CA that is trusted: neither a public one nor that of cert_id".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not for this name (its subject alternative names count)".to_owned()
        }
        CertificateError::BadSignature => "its signature is wrong: another CA of the same name?".to_owned(),
        other => other.to_string(),
    };
    format!("the target's certificate is refused: {words}")
}
