//! The signature of management requests by an access key and its secret: `SDK-HMAC-SHA256` and `V11-HMAC-SHA256`
//! (management-api.md §2.2 to §2.4). Pure: text and bytes in, a verdict or a signature out; the caller brings the time
//! and the key's secret. `http` verifies with it, and whoever calls as a client signs with it.
//!
//! A request is judged in two steps: [`Claim::read`] looks at what needs neither secret nor body, [`Claim::verify`] at
//! the signature. What the scheme leaves open: there is no nonce, so whoever can read a request may repeat it within the
//! skew; and the canonical form tells neither an encoded slash from a real one (ids hold none, so no two paths of ours
//! meet in it), nor a last slash, nor the order of a parameter's values.

mod authorization;
mod canonical;
mod signing;
#[cfg(test)]
mod tests;

use authorization::Authorization;
use signing::Algorithm;

use super::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;

pub use signing::sign;

const AUTHORIZATION: &str = "authorization";
const CONTENT_TYPE: &str = "content-type";
const CONTENT_SHA256: &str = "x-sdk-content-sha256";
const HOST: &str = "host";
const SDK_DATE: &str = "x-sdk-date";
const MULTIPART: &[u8] = b"multipart/form-data";
const UNSIGNED_PAYLOAD: &[u8] = b"UNSIGNED-PAYLOAD";

/// A request without its body, as it came.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// Its method.
    pub method: &'a str,
    /// The path as sent, percent-encoded, without the query.
    pub path: &'a str,
    /// The query as sent, without `?`; empty for none.
    pub query: &'a str,
    /// Names in any case, values as sent.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

/// Why a signed request is refused. For the log: a caller is told [`Refusal::Skewed`] and
/// [`Refusal::UnknownAlgorithm`], which say nothing of any key, and of all others only that they failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None, or several.
    #[error("there must be exactly one Authorization header")]
    NotOneAuthorization,
    /// Not of the form.
    #[error("the Authorization header is malformed: {0}")]
    Malformed(&'static str),
    /// Another scheme.
    #[error("{0:?} is not taken: sign with SDK-HMAC-SHA256 or V11-HMAC-SHA256")]
    UnknownAlgorithm(String),
    /// What V11 names is not what was signed.
    #[error("the credential's scope {0}")]
    Scope(&'static str),
    /// A header that a signature must cover.
    #[error("the signature does not cover {0}")]
    NotCovered(&'static str),
    /// A header that was signed and did not arrive.
    #[error("the signed header {0} is missing")]
    MissingHeader(String),
    /// A header that was signed and came more than once: which one was meant?
    #[error("the signed header {0} stands more than once")]
    RepeatedHeader(String),
    /// Two readers could take it for two things.
    #[error("the {0} has no canonical form")]
    NotCanonical(&'static str),
    /// Not like `20261123T081530Z`.
    #[error("x-sdk-date must be like 20261123T081530Z")]
    BadDate,
    /// Too old, or too far ahead.
    #[error("x-sdk-date is {} seconds off the platform's time {}", .sent.0.saturating_sub(.now.0) / 1000, event_time::compact(*.now))]
    Skewed {
        /// What the request says.
        sent: Timestamp,
        /// The platform's time.
        now: Timestamp,
    },
    /// No such key.
    #[error("unknown access key {0}")]
    UnknownKey(String),
    /// The key is disabled.
    #[error("access key {0} is disabled")]
    DisabledKey(String),
    /// `UNSIGNED-PAYLOAD` outside a multipart upload.
    #[error("access key {0}: only a signed multipart upload may leave its body unsigned")]
    UnsignedPayload(String),
    /// Another secret, or something was changed on the way.
    #[error("access key {0}: the signature does not match")]
    Mismatch(String),
}

/// What stands for the body in what was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    /// Its hash.
    Hashed,
    /// `UNSIGNED-PAYLOAD`, on a multipart upload.
    Unsigned,
    /// `UNSIGNED-PAYLOAD` where it may not be: the hash counts.
    WronglyUnsigned,
}

/// A request that says to be signed, fresh, and complete as far as can be seen without secret and body.
#[derive(Clone, Debug)]
pub struct Claim {
    algorithm: Algorithm,
    access_key: String,
    date: String,
    /// The canonical request up to the payload's hash.
    canonical_head: Vec<u8>,
    payload: Payload,
    signature: [u8; 32],
}

impl Claim {
    /// Reads what a request claims; `now` may be off its date by `max_skew_ms` either way.
    pub fn read(head: &RequestHead<'_>, now: Timestamp, max_skew_ms: i64) -> Result<Self, Refusal> {
        let header = head
            .one(AUTHORIZATION)
            .map_err(|_| Refusal::NotOneAuthorization)?;
        let authorization = Authorization::parse(header)?;
        let signed = SignedHeaders::take(head, &authorization.signed_headers)?;
        let date = check_date(signed.value(SDK_DATE), now, max_skew_ms)?;
        if let Algorithm::V11 { info } = &authorization.algorithm
            && info.get(..8) != date.get(..8)
        {
            return Err(Refusal::Scope("has another date than x-sdk-date"));
        }
        Ok(Self {
            canonical_head: canonical::head(head, &signed.0)?,
            payload: signed.payload(),
            date: date.to_owned(),
            access_key: authorization.access_key.to_owned(),
            algorithm: authorization.algorithm,
            signature: authorization.signature,
        })
    }

    /// Whose secret is to verify it.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Whether the key's secret signed this request with this body; compared in constant time.
    pub fn verify(&self, secret: &Secret, body: &[u8]) -> Result<(), Refusal> {
        let canonical = canonical::finish(&self.canonical_head, self.payload, body);
        let key = self.algorithm.key(&self.access_key, secret);
        let text = self.algorithm.string_to_sign(&self.date, &canonical);
        match (signing::is_signature(&key, &text, &self.signature), self.payload) {
            (true, _) => Ok(()),
            (false, Payload::WronglyUnsigned) => Err(Refusal::UnsignedPayload(self.access_key.clone())),
            (false, _) => Err(Refusal::Mismatch(self.access_key.clone())),
        }
    }
}

/// Judges a whole request at once: both steps, with the secret that `secret_of` knows for an access key. Takes any
/// input without panicking; answers the access key.
pub fn judge(
    head: &RequestHead<'_>,
    body: &[u8],
    now: Timestamp,
    max_skew_ms: i64,
    secret_of: impl FnOnce(&str) -> Option<Secret>,
) -> Result<String, Refusal> {
    let claim = Claim::read(head, now, max_skew_ms)?;
    let unknown = || Refusal::UnknownKey(claim.access_key.clone());
    let secret = secret_of(claim.access_key()).ok_or_else(unknown)?;
    claim.verify(&secret, body)?;
    Ok(claim.access_key)
}

enum NotOne {
    Missing,
    Repeated,
}

impl<'a> RequestHead<'a> {
    /// The value of a header that must stand exactly once.
    fn one(&self, name: &str) -> Result<&'a [u8], NotOne> {
        let mut values = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value.trim_ascii()),
            (None, _) => Err(NotOne::Missing),
            (Some(_), Some(_)) => Err(NotOne::Repeated),
        }
    }
}

/// The headers that a signature covers, with the values that arrived, in the order that the signer gave.
struct SignedHeaders<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> SignedHeaders<'a> {
    fn take(head: &RequestHead<'a>, names: &[&'a str]) -> Result<Self, Refusal> {
        for needed in [HOST, SDK_DATE] {
            if !names.contains(&needed) {
                return Err(Refusal::NotCovered(needed));
            }
        }
        let value = |name: &&'a str| match head.one(name) {
            // The canonical form is lines; no value may make one of its own.
            Ok(value) if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) => {
                Err(Refusal::NotCanonical("value of a signed header"))
            }
            Ok(value) => Ok((*name, value)),
            Err(NotOne::Missing) => Err(Refusal::MissingHeader((*name).to_owned())),
            Err(NotOne::Repeated) => Err(Refusal::RepeatedHeader((*name).to_owned())),
        };
        names.iter().map(value).collect::<Result<_, _>>().map(Self)
    }

    fn value(&self, name: &str) -> &'a [u8] {
        let found = self.0.iter().find(|(key, _)| *key == name);
        found.map_or(b"", |(_, value)| value)
    }

    /// A body may stay unsigned where both the wish and the form of the body are signed.
    fn payload(&self) -> Payload {
        if self.value(CONTENT_SHA256) != UNSIGNED_PAYLOAD {
            return Payload::Hashed;
        }
        let form = self.value(CONTENT_TYPE).get(..MULTIPART.len());
        if form.is_some_and(|form| form.eq_ignore_ascii_case(MULTIPART)) {
            Payload::Unsigned
        } else {
            Payload::WronglyUnsigned
        }
    }
}

fn check_date(value: &[u8], now: Timestamp, max_skew_ms: i64) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(value).map_err(|_| Refusal::BadDate)?;
    let sent = event_time::parse_compact(text).ok_or(Refusal::BadDate)?;
    let skew = now.0.saturating_sub(sent.0).saturating_abs();
    if skew > max_skew_ms {
        return Err(Refusal::Skewed { sent, now });
    }
    Ok(text)
}
