//! People who sign in to the console: their names and what they may do.

use std::str::FromStr;

use super::access_key::Role;

/// Why a text is no user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Another form.
    #[error("must be 1 to 64 of a to z, 0 to 9, '.', '_' and '-'")]
    Form,
    /// The audit log calls the program itself so.
    #[error("is the program's own name")]
    Reserved,
}

/// The longest name.
const LONGEST: usize = 64;

/// What the audit log calls the program itself.
const RESERVED: &str = "fieldgate";

/// A user's name: lower case, so that no two look alike, and never an access key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// Checks `text` and takes it.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        let fits = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        };
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(fits) {
            return Err(UserNameError::Form);
        }
        if text == RESERVED {
            return Err(UserNameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user may do; each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserRole {
    /// Look at everything but keys, users and the audit log.
    Reader,
    /// Change what a reader sees.
    Operator,
    /// Everything.
    Admin,
}

impl UserRole {
    /// Every role, the weakest first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Admin];

    /// Its stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role in which the management API is called for such a user.
    pub const fn in_api(self) -> Role {
        match self {
            Self::Reader => Role::Reader,
            Self::Operator | Self::Admin => Role::Admin,
        }
    }
}

impl FromStr for UserRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| format!("no such role: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_of_a_plain_form() {
        for good in ["a", "admin", "jo.smith-2_x", &"x".repeat(64)] {
            assert_eq!(UserName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Admin", "jo smith", "jö", "a/b", &"x".repeat(65)] {
            assert_eq!(UserName::parse(bad).unwrap_err(), UserNameError::Form, "{bad}");
        }
        assert_eq!(UserName::parse("fieldgate").unwrap_err(), UserNameError::Reserved);
    }

    #[test]
    fn each_role_may_what_those_before_it_may() {
        assert!(UserRole::Reader < UserRole::Operator && UserRole::Operator < UserRole::Admin);
        for role in UserRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<UserRole>().is_err());
        assert_eq!(UserRole::Reader.in_api(), Role::Reader);
        assert_eq!(UserRole::Operator.in_api(), Role::Admin);
    }
}
