//! Shadows: their events in the log, what their follower keeps, and the follower itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fieldgate::domain::event::{EventKind, NewEvent};
use fieldgate::domain::event_time::with_millis;
use fieldgate::domain::ids::{DeviceKey, Position};
use fieldgate::domain::shadow::{DeviceShadow, KINDS, ShadowLimits};
use fieldgate::history::History;
use fieldgate::shadow::{DesiredRefusal, ShadowFollower, Shadows};
use fieldgate::storage::{
    Change, Device, DeviceCreation, EventFilter, ReadLimit, ShadowChange, ShadowRow, ShadowStep,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, NOW, PAGE, WHOLE, device_id, message_of, new_device, told};

const LIMITS: ShadowLimits = ShadowLimits {
    services: 3,
    service_bytes: 60,
};

fn desired_text(service: &str, values: &str) -> String {
    format!(r#"{{"services":[{{"service_id":"{service}","desired":{values}}}]}}"#)
}

/// A report of one service; `at` is the device's own time, after `NOW`.
fn report(device: &Device, service: &str, values: &str, at: i64) -> NewEvent {
    let at = with_millis(NOW.plus_millis(at));
    let text = format!(
        r#"{{"services":[{{"service_id":"{service}","properties":{values},"event_time":"x","event_time_ms":"{at}"}}]}}"#
    );
    NewEvent {
        kind: EventKind::PropertyReport,
        ..message_of(device, text)
    }
}

fn telling(text: String) -> Change<Device> {
    let change: Change<Device> = told("");
    Change {
        payload: fieldgate::storage::Payload::fixed(Bytes::from(text)),
        ..change
    }
}

async fn desire(bed: &Bed, key: DeviceKey, values: &str, unless_since: Option<Position>) -> ShadowChange {
    let change = telling(desired_text("S", values));
    let registry = &bed.stores.registry;
    let change = registry.change_shadow(key, EventKind::DesiredSet, unless_since, change);
    change.await.unwrap()
}

async fn last(bed: &Bed) -> Position {
    bed.stores.log.bounds().await.unwrap().last
}

/// A shadow as text: `S desired reported vN; …`.
fn text_of(shadow: &DeviceShadow) -> String {
    let services = shadow.services().iter().map(|(id, service)| {
        let desired = serde_json::to_string(service.desired().0).unwrap();
        let reported = serde_json::to_string(&service.reported().0).unwrap();
        format!("{id} {desired} {reported} v{}", service.version())
    });
    services.collect::<Vec<_>>().join("; ")
}

async fn shown(bed: &Bed, device: DeviceKey) -> String {
    let shadows = Shadows::new(&bed.stores, LIMITS);
    text_of(&shadows.current(device).await.unwrap().shadow)
}

/// Lets the follower run until it has reached the log's end.
async fn followed(bed: &Bed) {
    let stop = CancellationToken::new();
    let follower = ShadowFollower::new(Shadows::new(&bed.stores, LIMITS), Duration::from_millis(2));
    let end = last(bed).await;
    let look = async {
        while bed.stores.shadows.shadows(&[]).await.unwrap().0 != end {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
    };
    tokio::join!(follower.run(stop.clone()), look);
}

pub async fn a_shadows_change_is_an_event_that_knows_what_it_overtakes(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    let other = bed.device("e", product.key, None).await;
    let nobody = desire(&bed, DeviceKey(999), "{}", None).await;
    assert_eq!(nobody, ShadowChange::NotFound);
    assert_eq!(
        desire(&bed, device.key, r#"{"a":1}"#, None).await,
        ShadowChange::Done
    );
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DesiredSet);
    assert_eq!(event.device, Some((device.key, device.version)));
    assert_eq!(&event.payload[..], desired_text("S", r#"{"a":1}"#).as_bytes());
    // What does not change this shadow overtakes nothing.
    let since = last(&bed).await;
    let events = vec![report(&other, "S", "{}", 0), message_of(&device, "hello")];
    bed.stores.log.append(events).await.unwrap();
    assert_eq!(
        desire(&bed, device.key, "{}", Some(since)).await,
        ShadowChange::Done
    );
    for step in [
        report(&device, "S", r#"{"a":1}"#, 0),
        NewEvent {
            kind: EventKind::ShadowCleared,
            ..message_of(&device, "")
        },
    ] {
        let since = last(&bed).await;
        bed.stores.log.append(vec![step]).await.unwrap();
        let before = last(&bed).await;
        let overtaken = desire(&bed, device.key, "{}", Some(since)).await;
        assert_eq!(overtaken, ShadowChange::Overtaken);
        assert_eq!(last(&bed).await, before, "nothing was appended");
        assert_eq!(
            desire(&bed, device.key, "{}", Some(before)).await,
            ShadowChange::Done
        );
    }
}

pub async fn of_changes_at_once_on_one_version_one_is_done(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    for round in 0..5 {
        let since = last(&bed).await;
        let (one, two, three) = tokio::join!(
            desire(&bed, device.key, r#"{"a":1}"#, Some(since)),
            desire(&bed, device.key, r#"{"a":2}"#, Some(since)),
            desire(&bed, device.key, r#"{"a":3}"#, Some(since)),
        );
        let done = [one, two, three];
        let done = done.iter().filter(|outcome| **outcome == ShadowChange::Done);
        assert_eq!(done.count(), 1, "round {round}");
    }
    assert!(shown(&bed, device.key).await.ends_with("v5"));
}

pub async fn events_of_some_kinds_are_read_in_order(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    desire(&bed, device.key, "{}", None).await;
    let events = vec![message_of(&device, "x"), report(&device, "S", "{}", 0)];
    bed.stores.log.append(events).await.unwrap();
    let read = async |kinds: &[EventKind], after: i64, up_to: i64, rows: u32| {
        let log = &bed.stores.log;
        let limit = ReadLimit { rows, ..WHOLE };
        let found = log
            .read_kinds(kinds, Position(after), Position(up_to), limit)
            .await
            .unwrap();
        found
            .events
            .iter()
            .map(|stored| stored.position.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(&KINDS, 0, 99, 10).await, [3, 5]);
    assert_eq!(read(&KINDS, 0, 99, 1).await, [3]);
    assert_eq!(read(&KINDS, 3, 99, 10).await, [5]);
    assert_eq!(read(&KINDS, 0, 4, 10).await, [3]);
    assert_eq!(read(&[EventKind::MessageReport], 0, 99, 10).await, [4]);
}

pub async fn internal_events_show_nowhere(bed: Bed) {
    let product = bed.product("p").await;
    let new = fieldgate::storage::NewDevice {
        desired: Some(Bytes::from(desired_text("S", r#"{"a":1}"#))),
        ..new_device("d", product.key, None)
    };
    let DeviceCreation::Created(device) = bed.stores.registry.create_device(new, told("")).await.unwrap()
    else {
        panic!("the device was not made");
    };
    assert_eq!(shown(&bed, device.key).await, r#"S {"a":1} {} v1"#);
    desire(&bed, device.key, "{}", None).await;
    let registry = &bed.stores.registry;
    let kind = EventKind::ShadowCleared;
    registry
        .change_shadow(device.key, kind, None, told(""))
        .await
        .unwrap();
    bed.stores
        .log
        .append(vec![message_of(&device, "x")])
        .await
        .unwrap();
    let filter = EventFilter {
        device: Some(device.key),
        kinds: Vec::new(),
        from: None,
        to: None,
    };
    let kinds = async || {
        let history = History::new(&bed.stores);
        let shown = history.events(&filter, PAGE).await.unwrap();
        let positions: Vec<_> = shown.iter().map(|(position, _)| *position).collect();
        let events = bed.stores.log.events(&positions).await.unwrap();
        events.iter().map(|stored| stored.event.kind).collect::<Vec<_>>()
    };
    let expected = [EventKind::MessageReport, EventKind::DeviceCreated];
    assert_eq!(kinds().await, expected, "in the tail");
    let entries = bed.stores.log.index_entries(Position::START, 100).await.unwrap();
    let indexed: Vec<_> = entries
        .iter()
        .filter_map(|(_, entry)| Some(entry.as_ref()?.kind))
        .collect();
    assert_eq!(indexed, [EventKind::DeviceCreated, EventKind::MessageReport]);
    assert_eq!(entries.len(), bed.all().await.len(), "a cursor passes over them");
    let entries: Vec<_> = entries.into_iter().filter_map(|(_, entry)| entry).collect();
    bed.stores
        .followers
        .index(&entries, last(&bed).await)
        .await
        .unwrap();
    assert_eq!(kinds().await, expected, "in the index");
}

fn row(device: i64, service_id: &str, body: &str) -> ShadowRow {
    ShadowRow {
        device: DeviceKey(device),
        service_id: service_id.to_owned(),
        body: body.to_owned(),
    }
}

pub async fn rows_and_their_cursor_move_together(bed: Bed) {
    let shadows = &bed.stores.shadows;
    assert_eq!(
        shadows.shadows(&[DeviceKey(1)]).await.unwrap(),
        (Position::START, vec![])
    );
    let step = ShadowStep {
        cleared: vec![DeviceKey(1)],
        rows: (1..=600)
            .map(|device| row(device, "S", "a"))
            .chain([row(1, "T", "b")])
            .collect(),
    };
    shadows.save_shadows(&step, Position(7)).await.unwrap();
    shadows.save_shadows(&step, Position(7)).await.unwrap();
    let every: Vec<_> = (1..=700).map(DeviceKey).collect();
    let (cursor, rows) = shadows.shadows(&every).await.unwrap();
    assert_eq!((cursor, rows.len()), (Position(7), 601));
    let step = ShadowStep {
        cleared: vec![DeviceKey(1), DeviceKey(2)],
        rows: vec![row(1, "S", "c"), row(3, "S", "d")],
    };
    shadows.save_shadows(&step, Position(9)).await.unwrap();
    let bed = bed.reopened().await;
    let shadows = &bed.stores.shadows;
    let (cursor, rows) = shadows
        .shadows(&[DeviceKey(1), DeviceKey(2), DeviceKey(3)])
        .await
        .unwrap();
    assert_eq!(cursor, Position(9));
    assert_eq!(rows, [row(1, "S", "c"), row(3, "S", "d")]);
    assert_eq!(bed.stores.followers.cursor("shadow").await.unwrap(), Position(9));
    bed.stores.followers.index(&[], Position(4)).await.unwrap();
    shadows.reset_shadows().await.unwrap();
    assert_eq!(shadows.shadows(&every).await.unwrap(), (Position::START, vec![]));
    assert_eq!(bed.stores.followers.cursor("history").await.unwrap(), Position(4));
}

pub async fn a_read_shows_what_was_appended_whether_it_was_followed_or_not(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    for n in 0..4 {
        let event = report(&device, "S", &format!(r#"{{"a":{n}.50}}"#), n);
        bed.stores.log.append(vec![event]).await.unwrap();
        let expected = format!(r#"S {{}} {{"a":{n}.50}} v{}"#, n + 1);
        assert_eq!(shown(&bed, device.key).await, expected, "by the tail");
        if n % 2 == 0 {
            followed(&bed).await;
            assert_eq!(shown(&bed, device.key).await, expected, "by the follower");
        }
    }
    let registry = &bed.stores.registry;
    registry.delete_device(device.key, told("")).await.unwrap();
    assert_eq!(shown(&bed, device.key).await, "");
    let anew = bed.device("d", product.key, None).await;
    followed(&bed).await;
    assert_eq!(shown(&bed, anew.key).await, "");
    let (_, rows) = bed.stores.shadows.shadows(&[device.key, anew.key]).await.unwrap();
    assert_eq!(rows, []);
}

pub async fn a_read_beside_a_running_follower_counts_each_event_once(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    let stop = CancellationToken::new();
    let follower = ShadowFollower::new(Shadows::new(&bed.stores, LIMITS), Duration::from_micros(100));
    let appends = async {
        for n in 1..=150 {
            let event = report(&device, "S", &format!(r#"{{"a":{n}}}"#), n);
            bed.stores.log.append(vec![event]).await.unwrap();
            let expected = format!(r#"S {{}} {{"a":{n}}} v{n}"#);
            assert_eq!(shown(&bed, device.key).await, expected);
        }
        stop.cancel();
    };
    tokio::join!(follower.run(stop.clone()), appends);
}

pub async fn a_shadow_ahead_of_the_log_is_made_anew(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    desire(&bed, device.key, r#"{"a":1}"#, None).await;
    let stale = ShadowStep {
        cleared: Vec::new(),
        rows: vec![
            row(
                device.key.0,
                "S",
                r#"{"desired":{"a":9},"desired_ms":1,"reported":{},"version":40}"#,
            ),
            row(
                device.key.0,
                "T",
                r#"{"desired":{"b":9},"desired_ms":1,"reported":{},"version":40}"#,
            ),
        ],
    };
    bed.stores
        .shadows
        .save_shadows(&stale, Position(500))
        .await
        .unwrap();
    assert_eq!(
        shown(&bed, device.key).await,
        r#"S {"a":1} {} v1"#,
        "before the follower came by"
    );
    followed(&bed).await;
    assert_eq!(shown(&bed, device.key).await, r#"S {"a":1} {} v1"#);
    let (cursor, rows) = bed.stores.shadows.shadows(&[device.key]).await.unwrap();
    assert_eq!((cursor, rows.len()), (last(&bed).await, 1));
}

pub async fn desired_values_are_set_on_a_version_and_within_bounds(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    let shadows = Shadows::new(&bed.stores, LIMITS);
    let set = async |service: &str, values: &str, version: Option<i64>| {
        let versions: Vec<_> = version
            .into_iter()
            .map(|version| (service.to_owned(), version))
            .collect();
        let text = Bytes::from(desired_text(service, values));
        let change = |payload| Change { payload, ..told("") };
        shadows.set_desired(device.key, &text, &versions, change).await
    };
    set("S", r#"{"a":1}"#, Some(0)).await.unwrap();
    set("S", r#"{"b":21.50}"#, Some(1)).await.unwrap();
    let refused = set("S", "{}", Some(1)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the shadow of service S has version 2");
    let before = last(&bed).await;
    let large = format!(r#"{{"c":"{}"}}"#, "x".repeat(60));
    let refused = set("S", &large, None).await.unwrap_err();
    assert!(matches!(refused, DesiredRefusal::TooLarge { service_id } if service_id == "S"));
    for service in ["T", "U"] {
        set(service, "{}", None).await.unwrap();
    }
    let refused = set("V", "{}", None).await.unwrap_err();
    assert!(matches!(refused, DesiredRefusal::TooLarge { service_id } if service_id == "V"));
    assert_eq!(
        last(&bed).await.0,
        before.0 + 2,
        "what is refused is not in the log"
    );
    // Reports take no room from what is desired.
    let full = format!(r#"{{"r":"{}"}}"#, "y".repeat(56));
    bed.stores
        .log
        .append(vec![report(&device, "S", &full, 0)])
        .await
        .unwrap();
    set("S", r#"{"a":2}"#, None).await.unwrap();
    followed(&bed).await;
    let text = shown(&bed, device.key).await;
    assert!(text.starts_with(r#"S {"a":2,"b":21.50} {"r":"yyy"#), "{text}");
    registry_gone(&bed, &device).await;
    let refused = set("S", "{}", None).await.unwrap_err();
    assert!(matches!(refused, DesiredRefusal::NoDevice));
}

async fn registry_gone(bed: &Bed, device: &Device) {
    let registry = &bed.stores.registry;
    registry.delete_device(device.key, told("")).await.unwrap();
}

/// What happens to the log or to the follower.
#[derive(Clone, Debug)]
enum Step {
    Report(usize, u8, u8, i64),
    Desire(usize, u8, Option<u8>),
    Clear(usize),
    Remake(usize),
    /// The follower runs for so many microseconds, and is gone wherever it was.
    Crash(u64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let device = 0_usize..3;
    let step = prop_oneof![
        8 => (device.clone(), 0_u8..4, 0_u8..30, 0_i64..5).prop_map(|(d, p, v, at)| Step::Report(d, p, v, at)),
        4 => (device.clone(), 0_u8..3, proptest::option::of(0_u8..9)).prop_map(|(d, p, v)| Step::Desire(d, p, v)),
        1 => device.clone().prop_map(Step::Clear),
        1 => device.prop_map(Step::Remake),
        6 => (0_u64..3000).prop_map(Step::Crash),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 90)
}

/// Random events, crashes and restarts, beside a shadow that takes each event once.
pub async fn the_follower_agrees_with_a_model_under_random_use(mut bed: Bed) {
    let steps = steps().new_tree(&mut TestRunner::default()).unwrap().current();
    let product = bed.product("p").await;
    let mut devices = Vec::new();
    for id in ["d0", "d1", "d2"] {
        devices.push(bed.device(id, product.key, None).await);
    }
    for step in &steps {
        match step {
            Step::Report(device, place, value, at) => {
                let service = ["S", "T", "U", "V"][usize::from(*place)];
                // Some are too large for the shadow.
                let values = format!(r#"{{"p{}":"{}"}}"#, value % 3, "x".repeat(usize::from(*value)));
                let event = report(&devices[*device], service, &values, *at);
                bed.stores.log.append(vec![event]).await.unwrap();
            }
            Step::Desire(device, place, value) => {
                let values = match value {
                    None => "{}".to_owned(),
                    Some(0) => format!(r#"{{"p{place}":null}}"#),
                    Some(value) => format!(r#"{{"p{place}":{value}.0}}"#),
                };
                desire(&bed, devices[*device].key, &values, None).await;
            }
            Step::Clear(device) => {
                let kind = EventKind::ShadowCleared;
                let key = devices[*device].key;
                let registry = &bed.stores.registry;
                registry.change_shadow(key, kind, None, told("")).await.unwrap();
            }
            Step::Remake(device) => {
                registry_gone(&bed, &devices[*device]).await;
                let id = format!("d{device}");
                assert!(
                    bed.stores
                        .registry
                        .device(&device_id(&id))
                        .await
                        .unwrap()
                        .is_none()
                );
                devices[*device] = bed.device(&id, product.key, None).await;
            }
            Step::Crash(micros) => {
                let shadows = Shadows::new(&bed.stores, LIMITS);
                let follower = ShadowFollower::new(shadows, Duration::from_micros(50));
                let running = follower.run(CancellationToken::new());
                let _ = tokio::time::timeout(Duration::from_micros(*micros), running).await;
            }
            Step::Restart => bed = bed.reopened().await,
        }
        agrees(&bed, &devices, step, &steps).await;
    }
    followed(&bed).await;
    agrees(&bed, &devices, &Step::Restart, &steps).await;
}

async fn agrees(bed: &Bed, devices: &[Device], step: &Step, steps: &[Step]) {
    let mut model: BTreeMap<DeviceKey, DeviceShadow> = BTreeMap::new();
    for stored in bed.all().await {
        if let Some((key, _)) = stored.event.device {
            model.entry(key).or_default().apply(&stored.event, LIMITS);
        }
    }
    for device in devices {
        let expected = text_of(&model[&device.key]);
        assert_eq!(
            shown(bed, device.key).await,
            expected,
            "after {step:?} of {steps:?}"
        );
    }
}
