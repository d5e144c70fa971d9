//! What an answer means for the event and its target, and what people are told of it. Pure.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use url::Url;

use crate::domain::clock::Timestamp;
use crate::routing::channel::Outcome;
use crate::routing::egress::{Answer, CallFault};

/// The longest wait that a target may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Characters of a target's own text that are told.
const EXCERPT: usize = 200;

/// Reads an answer (routing.md §3). A redirect is the target's fault: it is not followed, whatever event goes there.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        400 | 413 | 415 | 422 => Outcome::EventRefused,
        300..=399 | 401 | 403 | 404 | 405 | 410 => Outcome::TargetRefused,
        _ => Outcome::Failed {
            retry_after: retry_after(headers, now),
            unreachable: false,
        },
    }
}

/// What no answer means.
pub(super) fn judge_fault(fault: &CallFault) -> Outcome {
    match fault {
        CallFault::Refused(_) => Outcome::TargetRefused,
        CallFault::Unreachable(_) => failed(true),
        CallFault::TimedOut(_) | CallFault::Broken(_) => failed(false),
    }
}

pub(super) const fn failed(unreachable: bool) -> Outcome {
    Outcome::Failed {
        retry_after: None,
        unreachable,
    }
}

/// Seconds or a date (RFC 9110 §10.2.3), bounded; what cannot be read does not count.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too large for a number is too long as well.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(text)
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?;
        at.saturating_sub(Duration::from_millis(u64::try_from(now.0).unwrap_or(0)))
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The status, and the beginning of what the target says, on one line. `secrets` are kept out of it: a target may repeat
/// what it was sent.
pub(super) fn detail(answer: &Answer, secrets: &[&str]) -> String {
    let status = answer.status;
    let mut detail = status.as_str().to_owned();
    if let Some(reason) = status.canonical_reason() {
        detail.extend([" ", reason]);
    }
    if status.is_redirection() {
        detail.push_str(": redirects are not followed");
        if let Some(place) = redirected_to(&answer.headers) {
            detail.extend(["; it points to ", &place]);
        }
    } else if !status.is_success() {
        let text = excerpt(&masked(&answer.text, secrets));
        if !text.is_empty() {
            detail.extend([": ", &text]);
        }
    }
    detail
}

/// Scheme and host of a redirect's place.
fn redirected_to(headers: &HeaderMap) -> Option<String> {
    let place = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let place = format!("{}://{}", place.scheme(), place.host_str()?);
    Some(excerpt(&place))
}

fn masked(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "******");
    }
    text
}

/// White space folded, control characters left out, cut to [`EXCERPT`].
fn excerpt(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut found = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !found.is_empty() {
            found.push(' ');
        }
        found.push_str(word);
        if found.len() > 4 * EXCERPT {
            break;
        }
    }
    match found.char_indices().nth(EXCERPT) {
        Some((at, _)) => {
            found.truncate(at);
            found.push('…');
            found
        }
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn of(status: u16, wait: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from_str(wait).unwrap());
        }
        judge(StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    fn after(seconds: u64) -> Outcome {
        Outcome::Failed {
            retry_after: Some(Duration::from_secs(seconds)),
            unreachable: false,
        }
    }

    #[test]
    fn every_status_has_its_meaning() {
        for status in [200, 201, 202, 204, 206, 299] {
            assert_eq!(of(status, None), Outcome::Delivered, "{status}");
        }
        for status in [400, 413, 415, 422] {
            assert_eq!(of(status, None), Outcome::EventRefused, "{status}");
        }
        for status in [300, 301, 302, 303, 304, 307, 308, 401, 403, 404, 405, 410] {
            assert_eq!(of(status, None), Outcome::TargetRefused, "{status}");
        }
        for status in [
            402, 406, 408, 409, 418, 421, 425, 429, 451, 500, 501, 502, 503, 504, 599, 999,
        ] {
            assert_eq!(of(status, None), failed(false), "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_a_date() {
        assert_eq!(of(429, Some("7")), after(7));
        assert_eq!(of(503, Some(" 0 ")), after(0));
        assert_eq!(of(503, Some("99999999999999999999999")), after(3600), "bounded");
        // 1,700,000,000 is Tue, 14 Nov 2023 22:13:20 GMT.
        assert_eq!(of(503, Some("Tue, 14 Nov 2023 22:13:50 GMT")), after(30));
        assert_eq!(of(503, Some("Tuesday, 14-Nov-23 22:14:20 GMT")), after(60));
        assert_eq!(of(503, Some("Tue Nov 14 22:13:21 2023")), after(1));
        assert_eq!(of(503, Some("Tue, 14 Nov 2023 22:00:00 GMT")), after(0), "past");
        assert_eq!(of(503, Some("Sat, 14 Nov 2099 22:00:00 GMT")), after(3600), "far");
        for unread in ["", "soon", "-1", "1.5", "1e3"] {
            assert_eq!(of(503, Some(unread)), failed(false), "{unread}");
        }
    }

    fn answer(status: u16, text: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_detail_is_one_short_line_without_secrets() {
        assert_eq!(detail(&answer(200, "fine"), &[]), "200 OK");
        assert_eq!(detail(&answer(599, ""), &[]), "599");
        let told = detail(&answer(400, "no\r\n\tsuch \u{1b}[31m  field"), &[]);
        assert_eq!(told, "400 Bad Request: no such [31m field");
        let told = detail(&answer(403, "key t0ken of s3cret"), &["t0ken", "", "s3cret"]);
        assert_eq!(told, "403 Forbidden: key ****** of ******");
        let told = detail(&answer(500, &"ä".repeat(4000)), &[]);
        assert_eq!(
            told.chars().count(),
            "500 Internal Server Error: ".len() + EXCERPT + 1
        );
    }

    #[test]
    fn a_redirect_tells_where_to_and_no_more() {
        let mut moved = answer(302, "<html>");
        moved.headers.insert(
            LOCATION,
            HeaderValue::from_static("https://u:p@b.example/path?key=1"),
        );
        assert_eq!(
            detail(&moved, &[]),
            "302 Found: redirects are not followed; it points to https://b.example"
        );
    }
}
