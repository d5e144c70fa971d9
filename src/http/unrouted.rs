//! Answers to what no route sees: plain HTTP on the TLS port, and heads that are not HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::error::{ApiError, ErrorKind};
use crate::auth::secret::random_bytes;
use crate::domain::clock::Clock;
use crate::domain::ids::RequestId;
use crate::server::{Unrouted, UnroutedAnswer};

/// The answers, each with a request id of its own and a log line, as every other has.
pub fn unrouted_answer(clock: Arc<dyn Clock>) -> UnroutedAnswer {
    Arc::new(move |unrouted| {
        let request_id = RequestId::new(clock.now(), random_bytes().unwrap_or_default()).to_string();
        let (status, detail) = match unrouted {
            Unrouted::PlainHttp => (
                StatusCode::BAD_REQUEST,
                "This port speaks HTTPS only: use https:// in the address.",
            ),
            Unrouted::Malformed(status) => (status, explain(status)),
        };
        tracing::info!(
            request_id,
            status = status.as_u16(),
            detail,
            "request without a route"
        );
        let ErrorKind(_, code, text) = ErrorKind::INVALID_INPUT;
        let body = ApiError::new(ErrorKind(status, code, text), detail).body();
        let reason = status.canonical_reason().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\
             X-Request-Id: {request_id}\r\n\r\n",
            status.as_u16(),
            body.len()
        );
        Bytes::from(head + &body)
    })
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The head of the request is over 100 lines or server.max_header_bytes."
        }
        StatusCode::URI_TOO_LONG => "The path is too long.",
        _ => {
            "The head of the request is not HTTP/1.1 as RFC 9112 says (line ends, header names, lengths, codings)."
        }
    }
}
