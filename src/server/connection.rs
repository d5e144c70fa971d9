//! One connection: handshake, then requests, under the deadlines of its phases.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::body::TrackedBody;
use super::deadline::{Phase, Verdict, Watched};
use super::{PeerAddress, ServerLimits, TimedBody};

/// The most header lines of one request.
const MAX_HEADERS: usize = 100;

/// The smallest read buffer that hyper takes.
const SMALLEST_BUFFER: usize = 8192;

pub(super) async fn serve<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    service: S,
    limits: Arc<ServerLimits>,
    stop: CancellationToken,
) where
    S: Service<Request<TimedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let handshake = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        handshake = timeout(limits.handshake, acceptor.accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => serve_plain(stream, peer, service, &limits, stop).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
        Err(_) => tracing::debug!(%peer, "a handshake took too long"),
    }
}

async fn serve_plain<T, S, B>(
    stream: T,
    peer: SocketAddr,
    service: S,
    limits: &ServerLimits,
    stop: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<TimedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let phase = Phase::new();
    let (grace, rate) = (limits.body_grace, limits.body_min_bytes_per_second);
    let tracked = phase.clone();
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut service = service.clone();
        let phase = tracked.clone();
        phase.request_begins();
        let mut request = request.map(|body| TimedBody::new(body, grace, rate));
        request.extensions_mut().insert(PeerAddress(peer));
        async move {
            let response = service.call(request).await?;
            phase.response_begins();
            Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, phase)))
        }
    });
    let io = TokioIo::new(Watched::new(stream, phase.clone()));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_buf_size(limits.max_header_bytes.max(SMALLEST_BUFFER))
            .serve_connection(io, handler)
    );
    let mut alarm = std::pin::pin!(sleep_until(Instant::now() + limits.headers));
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            result = &mut connection => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection ended with an error");
                }
                return;
            }
            () = &mut alarm => match phase.judge(limits, Instant::now()) {
                Verdict::WaitUntil(instant) => alarm.as_mut().reset(instant),
                Verdict::EndIdle => return,
                Verdict::Cut(reason) => {
                    tracing::debug!(%peer, reason, "a connection was cut");
                    return;
                }
            },
        }
    }
}
