//! A device's life in a run: waits until a report is due, sends it until something is known of it, notes what, and goes
//! on. One report at a time, as firmware does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::journal::Journal;
use super::judge::{Outcome, PATIENCE, Verdict, judge};
use super::pace::Turn;
use super::payload::{Maker, MakerSettings, Report};
use super::run::Run;
use super::session::{Session, Trouble};

/// What became of a report, and how often nobody knows whether it was stored.
struct Delivery {
    outcome: Outcome,
    unsure: u32,
    /// The device may not authenticate any more.
    denied: bool,
}

/// Reports until the run ends; gives the notes for the verification.
pub(super) async fn report(mut session: Session, run: Arc<Run>, started: Instant) -> Journal {
    let reporter = session.member().reporter.clone();
    let settings = MakerSettings {
        seed: run.plan.seed,
        mix: run.plan.mix,
        bad_in_a_million: run.plan.bad_in_a_million,
        payload_bytes: run.plan.payload_bytes,
    };
    let mut maker = Maker::new(run.id.clone(), reporter.clone(), &settings);
    let mut journal = Journal::new(reporter.number, run.plan.verify);
    let mut turn = 0;
    while let Some(from) = next_due(&run, u64::from(reporter.number), turn, started).await {
        turn += 1;
        let Some(report) = maker.next() else { break };
        let delivery = deliver(&mut session, &run, &report).await;
        journal.note(report.kind, delivery.outcome, delivery.unsure);
        let children = reporter.children.len() as u64;
        run.tally()
            .report(&report, children, delivery.outcome, from.elapsed());
        session.rest().await;
        if delivery.denied {
            break;
        }
    }
    session.close().await;
    journal
}

/// Waits for the next report's turn; from when its latency counts, none when there is no more.
async fn next_due(run: &Run, reporter: u64, turn: u64, started: Instant) -> Option<Instant> {
    if run.stop.is_cancelled() {
        return None;
    }
    let due = match run.pace.turn(reporter, turn) {
        Turn::Done => return None,
        Turn::Now => return Some(Instant::now()),
        Turn::At(after) => started + after,
    };
    if due > Instant::now() {
        tokio::select! {
            biased;
            () = run.stop.cancelled() => return None,
            () = tokio::time::sleep_until(due.into()) => {}
        }
        // A device that was waiting and woke within the timer's own step is not late.
        let now = Instant::now();
        if now.duration_since(due) <= TIMER_STEP {
            return Some(now);
        }
    }
    Some(due)
}

/// Sends a report until it was judged, the server's patience is asked for too long, or the run ends.
async fn deliver(session: &mut Session, run: &Run, report: &Report) -> Delivery {
    let first = Instant::now();
    let (mut unsure, mut reauthenticated, mut backoff) = (0, false, FIRST_BACKOFF);
    let done = |outcome, unsure| Delivery {
        outcome,
        unsure,
        denied: false,
    };
    loop {
        let wait = match session.send(report).await {
            Ok(answer) => {
                let status = answer.status.as_u16();
                let code = if answer.status.is_success() {
                    String::new()
                } else {
                    answer.code()
                };
                run.tally().answered(status, &code);
                // The server may have stored it and failed to say so.
                unsure += u32::from(answer.status.is_server_error());
                match judge(&answer, &code, report.bad, reauthenticated) {
                    Verdict::Done(outcome) => {
                        if !matches!(outcome, Outcome::Acknowledged | Outcome::Refused) {
                            run.tally().example(report, status, &code, &answer.message());
                        }
                        return done(outcome, unsure);
                    }
                    Verdict::Reauthenticate => {
                        reauthenticated = true;
                        session.forget_token();
                        Duration::ZERO
                    }
                    Verdict::Wait(wait) => wait,
                }
            }
            Err(Trouble::NoAnswer(cause)) => {
                run.tally().lost(&cause);
                return done(Outcome::NoAnswer, unsure + 1);
            }
            Err(Trouble::NotSent(cause)) => {
                run.tally().outage(&cause);
                let wait = backoff;
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                wait
            }
            Err(Trouble::Held(wait)) => wait,
            Err(Trouble::Denied(cause)) => {
                run.tally().denied(cause);
                return Delivery {
                    denied: true,
                    ..done(Outcome::WronglyRefused, unsure)
                };
            }
        };
        if first.elapsed() + wait > PATIENCE {
            return done(Outcome::GivenUp, unsure);
        }
        if !wait.is_zero() && ends_within(run, wait).await {
            return done(Outcome::Unfinished, unsure);
        }
    }
}

/// Waits; true when the run ends first.
async fn ends_within(run: &Run, wait: Duration) -> bool {
    tokio::select! {
        biased;
        () = run.stop.cancelled() => true,
        () = tokio::time::sleep(wait) => false,
    }
}

/// Tokio's timers have steps of a millisecond.
const TIMER_STEP: Duration = Duration::from_millis(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
