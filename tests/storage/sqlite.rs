//! SQLite's place in the suite, and what concerns its files alone.

use std::sync::Arc;

use fieldgate::auth::secret_box::{MasterKey, SecretBox};
use fieldgate::domain::ids::DeviceKey;
use fieldgate::lifecycle::Lifecycle;
use fieldgate::observability::Metrics;
use fieldgate::storage::sqlite::{SqliteOptions, open};
use fieldgate::storage::writer::WriterLimits;
use fieldgate::storage::{DeviceActivity, StoreError, Stores};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tempfile::TempDir;

use crate::bed::{Bed, NOW, device_id};

fn key() -> MasterKey {
    MasterKey::parse(&"5a".repeat(32)).unwrap()
}

async fn stores(folder: Arc<TempDir>, writer: WriterLimits) -> Stores {
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let options = SqliteOptions {
        metrics: Arc::new(Metrics::new().unwrap()),
        writer,
        read_connections: 2,
    };
    let secrets = Arc::new(SecretBox::new(&key()));
    open(&url, options, secrets, &Lifecycle::new(), NOW)
        .await
        .unwrap()
}

/// An empty database in a folder of its own.
pub async fn bed() -> Bed {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Bed::new(move |limits| Box::pin(stores(folder.clone(), limits))).await
}

async fn raw(folder: &TempDir) -> SqliteConnection {
    let url = format!("sqlite://{}/test.db", folder.path().display());
    SqliteConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn secrets_are_sealed_in_the_file_and_bound_to_their_device() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let opened = folder.clone();
    let bed = Bed::new(move |limits| Box::pin(stores(opened.clone(), limits))).await;
    let product = bed.product("p").await;
    bed.device("one", product.key, None).await;
    bed.device("two", product.key, None).await;
    bed.stores.log.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(14).any(|window| window == b"a-secret-of-it");
        assert!(!found, "a secret stands in a file");
    }
    let mut connection = raw(&folder).await;
    sqlx::query("UPDATE devices SET secret = (SELECT secret FROM devices WHERE device_id = 'one') WHERE device_id = 'two'")
        .execute(&mut connection)
        .await
        .unwrap();
    let moved = bed.stores.registry.device(&device_id("two")).await;
    assert!(matches!(moved, Err(StoreError::Corrupt(_))), "{moved:?}");
    assert!(
        bed.stores
            .registry
            .device(&device_id("one"))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_commit_that_fails_is_answered_and_the_next_one_serves() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let opened = folder.clone();
    let bed = Bed::new(move |limits| Box::pin(stores(opened.clone(), limits))).await;
    let mut connection = raw(&folder).await;
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'refused'); END";
    sqlx::query(trigger).execute(&mut connection).await.unwrap();
    let failed = bed.stores.log.append(vec![crate::bed::message("x")]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    sqlx::query("DROP TRIGGER refuse")
        .execute(&mut connection)
        .await
        .unwrap();
    bed.stores
        .log
        .append(vec![crate::bed::message("y")])
        .await
        .unwrap();
    let all = bed.all().await;
    assert_eq!(all.len(), 1);
    assert_eq!(&all[0].event.payload[..], b"y");
}

#[tokio::test]
async fn followers_of_another_database_are_forgotten() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let first = stores(folder.clone(), crate::bed::LIMITS).await;
    let row = DeviceActivity {
        device: DeviceKey(1),
        token_instants: [1; 32],
        last_seen: NOW,
    };
    first.followers.save_activity(&[row]).await.unwrap();
    first.log.close().await;
    for ending in ["db", "db-wal", "db-shm"] {
        std::fs::remove_file(folder.path().join(format!("test.{ending}"))).unwrap();
    }
    let second = stores(folder, crate::bed::LIMITS).await;
    assert!(
        second
            .followers
            .activity(&[DeviceKey(1)])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_entry_of_the_audit_log_cannot_be_changed_in_the_file() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let opened = folder.clone();
    let bed = Bed::new(move |limits| Box::pin(stores(opened.clone(), limits))).await;
    bed.product("p").await;
    let mut connection = raw(&folder).await;
    let changed = sqlx::query("UPDATE audit SET actor = 'nobody'").execute(&mut connection);
    let refused = changed.await.unwrap_err().to_string();
    assert!(refused.contains("the audit log is append-only"), "{refused}");
}
