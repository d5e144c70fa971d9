//! The HTTP faces: routers, extractors, and the one table that turns errors into responses. axum lives here.
//! Handlers read: extract, decide, write, respond; no SQL and no header parsing in them.

pub mod device;
pub mod error;
mod extract;
mod health;
pub mod management;
mod request_log;

pub use extract::principal::Principal;
pub use health::Readiness;
