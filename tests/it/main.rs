//! The program as its clients see it: the real binary, real TLS, a real database in a temporary folder.

mod crash;
mod device_paths;
mod harness;
mod lifecycle;
mod management;
mod order_of_checks;
mod quickstart;
mod tls;
mod tokens;
mod transport;
