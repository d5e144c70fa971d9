//! A disk that is full, one whose flushes fail, and one whose flushes hang.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Gate, on_sqlite};

const SECRET: &str = "s3cret-of-the-device";

/// A small file system of its own; unmounted when dropped. Mounting takes root, or sudo without a password.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        as_root(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "size=3m",
            "tmpfs",
            folder.to_str().unwrap(),
        ]);
        Self(folder.to_owned())
    }

    fn grow(&self) {
        as_root(&["mount", "-o", "remount,size=64m", self.0.to_str().unwrap()]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy", self.0.to_str().unwrap()]);
    }
}

fn as_root(arguments: &[&str]) {
    let output = if rustix::process::geteuid().is_root() {
        Command::new(arguments[0]).args(&arguments[1..]).output()
    } else {
        Command::new("sudo").arg("-n").args(arguments).output()
    };
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn a_full_disk_gives_503_keeps_what_was_answered_and_heals() {
    if !on_sqlite() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let disk = SmallDisk::new(&data);
    let gate = Gate::builder().unlimited().on(&data).start();
    gate.device("full", SECRET, None);
    let token = gate.token("full", SECRET);
    let mut acknowledged = 0;
    let refused = loop {
        let reply = gate.message("full", &token, &vec![b'x'; 60_000]);
        if reply.status != 200 {
            break reply;
        }
        acknowledged += 1;
        assert!(acknowledged < 200, "the disk never fills");
    };
    refused.assert_refused(503, "IOTDA.000001", "Nothing can be stored right now");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(
        !refused.text().contains("disk"),
        "what is wrong inside is for the log: {}",
        refused.text()
    );
    assert!(acknowledged > 5, "{acknowledged}");
    disk.grow();
    let healed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        gate.message("full", &token, b"room again").status == 200
    });
    assert!(healed, "{}", gate.log());
    println!("full disk: {acknowledged} acknowledged before it");
    assert_eq!(gate.stored("full"), (acknowledged + 1).min(50));
    let mut gate = gate.restart();
    assert_eq!(gate.stored("full"), (acknowledged + 1).min(50));
    gate.stop();
}

/// strace at a running instance, doing something to every flush of a file.
struct FaultyFlushes {
    strace: Child,
    trace: PathBuf,
}

impl FaultyFlushes {
    fn of(gate: &Gate, folder: &Path, fault: &str) -> Self {
        let (trace, told) = (folder.join("trace.txt"), folder.join("strace.txt"));
        let started = Command::new("strace")
            .args(["-f", "-e", "trace=fsync,fdatasync"])
            .args(["-e", &format!("inject=fsync,fdatasync:{fault}"), "-o"])
            .arg(&trace)
            .args(["-p", &gate.process_id().to_string()])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&told).unwrap())
            .spawn();
        let fault = Self {
            strace: started.unwrap(),
            trace,
        };
        for _ in 0..100 {
            if std::fs::read_to_string(&told).unwrap().contains("attached") {
                return fault;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", std::fs::read_to_string(&told).unwrap());
    }

    /// How many it was done to.
    fn hits(&self) -> usize {
        let trace = std::fs::read_to_string(&self.trace).unwrap();
        trace.matches("(INJECTED)").count() + trace.matches("(DELAYED)").count()
    }
}

impl Drop for FaultyFlushes {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

#[test]
fn a_flush_that_fails_is_never_acknowledged() {
    if !on_sqlite() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut gate = Gate::builder().unlimited().on(&data).start();
    gate.device("sync", SECRET, None);
    let token = gate.token("sync", SECRET);
    for number in 0..5 {
        let body = format!("\"good {number}\"");
        assert_eq!(gate.message("sync", &token, body.as_bytes()).status, 200);
    }
    let fault = FaultyFlushes::of(&gate, folder.path(), "error=EIO");
    let statuses: Vec<u16> = (0..10)
        .map(|_| gate.message("sync", &token, b"\"bad\"").status)
        .collect();
    let hits = fault.hits();
    println!("{hits} flushes failed, the answers were {statuses:?}");
    assert!(hits > 0, "the fault was never hit");
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    drop(fault);
    // The disk is well again: so is the program, without a restart.
    let healed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        gate.message("sync", &token, b"\"healed\"").status == 200
    });
    assert!(healed, "{}", gate.log());
    gate.kill();
    let again = Gate::builder().on(&data).start();
    let stored = again
        .api("GET", "/devices/sync/events?kind=message&limit=50", "")
        .text();
    for number in 0..5 {
        assert!(stored.contains(&format!("good {number}")), "{stored}");
    }
    assert!(stored.contains("healed"), "{stored}");
}

#[test]
fn a_disk_that_hangs_keeps_nobody_waiting_longer_than_configured() {
    if !on_sqlite() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gate = Gate::builder()
        .unlimited()
        .with("STORAGE__COMMIT_TIMEOUT_SECONDS", "1")
        .on(&data)
        .start();
    gate.device("hang", SECRET, None);
    let token = gate.token("hang", SECRET);
    assert_eq!(gate.message("hang", &token, b"\"before\"").status, 200);
    let timed = |body: &str| {
        let started = Instant::now();
        (gate.message("hang", &token, body.as_bytes()), started.elapsed())
    };
    let fault = FaultyFlushes::of(&gate, folder.path(), "delay_enter=5000000");
    let (first, behind) = std::thread::scope(|scope| {
        let first = scope.spawn(|| timed("\"first\""));
        std::thread::sleep(Duration::from_millis(300));
        // It waits in the queue behind the first one's commit.
        let behind = scope.spawn(|| timed("\"behind\""));
        (first.join().unwrap(), behind.join().unwrap())
    });
    let later = timed("\"later\"");
    let readiness = gate.management_wire().call("GET", "/readyz", &[], b"");
    assert_eq!(readiness.status, 503, "{}", readiness.text());
    for ((reply, _), part) in [
        (&first, "may still be stored"),
        (&behind, "Nothing can be stored right now"),
        (&later, "Nothing can be stored right now"),
    ] {
        reply.assert_refused(503, "IOTDA.000001", part);
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    println!(
        "a flush hangs: 503 after {:?}, {:?}, {:?}",
        first.1, behind.1, later.1
    );
    assert!(first.1 >= Duration::from_secs(1) && first.1 < Duration::from_secs(3));
    assert!(behind.1 < Duration::from_secs(2) && later.1 < Duration::from_millis(500));
    // What needs no disk goes on.
    gate.token("hang", SECRET);
    let is_hit = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        fault.hits() > 0
    });
    assert!(is_hit, "the fault was never hit");
    drop(fault);
    let healed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        gate.message("hang", &token, b"\"after\"").status == 200
    });
    assert!(healed, "{}", gate.log());
    let stored = gate
        .api("GET", "/devices/hang/events?kind=message&limit=50", "")
        .text();
    for (text, is_there) in [
        ("before", true),
        ("after", true),
        ("behind", false),
        ("later", false),
    ] {
        assert_eq!(stored.contains(text), is_there, "{text}: {stored}");
    }
}

#[test]
fn a_full_queue_is_refused_at_once() {
    if !on_sqlite() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gate = Gate::builder()
        .unlimited()
        .with("STORAGE__QUEUE_ROWS", "64")
        .on(&data)
        .start();
    gate.device("queue", SECRET, None);
    let token = gate.token("queue", SECRET);
    let _fault = FaultyFlushes::of(&gate, folder.path(), "delay_enter=4000000");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let started = Instant::now();
                    let reply = gate.message("queue", &token, b"x");
                    if reply.status != 200 {
                        reply.assert_refused(503, "IOTDA.000001", "The write queue is full");
                        assert_eq!(reply.header("retry-after"), Some("1"));
                        assert!(
                            started.elapsed() < Duration::from_secs(3),
                            "before the commit ends"
                        );
                    }
                    reply.status
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let stored = statuses.iter().filter(|status| **status == 200).count();
    println!("a queue of 64 rows: {stored} of 100 taken");
    assert!((64..100).contains(&stored), "{stored}");
    assert_eq!(gate.all_events("queue", "&kind=message").len(), stored);
}

#[test]
fn a_fault_of_the_platforms_own_tells_the_device_nothing() {
    if !on_sqlite() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut gate = Gate::builder().on(&data).start();
    assert_eq!(gate.product("frail", "[]", "").status, 201);
    gate.device_of("frail", "broken", SECRET, None);
    let token = gate.token("broken", SECRET);
    gate.stop();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite://{}", data.join("fieldgate.db").display());
        let mut database = sqlx::sqlite::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("UPDATE products SET service_capabilities = 'no model' WHERE product_id = 'frail'")
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
    });
    let gate = Gate::builder().on(&data).start();
    let reply = gate.message("broken", &token, b"x");
    reply.assert_refused(500, "IOTDA.000001", "Internal server error.");
    assert_eq!(reply.error_msg(), "Internal server error.");
    assert!(
        gate.log().contains("the model of product frail"),
        "{}",
        gate.log()
    );
}
