//! Rules, actions and delivery (routing.md §1 to §3, §6): each action follows the log from a cursor of its own, so that
//! one target's trouble is no other's and no device's.

pub mod channel;
pub mod egress;
