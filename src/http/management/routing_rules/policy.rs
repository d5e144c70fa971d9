//! What backlog and flow-control policies have in common.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::auth::secret::random_bytes;
use crate::domain::ids::PolicyId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::management::ManagementState;

/// An id for a new policy.
pub(super) fn new_id() -> Result<PolicyId, ApiError> {
    let id = uuid::Builder::from_random_bytes(random_bytes::<16>()?).into_uuid();
    PolicyId::parse(&id.to_string()).map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))
}

/// What stands after an update: absent leaves it, empty clears it.
pub(super) fn text_over(asked: Option<String>, before: Option<String>) -> Option<String> {
    match asked {
        None => before,
        Some(text) => Some(text).filter(|text| !text.is_empty()),
    }
}

pub(super) fn missing(policy_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_POLICY, format!("policy_id: {policy_id}"))
}

/// The policy that a path names.
pub struct PolicyPath(pub(super) PolicyId);

impl FromRequestParts<ManagementState> for PolicyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, policy_id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        PolicyId::parse(&policy_id)
            .map(Self)
            .map_err(|_| missing(&policy_id))
    }
}
