//! Forwarding of events to applications, brokers and databases (routing.md): which events a rule takes, and what of
//! them goes out.

pub mod sql;
pub mod subject;
