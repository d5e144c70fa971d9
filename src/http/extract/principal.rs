//! Who calls the management API, and what the caller may do. A handler names [`Reader`] or [`Writer`]: forgetting
//! authentication shows in its signature. A request with `Authorization` was judged by its signature before it came here
//! (`signature`); one without is judged by `X-Auth-Token` (management-api.md §2.5).

use std::net::IpAddr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::attempt::Attempt;
use super::device::request_id;
use crate::auth::access_key::{self, Role};
use crate::auth::person::{UserName, UserRole};
use crate::domain::ids::RequestId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::management::ManagementState;
use crate::server::PeerAddress;
use crate::storage::{AccessKey, Deed};

/// The header that carries `<access_key>:<secret_key>` or a token.
const AUTH_TOKEN: &str = "x-auth-token";

/// The project that the caller believes to be in.
const PROJECT_ID: &str = "x-project-id";

/// What an SDK leaves in the path when it knows no project id.
const PLACEHOLDER: &str = "{project_id}";

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Its access key; empty for the program itself and for people.
    pub access_key: String,
    /// The key's name, or the person's.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Principal {
    /// The program's own first steps, beside the socket.
    pub fn program() -> Self {
        Self {
            access_key: String::new(),
            name: "fieldgate".to_owned(),
            role: Role::Admin,
        }
    }

    /// Someone who signed in to the console.
    pub fn person(name: &UserName, role: UserRole) -> Self {
        Self {
            access_key: String::new(),
            name: name.as_str().to_owned(),
            role: role.in_api(),
        }
    }

    /// The holder of a key that was proved.
    pub fn holder_of(key: AccessKey) -> Self {
        Self {
            access_key: key.access_key,
            name: key.name,
            role: key.role,
        }
    }

    /// What the audit log calls it.
    pub fn actor(&self) -> &str {
        if self.access_key.is_empty() {
            &self.name
        } else {
            &self.access_key
        }
    }
}

/// A caller who may read the project of the path.
pub struct Reader {
    /// Who it is.
    principal: Principal,
}

impl Reader {
    /// The access key that proved it; empty for the program itself and for people.
    pub fn access_key(&self) -> &str {
        &self.principal.access_key
    }
}

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
        let principal = authenticate(parts, state).await?;
        check_project(parts, state).await?;
        Ok(Self { principal })
    }
}

impl FromRequestParts<ManagementState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Reader { principal } = Reader::from_request_parts(parts, state).await?;
        let attempt = parts.extensions.get::<Attempt>();
        let attempt =
            attempt.ok_or_else(|| ApiError::new(ErrorKind::INTERNAL, "a write that no audit log sees"))?;
        let deed = attempt.by(&principal, peer(parts));
        if principal.role != Role::Admin {
            return Err(ApiError::new(ErrorKind::NO_PERMISSION, "This key is a reader's."));
        }
        Ok(Self {
            deed,
            request_id: request_id(parts)?,
        })
    }
}

/// A caller with any key, on a path without a project.
pub struct KeyHolder;

impl FromRequestParts<ManagementState> for KeyHolder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        authenticate(parts, state).await.map(|_| Self)
    }
}

/// A caller who may read metrics: on this machine, or with any key.
pub struct Scraper;

impl FromRequestParts<ManagementState> for Scraper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        if !peer(parts).is_some_and(|peer| peer.to_canonical().is_loopback()) {
            authenticate(parts, state).await?;
        }
        Ok(Self)
    }
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip())
}

async fn check_project(parts: &mut Parts, state: &ManagementState) -> Result<(), ApiError> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::new(ErrorKind::INVALID_INPUT, "The path is not UTF-8."))?;
    let project = params
        .iter()
        .find(|(name, _)| *name == "project_id")
        .map(|(_, value)| value);
    let own = state.project_id.as_str();
    let detail = match project {
        Some(PLACEHOLDER) => {
            "The path holds the placeholder {project_id}: give the client this instance's project id, or a region, for \
             which it asks GET /v3/projects."
        }
        Some(id) if id == own => {
            let agrees = |value: &http::HeaderValue| value.as_bytes() == own.as_bytes();
            if parts.headers.get_all(PROJECT_ID).iter().all(agrees) {
                return Ok(());
            }
            "X-Project-Id is not the project id in the path."
        }
        _ => "The project id in the path is not this instance's.",
    };
    Err(ApiError::new(ErrorKind::FOREIGN_PROJECT, detail))
}

async fn authenticate(parts: &Parts, state: &ManagementState) -> Result<Principal, ApiError> {
    // The program's own first steps and signed requests come in already known.
    if let Some(principal) = parts.extensions.get::<Principal>() {
        return Ok(principal.clone());
    }
    if parts.headers.contains_key(AUTHORIZATION) {
        let reason = "a signed request came to a path that does not judge signatures";
        return Err(ApiError::unexplained(ErrorKind::UNAUTHENTICATED, reason));
    }
    let Some(sent) = auth_token(&parts.headers)? else {
        let detail = "Sign the request (SDK-HMAC-SHA256 or V11-HMAC-SHA256), or send X-Auth-Token: \
                      <access_key>:<secret_key>, or a token from POST /v3/auth/tokens.";
        return Err(ApiError::new(ErrorKind::UNAUTHENTICATED, detail));
    };
    let refused = |reason: String| ApiError::unexplained(ErrorKind::INVALID_TOKEN, reason);
    let key = if let Some((access_key, secret)) = access_key::split_token(sent) {
        prove(state, access_key, secret).await?
    } else {
        let token = state.tokens.read(sent, state.clock.now());
        let token = token.map_err(|error| refused(format!("the token is {error}")))?;
        usable_key(state, &token.access_key).await?
    };
    key.map(Principal::holder_of)
        .map_err(|refusal| refused(refusal.to_string()))
}

/// The one `X-Auth-Token` header.
fn auth_token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(AUTH_TOKEN).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        let detail = "There are two X-Auth-Token headers.";
        return Err(ApiError::new(ErrorKind::INVALID_TOKEN, detail));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| ErrorKind::INVALID_TOKEN.into())
}

/// Why a key opens nothing. For the log.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefusal {
    /// There is none of this id.
    #[error("unknown access key")]
    Unknown,
    /// It is disabled.
    #[error("access key {0} is disabled")]
    Disabled(String),
    /// Its secret is another.
    #[error("access key {0}: wrong secret")]
    WrongSecret(String),
}

/// A key that is there and not disabled. Read from the store at each use, so that what a command beside the server does
/// holds at once.
pub async fn usable_key(
    state: &ManagementState,
    access_key: &str,
) -> Result<Result<AccessKey, KeyRefusal>, ApiError> {
    Ok(match state.stores.settings.key(access_key).await? {
        None => Err(KeyRefusal::Unknown),
        Some(key) if key.disabled => Err(KeyRefusal::Disabled(key.access_key)),
        Some(key) => Ok(key),
    })
}

/// A usable key whose secret was sent.
pub async fn prove(
    state: &ManagementState,
    access_key: &str,
    secret: &str,
) -> Result<Result<AccessKey, KeyRefusal>, ApiError> {
    let key = usable_key(state, access_key).await?;
    Ok(key.and_then(|key| {
        if access_key::same(key.secret.expose(), secret) {
            Ok(key)
        } else {
            Err(KeyRefusal::WrongSecret(key.access_key))
        }
    }))
}
