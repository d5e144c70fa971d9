//! Gives each request its id and writes its one log line: a tower service around a listener's routes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::header::HeaderName;
use http::{HeaderValue, Method, Uri};
use pin_project_lite::pin_project;
use tower::Service;

use super::error::LoggedError;
use crate::auth::secret::random_bytes;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::{DeviceId, RequestId};
use crate::ingest::{TraceBook, TracedRequest};
use crate::observability::Metrics;
use crate::server::PeerAddress;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Routes whose requests have an id (in their extensions, and in the answer's `X-Request-Id`) and a log line each.
#[derive(Clone)]
pub struct Logged<S> {
    routes: S,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Where refusals of devices are noted too.
    trace: Option<Arc<TraceBook>>,
}

impl<S> Logged<S> {
    pub(super) const fn new(
        routes: S,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        trace: Option<Arc<TraceBook>>,
    ) -> Self {
        Self {
            routes,
            clock,
            metrics,
            trace,
        }
    }
}

impl<S, B> Service<http::Request<B>> for Logged<S>
where
    S: Service<Request, Response = Response>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = LoggedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.routes.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let mut request = request.map(axum::body::Body::new);
        let at = self.clock.now();
        let request_id = RequestId::new(at, random_bytes().unwrap_or_default());
        request.extensions_mut().insert(request_id.clone());
        LoggedFuture {
            line: Line {
                started: Instant::now(),
                metrics: self.metrics.clone(),
                trace: self.trace.clone(),
                at,
                request_id,
                method: request.method().clone(),
                uri: request.uri().clone(),
                peer: request.extensions().get().copied(),
            },
            answer: self.routes.call(request),
        }
    }
}

pin_project! {
    /// Waits for the answer, then logs.
    pub struct LoggedFuture<F> {
        line: Line,
        #[pin]
        answer: F,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for LoggedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(cx))?;
        let request_id = this.line.request_id.to_string();
        this.line.write(&response, &request_id);
        if let Ok(value) = HeaderValue::try_from(request_id) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        Poll::Ready(Ok(response))
    }
}

struct Line {
    started: Instant,
    metrics: Arc<Metrics>,
    trace: Option<Arc<TraceBook>>,
    at: Timestamp,
    request_id: RequestId,
    method: Method,
    uri: Uri,
    peer: Option<PeerAddress>,
}

impl Line {
    fn write(&self, response: &Response, request_id: &str) {
        let method = self.method.as_str();
        // The path alone: a query may hold what nobody should log.
        let path = self.uri.path();
        let peer = self.peer.map(|peer| tracing::field::display(peer.0.ip()));
        let status = response.status().as_u16();
        let took = self.started.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let error = response.extensions().get::<LoggedError>();
        let (code, detail) = error.map_or((None, None), |error| (Some(error.0), Some(&*error.1)));
        self.metrics.request(
            path_label(path),
            response.status().as_str(),
            code.unwrap_or(""),
            took,
        );
        if let (Some(trace), Some(error)) = (&self.trace, error) {
            self.note(trace, response, status, error);
        }
        // 501 is no fault: the caller asked for what this version does not have.
        if status >= 500 && status != 501 {
            tracing::error!(
                request_id,
                method,
                path,
                peer,
                status,
                micros,
                code,
                detail,
                "request failed"
            );
        } else {
            tracing::info!(
                request_id, method, path, peer, status, micros, code, detail, "request"
            );
        }
    }

    fn note(&self, trace: &TraceBook, response: &Response, status: u16, error: &LoggedError) {
        let named = response.extensions().get::<DeviceId>().map(DeviceId::as_str);
        let Some(device_id) = named.or_else(|| device_of(self.uri.path())) else {
            return;
        };
        let refused = TracedRequest {
            device_id: device_id.to_owned(),
            method: self.method.to_string(),
            path: self.uri.path().to_owned(),
            status,
            code: error.0.to_owned(),
            message: error.1.to_string(),
        };
        trace.note(refused, &self.request_id, self.at);
    }
}

/// The device id in a path of its own.
fn device_of(path: &str) -> Option<&str> {
    let (device_id, _) = path.strip_prefix("/v5/devices/")?.split_once("/sys/")?;
    Some(device_id)
}

/// The path as a metric names it: of a small set, whatever is asked for.
fn path_label(path: &str) -> &'static str {
    if path.starts_with("/v5/iot/") {
        return "management";
    }
    if path.starts_with("/console") {
        return "console";
    }
    if path == "/v5/device-auth" {
        return "device-auth";
    }
    match path.split_once("/sys/").map(|(_, kind)| kind) {
        Some("messages/up") => "messages",
        Some("properties/report") => "properties",
        Some("gateway/sub-devices/properties/report") => "children",
        _ => "other",
    }
}
