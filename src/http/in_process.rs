//! Calls the management routes beside the socket: for the program's own first steps, which have no key yet.

use axum::body::Body;
use http::header::HOST;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Routes;
use super::extract::principal::Principal;

/// A caller inside the process, known to be an administrator.
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

    /// Calls `path` (below the project) and answers the status and the JSON of the body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, "in-process")
            .body(Body::from(body))?;
        request.extensions_mut().insert(Principal::program());
        let response = self.routes.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes)?))
    }
}
