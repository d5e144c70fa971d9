//! Gives each request its id and writes its one log line.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;

use super::error::LoggedError;
use crate::auth::secret::random_bytes;
use crate::domain::clock::Clock;
use crate::domain::ids::RequestId;
use crate::server::PeerAddress;

/// Middleware around every route: the request's id goes into its extensions and into `X-Request-Id`.
pub async fn with_request_id(
    State(clock): State<Arc<dyn Clock>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = RequestId::new(clock.now(), random_bytes().unwrap_or_default());
    request.extensions_mut().insert(request_id.clone());
    let method = request.method().clone();
    let uri = request.uri().clone();
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    let line = Line {
        request_id: &request_id,
        method: method.as_str(),
        // The path alone: a query may hold what nobody should log.
        path: uri.path(),
        peer: peer.map(|peer| peer.ip()),
        status: response.status().as_u16(),
        micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    line.write(response.extensions().get());
    response
}

struct Line<'a> {
    request_id: &'a RequestId,
    method: &'a str,
    path: &'a str,
    peer: Option<std::net::IpAddr>,
    status: u16,
    micros: u64,
}

impl Line<'_> {
    fn write(&self, error: Option<&LoggedError>) {
        let Self {
            request_id,
            method,
            path,
            peer,
            status,
            micros,
        } = self;
        let peer = peer.map(tracing::field::display);
        let (code, detail) = error.map_or((None, None), |error| (Some(error.0), Some(error.1.as_str())));
        if *status >= 500 {
            tracing::error!(%request_id, method, path, peer, status, micros, code, detail, "request failed");
        } else {
            tracing::info!(%request_id, method, path, peer, status, micros, code, detail, "request");
        }
    }
}
