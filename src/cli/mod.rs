//! The command line: one file per subcommand. Standard output carries what a person or script reads; logs and errors
//! go to standard error.

mod certs;
mod check_config;
mod client;
mod copy;
mod devices;
mod healthcheck;
mod keys;
mod migrate;
mod quickstart;
mod serve;
mod simulate;
mod tail;
mod times;
mod users;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::app;
use crate::auth::secret::{RandomError, random_bytes};
use crate::config::{self, Config, ConfigError};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::RequestId;
use crate::storage::{DONE, Deed, NewAuditEntry, Stores};

/// The command line.
#[derive(Parser)]
#[command(
    name = "fieldgate",
    version,
    about = "The platform side of IoTDA's HTTPS device access"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run, with your own certificate and configuration
    Serve(ConfigArgs),
    /// Run on 127.0.0.1 with an embedded database, a development CA, a demo product and ready-to-paste commands
    Quickstart(quickstart::QuickstartArgs),
    /// Manage the access keys of the management API
    Keys(keys::KeysArgs),
    /// Manage the users of the console
    Users(users::UsersArgs),
    /// Check the configuration and print it as it takes effect, secrets hidden
    CheckConfig(ConfigArgs),
    /// Copy everything from SQLite into an empty PostgreSQL database, and compare
    Copy(copy::CopyArgs),
    /// Bring the database to this version's schema and exit
    Migrate(ConfigArgs),
    /// Show certificates
    Certs(certs::CertsArgs),
    /// Ask the running instance whether it is up: exit code 0, or 1 with a reason
    Healthcheck(PlaceArgs),
    /// Manage devices through a running server
    Devices(devices::DevicesArgs),
    /// Print events as a running server takes them in; on a terminal for people, else as JSON lines
    Tail(Box<tail::TailArgs>),
    /// Let a fleet of simulated devices report to a server, and check what it answers and stores
    Simulate(Box<simulate::SimulateArgs>),
}

/// Where the configuration is.
#[derive(Args, Clone, Debug)]
struct ConfigArgs {
    /// The configuration file; without one, defaults and the environment (`FIELDGATE__SECTION__KEY`)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where the configuration or quickstart's data folder is.
#[derive(Args, Clone, Debug)]
struct PlaceArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// The data folder of `quickstart`
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What a subcommand answers; the text is for the person at the terminal.
type Outcome = Result<(), Failure>;

/// How a list or what was made is printed.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Why a subcommand did not do what it was asked.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Parses the command line, runs what it says, answers the exit code.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Users(args) => users::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Copy(args) => copy::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Healthcheck(place) => healthcheck::run(&place),
        Command::Devices(args) => devices::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Simulate(args) => simulate::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fieldgate: {error}");
            ExitCode::FAILURE
        }
    }
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, ConfigError> {
        config::load(self.config.as_deref(), config::environment())
    }
}

impl PlaceArgs {
    /// The configuration file's, or quickstart's in its folder.
    fn load(&self) -> Result<Config, ConfigError> {
        match &self.data_dir {
            Some(folder) => quickstart::config(folder),
            None => config::load(self.config.as_deref(), config::environment()),
        }
    }

    /// The same, and without either that of a quickstart in its usual folder.
    fn load_or_quickstart(&self) -> Result<Config, ConfigError> {
        match self.config {
            Some(_) => self.load(),
            None => quickstart::config(self.folder()),
        }
    }

    /// The data folder of a quickstart, the usual one unless it is given.
    fn folder(&self) -> &Path {
        self.data_dir
            .as_deref()
            .unwrap_or(Path::new(quickstart::DATA_DIR))
    }

    /// Where the CA is, when Fieldgate made it.
    fn ca_file(&self) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
        let folder = if self.config.is_none() {
            self.folder().join("certs")
        } else {
            let config = self.load()?;
            let first = config.tls.certificate.first();
            let first = first.ok_or("no certificate is configured, so there is no CA beside it")?;
            first.parent().map(Path::to_owned).unwrap_or_default()
        };
        Ok(folder.join("ca.pem"))
    }
}

/// Lets the process open as many files as it may, since each connection is one; the usual limit of 1024 is for programs
/// that use `select`.
fn raise_file_limit(config: &Config) {
    /// The database, the logs, the runtime.
    const OWN_FILES: u64 = 100;
    let allowed = raised_file_limit();
    let wanted = config.server.max_connections as u64 + OWN_FILES;
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "fewer files may be open than server.max_connections needs: raise the limit (LimitNOFILE), or lower the key"
        );
    }
}

/// Raises the limit of open files as far as it may be; what it is then.
fn raised_file_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A runtime with the configured number of threads; 0 is one per core.
fn runtime(config: &Config) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.server.worker_threads > 0 {
        builder.worker_threads(config.server.worker_threads);
    }
    builder.enable_all().build()
}

/// Does something to the configured database, which a running server may have open, and prints what it came to. A command that
/// makes something may come before the first start.
fn beside_server(
    config: &Config,
    makes: bool,
    work: impl AsyncFnOnce(&Stores) -> Result<String, Failure>,
) -> Outcome {
    runtime(config)?.block_on(async {
        let stores = if makes {
            app::open_beside(config).await?
        } else {
            app::open_existing(config).await?
        };
        let outcome = work(&stores).await;
        stores.log.close().await;
        print(&outcome?);
        Ok(())
    })
}

/// What the audit log says of a command's deed.
fn noted(action: &str, resource: String) -> Result<NewAuditEntry, RandomError> {
    let at = SystemClock.now();
    Ok(NewAuditEntry {
        at,
        request_id: RequestId::new(at, random_bytes()?),
        deed: Deed {
            actor: "command line".to_owned(),
            action: action.to_owned(),
            resource,
            from: "local".to_owned(),
        },
        outcome: DONE.to_owned(),
    })
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// The two lines that tell where the listeners are, whatever port was asked for.
fn print_listening(device: std::net::SocketAddr, management: std::net::SocketAddr) {
    print(&format!(
        "listening role=device address={device}\nlistening role=management address={management}\n"
    ));
}

fn shown(path: &Path) -> String {
    std::fs::canonicalize(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}
