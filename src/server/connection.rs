//! One connection: handshake, then requests, under the deadlines of its phases.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::body::TrackedBody;
use super::deadline::{Phase, Verdict};
use super::sending::Sending;
use super::watched::Watched;
use super::{PeerAddress, ServerLimits, Streamed, TimedBody, Unrouted, UnroutedAnswer};
use crate::observability::Metrics;

/// The most header lines of one request.
const MAX_HEADERS: usize = 100;

/// The smallest read buffer that hyper takes.
const SMALLEST_BUFFER: usize = 8192;

/// How much of a refused peer's bytes is read, so that its answer is not lost to a reset.
const LINGER_BYTES: u64 = 64 * 1024;

/// For how long.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection knows beside its stream.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) limits: Arc<ServerLimits>,
    pub(super) unrouted: UnroutedAnswer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Connection {
    /// The handshake, then requests, until either side ends it.
    pub(super) async fn serve<S, B>(self, mut stream: TcpStream, acceptor: TlsAcceptor, service: S)
    where
        S: Service<Request<TimedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let peer = self.peer;
        let phase = Phase::new();
        let handshake = async {
            if speaks_plain_http(&stream).await {
                return Ok(None);
            }
            let socket = Sending::new(&mut stream, phase.clone());
            acceptor.accept(socket).await.map(Some)
        };
        let handshake = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            handshake = timeout(self.limits.handshake, handshake) => handshake,
        };
        match handshake {
            Ok(Ok(Some(tls))) => {
                let kind = tls.get_ref().1.handshake_kind();
                self.metrics.handshake(kind == Some(HandshakeKind::Resumed));
                self.serve_requests(tls, phase, service).await;
            }
            Ok(Ok(None)) => {
                self.metrics.handshake_failure("plain_http");
                let answer = (self.unrouted)(Unrouted::PlainHttp);
                if let Err(error) = refuse(&mut stream, &answer).await {
                    tracing::debug!(%peer, %error, "a plain HTTP request was not answered");
                }
            }
            Ok(Err(error)) => {
                self.metrics.handshake_failure("tls");
                tracing::debug!(%peer, %error, "a handshake failed");
            }
            Err(_) => {
                self.metrics.handshake_failure("timeout");
                tracing::debug!(%peer, "a handshake took too long");
            }
        }
    }

    async fn serve_requests<T, S, B>(self, stream: T, phase: Phase, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        S: Service<Request<TimedBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self {
            peer,
            limits,
            unrouted,
            stop,
            metrics: _,
        } = self;
        phase.handshake_ended();
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
                if response.extensions().get::<Streamed>().is_some() {
                    phase.stream_begins();
                } else {
                    phase.response_begins();
                }
                Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, phase)))
            }
        });
        let io = TokioIo::new(Watched::new(stream, phase.clone(), unrouted));
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
                    if phase.is_stalled() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(%peer, %error, "a connection ended with an error");
                    }
                    return;
                }
                () = &mut alarm => match phase.judge(&limits, Instant::now()) {
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
}

/// A TLS record of a handshake never starts with a letter; an HTTP method always does.
async fn speaks_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

async fn refuse(stream: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(LINGER_BYTES);
    let mut nowhere = tokio::io::sink();
    let drained = tokio::io::copy(&mut rest, &mut nowhere);
    // A peer that goes on sending has had its answer.
    let _ = timeout(LINGER, drained).await;
    Ok(())
}
