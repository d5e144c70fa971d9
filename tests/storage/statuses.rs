//! Devices' status, and registrations that run out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fieldgate::domain::clock::{ManualClock, Timestamp};
use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::{DeviceKey, ProductId};
use fieldgate::ingest::ActivityBook;
use fieldgate::shadow::{Registrations, StatusFollower};
use fieldgate::storage::{
    AuditFilter, DeviceActivity, DeviceFilter, DeviceStatus, Result, StatusStore, StoreError, Stores,
};
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, NOW, PAGE, device_id, new_device, told};

const OFFLINE_AFTER_MS: i64 = 60_000;

/// What may be written down late was in time.
const WRITTEN_LATE_MS: i64 = 3000;

/// Often enough that a test does not wait.
const OFTEN: Duration = Duration::from_millis(2);

fn at(seconds: i64) -> Timestamp {
    NOW.plus_millis(seconds * 1000)
}

async fn heard(bed: &Bed, device: DeviceKey, seconds: i64) {
    let row = DeviceActivity {
        device,
        token_instants: [0; 32],
        last_seen: at(seconds),
    };
    bed.stores.followers.save_activity(&[row]).await.unwrap();
}

async fn status(bed: &Bed, device: i64) -> Option<DeviceStatus> {
    let key = DeviceKey(device);
    let found = bed.stores.statuses.statuses(&[key]).await.unwrap();
    found.get(&key).copied()
}

async fn unannounced(bed: &Bed) -> Vec<(i64, bool)> {
    let found = bed.stores.statuses.unannounced(10).await.unwrap();
    found
        .iter()
        .map(|status| (status.device.0, status.online))
        .collect()
}

pub async fn a_device_heard_is_online_until_it_is_marked(bed: Bed) {
    for (device, seconds) in [(1, 0), (2, 10), (3, 20)] {
        heard(&bed, DeviceKey(device), seconds).await;
    }
    assert_eq!(unannounced(&bed).await, [(1, true), (2, true), (3, true)]);
    heard(&bed, DeviceKey(1), 5).await;
    let expected = DeviceStatus {
        device: DeviceKey(1),
        online: true,
        changed: at(0),
        active: at(0),
        last_seen: at(5),
    };
    assert_eq!(
        status(&bed, 1).await,
        Some(expected),
        "it came online when it was first heard"
    );
    let statuses = &bed.stores.statuses;
    let all = statuses.unannounced(10).await.unwrap();
    assert_eq!(statuses.unannounced(2).await.unwrap().len(), 2);
    statuses.announced(&all).await.unwrap();
    assert_eq!(unannounced(&bed).await, []);
    // From, inclusive, to before.
    statuses.mark_offline(at(10), at(20), at(99)).await.unwrap();
    assert_eq!(unannounced(&bed).await, [(2, false)]);
    let marked = status(&bed, 2).await.unwrap();
    assert_eq!(
        (marked.online, marked.changed, marked.active),
        (false, at(99), at(10))
    );
    statuses.mark_offline(at(10), at(20), at(100)).await.unwrap();
    assert_eq!(status(&bed, 2).await, Some(marked), "offline once");
    statuses.mark_offline(at(0), at(20), at(101)).await.unwrap();
    assert_eq!(unannounced(&bed).await, [(1, false), (2, false)]);
    heard(&bed, DeviceKey(1), 120).await;
    let bed = bed.reopened().await;
    let again = status(&bed, 1).await.unwrap();
    assert_eq!(
        (again.online, again.changed, again.active),
        (true, at(120), at(0))
    );
    assert_eq!(status(&bed, 9).await, None);
    bed.stores
        .followers
        .forget_devices(&[DeviceKey(1), DeviceKey(2)])
        .await
        .unwrap();
    assert_eq!(status(&bed, 1).await, None);
    assert!(bed.stores.statuses.statuses(&[]).await.unwrap().is_empty());
}

pub async fn a_change_in_between_is_not_announced_with_the_old_one(bed: Bed) {
    heard(&bed, DeviceKey(1), 0).await;
    let statuses = &bed.stores.statuses;
    let online = statuses.unannounced(10).await.unwrap();
    statuses.mark_offline(at(0), at(1), at(50)).await.unwrap();
    statuses.announced(&online).await.unwrap();
    assert_eq!(unannounced(&bed).await, [(1, false)]);
    // Heard at the very instant at which it was marked.
    let offline = statuses.unannounced(10).await.unwrap();
    heard(&bed, DeviceKey(1), 50).await;
    statuses.announced(&offline).await.unwrap();
    assert_eq!(unannounced(&bed).await, [(1, true)]);
}

/// The store of statuses, seen from the follower: it can fail, and tells when there was nothing more to announce.
struct Watched {
    inner: Arc<dyn StatusStore>,
    fails: AtomicBool,
    idle: AtomicBool,
}

#[async_trait]
impl StatusStore for Watched {
    async fn mark_offline(&self, from: Timestamp, before: Timestamp, now: Timestamp) -> Result<()> {
        self.inner.mark_offline(from, before, now).await
    }

    async fn unannounced(&self, limit: u32) -> Result<Vec<DeviceStatus>> {
        let found = self.inner.unannounced(limit).await?;
        self.idle.store(found.is_empty(), Ordering::SeqCst);
        Ok(found)
    }

    async fn announced(&self, statuses: &[DeviceStatus]) -> Result<()> {
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("a crash".to_owned()));
        }
        self.inner.announced(statuses).await
    }

    async fn statuses(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceStatus>> {
        self.inner.statuses(devices).await
    }
}

/// A status follower on a clock that the test moves.
struct Followed {
    bed: Bed,
    clock: Arc<ManualClock>,
    store: Arc<Watched>,
    stores: Stores,
}

impl Followed {
    fn new(bed: Bed) -> Self {
        let store = Arc::new(Watched {
            inner: bed.stores.statuses.clone(),
            fails: AtomicBool::new(false),
            idle: AtomicBool::new(false),
        });
        let stores = Stores {
            statuses: store.clone(),
            ..bed.stores.clone()
        };
        let clock = Arc::new(ManualClock::new(NOW));
        Self {
            bed,
            clock,
            store,
            stores,
        }
    }

    /// Starts a follower and lets it run until there is nothing more to announce.
    async fn run(&self) {
        self.store.idle.store(false, Ordering::SeqCst);
        let stop = CancellationToken::new();
        let clock = self.clock.clone();
        let follower = StatusFollower::new(self.stores.clone(), clock, OFFLINE_AFTER_MS, OFTEN);
        let look = async {
            while !self.store.idle.load(Ordering::SeqCst) {
                tokio::time::sleep(OFTEN).await;
            }
            stop.cancel();
        };
        tokio::join!(follower.run(stop.clone()), look);
    }

    /// The statuses told of a device so far, the oldest first, each with its seconds after the start.
    async fn told(&self, device: DeviceKey) -> Vec<String> {
        self.run().await;
        let all = self.bed.all().await;
        let of_device = all.iter().filter(|stored| {
            stored.event.kind == EventKind::StatusUpdated
                && stored.event.device.is_some_and(|(key, _)| key == device)
        });
        let text = |payload: &[u8]| {
            let body: serde_json::Value = serde_json::from_slice(payload).unwrap();
            let seconds = |name: &str| {
                let time = fieldgate::domain::event_time::parse_compact(body[name].as_str().unwrap());
                (time.unwrap().0 - NOW.0) / 1000
            };
            let (last_online, changed) = (seconds("last_online_time"), seconds("status_update_time"));
            format!("{} {last_online} {changed}", body["status"].as_str().unwrap())
        };
        of_device.map(|stored| text(&stored.event.payload)).collect()
    }
}

pub async fn a_status_is_told_once_as_it_changes(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await.key;
    let other = bed.device("e", product.key, None).await.key;
    let followed = Followed::new(bed);
    assert_eq!(followed.told(device).await, [""; 0]);
    heard(&followed.bed, device, 0).await;
    assert_eq!(followed.told(device).await, ["ONLINE 0 0"]);
    heard(&followed.bed, device, 30).await;
    followed.clock.advance_millis(90_000);
    assert_eq!(
        followed.told(device).await,
        ["ONLINE 0 0"],
        "silent for a minute, not longer"
    );
    followed.clock.advance_millis(1000);
    let expected = ["ONLINE 0 0", "OFFLINE 30 91"];
    assert_eq!(followed.told(device).await, expected);
    assert_eq!(followed.told(device).await, expected, "once");
    heard(&followed.bed, device, 100).await;
    followed.clock.advance_millis(10_000);
    let expected = ["ONLINE 0 0", "OFFLINE 30 91", "ONLINE 100 100"];
    assert_eq!(followed.told(device).await, expected);
    assert_eq!(followed.told(other).await, [""; 0]);
}

pub async fn an_instant_that_is_written_late_is_still_looked_at(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await.key;
    let followed = Followed::new(bed);
    followed.clock.advance_millis(200_000);
    // One follower that goes on: it has looked up to 140 s when the instant of 100 s is written.
    let stop = CancellationToken::new();
    let clock = followed.clock.clone();
    let running = StatusFollower::new(followed.stores.clone(), clock, OFFLINE_AFTER_MS, OFTEN);
    let look = async {
        tokio::time::sleep(OFTEN * 10).await;
        heard(&followed.bed, device, 100).await;
        followed.clock.advance_millis(1000);
        while status(&followed.bed, device.0)
            .await
            .is_none_or(|status| status.online)
        {
            tokio::time::sleep(OFTEN).await;
        }
        stop.cancel();
    };
    let look = tokio::time::timeout(Duration::from_secs(20), look);
    let ((), looked) = tokio::join!(running.run(stop.clone()), async {
        let looked = look.await;
        stop.cancel();
        looked
    });
    looked.unwrap();
}

pub async fn of_a_frozen_device_and_of_one_that_is_gone_nothing_is_told(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await.key;
    let gone = bed.device("e", product.key, None).await.key;
    let followed = Followed::new(bed);
    heard(&followed.bed, device, 0).await;
    assert_eq!(followed.told(device).await.len(), 1);
    let registry = &followed.bed.stores.registry;
    registry.set_frozen(device, true, None, told("")).await.unwrap();
    registry.delete_device(gone, told("")).await.unwrap();
    // Written down after its device was forgotten.
    heard(&followed.bed, gone, 0).await;
    followed.clock.advance_millis(100_000);
    assert_eq!(followed.told(device).await.len(), 1);
    assert_eq!(followed.told(gone).await, [""; 0]);
    assert_eq!(status(&followed.bed, gone.0).await, None, "nothing is left of it");
    assert!(
        followed
            .bed
            .stores
            .followers
            .activity(&[gone])
            .await
            .unwrap()
            .is_empty()
    );
    let registry = &followed.bed.stores.registry;
    registry.set_frozen(device, false, None, told("")).await.unwrap();
    heard(&followed.bed, device, 100).await;
    let told = followed.told(device).await;
    assert_eq!(told[1..], ["ONLINE 100 100"]);
}

pub async fn a_crash_before_it_is_noted_tells_a_status_again(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await.key;
    let followed = Followed::new(bed);
    heard(&followed.bed, device, 0).await;
    followed.store.fails.store(true, Ordering::SeqCst);
    assert_eq!(followed.told(device).await, ["ONLINE 0 0", "ONLINE 0 0"]);
    assert_eq!(followed.told(device).await.len(), 2);
}

pub async fn many_changes_are_told_in_steps(bed: Bed) {
    let product = bed.product("p").await;
    let mut rows = Vec::new();
    for number in 0..1100 {
        let device = bed.device(&format!("d{number}"), product.key, None).await;
        rows.push(DeviceActivity {
            device: device.key,
            token_instants: [0; 32],
            last_seen: at(0),
        });
    }
    bed.stores.followers.save_activity(&rows).await.unwrap();
    let followed = Followed::new(bed);
    followed.run().await;
    let kinds = followed.bed.kinds().await;
    let told = kinds.iter().filter(|kind| **kind == EventKind::StatusUpdated);
    assert_eq!(told.count(), 1100);
}

/// Registers a device whose registration ends after so many seconds.
async fn register(bed: &Bed, id: &str, gateway: Option<&str>, timeout_seconds: i64) -> DeviceKey {
    let product_id = ProductId::parse("p").unwrap();
    let product = match bed.stores.registry.product(&product_id, None).await.unwrap() {
        Some(product) => product,
        None => bed.product("p").await,
    };
    let mut device = new_device(id, product.key, gateway);
    device.timeout_seconds = timeout_seconds;
    bed.stores.registry.create_device(device, told("")).await.unwrap();
    let made = bed.stores.registry.device(&device_id(id)).await.unwrap();
    made.unwrap().key
}

async fn ids(bed: &Bed) -> String {
    let filter = DeviceFilter::default();
    let page = bed.stores.registry.list_devices(&filter, PAGE).await.unwrap();
    let ids: Vec<_> = page
        .items
        .iter()
        .map(|device| device.device_id.to_string())
        .collect();
    ids.join(" ")
}

/// Lets registrations be looked at until these devices are left.
async fn left(bed: &Bed, clock: &Arc<ManualClock>, expected: &str) {
    let activity = Arc::new(ActivityBook::new(bed.stores.followers.clone(), OFFLINE_AFTER_MS));
    let stop = CancellationToken::new();
    let registrations = Registrations::new(bed.stores.clone(), activity, clock.clone(), OFTEN);
    let look = async {
        for _ in 0..2000 {
            if ids(bed).await == expected {
                break;
            }
            tokio::time::sleep(OFTEN).await;
        }
        stop.cancel();
    };
    tokio::join!(registrations.run(stop.clone()), look);
    assert_eq!(ids(bed).await, expected);
}

pub async fn registrations_are_deleted_in_time_unless_they_were_heard(bed: Bed) {
    let clock = Arc::new(ManualClock::new(NOW));
    register(&bed, "silent", None, 10).await;
    let spoken = register(&bed, "spoken", None, 10).await;
    register(&bed, "patient", None, 20).await;
    register(&bed, "forever", None, 0).await;
    heard(&bed, spoken, 1).await;
    clock.advance_millis(10_000 + WRITTEN_LATE_MS);
    left(&bed, &clock, "forever patient spoken silent").await;
    clock.advance_millis(1);
    left(&bed, &clock, "forever patient spoken").await;
    let deleted = bed.all().await.pop().unwrap().event;
    assert_eq!(deleted.kind, EventKind::DeviceDeleted);
    let filter = AuditFilter {
        actor: Some("registration timeout".to_owned()),
        ..Default::default()
    };
    let noted = bed.stores.audit.entries(&filter, PAGE).await.unwrap();
    assert_eq!(noted.items.len(), 1);
    assert_eq!(noted.items[0].told.deed.resource, "/devices/silent");
    let kept = bed
        .stores
        .registry
        .device(&device_id("spoken"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.timeout_seconds, 0, "it was heard in time");
    clock.advance_millis(10_000);
    left(&bed, &clock, "forever spoken").await;
}

pub async fn of_registrations_children_go_first(bed: Bed) {
    let clock = Arc::new(ManualClock::new(NOW));
    register(&bed, "gateway", None, 5).await;
    register(&bed, "kid", Some("gateway"), 5).await;
    register(&bed, "grandkid", Some("kid"), 5).await;
    register(&bed, "parent", None, 5).await;
    let child = register(&bed, "child", Some("parent"), 5).await;
    // More than one step of gateways with children, before one without.
    for number in 0..105 {
        register(&bed, &format!("g{number}"), None, 5).await;
        register(&bed, &format!("k{number}"), Some(&format!("g{number}")), 0).await;
    }
    register(&bed, "last", None, 5).await;
    heard(&bed, child, 1).await;
    clock.advance_millis(5001 + WRITTEN_LATE_MS);
    let activity = Arc::new(ActivityBook::new(bed.stores.followers.clone(), OFFLINE_AFTER_MS));
    let stop = CancellationToken::new();
    let registrations = Registrations::new(bed.stores.clone(), activity, clock, OFTEN);
    let gone = async |id: &str| {
        bed.stores
            .registry
            .device(&device_id(id))
            .await
            .unwrap()
            .is_none()
    };
    let look = async {
        while !(gone("gateway").await && gone("last").await) {
            tokio::time::sleep(OFTEN).await;
        }
        stop.cancel();
    };
    let look = tokio::time::timeout(Duration::from_secs(20), look);
    let ((), looked) = tokio::join!(registrations.run(stop.clone()), async {
        let looked = look.await;
        stop.cancel();
        looked
    });
    looked.unwrap();
    assert!(gone("grandkid").await && gone("kid").await);
    assert!(!gone("child").await && !gone("parent").await && !gone("g0").await);
}
