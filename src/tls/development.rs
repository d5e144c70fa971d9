//! Development certificates: a CA of the instance's own, made once, and ECDSA and RSA leaves that are renewed under it.
//! For `quickstart`; a fleet gets certificates that its devices already trust.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

use super::{TlsError, fault};
use crate::domain::clock::Timestamp;
use crate::files;

const DAY_MS: i64 = 86_400_000;
const CA_DAYS: i64 = 3650;

/// The CA's name.
const CA_NAME: &str = "Fieldgate development CA";
/// Some clients refuse leaves of over 398 days.
const LEAF_DAYS: i64 = 397;
const RENEW_BEFORE_DAYS: i64 = 30;

/// Where the certificates are.
#[derive(Debug)]
pub struct DevelopmentCertificates {
    /// The CA that devices must trust.
    pub ca: PathBuf,
    /// Leaves and their keys: ECDSA, then RSA.
    pub pairs: Vec<(PathBuf, PathBuf)>,
}

/// The names of a leaf: the machine itself, and the host that devices are told.
pub fn leaf_names(public_host: &str) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for name in [host.as_str(), public_host] {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Makes what is missing in `folder`, renews leaves that end soon or have other names.
pub fn ensure(folder: &Path, names: &[String], now: Timestamp) -> Result<DevelopmentCertificates, TlsError> {
    files::create_folder(folder, 0o755).map_err(|error| fault(folder, error))?;
    let ca = folder.join("ca.pem");
    let ca_key = authority_key(folder, &ca, now)?;
    // The issuer is built again from the same parameters and key: same subject, same key identifier.
    let issuer = Issuer::new(authority_params(now)?, ca_key);
    let mut pairs = Vec::new();
    for (kind, algorithm) in [("ecdsa", &PKCS_ECDSA_P256_SHA256), ("rsa", &PKCS_RSA_SHA256)] {
        let certificate = folder.join(format!("leaf-{kind}.pem"));
        let key = folder.join(format!("leaf-{kind}.key"));
        if !is_good(&certificate, &key, names, now) {
            let pair = KeyPair::generate_for(algorithm).map_err(|error| made(&error))?;
            let leaf = leaf_params(names, now)?
                .signed_by(&pair, &issuer)
                .map_err(|error| made(&error))?;
            write(&key, &pair.serialize_pem(), 0o600)?;
            write(&certificate, &leaf.pem(), 0o644)?;
        }
        pairs.push((certificate, key));
    }
    Ok(DevelopmentCertificates { ca, pairs })
}

fn made(error: &rcgen::Error) -> TlsError {
    TlsError::Development(error.to_string())
}

fn authority_key(folder: &Path, ca: &Path, now: Timestamp) -> Result<KeyPair, TlsError> {
    let path = folder.join("ca.key");
    if path.exists() && ca.exists() {
        let pem = std::fs::read_to_string(&path).map_err(|error| fault(&path, error))?;
        return KeyPair::from_pem(&pem).map_err(|error| fault(&path, error));
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| made(&error))?;
    let certificate = authority_params(now)?
        .self_signed(&key)
        .map_err(|error| made(&error))?;
    write(&path, &key.serialize_pem(), 0o600)?;
    write(ca, &certificate.pem(), 0o644)?;
    Ok(key)
}

fn authority_params(now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, CA_NAME);
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(now, CA_DAYS)?;
    Ok(params)
}

fn leaf_params(names: &[String], now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(|error| made(&error))?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Fieldgate");
    params.distinguished_name = name;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (params.not_before, params.not_after) = validity(now, LEAF_DAYS)?;
    Ok(params)
}

/// From a day ago, for clocks that are behind.
fn validity(now: Timestamp, days: i64) -> Result<(OffsetDateTime, OffsetDateTime), TlsError> {
    let at = |millis: i64| {
        OffsetDateTime::from_unix_timestamp(now.plus_millis(millis).0 / 1000)
            .map_err(|error| TlsError::Development(error.to_string()))
    };
    Ok((at(-DAY_MS)?, at((days - 1) * DAY_MS)?))
}

fn is_good(certificate: &Path, key: &Path, names: &[String], now: Timestamp) -> bool {
    let Ok(pem) = std::fs::read(certificate) else {
        return false;
    };
    let Ok((_, pem)) = parse_x509_pem(&pem) else {
        return false;
    };
    let Ok(leaf) = pem.parse_x509() else { return false };
    let ends_ms = leaf.validity().not_after.timestamp().saturating_mul(1000);
    let lasts = ends_ms > now.plus_millis(RENEW_BEFORE_DAYS * DAY_MS).0;
    let held: Vec<String> = match leaf.subject_alternative_name() {
        Ok(Some(extension)) => extension
            .value
            .general_names
            .iter()
            .filter_map(name_text)
            .collect(),
        _ => Vec::new(),
    };
    lasts && key.exists() && names.iter().all(|name| held.contains(name)) && held.len() == names.len()
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
            ref long => <[u8; 16]>::try_from(long)
                .ok()
                .map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    files::write(path, text, mode).map_err(|error| fault(path, error))
}

/// The PEM of the CA that [`ensure`] made beside this certificate; none where the certificate came from elsewhere.
pub fn ca_beside(certificate: &Path) -> Option<String> {
    let pem = std::fs::read_to_string(certificate.with_file_name("ca.pem")).ok()?;
    let (_, found) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    let parsed = found.parse_x509().ok()?;
    let mut names = parsed.subject().iter_common_name();
    let own = names.any(|name| name.as_str().is_ok_and(|name| name == CA_NAME));
    own.then_some(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_421_730_000);

    #[test]
    fn leaves_are_kept_until_they_end_soon_or_get_other_names() {
        let folder = tempfile::tempdir().unwrap();
        let names = leaf_names("gate.example");
        let made = ensure(folder.path(), &names, NOW).unwrap();
        let read = |path: &Path| std::fs::read(path).unwrap();
        let (ca, leaf) = (read(&made.ca), read(&made.pairs[0].0));
        ensure(folder.path(), &names, NOW.plus_millis(DAY_MS)).unwrap();
        assert_eq!(read(&made.pairs[0].0), leaf, "kept while good");
        ensure(folder.path(), &names, NOW.plus_millis(380 * DAY_MS)).unwrap();
        let renewed = read(&made.pairs[0].0);
        assert_ne!(renewed, leaf, "renewed before its end");
        ensure(
            folder.path(),
            &leaf_names("other.example"),
            NOW.plus_millis(380 * DAY_MS),
        )
        .unwrap();
        assert_ne!(read(&made.pairs[0].0), renewed, "made again for other names");
        assert_eq!(read(&made.ca), ca, "the CA stays");
    }
}
