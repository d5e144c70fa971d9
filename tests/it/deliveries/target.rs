//! An application that notes every push, and checks the order in which they came.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::harness::{Push, Reaction, Receiver};

/// A push that came.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub sequence: u64,
    /// How often the program had been killed before.
    pub run: u32,
    /// Whether the answer was 200: the program may have been killed before it heard so.
    pub taken: bool,
    pub body: Vec<u8>,
    pub at: Instant,
}

/// A receiver with a memory.
pub struct Target {
    receiver: Receiver,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    run: Arc<AtomicU32>,
}

impl Target {
    /// Takes everything.
    pub fn start() -> Self {
        let target = Self {
            receiver: Receiver::start(),
            arrivals: Arc::default(),
            run: Arc::default(),
        };
        target.reacts(|_| Reaction::Answer(200));
        target
    }

    pub fn url(&self) -> String {
        self.receiver.url()
    }

    /// What it does from now on.
    pub fn reacts(&self, mut react: impl FnMut(&Push) -> Reaction + Send + 'static) {
        let (arrivals, run) = (self.arrivals.clone(), self.run.clone());
        self.receiver.react(move |push| {
            let reaction = react(push);
            arrivals.lock().unwrap().push(Arrival {
                sequence: push.sequence(),
                run: run.load(Ordering::SeqCst),
                taken: matches!(reaction, Reaction::Answer(200) | Reaction::Late(_)),
                body: push.body.clone(),
                at: push.at,
            });
            reaction
        });
    }

    /// The program was killed: what it had sent before is read to the end, what comes from now on belongs to the next run.
    pub fn was_left(&self) {
        self.receiver.until_all_are_gone();
        self.run.fetch_add(1, Ordering::SeqCst);
        self.receiver.taken();
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }

    /// How many pushes came so far.
    pub fn count(&self) -> usize {
        self.arrivals.lock().unwrap().len()
    }

    /// The events that were taken.
    pub fn taken(&self) -> HashSet<u64> {
        let arrivals = self.arrivals.lock().unwrap();
        let taken = arrivals.iter().filter(|arrival| arrival.taken);
        taken.map(|arrival| arrival.sequence).collect()
    }

    /// Checks order per device and what kills repeated; answers how many events each run took once more.
    ///
    /// An event of a device goes out only when the one before it is settled, and what is settled is what the target took. So
    /// within a run a device's pushes never step back, and none follows its own 200. A kill forgets what was settled since
    /// the last save, so the next run may step back to there; but nothing that was never taken is overtaken: a device's
    /// events are taken for the first time in their order over all runs.
    #[track_caller]
    pub fn assert_order(&self, device_of: &HashMap<u64, String>) -> Vec<usize> {
        let mut last_in_run: HashMap<(u32, &str), (u64, bool)> = HashMap::new();
        let mut last_first: HashMap<&str, u64> = HashMap::new();
        let (mut taken, mut repeated) = (HashSet::new(), HashMap::<u32, usize>::new());
        let arrivals = self.arrivals();
        for arrival in &arrivals {
            let Arrival { sequence, run, .. } = *arrival;
            let device = device_of[&sequence].as_str();
            let before = last_in_run.insert((run, device), (sequence, arrival.taken));
            if let Some((last, was_taken)) = before {
                let in_order = if was_taken {
                    sequence > last
                } else {
                    sequence >= last
                };
                assert!(in_order, "{device}: {sequence} came behind {last} in run {run}");
            }
            if !arrival.taken {
                continue;
            }
            if taken.insert(sequence) {
                let last = last_first.insert(device, sequence).unwrap_or(0);
                assert!(sequence > last, "{device}: {last} was taken before {sequence}");
            } else {
                *repeated.entry(run).or_default() += 1;
            }
        }
        let runs = arrivals.iter().map(|arrival| arrival.run).max().unwrap_or(0);
        (0..=runs)
            .map(|run| repeated.get(&run).copied().unwrap_or(0))
            .collect()
    }
}
