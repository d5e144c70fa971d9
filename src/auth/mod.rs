//! Pure authentication: passwords, tokens, keys and sealed secrets. No I/O but the master key's file.

pub mod access_key;
pub mod access_token;
pub mod api_token;
pub mod device_password;
mod jwt;
pub mod person;
pub mod person_password;
pub mod request_signature;
pub mod secret;
pub mod secret_box;
pub mod session_token;
pub mod webhook_signature;
