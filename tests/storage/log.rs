//! The event log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fieldgate::domain::event::{EventKind, NewEvent};
use fieldgate::domain::ids::{DeviceKey, Position, VersionKey};
use fieldgate::storage::writer::WriterLimits;
use fieldgate::storage::{Chunk, EventFilter, LogBounds, PurgeRequest, ReadLimit, StoreError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::bed::{Bed, LIMITS, NOW, WHOLE, message, message_of, read_all, request_id};

/// Everything that is older than the end of time.
const ALL: PurgeRequest = PurgeRequest {
    before: Some(fieldgate::domain::clock::Timestamp(i64::MAX)),
    max_bytes: None,
    step_rows: 1000,
};

pub async fn events_come_back_as_they_went_in(bed: Bed) {
    let whole = NewEvent {
        kind: EventKind::PropertyReport,
        device: Some((DeviceKey(7), VersionKey(8))),
        reported_by: Some(DeviceKey(9)),
        received: NOW,
        request_id: request_id(3),
        payload: vec![0, 255, b'"', 10].into(),
        faults: Some(r#"["a fault"]"#.to_owned()),
    };
    let last = bed
        .stores
        .log
        .append(vec![message(""), whole.clone()])
        .await
        .unwrap();
    let bed = bed.reopened().await;
    let all = bed.all().await;
    assert_eq!(all.len(), 2);
    assert_eq!((all[1].position, last), (Position(2), Position(2)));
    let found = &all[1].event;
    assert_eq!(
        (found.kind, found.device, found.reported_by),
        (whole.kind, whole.device, whole.reported_by)
    );
    assert_eq!(
        (found.received, &found.payload, &found.faults),
        (whole.received, &whole.payload, &whole.faults)
    );
    assert!(found.request_id == whole.request_id);
    assert!(all[0].event.payload.is_empty());
}

pub async fn positions_rise_and_reading_goes_on_from_one(bed: Bed) {
    // Group sizes on both sides of every insert size.
    let mut expected = 0;
    for size in [1, 3, 4, 5, 17, 300] {
        let events = (0..size).map(|number| message(format!("{number}"))).collect();
        expected += size;
        assert_eq!(bed.stores.log.append(events).await.unwrap(), Position(expected));
    }
    let mut seen = Vec::new();
    let mut after = Position::START;
    loop {
        let limit = ReadLimit { rows: 50, ..WHOLE };
        let page = bed.stores.log.read(after, limit).await.unwrap();
        if page.events.is_empty() {
            assert_eq!(page.up_to, after);
            break;
        }
        after = page.up_to;
        seen.extend(page.events.iter().map(|stored| stored.position.0));
    }
    assert_eq!(seen, (1..=expected).collect::<Vec<_>>());
    let picked = bed
        .stores
        .log
        .events(&[Position(2), Position(9), Position(9999)])
        .await
        .unwrap();
    let picked: Vec<_> = picked.iter().map(|stored| stored.position.0).collect();
    assert_eq!(picked, [9, 2], "newest first, those that are not there left out");
}

pub async fn a_read_stops_at_its_bytes_and_tells_how_far_it_looked(bed: Bed) {
    let log = &bed.stores.log;
    let product = |size: usize| NewEvent {
        kind: EventKind::ProductCreated,
        ..message(vec![b'x'; size])
    };
    // Messages at 1, 3, 5, 7, products between them.
    for _ in 0..4 {
        log.append(vec![message(vec![b'x'; 100]), product(1000)])
            .await
            .unwrap();
    }
    let read = async |after: i64, rows: u32, bytes: u64| {
        let chunk = log
            .read(Position(after), ReadLimit { rows, bytes })
            .await
            .unwrap();
        (positions(&chunk), chunk.up_to.0)
    };
    assert_eq!(read(0, 100, 1101).await, (vec![1, 2, 3], 3));
    assert_eq!(
        read(0, 100, 1100).await,
        (vec![1, 2], 2),
        "the bound is reached exactly"
    );
    assert_eq!(read(1, 100, 1).await, (vec![2], 2), "one at least");
    assert_eq!(read(1, 100, 0).await, (vec![2], 2), "one at least");
    assert_eq!(read(8, 100, 1).await, (vec![], 8));
    let of_kind = async |after: i64, up_to: i64, rows: u32, bytes: u64| {
        let (after, up_to) = (Position(after), Position(up_to));
        let limit = ReadLimit { rows, bytes };
        let kinds = [EventKind::MessageReport, EventKind::StatusUpdated];
        let chunk = log.read_kinds(&kinds, after, up_to, limit).await.unwrap();
        (positions(&chunk), chunk.up_to.0)
    };
    assert_eq!(of_kind(0, 8, 100, 1_000_000).await, (vec![1, 3, 5, 7], 8));
    assert_eq!(of_kind(0, 8, 3, 1_000_000).await, (vec![1, 3, 5], 5));
    assert_eq!(of_kind(0, 8, 100, 200).await, (vec![1, 3], 3));
    assert_eq!(of_kind(0, 6, 100, 201).await, (vec![1, 3, 5], 5));
    assert_eq!(of_kind(0, 4, 100, 201).await, (vec![1, 3], 4));
    assert_eq!(of_kind(7, 8, 100, 201).await, (vec![], 8));
}

fn positions(chunk: &Chunk) -> Vec<i64> {
    chunk.events.iter().map(|stored| stored.position.0).collect()
}

pub async fn followers_hear_of_each_commit(bed: Bed) {
    let log = bed.stores.log.clone();
    let mut heard = log.appended();
    assert_eq!(*heard.borrow_and_update(), Position(0));
    log.append(vec![message("a"), message("b")]).await.unwrap();
    heard.changed().await.unwrap();
    assert_eq!(
        *heard.borrow_and_update(),
        Position(2),
        "known when the caller is answered"
    );
    bed.product("p").await;
    assert_eq!(
        *heard.borrow_and_update(),
        Position(3),
        "a registry change's event too"
    );
    log.purge(ALL).await.unwrap();
    assert!(!heard.has_changed().unwrap(), "nothing was appended");
    drop((log, heard));
    let bed = bed.reopened().await;
    assert_eq!(
        *bed.stores.log.appended().borrow(),
        Position(3),
        "known from the start"
    );
}

pub async fn positions_go_on_after_everything_was_purged(bed: Bed) {
    let log = &bed.stores.log;
    assert_eq!(
        log.bounds().await.unwrap(),
        LogBounds {
            first: Position(1),
            last: Position(0)
        }
    );
    log.append(vec![message("a"), message("b"), message("c")])
        .await
        .unwrap();
    assert_eq!(log.purge(ALL).await.unwrap(), 3);
    assert_eq!(
        log.bounds().await.unwrap(),
        LogBounds {
            first: Position(4),
            last: Position(3)
        }
    );
    assert_eq!(log.append(vec![message("d")]).await.unwrap(), Position(4));
    assert_eq!(log.purge(ALL).await.unwrap(), 1);
    let bed = bed.reopened().await;
    let log = &bed.stores.log;
    assert_eq!(log.append(vec![message("e")]).await.unwrap(), Position(5));
    assert_eq!(
        log.bounds().await.unwrap(),
        LogBounds {
            first: Position(5),
            last: Position(5)
        }
    );
}

pub async fn a_batch_is_seen_whole_or_not_at_all(bed: Bed) {
    const BATCH: usize = 50;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer: u8| {
            let log = bed.stores.log.clone();
            async move {
                for round in 0..10 {
                    let batch = (0..BATCH)
                        .map(|_| NewEvent {
                            request_id: request_id(writer * 10 + round),
                            ..message("part")
                        })
                        .collect();
                    log.append(batch).await.unwrap();
                }
            }
        })
        .collect();
    let reader = {
        let (log, done) = (bed.stores.log.clone(), done.clone());
        async move {
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) {
                let mut counts = HashMap::new();
                for stored in read_all(&*log).await {
                    *counts.entry(stored.event.request_id).or_insert(0) += 1;
                }
                assert!(
                    counts.values().all(|count| *count == BATCH),
                    "a part of a batch was seen"
                );
                looks += 1;
                tokio::task::yield_now().await;
            }
            looks
        }
    };
    let write = async {
        let [a, b, c, d] = <[_; 4]>::try_from(writers).ok().unwrap();
        tokio::join!(a, b, c, d);
        done.store(true, Ordering::SeqCst);
    };
    let ((), looks) = tokio::join!(write, reader);
    assert!(looks > 0);
    assert_eq!(bed.all().await.len(), 4 * 10 * BATCH);
}

pub async fn a_full_queue_says_busy_and_loses_nothing_it_took(bed: Bed) {
    let narrow = WriterLimits {
        queue_rows: 20,
        queue_bytes: 100_000,
        ..LIMITS
    };
    let bed = bed.with_limits(narrow).await;
    let log = &bed.stores.log;
    let too_many = log.append((0..21).map(|_| message("x")).collect()).await;
    assert!(matches!(too_many, Err(StoreError::Busy)), "{too_many:?}");
    let too_large = log.append(vec![message(vec![b'x'; 100_000])]).await;
    assert!(matches!(too_large, Err(StoreError::Busy)), "{too_large:?}");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let log = log.clone();
        calls.spawn(async move { log.append(vec![message("x")]).await });
    }
    let (mut taken, mut busy) = (0, 0);
    while let Some(answer) = calls.join_next().await {
        match answer.unwrap() {
            Ok(_) => taken += 1,
            Err(StoreError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(busy > 0, "the queue was full at times");
    assert_eq!(bed.all().await.len(), taken);
    assert!(log.append(vec![message("x")]).await.is_ok(), "room again");
}

pub async fn a_closed_store_takes_nothing_and_keeps_what_it_took(bed: Bed) {
    let log = bed.stores.log.clone();
    let (taken, ()) = tokio::join!(log.append(vec![message("before")]), log.close());
    taken.unwrap();
    let late = log.append(vec![message("after")]).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    assert_eq!(bed.reopened().await.all().await.len(), 1);
}

pub async fn retention_removes_the_oldest_in_steps(bed: Bed) {
    let log = &bed.stores.log;
    for day in 0..10 {
        let received = NOW.plus_millis(day * 1000);
        log.append(vec![NewEvent {
            received,
            ..message("x")
        }])
        .await
        .unwrap();
    }
    let request = PurgeRequest {
        before: Some(NOW.plus_millis(7000)),
        max_bytes: None,
        step_rows: 3,
    };
    let mut steps = Vec::new();
    loop {
        let step = log.purge(request).await.unwrap();
        if step == 0 {
            break;
        }
        steps.push(step);
    }
    assert_eq!(steps, [3, 3, 1]);
    let left: Vec<_> = bed.all().await.iter().map(|stored| stored.position.0).collect();
    assert_eq!(left, [8, 9, 10]);
    let unbounded = PurgeRequest {
        before: None,
        max_bytes: None,
        step_rows: 100,
    };
    assert_eq!(log.purge(unbounded).await.unwrap(), 0);
}

pub async fn retention_by_size_removes_until_it_fits(bed: Bed) {
    let log = &bed.stores.log;
    let large = || message(vec![b'x'; 10_000]);
    for _ in 0..10 {
        log.append((0..20).map(|_| large()).collect()).await.unwrap();
    }
    let request = PurgeRequest {
        before: None,
        max_bytes: Some(1_000_000),
        step_rows: 10,
    };
    let mut removed = 0;
    loop {
        let step = log.purge(request).await.unwrap();
        if step == 0 {
            break;
        }
        removed += step;
    }
    assert!((90..150).contains(&removed), "about half of 2 MB: {removed}");
    let all = bed.all().await;
    assert_eq!(all.last().unwrap().position, Position(200), "the newest stay");
}

pub async fn a_scan_back_narrows_by_device_kind_and_time(bed: Bed) {
    let product = bed.product("p").await;
    let one = bed.device("one", product.key, None).await;
    let two = bed.device("two", product.key, None).await;
    let log = &bed.stores.log;
    for number in 0..4 {
        let received = NOW.plus_millis(number * 1000);
        let events = [&one, &two].map(|device| NewEvent {
            received,
            ..message_of(device, format!("{number}"))
        });
        log.append(events.to_vec()).await.unwrap();
    }
    let filter = EventFilter {
        device: Some(one.key),
        kinds: vec![EventKind::MessageReport],
        from: None,
        to: None,
    };
    let texts = async |filter: &EventFilter, after: i64, before: i64, limit: u32| {
        let found = log
            .scan_back(filter, Position(after), Position(before), limit)
            .await
            .unwrap();
        let events = log.events(&found).await.unwrap();
        let texts: Vec<_> = events
            .iter()
            .map(|stored| String::from_utf8_lossy(&stored.event.payload).into_owned())
            .collect();
        texts.join(" ")
    };
    assert_eq!(texts(&filter, 0, i64::MAX, 50).await, "3 2 1 0");
    assert_eq!(texts(&filter, 0, i64::MAX, 2).await, "3 2");
    assert_eq!(texts(&filter, 6, i64::MAX, 50).await, "3 2");
    assert_eq!(texts(&filter, 0, 8, 50).await, "1 0");
    let timed = EventFilter {
        from: Some(NOW.plus_millis(1000)),
        to: Some(NOW.plus_millis(2000)),
        ..filter.clone()
    };
    assert_eq!(texts(&timed, 0, i64::MAX, 50).await, "2 1");
    let created = EventFilter {
        kinds: vec![EventKind::DeviceCreated],
        ..filter
    };
    assert_eq!(texts(&created, 0, i64::MAX, 50).await, "device made");
}

/// What the model test does next.
#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    Purge(u8),
    Reopen,
}

/// Random appends, purges and restarts, beside a list that does the same.
pub async fn the_log_agrees_with_a_model_under_random_use(mut bed: Bed) {
    let step = prop_oneof![
        6 => (1_u8..6).prop_map(Step::Append),
        2 => (0_u8..8).prop_map(Step::Purge),
        1 => Just(Step::Reopen),
    ];
    let steps = proptest::collection::vec(step, 120)
        .new_tree(&mut TestRunner::default())
        .unwrap()
        .current();
    let mut model: Vec<(i64, String)> = Vec::new();
    let mut last = 0;
    for step in &steps {
        match step {
            Step::Append(count) => {
                let batch: Vec<_> = (1..=i64::from(*count))
                    .map(|n| (last + n, format!("payload {}", last + n)))
                    .collect();
                let events = batch.iter().map(|(_, text)| message(text.clone())).collect();
                last = bed.stores.log.append(events).await.unwrap().0;
                model.extend(batch);
            }
            Step::Purge(count) => {
                let request = PurgeRequest {
                    step_rows: u32::from(*count),
                    ..ALL
                };
                let removed = bed.stores.log.purge(request).await.unwrap();
                model.drain(..usize::try_from(removed).unwrap());
            }
            Step::Reopen => bed = bed.reopened().await,
        }
        let found: Vec<_> = bed
            .all()
            .await
            .iter()
            .map(|stored| {
                (
                    stored.position.0,
                    String::from_utf8_lossy(&stored.event.payload).into_owned(),
                )
            })
            .collect();
        assert_eq!(found, model, "after {step:?} of {steps:?}");
        let bounds = bed.stores.log.bounds().await.unwrap();
        assert_eq!(bounds.last.0, last);
        assert_eq!(
            bounds.first.0,
            model.first().map_or(last + 1, |(position, _)| *position)
        );
    }
}
