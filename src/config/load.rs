//! Reads the layers, refuses what nobody knows, checks what cannot be.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::sections::{Config, RoutingConfig};

/// The file that names every key: what is not in it is unknown.
const REFERENCE: &str = include_str!("../../config/fieldgate.toml");

/// Known, but not in the reference file, where an example value would be a secret.
const SECRET_KEY: &str = "secrets.key";

const PREFIX: &str = "FIELDGATE__";

/// The longest wait for a target that makes sense: its events wait behind it meanwhile.
const HOUR_SECONDS: u64 = 3600;

/// As many threads as may block (tokio's own bound is 512), with room for others.
const MOST_LOOKUPS: usize = 256;

/// How alike a known key must be to be suggested.
const LIKENESS: f64 = 0.7;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's word.
        cause: std::io::Error,
    },
    /// Not TOML, or a value of the wrong type; the text names the place.
    #[error("{source_name}: {cause}")]
    Malformed {
        /// The file or variable.
        source_name: String,
        /// What is wrong.
        cause: String,
    },
    /// A key that nobody knows.
    #[error("{source_name}: unknown key {key}{}", .nearest.as_ref().map(|key| format!("; did you mean {key}?")).unwrap_or_default())]
    UnknownKey {
        /// The file or variable.
        source_name: String,
        /// The key.
        key: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// Values that cannot be, alone or together.
    #[error("{key}: {cause}")]
    Impossible {
        /// The key.
        key: &'static str,
        /// Why.
        cause: String,
    },
}

/// The process's environment.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars()
}

/// Defaults ← `file` ← `environment`.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let Some(path) = file else {
        return load_over(Table::new(), environment);
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
        file: name.clone(),
        cause,
    })?;
    let malformed = |cause: toml::de::Error| ConfigError::Malformed {
        source_name: name.clone(),
        cause: cause.to_string(),
    };
    let table: Table = text.parse().map_err(malformed)?;
    refuse_unknown(&name, &table)?;
    // Alone first: an error then shows its line.
    toml::from_str::<Config>(&text).map_err(malformed)?;
    load_over(table, environment)
}

/// Defaults ← `base` ← `environment`.
pub fn load_over(
    mut base: Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let lower = key.to_lowercase();
        let (path, value) = match lower
            .strip_suffix("_file")
            .filter(|path| !is_known(&dotted(&lower)) && is_known(&dotted(path)))
        {
            Some(path) => {
                let text = std::fs::read_to_string(&value).map_err(|cause| ConfigError::Unreadable {
                    file: format!("{value} ({name})"),
                    cause,
                })?;
                (path.to_owned(), text.trim_end().to_owned())
            }
            None => (lower, value),
        };
        let dotted = dotted(&path);
        if !is_known(&dotted) {
            return Err(unknown(name, dotted));
        }
        put(&mut base, &dotted, parse_value(&dotted, &value));
        let alone = Value::Table(base.clone()).try_into::<Config>();
        alone.map_err(|cause| ConfigError::Malformed {
            source_name: name,
            cause: cause.message().to_owned(),
        })?;
    }
    let config = Config::deserialize(Value::Table(base)).map_err(|cause| ConfigError::Malformed {
        source_name: "configuration".to_owned(),
        cause: cause.to_string(),
    })?;
    check(&config)?;
    Ok(config)
}

/// The configuration as it takes effect, as TOML, secrets hidden.
pub fn render(config: &Config) -> String {
    toml::to_string(config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

fn dotted(path: &str) -> String {
    path.replace("__", ".")
}

/// As TOML, else as text; a key that holds text takes it as it is.
fn parse_value(key: &str, text: &str) -> Value {
    let is_text = key == SECRET_KEY || matches!(reference_value(key), Some(Value::String(_)));
    if is_text {
        return Value::String(text.to_owned());
    }
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn put(table: &mut Table, dotted: &str, value: Value) {
    let Some((section, key)) = dotted.split_once('.') else {
        return;
    };
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = entry {
        section.insert(key.to_owned(), value);
    }
}

fn reference() -> Table {
    REFERENCE.parse().unwrap_or_default()
}

fn reference_value(key: &str) -> Option<Value> {
    let (section, name) = key.split_once('.')?;
    reference().get(section)?.get(name).cloned()
}

fn known_keys() -> Vec<String> {
    let mut keys = keys_of(&reference());
    keys.push(SECRET_KEY.to_owned());
    keys
}

fn keys_of(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(members) => keys.extend(members.keys().map(|key| format!("{section}.{key}"))),
            _ => keys.push(section.clone()),
        }
    }
    keys
}

fn is_known(key: &str) -> bool {
    known_keys().iter().any(|known| known == key)
}

fn refuse_unknown(source_name: &str, table: &Table) -> Result<(), ConfigError> {
    match keys_of(table).into_iter().find(|key| !is_known(key)) {
        Some(key) => Err(unknown(source_name.to_owned(), key)),
        None => Ok(()),
    }
}

fn unknown(source_name: String, key: String) -> ConfigError {
    let nearest = known_keys()
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&known, &key), known))
        .filter(|(likeness, _)| *likeness > LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known);
    ConfigError::UnknownKey {
        source_name,
        key,
        nearest,
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |key, cause: &str| {
        Err(ConfigError::Impossible {
            key,
            cause: cause.to_owned(),
        })
    };
    let (tls, server, storage) = (&config.tls, &config.server, &config.storage);
    if tls.certificate.len() != tls.private_key.len() {
        return refuse(
            "tls.private_key",
            "there must be as many keys as certificates, in the same order",
        );
    }
    if tls.versions.is_empty() {
        return refuse("tls.versions", "must name at least one version");
    }
    for (key, seconds) in [
        ("console.session_hours", config.console.session_hours.into()),
        (
            "server.handshake_timeout_seconds",
            server.handshake_timeout_seconds,
        ),
        ("server.header_timeout_seconds", server.header_timeout_seconds),
        ("server.idle_timeout_seconds", server.idle_timeout_seconds),
        ("server.body_grace_seconds", server.body_grace_seconds),
        (
            "server.body_min_bytes_per_second",
            server.body_min_bytes_per_second,
        ),
        ("stream.buffer_bytes", config.stream.buffer_bytes as u64),
        ("stream.stall_seconds", config.stream.stall_seconds),
        ("storage.follower_interval_ms", storage.follower_interval_ms),
        ("retention.interval_seconds", config.retention.interval_seconds),
        ("retention.step_rows", config.retention.step_rows.into()),
        ("storage.read_connections", storage.read_connections.into()),
        ("storage.pool_connections", storage.pool_connections.into()),
        ("storage.connect_timeout_seconds", storage.connect_timeout_seconds),
        (
            "storage.statement_timeout_seconds",
            storage.statement_timeout_seconds,
        ),
        ("storage.partition_rows", storage.partition_rows.into()),
        ("storage.batch_rows", storage.batch_rows as u64),
        ("storage.batch_bytes", storage.batch_bytes as u64),
        ("storage.commit_timeout_seconds", storage.commit_timeout_seconds),
        ("server.max_connections", server.max_connections as u64),
        ("limits.cached_devices", config.limits.cached_devices as u64),
        ("limits.tracked_callers", config.limits.tracked_callers as u64),
        (
            "limits.body_bytes_in_flight",
            config.limits.body_bytes_in_flight as u64,
        ),
        (
            "limits.wrong_password_tries",
            u64::from(config.limits.wrong_password_tries),
        ),
        (
            "limits.wrong_password_ids",
            u64::from(config.limits.wrong_password_ids),
        ),
    ] {
        if seconds == 0 {
            return refuse(key, "must be more than 0");
        }
    }
    if config.management.signature_max_skew_seconds <= 0 {
        return refuse("management.signature_max_skew_seconds", "must be more than 0");
    }
    check_routing(&config.routing)?;
    if storage.queue_rows < 64 || storage.queue_bytes < 2 * 1024 * 1024 {
        return refuse(
            "storage.queue_rows",
            "the queue must take at least 64 rows and 2 MiB: one full gateway report",
        );
    }
    let known = ["sqlite://", "postgres://", "postgresql://"];
    if !known
        .iter()
        .any(|scheme| storage.url.expose().starts_with(scheme))
    {
        return refuse(
            "storage.url",
            "must be sqlite://PATH or postgres://USER@HOST/DATABASE",
        );
    }
    Ok(())
}

fn check_routing(routing: &RoutingConfig) -> Result<(), ConfigError> {
    let refuse = |key, cause: &str| {
        Err(ConfigError::Impossible {
            key,
            cause: cause.to_owned(),
        })
    };
    for (key, value) in [
        ("routing.window", routing.window as u64),
        ("routing.window_bytes", routing.window_bytes),
        ("routing.calls_in_flight", routing.calls_in_flight as u64),
        ("routing.save_interval_ms", routing.save_interval_ms),
    ] {
        if value == 0 {
            return refuse(key, "must be more than 0");
        }
    }
    if routing.event_max_age_seconds <= 0 {
        return refuse("routing.event_max_age_seconds", "must be more than 0");
    }
    check_push(routing)?;
    if let Some(network) = routing
        .allowed_networks
        .iter()
        .find(|network| network.trunc() != **network)
    {
        let whole = network.trunc();
        return refuse(
            "routing.allowed_networks",
            &format!("{network} is an address inside a network; write {whole} for all of it"),
        );
    }
    Ok(())
}

fn check_push(routing: &RoutingConfig) -> Result<(), ConfigError> {
    for (key, seconds) in [
        ("routing.push_timeout_seconds", routing.push_timeout_seconds),
        ("routing.connect_timeout_seconds", routing.connect_timeout_seconds),
        ("routing.lookup_timeout_seconds", routing.lookup_timeout_seconds),
        ("routing.idle_timeout_seconds", routing.idle_timeout_seconds),
        ("routing.ping_interval_seconds", routing.ping_interval_seconds),
        ("routing.answer_timeout_seconds", routing.answer_timeout_seconds),
    ] {
        if !(1..=HOUR_SECONDS).contains(&seconds) {
            return Err(ConfigError::Impossible {
                key,
                cause: format!("must be 1 to {HOUR_SECONDS}"),
            });
        }
    }
    for (key, lookups) in [
        ("routing.lookups", routing.lookups),
        ("routing.lookups_per_target", routing.lookups_per_target),
    ] {
        if !(1..=MOST_LOOKUPS).contains(&lookups) {
            return Err(ConfigError::Impossible {
                key,
                cause: format!("must be 1 to {MOST_LOOKUPS}: each takes a thread"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_text(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fieldgate.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), std::iter::empty())
    }

    fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(
            None,
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn the_reference_file_holds_every_key_with_its_default() {
        let parsed: Config = toml::from_str(REFERENCE).unwrap();
        assert_eq!(parsed, Config::default());
        let mut written = keys_of(&toml::to_string(&Config::default()).unwrap().parse().unwrap());
        let mut named = keys_of(&reference());
        written.sort();
        named.sort();
        assert_eq!(named, written);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = from_text("[tls]\ncertficate = \"a\"\n").unwrap_err().to_string();
        assert!(
            error.contains("fieldgate.toml: unknown key tls.certficate; did you mean tls.certificate?"),
            "{error}"
        );
        let error = from_environment(&[("FIELDGATE__STORAGE__URI", "x")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("FIELDGATE__STORAGE__URI: unknown key storage.uri; did you mean storage.url?"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_names_its_line_or_variable() {
        let error = from_text("[server]\nmax_connections = \"many\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2"), "{error}");
        let error = from_environment(&[("FIELDGATE__SERVER__MAX_CONNECTIONS", "many")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("FIELDGATE__SERVER__MAX_CONNECTIONS"), "{error}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = from_environment(&[
            ("FIELDGATE__DEVICE__LISTEN", "127.0.0.1:0"),
            ("FIELDGATE__TLS__CERTIFICATE", "[\"a\", \"b\"]"),
            ("FIELDGATE__TLS__PRIVATE_KEY", "[\"c\", \"d\"]"),
            ("FIELDGATE__INGEST__VALIDATION_MODE", "flag"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.device.listen.port(), 0);
        assert_eq!(config.tls.certificate.len(), 2);
        assert_eq!(config.ingest.validation_mode.as_str(), "flag");
    }

    #[test]
    fn the_master_key_is_never_shown() {
        let digits = "ab".repeat(32);
        let config = from_environment(&[("FIELDGATE__SECRETS__KEY", &digits)]).unwrap();
        assert_eq!(config.secrets.key.as_ref().unwrap().expose(), digits);
        assert!(!render(&config).contains(&digits));
        assert!(!format!("{config:?}").contains(&digits));
    }

    #[test]
    fn the_password_of_the_database_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://me:s3cret@h:5433/db?sslmode=require",
                "postgres://me@h:5433/db?sslmode=require",
            ),
            ("postgres://me:a@s3cret@h/db", "postgres://me@h/db"),
            ("postgres://h/db?user=me&password=s3cret", "postgres://h/db"),
            ("sqlite://data/x@y.db", "sqlite://data/x@y.db"),
        ] {
            let config = from_environment(&[("FIELDGATE__STORAGE__URL", url)]).unwrap();
            assert_eq!(config.storage.url.expose(), url);
            assert!(
                render(&config).contains(&format!("url = \"{shown}\"")),
                "{}",
                render(&config)
            );
            assert!(!format!("{config:?}").contains("s3cret"));
        }
    }

    #[test]
    fn impossible_values_are_refused_by_key() {
        for (text, key) in [
            ("[tls]\ncertificate = \"a\"\n", "tls.private_key"),
            ("[tls]\nversions = []\n", "tls.versions"),
            (
                "[server]\nidle_timeout_seconds = 0\n",
                "server.idle_timeout_seconds",
            ),
            ("[storage]\nurl = \"mysql://x\"\n", "storage.url"),
            ("[storage]\nbatch_rows = 0\n", "storage.batch_rows"),
            ("[routing]\nwindow = 0\n", "routing.window"),
            ("[routing]\nsave_interval_ms = 0\n", "routing.save_interval_ms"),
            (
                "[routing]\npush_timeout_seconds = 0\n",
                "routing.push_timeout_seconds: must be 1 to 3600",
            ),
            (
                "[routing]\nidle_timeout_seconds = 86400\n",
                "routing.idle_timeout_seconds",
            ),
            ("[routing]\nlookups = 1000\n", "routing.lookups: must be 1 to 256"),
            (
                "[routing]\nallowed_networks = [\"10.0.0.1/8\"]\n",
                "routing.allowed_networks",
            ),
        ] {
            let error = from_text(text).unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
