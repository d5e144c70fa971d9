//! One target's HTTP client: connections are kept and reused, every wait and every answer has a bound, and no address is
//! called that the policy refuses.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::EgressSettings;
use super::addresses::{AddressPolicy, RefusedAddress};
use super::resolver::LookupFault;
use super::trust;

/// What a target answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body, as text.
    pub text: String,
}

/// Why there is no answer. The texts are for people, and hold no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// Its address may not be called.
    #[error("{0}")]
    Refused(String),
    /// It was not reached: no address, no connection, no handshake.
    #[error("{0}")]
    Unreachable(String),
    /// It was reached and did not answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection broke after the request was sent, or the answer is not HTTP.
    #[error("{0}")]
    Broken(String),
}

impl From<RefusedAddress> for CallFault {
    fn from(refused: RefusedAddress) -> Self {
        Self::Refused(refused.to_string())
    }
}

/// A client for one target.
#[derive(Clone)]
pub struct GuardedClient {
    pub(super) client: Client,
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) settings: EgressSettings,
    /// The name that the target gets and must prove, in place of its URL's.
    pub(super) server_name: Option<String>,
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient").finish_non_exhaustive()
    }
}

impl GuardedClient {
    /// Sends a request and waits for the answer, in all no longer than the settings say. A body that is longer than they
    /// say, or slow, is cut without a word: the status counts.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallFault> {
        self.policy.check_url(url)?;
        let url = self.addressed(url, &mut headers)?;
        let ends = Instant::now() + self.settings.total;
        let request = self.client.request(method, url).headers(headers).body(body);
        // Boxed: it is large, and there is one for each event in flight.
        let mut response = match timeout_at(ends, Box::pin(request.send())).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.fault(&error)),
            Err(_) => return Err(CallFault::TimedOut(self.settings.total)),
        };
        let text = self.read_text(&mut response, ends).await;
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            text,
        })
    }

    /// The URL that makes the client present the server name, with the host that it hides.
    fn addressed(&self, url: &Url, headers: &mut HeaderMap) -> Result<Url, CallFault> {
        let mut addressed = url.clone();
        if let Some(name) = &self.server_name {
            let cannot = |_| CallFault::Broken("the server name cannot be used".to_owned());
            let host = authority(url);
            headers.insert(
                HOST,
                HeaderValue::from_str(&host).map_err(|error| CallFault::Broken(error.to_string()))?,
            );
            addressed.set_host(Some(name)).map_err(cannot)?;
        }
        Ok(addressed)
    }

    /// The beginning of the body. As much as is drained lets the connection be used again; what is longer ends it.
    async fn read_text(&self, response: &mut Response, ends: Instant) -> String {
        let (mut kept, mut read) = (Vec::new(), 0);
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let room = self.settings.kept_bytes.saturating_sub(kept.len());
                kept.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                read += chunk.len();
                if read > self.settings.drained_bytes {
                    break;
                }
            }
        };
        let ends = ends.min(Instant::now() + self.settings.drain);
        // What came until then is told.
        let _ = timeout_at(ends, Box::pin(reading)).await;
        String::from_utf8_lossy(&kept).into_owned()
    }

    fn fault(&self, error: &reqwest::Error) -> CallFault {
        let mut deepest: &(dyn Error + 'static) = error;
        loop {
            if let Some(fault) = deepest.downcast_ref::<LookupFault>() {
                return match fault {
                    LookupFault::Refused(_) => CallFault::Refused(fault.to_string()),
                    _ => CallFault::Unreachable(fault.to_string()),
                };
            }
            if let Some(fault) = deepest.downcast_ref::<rustls::Error>() {
                return CallFault::Unreachable(trust::describe(fault));
            }
            let Some(cause) = cause(deepest) else { break };
            deepest = cause;
        }
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => CallFault::Unreachable(format!(
                "no connection within {} s",
                self.settings.connect.as_secs_f32()
            )),
            (true, false) => CallFault::Unreachable(format!("no connection: {deepest}")),
            (false, true) => CallFault::TimedOut(self.settings.total),
            (false, false) => CallFault::Broken(format!("no answer: {deepest}")),
        }
    }
}

/// What is behind an error. One of I/O passes over what it wraps, the TLS library's among others.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Host and port, as the `Host` header has them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
