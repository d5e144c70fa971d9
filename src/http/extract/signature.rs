//! Signed requests (management-api.md §2.2 to §2.4), before their handler: what needs no body is judged first, then the
//! body is read under its cap, then the signature. Behind it the extractors find the principal, and the same body.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::body::CappedBody;
use super::principal::{KeyRefusal, Principal, usable_key};
use crate::auth::request_signature::{Claim, Refusal, RequestHead};
use crate::http::error::ApiError;
use crate::http::management::ManagementState;
use crate::storage::AccessKey;

/// A body that took longer than this to come is verified under the key as it is then.
const KEY_HOLDS_MS: i64 = 1000;

/// Judges a request with `Authorization` by its signature alone; one without goes on as it is.
pub async fn judge(
    State(state): State<ManagementState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Ok(next.run(request).await);
    }
    let arrived = state.clock.now();
    let (parts, body) = request.into_parts();
    let claim = Claim::read(&head(&parts), arrived, state.signature_max_skew_ms)?;
    let mut key = key_of(&state, &claim).await?;
    let body = CappedBody::read(&parts, body, state.bodies.clone()).await?;
    if state.clock.now() > arrived.plus_millis(KEY_HOLDS_MS) {
        key = key_of(&state, &claim).await?;
    }
    claim.verify(&key.secret, &body.bytes)?;
    let mut request = body.hand_on(parts);
    request.extensions_mut().insert(Principal::holder_of(key));
    Ok(next.run(request).await)
}

fn head(parts: &Parts) -> RequestHead<'_> {
    RequestHead {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect(),
    }
}

async fn key_of(state: &ManagementState, claim: &Claim) -> Result<AccessKey, ApiError> {
    let access_key = claim.access_key();
    let key = usable_key(state, access_key).await?;
    key.map_err(|refusal| match refusal {
        KeyRefusal::Disabled(access_key) => Refusal::DisabledKey(access_key).into(),
        _ => Refusal::UnknownKey(access_key.to_owned()).into(),
    })
}
