//! What an application gets, byte for byte (routing.md §1): each payload beside a file of `tests/golden`, which is written by
//! hand after the contract and never by the program. The history and the stream show the same event.

mod bed;
mod devices;
mod products;
mod reports;
mod statuses;

use bed::Bed;

const SECRET: &str = "s3cret-of-the-device";
