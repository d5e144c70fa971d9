//! What a path below `routing-rule` names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::domain::ids::{ActionId, RuleId};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::management::ManagementState;
use crate::storage::{Action, Rule};

async fn last_id(parts: &mut Parts, state: &ManagementState) -> Result<String, ApiError> {
    let Path((_, id)) = Path::<(String, String)>::from_request_parts(parts, state)
        .await
        .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
    Ok(id)
}

pub(super) fn no_rule(rule_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_RULE, format!("rule_id: {rule_id}"))
}

pub(super) fn no_action(action_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_ACTION, format!("action_id: {action_id}"))
}

/// The rule that a path names.
pub struct RulePath(pub(super) RuleId);

impl RulePath {
    pub(super) fn missing(&self) -> ApiError {
        no_rule(self.0.as_str())
    }

    pub(super) async fn load(&self, state: &ManagementState) -> Result<Rule, ApiError> {
        let rule = state.stores.rules.rule(&self.0).await?;
        rule.ok_or_else(|| self.missing())
    }
}

impl FromRequestParts<ManagementState> for RulePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let id = last_id(parts, state).await?;
        RuleId::parse(&id).map(Self).map_err(|_| no_rule(&id))
    }
}

/// The action that a path names.
pub struct ActionPath(pub(super) ActionId);

impl ActionPath {
    pub(super) fn missing(&self) -> ApiError {
        no_action(self.0.as_str())
    }

    pub(super) async fn load(&self, state: &ManagementState) -> Result<Action, ApiError> {
        let action = state.stores.rules.action(&self.0).await?;
        action.ok_or_else(|| self.missing())
    }
}

impl FromRequestParts<ManagementState> for ActionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let id = last_id(parts, state).await?;
        ActionId::parse(&id).map(Self).map_err(|_| no_action(&id))
    }
}
