//! One file a page, with its handlers.

pub(super) mod account;
pub(super) mod audit;
pub(super) mod devices;
pub(super) mod entry;
pub(super) mod event;
pub(super) mod keys;
pub(super) mod messages;
pub(super) mod overview;
pub(super) mod password;
pub(super) mod products;
pub(super) mod rules;
pub(super) mod sign_in;
pub(super) mod users;
