//! An application's side: takes pushes over plain HTTP or TLS, HTTP/1.1 or HTTP/2, keeps them, and answers as told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fieldgate::lifecycle::Lifecycle;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A push as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What the receiver does with a push.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// An answer after this long.
    Late(Duration),
    /// A status at once, and a body that never ends, a byte each 50 ms.
    Dripping(u16),
    /// A status and so many bytes.
    Huge(u16, usize),
}

impl Reaction {
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    reaction: Mutex<Reaction>,
    connections: AtomicUsize,
    /// Bytes of answers that were taken.
    taken: AtomicUsize,
    /// The server names of handshakes.
    names: Mutex<Vec<Option<String>>>,
}

/// A running receiver; stops when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    tasks: Lifecycle,
}

/// How a receiver listens.
pub enum Transport {
    Plain,
    /// With these ALPN names, `h2` or `http/1.1`, a chain and its key.
    Tls(&'static [&'static str], Leaf),
}

impl Receiver {
    pub async fn start(transport: Transport) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            reaction: Mutex::new(Reaction::status(200)),
            connections: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            names: Mutex::default(),
        });
        let acceptor = match transport {
            Transport::Plain => None,
            Transport::Tls(protocols, leaf) => {
                Some(TlsAcceptor::from(Arc::new(leaf.server_config(protocols))))
            }
        };
        let tasks = Lifecycle::new();
        let accepting = accept(listener, acceptor, shared.clone(), tasks.clone());
        tasks.spawn("receiver", accepting);
        Self {
            address,
            shared,
            tasks,
        }
    }

    pub fn react(&self, reaction: Reaction) {
        *self.shared.reaction.lock().unwrap() = reaction;
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::SeqCst)
    }

    pub fn names(&self) -> Vec<Option<String>> {
        self.shared.names.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.tasks.shutdown();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>, tasks: Lifecycle) {
    loop {
        let stream = tokio::select! {
            biased;
            () = tasks.token().cancelled_owned() => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        stream.set_nodelay(true).unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (shared, acceptor, token) = (shared.clone(), acceptor.clone(), tasks.token());
        tasks.spawn("connection", async move {
            let serving = async {
                let Some(acceptor) = acceptor else {
                    return serve(stream, false, shared).await;
                };
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let connection = stream.get_ref().1;
                let name = connection.server_name().map(str::to_owned);
                shared.names.lock().unwrap().push(name);
                let http2 = connection.alpn_protocol() == Some(b"h2");
                serve(stream, http2, shared).await;
            };
            tokio::select! {
                () = token.cancelled() => {}
                () = serving => {}
            }
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http2: bool,
    shared: Arc<Shared>,
) {
    let service = service_fn(move |request| answer(request, shared.clone()));
    // A client that goes away is no fault here.
    if http2 {
        let serving = http2::Builder::new(TokioExecutor::new());
        let _ = serving.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

type Answered = Response<BoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Answered, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    shared.seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        version: parts.version,
        headers: parts.headers,
        body,
    });
    let reaction = shared.reaction.lock().unwrap().clone();
    let (status, headers, body) = match reaction {
        Reaction::Answer(status, headers, body) => (status, headers, whole(body)),
        Reaction::Late(wait) => {
            tokio::time::sleep(wait).await;
            (200, Vec::new(), whole(Vec::new()))
        }
        Reaction::Dripping(status) => (
            status,
            Vec::new(),
            Endless::new(usize::MAX, 1, 50, shared).boxed(),
        ),
        Reaction::Huge(status, size) => (status, Vec::new(), Endless::new(size, 16_384, 0, shared).boxed()),
    };
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    Ok(answer.body(body).unwrap())
}

fn whole(body: Vec<u8>) -> BoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(body)).boxed()
}

/// A body in pieces.
struct Endless {
    left: usize,
    piece: usize,
    wait: Duration,
    sleep: std::pin::Pin<Box<tokio::time::Sleep>>,
    shared: Arc<Shared>,
}

impl Endless {
    fn new(left: usize, piece: usize, wait_ms: u64, shared: Arc<Shared>) -> Self {
        Self {
            left,
            piece,
            wait: Duration::from_millis(wait_ms),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            shared,
        }
    }
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        use std::task::Poll;
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.wait > Duration::ZERO {
            std::task::ready!(self.sleep.as_mut().poll(context));
            let next = tokio::time::Instant::now() + self.wait;
            self.sleep.as_mut().reset(next);
        }
        let size = self.piece.min(self.left);
        self.left -= size;
        self.shared.taken.fetch_add(size, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; size])))))
    }
}

/// A certificate authority of the test's own.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_until(names, 2040)
    }

    /// One that ends with this year.
    pub fn leaf_until(&self, names: &[&str], year: i32) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { certificate, key }
    }
}

impl Leaf {
    fn server_config(&self, protocols: &[&str]) -> ServerConfig {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}
