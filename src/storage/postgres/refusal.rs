//! What a connection that was not made tells the person who set its URL.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::OpenError;

/// For a server without TLS.
const NO_TLS: &str =
    "turn TLS on there (ssl = on), or say sslmode=disable where the network itself is trusted";

/// For a certificate from elsewhere.
const NOT_TRUSTED: &str =
    "its certificate is from no CA that is known here: name the CA's file with sslrootcert";

/// For a certificate of another host.
const OTHER_NAME: &str =
    "connect to a name that its certificate holds, or say sslmode=verify-ca, which checks the CA alone";

/// For a certificate that is wrong in another way.
const WRONG_CERTIFICATE: &str = "the server needs another certificate";

/// For a file that is not there.
const NO_FILE: &str = "a file that storage.url names cannot be read: sslrootcert, sslcert or sslkey";

/// What the start says of a failure to connect.
pub(super) fn told(error: &sqlx::Error) -> OpenError {
    let advised = |cause: String, advice| OpenError::Unproven { cause, advice };
    match error {
        sqlx::Error::Tls(cause) if cause.to_string() == "server does not support TLS" => {
            advised("the server does not speak TLS".to_owned(), NO_TLS)
        }
        sqlx::Error::Io(cause) => match certificate_fault(cause) {
            Some((cause, advice)) => advised(cause, advice),
            None if cause.kind() == io::ErrorKind::NotFound => advised(cause.to_string(), NO_FILE),
            None => OpenError::Unreachable(error.to_string()),
        },
        other => OpenError::Unreachable(other.to_string()),
    }
}

fn certificate_fault(error: &io::Error) -> Option<(String, &'static str)> {
    let inner: &(dyn Error + 'static) = error.get_ref()?;
    let rustls::Error::InvalidCertificate(fault) = inner.downcast_ref()? else {
        return None;
    };
    let advice = match fault {
        CertificateError::UnknownIssuer => NOT_TRUSTED,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => OTHER_NAME,
        _ => WRONG_CERTIFICATE,
    };
    Some((inner.to_string(), advice))
}
