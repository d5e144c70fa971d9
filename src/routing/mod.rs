//! Rules, actions and delivery (routing.md §1 to §3, §6): each action follows the log from a cursor of its own, so that
//! one target's trouble is no other's and no device's.

pub mod channel;
mod descriptions;
pub mod dispatcher;
pub mod egress;
mod flow;
mod gate;
mod judge;
mod runner;
mod saver;
mod service;
pub mod sql;
pub mod subject;
mod supervisor;
mod tail;
mod ways;

pub use service::{
    ActionState, DeliveryState, EventDelivery, ReplayRange, ReplayRefusal, Routing, RoutingSettings, Trial,
};
pub use ways::{Channels, Closed, WaysOut, whole_detail};
