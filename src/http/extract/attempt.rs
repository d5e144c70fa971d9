//! What a management request attempts, for the audit log: its operation and resource are set down before the handler, and
//! a known caller's refusal is noted behind it. What was done is noted with the change itself, in its transaction.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::device::request_id;
use super::principal::Principal;
use crate::http::error::LoggedError;
use crate::http::management::ManagementState;
use crate::storage::{Deed, NewAuditEntry};

/// The operation that a request asks for.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    action: String,
    resource: String,
    /// Whose it is, once a caller who writes is known.
    deed: Arc<OnceLock<Deed>>,
}

impl Attempt {
    fn of(state: &ManagementState, request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>();
        let path = request.uri().path();
        let below_project = path
            .strip_prefix("/v5/iot/")
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        let method = request.method();
        let operation = matched.and_then(|matched| state.document.operation(method, matched.as_str()));
        Self {
            action: operation.map_or_else(|| method.to_string(), str::to_owned),
            resource: below_project.unwrap_or(path).chars().take(300).collect(),
            deed: Arc::default(),
        }
    }

    /// The caller is known.
    pub(super) fn by(&self, principal: &Principal, from: Option<std::net::IpAddr>) -> Deed {
        let deed = Deed {
            actor: principal.actor().to_owned(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            from: from.map_or_else(|| "local".to_owned(), |address| address.to_string()),
        };
        self.deed.get_or_init(|| deed).clone()
    }
}

/// Notes what callers who write attempted in vain.
pub async fn note_refusals(
    State(state): State<ManagementState>,
    mut request: Request,
    next: Next,
) -> Response {
    let attempt = Attempt::of(&state, &request);
    request.extensions_mut().insert(attempt.clone());
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts);
    let response = next.run(Request::from_parts(parts, body)).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if let (true, Some(deed), Ok(request_id)) = (refused, attempt.deed.get(), request_id) {
        let code = response
            .extensions()
            .get::<LoggedError>()
            .map_or("", |error| error.0);
        let entry = NewAuditEntry {
            at: state.clock.now(),
            request_id,
            deed: deed.clone(),
            outcome: format!("{} {code}", response.status().as_u16()),
        };
        if let Err(error) = state.stores.audit.note(entry).await {
            tracing::warn!(%error, "a refused attempt is not in the audit log");
        }
    }
    response
}
