//! Sockets: bind, accept, handshake and read under deadlines, cap connections, drain. Generic over a tower service;
//! knows no routes. Run by `app`, one [`Listener`] for each role.

mod body;
mod connection;
mod deadline;
mod sending;
mod watched;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::observability::Metrics;
pub use body::{TimedBody, is_too_slow};
use connection::Connection;

/// How many handshakes the kernel may hold for us.
const BACKLOG: i32 = 1024;

/// The pause after an accept that failed (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Deadlines and sizes of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a request's head, from its first byte; for a new connection from the handshake's end.
    pub headers: Duration,
    /// Between two requests, and for a peer to read its answer.
    pub idle: Duration,
    /// Before the body's minimum rate counts.
    pub body_grace: Duration,
    /// The body's minimum rate.
    pub body_min_bytes_per_second: u64,
    /// The largest head, approximately.
    pub max_header_bytes: usize,
    /// For the reader of a [`Streamed`] answer to take something of it.
    pub stream_stall: Duration,
    /// For requests in flight when the server stops.
    pub shutdown_grace: Duration,
}

/// What no route ever sees, and is answered all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// HTTP without TLS.
    PlainHttp,
    /// A head that is not HTTP, with the status that it gets.
    Malformed(StatusCode),
}

/// Gives whole HTTP/1.1 responses for what no route sees; the connection ends after them.
pub type UnroutedAnswer = Arc<dyn Fn(Unrouted) -> Bytes + Send + Sync>;

/// In an answer's extensions: its body comes as things happen, for hours perhaps, and is bounded by
/// [`ServerLimits::stream_stall`] alone. The body ends by itself when the server stops.
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// The peer of a request's connection, in its extensions.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// The cap on open connections, shared by listeners. One more is closed at once.
#[derive(Clone, Debug)]
pub struct ConnectionSlots(Arc<Semaphore>);

impl ConnectionSlots {
    /// At most `max` connections.
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Semaphore::new(max)))
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

/// What both listeners share.
#[derive(Clone)]
pub struct ServerCommon {
    /// The TLS configuration.
    pub tls: Arc<ServerConfig>,
    /// Deadlines and sizes.
    pub limits: Arc<ServerLimits>,
    /// The cap on connections.
    pub slots: ConnectionSlots,
    /// Answers for what no route sees.
    pub unrouted: UnroutedAnswer,
    /// Hears of handshakes and connections.
    pub metrics: Arc<Metrics>,
}

/// Holds a connection's slot, and counts it, however it ends.
struct OpenConnection {
    metrics: Arc<Metrics>,
    _slot: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(slot: OwnedSemaphorePermit, metrics: Arc<Metrics>) -> Self {
        metrics.connections.inc();
        Self { metrics, _slot: slot }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

/// A bound address.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds; a port of 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The address, with the port that was taken.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets what is in flight finish within the grace.
    pub async fn run<S, B>(self, common: ServerCommon, service: S, stop: CancellationToken)
    where
        S: tower::Service<Request<TimedBody>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let acceptor = TlsAcceptor::from(common.tls.clone());
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(slot) = common.slots.take() else {
                common.metrics.handshake_failure("connection_cap");
                tracing::warn!(%peer, "the connection cap (server.max_connections) is reached, a connection was closed");
                continue;
            };
            tune(&stream);
            let connection = Connection {
                peer,
                limits: common.limits.clone(),
                unrouted: common.unrouted.clone(),
                metrics: common.metrics.clone(),
                stop: stop.clone(),
            };
            let open = OpenConnection::new(slot, common.metrics.clone());
            let (acceptor, service) = (acceptor.clone(), service.clone());
            connections.spawn(async move {
                let _open = open;
                connection.serve(stream, acceptor, service).await;
            });
        }
        let grace = common.limits.shutdown_grace;
        drop(self.socket);
        connections.close();
        if tokio::time::timeout(grace, connections.wait()).await.is_err() {
            tracing::warn!(
                left = connections.len(),
                "connections were cut at the end of the grace"
            );
        }
    }
}

fn tune(stream: &TcpStream) {
    // A peer that is gone before this is no fault of ours; the read that follows says so.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(20));
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}
