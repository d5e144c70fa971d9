//! Secrets at rest: AES-256-GCM under a key from the instance's master key, bound to what they belong to, so that a row
//! moved elsewhere does not open.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::secret::{RandomError, Secret, random_bytes};
use crate::files;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const CHECK_TEXT: &str = "fieldgate master key check";
const CHECK_BINDING: &[u8] = b"settings:master_key_check";

/// The instance's master key: 32 bytes, kept in a file or given by the environment.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a master key is not usable.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 64 hexadecimal digits.
    #[error("must be 64 hexadecimal digits")]
    Form,
    /// Its file cannot be read or made.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl MasterKey {
    /// From 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut()).map_err(|_| MasterKeyError::Form)?;
        Ok(Self(bytes))
    }

    /// From its file.
    pub fn read_file(path: &Path) -> Result<Self, MasterKeyError> {
        Self::parse(&Zeroizing::new(std::fs::read_to_string(path)?))
    }

    /// Makes a new one in a file that only its owner may read; on disk before this returns.
    pub fn create_file(path: &Path) -> Result<Self, MasterKeyError> {
        let key = Self(Zeroizing::new(random_bytes()?));
        let digits = Zeroizing::new(hex::encode(key.0.as_ref()));
        files::create(path, &Zeroizing::new(format!("{}\n", *digits)), 0o600)?;
        Ok(key)
    }

    /// A key for one purpose, so that none is used for two.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        let mut derived = Zeroizing::new([0; 32]);
        derived.copy_from_slice(hmac::sign(&key, purpose.as_bytes()).as_ref());
        derived
    }
}

/// A sealed secret does not open: another key, another binding, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open")]
pub struct OpenError;

/// Seals and opens secrets.
pub struct SecretBox(RandomizedNonceKey);

impl SecretBox {
    /// Under the master key.
    ///
    /// # Panics
    /// Never: the derived key has the length that the cipher takes.
    pub fn new(master: &MasterKey) -> Self {
        let key = master.derive("fieldgate secrets at rest");
        Self(RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).expect("32 bytes"))
    }

    /// A format byte, a nonce, the cipher text and its tag; `binding` must be the same to open it.
    pub fn seal(&self, plain: &str, binding: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut text = plain.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(binding), &mut text)
            .map_err(|_| OpenError)?;
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// The secret again.
    pub fn open(&self, sealed: &[u8], binding: &[u8]) -> Result<Secret, OpenError> {
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or(OpenError)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(OpenError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(binding), &mut text)
            .map_err(|_| OpenError)?;
        String::from_utf8(plain.to_vec())
            .map(Secret::new)
            .map_err(|_| OpenError)
    }

    /// What a new database keeps so that a wrong master key is noticed at the start.
    pub fn check_value(&self) -> Result<Vec<u8>, OpenError> {
        self.seal(CHECK_TEXT, CHECK_BINDING)
    }

    /// Whether a database with this check value was made with this key.
    pub fn verify_check(&self, stored: &[u8]) -> bool {
        self.open(stored, CHECK_BINDING)
            .is_ok_and(|secret| secret.expose() == CHECK_TEXT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed_by(digit: &str) -> SecretBox {
        SecretBox::new(&MasterKey::parse(&digit.repeat(64)).unwrap())
    }

    #[test]
    fn a_secret_opens_with_its_key_and_binding_alone() {
        let mine = sealed_by("a");
        let sealed = mine.seal("fdb2c8d9a1", b"device:1").unwrap();
        assert_eq!(mine.open(&sealed, b"device:1").unwrap().expose(), "fdb2c8d9a1");
        assert_eq!(mine.open(&sealed, b"device:2").unwrap_err(), OpenError);
        assert_eq!(sealed_by("b").open(&sealed, b"device:1").unwrap_err(), OpenError);
        assert_eq!(mine.open(&sealed[..5], b"device:1").unwrap_err(), OpenError);
        assert_ne!(sealed, mine.seal("fdb2c8d9a1", b"device:1").unwrap());
    }

    #[test]
    fn the_check_value_tells_another_master_key() {
        let check = sealed_by("a").check_value().unwrap();
        assert!(sealed_by("a").verify_check(&check));
        assert!(!sealed_by("b").verify_check(&check));
    }

    #[test]
    fn a_key_file_is_its_owners_alone_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let made = MasterKey::create_file(&path).unwrap();
        assert_eq!(*MasterKey::read_file(&path).unwrap().0, *made.0);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(MasterKey::create_file(&path).is_err());
    }
}
