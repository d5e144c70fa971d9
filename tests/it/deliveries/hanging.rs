//! An action whose target hangs holds up no other one, whatever is done to it meanwhile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{FORGOTTEN, Fleet, Target, devices, until_taken, whole_log};
use crate::harness::{ACTIONS, Gate, Reaction, read};

/// Longer than an event takes on a busy machine, and far below the time that a push to a hanging target takes to fail.
const AT_ONCE: Duration = Duration::from_millis(2500);

fn until_something_comes(target: &Target) {
    let end = Instant::now() + FORGOTTEN;
    while target.count() == 0 {
        assert!(Instant::now() < end, "nothing came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_hanging_target_holds_up_no_other_also_when_its_action_is_changed_or_deleted() {
    let gate = Gate::builder()
        .unlimited()
        .forwarding()
        .with("ROUTING__PUSH_TIMEOUT_SECONDS", "6")
        .start();
    let fleet = Fleet::register(&gate, 2);
    let [healthy, wrong, right] = [Target::start(), Target::start(), Target::start()];
    let [doomed, next] = [Target::start(), Target::start()];
    wrong.reacts(|_| Reaction::Hang);
    doomed.reacts(|_| Reaction::Hang);
    let rule_id = gate.rule(&json!({}));
    let action = |target: &Target| gate.action(&rule_id, &json!({"url": target.url()})).0;
    let [_, changed, deleted] = [&healthy, &wrong, &doomed].map(action);
    gate.activate(&rule_id, true);
    let (begins, hanging) = std::thread::scope(|scope| {
        let _load = fleet.works(scope, &gate, Duration::from_millis(100));
        until_something_comes(&wrong);
        until_something_comes(&doomed);
        std::thread::sleep(Duration::from_secs(1));
        let detail = json!({"channel_detail": {"http_forwarding": {"url": right.url()}}});
        read(&gate.api("PUT", &format!("{ACTIONS}/{changed}"), &detail.to_string()));
        assert_eq!(
            gate.api("DELETE", &format!("{ACTIONS}/{deleted}"), "").status,
            204
        );
        let made = Instant::now();
        action(&next);
        until_something_comes(&next);
        let begins = made.elapsed();
        let hanging = doomed.count();
        std::thread::sleep(Duration::from_secs(1));
        (begins, hanging)
    });
    assert_eq!(doomed.count(), hanging, "a deleted action sends nothing more");
    let log = whole_log(&gate, &fleet);
    until_taken("healthy", &healthy, log.iter());
    let came: HashMap<_, _> = healthy
        .arrivals()
        .into_iter()
        .map(|one| (one.sequence, one.at))
        .collect();
    let acknowledged = fleet.acknowledged();
    let later = log
        .iter()
        .map(|event| came[&event.sequence].saturating_duration_since(acknowledged[&event.number]));
    let longest = later.max().unwrap();
    println!(
        "beside targets that hang, the latest of {} events came {longest:?} after its 200",
        log.len()
    );
    println!("a new action's first event came {begins:?} after the action was made");
    assert!(longest < AT_ONCE, "{longest:?}");
    assert!(begins < AT_ONCE, "{begins:?}");

    // What hung goes to the target that the action has now.
    until_taken("the right one", &right, log.iter());
    let state = gate.until_state(&changed, |state| state["pending"] == 0);
    assert_eq!(state["delivered"], log.len(), "{state}");
    for target in [&healthy, &right, &next] {
        target.assert_order(&devices(&log));
    }
}
