//! `fieldgate devices import`: registers the devices of a CSV file through the management API of a running server, many
//! at once. What became of each row stands in a result file beside it; started again, it goes on with what is left.

mod register;
mod results;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::client::Failure;
use super::client::bounded::each;
use super::client::management::Management;
use super::client::progress::Progress;
use super::client::server::{Server, ServerArgs};
use super::{Outcome, print};
use crate::lifecycle::{Lifecycle, Signals};
use results::Results;
use rows::Row;

#[derive(Args)]
pub(super) struct DevicesArgs {
    #[command(subcommand)]
    command: DevicesCommand,
}

#[derive(Subcommand)]
enum DevicesCommand {
    /// Register the devices of a CSV file; run again, it goes on with the rows that are not registered yet
    ///
    /// The first line names the columns: `node_id` and `product_id`, and as needed `device_id`, `device_name`,
    /// `description`, `gateway_id`, `app_id`, `secret`, `secure_access`, `timeout`, `extension_info` (JSON) and `tags`
    /// (`site=3;floor=2`). Gateways may stand anywhere in the file. What became of each row, generated secrets included,
    /// is written to the result file.
    Import(ImportArgs),
}

#[derive(Args)]
struct ImportArgs {
    /// The CSV file, UTF-8
    file: PathBuf,
    /// What became of each row [default: the file's name with `.result.csv`]
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
    /// The product of rows that name none
    #[arg(long, value_name = "ID")]
    product: Option<String>,
    /// Registrations at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: u16,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=600))]
    timeout: u16,
    #[command(flatten)]
    server: ServerArgs,
}

/// The largest answer that is read: one device.
const LARGEST_ANSWER: usize = 1024 * 1024;

pub(super) fn run(args: &DevicesArgs) -> Outcome {
    let DevicesCommand::Import(args) = &args.command;
    let rows = rows::read(&args.file, args.product.as_deref())?;
    let result = args.result.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".result.csv");
        name.into()
    });
    let results = Results::open(&result, &rows)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(import(args, rows, results))
}

async fn import(args: &ImportArgs, rows: Vec<Row>, results: Results) -> Outcome {
    let server = Server::resolve(&args.server)?;
    let timeout = Duration::from_secs(u64::from(args.timeout));
    let management = Arc::new(server.management(timeout, LARGEST_ANSWER).await?);
    let lifecycle = Lifecycle::new();
    hear_signals(&lifecycle)?;
    let (all, before) = (rows.len(), results.present());
    let waiting: Vec<Row> = rows.into_iter().filter(|row| !results.is_present(row)).collect();
    let results = Arc::new(results);
    let ended = register_all(args, waiting, &management, &results, &lifecycle.token()).await;
    let summary = results.finish()?;
    print(&format!(
        "{all} rows: {} registered now, {} found registered, {before} registered before, {} refused, {} not tried\nresults: {}\n",
        summary.created,
        summary.found,
        summary.refused,
        all - before - summary.created - summary.found - summary.refused,
        results.path().display(),
    ));
    ended?;
    if summary.refused > 0 {
        return Err("some rows were refused: the result file says why; mend them and run it again".into());
    }
    Ok(())
}

/// Level by level: a gateway before its children. A row that is refused holds up no other.
async fn register_all(
    args: &ImportArgs,
    waiting: Vec<Row>,
    management: &Arc<Management>,
    results: &Arc<Results>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut progress = Progress::new("registering", Some(waiting.len() as u64));
    let mut done = 0;
    for level in rows::levels(waiting) {
        let count = level.len() as u64;
        let register = |row: Row| {
            let (management, results) = (management.clone(), results.clone());
            async move {
                let state = register::register(&management, &row).await?;
                results.note(&row, &state)
            }
        };
        let at_once = usize::from(args.at_once);
        progress.count_from(done);
        each(level, at_once, stop, &mut progress, register).await?;
        done += count;
    }
    Ok(())
}

/// The first signal ends it in order: what has begun is awaited and noted.
fn hear_signals(lifecycle: &Lifecycle) -> Outcome {
    let signals = Signals::register()?;
    let stop = lifecycle.token();
    lifecycle.spawn("signals", async move {
        let signal = signals.wait().await;
        eprintln!("{signal}: ending; run it again to go on");
        stop.cancel();
    });
    Ok(())
}
