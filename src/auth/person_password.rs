//! People's passwords: argon2id, so that a stolen database does not give them away. A hash takes about 20 ms and 19 MiB on
//! purpose; callers in a server bound how many run at once.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::person::UserName;
use super::secret::{RandomError, Secret, random_bytes};

/// OWASP's smallest recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The shortest password that a person may choose, in characters.
pub const SHORTEST: usize = 12;

/// The longest that is looked at, in bytes.
pub const LONGEST: usize = 256;

/// A password cannot be hashed: the system gave no randomness, or no memory.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// No salt.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The algorithm's own word.
    #[error("the password cannot be hashed: {0}")]
    Argon2(String),
}

/// A hash in PHC form, with its salt and cost: safe to store, not to show.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password under a fresh salt.
    pub fn of(password: &Secret) -> Result<Self, HashError> {
        let salt = random_bytes::<16>()?;
        let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
        let hash = hash.map_err(|error| HashError::Argon2(error.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    /// As it was stored.
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// To be stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the password; at the cost that the hash itself names.
    pub fn is_of(&self, password: &Secret) -> bool {
        argon2().is_ok_and(|argon2| {
            argon2
                .verify_password(password.expose().as_bytes(), self.0.as_str())
                .is_ok()
        })
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"******\"")
    }
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|error| HashError::Argon2(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Why a person cannot take a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Under [`SHORTEST`].
    #[error("must have at least {SHORTEST} characters")]
    TooShort,
    /// Over [`LONGEST`].
    #[error("must have at most {LONGEST} bytes")]
    TooLong,
    /// The user's own name.
    #[error("must not be your name")]
    IsName,
    /// What it was before.
    #[error("must not be the password that you have")]
    IsOld,
}

/// Whether a person may take a password, as far as its text tells.
pub fn check_new(password: &Secret, name: &UserName) -> Result<(), PasswordFault> {
    let text = password.expose();
    if text.eq_ignore_ascii_case(name.as_str()) {
        return Err(PasswordFault::IsName);
    }
    if text.chars().count() < SHORTEST {
        return Err(PasswordFault::TooShort);
    }
    if text.len() > LONGEST {
        return Err(PasswordFault::TooLong);
    }
    Ok(())
}

/// A one-time password: 80 random bits in four groups, without letters that look like others.
pub fn generate_one_time() -> Result<Secret, RandomError> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = random_bytes::<16>()?;
    let letters = random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|byte| char::from(*byte));
    let mut text = String::with_capacity(19);
    for (index, letter) in letters.enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_hash_knows_its_password_and_tells_its_cost() {
        let hash = PasswordHash::of(&secret("correct horse battery")).unwrap();
        assert!(hash.is_of(&secret("correct horse battery")));
        assert!(!hash.is_of(&secret("correct horse batterz")));
        assert!(
            hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.as_str()
        );
        assert_ne!(
            PasswordHash::of(&secret("correct horse battery")).unwrap(),
            hash,
            "salted"
        );
        assert_eq!(format!("{hash:?}"), "\"******\"");
    }

    #[test]
    fn a_hash_made_elsewhere_verifies() {
        // Made with the reference implementation: echo -n 'fieldgate-console' | argon2 somesaltsomesalt -id -t 2 -k 19456 -p 1 -e
        let hash = include_str!("../../tests/data/argon2_reference.txt").trim();
        let hash = PasswordHash::stored(hash.to_owned());
        assert!(hash.is_of(&secret("fieldgate-console")));
        assert!(!hash.is_of(&secret("fieldgate-consolf")));
        assert!(!PasswordHash::stored("no hash".to_owned()).is_of(&secret("")));
    }

    #[test]
    fn a_new_password_is_long_and_not_the_name() {
        let name = UserName::parse("administrator").unwrap();
        assert_eq!(
            check_new(&secret("elevenchars"), &name),
            Err(PasswordFault::TooShort)
        );
        assert_eq!(
            check_new(&secret("Administrator"), &name),
            Err(PasswordFault::IsName)
        );
        assert_eq!(
            check_new(&secret(&"x".repeat(257)), &name),
            Err(PasswordFault::TooLong)
        );
        assert_eq!(check_new(&secret("zwölfzeichen"), &name), Ok(()));
    }

    #[test]
    fn one_time_passwords_differ_and_could_be_kept() {
        let (one, other) = (generate_one_time().unwrap(), generate_one_time().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 19);
        assert_eq!(one.expose().matches('-').count(), 3);
    }
}
