//! Starting, stopping, and the starts that are refused with a reason and a way out.

use std::time::Duration;

use crate::harness::{Gate, command, on_sqlite, program_output};

const SECRET: &str = "s3cret-of-the-device";

fn said(output: &std::process::Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_is_in_flight_is_finished_and_stored_before_the_end() {
    for signal in ["TERM", "INT"] {
        let mut gate = Gate::start();
        gate.device("d", SECRET, None);
        let token = gate.token("d", SECRET);
        let mut idle = gate.device_wire();
        assert_eq!(idle.call("POST", "/nothing", &[], b"").status, 404);
        let mut wire = gate.device_wire();
        let head = format!(
            "POST /v5/devices/d/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: 4\r\n\r\nla"
        );
        wire.send(head.as_bytes());
        std::thread::sleep(Duration::from_millis(200));
        gate.signal(signal);
        assert!(idle.is_closed_by_server(), "resting connections are closed");
        std::thread::sleep(Duration::from_millis(200));
        assert!(
            std::net::TcpStream::connect(gate.device).is_err(),
            "no new connection is accepted"
        );
        wire.send(b"st");
        assert_eq!(wire.reply().status, 200);
        assert_eq!(gate.wait(Duration::from_secs(20)).code(), Some(0));
        let again = Gate::builder().on(&gate.folder).start();
        assert_eq!(
            again.events("d", "&kind=message")[0]["notify_data"]["body"]["content"],
            "last"
        );
    }
}

#[test]
fn a_request_that_never_ends_is_cut_at_the_end_of_the_grace() {
    let mut gate = Gate::builder()
        .with("SERVER__SHUTDOWN_GRACE_SECONDS", "1")
        .start();
    gate.device("d", SECRET, None);
    let token = gate.token("d", SECRET);
    let mut wire = gate.device_wire();
    let head = format!(
        "POST /v5/devices/d/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: 4\r\n\r\n"
    );
    wire.send(head.as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    gate.signal("TERM");
    assert_eq!(gate.wait(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn serve_without_a_certificate_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = command()
        .arg("serve")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = said(&output);
    assert!(said.contains("tls.certificate and tls.private_key"), "{said}");
    assert!(said.contains("fieldgate quickstart"), "{said}");
}

#[test]
fn serve_runs_with_a_configuration_and_certificates_of_its_own() {
    let mut made = Gate::start();
    made.stop();
    let folder = tempfile::tempdir().unwrap();
    let certs = made.folder.join("certs");
    let file = folder.path().join("gate.toml");
    let text = format!(
        "[device]\nlisten = \"127.0.0.1:0\"\n[management]\nlisten = \"127.0.0.1:0\"\n\
         [tls]\ncertificate = \"{0}/leaf-rsa.pem\"\nprivate_key = \"{0}/leaf-rsa.key\"\n\
         [storage]\nurl = \"sqlite://{1}/gate.db\"\n[secrets]\nkey_file = \"{1}/secret.key\"\n",
        certs.display(),
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let migrated = program_output(&["migrate", "--config", file], &[]);
    assert!(migrated.status.success(), "{migrated:?}");
    let key = program_output(&["keys", "create", "--name", "n", "--config", file], &[]);
    assert!(String::from_utf8(key.stdout).unwrap().contains("X-Auth-Token"));
    let mut child = command()
        .args(["serve", "--config", file])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        line.starts_with("listening role=device address=127.0.0.1:"),
        "{line}"
    );
}

#[test]
fn a_start_with_the_wrong_master_key_is_refused_with_the_fix() {
    let mut gate = Gate::start();
    gate.stop();
    let folder = gate.folder.to_str().unwrap();
    let key = "ab".repeat(32);
    let other = [("FIELDGATE__SECRETS__KEY", key.as_str())];
    let said = said(&program_output(&["quickstart", "--data-dir", folder], &other));
    assert!(said.contains("the master key is not the one"), "{said}");
    assert!(said.contains("put the original key back"), "{said}");
    assert!(!said.contains(&key));
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    if !on_sqlite() {
        return;
    }
    let mut gate = Gate::start();
    gate.stop();
    let database = gate.folder.join("fieldgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite://{}", database.display());
        let mut connection = sqlx::sqlite::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'from the future', 1, x'00', 0)")
            .execute(&mut connection)
            .await
            .unwrap();
    });
    let said = said(&program_output(
        &["quickstart", "--data-dir", gate.folder.to_str().unwrap()],
        &[],
    ));
    assert!(said.contains("made by a newer Fieldgate"), "{said}");
    assert!(said.contains("99"), "{said}");
}

#[test]
fn check_config_prints_what_takes_effect_and_names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.toml");
    let check = |text: &str, environment: &[(&str, &str)]| {
        std::fs::write(&file, text).unwrap();
        program_output(&["check-config", "--config", file.to_str().unwrap()], environment)
    };
    let secret = "cd".repeat(32);
    let good = check(
        "[device]\nlisten = \"127.0.0.1:1\"\n",
        &[
            ("FIELDGATE__DEVICE__LISTEN", "127.0.0.1:2"),
            ("FIELDGATE__SECRETS__KEY", &secret),
        ],
    );
    assert!(good.status.success());
    let shown = String::from_utf8(good.stdout).unwrap();
    assert!(shown.contains("listen = \"127.0.0.1:2\""), "{shown}");
    assert!(!shown.contains(&secret), "{shown}");
    let unknown = said(&check("[device]\nlisten_on = \"x\"\n", &[]));
    assert!(
        unknown.contains("gate.toml") && unknown.contains("device.listen_on"),
        "{unknown}"
    );
    assert!(unknown.contains("device.listen"), "{unknown}");
    let ill_typed = said(&check("[storage]\nqueue_rows = \"many\"\n", &[]));
    assert!(
        ill_typed.contains("gate.toml") && ill_typed.contains("queue_rows"),
        "{ill_typed}"
    );
    let stray = said(&check("", &[("FIELDGATE__DEVICE__LISTNE", "x")]));
    assert!(stray.contains("FIELDGATE__DEVICE__LISTNE"), "{stray}");
    // The shipped file is whole and right.
    let shipped = program_output(&["check-config", "--config", "config/fieldgate.toml"], &[]);
    assert!(shipped.status.success(), "{shipped:?}");
}

#[test]
fn an_address_in_use_is_named() {
    let gate = Gate::start();
    let folder = tempfile::tempdir().unwrap();
    let address = gate.device.to_string();
    let environment = [
        ("FIELDGATE__DEVICE__LISTEN", address.as_str()),
        ("FIELDGATE__MANAGEMENT__LISTEN", "127.0.0.1:0"),
    ];
    let data = folder.path().join("data");
    let said = said(&program_output(
        &["quickstart", "--data-dir", data.to_str().unwrap()],
        &environment,
    ));
    assert!(said.contains(&address), "{said}");
}

#[test]
fn healthcheck_tells_whether_the_instance_is_up() {
    let mut gate = Gate::start();
    let folder = gate.folder.to_str().unwrap().to_owned();
    let address = gate.management.to_string();
    let check = |address: &str| {
        program_output(
            &["healthcheck", "--data-dir", &folder],
            &[("FIELDGATE__MANAGEMENT__LISTEN", address)],
        )
    };
    let up = check(&address);
    assert!(up.status.success(), "{up:?}");
    assert_eq!(up.stdout, b"healthy\n");
    let of_all = address.replace("127.0.0.1", "0.0.0.0");
    assert!(check(&of_all).status.success());
    let unknown = said(&check("127.0.0.1:0"));
    assert!(unknown.contains("port 0"), "{unknown}");
    gate.stop();
    let down = said(&check(&address));
    assert!(down.contains(&address) && down.contains("refused"), "{down}");
}
