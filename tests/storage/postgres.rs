//! PostgreSQL's place in the suite, and what concerns it alone. `FIELDGATE_TEST_POSTGRES` names a server to make databases on;
//! `scripts/test` starts one. Without it these tests say that they did not run.

use std::sync::Arc;
use std::time::Duration;

use fieldgate::auth::access_token::TokenInstants;
use fieldgate::auth::secret_box::{MasterKey, SecretBox};
use fieldgate::domain::ids::Position;
use fieldgate::lifecycle::Lifecycle;
use fieldgate::observability::Metrics;
use fieldgate::storage::postgres::{PostgresOptions, open};
use fieldgate::storage::writer::WriterLimits;
use fieldgate::storage::{
    DeviceActivity, DeviceDeletion, LogBounds, PurgeRequest, RegistryChange, StoreError, Stores,
};
use sqlx::{Connection, PgConnection};

use crate::bed::{Bed, LIMITS, NOW, device_id, message, new_device, told};
use crate::database::{Database, server};

fn key() -> MasterKey {
    MasterKey::parse(&"5a".repeat(32)).unwrap()
}

pub fn options(writer: WriterLimits, partition_rows: u32) -> PostgresOptions {
    PostgresOptions {
        metrics: Arc::new(Metrics::new().unwrap()),
        writer,
        pool_connections: 4,
        connect_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(30),
        partition_rows,
    }
}

pub async fn stores(url: &str, writer: WriterLimits, partition_rows: u32) -> Stores {
    let secrets = Arc::new(SecretBox::new(&key()));
    let options = options(writer, partition_rows);
    open(url, options, secrets, &Lifecycle::new(), NOW).await.unwrap()
}

pub fn database() -> Option<Database> {
    let server = server();
    if server.is_none() {
        eprintln!("not run: FIELDGATE_TEST_POSTGRES names no server");
    }
    server.map(|server| Database::create(&server))
}

async fn bed_of(database: Arc<Database>, partition_rows: u32) -> Bed {
    let open = move |limits| {
        let database = database.clone();
        Box::pin(async move { stores(&database.url(), limits, partition_rows).await }) as _
    };
    Bed::new(open).await
}

/// An empty database of its own.
pub async fn bed() -> Option<Bed> {
    let database = Arc::new(database()?);
    Some(bed_of(database, 1000).await)
}

async fn raw(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url()).await.unwrap()
}

async fn steps(bed: &Bed, request: PurgeRequest) -> Vec<u64> {
    let mut steps = Vec::new();
    loop {
        match bed.stores.log.purge(request).await.unwrap() {
            0 => return steps,
            step => steps.push(step),
        }
    }
}

async fn left(bed: &Bed) -> Vec<i64> {
    bed.all().await.iter().map(|stored| stored.position.0).collect()
}

#[tokio::test]
async fn retention_drops_the_partitions_whose_newest_event_is_old_enough() {
    let Some(database) = database() else { return };
    let bed = bed_of(Arc::new(database), 3).await;
    for number in 0..10 {
        let event = fieldgate::domain::event::NewEvent {
            received: NOW.plus_millis(number * 1000),
            ..message("x")
        };
        bed.stores.log.append(vec![event]).await.unwrap();
    }
    let before = |millis| PurgeRequest {
        before: Some(NOW.plus_millis(millis)),
        max_bytes: None,
        step_rows: 1,
    };
    assert_eq!(steps(&bed, before(7000)).await, [3, 3]);
    assert_eq!(left(&bed).await, [7, 8, 9, 10]);
    let unbounded = PurgeRequest {
        before: None,
        ..before(0)
    };
    assert_eq!(steps(&bed, unbounded).await, [0_u64; 0]);
    // The one that is written is emptied.
    assert_eq!(steps(&bed, before(60_000)).await, [3, 1]);
    let bounds = LogBounds {
        first: Position(11),
        last: Position(10),
    };
    assert_eq!(bed.stores.log.bounds().await.unwrap(), bounds);
    let last = bed.stores.log.append(vec![message("y"); 20]).await.unwrap();
    assert_eq!(last, Position(30));
    assert_eq!(left(&bed).await, (11..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn retention_by_size_drops_the_oldest_and_closes_a_partition_that_grew_large() {
    let Some(database) = database() else { return };
    let bed = bed_of(Arc::new(database), 1000).await;
    let request = PurgeRequest {
        before: None,
        max_bytes: Some(1_000_000),
        step_rows: 10,
    };
    let mut removed = 0;
    for _ in 0..20 {
        let large = (0..10).map(|_| message(vec![b'x'; 10_000])).collect();
        bed.stores.log.append(large).await.unwrap();
        removed += steps(&bed, request).await.iter().sum::<u64>();
    }
    assert!((90..150).contains(&removed), "about half of 2 MB: {removed}");
    let left = left(&bed).await;
    assert_eq!(left.len() as u64, 200 - removed);
    assert!(left.is_sorted(), "{left:?}");
}

#[tokio::test]
async fn retention_does_not_wait_for_those_who_read_old_events() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 3).await;
    bed.stores.log.append(vec![message("x"); 7]).await.unwrap();
    let mut reader = raw(&database).await;
    let mut reading = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM events")
        .execute(&mut *reading)
        .await
        .unwrap();
    let request = PurgeRequest {
        before: Some(NOW.plus_millis(1)),
        max_bytes: None,
        step_rows: 1,
    };
    assert_eq!(steps(&bed, request).await, [0_u64; 0]);
    bed.stores.log.append(vec![message("y")]).await.unwrap();
    reading.rollback().await.unwrap();
    assert_eq!(steps(&bed, request).await, [3, 3, 2]);
}

#[tokio::test]
async fn secrets_are_sealed_and_bound_to_their_device() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 1000).await;
    let product = bed.product("p").await;
    bed.device("one", product.key, None).await;
    bed.device("two", product.key, None).await;
    let mut connection = raw(&database).await;
    let found: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT secret FROM devices")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    for (secret,) in &found {
        assert!(!secret.windows(14).any(|window| window == b"a-secret-of-it"));
    }
    sqlx::query("UPDATE devices SET secret = (SELECT secret FROM devices WHERE device_id = 'one') WHERE device_id = 'two'")
        .execute(&mut connection)
        .await
        .unwrap();
    let moved = bed.stores.registry.device(&device_id("two")).await;
    assert!(matches!(moved, Err(StoreError::Corrupt(_))), "{moved:?}");
}

#[tokio::test]
async fn a_commit_that_fails_is_answered_and_the_next_one_serves() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 1000).await;
    let mut connection = raw(&database).await;
    for statement in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let failed = bed.stores.log.append(vec![message("x")]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    sqlx::query("DROP TRIGGER refuse ON events")
        .execute(&mut connection)
        .await
        .unwrap();
    bed.stores.log.append(vec![message("y")]).await.unwrap();
    let all = bed.all().await;
    assert_eq!(all.len(), 1);
    assert_eq!(&all[0].event.payload[..], b"y");
}

#[tokio::test]
async fn another_nodes_changes_are_heard_within_a_second_also_after_the_listener_was_cut_off() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 1000).await;
    let other = stores(&database.url(), LIMITS, 1000).await;
    let (heard, mut changes) = tokio::sync::mpsc::unbounded_channel();
    other.registry.subscribe(Box::new(move |change| {
        let _ = heard.send(change.clone());
    }));
    let second = Duration::from_secs(1);
    let product = bed.product("p").await;
    let change = tokio::time::timeout(second, changes.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(change, RegistryChange::Product(key) if key == product.key));
    let device = bed.device("d", product.key, None).await;
    let change = tokio::time::timeout(second, changes.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(change, RegistryChange::Device(_, key) if key == device.key));

    let mut connection = raw(&database).await;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT coalesce(max%'")
        .execute(&mut connection)
        .await
        .unwrap();
    let change = tokio::time::timeout(second, changes.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(change, RegistryChange::Everything), "{change:?}");
    tokio::time::sleep(second).await;
    while changes.try_recv().is_ok() {}
    assert!(
        bed.stores
            .registry
            .reset_secret(
                device.key,
                fieldgate::storage::Slot::Primary,
                fieldgate::auth::secret::Secret::new("another-secret".to_owned()),
                told("reset"),
            )
            .await
            .unwrap()
    );
    let change = tokio::time::timeout(second, changes.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(change, RegistryChange::Device(_, key) if key == device.key));
}

/// Exact text: numbers as they were written, members in their order, an escaped NUL, a megabyte of bytes.
#[tokio::test]
async fn payloads_keep_their_exact_text() {
    let Some(database) = database() else { return };
    let bed = bed_of(Arc::new(database), 1000).await;
    let megabyte: Vec<u8> = (0..1_048_576_u32).map(|n| (n % 251) as u8).collect();
    let payloads: [&[u8]; 3] = [
        br#"{"b":1e3,"a":1.0,"b":-0}"#,
        br#"{"text":"a\u0000b"}"#,
        &megabyte,
    ];
    let events = payloads.iter().map(|payload| message(payload.to_vec())).collect();
    bed.stores.log.append(events).await.unwrap();
    let all = bed.all().await;
    let found: Vec<_> = all.iter().map(|stored| &stored.event.payload[..]).collect();
    assert_eq!(found, payloads);
}

/// What two nodes write of one device in any order: the newest of both stays, and the registration of a device that any of
/// them heard does not end.
#[tokio::test]
async fn what_two_nodes_heard_of_a_device_is_kept_of_both() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 1000).await;
    let other = stores(&database.url(), LIMITS, 1000).await;
    let product = bed.product("p").await;
    let mut device = new_device("d", product.key, None);
    device.timeout_seconds = 5;
    bed.stores.registry.create_device(device, told("")).await.unwrap();
    let key = bed
        .stores
        .registry
        .device(&device_id("d"))
        .await
        .unwrap()
        .unwrap()
        .key;
    let heard = |instants: &[i64], last_seen| {
        let mut known = TokenInstants::default();
        for instant in instants {
            known.learn(*instant);
        }
        DeviceActivity {
            device: key,
            token_instants: known.encode(),
            last_seen: NOW.plus_millis(last_seen),
        }
    };
    other
        .followers
        .save_activity(&[heard(&[10, 40], 4000)])
        .await
        .unwrap();
    bed.stores
        .followers
        .save_activity(&[heard(&[10, 20, 30], 3000)])
        .await
        .unwrap();
    let stored = bed.stores.followers.activity(&[key]).await.unwrap();
    assert_eq!(stored[&key], heard(&[10, 20, 30, 40], 4000));
    let late = NOW.plus_millis(60_000);
    let ended = bed
        .stores
        .registry
        .end_registration(key, late, told("ends"))
        .await
        .unwrap();
    assert_eq!(ended, DeviceDeletion::NotFound, "the other node heard it");
}

/// As the README tells to do after a dump was restored.
#[tokio::test]
async fn positions_and_device_keys_that_are_raised_go_on_from_there() {
    let Some(database) = database() else { return };
    let database = Arc::new(database);
    let bed = bed_of(database.clone(), 1000).await;
    let product = bed.product("p").await;
    let first = bed.device("one", product.key, None).await.key;
    let mut connection = raw(&database).await;
    for statement in [
        "SELECT setval('event_positions', 123456 + 100000)",
        "SELECT setval(pg_get_serial_sequence('devices', 'device_key'), 100000 + max(device_key)) FROM devices",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let bed = bed.reopened().await;
    let second = bed.device("two", product.key, None).await.key;
    assert_eq!(second.0, first.0 + 100_001);
    let last = bed.stores.log.append(vec![message("x")]).await.unwrap();
    assert_eq!(last, Position(223_458));
    assert_eq!(left(&bed).await, [1, 2, 223_457, 223_458]);
}
