//! What an answer means for the report that it answers: pure, so that every case is a line of a test.

use std::time::Duration;

use super::payload::Bad;
use crate::cli::client::connection::Answer;

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Answered 200: it must be stored.
    Acknowledged,
    /// A bad one, refused as it has to be.
    Refused,
    /// A bad one that was answered 200.
    WronglyAccepted,
    /// Refused for another reason than it should be, or a good one refused.
    WronglyRefused,
    /// A fault of the server's own.
    ServerError,
    /// The connection ended, or the time, before an answer came.
    NoAnswer,
    /// Not taken within [`PATIENCE`].
    GivenUp,
    /// The run ended while it waited to be taken.
    Unfinished,
}

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done(Outcome),
    /// Get another token and send it again.
    Reauthenticate,
    /// Send it again after this long.
    Wait(Duration),
}

/// Judges an answer with this `error_code`; `reauthenticated`: a new token was got for this report already.
pub(super) fn judge(answer: &Answer, code: &str, bad: Option<Bad>, reauthenticated: bool) -> Verdict {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Verdict::Done(match bad {
            None => Outcome::Acknowledged,
            Some(_) => Outcome::WronglyAccepted,
        });
    }
    if is_held_back(status, code) {
        return Verdict::Wait(wait(answer));
    }
    if answer.status.is_server_error() {
        return Verdict::Done(Outcome::ServerError);
    }
    match bad {
        Some(bad) if bad.refusal() == (status, code) => Verdict::Done(Outcome::Refused),
        _ if (status, code) == INVALID_TOKEN && !reauthenticated => Verdict::Reauthenticate,
        _ => Verdict::Done(Outcome::WronglyRefused),
    }
}

/// Whether the answer asks to come again later: a limit, or nothing can be stored now.
pub(super) fn is_held_back(status: u16, code: &str) -> bool {
    status == 503 || status == 429 || (status == 403 && LIMITS.contains(&code))
}

/// How long an answer that asks to come again wants to be waited for.
pub(super) fn wait(answer: &Answer) -> Duration {
    answer.retry_after.unwrap_or(WAIT).clamp(SHORTEST_WAIT, PATIENCE)
}

/// How long a report is tried.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const WAIT: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
const INVALID_TOKEN: (u16, &str) = (403, "IOTDA.000004");
/// A device's limit, the instance's limit.
const LIMITS: [&str; 2] = ["IOTDA.021101", "IOTDA.021102"];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::*;

    fn verdict(status: u16, code: &str, bad: Option<Bad>, reauthenticated: bool) -> Verdict {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: (status == 503).then_some(Duration::from_secs(7)),
            body: Bytes::new(),
        };
        judge(&answer, code, bad, reauthenticated)
    }

    #[test]
    fn good_reports_are_acknowledged_or_something_is_wrong() {
        let good = |status, code| verdict(status, code, None, false);
        assert_eq!(good(200, ""), Verdict::Done(Outcome::Acknowledged));
        assert_eq!(good(400, "IOTDA.000006"), Verdict::Done(Outcome::WronglyRefused));
        assert_eq!(good(401, "IOTDA.000002"), Verdict::Done(Outcome::WronglyRefused));
        assert_eq!(good(500, "IOTDA.000001"), Verdict::Done(Outcome::ServerError));
    }

    #[test]
    fn a_dead_token_is_renewed_once() {
        assert_eq!(verdict(403, "IOTDA.000004", None, false), Verdict::Reauthenticate);
        assert_eq!(
            verdict(403, "IOTDA.000004", None, true),
            Verdict::Done(Outcome::WronglyRefused)
        );
    }

    #[test]
    fn limits_and_a_full_store_are_waited_for_as_long_as_they_say() {
        let wait = |status, code| verdict(status, code, None, false);
        assert_eq!(wait(503, "IOTDA.000001"), Verdict::Wait(Duration::from_secs(7)));
        assert_eq!(wait(403, "IOTDA.021101"), Verdict::Wait(WAIT));
        assert_eq!(wait(403, "IOTDA.021102"), Verdict::Wait(WAIT));
        assert_eq!(wait(429, ""), Verdict::Wait(WAIT));
    }

    #[test]
    fn bad_reports_must_be_refused_for_their_own_reason() {
        let bad = |status, code, bad| verdict(status, code, Some(bad), false);
        assert_eq!(
            bad(400, "IOTDA.000006", Bad::OutOfRange),
            Verdict::Done(Outcome::Refused)
        );
        assert_eq!(
            bad(400, "IOTDA.021104", Bad::ForeignChild),
            Verdict::Done(Outcome::Refused)
        );
        assert_eq!(
            bad(403, "IOTDA.000004", Bad::ForgedToken),
            Verdict::Done(Outcome::Refused)
        );
        assert_eq!(
            bad(200, "", Bad::WrongType),
            Verdict::Done(Outcome::WronglyAccepted)
        );
        assert_eq!(
            bad(400, "IOTDA.000006", Bad::ForeignChild),
            Verdict::Done(Outcome::WronglyRefused)
        );
        assert_eq!(bad(403, "IOTDA.000004", Bad::OutOfRange), Verdict::Reauthenticate);
    }
}
