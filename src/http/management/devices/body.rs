//! What several operations on devices share: the rules of their fields (management-api.md §5.1).

use crate::auth::secret::{Secret, check_device_secret, generate_device_secret};
use crate::http::error::ApiError;
use crate::http::extract::fields::Fields;
use crate::http::schema::{choice, documented, number, pattern};
use crate::storage::{AuthType, Slot};

pub(super) const AUTH_TYPES: [&str; 2] = [AuthType::Secret.as_str(), AuthType::Certificates.as_str()];

const SLOTS: [&str; 2] = ["PRIMARY", "SECONDARY"];

documented! {
    /// How a device authenticates.
    AuthTypeName = choice(&AUTH_TYPES);
    /// Which of two.
    SlotName = choice(&SLOTS);
    /// 40 or 64 hexadecimal digits.
    Fingerprint = pattern("^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$");
    /// Seconds.
    Timeout = number(0, 2_147_483_647);
}

/// The largest `extension_info`, in bytes.
const MAX_EXTENSION_BYTES: usize = 1024;

pub(super) fn extension_info(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    const NAME: &str = "extension_info";
    let Some(text) = fields.raw(NAME) else {
        return Ok(None);
    };
    if !text.starts_with('{') {
        return Err(fields.fault(NAME, "must be an object"));
    }
    if text.len() > MAX_EXTENSION_BYTES {
        return Err(fields.fault(NAME, "is larger than 1 KB"));
    }
    Ok(Some(text.to_owned()))
}

/// `secret`, else a generated one.
pub(super) fn secret(fields: &Fields<'_>) -> Result<Secret, ApiError> {
    match fields.text("secret", usize::MAX, |_| true)? {
        None => Ok(generate_device_secret()?),
        Some(text) if check_device_secret(&text) => Ok(Secret::new(text)),
        Some(_) => Err(fields.fault("secret", "must be 8 to 32 letters, digits, '_' or '-'")),
    }
}

/// `fingerprint`: 40 or 64 hexadecimal digits.
pub(super) fn fingerprint(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let text = fields.text("fingerprint", usize::MAX, |_| true)?;
    let fits =
        |text: &str| [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text {
        Some(text) if !fits(&text) => Err(fields.fault("fingerprint", "must be 40 or 64 hexadecimal digits")),
        text => Ok(text),
    }
}

/// `timeout`, in seconds.
pub(super) fn timeout(fields: &Fields<'_>) -> Result<Option<i64>, ApiError> {
    fields.number("timeout", 0..=i64::from(i32::MAX))
}

/// `PRIMARY` (so when absent) or `SECONDARY`.
pub(super) fn slot(fields: &Fields<'_>, name: &str) -> Result<(Slot, &'static str), ApiError> {
    Ok(match fields.choice(name, &SLOTS)?.as_deref() {
        Some("SECONDARY") => (Slot::Secondary, "SECONDARY"),
        _ => (Slot::Primary, "PRIMARY"),
    })
}
