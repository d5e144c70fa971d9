//! A PostgreSQL of one test.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A server of one test, in a folder of its own.
pub struct Server {
    folder: String,
    pub port: u16,
}

/// Runs a line with what the scripts share.
fn script(line: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", &format!("set -e; source scripts/lib.sh; {line}")])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What a statement gives, as text.
pub fn sql(url: &str, statement: &str) -> String {
    let output = Command::new("psql")
        .args([url, "-Atqc", statement])
        .output()
        .unwrap();
    assert!(output.status.success(), "{statement}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        let folder = folder.join("server").display().to_string();
        let url = script(&format!("start_postgres {folder} >&2; echo $POSTGRES_URL"));
        let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        Self {
            port: port.parse().unwrap(),
            folder,
        }
    }

    /// A standby whose disk every commit waits for.
    pub fn standby(&self) -> Self {
        let folder = format!("{}.standby", self.folder);
        let port = script(&format!(
            "as_root mkdir {folder}; as_root chown postgres {folder}
             postgres_do pg_basebackup -h 127.0.0.1 -p {} -U postgres -D {folder}/data -R >&2
             port=$(free_port)
             printf \"port = $port\\nunix_socket_directories = '{folder}'\\n\" | as_root tee -a {folder}/data/postgresql.conf >/dev/null
             postgres_do pg_ctl -D {folder}/data -l {folder}/log -w start >/dev/null
             echo $port",
            self.port
        ));
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        let port = port.parse().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while self.sql("SELECT sync_state FROM pg_stat_replication") != "sync" {
            assert!(Instant::now() < end, "the standby is not synchronous");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { folder, port }
    }

    pub fn sql(&self, statement: &str) -> String {
        sql(
            &format!("postgres://postgres@127.0.0.1:{}/postgres", self.port),
            statement,
        )
    }

    /// From now on it offers TLS with this certificate.
    pub fn speak_tls(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let (from, to) = (file.path().display(), format!("{}/{name}", self.folder));
            script(&format!("as_root install -o postgres -m 600 {from} {to}"));
        }
        for (setting, value) in [
            ("ssl_cert_file", format!("{}/server.crt", self.folder)),
            ("ssl_key_file", format!("{}/server.key", self.folder)),
            ("ssl", "on".to_owned()),
        ] {
            self.sql(&format!("ALTER SYSTEM SET {setting} = '{value}'"));
        }
        self.sql("SELECT pg_reload_conf()");
        let end = Instant::now() + Duration::from_secs(20);
        while self.sql("SHOW ssl") != "on" {
            assert!(Instant::now() < end, "the server does not speak TLS");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `SIGKILL` to all of it.
    pub fn kill(&self) {
        script(&format!(
            "first=$(as_root head -1 {0}/data/postmaster.pid); as_root kill -KILL $first $(pgrep -P $first)
             while pgrep -P $first >/dev/null; do sleep 0.05; done
             as_root rm -f {0}/data/postmaster.pid",
            self.folder
        ));
    }

    pub fn start_again(&self) {
        // A process that was being made during the kill holds the memory until it sees that its parent is gone.
        script(&format!(
            "for attempt in 1 2 3 4 5; do
                 if postgres_do pg_ctl -D {0}/data -l {0}/log -w start >/dev/null; then exit 0; fi
                 sleep 1
             done
             as_root tail -20 {0}/log >&2
             exit 1",
            self.folder
        ));
    }

    pub fn promote(&self) {
        script(&format!(
            "postgres_do pg_ctl -D {}/data -w promote >/dev/null",
            self.folder
        ));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script(&format!("stop_postgres {}", self.folder));
    }
}
