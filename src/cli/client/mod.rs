//! The program as a client of a server: what `simulate`, `devices import` and their like share. HTTP/1.1 over TLS, the
//! management API with a key, many calls at once within a bound, and how far it is.

pub(in crate::cli) mod bounded;
pub(in crate::cli) mod connection;
pub(in crate::cli) mod endpoint;
pub(in crate::cli) mod management;
pub(in crate::cli) mod progress;
pub(in crate::cli) mod server;
mod wire;

/// What went wrong, for the person at the terminal.
pub(in crate::cli) type Failure = Box<dyn std::error::Error + Send + Sync>;
