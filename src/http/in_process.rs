//! Calls the management routes beside the socket: for the program's own first steps, which have no key yet, and for the
//! console, so that what a person does there is validated, refused and noted as every other caller's deed.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{ACCEPT, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Routes;
use super::extract::principal::Principal;
use crate::server::PeerAddress;

/// Why a call has no answer: a fault of the program's own, for the log.
pub type CallFault = Box<dyn std::error::Error + Send + Sync>;

/// For whom a call is made.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is, proved already.
    pub principal: Principal,
    /// Where the request came from that asks for it; none is the program itself.
    pub peer: Option<PeerAddress>,
}

/// The management routes, called inside the process.
#[derive(Clone)]
pub struct InProcess {
    routes: Routes,
    base: String,
}

impl InProcess {
    /// Over the management routes of this project.
    pub fn new(routes: Routes, project_id: &str) -> Self {
        Self {
            routes,
            base: format!("/v5/iot/{project_id}"),
        }
    }

    /// Calls `path` (below the project) as the program itself.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), CallFault> {
        let caller = Caller {
            principal: Principal::program(),
            peer: None,
        };
        self.call_as(caller, method, path, body).await
    }

    /// Calls `path` (below the project) for this caller; answers the status and the JSON of the body, null for none.
    pub async fn call_as(
        &self,
        caller: Caller,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), CallFault> {
        let (status, bytes) = self.bytes_as(caller, method, path, body).await?;
        Ok((status, json(&bytes)?))
    }

    /// The same with the body as it came, in which numbers are still as devices wrote them.
    pub async fn bytes_as(
        &self,
        caller: Caller,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes), CallFault> {
        let request = request(method, &format!("{}{path}", self.base), body)?;
        self.send(made_by(caller, request)).await
    }

    /// Reads `path` (below the project) for this caller and answers what comes as it comes: a body that does not end, or
    /// one whose text must stay as it is.
    pub async fn open_as(
        &self,
        caller: Caller,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response, CallFault> {
        let mut request = request(Method::GET, &format!("{}{path}", self.base), String::new())?;
        request.headers_mut().remove(ACCEPT);
        request.headers_mut().extend(headers);
        Ok(self.routes.clone().oneshot(made_by(caller, request)).await?)
    }

    /// What `/readyz` answers.
    pub async fn readiness(&self) -> Result<(StatusCode, Value), CallFault> {
        let (status, bytes) = self.send(request(Method::GET, "/readyz", String::new())?).await?;
        Ok((status, json(&bytes)?))
    }

    async fn send(&self, request: Request<Body>) -> Result<(StatusCode, Bytes), CallFault> {
        let response = self.routes.clone().oneshot(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

fn made_by(caller: Caller, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(caller.principal);
    if let Some(peer) = caller.peer {
        request.extensions_mut().insert(peer);
    }
    request
}

/// The JSON of a body, null for none.
fn json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
}

fn request(method: Method, uri: &str, body: String) -> Result<Request<Body>, http::Error> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header(HOST, "in-process")
        // Where there is a choice, an answer that ends.
        .header(ACCEPT, "application/json")
        .body(Body::from(body))
}
