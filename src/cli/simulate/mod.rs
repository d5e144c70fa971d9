//! `fieldgate simulate`: a fleet that registers itself, authenticates, keeps and renews tokens and reports over TLS, as
//! devices do, and tells how that went. The fleet speaks to the device listener alone; registering, reading back and
//! deleting go through the management API. It is a client: nothing of a server runs here.

mod compare;
mod device;
mod dice;
mod fleet;
mod journal;
mod judge;
mod leftovers;
mod mix;
mod options;
mod pace;
mod payload;
mod run;
mod session;
mod summary;
mod tally;
mod text;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Failure;
use super::client::bounded::{self, each};
use super::client::connection::Client;
use super::client::endpoint::Endpoint;
use super::client::management::Management;
use super::client::progress::Progress;
use super::client::server::Server;
use super::{Outcome, print};
use crate::auth::secret::random_bytes;
use crate::lifecycle::{Lifecycle, Signals};
use fleet::Fleet;
use journal::Journal;
use options::{Format, Plan};
use run::Run;
use session::{Session, Trouble};
use summary::{End, Summary};

pub(super) use options::SimulateArgs;

pub(super) fn run(args: &SimulateArgs) -> Outcome {
    let plan = args.plan()?;
    check_files(&plan)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::resolve(&args.target.server)?;
        let devices = server.devices(args.target.devices_url.as_deref())?;
        let target = Target { server, devices };
        let lifecycle = Lifecycle::new();
        hear_signals(&lifecycle)?;
        match &plan.end.remove {
            Some(run) => remove(run, &plan, &target, lifecycle.token()).await,
            None => simulate(plan, &target, lifecycle.token()).await,
        }
    })
}

/// Each device is a connection, and each connection a file.
fn check_files(plan: &Plan) -> Outcome {
    let wanted = u64::from(plan.fleet.devices) + u64::from(plan.fleet.gateways) + OWN_FILES;
    let allowed = super::raised_file_limit();
    if allowed < wanted {
        return Err(format!(
            "{allowed} files may be open and this fleet needs {wanted}: raise the limit (ulimit -n), or take fewer devices"
        )
        .into());
    }
    Ok(())
}

/// The first signal ends the run and what follows it is done; the second ends the program.
fn hear_signals(lifecycle: &Lifecycle) -> Outcome {
    let first = Signals::register()?;
    let stop = lifecycle.token();
    lifecycle.spawn("signals", async move {
        let signal = first.wait().await;
        let second = Signals::register();
        eprintln!("{signal}: ending the run; once more leaves at once, without deleting what was made");
        stop.cancel();
        if let Ok(second) = second {
            second.wait().await;
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(())
}

async fn remove(run: &str, plan: &Plan, target: &Target, interrupt: CancellationToken) -> Outcome {
    let removed = leftovers::remove(management(plan, target).await?, run, &interrupt).await?;
    print(&format!("removed {run}: its product and {removed} devices\n"));
    Ok(())
}

/// Whom the run reports to, and who registers its fleet.
struct Target {
    server: Server,
    devices: Endpoint,
}

/// Its connections resume sessions of their own, so that the fleet's handshakes are what devices would cost.
async fn management(plan: &Plan, target: &Target) -> Result<Arc<Management>, Failure> {
    let management = target.server.management(plan.fleet.timeout, LARGEST_PAGE);
    Ok(Arc::new(management.await?))
}

async fn simulate(plan: Plan, target: &Target, interrupt: CancellationToken) -> Outcome {
    let id: Arc<str> = format!("sim-{}", hex::encode(random_bytes::<4>()?)).into();
    let management = management(&plan, target).await?;
    let devices = |full_handshakes| -> Result<Client, Failure> {
        let (listener, ca) = (target.devices.clone(), target.server.ca.clone());
        let (tls, timeout) = (target.server.tls(full_handshakes)?, plan.fleet.timeout);
        Ok(Client::new(listener, tls, ca, timeout, LARGEST_ANSWER))
    };
    // Before anything is made: both listeners answer, and the key is good.
    devices(true)?.connect().await?.close().await;
    let client = devices(plan.fleet.full_handshakes)?;
    let mut fleet = Fleet::new(management.clone(), &id, &plan)?;
    let run = Arc::new(Run::new(id, plan, client, interrupt.child_token()));
    let ended = perform(&run, &mut fleet, management, &interrupt).await;
    // What was not finished is of no use to anyone.
    let removed = if run.plan.end.keep && ended.is_ok() {
        Ok(())
    } else {
        fleet.remove().await
    };
    let left = removed.err().map(|error| error.to_string());
    let mut end = match (ended, left) {
        (Ok(end), left) => End {
            problems: end.problems.into_iter().chain(left).collect(),
            ..end
        },
        (Err(error), None) => return Err(error),
        (Err(error), Some(left)) => return Err(format!("{error}; {left}").into()),
    };
    end.kept = run.plan.end.keep.then(|| fleet.product_id().to_owned());
    conclude(&run, end)
}

/// Registers the fleet, lets it report, and compares.
async fn perform(
    run: &Arc<Run>,
    fleet: &mut Fleet,
    management: Arc<Management>,
    interrupt: &CancellationToken,
) -> Result<End, Failure> {
    fleet.register(interrupt).await?;
    let sessions = come_online(run, fleet, interrupt).await?;
    let started = Instant::now();
    let (journals, mut problems) = report(run, sessions, started).await;
    let elapsed = started.elapsed();
    let mut verification = None;
    if run.plan.end.verify {
        let (id, bytes) = (run.id.clone(), run.plan.payload_bytes);
        // Ctrl-C in the run ends the run; what it acknowledged is compared all the same.
        let stop = if interrupt.is_cancelled() {
            CancellationToken::new()
        } else {
            interrupt.clone()
        };
        match verify::verify(management, id, &fleet.members, journals, bytes, &stop).await {
            Ok(findings) => verification = Some(findings),
            Err(error) => problems.push(format!("the verification: {error}")),
        }
    }
    Ok(End {
        elapsed,
        interrupted: interrupt.is_cancelled(),
        verification,
        kept: None,
        problems,
    })
}

/// Every device connects and gets its first token, a bounded number at once.
async fn come_online(
    run: &Arc<Run>,
    fleet: &Fleet,
    interrupt: &CancellationToken,
) -> Result<Vec<Session>, Failure> {
    let mut progress = Progress::new("coming online", Some(fleet.members.len() as u64));
    each(
        fleet.members.clone(),
        ONLINE_AT_ONCE,
        interrupt,
        &mut progress,
        |member| {
            let (session, interrupt) = (Session::new(run.clone(), member), interrupt.clone());
            async move {
                tokio::select! {
                    biased;
                    () = interrupt.cancelled() => Err(bounded::INTERRUPTED.into()),
                    online = first_token(session) => online,
                }
            }
        },
    )
    .await
}

async fn first_token(mut session: Session) -> Result<Session, Failure> {
    for _ in 0..AUTHENTICATION_TRIES {
        match session.authenticate().await {
            Ok(()) => {
                session.rest().await;
                return Ok(session);
            }
            Err(Trouble::Held(wait)) => tokio::time::sleep(wait).await,
            Err(Trouble::NotSent(cause) | Trouble::NoAnswer(cause) | Trouble::Denied(cause)) => {
                return Err(cause.into());
            }
        }
    }
    Err("the server holds authentications back without an end".into())
}

/// Lets everyone report until the duration is over, everything was sent, or Ctrl-C.
async fn report(run: &Arc<Run>, sessions: Vec<Session>, started: Instant) -> (Vec<Journal>, Vec<String>) {
    let mut reporters = JoinSet::new();
    for session in sessions {
        reporters.spawn(device::report(session, run.clone(), started));
    }
    let mut progress = Progress::new("reporting", run.pace.total());
    let mut tick = tokio::time::interval(TICK);
    let over = async {
        match run.plan.duration {
            Some(duration) => tokio::time::sleep_until((started + duration).into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let (mut journals, mut problems) = (Vec::with_capacity(reporters.len()), Vec::new());
    loop {
        tokio::select! {
            biased;
            () = &mut over, if !run.stop.is_cancelled() => run.stop.cancel(),
            ended = reporters.join_next() => match ended {
                None => return (journals, problems),
                Some(Ok(journal)) => journals.push(journal),
                Some(Err(panicked)) => problems.push(format!("a device ended: {panicked}")),
            },
            _ = tick.tick() => show(run, started, &mut progress),
        }
    }
}

fn show(run: &Run, started: Instant, progress: &mut Progress) {
    let tally = run.tally();
    let elapsed = u64::try_from(started.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let per_second = tally.reports().saturating_mul(1000) / elapsed;
    let p99 = tally.report_times.percentile(99.0).as_secs_f64() * 1000.0;
    let (lost, failed) = (tally.lost, tally.outages);
    let trouble = match lost + failed {
        0 => String::new(),
        _ => format!(", {lost} without an answer, {failed} connections failed"),
    };
    progress.show(
        tally.reports(),
        &format!("{per_second}/s, p99 {p99:.1} ms{trouble}"),
    );
}

fn conclude(run: &Run, end: End) -> Outcome {
    let summary = Summary::new(run, end);
    match run.plan.end.format {
        Format::Text => print(&text::render(&summary)),
        Format::Json => print(&format!("{}\n", serde_json::to_string_pretty(&summary)?)),
    }
    if summary.ok {
        return Ok(());
    }
    let problems = match run.plan.end.format {
        Format::Text => "see the problems above".to_owned(),
        Format::Json => summary.problems.join("; "),
    };
    Err(format!("not everything held: {problems}").into())
}

/// The runtime's, the management connections'.
const OWN_FILES: u64 = 100;
/// Handshakes at once while the fleet comes online.
const ONLINE_AT_ONCE: usize = 32;
const AUTHENTICATION_TRIES: u32 = 5;
const TICK: Duration = Duration::from_millis(100);
/// Answers to devices are small.
const LARGEST_ANSWER: usize = 64 * 1024;
/// A page of events with large bodies.
const LARGEST_PAGE: usize = 64 * 1024 * 1024;
/// What a shell shows for Ctrl-C.
const INTERRUPTED: i32 = 130;
