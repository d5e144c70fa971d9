//! Refuses requests that a proxy in front may read differently (RFC 9112 §3.2, §6.3): what one reader takes for a body,
//! another may take for a second request. Comes before the path; the connection ends with the answer.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Version};
use pin_project_lite::pin_project;
use tower::Service;

use super::error::{ApiError, ErrorKind};

/// Routes behind the check.
#[derive(Clone)]
pub struct Strict<S>(pub(super) S);

impl<S> Service<Request> for Strict<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = StrictFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match fault(request.version(), request.headers()) {
            None => StrictFuture::Routed {
                answer: self.0.call(request),
            },
            Some(detail) => {
                let mut response = ApiError::new(ErrorKind::INVALID_INPUT, detail).into_response();
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
                StrictFuture::Refused {
                    answer: ready(Ok(response)),
                }
            }
        }
    }
}

/// What is ambiguous about a request.
fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let count = |name| headers.get_all(name).iter().count();
    let hosts = count(HOST);
    if hosts > 1 {
        return Some("Host: stands more than once.");
    }
    if hosts == 0 && version == Version::HTTP_11 {
        return Some("Host: is missing; HTTP/1.1 needs it.");
    }
    if count(CONTENT_LENGTH) > 1 {
        return Some("Content-Length: stands more than once.");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some("Transfer-Encoding: only chunked is taken, once."),
    }
}

pin_project! {
    /// The routes' answer, or the refusal.
    #[project = Projected]
    pub enum StrictFuture<F, E> {
        /// The routes answer.
        Routed {
            #[pin]
            answer: F,
        },
        /// Refused.
        Refused {
            #[pin]
            answer: Ready<Result<Response, E>>,
        },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for StrictFuture<F, E> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Projected::Routed { answer } => answer.poll(cx),
            Projected::Refused { answer } => answer.poll(cx),
        }
    }
}
