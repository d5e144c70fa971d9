//! The flags of `fieldgate simulate`, and what a run is to do once they are checked.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Failure;
use super::mix::Mix;
use crate::auth::secret::random_bytes;
use crate::cli::client::server::ServerArgs;
use crate::cli::times;
use crate::domain::ids::ProductId;

#[derive(Args)]
pub(in crate::cli) struct SimulateArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    end: EndArgs,
}

#[derive(Args)]
pub(super) struct TargetArgs {
    /// Where devices connect; else the configuration's device listener [quickstart: `https://127.0.0.1:8443`]
    #[arg(long, value_name = "URL", help_heading = "The server")]
    pub(super) devices_url: Option<String>,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The fleet")]
pub(super) struct FleetArgs {
    /// Direct devices
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    pub(super) devices: u32,
    /// Gateways, which report for themselves and for their children
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(super) gateways: u32,
    /// Children of each gateway, all named in each of its batches
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(super) children: u32,
    /// Keep or close the connection after each report
    #[arg(long, value_enum, default_value_t = ConnectionMode::KeepAlive)]
    pub(super) connection: ConnectionMode,
    /// No TLS session is resumed: each connection costs a full handshake
    #[arg(long)]
    pub(super) full_handshakes: bool,
    /// Renew tokens this often, 0 for each report [default: when four fifths of a token's time have gone]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) renew_every: Option<Duration>,
    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) timeout: Duration,
}

#[derive(Args)]
#[command(next_help_heading = "The load")]
struct LoadArgs {
    /// Reports a second of the whole fleet, in turns; absent: each device sends as soon as it was answered.
    /// At a rate, latency counts from the instant a report was due, so that a stall of the server shows in all the
    /// reports that it held up
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// How long to report [default: 10s, unless --reports is given]
    #[arg(long, value_name = "TIME", value_parser = time)]
    duration: Option<Duration>,
    /// End after this many reports
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    reports: Option<u64>,
    /// The shares of the kinds of reports in the whole fleet; batches come from gateways alone, which send nothing
    /// else where that is not enough
    #[arg(long, value_name = "SHARES", default_value_t = Mix::default())]
    mix: Mix,
    /// The share of reports that are wrong on purpose and have to be refused, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    bad_share: u32,
    /// The size of a report's body, about, a batch's whole body; more where its fields need it
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=900_000))]
    payload_bytes: u32,
    /// Repeats the kinds, values and faults of an earlier run [default: another each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The end")]
pub(super) struct EndArgs {
    /// Read back every device's events and compare them with what was acknowledged; takes a byte of memory a report
    #[arg(long)]
    pub(super) verify: bool,
    /// Leave the product and the devices; else they are deleted, also after Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
    /// Lost and refused connections do not fail the run: for one across a restart of the server
    #[arg(long)]
    pub(super) allow_outages: bool,
    /// Do nothing but delete what an earlier run left, by --keep or because its server went away
    #[arg(long, value_name = "RUN", value_parser = run_id)]
    pub(super) remove: Option<String>,
    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// What becomes of a connection after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ConnectionMode {
    KeepAlive,
    PerReport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) fleet: FleetArgs,
    pub(super) rate: Option<f64>,
    pub(super) duration: Option<Duration>,
    pub(super) reports: Option<u64>,
    pub(super) mix: Mix,
    pub(super) bad_in_a_million: u32,
    pub(super) payload_bytes: usize,
    pub(super) seed: u64,
    pub(super) end: EndArgs,
}

impl Plan {
    /// How often a gateway's turn is a batch.
    pub(super) fn batches_in_a_million(&self) -> u32 {
        self.mix
            .batches_in_a_million(self.fleet.devices, self.fleet.gateways)
    }
}

impl SimulateArgs {
    /// Checks what the flags say together.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let (fleet, load) = (&self.fleet, &self.load);
        if fleet.devices + fleet.gateways == 0 {
            return Err("--devices and --gateways are both 0: nobody would report".into());
        }
        let direct = load.mix.properties + load.mix.message;
        if direct == 0 && fleet.devices > 0 {
            return Err("--mix has batches alone, which direct devices cannot send: give --devices 0".into());
        }
        let seed = match load.seed {
            Some(seed) => seed,
            // Short enough to be typed again.
            None => u64::from(u32::from_be_bytes(random_bytes::<4>()?)),
        };
        let default_duration = load.reports.is_none().then_some(DEFAULT_DURATION);
        Ok(Plan {
            fleet: self.fleet.clone(),
            rate: load.rate,
            duration: load.duration.or(default_duration),
            reports: load.reports,
            mix: load.mix,
            bad_in_a_million: load.bad_share,
            payload_bytes: usize::try_from(load.payload_bytes)?,
            seed,
            end: self.end.clone(),
        })
    }
}

/// A [`time`] that something can happen in.
fn timeout(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if time < SHORTEST_TIMEOUT {
        return Err("must be at least 100ms".to_owned());
    }
    Ok(time)
}

/// One that a run can last.
fn time(text: &str) -> Result<Duration, String> {
    let time = times::parse(text)?;
    if time > LONGEST {
        return Err("must be at most 24h".to_owned());
    }
    Ok(time)
}

/// The id of a run, so that no other product is deleted by mistake.
fn run_id(text: &str) -> Result<String, String> {
    if text.starts_with("sim-") && ProductId::parse(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("must be the id of a run, like sim-1a2b3c4d".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "must be a number from 0.001 to 1000000".to_owned())
}

/// A share from 0 to 1, in millionths.
fn share(text: &str) -> Result<u32, String> {
    let share: f64 = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "must be a number from 0 to 1".to_owned())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 to a million"
    )]
    let millionths = (share * 1_000_000.0).round() as u32;
    Ok(millionths)
}

const DEFAULT_DURATION: Duration = Duration::from_secs(10);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn plan(line: &str) -> Result<Plan, String> {
        let words = std::iter::once("simulate").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.args.plan().map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_a_fleet_reports_for_ten_seconds() {
        let plan = plan("").unwrap();
        assert_eq!(plan.duration, Some(Duration::from_secs(10)));
        assert_eq!(
            (plan.fleet.devices, plan.fleet.gateways, plan.fleet.children),
            (100, 4, 5)
        );
        assert_eq!((plan.rate, plan.reports, plan.bad_in_a_million), (None, None, 0));
    }

    #[test]
    fn flags_read_as_they_are_meant() {
        let plan =
            plan("--rate 0.5 --reports 7 --bad-share 0.01 --renew-every 0 --timeout 250ms --seed 9").unwrap();
        assert_eq!(plan.rate, Some(0.5));
        assert_eq!((plan.duration, plan.reports), (None, Some(7)));
        assert_eq!(plan.bad_in_a_million, 10_000);
        assert_eq!(plan.fleet.renew_every, Some(Duration::ZERO));
        assert_eq!((plan.fleet.timeout, plan.seed), (Duration::from_millis(250), 9));
        assert_eq!(time("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(time("1h"), Ok(Duration::from_hours(1)));
    }

    #[test]
    fn what_makes_no_run_is_refused_with_the_reason() {
        for (line, part) in [
            ("--devices 0 --gateways 0", "nobody would report"),
            ("--mix batch=1", "give --devices 0"),
            ("--mix shadow=1", "none of properties"),
            ("--bad-share 2", "from 0 to 1"),
            ("--rate 0", "from 0.001"),
            ("--rate nan", "from 0.001"),
            ("--duration 3x", "like 500ms"),
            ("--duration=-1s", "like 500ms"),
            ("--duration 25h", "at most 24h"),
            ("--children 51", "51"),
            ("--timeout 10ms", "at least 100ms"),
            ("--remove demo", "like sim-1a2b3c4d"),
            ("--remove sim-../x", "like sim-1a2b3c4d"),
        ] {
            let said = plan(line).map(|_| ()).unwrap_err();
            assert!(said.contains(part), "{line}: {said}");
        }
        assert!(plan("--devices 0 --gateways 1 --mix batch=1").is_ok());
    }
}
