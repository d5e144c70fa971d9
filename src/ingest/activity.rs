//! What is known of each device's traffic: its newest token instants and when it was last seen. Gathered in memory
//! and written about once a second, so that renewing a token waits for no disk (device-api.md, token rules).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio_util::sync::CancellationToken;

use super::limits::Pace;
use super::{lock, write_now_and_then};
use crate::auth::access_token::TokenInstants;
use crate::domain::clock::Timestamp;
use crate::domain::ids::DeviceKey;
use crate::storage::{DeviceActivity, FollowerStore, Result};

/// A report alone is written down only when the stored instant is older than this: the status it feeds counts in
/// hours, and one row per device per second would cost more than the report itself.
const LAST_SEEN_STEP_MS: i64 = 60_000;

/// Where devices go offline sooner than hours, this part of that time is the step.
const STEPS_TO_OFFLINE: i64 = 4;

/// How many rows one write takes.
const ROWS_PER_WRITE: usize = 1000;

/// One device's traffic.
#[derive(Debug)]
pub struct DeviceTraffic {
    device: DeviceKey,
    /// How much of its rate it has used.
    pub(super) pace: Pace,
    state: Mutex<TrafficState>,
}

#[derive(Debug)]
struct TrafficState {
    instants: TokenInstants,
    last_seen: Timestamp,
    written_last_seen: Timestamp,
    waiting: bool,
}

impl DeviceTraffic {
    fn new(device: DeviceKey, stored: Option<&DeviceActivity>) -> Self {
        let last_seen = stored.map_or(Timestamp(0), |row| row.last_seen);
        Self {
            device,
            pace: Pace::default(),
            state: Mutex::new(TrafficState {
                instants: stored.map_or_else(TokenInstants::default, |row| {
                    TokenInstants::decode(&row.token_instants)
                }),
                last_seen,
                written_last_seen: last_seen,
                waiting: false,
            }),
        }
    }

    fn row(&self) -> DeviceActivity {
        let state = lock(&self.state);
        DeviceActivity {
            device: self.device,
            token_instants: state.instants.encode(),
            last_seen: state.last_seen,
        }
    }
}

/// The traffic of all devices that is not written yet, and the task that writes it.
pub struct ActivityBook {
    store: Arc<dyn FollowerStore>,
    last_seen_step_ms: i64,
    /// Not written yet. Bounded by the devices that are active within one write interval.
    waiting: Mutex<HashMap<DeviceKey, Arc<DeviceTraffic>>>,
    /// The one record of each device that anyone holds.
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    records: HashMap<DeviceKey, Weak<DeviceTraffic>>,
    /// Above so many, those that nobody holds are swept out.
    sweep_above: usize,
}

impl Live {
    fn get(&self, device: DeviceKey) -> Option<Arc<DeviceTraffic>> {
        self.records.get(&device)?.upgrade()
    }

    fn insert(&mut self, device: DeviceKey, traffic: &Arc<DeviceTraffic>) {
        if self.records.len() > self.sweep_above {
            self.records.retain(|_, record| record.strong_count() > 0);
            self.sweep_above = (self.records.len() * 2).max(1024);
        }
        self.records.insert(device, Arc::downgrade(traffic));
    }
}

impl ActivityBook {
    /// Over the store that keeps activity; no traffic for `offline_after_ms` is OFFLINE.
    pub fn new(store: Arc<dyn FollowerStore>, offline_after_ms: i64) -> Self {
        Self {
            store,
            last_seen_step_ms: LAST_SEEN_STEP_MS.min(offline_after_ms / STEPS_TO_OFFLINE),
            waiting: Mutex::default(),
            live: Mutex::default(),
        }
    }

    /// A device's traffic: the record that someone holds (what waits to be written is held), else what the store has.
    pub(super) async fn load(&self, device: DeviceKey) -> Result<Arc<DeviceTraffic>> {
        if let Some(traffic) = lock(&self.live).get(device) {
            return Ok(traffic);
        }
        let stored = self.store.activity(&[device]).await?;
        let mut live = lock(&self.live);
        // Another may have been first while the store was read: then its record is the one to share.
        if let Some(traffic) = live.get(device) {
            return Ok(traffic);
        }
        let traffic = Arc::new(DeviceTraffic::new(device, stored.get(&device)));
        live.insert(device, &traffic);
        Ok(traffic)
    }

    /// Gives the instant of a new token: rising per device.
    pub(super) fn issue(&self, traffic: &Arc<DeviceTraffic>, now: Timestamp) -> Timestamp {
        let mut state = lock(&traffic.state);
        let instant = state.instants.next(now.0);
        state.instants.learn(instant);
        state.last_seen = now;
        self.enqueue(traffic, &mut state);
        Timestamp(instant)
    }

    /// Whether a token issued at `issued` still counts; learns its instant when it is news.
    pub(super) fn judge(&self, traffic: &Arc<DeviceTraffic>, issued: Timestamp, now: Timestamp) -> bool {
        let mut state = lock(&traffic.state);
        let before = state.instants;
        state.instants.learn(issued.0);
        if state.instants != before {
            self.enqueue(traffic, &mut state);
        }
        state.instants.judge(issued.0, now.0).is_ok()
    }

    /// Notes that the device was heard.
    pub(super) fn seen(&self, traffic: &Arc<DeviceTraffic>, now: Timestamp) {
        let mut state = lock(&traffic.state);
        state.last_seen = state.last_seen.max(now);
        if now.0 - state.written_last_seen.0 >= self.last_seen_step_ms {
            self.enqueue(traffic, &mut state);
        }
    }

    fn enqueue(&self, traffic: &Arc<DeviceTraffic>, state: &mut TrafficState) {
        if !state.waiting {
            state.waiting = true;
            state.written_last_seen = state.last_seen;
            lock(&self.waiting).insert(traffic.device, traffic.clone());
        }
    }

    /// When devices were last seen, whether written or not; devices never seen are left out.
    pub async fn last_seen(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, Timestamp>> {
        let mut seen: HashMap<_, _> = self
            .store
            .activity(devices)
            .await?
            .into_iter()
            .map(|(key, row)| (key, row.last_seen))
            .collect();
        // Records in memory are newer than the store by up to a step.
        let live: Vec<_> = {
            let live = lock(&self.live);
            devices.iter().filter_map(|key| live.get(*key)).collect()
        };
        for traffic in live {
            seen.insert(traffic.device, lock(&traffic.state).last_seen);
        }
        seen.retain(|_, instant| instant.0 > 0);
        Ok(seen)
    }

    /// Writes what waits, again and again, and once more after `stop`.
    pub(super) async fn run(&self, stop: CancellationToken) {
        write_now_and_then("device activity", stop, || self.write()).await;
    }

    async fn write(&self) -> Result<()> {
        let batch: Vec<_> = lock(&self.waiting).values().cloned().collect();
        for chunk in batch.chunks(ROWS_PER_WRITE) {
            // From here on a change enqueues the device again; it stays in the map until the row is stored, so that a
            // load in between never reads the older row.
            let rows: Vec<_> = chunk
                .iter()
                .map(|traffic| {
                    lock(&traffic.state).waiting = false;
                    traffic.row()
                })
                .collect();
            if let Err(error) = self.store.save_activity(&rows).await {
                for traffic in chunk {
                    lock(&traffic.state).waiting = true;
                }
                return Err(error);
            }
            self.forget_written(chunk);
        }
        Ok(())
    }

    fn forget_written(&self, chunk: &[Arc<DeviceTraffic>]) {
        for traffic in chunk {
            // Lock order everywhere: a device's state, then the map.
            let state = lock(&traffic.state);
            if !state.waiting {
                lock(&self.waiting).remove(&traffic.device);
            }
        }
    }
}
