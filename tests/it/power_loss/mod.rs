//! Power loss, simulated on the running program. strace records every call that changes its files while devices report,
//! with the database's checkpoints in between and a stop at the end. For many moments the files are made again as a disk may
//! hold them when the power goes just then, and each image is opened: it must be whole, and every report that a device had
//! read a 200 for must be in it.

mod disk;
mod trace;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::harness::{Gate, Reply, Wire, program_output, report};
use disk::{Dice, Disk, Unsynced};
use trace::Recording;

const SECRET: &str = "s3cret-of-the-device";
const DEVICES: usize = 6;
const CHILDREN: usize = 5;
const WAYS: [Unsynced; 4] = [
    Unsynced::Dropped,
    Unsynced::Kept,
    Unsynced::Random,
    Unsynced::Torn,
];
/// So that a fault that was found can be found again.
const SEED: u64 = 20_261_124;

#[test]
fn nothing_answered_is_lost_in_a_hundred_images_of_a_power_loss() {
    let verdict = lose_power(1500, 100);
    assert!(verdict.checkpoints >= 3 && verdict.started >= 2, "{verdict:?}");
}

#[test]
#[ignore = "takes minutes: scripts/verify power-loss"]
fn nothing_answered_is_lost_in_twelve_hundred_images_of_a_power_loss() {
    let verdict = lose_power(2500, 1200);
    assert!(verdict.checkpoints >= 6 && verdict.started >= 10, "{verdict:?}");
}

/// What the images came to.
#[derive(Debug, Default)]
struct Verdict {
    images: usize,
    /// Of them, those that the program was started on, without the followers' file.
    started: usize,
    answers: usize,
    checkpoints: usize,
    corrupt: Vec<String>,
    missing: Vec<String>,
}

/// Records a load of so many requests, and checks so many images of it.
#[expect(clippy::print_stdout, reason = "the figures of a test")]
fn lose_power(requests: usize, images: usize) -> Verdict {
    let life = Life::record(requests);
    let verdict = life.check(images);
    println!(
        "power loss: {} calls, {} checkpoints, {} answers, {} images, {} corrupt, {} with answered events missing",
        life.recording.calls.len(),
        verdict.checkpoints,
        verdict.answers,
        verdict.images,
        verdict.corrupt.len(),
        verdict.missing.len()
    );
    assert!(verdict.images >= images, "{}", verdict.images);
    assert!(verdict.answers >= requests, "{}", verdict.answers);
    let first = |faults: &[String]| faults.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(verdict.corrupt.is_empty(), "corrupt: {}", first(&verdict.corrupt));
    assert!(
        verdict.missing.is_empty(),
        "answered and lost: {}",
        first(&verdict.missing)
    );
    verdict
}

/// What was recorded from the first start of an instance to its end.
struct Life {
    place: tempfile::TempDir,
    recording: Recording,
    /// By the moment at which they had been read.
    answers: Vec<Answer>,
}

/// A 200 that a client has read.
#[derive(Clone)]
struct Answer {
    /// Microseconds, rounded up, so that it counts only at moments after it.
    at: u64,
    /// What it promises.
    request_id: String,
    device: String,
}

impl Answer {
    /// One that was read now.
    fn of(reply: &Reply, device: &str) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let nanos = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
        Self {
            at: u64::try_from(nanos / 1000 + 1).unwrap(),
            request_id: reply.header("x-request-id").unwrap().to_owned(),
            device: device.to_owned(),
        }
    }
}

impl Life {
    fn record(requests: usize) -> Self {
        let place = tempfile::tempdir().unwrap();
        let trace = place.path().join("trace.txt");
        let mut gate = Gate::builder()
            .unlimited()
            .on(&place.path().join("data"))
            .recorded_in(&trace)
            .start();
        let answers = Mutex::new(Vec::new());
        let devices: Vec<String> = (0..DEVICES).map(|number| format!("power{number}")).collect();
        for device in &devices {
            gate.device(device, SECRET, None);
        }
        for child in 0..CHILDREN {
            gate.device(&format!("child{child}"), SECRET, Some("power0"));
        }
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for device in &devices {
                let token = gate.token(device, SECRET);
                let (gate, next, answers) = (&gate, &next, &answers);
                scope.spawn(move || {
                    let mut wire = gate.device_wire();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= requests {
                            return;
                        }
                        let answer = Answer::of(&send(&mut wire, device, &token, number), device);
                        answers.lock().unwrap().push(answer);
                    }
                });
            }
        });
        gate.stop();
        let ended = format!("{} ", gate.process_id());
        let is_whole = |text: &str| {
            let mut last_lines = text.lines().rev().take(50);
            last_lines.any(|line| line.starts_with(&ended) && line.contains("+++ exited"))
        };
        let text = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            std::fs::read_to_string(&trace).ok().filter(|text| is_whole(text))
        });
        let mut answers = answers.into_inner().unwrap();
        answers.sort_by_key(|answer: &Answer| answer.at);
        Self {
            recording: Recording::parse(&text.unwrap()),
            place,
            answers,
        }
    }

    /// Checks images at moments all over the life, and as many again of those in which the database's file was written.
    fn check(&self, images: usize) -> Verdict {
        let mut dice = Dice(SEED);
        let moments = images.div_ceil(WAYS.len());
        let mut cuts: HashSet<usize> = HashSet::new();
        while cuts.len() < moments - moments / 3 {
            cuts.insert(dice.below(self.recording.steps.len()));
        }
        let (checkpoints, checkpointing) = self.checkpoints();
        while cuts.len() < moments {
            cuts.insert(checkpointing[dice.below(checkpointing.len())]);
        }
        let verdict = Mutex::new(Verdict {
            answers: self.answers.len(),
            checkpoints,
            ..Verdict::default()
        });
        let mut disk = Disk::below(self.place.path().to_str().unwrap());
        let folder = self.place.path().join("images");
        for (index, step) in self.recording.steps.iter().enumerate() {
            disk.take(&self.recording, *step);
            if !cuts.contains(&index) {
                continue;
            }
            // The last moment before the next step: whatever was answered by then must be there.
            let until = self
                .recording
                .steps
                .get(index + 1)
                .map_or(u64::MAX, |next| next.at);
            let promised = self.answers.partition_point(|answer| answer.at <= until);
            let made: Vec<PathBuf> = WAYS
                .iter()
                .map(|way| {
                    let target = folder.join(format!("{index}-{way:?}"));
                    disk.write_image(&target, *way, &mut dice);
                    target
                })
                .collect();
            std::thread::scope(|scope| {
                for image in &made {
                    scope.spawn(|| self.check_image(image, &self.answers[..promised], &verdict));
                }
            });
            let mut verdict = verdict.lock().unwrap();
            if verdict.started * 50 < verdict.images {
                verdict.started += 1;
                let unseen = unseen_without_followers(&made[0], &self.answers[..promised]);
                verdict
                    .missing
                    .extend(unseen.map(|id| format!("{index}: {id} is not shown")));
            }
            std::fs::remove_dir_all(&folder).unwrap();
        }
        verdict.into_inner().unwrap()
    }

    /// How many checkpoints there were, and the steps at which the database's file had changes that no sync covered.
    fn checkpoints(&self) -> (usize, Vec<usize>) {
        let mut disk = Disk::below(self.place.path().to_str().unwrap());
        let (mut count, mut during, mut was_unsynced) = (0, Vec::new(), false);
        for (index, step) in self.recording.steps.iter().enumerate() {
            disk.take(&self.recording, *step);
            let is_unsynced = disk.is_unsynced("/fieldgate.db");
            count += usize::from(is_unsynced && !was_unsynced);
            if is_unsynced {
                during.push(index);
            }
            was_unsynced = is_unsynced;
        }
        (count, during)
    }

    fn check_image(&self, image: &Path, promised: &[Answer], verdict: &Mutex<Verdict>) {
        let name = image.file_name().unwrap().to_str().unwrap();
        let result = self.open_image(image, promised);
        let mut verdict = verdict.lock().unwrap();
        verdict.images += 1;
        match result {
            Err(corrupt) => verdict.corrupt.push(format!("{name}: {corrupt}")),
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => verdict.missing.push(format!(
                "{name}: {} of {}, {} the first",
                missing.len(),
                promised.len(),
                missing[0]
            )),
        }
    }

    /// What was promised and is not in the image.
    fn open_image(&self, image: &Path, promised: &[Answer]) -> Result<Vec<String>, String> {
        let data = image.join("data");
        // The program itself opens both files with the master key, and writes.
        let arguments = [
            "keys",
            "create",
            "--name",
            "after",
            "--data-dir",
            data.to_str().unwrap(),
        ];
        let opened = program_output(&arguments, &[]);
        if !opened.status.success() {
            return Err(String::from_utf8_lossy(&opened.stderr).into_owned());
        }
        if !promised.is_empty() {
            for file in ["secret.key", "certs/ca.key", "certs/ca.pem"] {
                let original = std::fs::read(self.place.path().join("data").join(file)).unwrap();
                if std::fs::read(data.join(file)).ok() != Some(original) {
                    return Err(format!("{file} is not what it was"));
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(data.join("fieldgate.db"));
            let stored = stored(&options).await.map_err(|error| error.to_string())?;
            let ids = promised.iter().map(|answer| answer.request_id.clone());
            Ok(ids
                .filter(|id| !stored.contains(&id.replace('-', "").to_uppercase()))
                .collect())
        })
    }
}

/// The request ids of all events of a database that is whole, and holds each gateway's report whole.
async fn stored(options: &SqliteConnectOptions) -> Result<HashSet<String>, sqlx::Error> {
    let mut database = SqliteConnection::connect_with(options).await?;
    let (integrity,): (String,) = sqlx::query_as("PRAGMA integrity_check")
        .fetch_one(&mut database)
        .await?;
    let (torn,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM (SELECT 1 FROM events WHERE reported_by IS NOT NULL GROUP BY request_id HAVING count(*) <> ?)",
    )
    .bind(i64::try_from(CHILDREN).unwrap())
    .fetch_one(&mut database)
    .await?;
    if integrity != "ok" || torn > 0 {
        return Err(sqlx::Error::Protocol(format!(
            "{integrity}, {torn} gateway reports in part"
        )));
    }
    let (ids,): (Option<String>,) = sqlx::query_as("SELECT group_concat(hex(request_id)) FROM events")
        .fetch_one(&mut database)
        .await?;
    database.close().await?;
    Ok(ids.unwrap_or_default().split(',').map(str::to_owned).collect())
}

/// Starts the program on an image that lacks the followers' file, which can be made again: a device's first event that is not shown then.
fn unseen_without_followers(image: &Path, promised: &[Answer]) -> Option<String> {
    let data = image.join("data");
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        if path.to_str().unwrap().contains("-followers.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let gate = Gate::builder().on(&data).start();
    if promised.is_empty() {
        return None;
    }
    let shown: HashSet<String> = gate
        .all_events("power1", "")
        .iter()
        .map(|event| event["request_id"].as_str().unwrap().to_owned())
        .collect();
    let mut of_one = promised.iter().filter(|answer| answer.device == "power1");
    of_one
        .find(|answer| !shown.contains(&answer.request_id))
        .map(|answer| answer.request_id.clone())
}

/// A message, or a gateway's report for its children.
fn send(wire: &mut Wire, device: &str, token: &str, number: usize) -> Reply {
    let (path, body) = if device == "power0" {
        let child = |number| {
            let services = report("Meter", r#"{"humidity":40}"#);
            format!(r#"{{"device_id":"child{number}",{}"#, &services[1..])
        };
        let children: Vec<String> = (0..CHILDREN).map(child).collect();
        (
            "gateway/sub-devices/properties/report",
            format!(r#"{{"devices":[{}]}}"#, children.join(",")),
        )
    } else {
        ("messages/up", "x".repeat(number * 997 % 9000))
    };
    let path = format!("/v5/devices/{device}/sys/{path}");
    wire.call("POST", &path, &[("access_token", token)], body.as_bytes())
}
