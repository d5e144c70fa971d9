//! A device that comes, goes and is frozen.

use super::Bed;
use super::bed::request_of;
use crate::harness::Gate;

#[test]
fn a_device_comes_online_goes_offline_and_is_frozen() {
    let gate = Gate::builder().forwarding();
    let bed = Bed::over(gate.with("INGEST__DEVICE_OFFLINE_AFTER_SECONDS", "2").start());
    let pushes = bed.pushes("device.status", "update");
    // It authenticates, and is not heard again.
    bed.device("m1", None);
    for status in ["online", "offline"] {
        let push = pushes.next();
        bed.assert_golden(&format!("device.status.update.{status}"), &push, None);
        bed.assert_in_history("m1", &push);
    }
    let request = request_of(&bed.gate.api("POST", "/devices/m1/freeze", ""));
    let push = pushes.next();
    bed.assert_golden("device.status.update.freezed", &push, Some(&request));
    bed.assert_in_history("m1", &push);
}

#[test]
fn a_frozen_device_that_was_never_heard_has_no_time_of_it() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.status", "update");
    bed.gate.device_of("meter", "m1", super::SECRET, None);
    let request = request_of(&bed.gate.api("POST", "/devices/m1/freeze", ""));
    let push = pushes.next();
    bed.assert_golden("device.status.update.freezed-unheard", &push, Some(&request));
    bed.assert_in_history("m1", &push);
}
