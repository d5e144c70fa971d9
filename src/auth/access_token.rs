//! Access tokens: small signed statements that a device authenticated, checked without the database, and the record of
//! a device's newest ones (device-api.md, token rules).

use serde::{Deserialize, Serialize};

use super::jwt::JwtKey;
use super::secret_box::MasterKey;
use crate::domain::clock::Timestamp;
use crate::domain::ids::DeviceKey;

pub use super::jwt::TokenError;

/// No token of ours is longer; what is, is not even parsed.
const LONGEST: usize = 256;

/// How long a token outlives the next one.
const GRACE_MS: i64 = 30_000;

/// What a token states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The device's numeric key.
    pub device: DeviceKey,
    /// The device's epoch when it was issued.
    pub epoch: i64,
    /// When it was issued; rising per device.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    d: i64,
    e: i64,
    i: i64,
    x: i64,
}

/// Signs and reads tokens.
pub struct TokenKey(JwtKey);

impl TokenKey {
    /// A key of its own, from the master key: tokens live through a restart and hold on every node.
    pub fn new(master: &MasterKey) -> Self {
        Self(JwtKey::new(master, "fieldgate access tokens"))
    }

    /// A token of 32 to 256 characters.
    pub fn issue(&self, claims: &TokenClaims) -> String {
        self.0.issue(&Claims {
            d: claims.device.0,
            e: claims.epoch,
            i: claims.issued.0,
            x: claims.expires.0,
        })
    }

    /// What a token states, when this instance signed it.
    pub fn read(&self, token: &str) -> Result<TokenClaims, TokenError> {
        let Claims { d, e, i, x } = self.0.read(token, LONGEST)?;
        Ok(TokenClaims {
            device: DeviceKey(d),
            epoch: e,
            issued: Timestamp(i),
            expires: Timestamp(x),
        })
    }
}

/// A token was superseded by newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("superseded by newer tokens")]
pub struct Superseded;

/// The newest four instants at which a device was given tokens, newest first; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenInstants([i64; 4]);

impl TokenInstants {
    /// The instant for a token that is issued now: after every known one.
    pub fn next(&self, now_ms: i64) -> i64 {
        let [newest, ..] = self.0;
        now_ms.max(newest.saturating_add(1))
    }

    /// Keeps an instant if it is among the newest four.
    pub fn learn(&mut self, instant: i64) {
        if self.0.contains(&instant) {
            return;
        }
        let mut all = [instant, 0, 0, 0, 0];
        for (slot, known) in all.iter_mut().skip(1).zip(self.0) {
            *slot = known;
        }
        all.sort_unstable_by(|one, other| other.cmp(one));
        let [first, second, third, fourth, _] = all;
        self.0 = [first, second, third, fourth];
    }

    /// Keeps the newest of both: another node gave tokens too.
    pub fn merge(&mut self, other: Self) {
        for instant in other.0 {
            self.learn(instant);
        }
    }

    /// Whether a token issued at `issued`, which was learned, still counts: it is among the newest four, and the next
    /// newer one is at most 30 s old.
    pub fn judge(&self, issued: i64, now_ms: i64) -> Result<(), Superseded> {
        if !self.0.contains(&issued) {
            return Err(Superseded);
        }
        let next_newer = self.0.iter().copied().filter(|instant| *instant > issued).min();
        match next_newer {
            Some(next) if now_ms > next.saturating_add(GRACE_MS) => Err(Superseded),
            _ => Ok(()),
        }
    }

    /// As stored: four little-endian numbers.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (slot, instant) in bytes.chunks_exact_mut(8).zip(self.0) {
            slot.copy_from_slice(&instant.to_le_bytes());
        }
        bytes
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8; 32]) -> Self {
        let mut instants = [0; 4];
        for (instant, slot) in instants.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut number = [0; 8];
            number.copy_from_slice(slot);
            *instant = i64::from_le_bytes(number);
        }
        Self(instants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> TokenKey {
        TokenKey::new(&MasterKey::parse(&digit.repeat(64)).unwrap())
    }

    fn claims() -> TokenClaims {
        TokenClaims {
            device: DeviceKey(9_000_000_000),
            epoch: 3,
            issued: Timestamp(1_795_421_730_250),
            expires: Timestamp(1_795_508_130_250),
        }
    }

    #[test]
    fn a_token_reads_back_and_has_a_documented_length() {
        let token = key("a").issue(&claims());
        assert!((32..=256).contains(&token.len()), "{}", token.len());
        assert_eq!(key("a").read(&token), Ok(claims()));
    }

    #[test]
    fn what_this_instance_did_not_sign_is_refused() {
        let token = key("a").issue(&claims());
        assert_eq!(key("b").read(&token), Err(TokenError::Forged));
        assert_eq!(key("a").read(""), Err(TokenError::Empty));
        assert!(key("a").read(&token[..token.len() - 4]).is_err());
        assert_eq!(key("a").read(&"x".repeat(5000)), Err(TokenError::Malformed));
        // {"alg":"none"} with the same claims and no signature
        let payload = token.split('.').nth(1).unwrap();
        assert!(key("a").read(&format!("eyJhbGciOiJub25lIn0.{payload}.")).is_err());
    }

    #[test]
    fn an_older_token_lives_for_thirty_seconds_after_the_next() {
        let mut instants = TokenInstants::default();
        let first = instants.next(1000);
        instants.learn(first);
        assert_eq!(instants.judge(first, 80_000_000), Ok(()));
        let second = instants.next(1000);
        assert_eq!(second, 1001);
        instants.learn(second);
        assert_eq!(instants.judge(first, 31_001), Ok(()));
        assert_eq!(instants.judge(first, 31_002), Err(Superseded));
        assert_eq!(instants.judge(second, 31_002), Ok(()));
    }

    #[test]
    fn a_fifth_token_is_dead_at_once() {
        let mut instants = TokenInstants::default();
        for now in 1..=5 {
            instants.learn(instants.next(now));
        }
        assert_eq!(instants.judge(1, 5), Err(Superseded));
        assert_eq!(instants.judge(2, 5), Ok(()));
        instants.learn(1);
        assert_eq!(instants.judge(1, 5), Err(Superseded));
        assert_eq!(TokenInstants::decode(&instants.encode()), instants);
    }
}
