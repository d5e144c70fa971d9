//! Fieldgate: the platform side of IoTDA's HTTPS device access.
//!
//! One report's way: `server` accepts and ends TLS (`tls`) → `http::device` routes, checks the token and caps the
//! body → `ingest` checks it against the product model and stamps it → `storage`'s event log commits it → 200.
//! Everything else follows the log from a cursor of its own.
//!
//! Modules depend downwards only, in the order of this list; `tests/layering.rs` fails on an import against it.

pub mod cli;

pub mod app;

pub mod console;

pub mod http;

pub mod routing;

pub mod shadow;

pub mod history;

pub mod ingest;

pub mod server;

pub mod tls;

pub mod storage;

pub mod lifecycle;

pub mod observability;

pub mod auth;

pub mod config;

pub mod files;

pub mod domain;
