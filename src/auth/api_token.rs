//! Tokens of the management API: what `POST /v3/auth/tokens` gives for an access key and its secret
//! (management-api.md §2.5). A token names its key, which is looked up at each use: it dies with it.

use serde::{Deserialize, Serialize};

use super::jwt::{JwtKey, TokenError};
use super::secret_box::MasterKey;
use crate::domain::clock::Timestamp;

/// How long a token lives: 24 hours.
const LIFE_SECONDS: i64 = 86_400;

/// No token of ours is longer; what is, is not even parsed.
const LONGEST: usize = 512;

/// What a token states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// The access key that it stands for.
    pub access_key: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenError {
    /// No token of this API.
    #[error(transparent)]
    Unreadable(#[from] TokenError),
    /// Its time is over.
    #[error("expired")]
    Expired,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    k: String,
    i: i64,
    x: i64,
}

/// Signs and reads tokens.
pub struct ApiTokenKey(JwtKey);

impl ApiTokenKey {
    /// A key of its own, from the master key.
    pub fn new(master: &MasterKey) -> Self {
        Self(JwtKey::new(master, "fieldgate management tokens"))
    }

    /// A token for a key that was proved, and what it states.
    pub fn issue(&self, access_key: &str, now: Timestamp) -> (String, ApiToken) {
        let stated = ApiToken {
            access_key: access_key.to_owned(),
            issued: now,
            expires: now.plus_seconds(LIFE_SECONDS),
        };
        let token = self.0.issue(&Claims {
            k: stated.access_key.clone(),
            i: stated.issued.0,
            x: stated.expires.0,
        });
        (token, stated)
    }

    /// What a token states, when this instance signed it and its time is not over.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<ApiToken, ApiTokenError> {
        let Claims { k, i, x } = self.0.read(token, LONGEST)?;
        if now >= Timestamp(x) {
            return Err(ApiTokenError::Expired);
        }
        Ok(ApiToken {
            access_key: k,
            issued: Timestamp(i),
            expires: Timestamp(x),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::access_token::{TokenClaims, TokenKey};
    use super::*;
    use crate::domain::ids::DeviceKey;

    const NOW: Timestamp = Timestamp(1_795_421_730_250);

    fn master(digit: &str) -> MasterKey {
        MasterKey::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn a_token_lives_for_a_day() {
        let key = ApiTokenKey::new(&master("a"));
        let (token, stated) = key.issue("AKAKAKAKAKAKAKAKAKAK", NOW);
        assert!(token.len() < LONGEST && !token.contains(':'));
        assert_eq!(key.read(&token, NOW.plus_millis(86_399_999)), Ok(stated));
        assert_eq!(
            key.read(&token, NOW.plus_seconds(86_400)),
            Err(ApiTokenError::Expired)
        );
        let other = ApiTokenKey::new(&master("b"));
        assert_eq!(other.read(&token, NOW), Err(TokenError::Forged.into()));
        assert_eq!(key.read("", NOW), Err(TokenError::Empty.into()));
        assert_eq!(
            key.read(&"x".repeat(5000), NOW),
            Err(TokenError::Malformed.into())
        );
    }

    #[test]
    fn a_token_of_a_device_and_one_of_the_api_are_no_substitutes() {
        let (api, device) = (ApiTokenKey::new(&master("a")), TokenKey::new(&master("a")));
        let claims = TokenClaims {
            device: DeviceKey(1),
            epoch: 1,
            issued: NOW,
            expires: NOW.plus_seconds(86_400),
        };
        let of_device = device.issue(&claims);
        assert_eq!(api.read(&of_device, NOW), Err(TokenError::Forged.into()));
        let (of_api, _) = api.issue("AK", NOW);
        assert_eq!(device.read(&of_api), Err(TokenError::Forged));
    }
}
