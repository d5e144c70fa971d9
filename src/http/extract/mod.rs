//! Extractors: what a handler needs before it runs, in the order its arguments name.

pub mod attempt;
pub mod body;
pub mod caller;
pub mod device;
pub mod fields;
pub mod principal;
pub mod query;
pub mod signature;
