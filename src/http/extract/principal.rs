//! Who calls the management API, and what the caller may do. A handler names [`Reader`] or [`Writer`]: forgetting
//! authentication shows in its signature.

use axum::extract::{FromRequestParts, RawPathParams};
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::attempt::Attempt;
use super::device::request_id;
use crate::auth::access_key::{self, Role};
use crate::domain::ids::RequestId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::management::ManagementState;
use crate::server::PeerAddress;
use crate::storage::Deed;

/// The header that carries `<access_key>:<secret_key>`.
const AUTH_TOKEN: &str = "x-auth-token";

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Its access key; empty for the program itself.
    pub access_key: String,
    /// The key's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Principal {
    /// What the audit log calls it.
    pub fn actor(&self) -> &str {
        if self.access_key.is_empty() {
            &self.name
        } else {
            &self.access_key
        }
    }
}

/// A caller who may read.
pub struct Reader;

/// A caller who may write to the project of the path.
#[derive(Clone)]
pub struct Writer {
    /// What it is about to do.
    pub deed: Deed,
    /// The request's id.
    pub request_id: RequestId,
}

impl Writer {
    /// What it does is to make a thing of this id.
    #[must_use]
    pub fn making(mut self, id: &impl std::fmt::Display) -> Self {
        self.deed.resource = format!("{}/{id}", self.deed.resource);
        self
    }
}

impl FromRequestParts<ManagementState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        authorised(parts, state).await.map(|_| Self)
    }
}

impl FromRequestParts<ManagementState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let principal = authorised(parts, state).await?;
        let attempt = parts.extensions.get::<Attempt>();
        let attempt =
            attempt.ok_or_else(|| ApiError::new(ErrorKind::INTERNAL, "a write that no audit log sees"))?;
        let from = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
        let deed = attempt.by(&principal, from);
        if principal.role != Role::Admin {
            return Err(ApiError::new(ErrorKind::NO_PERMISSION, "This key is a reader's."));
        }
        Ok(Self {
            deed,
            request_id: request_id(parts)?,
        })
    }
}

/// A caller who may read metrics: on this machine, or with any key.
pub struct Scraper;

impl FromRequestParts<ManagementState> for Scraper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<PeerAddress>();
        if !peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) {
            authenticate(parts, state).await?;
        }
        Ok(Self)
    }
}

async fn authorised(parts: &mut Parts, state: &ManagementState) -> Result<Principal, ApiError> {
    let principal = authenticate(parts, state).await?;
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::new(ErrorKind::INVALID_INPUT, "The path is not UTF-8."))?;
    let project = params
        .iter()
        .find(|(name, _)| *name == "project_id")
        .map(|(_, value)| value);
    if project != Some(state.project_id.as_str()) {
        return Err(ApiError::new(
            ErrorKind::FOREIGN_PROJECT,
            "The project id in the path is not this instance's.",
        ));
    }
    Ok(principal)
}

async fn authenticate(parts: &Parts, state: &ManagementState) -> Result<Principal, ApiError> {
    // The program's own first steps come in beside the socket, already known.
    if let Some(principal) = parts.extensions.get::<Principal>() {
        return Ok(principal.clone());
    }
    if parts.headers.contains_key(AUTHORIZATION) {
        let detail =
            "Signed requests are not taken by this version; send X-Auth-Token: <access_key>:<secret_key>.";
        return Err(ApiError::new(ErrorKind::UNAUTHENTICATED, detail));
    }
    let Some(header) = parts.headers.get(AUTH_TOKEN) else {
        let detail = "Send X-Auth-Token: <access_key>:<secret_key>.";
        return Err(ApiError::new(ErrorKind::UNAUTHENTICATED, detail));
    };
    let pair = header.to_str().ok().and_then(access_key::split_token);
    let (sent_key, sent_secret) = pair.ok_or(ErrorKind::INVALID_TOKEN)?;
    let Some(key) = state.stores.settings.key(sent_key).await? else {
        tracing::info!("a management call names an unknown access key");
        return Err(ErrorKind::INVALID_TOKEN.into());
    };
    if !access_key::same(key.secret.expose(), sent_secret) || key.disabled {
        tracing::info!(
            access_key = sent_key,
            disabled = key.disabled,
            "a management call was refused"
        );
        return Err(ErrorKind::INVALID_TOKEN.into());
    }
    Ok(Principal {
        access_key: key.access_key,
        name: key.name,
        role: key.role,
    })
}
