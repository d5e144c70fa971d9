//! Forwarding proved by counting: what targets got is compared with what the log holds, event by event, over kills, failing
//! targets and changed rules.

mod counting;
mod fleet;
mod hanging;
mod latency;
mod lost_answers;
mod poison;
mod record;
mod restarts;
mod target;
mod versions;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fleet::Fleet;
use record::{Stored, stored};
use target::Target;

use crate::harness::Gate;

const SECRET: &str = "s3cret-of-the-device";

/// `routing.window` where nothing else is set: a crash repeats no more than this.
const WINDOW: usize = 1000;

/// How long a target may get nothing before it counts as forgotten: a wait for one that failed is far below.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// Kills the program, and starts it again once its targets have read what it had sent.
fn killed_and_started(mut gate: Gate, targets: &[&Target]) -> Gate {
    gate.kill();
    for target in targets {
        target.was_left();
    }
    gate.started_again()
}

/// What the log holds, with everything that was acknowledged in it once.
#[track_caller]
fn whole_log(gate: &Gate, fleet: &Fleet) -> Vec<Stored> {
    let log = stored(gate);
    let numbers: HashMap<_, _> = log.iter().map(|stored| (stored.number, stored)).collect();
    assert_eq!(numbers.len(), log.len(), "a report is stored twice");
    let acknowledged = fleet.acknowledged();
    let lost: Vec<_> = acknowledged
        .keys()
        .filter(|number| !numbers.contains_key(number))
        .collect();
    assert!(lost.is_empty(), "acknowledged and not in the log: {lost:?}");
    log
}

fn devices(log: &[Stored]) -> HashMap<u64, String> {
    log.iter()
        .map(|stored| (stored.sequence, stored.device.clone()))
        .collect()
}

/// Waits until a target took all of these, for as long as there is progress.
#[track_caller]
fn until_taken<'a>(name: &str, target: &Target, events: impl Iterator<Item = &'a Stored>) {
    let events: Vec<_> = events.collect();
    let (mut seen, mut since) = (target.count(), Instant::now());
    loop {
        let taken = target.taken();
        let missing = events.iter().find(|stored| !taken.contains(&stored.sequence));
        let Some(missing) = missing else {
            return;
        };
        let count = target.count();
        if count > seen {
            (seen, since) = (count, Instant::now());
        }
        let found = taken.len();
        assert!(
            since.elapsed() < FORGOTTEN,
            "{name} took {found} events, not {missing:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
