//! `fieldgate devices import` beside a running server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use crate::harness::{Gate, command};

/// A file to import into a server of its own.
struct Import {
    gate: Gate,
    file: PathBuf,
}

impl Import {
    fn new(rows: &str) -> Self {
        let gate = Gate::start();
        let file = gate.folder.join("devices.csv");
        fs::write(&file, rows).unwrap();
        Self { gate, file }
    }

    fn run(&self, more: &[&str]) -> Output {
        command()
            .args(["devices", "import", self.file.to_str().unwrap()])
            .args(["--management-url", &format!("https://{}", self.gate.management)])
            .args(["--ca", self.gate.folder.join("certs/ca.pem").to_str().unwrap()])
            .args(["--key", &self.gate.admin])
            .args(more)
            .output()
            .unwrap()
    }

    fn results(&self) -> String {
        fs::read_to_string(self.gate.folder.join("devices.csv.result.csv")).unwrap()
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn rows_are_registered_refused_ones_named_and_mended_ones_taken_the_next_time() {
    let mut rows = String::from("device_id,node_id,gateway_id,device_name,secret,tags,extension_info\n");
    // The children stand before their gateway.
    rows.push_str("kid1,k1,gw1,,,,\nkid2,k2,gw1,,,,\ngw1,g1,,Gateway,gateway-secret,site=3;floor=2,\"{\"\"n\"\":1.50}\"\n");
    rows.push_str("bad,b1,,<b>,,,\norphan,o1,nobody,,,,\n");
    let import = Import::new(&rows);
    let first = import.run(&["--product", "demo"]);
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    assert!(
        said(&first).contains(
            "5 rows: 3 registered now, 0 found registered, 0 registered before, 2 refused, 0 not tried"
        ),
        "{}",
        said(&first)
    );
    let results = import.results();
    assert!(
        results.contains("5,bad,refused,IOTDA.000006,Invalid input data. device_name: holds a character"),
        "{results}"
    );
    assert!(results.contains("6,orphan,refused,IOTDA.014000,"), "{results}");
    assert!(results.contains("4,gw1,registered,,,gateway-secret"), "{results}");
    let mode = fs::metadata(import.gate.folder.join("devices.csv.result.csv")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let gateway = import.gate.api("GET", "/devices/gw1", "").json();
    assert_eq!(gateway["tags"][1]["tag_value"], "3");
    let shown = import.gate.api("GET", "/devices/gw1", "");
    assert!(
        shown.text().contains(r#""extension_info":{"n":1.50}"#),
        "{}",
        shown.text()
    );
    assert_eq!(
        import.gate.api("GET", "/devices/kid2", "").json()["gateway_id"],
        "gw1"
    );

    fs::write(
        &import.file,
        rows.replace("<b>", "Mended").replace("nobody", "gw1"),
    )
    .unwrap();
    let second = import.run(&["--product", "demo"]);
    assert_eq!(second.status.code(), Some(0), "{}", said(&second));
    assert!(
        said(&second)
            .contains("5 rows: 2 registered now, 0 found registered, 3 registered before, 0 refused")
    );
    let actor = import.gate.admin.split(':').next().unwrap();
    let audit = import
        .gate
        .api("GET", &format!("/audit?actor={actor}&limit=50"), "")
        .text();
    assert!(audit.contains("/devices/orphan"), "{audit}");
}

#[test]
fn an_import_that_was_cut_off_goes_on_and_finds_what_it_had_registered() {
    let rows: Vec<_> = (0..300).map(|number| format!("n{number}")).collect();
    let import = Import::new(&format!("node_id\n{}\n", rows.join("\n")));
    let whole = import.run(&["--product", "demo", "--at-once", "32"]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    // Cut off: some results were not written, the last one in half, though their devices are there.
    let results = import.results();
    let kept: Vec<_> = results.lines().take(100).collect();
    let cut = format!("{}\n150,demo_n", kept.join("\n"));
    fs::write(import.gate.folder.join("devices.csv.result.csv"), cut).unwrap();
    let again = import.run(&["--product", "demo"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(
        said(&again).contains("300 rows: 0 registered now, 201 found registered, 99 registered before"),
        "{}",
        said(&again)
    );
    let found = import.results();
    assert!(
        found
            .lines()
            .last()
            .unwrap()
            .split(',')
            .next_back()
            .unwrap()
            .len()
            == 32,
        "its secret: {found}"
    );
}

#[test]
fn what_holds_for_every_row_ends_the_import_with_a_reason() {
    let import = Import::new("node_id,colour\nn,red\n");
    let unknown = import.run(&["--product", "demo"]);
    assert!(
        said(&unknown).contains("no column \"colour\"; there are device_id"),
        "{}",
        said(&unknown)
    );
    fs::write(&import.file, "node_id\nn\n").unwrap();
    let (reader, _) = import.gate.key("reader");
    let refused = command()
        .args([
            "devices",
            "import",
            import.file.to_str().unwrap(),
            "--product",
            "demo",
        ])
        .args(["--management-url", &format!("https://{}", import.gate.management)])
        .args(["--ca", import.gate.folder.join("certs/ca.pem").to_str().unwrap()])
        .args(["--key", &reader])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("403 IOTDA.000022"), "{}", said(&refused));
    assert!(
        said(&refused).contains("1 rows: 0 registered now"),
        "{}",
        said(&refused)
    );
}
