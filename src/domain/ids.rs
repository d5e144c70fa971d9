//! Identifiers. Text from outside becomes one of these types at the edge and stays it.

use std::fmt;
use std::sync::Arc;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No character at all.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character outside `[A-Za-z0-9_-]`.
    #[error("may hold only letters, digits, '_' and '-'")]
    BadCharacter,
}

/// True for what the contract calls class *ID*: `[A-Za-z0-9_-]`.
pub const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn check(text: &str, longest: usize) -> Result<(), IdError> {
    if text.is_empty() {
        Err(IdError::Empty)
    } else if text.len() > longest {
        Err(IdError::TooLong(longest))
    } else if text.bytes().all(is_id_byte) {
        Ok(())
    } else {
        Err(IdError::BadCharacter)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $longest:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` (device-api.md, management-api.md §1.5: class ID) and takes it.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text, $longest)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A device's id, unique in the instance: 1 to 128 of `[A-Za-z0-9_-]`.
    DeviceId, 128
);
text_id!(
    /// A device's node id: 1 to 64 of `[A-Za-z0-9_-]`.
    NodeId, 64
);
text_id!(
    /// A product's id, unique in its resource space: 1 to 36 of `[A-Za-z0-9_-]`.
    ProductId, 36
);
text_id!(
    /// A resource space's id: 1 to 36 of `[A-Za-z0-9_-]`.
    AppId, 36
);
text_id!(
    /// A rule's id: 1 to 36 of `[A-Za-z0-9_-]`.
    RuleId, 36
);
text_id!(
    /// The id of a rule's action: 1 to 36 of `[A-Za-z0-9_-]`.
    ActionId, 36
);
text_id!(
    /// The id of a backlog or flow-control policy: 1 to 36 of `[A-Za-z0-9_-]`.
    PolicyId, 36
);
text_id!(
    /// The id of a CA certificate: 1 to 36 of `[A-Za-z0-9_-]`.
    CertificateId, 36
);
text_id!(
    /// The instance's project id, a segment of every management path.
    ProjectId, 64
);

/// A device's numeric key: given once, in order, never used again, also after the device is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceKey(pub i64);

/// A product's numeric key: given once, in order, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductKey(pub i64);

/// An action's numeric key: given once, in order, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionKey(pub i64);

/// Names one version of a device's description (ids, gateway, tags) that events refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionKey(pub i64);

/// An event's place in the log: rises in commit order, never reused. Shown as `sequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub i64);

impl Position {
    /// Before every event.
    pub const START: Self = Self(0);

    /// The marker form: 24 hexadecimal digits.
    pub fn marker(self) -> String {
        format!("{:024x}", self.0)
    }
}

/// Reads a marker of 24 hexadecimal digits; one beyond every possible record (`ffff…`) reads as the largest.
pub fn parse_marker(text: &str) -> Option<i64> {
    if text.len() != 24 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u128::from_str_radix(text, 16).ok()?;
    Some(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The id of one request, given to it on arrival and shown in its answer, its log line and its events.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// A version 7 UUID from an instant and randomness.
    pub fn new(now: super::clock::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.0).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Its 16 bytes, as stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the 16 bytes that were stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_their_longest_and_refuse_one_more() {
        assert!(DeviceId::parse(&"a".repeat(128)).is_ok());
        assert_eq!(DeviceId::parse(&"a".repeat(129)), Err(IdError::TooLong(128)));
        assert_eq!(DeviceId::parse(""), Err(IdError::Empty));
        assert_eq!(DeviceId::parse("a/b"), Err(IdError::BadCharacter));
        assert_eq!(NodeId::parse("ä"), Err(IdError::BadCharacter));
    }

    #[test]
    fn a_marker_reads_back_as_its_position() {
        assert_eq!(parse_marker(&Position(300).marker()), Some(300));
        assert_eq!(parse_marker(&"f".repeat(24)), Some(i64::MAX));
        assert_eq!(parse_marker("12"), None);
    }
}
