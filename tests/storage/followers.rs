//! What followers keep.

use std::time::Duration;

use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::{DeviceKey, Position};
use fieldgate::history::{History, Indexer};
use fieldgate::storage::{DeviceActivity, EventFilter, IndexEntry, NewTraceEntry, PageRequest};
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, NOW, PAGE};

fn entry(device: i64, position: i64, kind: EventKind) -> IndexEntry {
    IndexEntry {
        device: DeviceKey(device),
        position: Position(position),
        kind,
        received: NOW.plus_millis(position),
    }
}

fn of(device: i64) -> EventFilter {
    EventFilter {
        device: Some(DeviceKey(device)),
        kinds: Vec::new(),
        from: None,
        to: None,
    }
}

async fn positions(bed: &Bed, filter: &EventFilter, before: i64, limit: u32) -> Vec<i64> {
    let found = bed
        .stores
        .followers
        .indexed(filter, Position(before), limit)
        .await
        .unwrap();
    found.iter().map(|position| position.0).collect()
}

pub async fn the_index_and_its_cursor_move_together(bed: Bed) {
    assert_eq!(
        bed.stores.followers.cursor("history").await.unwrap(),
        Position::START
    );
    let entries: Vec<_> = (1..=600)
        .map(|position| entry(position % 2, position, EventKind::MessageReport))
        .collect();
    bed.stores.followers.index(&entries, Position(610)).await.unwrap();
    // A crash between index and answer makes the follower index the same again.
    bed.stores.followers.index(&entries, Position(610)).await.unwrap();
    let bed = bed.reopened().await;
    assert_eq!(
        bed.stores.followers.cursor("history").await.unwrap(),
        Position(610)
    );
    assert_eq!(
        bed.stores.followers.cursor("another").await.unwrap(),
        Position::START
    );
    assert_eq!(positions(&bed, &of(1), i64::MAX, 1000).await.len(), 300);
}

pub async fn indexed_positions_are_narrowed_and_forgotten(bed: Bed) {
    let entries = [
        entry(1, 1, EventKind::DeviceCreated),
        entry(1, 2, EventKind::MessageReport),
        entry(2, 3, EventKind::MessageReport),
        entry(1, 4, EventKind::PropertyReport),
        entry(1, 5, EventKind::MessageReport),
    ];
    bed.stores.followers.index(&entries, Position(5)).await.unwrap();
    assert_eq!(positions(&bed, &of(1), i64::MAX, 50).await, [5, 4, 2, 1]);
    assert_eq!(positions(&bed, &of(1), 5, 2).await, [4, 2]);
    let messages = EventFilter {
        kinds: vec![EventKind::MessageReport],
        ..of(1)
    };
    assert_eq!(positions(&bed, &messages, i64::MAX, 50).await, [5, 2]);
    let timed = EventFilter {
        from: Some(NOW.plus_millis(2)),
        to: Some(NOW.plus_millis(4)),
        ..of(1)
    };
    assert_eq!(positions(&bed, &timed, i64::MAX, 50).await, [4, 2]);
    assert_eq!(
        bed.stores.followers.forget_below(Position(4), 2).await.unwrap(),
        2
    );
    assert_eq!(
        bed.stores.followers.forget_below(Position(4), 2).await.unwrap(),
        1
    );
    assert_eq!(
        bed.stores.followers.forget_below(Position(4), 2).await.unwrap(),
        0
    );
    assert_eq!(positions(&bed, &of(1), i64::MAX, 50).await, [5, 4]);
}

pub async fn activity_is_replaced_row_by_row(bed: Bed) {
    let row = |device: i64, mark: u8| DeviceActivity {
        device: DeviceKey(device),
        token_instants: [mark; 32],
        last_seen: NOW.plus_millis(i64::from(mark)),
    };
    let followers = &bed.stores.followers;
    let many: Vec<_> = (1..=700).map(|device| row(device, 1)).collect();
    followers.save_activity(&many).await.unwrap();
    followers.save_activity(&[row(2, 2)]).await.unwrap();
    let bed = bed.reopened().await;
    let keys = [DeviceKey(1), DeviceKey(2), DeviceKey(9999)];
    let found = bed.stores.followers.activity(&keys).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[&DeviceKey(1)], row(1, 1));
    assert_eq!(found[&DeviceKey(2)], row(2, 2));
    assert!(bed.stores.followers.activity(&[]).await.unwrap().is_empty());
}

pub async fn an_index_ahead_of_the_log_is_made_anew(bed: Bed) {
    let followers = &bed.stores.followers;
    followers
        .index(&[entry(1, 500, EventKind::MessageReport)], Position(500))
        .await
        .unwrap();
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    let stop = CancellationToken::new();
    let history = History::new(&bed.stores);
    let indexer = Indexer::new(history.clone(), Duration::from_millis(5)).run(stop.clone());
    let look = async {
        while bed.stores.followers.cursor("history").await.unwrap() != Position(2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    tokio::join!(indexer, look);
    assert_eq!(positions(&bed, &of(device.key.0), i64::MAX, 50).await, [2]);
    let shown = history.events(&of(device.key.0), PAGE).await.unwrap();
    assert_eq!(shown.len(), 1);
}

pub async fn a_trace_folds_keeps_its_newest_and_goes_with_its_device(bed: Bed) {
    let entry = |message: &str, at: i64, count: i64| NewTraceEntry {
        device: DeviceKey(1),
        at: NOW.plus_millis(at),
        method: "POST".to_owned(),
        path: "/p".to_owned(),
        status: 400,
        code: "IOTDA.000006".to_owned(),
        message: message.to_owned(),
        request_id: format!("request-{at}"),
        count,
    };
    let followers = &bed.stores.followers;
    let first = [
        entry("a", 1, 1),
        entry("b", 2, 1),
        entry("c", 3, 1),
        entry("d", 4, 1),
    ];
    followers.save_trace(&first, 3).await.unwrap();
    followers.save_trace(&[entry("b", 5, 2)], 3).await.unwrap();
    let shown = followers.trace(DeviceKey(1), PAGE).await.unwrap();
    assert_eq!(shown.total, 3);
    let told: Vec<_> = shown
        .items
        .iter()
        .map(|entry| (entry.told.message.as_str(), entry.told.count))
        .collect();
    assert_eq!(told, [("b", 3), ("d", 1), ("c", 1)]);
    assert_eq!(shown.items[0].told.request_id, "request-5");
    let second = PageRequest {
        before: shown.items[0].id,
        limit: 1,
        offset: 1,
    };
    let page = followers.trace(DeviceKey(1), second).await.unwrap();
    assert_eq!(page.items[0].told.message, "c");
    followers.forget_devices(&[DeviceKey(1)]).await.unwrap();
    assert_eq!(followers.trace(DeviceKey(1), PAGE).await.unwrap().total, 0);
}
