//! Configuration: defaults ← file ← environment. Every key is in `config/fieldgate.toml`; the only part that reads the
//! environment. Paths are relative to the working directory.

mod load;
mod sections;

pub use load::{ConfigError, environment, load, load_over, render};
pub use sections::{
    Config, ConsoleConfig, DeviceConfig, IngestConfig, LimitsConfig, LogConfig, LogFormat, ManagementConfig,
    RetentionConfig, RoutingConfig, SecretsConfig, ServerConfig, StorageConfig, StreamConfig, TlsConfig,
    TlsVersion,
};
