//! The language as a whole; what has no need of it is tested where it stands.

mod evaluating;
mod properties;
mod reading;
