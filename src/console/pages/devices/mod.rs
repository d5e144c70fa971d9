//! Devices: found, registered, looked at, frozen, deleted.

pub(in crate::console) mod ca;
mod commands;
mod events;
pub(in crate::console) mod list;
mod reported;
pub(in crate::console) mod show;
pub(in crate::console) mod upkeep;

use crate::console::components::{Badge, Tone};
use crate::console::fields::segment;

/// A device's page, or what is below it.
fn path_of(device_id: &str, below: &str) -> String {
    format!("/console/devices/{}{below}", segment(device_id))
}

fn status(word: &str) -> Badge {
    match word {
        "ONLINE" => Badge::new(Tone::Good, "Online"),
        "OFFLINE" => Badge::new(Tone::Warning, "Offline"),
        "FROZEN" => Badge::new(Tone::Bad, "Frozen"),
        "INACTIVE" => Badge::new(Tone::Quiet, "Never heard"),
        other => Badge::new(Tone::Quiet, other),
    }
}
