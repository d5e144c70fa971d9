use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::ids::DeviceKey;
use crate::routing::channel::{Outcome, Outgoing, Report};
use crate::storage::{Letter, LetterStep, NewLetter, SavedAction};

const ACTION: ActionKey = ActionKey(1);

const LIMITS: Limits = Limits {
    window: 5,
    window_bytes: 1 << 20,
    parked_per_device: 4,
    parked: 100,
    event_max_age_ms: 86_400_000,
    replays: 2,
    schedule: SCHEDULE,
};

const SCHEDULE: Schedule = Schedule::DEFAULT;

fn answer(outcome: Outcome) -> Report {
    Report {
        outcome,
        detail: "so".to_owned(),
        took: Duration::from_millis(1),
    }
}

const REACHABLE: Outcome = Outcome::Failed {
    retry_after: None,
    unreachable: false,
};
const UNREACHABLE: Outcome = Outcome::Failed {
    retry_after: None,
    unreachable: true,
};

/// A log, an action on it, what it saved, and what became known outside.
struct World {
    log: Vec<(i64, bool)>,
    purged: i64,
    now: Timestamp,
    dispatcher: Dispatcher,
    flying: Vec<Ticket>,
    saved: Option<SavedAction>,
    letters: Vec<i64>,
    delivered: BTreeSet<i64>,
    settled_at_save: BTreeSet<i64>,
    delivered_since_save: usize,
    last_first: BTreeMap<i64, i64>,
    /// Given up before a crash that took the giving up back.
    passed_over: BTreeSet<i64>,
}

impl World {
    fn new() -> Self {
        let now = Timestamp(1_000_000);
        Self {
            log: Vec::new(),
            purged: 0,
            now,
            dispatcher: Dispatcher::new(ACTION, Position::START, LIMITS, now),
            flying: Vec::new(),
            saved: None,
            letters: Vec::new(),
            delivered: BTreeSet::new(),
            settled_at_save: BTreeSet::new(),
            delivered_since_save: 0,
            last_first: BTreeMap::new(),
            passed_over: BTreeSet::new(),
        }
    }

    fn judged(&self, position: i64) -> Option<Taken> {
        let (device, taken) = self.log[usize::try_from(position - 1).unwrap()];
        taken.then(|| Taken {
            outgoing: Outgoing {
                position: Position(position),
                device_id: None,
                product_id: None,
                app_id: None,
                body: vec![0; 10].into(),
            },
            device: Some(DeviceKey(device)),
            received: Timestamp(self.now.0),
        })
    }

    fn last(&self) -> i64 {
        i64::try_from(self.log.len()).unwrap()
    }

    fn close_gaps(&mut self) {
        for gap in self.dispatcher.gaps(Position(self.purged + 1)) {
            let left = (gap.gone.0 + 1..=gap.mark.position).filter(|at| self.judged(*at).is_some());
            let left = u64::try_from(left.count()).unwrap();
            self.dispatcher.close_gap(gap, left, left * 10);
        }
    }

    fn fill(&mut self, most: usize) {
        self.close_gaps();
        for lane in self.dispatcher.lanes() {
            for _ in 0..most {
                let Some(after) = self.dispatcher.loads_after(lane) else {
                    break;
                };
                let end = self.dispatcher.loads_up_to(lane).unwrap().0.min(self.last());
                if after.0 >= end {
                    break;
                }
                let position = after.0 + 1;
                let of_lane = self.dispatcher.lane_device(lane);
                let judged = self.judged(position);
                let judged = judged.filter(|taken| of_lane.is_none() || of_lane == taken.device);
                self.dispatcher.load(lane, Position(position), judged, self.now);
                self.check();
            }
        }
    }

    fn scan(&mut self, most: i64) {
        self.close_gaps();
        let from = self.dispatcher.scans_after().0 + 1;
        for position in from..=self.last().min(from + most) {
            let bytes = self.judged(position).map(|_| 10);
            self.dispatcher.scan(Position(position), bytes);
        }
    }

    fn start(&mut self, most: usize) {
        let tickets = self.dispatcher.start(self.now, most);
        self.flying.extend(tickets);
    }

    fn answer(&mut self, index: usize, outcome: Outcome) {
        if self.flying.is_empty() {
            return;
        }
        let ticket = self.flying.swap_remove(index % self.flying.len());
        if ticket.outgoing.is_none() && ticket.position.0 <= self.purged {
            self.dispatcher.lost(&ticket);
            return;
        }
        if outcome == Outcome::Delivered {
            let (device, place) = (ticket.device.unwrap().0, ticket.position.0);
            if ticket.id.lane == LIVE {
                assert!(
                    !self.settled_at_save.contains(&place),
                    "{place} was settled when it was saved"
                );
                if !self.delivered.contains(&place) && !self.passed_over.contains(&place) {
                    let last = self.last_first.insert(device, place);
                    assert!(last.is_none_or(|last| last < place), "{place} after {last:?}");
                }
            }
            self.delivered.insert(place);
            self.delivered_since_save += 1;
        }
        self.dispatcher.report(&ticket, &answer(outcome), self.now, 0.5);
    }

    fn save(&mut self) {
        self.delivered_since_save = 0;
        let Some(save) = self.dispatcher.take_unsaved() else {
            return;
        };
        let mut parked: BTreeMap<_, _> = self
            .saved
            .take()
            .map_or_else(Vec::new, |saved| saved.parked)
            .into_iter()
            .map(|row| ((row.lane, row.position), row))
            .collect();
        for gone in &save.unparked {
            parked.remove(gone);
        }
        for row in save.parked {
            parked.insert((row.lane, row.position), row);
        }
        self.letters
            .extend(save.letters.iter().map(|letter| letter.position.0));
        let live = save.lanes.iter().find(|lane| lane.lane == LIVE).unwrap();
        let outcomes: BTreeSet<_> = live.outcomes.iter().map(|(position, _)| position.0).collect();
        self.settled_at_save = (1..=self.last())
            .filter(|at| *at <= live.settled.position || outcomes.contains(at))
            .filter(|at| !parked.contains_key(&(LIVE, Position(*at))))
            .collect();
        self.saved = Some(SavedAction {
            lanes: save.lanes,
            counters: save.counters,
            next_lane: save.next_lane,
            parked: parked.into_values().collect(),
        });
        self.dispatcher.was_saved();
    }

    fn crash(&mut self) {
        self.flying.clear();
        self.delivered_since_save = 0;
        for (device, last) in &self.last_first {
            let passed =
                (1..*last).filter(|at| self.log[usize::try_from(at - 1).unwrap()] == (*device, true));
            let passed: Vec<_> = passed.filter(|at| !self.delivered.contains(at)).collect();
            self.passed_over.extend(passed);
        }
        let fresh = || Dispatcher::new(ACTION, Position::START, LIMITS, self.now);
        self.dispatcher = self.saved.clone().map_or_else(fresh, |saved| {
            Dispatcher::restore(ACTION, saved, LIMITS, self.now)
        });
    }

    fn check(&self) {
        let standing = self.dispatcher.standing();
        let counters = standing.counters;
        let settled = counters.delivered + counters.dead + counters.dropped();
        assert_eq!(
            counters.taken,
            settled + standing.pending,
            "{:#?}",
            self.dispatcher
        );
        let live = self.dispatcher.live().unwrap();
        assert!(live.entries.len() <= LIMITS.window);
        assert!(self.delivered_since_save + self.flying.len() <= LIMITS.window);
    }

    /// Everything works again until nothing is left.
    fn drain(&mut self) {
        self.dispatcher.set_paused(false, self.now);
        for _ in 0..2000 {
            self.fill(10);
            self.start(10);
            while !self.flying.is_empty() {
                self.answer(0, Outcome::Delivered);
                self.check();
            }
            self.save();
            if self.dispatcher.standing().pending == 0 && self.dispatcher.scans_after().0 >= self.last() {
                return;
            }
            self.now = self.now.plus_millis(200_000);
        }
        panic!("it does not come to an end: {:#?}", self.dispatcher);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(i64, bool),
    Fill(usize),
    Scan(i64),
    Start(usize),
    Answer(usize, u8),
    Save,
    Crash,
    Pause(bool),
    Replay(i64, i64, Option<i64>),
    Wait(i64),
    Purge(i64),
    Backlog(Option<u64>),
}

fn step(with_bounds: bool) -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4i64, prop::bool::weighted(0.8)).prop_map(|(device, taken)| Step::Append(device, taken)),
        6 => (1..6usize).prop_map(Step::Fill),
        2 => (1..6i64).prop_map(Step::Scan),
        6 => (1..4usize).prop_map(Step::Start),
        10 => (0..8usize, 0..10u8).prop_map(|(index, outcome)| Step::Answer(index, outcome)),
        3 => Just(Step::Save),
        1 => Just(Step::Crash),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => (0..20i64, 1..20i64, prop::option::of(0..4i64))
            .prop_map(|(from, length, device)| Step::Replay(from, length, device)),
        3 => (1..5000i64).prop_map(Step::Wait),
        1 => (1..10i64).prop_map(move |count| if with_bounds { Step::Purge(count) } else { Step::Save }),
        1 => prop::option::of(0..60u64)
            .prop_map(move |bytes| if with_bounds { Step::Backlog(bytes) } else { Step::Save }),
    ]
}

fn outcome(number: u8) -> Outcome {
    match number {
        0..5 => Outcome::Delivered,
        5 => Outcome::EventRefused,
        6 => Outcome::TargetRefused,
        7 => UNREACHABLE,
        _ => REACHABLE,
    }
}

fn run(steps: Vec<Step>) -> World {
    let mut world = World::new();
    for step in steps {
        match step {
            Step::Append(device, taken) => world.log.push((device, taken)),
            Step::Fill(most) => world.fill(most),
            Step::Scan(most) => world.scan(most),
            Step::Start(most) => world.start(most),
            Step::Answer(index, number) => world.answer(index, outcome(number)),
            Step::Save => world.save(),
            Step::Crash => world.crash(),
            Step::Pause(paused) => world.dispatcher.set_paused(paused, world.now),
            Step::Replay(from, length, device) => {
                let up_to = (from + length).min(world.last());
                let device = device.map(DeviceKey);
                if from < up_to {
                    world.dispatcher.replay(Position(from), Position(up_to), device);
                }
            }
            Step::Wait(millis) => world.now = world.now.plus_millis(millis),
            Step::Purge(count) => world.purged = (world.purged + count).min(world.last()),
            Step::Backlog(bytes) => world.dispatcher.set_backlog(Backlog { bytes, age_ms: None }),
        }
        world.close_gaps();
        world.dispatcher.enforce_backlog(world.now);
        world.check();
    }
    world.drain();
    world.save();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn every_taken_event_comes_to_an_end(steps in prop::collection::vec(step(false), 1..120)) {
        let world = run(steps);
        for position in 1..=world.last() {
            let taken = world.judged(position).is_some();
            let ended = world.delivered.contains(&position) || world.letters.contains(&position);
            prop_assert!(!taken || ended, "{position} was skipped");
        }
        prop_assert_eq!(world.dispatcher.standing().counters.dropped(), 0);
    }

    #[test]
    fn what_bounds_take_is_counted(steps in prop::collection::vec(step(true), 1..120)) {
        let world = run(steps);
        let skipped = (1..=world.last()).filter(|at| {
            world.judged(*at).is_some() && !world.delivered.contains(at) && !world.letters.contains(at)
                && *at > world.purged
        });
        let skipped = u64::try_from(skipped.count()).unwrap();
        prop_assert!(skipped <= world.dispatcher.standing().counters.dropped());
    }
}

fn appended(devices: &[i64]) -> World {
    let mut world = World::new();
    world.log = devices.iter().map(|device| (*device, true)).collect();
    world.fill(100);
    world
}

fn places(tickets: &[Ticket]) -> Vec<i64> {
    tickets.iter().map(|ticket| ticket.position.0).collect()
}

#[test]
fn devices_go_in_parallel_and_each_in_order() {
    let mut world = appended(&[1, 1, 2]);
    world.start(10);
    assert_eq!(places(&world.flying), [1, 3]);
    world.answer(0, Outcome::Delivered);
    world.start(10);
    assert_eq!(places(&world.flying), [3, 2]);
}

#[test]
fn an_event_that_fails_while_others_are_taken_is_set_aside_with_those_behind_it() {
    let mut world = appended(&[1, 2, 1, 2]);
    for _ in 0..3 {
        world.now = world.now.plus_millis(10_000);
        world.start(10);
        let failing = world
            .flying
            .iter()
            .position(|ticket| ticket.device == Some(DeviceKey(1)));
        world.answer(failing.unwrap(), REACHABLE);
        world.answer(0, Outcome::Delivered);
    }
    let standing = world.dispatcher.standing();
    assert_eq!((standing.parked, standing.pending), (2, 2));
    assert_eq!(standing.settled, Position(4));
    world.save();
    world.crash();
    assert_eq!(world.dispatcher.standing().parked, 2);
    world.drain();
    assert_eq!(world.delivered.len(), 4);
}

#[test]
fn a_device_that_fails_holds_up_no_other_behind_a_full_window() {
    // The window is of five.
    let mut world = appended(&[1, 2, 1, 2, 2, 2, 2, 2]);
    world.start(10);
    assert_eq!(places(&world.flying), [1, 2]);
    world.answer(0, REACHABLE);
    while let Some(index) = world
        .flying
        .iter()
        .position(|ticket| ticket.device == Some(DeviceKey(2)))
    {
        world.answer(index, Outcome::Delivered);
        world.save();
        world.fill(10);
        world.start(10);
    }
    // No time has passed: the first event is not due again.
    assert_eq!(world.delivered, BTreeSet::from([2, 4, 5, 6, 7, 8]));
    assert_eq!(world.dispatcher.standing().parked, 2);
    world.drain();
    assert_eq!(world.delivered.len(), 8);
}

#[test]
fn a_device_that_fails_is_not_set_aside_while_others_have_room() {
    let mut world = appended(&[1, 2, 2]);
    world.start(10);
    world.answer(0, REACHABLE);
    world.answer(0, Outcome::Delivered);
    world.start(10);
    world.answer(0, Outcome::Delivered);
    assert_eq!(world.dispatcher.standing().parked, 0);
}

#[test]
fn a_target_that_is_away_is_asked_with_the_oldest_event_at_growing_intervals() {
    let mut world = appended(&[1, 2, 3]);
    world.start(1);
    world.answer(0, UNREACHABLE);
    assert_eq!(world.dispatcher.standing().target, TargetState::Retrying);
    let mut waits = Vec::new();
    let mut last = world.now;
    while waits.len() < 10 {
        world.start(10);
        if let Some(ticket) = world.flying.first() {
            assert_eq!(ticket.position, Position(1));
            assert_eq!(world.flying.len(), 1);
            waits.push((world.now.0 - last.0) / 1000);
            last = world.now;
            world.answer(0, UNREACHABLE);
        }
        world.now = world.now.plus_millis(500);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 180, 180]);
    assert_eq!(world.dispatcher.standing().parked, 0);
    world.scan(10);
    world.drain();
    assert_eq!(world.delivered.len(), 3);
}

#[test]
fn a_device_that_fails_alone_keeps_no_other_waiting() {
    let mut world = appended(&[1]);
    world.start(1);
    world.answer(0, REACHABLE);
    assert_eq!(world.dispatcher.standing().target, TargetState::Retrying);
    for device in [2, 3, 4] {
        world.log.push((device, true));
        world.fill(10);
        world.start(10);
        let tried = places(&world.flying);
        world.answer(0, REACHABLE);
        // With three of them it is the target.
        let expected = if device == 4 { vec![] } else { vec![device] };
        assert_eq!(tried, expected);
    }
    world.drain();
    assert_eq!(world.delivered.len(), 4);
}

#[test]
fn a_target_that_refuses_the_action_shows_refused_until_it_takes_one() {
    let mut world = appended(&[1, 2]);
    world.start(1);
    world.answer(0, Outcome::TargetRefused);
    let standing = world.dispatcher.standing();
    assert_eq!(
        (standing.target, standing.last_error.as_deref()),
        (TargetState::Refused, Some("so"))
    );
    world.drain();
    assert_eq!(world.dispatcher.standing().target, TargetState::Healthy);
}

#[test]
fn an_event_that_is_refused_three_times_is_a_dead_letter() {
    let mut world = appended(&[1, 1]);
    for _ in 0..3 {
        world.now = world.now.plus_millis(5000);
        world.start(10);
        assert_eq!(places(&world.flying), [1]);
        world.answer(0, Outcome::EventRefused);
    }
    world.save();
    assert_eq!(world.letters, [1]);
    world.start(10);
    assert_eq!(places(&world.flying), [2]);
}

#[test]
fn an_event_that_was_tried_for_a_day_is_given_up() {
    let mut world = appended(&[1, 2]);
    world.start(10);
    world.answer(0, REACHABLE);
    world.answer(0, Outcome::Delivered);
    world.now = world.now.plus_millis(86_400_001);
    world.start(10);
    world.answer(0, REACHABLE);
    world.save();
    assert_eq!(world.letters, [1]);
    assert_eq!(world.dispatcher.standing().pending, 0);
}

#[test]
fn deliveries_that_a_crash_would_repeat_are_no_more_than_the_window() {
    let mut world = appended(&[1, 2, 3, 4, 5, 6, 7]);
    for _ in 0..3 {
        world.fill(10);
        world.start(10);
        while !world.flying.is_empty() {
            world.answer(0, Outcome::Delivered);
        }
    }
    assert_eq!(world.delivered.len(), LIMITS.window);
    assert_eq!(world.dispatcher.next_start(world.now), None);
    // What is being saved is not saved yet.
    let save = world.dispatcher.take_unsaved();
    assert!(save.is_some() && !world.dispatcher.should_be_saved());
    assert_eq!(world.dispatcher.next_start(world.now), None);
    assert!(world.dispatcher.was_saved());
    world.start(10);
    assert_eq!(places(&world.flying), [6, 7]);
}

#[test]
fn a_paused_action_takes_and_delivers_nothing() {
    let mut world = appended(&[1]);
    world.dispatcher.set_paused(true, world.now);
    world.start(10);
    assert!(world.flying.is_empty());
    assert_eq!(world.dispatcher.next_start(world.now), None);
    world.log.push((1, true));
    world.fill(10);
    assert_eq!(world.dispatcher.standing().counters.taken, 2);
    world.dispatcher.set_paused(false, world.now);
    world.start(10);
    assert_eq!(places(&world.flying), [1]);
}

#[test]
fn a_backlog_bound_drops_the_oldest_and_counts_them() {
    let mut world = appended(&[1, 2, 3, 4, 5, 6, 7]);
    world.scan(10);
    world.dispatcher.set_paused(true, world.now);
    world.dispatcher.set_backlog(Backlog {
        bytes: Some(30),
        age_ms: None,
    });
    world.dispatcher.enforce_backlog(world.now);
    let standing = world.dispatcher.standing();
    assert_eq!((standing.counters.dropped_by_size, standing.pending), (4, 3));
    world.check();
    world.drain();
    assert_eq!(world.delivered, BTreeSet::from([5, 6, 7]));
}

#[test]
fn what_retention_takes_is_counted_from_the_marks() {
    let mut world = World::new();
    world.log = (0..6000).map(|number| (number % 7, number % 3 == 0)).collect();
    world.fill(100);
    world.scan(10_000);
    let pending = world.dispatcher.standing().pending;
    assert_eq!(pending, 2000);
    world.purged = 3500;
    let gaps = world.dispatcher.gaps(Position(world.purged + 1));
    assert!(
        gaps.iter().all(|gap| gap.mark.position - gap.gone.0 <= 1000),
        "{gaps:?}"
    );
    world.close_gaps();
    world.check();
    // Those of the window are in memory.
    assert_eq!(
        world.dispatcher.standing().counters.dropped_by_retention,
        1167 - 5
    );
}

#[test]
fn a_letter_is_delivered_again_and_goes_or_is_dead_once_more() {
    let mut world = World::new();
    let letter = |id| Letter {
        id,
        counted: false,
        told: NewLetter {
            action: ACTION,
            position: Position(3),
            device: Some(DeviceKey(id)),
            device_id: None,
            product_id: None,
            app_id: None,
            received: world.now,
            body: Some(vec![1].into()),
            reason: String::new(),
            attempts: 3,
            at: world.now,
            forwarded: false,
            replaying: true,
        },
    };
    world.dispatcher.load_letter(letter(1), world.now);
    world.dispatcher.load_letter(letter(2), world.now);
    world.check();
    world.start(10);
    let refused = world.flying.pop().unwrap();
    world.answer(0, Outcome::Delivered);
    for _ in 0..3 {
        world
            .dispatcher
            .report(&refused, &answer(Outcome::EventRefused), world.now, 0.5);
    }
    world.check();
    let steps = world.dispatcher.take_unsaved().unwrap().letter_steps;
    assert_eq!(steps.len(), 4);
    assert_eq!(steps[2], (1, LetterStep::Delivered));
    assert!(matches!(steps[3], (2, LetterStep::Dead { attempts: 3, .. })));
    assert_eq!(world.dispatcher.standing().pending, 0);
}
