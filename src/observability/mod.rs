//! Logs, to standard error: for people or as JSON; and metrics.

mod forwarding;
mod line_buffer;
pub mod metrics;
pub mod rates;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use line_buffer::LineBuffer;

pub use forwarding::{ActionFigures, ForwardingMetrics};
pub use line_buffer::LogGuard;
pub use metrics::Metrics;

/// Why logs cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is no filter.
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Logs were started before.
    #[error("logs cannot start: {0}")]
    Started(String),
}

/// Starts logging for the whole process. Lines that still wait are written when the guard is dropped.
pub fn init_logs(format: LogFormat, level: &str) -> Result<LogGuard, LogError> {
    let filter = EnvFilter::try_new(format!("sqlx=warn,{level}"))?;
    let (writer, guard) = LineBuffer::start().map_err(|error| LogError::Started(error.to_string()))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false);
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| LogError::Started(error.to_string()))?;
    Ok(guard)
}
