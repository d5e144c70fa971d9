//! The program as its clients see it: the real binary, real TLS, a real database in a temporary folder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access_matrix;
mod console;
mod crash;
mod crowds;
#[path = "../common/database.rs"]
mod database;
mod dead_letters;
mod deliveries;
mod device_paths;
mod envelopes;
mod faults;
mod field_rules;
mod foreign;
mod forwarding;
mod harness;
mod import;
mod keys;
mod lifecycle;
mod limits;
mod management;
mod openapi;
mod order_of_checks;
mod policies;
mod postgres;
mod power_loss;
mod quickstart;
mod registry;
mod routing_rules;
mod sdk;
mod shadow;
mod signatures;
mod simulate;
mod status;
mod stream;
mod strictness;
mod tail;
mod tls;
mod tokens;
mod transport;
mod upkeep;
