//! The management API: products, devices, events. Bounded by its callers, with as many
//! connections as calls are in flight.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::Value;

use super::Failure;
use super::connection::{Answer, Client, ConnectError, Connection, SendError};
use crate::auth::secret::Secret;

/// Calls below one project, with one key.
pub(in crate::cli) struct Management {
    client: Client,
    base: String,
    key: HeaderValue,
    idle: Mutex<Vec<Connection>>,
}

impl Management {
    /// Asks the server for its project, which also shows that the key is good.
    pub(in crate::cli) async fn new(client: Client, key: &Secret) -> Result<Self, Failure> {
        let mut key = HeaderValue::from_str(key.expose())
            .map_err(|_| "--key holds a character that no key has".to_owned())?;
        key.set_sensitive(true);
        let mut management = Self {
            client,
            base: String::new(),
            key,
            idle: Mutex::default(),
        };
        let answer = management.call(&Method::GET, PROJECTS, String::new()).await?;
        let projects = Self::expect(&answer, StatusCode::OK, PROJECTS)?;
        let id = projects.pointer("/projects/0/id").and_then(Value::as_str);
        let id = id.ok_or("the management API names no project")?;
        management.base = format!("/v5/iot/{id}");
        Ok(management)
    }

    /// Makes something; the answer's body.
    pub(in crate::cli) async fn create(&self, path: &str, body: String) -> Result<Value, Failure> {
        let answer = self.call(&Method::POST, path, body).await?;
        Self::expect(&answer, StatusCode::CREATED, path)
    }

    /// Deletes something; that it is not there is as good.
    pub(in crate::cli) async fn delete(&self, path: &str) -> Result<(), Failure> {
        let answer = self.call(&Method::DELETE, path, String::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Self::expect(&answer, StatusCode::NO_CONTENT, path).map(drop)
    }

    /// Reads something; none where it is not there.
    pub(in crate::cli) async fn read(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.call(&Method::GET, path, String::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Self::expect(&answer, StatusCode::OK, path).map(Some)
    }

    /// Opens a stream of server-sent events, after `last_id` where one came already. Its connection ends with the body.
    pub(in crate::cli) async fn open(&self, path: &str, last_id: Option<i64>) -> Result<Stream, OpenError> {
        let mut connection = self.client.connect().await?;
        let mut request = Request::builder()
            .uri(format!("{}{path}", self.base))
            .header("X-Auth-Token", self.key.clone())
            .header(ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let request = request.body(Full::new(Bytes::new()))?;
        let response = connection.open(request).await?;
        if response.status() != StatusCode::OK {
            return Err(OpenError::Refused(connection.read(response).await?));
        }
        Ok(Stream {
            body: response.into_body(),
            _connection: connection,
        })
    }

    fn expect(answer: &Answer, expected: StatusCode, path: &str) -> Result<Value, Failure> {
        if answer.status == expected {
            return Ok(serde_json::from_slice(&answer.body).unwrap_or_default());
        }
        let advice = match answer.code().as_str() {
            "IOTDA.000002" | "IOTDA.000004" => {
                "; the key is wrong: `fieldgate keys create --name simulate` makes one for --key"
            }
            "IOTDA.000022" => "; the key must be an administrator's",
            _ if answer.status == StatusCode::NOT_FOUND => "; is this the management listener's address?",
            _ => "",
        };
        let (status, said) = (answer.status.as_u16(), answer.message());
        // Nothing of the project or of ids is secret; the query only says where in a list.
        let path = path.split('?').next().unwrap_or_default();
        Err(format!("the management API answered {status} for {path}: {said}{advice}").into())
    }

    /// Any call, with whatever answer. Calls again, within bounds, when the server can take nothing right now.
    pub(in crate::cli) async fn call(
        &self,
        method: &Method,
        path: &str,
        body: String,
    ) -> Result<Answer, Failure> {
        let body = Bytes::from(body);
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.call_once(method, path, &body).await?;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE || tries == TRIES {
                return Ok(answer);
            }
            tokio::time::sleep(answer.retry_after.unwrap_or(WAIT).min(LONGEST_WAIT)).await;
        }
    }

    async fn call_once(&self, method: &Method, path: &str, body: &Bytes) -> Result<Answer, Failure> {
        loop {
            let rested = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let is_new = rested.is_none();
            let mut connection = match rested {
                Some(connection) => connection,
                None => self.client.connect().await?,
            };
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.base))
                .header("X-Auth-Token", self.key.clone())
                .body(Full::new(body.clone()))?;
            match connection.send(request).await {
                Ok(answer) => {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    idle.push(connection);
                    return Ok(answer);
                }
                // It rested too long; each turn takes one such connection away.
                Err(SendError::NotSent) if !is_new => {}
                // The same, seen later; what makes nothing may be said twice.
                Err(SendError::NoAnswer(_)) if !is_new && *method != Method::POST => {}
                Err(error) => return Err(format!("the management API: {error}").into()),
            }
        }
    }
}

/// An open stream.
pub(in crate::cli) struct Stream {
    /// What comes.
    pub(in crate::cli) body: Incoming,
    _connection: Connection,
}

/// Why a stream is not open.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum OpenError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no answer.
    #[error("the management API: {0}")]
    Send(#[from] SendError),
    /// What was asked for makes no request.
    #[error("no request: {0}")]
    Request(#[from] http::Error),
    /// The server said no.
    #[error("the management API answered {}: {}", .0.status.as_u16(), .0.message())]
    Refused(Answer),
}

impl OpenError {
    /// Whether trying again later will not help.
    pub(in crate::cli) fn is_lasting(&self) -> bool {
        match self {
            Self::Connect(error) => {
                matches!(
                    error,
                    ConnectError::WrongCa { .. } | ConnectError::WrongName { .. }
                )
            }
            Self::Send(_) => false,
            Self::Request(_) => true,
            Self::Refused(answer) => answer.status.is_client_error(),
        }
    }
}

const PROJECTS: &str = "/v3/projects";
const TRIES: u32 = 20;
const WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
