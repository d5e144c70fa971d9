//! `fieldgate simulate` against the running program: what it counts, what it leaves, and that it notices what is wrong.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Gate, command};

/// A run against this gate.
fn simulation(gate: &Gate, arguments: &str) -> std::process::Command {
    let mut command = command();
    command
        .args(["simulate", "--data-dir"])
        .arg(&gate.folder)
        .args(["--devices-url", &format!("https://{}", gate.device)])
        .args(["--management-url", &format!("https://{}", gate.management)])
        .args(arguments.split_whitespace());
    command
}

/// Runs to the end; the summary, which must be JSON whatever the result.
fn summary(gate: &Gate, arguments: &str) -> (Output, Value) {
    let output = simulation(gate, arguments)
        .args(["--format", "json"])
        .output()
        .unwrap();
    let summary = parsed(&output);
    (output, summary)
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A run that must hold in every respect.
#[track_caller]
fn held(gate: &Gate, arguments: &str) -> Value {
    let (output, summary) = summary(gate, arguments);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(summary["problems"], serde_json::json!([]));
    summary
}

fn spawn(gate: &Gate, arguments: &str) -> Child {
    simulation(gate, arguments)
        .args(["--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends a run as Ctrl-C does.
fn interrupted(run: Child) -> Output {
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", &run.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    run.wait_with_output().unwrap()
}

fn number(summary: &Value, pointer: &str) -> u64 {
    summary
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no {pointer} in {summary:#}"))
}

/// How many products and devices there are.
fn registered(gate: &Gate) -> (u64, u64) {
    let count = |what: &str| number(&gate.api("GET", what, "").json(), "/page/count");
    (count("/products"), count("/devices"))
}

/// The ids of the simulated devices, once they report.
fn reporting(gate: &Gate, ending: &str) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let devices = gate.api("GET", "/devices?limit=50", "").json();
        let ids = devices["devices"].as_array().unwrap().iter();
        let found = ids
            .filter_map(|device| device["device_id"].as_str())
            .find(|id| id.starts_with("sim-") && id.ends_with(ending));
        if let Some(id) = found
            && gate.stored(id) > 0
        {
            return id.to_owned();
        }
        assert!(Instant::now() < end, "no device *{ending} reports");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_fleet_with_gateways_and_bad_reports_is_acknowledged_and_stored_exactly() {
    let gate = Gate::builder().unlimited().start();
    let before = registered(&gate);
    let summary = held(
        &gate,
        "--devices 10 --gateways 3 --children 4 --mix properties=3,message=1,batch=1 --bad-share 0.2 \
         --reports 2000 --renew-every 500ms --verify --seed 5",
    );
    let count = |name: &str| number(&summary, &format!("/reports/{name}"));
    assert_eq!(count("sent"), 2000);
    assert_eq!(count("acknowledged") + count("refused_as_expected"), 2000);
    let batches = count("by_kind/batch");
    assert!(
        (120..600).contains(&batches),
        "about a fifth, less the bad ones: {summary:#}"
    );
    assert_eq!(count("child_reports"), batches * 4);
    assert!((250..550).contains(&count("refused_as_expected")), "{summary:#}");
    let kinds = summary["bad_reports"].as_object().unwrap();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    assert!(kinds.values().all(|figures| figures["otherwise"] == 0));

    let verified = |name: &str| number(&summary, &format!("/verification/{name}"));
    assert_eq!(verified("devices"), 10 + 3 + 3 * 4);
    assert_eq!(
        verified("acknowledged"),
        count("acknowledged") - batches + batches * 4
    );
    assert_eq!(verified("stored"), verified("acknowledged"));

    let latency = &summary["latency_ms"]["report"];
    assert_eq!(number(latency, "/count"), count("acknowledged"));
    let [p50, p99, max] = ["p50", "p99", "max"].map(|name| latency[name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{latency}");
    assert_eq!(number(&summary, "/authentications/first"), 13);
    let connections = number(&summary, "/connections/full_handshakes")
        + number(&summary, "/connections/resumed_handshakes");
    assert_eq!(connections, 13, "each device keeps its own");
    assert!(number(&summary, "/bytes/sent") > number(&summary, "/bytes/bodies"));
    assert_eq!(registered(&gate), before, "what it made is gone");
}

#[test]
fn a_rate_is_kept_and_tokens_are_renewed_meanwhile() {
    let gate = Gate::start();
    let summary = held(
        &gate,
        "--devices 5 --gateways 2 --children 30 --rate 50 --reports 150 --renew-every 1s --keep",
    );
    assert_eq!(number(&summary, "/reports/sent"), 150);
    assert!(number(&summary, "/authentications/renewals") >= 5, "{summary:#}");
    assert_eq!(number(&summary, "/authentications/first"), 7);
    let seconds = summary["seconds"].as_f64().unwrap();
    assert!((2.9..15.0).contains(&seconds), "{seconds}");
    let kept = summary["kept"].as_str().unwrap();
    assert_eq!(gate.api("GET", &format!("/products/{kept}"), "").status, 200);
    assert_eq!(registered(&gate).1, 3 + 5 + 2 + 60, "--keep leaves the devices");

    let output = simulation(&gate, &format!("--remove {kept}")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(registered(&gate), (1, 3));
    let again = simulation(&gate, &format!("--remove {kept}")).output().unwrap();
    assert!(
        String::from_utf8(again.stderr)
            .unwrap()
            .contains("nothing is left")
    );
}

#[test]
fn a_connection_for_each_report_resumes_sessions_unless_told_not_to() {
    let gate = Gate::builder().unlimited().start();
    let run = "--devices 4 --gateways 0 --reports 60 --connection per-report --verify";
    let summary = held(&gate, run);
    let handshakes = |summary: &Value| {
        ["full_handshakes", "resumed_handshakes"].map(|kind| number(summary, &format!("/connections/{kind}")))
    };
    let [full, resumed] = handshakes(&summary);
    assert_eq!(full + resumed, 64);
    assert!(resumed >= 60, "{full} full, {resumed} resumed");
    let summary = held(&gate, &format!("{run} --full-handshakes"));
    assert_eq!(handshakes(&summary), [64, 0]);
}

#[test]
fn tls_1_3_is_spoken_where_the_server_wants_it() {
    let gate = Gate::builder().with("TLS__VERSIONS", r#"["1.3"]"#).start();
    held(
        &gate,
        "--devices 3 --gateways 1 --reports 40 --connection per-report --verify",
    );
}

#[test]
fn a_limit_is_waited_for_and_told() {
    let gate = Gate::builder()
        .with("LIMITS__DEVICE_REQUESTS_PER_SECOND", "20")
        .start();
    let summary = held(&gate, "--devices 1 --gateways 0 --reports 45 --verify");
    assert_eq!(number(&summary, "/reports/acknowledged"), 45);
    let answers = summary["answers"].as_array().unwrap();
    let limited = answers
        .iter()
        .find(|answer| answer["code"] == "IOTDA.021101")
        .unwrap();
    assert_eq!(limited["held_back"], true);
    assert!(summary["seconds"].as_f64().unwrap() > 1.0);
}

#[test]
fn a_token_that_dies_is_got_anew_once() {
    let gate = Gate::start();
    let run = spawn(&gate, "--devices 1 --gateways 0 --rate 20 --reports 120 --verify");
    let device = reporting(&gate, "-d00000");
    let shown = gate.api("GET", &format!("/devices/{device}"), "").json();
    let secret = shown["auth_info"]["secret"].as_str().unwrap();
    // Four newer ones end the device's own.
    for _ in 0..5 {
        gate.token(&device, secret);
    }
    let summary = parsed(&run.wait_with_output().unwrap());
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(number(&summary, "/authentications/after_refusal"), 1);
    assert_eq!(number(&summary, "/reports/acknowledged"), 120);
}

#[test]
fn a_stall_shows_in_every_report_that_was_due_in_it() {
    let gate = Gate::start();
    let run = spawn(&gate, "--devices 2 --gateways 0 --rate 50 --reports 200");
    reporting(&gate, "-d00000");
    gate.signal("STOP");
    std::thread::sleep(Duration::from_millis(1500));
    gate.signal("CONT");
    let summary = parsed(&run.wait_with_output().unwrap());
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(number(&summary, "/reports/acknowledged"), 200);
    // Two requests stood still; the 75 that came due meanwhile count their waiting too.
    let p90 = summary["latency_ms"]["report"]["p90"].as_f64().unwrap();
    assert!(p90 > 500.0, "{summary:#}");
}

#[test]
fn what_the_store_lost_is_noticed() {
    // A store that keeps next to nothing, and looks every second.
    let gate = Gate::builder()
        .unlimited()
        .with("RETENTION__BYTES", "20000")
        .with("RETENTION__INTERVAL_SECONDS", "1")
        .start();
    let (output, summary) = summary(
        &gate,
        "--devices 4 --gateways 0 --rate 200 --reports 800 --payload-bytes 1000 --verify",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(summary["ok"], false);
    assert_eq!(number(&summary, "/reports/acknowledged"), 800);
    let missing = number(&summary, "/verification/missing/count");
    assert!(missing > 0, "{summary:#}");
    assert_eq!(missing + number(&summary, "/verification/stored"), 800);
    let first = summary["verification"]["missing"]["first"].as_array().unwrap();
    assert!(first[0].as_str().unwrap().contains("-d0000"), "{first:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("acknowledged reports are not in the store"),
        "{said}"
    );
}

#[test]
fn a_device_that_is_deleted_in_the_run_fails_it() {
    let gate = Gate::start();
    let run = spawn(&gate, "--devices 2 --gateways 0 --rate 40 --reports 200 --verify");
    let device = reporting(&gate, "-d00001");
    assert_eq!(gate.api("DELETE", &format!("/devices/{device}"), "").status, 204);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = parsed(&output);
    assert_eq!(number(&summary, "/authentications/denied"), 1);
    assert!(number(&summary, "/verification/missing/count") > 0, "{summary:#}");
    assert_eq!(registered(&gate), (1, 3), "the rest is cleaned up all the same");
}

#[test]
fn a_run_across_a_kill_and_a_restart_verifies() {
    let mut gate = Gate::builder().unlimited().start();
    let run = spawn(
        &gate,
        "--devices 8 --gateways 2 --rate 400 --duration 5m --allow-outages --verify --timeout 5s",
    );
    reporting(&gate, "-d00000");
    std::thread::sleep(Duration::from_millis(500));
    gate.kill();
    let again = Gate::builder()
        .unlimited()
        .with("DEVICE__LISTEN", &gate.device.to_string())
        .with("MANAGEMENT__LISTEN", &gate.management.to_string())
        .on(&gate.folder)
        .start();
    std::thread::sleep(Duration::from_secs(2));
    let output = interrupted(run);
    let summary = parsed(&output);
    assert_eq!(summary["ok"], true, "{summary:#} {output:?}");
    assert!(number(&summary, "/connections/failed") > 0, "{summary:#}");
    assert!(number(&summary, "/reports/acknowledged") > 400, "{summary:#}");
    assert_eq!(registered(&again), (1, 3));
}

#[test]
fn ctrl_c_ends_with_the_summary_and_cleans_up() {
    let gate = Gate::start();
    let run = spawn(&gate, "--devices 5 --gateways 1 --rate 50 --duration 5m --verify");
    reporting(&gate, "-d00000");
    let output = interrupted(run);
    assert!(output.status.success(), "{output:?}");
    let summary = parsed(&output);
    assert_eq!(summary["interrupted"], true);
    let stored = number(&summary, "/verification/stored");
    assert!(stored > 0);
    assert_eq!(stored, number(&summary, "/verification/acknowledged"));
    assert_eq!(registered(&gate), (1, 3));
}

#[test]
fn the_summary_for_people_names_what_there_is() {
    let gate = Gate::start();
    let output = simulation(
        &gate,
        "--devices 3 --gateways 1 --reports 30 --bad-share 0.3 --verify",
    )
    .output()
    .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "3 devices, 1 gateway with 5 children each",
        "30 sent",
        "latency       p50",
        "answers       200: ",
        "bad reports   ",
        ": each once and in order",
        "result        everything expected held",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn flags_and_the_environment_stand_for_the_servers_folder() {
    let gate = Gate::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let output = command()
        .current_dir(&elsewhere)
        .env("FIELDGATE_KEY", &gate.admin)
        .args(["simulate", "--reports", "10", "--ca"])
        .arg(gate.ca())
        .args([
            "--devices-url",
            &format!("https://localhost:{}", gate.device.port()),
        ])
        .args(["--management-url", &format!("https://{}/", gate.management)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        elsewhere.path().read_dir().unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn what_does_not_fit_is_explained() {
    let gate = Gate::start();
    let other = Gate::start();
    let other_ca = other.ca();
    let nothing = "https://127.0.0.1:1";
    let reader = gate.key("reader").0;
    for (arguments, part) in [
        (
            vec!["--ca", other_ca.to_str().unwrap()],
            "give the CA that devices trust as --ca",
        ),
        (vec!["--ca", "/nowhere.pem"], "the CA /nowhere.pem cannot be read"),
        (vec!["--key", "someone:unknown"], "the key is wrong"),
        (vec!["--key", &reader], "must be an administrator's"),
    ] {
        let output = simulation(&gate, "--devices 1")
            .args(&arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(!said.contains("left behind"), "{said}");
    }
    let folder = gate.folder.to_str().unwrap();
    let output = command()
        .args(["simulate", "--data-dir", folder, "--devices-url", nothing])
        .args(["--management-url", &format!("https://{}", gate.management)])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("nothing listens at 127.0.0.1:1: start the server"),
        "{said}"
    );
    assert_eq!(registered(&gate), (1, 3), "nothing was made");
}
