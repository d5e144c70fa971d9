//! Pages stay quick where there is much: 100,000 devices and a million events.

use std::time::Instant;

use fieldgate::auth::secret_box::{MasterKey, SecretBox};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::{Browser, first_password};
use crate::harness::{Gate, on_sqlite};

/// Devices, then events.
const MANY: [u32; 2] = [100_000, 1_000_000];

/// The most that the median of a page may take, with the network and TLS of this machine in it.
const MOST_MS: f64 = 50.0;

/// Each row again with another id: the store itself would take minutes for what it does one by one. Each gets a
/// secret of its own then, which opens for its own device alone.
const FILL: [&str; 2] = [
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
     INSERT INTO devices (device_id, node_id, name, product_key, secret, secure_access, timeout_seconds, epoch, frozen,
         version_key, created_ms, auth_type, app_key)
     SELECT 'many_' || i, 'n' || i, 'name-' || i, product_key, secret, secure_access, timeout_seconds, epoch, i % 10 = 0,
         version_key, created_ms + i, auth_type, app_key
     FROM n, devices WHERE device_id = 'one'",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
     INSERT INTO events (kind, device_key, version_key, reported_by, received_ms, request_id, payload, faults)
     SELECT kind, device_key, version_key, reported_by, received_ms, request_id, payload, faults
     FROM n, (SELECT * FROM events ORDER BY position DESC LIMIT 1)",
];

async fn fill(gate: &Gate) {
    let url = format!("sqlite://{}/fieldgate.db", gate.folder.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for (statement, many) in FILL.into_iter().zip(MANY) {
        let done = sqlx::query(statement)
            .bind(many)
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), u64::from(many));
    }
    seal(gate, &mut connection).await;
    connection.close().await.unwrap();
}

async fn seal(gate: &Gate, connection: &mut SqliteConnection) {
    let secrets = SecretBox::new(&MasterKey::read_file(&gate.folder.join("secret.key")).unwrap());
    let of = "SELECT device_key FROM devices WHERE device_id LIKE 'many_%'";
    let keys: Vec<(i64,)> = sqlx::query_as(of).fetch_all(&mut *connection).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    for (key,) in keys {
        let sealed = secrets.seal("s3cret-of-the-device", format!("device:{key}").as_bytes());
        sqlx::query("UPDATE devices SET secret = $1 WHERE device_key = $2")
            .bind(sealed.unwrap())
            .bind(key)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

fn median_ms(admin: &mut Browser<'_>, path: &str) -> f64 {
    let mut wire = admin.gate.management_wire();
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            let reply = wire.call("GET", path, &[("Cookie", &admin.cookie)], b"");
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[test]
#[ignore = "scripts/verify console"]
fn every_list_is_quick_with_100_000_devices() {
    assert!(on_sqlite(), "the rows are put into SQLite's file");
    let mut gate = Gate::start();
    let password = first_password(&gate);
    gate.device("one", "s3cret-of-the-device", None);
    let token = gate.token("one", "s3cret-of-the-device");
    assert_eq!(gate.message("one", &token, b"1").status, 200);
    gate.stop();
    tokio::runtime::Runtime::new().unwrap().block_on(fill(&gate));
    let gate = gate.started_again();
    let mut admin = Browser::first(&gate, "admin", &password);
    let lists = fieldgate::console::paths()
        .into_iter()
        .filter(|(method, path)| *method == "GET" && !path.contains('{') && !path.ends_with("/stream"))
        .filter(|(_, path)| !["/console", "/console/sign-in", "/console/password"].contains(path));
    let mut slow = Vec::new();
    for (_, path) in lists {
        let took = median_ms(&mut admin, path);
        println!("{path:<32} median {took:>6.1} ms");
        if took > MOST_MS {
            slow.push(path);
        }
    }
    assert!(slow.is_empty(), "over {MOST_MS} ms: {slow:?}");
}
