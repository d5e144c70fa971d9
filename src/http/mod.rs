//! The HTTP faces: routers, extractors, and the one table that turns errors into responses. axum lives here.
//! Handlers read: extract, decide, write, respond; no SQL and no header parsing in them.

pub mod device;
pub mod error;
mod extract;
mod health;
mod in_process;
pub mod management;
mod openapi;
mod request_log;
mod schema;
mod strict;
mod unrouted;

pub use extract::body::{BodyBudget, CappedBody, SmallBody};
pub use extract::principal::Principal;
pub use health::Readiness;
pub use in_process::{CallFault, Caller, InProcess};
pub use openapi::Document;
pub use unrouted::unrouted_answer;

/// The routes of one listener: a tower service.
pub type Routes = request_log::Logged<strict::Strict<axum::Router>>;
