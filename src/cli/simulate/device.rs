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
use crate::cli::client::connection::Answer;
use crate::lifecycle::pause;

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
        batches_in_a_million: run.plan.batches_in_a_million(),
        bad_in_a_million: run.plan.bad_in_a_million,
        payload_bytes: run.plan.payload_bytes,
    };
    let mut maker = Maker::new(run.id.clone(), reporter.clone(), &settings);
    let mut journal = Journal::new(reporter.number, run.plan.end.verify);
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

/// Sends a report until it was judged, [`PATIENCE`] is over, or the run ends.
async fn deliver(session: &mut Session, run: &Run, report: &Report) -> Delivery {
    let first = Instant::now();
    let mut attempts = Attempts::default();
    loop {
        let wait = match attempts.send(session, run, report).await {
            Step::Done(outcome) => return attempts.end(outcome),
            Step::Again(wait) => wait,
        };
        if first.elapsed() + wait > PATIENCE {
            return attempts.end(Outcome::GivenUp);
        }
        if !wait.is_zero() && !pause(&run.stop, wait).await {
            return attempts.end(Outcome::Unfinished);
        }
    }
}

/// How it stands with a report after an attempt.
enum Step {
    Done(Outcome),
    /// Once more, after this long.
    Again(Duration),
}

/// The attempts to deliver one report.
#[derive(Default)]
struct Attempts {
    unsure: u32,
    reauthenticated: bool,
    denied: bool,
    not_sent: u32,
}

impl Attempts {
    async fn send(&mut self, session: &mut Session, run: &Run, report: &Report) -> Step {
        match session.send(report).await {
            Ok(answer) => self.judged(session, run, report, &answer),
            Err(Trouble::NoAnswer(cause)) => {
                self.unsure += 1;
                run.tally().lost(&cause);
                Step::Done(Outcome::NoAnswer)
            }
            Err(Trouble::NotSent(cause)) => {
                run.tally().outage(&cause);
                let doubled = FIRST_BACKOFF * 2_u32.saturating_pow(self.not_sent.min(10));
                self.not_sent += 1;
                Step::Again(doubled.min(LONGEST_BACKOFF))
            }
            Err(Trouble::Held(wait)) => Step::Again(wait),
            Err(Trouble::Denied(cause)) => {
                run.tally().denied(cause);
                self.denied = true;
                Step::Done(Outcome::WronglyRefused)
            }
        }
    }

    fn judged(&mut self, session: &mut Session, run: &Run, report: &Report, answer: &Answer) -> Step {
        let status = answer.status.as_u16();
        let code = if answer.status.is_success() {
            String::new()
        } else {
            answer.code()
        };
        run.tally().answered(status, &code);
        // The server may have stored it and failed to say so.
        self.unsure += u32::from(answer.status.is_server_error());
        match judge(answer, &code, report.bad, self.reauthenticated) {
            Verdict::Done(outcome) => {
                if !matches!(outcome, Outcome::Acknowledged | Outcome::Refused) {
                    run.tally().example(report, status, &code, &answer.message());
                }
                Step::Done(outcome)
            }
            Verdict::Reauthenticate => {
                self.reauthenticated = true;
                session.forget_token();
                Step::Again(Duration::ZERO)
            }
            Verdict::Wait(wait) => Step::Again(wait),
        }
    }

    const fn end(&self, outcome: Outcome) -> Delivery {
        Delivery {
            outcome,
            unsure: self.unsure,
            denied: self.denied,
        }
    }
}

/// Tokio's timers have steps of a millisecond.
const TIMER_STEP: Duration = Duration::from_millis(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
