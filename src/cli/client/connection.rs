//! HTTP/1.1 over TLS as a device speaks it: one connection, one request at a time, and what went wrong in words that
//! say what to do. The fleet and the management calls use it; it knows no paths.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{CertificateError, ClientConfig, HandshakeKind};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::wire::{Counted, WireBytes};

/// Opens connections to one listener.
#[derive(Clone)]
pub(in crate::cli) struct Client {
    endpoint: Arc<Endpoint>,
    tls: TlsConnector,
    ca: Arc<PathBuf>,
    timeout: Duration,
    largest_answer: usize,
    bytes: Arc<WireBytes>,
}

impl Client {
    /// Answers over `largest_answer` bytes are refused.
    pub(in crate::cli) fn new(
        endpoint: Endpoint,
        tls: Arc<ClientConfig>,
        ca: PathBuf,
        timeout: Duration,
        largest_answer: usize,
    ) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            tls: tls.into(),
            ca: Arc::new(ca),
            timeout,
            largest_answer,
            bytes: Arc::default(),
        }
    }

    /// What went over all its connections.
    pub(in crate::cli) fn bytes(&self) -> &WireBytes {
        &self.bytes
    }

    /// Connects and finishes the handshake.
    pub(in crate::cli) async fn connect(&self) -> Result<Connection, ConnectError> {
        let address = || self.endpoint.to_string();
        match tokio::time::timeout(self.timeout, self.open()).await {
            Ok(connection) => connection,
            Err(_) => Err(ConnectError::Slow {
                address: address(),
                seconds: self.timeout.as_secs_f32(),
            }),
        }
    }

    async fn open(&self) -> Result<Connection, ConnectError> {
        let started = Instant::now();
        let endpoint = &self.endpoint;
        let fault = |cause: io::Error| ConnectError::from_io(endpoint, &self.ca, &cause);
        let socket = TcpStream::connect((endpoint.host(), endpoint.port()))
            .await
            .map_err(fault)?;
        socket.set_nodelay(true).map_err(fault)?;
        let socket = Counted::new(socket, self.bytes.clone());
        let stream = self
            .tls
            .connect(endpoint.server_name(), socket)
            .await
            .map_err(fault)?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let took = started.elapsed();
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| fault(io::Error::other(cause)))?;
        let mut task = JoinSet::new();
        // What ends the connection is seen by the request that it ends.
        task.spawn(async move { drop(driver.await) });
        Ok(Connection {
            sender,
            driver: task,
            host: endpoint.authority(),
            timeout: self.timeout,
            largest_answer: self.largest_answer,
            resumed,
            took,
        })
    }
}

/// An open connection.
pub(in crate::cli) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinSet<()>,
    host: HeaderValue,
    timeout: Duration,
    largest_answer: usize,
    /// Whether its handshake resumed a session.
    pub(in crate::cli) resumed: bool,
    /// What connecting took, the handshake included.
    pub(in crate::cli) took: Duration,
}

impl Connection {
    /// False where the server has ended it, as far as is known.
    pub(in crate::cli) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads its whole answer. After an error the connection is of no more use.
    pub(in crate::cli) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, SendError> {
        request.headers_mut().insert(HOST, self.host.clone());
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.too_slow()),
        }
    }

    /// Sends a request and waits for the head of its answer; the body is read as it comes, for as long as it does.
    pub(in crate::cli) async fn open(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        request.headers_mut().insert(HOST, self.host.clone());
        match tokio::time::timeout(self.timeout, self.begin(request)).await {
            Ok(response) => response,
            Err(_) => Err(self.too_slow()),
        }
    }

    /// Reads what is left of an answer whose head has come.
    pub(in crate::cli) async fn read(&self, response: Response<Incoming>) -> Result<Answer, SendError> {
        match tokio::time::timeout(self.timeout, self.rest(response)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.too_slow()),
        }
    }

    fn too_slow(&self) -> SendError {
        SendError::NoAnswer(format!("no answer within {} s", self.timeout.as_secs_f32()))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        let response = self.begin(request).await?;
        self.rest(response).await
    }

    async fn begin(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        if self.sender.ready().await.is_err() {
            return Err(SendError::NotSent);
        }
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            // The request came back: not a byte of it went out.
            Err(error) if error.message().is_some() => Err(SendError::NotSent),
            Err(error) => Err(SendError::NoAnswer(error.into_error().to_string())),
        }
    }

    async fn rest(&self, response: Response<Incoming>) -> Result<Answer, SendError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.largest_answer)
            .collect()
            .await
            .map_err(|error| SendError::NoAnswer(error.to_string()))?
            .to_bytes();
        let retry_after = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: head.status,
            retry_after: retry_after
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs),
            body,
        })
    }

    /// Tells the server that nothing more comes.
    pub(in crate::cli) async fn close(mut self) {
        drop(self.sender);
        // A server that does not read the goodbye is left without one.
        let _ = tokio::time::timeout(GOODBYE, self.driver.join_next()).await;
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) status: StatusCode,
    pub(in crate::cli) retry_after: Option<Duration>,
    pub(in crate::cli) body: Bytes,
}

impl Answer {
    /// The body's `error_code`, empty where it has none.
    pub(in crate::cli) fn code(&self) -> String {
        self.member("error_code")
    }

    /// The body's `error_msg`, else what it starts with.
    pub(in crate::cli) fn message(&self) -> String {
        let said = self.member("error_msg");
        if said.is_empty() {
            String::from_utf8_lossy(&self.body).chars().take(200).collect()
        } else {
            said
        }
    }

    fn member(&self, name: &str) -> String {
        if self.body.is_empty() {
            return String::new();
        }
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let member = body.get(name).and_then(serde_json::Value::as_str);
        member.unwrap_or_default().chars().take(500).collect()
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum SendError {
    /// The connection had ended before.
    #[error("the connection was closed before the request")]
    NotSent,
    /// Nobody knows what became of it.
    #[error("{0}")]
    NoAnswer(String),
}

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::cli) enum ConnectError {
    /// Nobody listens.
    #[error(
        "nothing listens at {0}: start the server (`fieldgate quickstart`, `fieldgate serve`), or give its address as --devices-url and --management-url"
    )]
    Refused(String),
    /// Another CA signed the certificate.
    #[error(
        "{address} shows a certificate that no CA in {ca} signed: give the CA that devices trust as --ca (`fieldgate certs ca` prints the one that Fieldgate made)"
    )]
    WrongCa { address: String, ca: String },
    /// The certificate is another host's.
    #[error(
        "{address} shows a certificate for other names: {cause}; give the address by a name that stands in it (device.public_host)"
    )]
    WrongName { address: String, cause: String },
    /// No TLS there, or none in common.
    #[error("no TLS with {address}: {cause}")]
    Tls { address: String, cause: String },
    /// It takes too long.
    #[error("no connection with {address} within {seconds} s")]
    Slow { address: String, seconds: f32 },
    /// Another fault.
    #[error("no connection with {address}: {cause}")]
    Other { address: String, cause: String },
}

impl ConnectError {
    fn from_io(endpoint: &Endpoint, ca: &std::path::Path, cause: &io::Error) -> Self {
        let address = endpoint.to_string();
        if cause.kind() == io::ErrorKind::ConnectionRefused {
            return Self::Refused(address);
        }
        let tls = cause
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => Self::WrongCa {
                address,
                ca: ca.display().to_string(),
            },
            Some(rustls::Error::InvalidCertificate(
                fault @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
            )) => Self::WrongName {
                address,
                cause: fault.to_string(),
            },
            Some(fault) => Self::Tls {
                address,
                cause: fault.to_string(),
            },
            None => Self::Other {
                address,
                cause: cause.to_string(),
            },
        }
    }
}

const GOODBYE: Duration = Duration::from_secs(1);
