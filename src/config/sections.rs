//! The sections and their defaults. Meanings and units are in `config/fieldgate.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::model::ValidationMode;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section! {
    /// Everything.
    Config {
        /// The device listener.
        device: DeviceConfig = DeviceConfig::default(),
        /// The management listener.
        management: ManagementConfig = ManagementConfig::default(),
        /// The operator's console.
        console: ConsoleConfig = ConsoleConfig::default(),
        /// Certificates and versions.
        tls: TlsConfig = TlsConfig::default(),
        /// Connections.
        server: ServerConfig = ServerConfig::default(),
        /// The database and its writer.
        storage: StorageConfig = StorageConfig::default(),
        /// The master key.
        secrets: SecretsConfig = SecretsConfig::default(),
        /// Bounds.
        limits: LimitsConfig = LimitsConfig::default(),
        /// How reports are taken in.
        ingest: IngestConfig = IngestConfig::default(),
        /// What shadows hold.
        shadow: ShadowConfig = ShadowConfig::default(),
        /// Events as they come.
        stream: StreamConfig = StreamConfig::default(),
        /// How events are forwarded.
        routing: RoutingConfig = RoutingConfig::default(),
        /// How long events stay.
        retention: RetentionConfig = RetentionConfig::default(),
        /// Logs.
        log: LogConfig = LogConfig::default(),
    }
}

section! {
    /// `[device]`
    DeviceConfig {
        /// Where devices connect.
        listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 443)),
        /// The host that devices are told.
        public_host: String = String::new(),
    }
}

section! {
    /// `[management]`
    ManagementConfig {
        /// Where operators and applications connect.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8444)),
        /// How far off a signed request's date may be.
        signature_max_skew_seconds: i64 = 900,
    }
}

section! {
    /// `[console]`
    ConsoleConfig {
        /// How long a sign-in holds.
        session_hours: u32 = 12,
    }
}

section! {
    /// `[tls]`
    TlsConfig {
        /// PEM certificate chains.
        #[serde(deserialize_with = "one_or_many")]
        certificate: Vec<PathBuf> = Vec::new(),
        /// PEM private keys.
        #[serde(deserialize_with = "one_or_many")]
        private_key: Vec<PathBuf> = Vec::new(),
        /// Protocol versions.
        versions: Vec<TlsVersion> = vec![TlsVersion::V12],
        /// The largest TLS record; 0 is the protocol's.
        max_fragment_size: usize = 0,
    }
}

section! {
    /// `[server]`
    ServerConfig {
        /// For the TLS handshake.
        handshake_timeout_seconds: u64 = 10,
        /// For a request's head.
        header_timeout_seconds: u64 = 10,
        /// Between two requests.
        idle_timeout_seconds: u64 = 120,
        /// Before the body's minimum rate counts.
        body_grace_seconds: u64 = 10,
        /// The body's minimum rate.
        body_min_bytes_per_second: u64 = 2048,
        /// Open connections, both listeners together.
        max_connections: usize = 20_000,
        /// The largest head.
        max_header_bytes: usize = 16_384,
        /// For requests in flight at the end.
        shutdown_grace_seconds: u64 = 20,
        /// Threads; 0 is one per core.
        worker_threads: usize = 0,
    }
}

section! {
    /// `[storage]`
    StorageConfig {
        /// The database.
        url: DatabaseUrl = DatabaseUrl("sqlite://data/fieldgate.db".to_owned()),
        /// Rows that may wait for the writer.
        queue_rows: usize = 20_000,
        /// Bytes that may wait for the writer.
        queue_bytes: usize = 64 * 1024 * 1024,
        /// Rows of one commit.
        batch_rows: usize = 1024,
        /// Bytes of one commit.
        batch_bytes: usize = 8 * 1024 * 1024,
        /// How long the callers of a commit wait for it.
        commit_timeout_seconds: u64 = 10,
        /// Connections that read (SQLite).
        read_connections: u32 = 4,
        /// Connections of the pool (PostgreSQL).
        pool_connections: u32 = 10,
        /// How long a connection may take to come (PostgreSQL).
        connect_timeout_seconds: u64 = 5,
        /// How long a statement may take (PostgreSQL).
        statement_timeout_seconds: u64 = 8,
        /// Positions of one partition of the log (PostgreSQL).
        partition_rows: u32 = 1_000_000,
        /// How often followers look at the log.
        follower_interval_ms: u64 = 1000,
    }
}

section! {
    /// `[secrets]`
    SecretsConfig {
        /// The master key's file.
        key_file: PathBuf = PathBuf::from("data/secret.key"),
        /// The master key itself, for the environment.
        key: Option<Hidden> = None,
    }
}

section! {
    /// `[limits]`
    LimitsConfig {
        /// A device's requests a second; 0 is none.
        device_requests_per_second: u32 = 100,
        /// Everyone's requests a second; 0 is none.
        instance_requests_per_second: u32 = 0,
        /// A device's authentications a minute; 0 is none.
        device_auth_per_minute: u32 = 60,
        /// Wrong passwords in a row before the first delay.
        wrong_password_tries: u32 = 5,
        /// Device ids that one address may fail with before it is delayed.
        wrong_password_ids: u32 = 20,
        /// The longest delay after wrong passwords.
        wrong_password_max_delay_seconds: u32 = 60,
        /// Callers remembered by each table of limits.
        tracked_callers: usize = 100_000,
        /// Bytes of request bodies held in memory at once.
        body_bytes_in_flight: usize = 64 * 1024 * 1024,
        /// Entries of a device's trace.
        trace_entries: u32 = 100,
        /// Devices kept in memory.
        cached_devices: usize = 100_000,
    }
}

section! {
    /// `[ingest]`
    IngestConfig {
        /// For products that name none.
        validation_mode: ValidationMode = ValidationMode::Reject,
        /// How far ahead a device's time may be.
        event_time_max_ahead_seconds: i64 = 600,
        /// Silence after which a device reads as OFFLINE.
        device_offline_after_seconds: i64 = 49 * 3600,
    }
}

section! {
    /// `[shadow]`
    ShadowConfig {
        /// Services of one device's shadow.
        services_per_device: usize = 500,
        /// Bytes of one service's names and values.
        service_bytes: usize = 1024 * 1024,
    }
}

section! {
    /// `[stream]`
    StreamConfig {
        /// Event streams and long polls at once.
        max_streams: usize = 256,
        /// Bytes of the newest events, held for all of them.
        recent_bytes: usize = 16 * 1024 * 1024,
        /// Bytes that wait for one reader.
        buffer_bytes: usize = 64 * 1024,
        /// For a reader to take something.
        stall_seconds: u64 = 30,
    }
}

section! {
    /// `[routing]`
    RoutingConfig {
        /// Whether targets may have any address at all.
        allow_private_targets: bool = false,
        /// Networks that targets may be in beside public ones.
        allowed_networks: Vec<IpNet> = Vec::new(),
        /// Events of an action that are loaded and not settled, and deliveries that a crash may repeat.
        window: usize = 1000,
        /// Bytes of them in memory.
        window_bytes: u64 = 16 * 1024 * 1024,
        /// Events of one device that an action sets aside.
        parked_per_device: usize = 10_000,
        /// Events of all devices that an action sets aside.
        parked: u64 = 200_000,
        /// How long an event is tried in vain.
        event_max_age_seconds: i64 = 24 * 3600,
        /// Calls of an action at once.
        calls_in_flight: usize = 32,
        /// Bytes of the newest events, for all actions.
        tail_bytes: usize = 32 * 1024 * 1024,
        /// Tries of an action that are kept.
        attempts: u32 = 10_000,
        /// Replays of an action at once.
        replays: usize = 5,
        /// Time between two saves.
        save_interval_ms: u64 = 100,
        /// For a push: from its lookup to the target's answer.
        push_timeout_seconds: u64 = 15,
        /// For a connection: lookup, TCP and TLS.
        connect_timeout_seconds: u64 = 10,
        /// For the lookup of a name.
        lookup_timeout_seconds: u64 = 5,
        /// Lookups at once, for all targets.
        lookups: usize = 32,
        /// Lookups at once, for each target.
        lookups_per_target: usize = 2,
        /// Unused connections of a target.
        idle_connections: usize = 64,
        /// How long an unused connection is kept.
        idle_timeout_seconds: u64 = 50,
        /// How often a busy HTTP/2 connection is asked whether it lives.
        ping_interval_seconds: u64 = 5,
        /// Bytes of an answer that are kept.
        answer_kept_bytes: usize = 4096,
        /// Bytes of an answer that are read.
        answer_read_bytes: usize = 64 * 1024,
        /// For the rest of an answer, once its status is there.
        answer_timeout_seconds: u64 = 2,
    }
}

section! {
    /// `[retention]`
    RetentionConfig {
        /// Days; 0 is no bound.
        days: u32 = 7,
        /// Bytes; 0 is no bound.
        bytes: u64 = 10 * 1024 * 1024 * 1024,
        /// Days of the audit log; 0 is no bound.
        audit_days: u32 = 365,
        /// Events removed in one step.
        step_rows: u32 = 1000,
        /// Time between two looks.
        interval_seconds: u64 = 10,
    }
}

section! {
    /// `[log]`
    LogConfig {
        /// The form of a line.
        format: LogFormat = LogFormat::Auto,
        /// The filter.
        level: String = "info".to_owned(),
    }
}

impl IngestConfig {
    /// [`Self::device_offline_after_seconds`] in milliseconds.
    pub const fn offline_after_ms(&self) -> i64 {
        self.device_offline_after_seconds.saturating_mul(1000)
    }
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// A secret value of the configuration: never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The value.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"******\"")
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("******")
    }
}

/// Where the database is; its password is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole of it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str(&self.0);
        };
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user = user.split_once(':').map_or(user, |(name, _)| name);
        let at = if user.is_empty() { "" } else { "@" };
        // Where a parameter names a password, none is shown.
        let path = if path.contains("password") {
            path.split('?').next().unwrap_or_default()
        } else {
            path
        };
        write!(f, "{scheme}://{user}{at}{host}{path}")
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A path or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(path) if path.as_os_str().is_empty() => Vec::new(),
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    })
}
