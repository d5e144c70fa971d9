//! Keys, the string to sign, and the signer (management-api.md §2.4, steps 8 to 10).

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use super::authorization::SERVICE;
use super::{AUTHORIZATION, Refusal, RequestHead, SDK_DATE, SignedHeaders, canonical};
use crate::auth::secret::Secret;

/// How a request is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// `SDK-HMAC-SHA256`: with the secret itself.
    Sdk,
    /// `V11-HMAC-SHA256`: with a key derived for a day, a region and a service.
    V11 {
        /// `<yyyymmdd>/<region>/iotdm`.
        info: String,
    },
}

impl Algorithm {
    /// The bytes of the signing key.
    pub(super) fn key(&self, access_key: &str, secret: &Secret) -> Zeroizing<Vec<u8>> {
        let secret = secret.expose().as_bytes();
        Zeroizing::new(match self {
            Self::Sdk => secret.to_vec(),
            // HKDF-SHA256 of one block, whose hexadecimal text is the key.
            Self::V11 { info } => {
                let pseudo_random = mac(access_key.as_bytes(), secret);
                let block = [info.as_bytes(), &[1]].concat();
                hex::encode(mac(pseudo_random.as_ref(), &block)).into_bytes()
            }
        })
    }

    /// What the key signs; `canonical` is the hash of the canonical request.
    pub(super) fn string_to_sign(&self, date: &str, canonical: &str) -> String {
        match self {
            Self::Sdk => format!("SDK-HMAC-SHA256\n{date}\n{canonical}"),
            Self::V11 { info } => format!("V11-HMAC-SHA256\n{date}\n{info}\n{canonical}"),
        }
    }
}

/// Whether the key made this signature; compared in constant time.
pub(super) fn is_signature(key: &[u8], text: &str, signature: &[u8]) -> bool {
    let key = hmac::Key::new(HMAC_SHA256, key);
    hmac::verify(&key, text.as_bytes(), signature).is_ok()
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message)
}

/// The value of the `Authorization` header for a request, which has `Host` and `X-Sdk-Date` already. Signs every
/// header given, as the official SDKs do: those with `_` in their names are left out. With a `region` the algorithm is
/// `V11-HMAC-SHA256`, else `SDK-HMAC-SHA256`.
pub fn sign(
    head: &RequestHead<'_>,
    body: &[u8],
    access_key: &str,
    secret: &Secret,
    region: Option<&str>,
) -> Result<String, Refusal> {
    let lower: Vec<String> = head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    let mut names: Vec<&str> = lower
        .iter()
        .map(String::as_str)
        .filter(|name| !name.contains('_') && *name != AUTHORIZATION)
        .collect();
    names.sort_unstable();
    let signed = SignedHeaders::take(head, &names)?;
    let date = std::str::from_utf8(signed.value(SDK_DATE)).map_err(|_| Refusal::BadDate)?;
    let algorithm = match region {
        None => Algorithm::Sdk,
        Some(region) => Algorithm::V11 {
            info: format!("{}/{region}/{SERVICE}", date.get(..8).ok_or(Refusal::BadDate)?),
        },
    };
    let canonical = canonical::finish(&canonical::head(head, &signed.0)?, signed.payload(), body);
    let key = algorithm.key(access_key, secret);
    let signature = mac(&key, algorithm.string_to_sign(date, &canonical).as_bytes());
    let credential = match &algorithm {
        Algorithm::Sdk => format!("SDK-HMAC-SHA256 Access={access_key}"),
        Algorithm::V11 { info } => format!("V11-HMAC-SHA256 Credential={access_key}/{info}"),
    };
    let (names, signature) = (names.join(";"), hex::encode(signature));
    Ok(format!(
        "{credential}, SignedHeaders={names}, Signature={signature}"
    ))
}
