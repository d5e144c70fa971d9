//! Signed statements of this instance: JWTs (HS256) under a key for one purpose, so that none opens what another is for.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::secret_box::MasterKey;

/// Which signing key: there is one so far.
const KEY_ID: &str = "1";

/// Why a text is no token of this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing there.
    #[error("empty")]
    Empty,
    /// Not of a token's form.
    #[error("malformed")]
    Malformed,
    /// Of the form, but not signed by this instance.
    #[error("forged")]
    Forged,
}

/// Signs and reads statements of one purpose.
pub(super) struct JwtKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
}

impl JwtKey {
    /// From the master key.
    pub(super) fn new(master: &MasterKey, purpose: &str) -> Self {
        // Naming the provider makes a lost feature a compile error; a second installation is no fault.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let key = master.derive(purpose);
        let mut header = Header::new(Algorithm::HS256);
        header.typ = None;
        header.kid = Some(KEY_ID.to_owned());
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is judged by the caller's clock, without the library's leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            encoding: EncodingKey::from_secret(key.as_ref()),
            decoding: DecodingKey::from_secret(key.as_ref()),
            header,
            validation,
        }
    }

    /// A signed statement.
    ///
    /// # Panics
    /// Never: claims are numbers and text, which serialise, and an HMAC key signs.
    pub(super) fn issue(&self, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.encoding).expect("plain claims under an HMAC key")
    }

    /// What a token of at most `longest` characters states, when this key signed it.
    pub(super) fn read<C: DeserializeOwned>(&self, token: &str, longest: usize) -> Result<C, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.len() > longest {
            return Err(TokenError::Malformed);
        }
        let read = jsonwebtoken::decode::<C>(token, &self.decoding, &self.validation);
        let data = read.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Forged,
            _ => TokenError::Malformed,
        })?;
        if data.header.kid.as_deref() != Some(KEY_ID) {
            return Err(TokenError::Forged);
        }
        Ok(data.claims)
    }
}
