//! Two writers in processes of their own: a follower that reads as it goes misses nothing. With `append-without-lock` it
//! must be seen to fail.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fieldgate::domain::event::NewEvent;
use fieldgate::domain::ids::{Position, RequestId};
use fieldgate::storage::ReadLimit;

use crate::bed::{LIMITS, NOW, message, read_all};
use crate::postgres::{database, stores};

/// Of each process.
const BATCHES: u32 = 5000;

const URL: &str = "FIELDGATE_TEST_WRITER_URL";
const NUMBER: &str = "FIELDGATE_TEST_WRITER_NUMBER";

fn writer(url: &str, number: u8) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writers::writes_for_the_test_of_two_writers",
            "--ignored",
        ])
        .env(URL, url)
        .env(NUMBER, number.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn id(writer: u8, batch: u32) -> RequestId {
    let mut bytes = [writer; 10];
    bytes[..4].copy_from_slice(&batch.to_be_bytes());
    RequestId::new(NOW, bytes)
}

/// The other process.
#[tokio::test]
#[ignore = "started by the test of two writers"]
#[expect(
    clippy::disallowed_methods,
    reason = "the test that starts it says so in the environment"
)]
async fn writes_for_the_test_of_two_writers() {
    let url = std::env::var(URL).unwrap();
    let number: u8 = std::env::var(NUMBER).unwrap().parse().unwrap();
    let stores = stores(&url, LIMITS, 1000).await;
    for batch in 0..BATCHES {
        let event = NewEvent {
            request_id: id(number, batch),
            ..message("x")
        };
        let size = 1 + batch as usize % 3;
        stores.log.append(vec![event; size]).await.unwrap();
        // A pause of a length that repeats at no simple period.
        tokio::time::sleep(Duration::from_micros(u64::from(batch * 7919 % 1009))).await;
    }
    stores.log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_event_of_two_writers_in_order_and_none_late() {
    let Some(database) = database() else { return };
    let follower = stores(&database.url(), LIMITS, 1000).await;
    let mut writers = [1, 2].map(|number| writer(&database.url(), number));
    let expected: usize = (0..BATCHES).map(|batch| 1 + batch as usize % 3).sum::<usize>() * 2;
    let (mut cursor, mut seen) = (Position::START, HashSet::new());
    let end = Instant::now() + Duration::from_mins(5);
    let mut ended = false;
    loop {
        let limit = ReadLimit {
            rows: 1000,
            bytes: u64::MAX,
        };
        let events = follower.log.read(cursor, limit).await.unwrap().events;
        for stored in &events {
            assert!(stored.position > cursor);
            cursor = stored.position;
            seen.insert(stored.position);
        }
        if events.is_empty() {
            if ended {
                break;
            }
            ended = writers.iter_mut().all(|writer| {
                writer.try_wait().unwrap().is_some_and(|status| {
                    assert!(status.success(), "a writer failed");
                    true
                })
            });
        }
        assert!(Instant::now() < end, "{} of {expected}", seen.len());
    }
    let all = read_all(&*follower.log).await;
    assert_eq!(all.len(), expected, "stored");
    let late = all
        .iter()
        .filter(|stored| !seen.contains(&stored.position))
        .count();
    assert_eq!(late, 0, "events that came behind the follower, of {expected}");
}
