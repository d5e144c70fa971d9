//! The binary as a child process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::database::Database;

use super::client::{Suite, Wire, client_config};

/// How long a start may take on a machine that is busy with other tests.
const START: Duration = Duration::from_mins(1);

/// What a recording holds.
const RECORDED: &str = "trace=openat,open,creat,pwrite64,pwritev,pwritev2,write,writev,fsync,fdatasync,sync_file_range,ftruncate,truncate,\
                        fallocate,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,copy_file_range";

/// The lines of a child's standard output as they come.
pub fn lines_of(child: &mut Child) -> Receiver<String> {
    let (send, lines) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    lines
}

/// The binary under test, with an environment of its own.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldgate"));
    command.env_clear();
    command
}

/// Runs the binary to its end.
pub fn program_output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command();
    let folder = arguments
        .iter()
        .skip_while(|argument| **argument != "--data-dir")
        .nth(1);
    if let Some(database) = folder.and_then(|folder| storage_of(Path::new(folder))) {
        command.env(STORAGE_URL, database.url());
    }
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

const STORAGE_URL: &str = "FIELDGATE__STORAGE__URL";

/// The PostgreSQL server that every instance keeps its data on, when the environment names one.
#[expect(clippy::disallowed_methods, reason = "it says where a server is")]
fn storage() -> Option<String> {
    std::env::var("FIELDGATE_TEST_STORAGE").ok()
}

/// Whether instances keep their data in SQLite; what concerns its files alone has nothing to look at otherwise.
pub fn on_sqlite() -> bool {
    storage().is_none()
}

/// The database of the instance in this folder, which has the folder's name wherever it is started from.
fn storage_of(folder: &Path) -> Option<Database> {
    let server = storage()?;
    let name = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, folder.as_os_str().as_encoded_bytes());
    Some(Database::named(
        &server,
        &format!("gate_{}", &hex::encode(name)[..24]),
    ))
}

/// What to start.
#[derive(Clone, Default)]
pub struct GateBuilder {
    environment: Vec<(String, String)>,
    folder: Option<PathBuf>,
    recording: Option<PathBuf>,
}

impl GateBuilder {
    /// Sets a configuration key, as `SECTION__KEY`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment
            .push((format!("FIELDGATE__{key}"), value.to_owned()));
        self
    }

    /// With the clock ahead by so many hours (libfaketime).
    pub fn hours_ahead(mut self, hours: u32) -> Self {
        let library =
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1".replace("x86_64", std::env::consts::ARCH);
        assert!(
            Path::new(&library).exists(),
            "{library} is missing; scripts/test installs it"
        );
        for (name, value) in [
            ("LD_PRELOAD", library),
            ("FAKETIME", format!("+{hours}h")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ] {
            self.environment.push((name.to_owned(), value));
        }
        self
    }

    /// Without limits on rates, for load.
    pub fn unlimited(self) -> Self {
        self.with("LIMITS__DEVICE_REQUESTS_PER_SECOND", "0")
            .with("LIMITS__DEVICE_AUTH_PER_MINUTE", "0")
    }

    /// On an existing folder, which stays.
    pub fn on(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Under strace, which writes every call that changes a file to this one. No other process then touches the database.
    pub fn recorded_in(mut self, file: &Path) -> Self {
        self.recording = Some(file.to_owned());
        self
    }

    /// The program, under strace where it is recorded; it is this process's child either way.
    fn command(&self) -> Command {
        let program = command();
        let Some(file) = &self.recording else {
            return program;
        };
        let mut strace = Command::new("strace");
        strace
            .args([
                "-D",
                "-f",
                "--seccomp-bpf",
                "-y",
                "-xx",
                "-s",
                "300000",
                "-ttt",
                "-o",
            ])
            .arg(file)
            .args(["-e", RECORDED])
            .arg(program.get_program())
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        strace
    }

    /// Starts `quickstart` and waits until it listens; makes an administrator's key beside it.
    pub fn start(self) -> Gate {
        let environment = self.environment.clone();
        let (mut command, is_recorded) = (self.command(), self.recording.is_some());
        let own = self.folder.is_none().then(|| tempfile::tempdir().unwrap());
        let folder = self
            .folder
            .unwrap_or_else(|| own.as_ref().unwrap().path().join("data"));
        let log = folder.with_extension("log");
        let names_one = environment.iter().any(|(name, _)| name == STORAGE_URL);
        let database = (!names_one).then(|| storage_of(&folder)).flatten();
        if let Some(database) = &database {
            command.env(STORAGE_URL, database.url());
        }
        let mut child = command
            .args(["quickstart", "--data-dir"])
            .arg(&folder)
            .env("FIELDGATE__DEVICE__LISTEN", "127.0.0.1:0")
            .env("FIELDGATE__MANAGEMENT__LISTEN", "127.0.0.1:0")
            .envs(self.environment)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let lines = lines_of(&mut child);
        let mut gate = Gate {
            child,
            lines: Mutex::new(lines),
            log,
            device: SocketAddr::from(([0, 0, 0, 0], 0)),
            management: SocketAddr::from(([0, 0, 0, 0], 0)),
            client: OnceLock::new(),
            admin: String::new(),
            project_id: String::new(),
            folder,
            own,
            environment,
            database,
        };
        gate.device = gate.listening("device");
        gate.management = gate.listening("management");
        (gate.admin, gate.project_id) = if is_recorded {
            gate.printed_key()
        } else {
            gate.key("admin")
        };
        gate
    }
}

/// A running instance; killed when dropped.
pub struct Gate {
    child: Child,
    lines: Mutex<Receiver<String>>,
    log: PathBuf,
    client: OnceLock<Arc<ClientConfig>>,
    pub device: SocketAddr,
    pub management: SocketAddr,
    /// `<access_key>:<secret_key>` of an administrator.
    pub admin: String,
    pub project_id: String,
    pub folder: PathBuf,
    own: Option<tempfile::TempDir>,
    environment: Vec<(String, String)>,
    database: Option<Database>,
}

impl Gate {
    /// One on a folder of its own.
    pub fn start() -> Self {
        GateBuilder::default().start()
    }

    pub fn builder() -> GateBuilder {
        GateBuilder::default()
    }

    fn listening(&self, role: &str) -> SocketAddr {
        let line = self.line();
        let address = line.strip_prefix(&format!("listening role={role} address="));
        address
            .unwrap_or_else(|| panic!("instead of an address: {line}"))
            .parse()
            .unwrap()
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.lines
            .lock()
            .unwrap()
            .recv_timeout(START)
            .unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// The key and the project that quickstart prints.
    fn printed_key(&self) -> (String, String) {
        let after = |start: &str| loop {
            if let Some(rest) = self.line().strip_prefix(start) {
                return rest.to_owned();
            }
        };
        let api = after("API=");
        (after("AUTH="), api.rsplit('/').next().unwrap().to_owned())
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A new management key of this role, and the project.
    pub fn key(&self, role: &str) -> (String, String) {
        let folder = self.folder.to_str().unwrap();
        let arguments = [
            "keys",
            "create",
            "--name",
            "test",
            "--role",
            role,
            "--format",
            "json",
            "--data-dir",
            folder,
        ];
        let storage = |name: &str| name == STORAGE_URL || name == "FIELDGATE__SECRETS__KEY";
        let storage = self.environment.iter().filter(|(name, _)| storage(name));
        let storage: Vec<_> = storage
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let output = program_output(&arguments, &storage);
        assert!(output.status.success(), "{output:?}");
        let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (
            format!("{}:{}", text("access_key"), text("secret_key")),
            text("project_id"),
        )
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.join("certs/ca.pem")
    }

    fn client(&self) -> Arc<ClientConfig> {
        self.client
            .get_or_init(|| client_config(&self.ca(), Suite::Any, &[&rustls::version::TLS12]))
            .clone()
    }

    /// A new connection to the device listener.
    pub fn device_wire(&self) -> Wire {
        Wire::connect(self.device, self.client()).unwrap()
    }

    /// A new connection to the management listener.
    pub fn management_wire(&self) -> Wire {
        Wire::connect(self.management, self.client()).unwrap()
    }

    /// The most memory that it ever held.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The memory that it holds now.
    pub fn memory_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, kind: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// `SIGKILL`: nothing is flushed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, longest: Duration) -> ExitStatus {
        let end = Instant::now() + longest;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it as a service manager does.
    pub fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait(Duration::from_secs(30)).code(), Some(0));
    }

    /// Stops it and starts it again on the same folder.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.started_again()
    }

    /// Starts it again on the same folder, after whatever ended it.
    pub fn started_again(mut self) -> Self {
        self.wait(Duration::from_secs(30));
        let same = GateBuilder {
            environment: self.environment.clone(),
            folder: Some(self.folder.clone()),
            recording: None,
        };
        let mut next = same.start();
        next.own = self.own.take();
        next
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(database) = &mut self.database {
            database.stays = self.own.is_none();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the program\n{}", self.log());
        }
    }
}
