//! `POST /v5/device-auth`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::Instant;

use super::DeviceState;
use crate::http::error::ApiError;
use crate::http::extract::body::SmallBody;
use crate::http::extract::caller::Caller;
use crate::ingest::AuthenticationRefusal;

/// Refusals are answered this long after the request, whatever the reason: a device in memory, one that must be read
/// and one that does not exist take different times, and the difference would tell which ids exist.
const REFUSAL_DELAY: Duration = Duration::from_millis(10);

/// The answer: a token for 24 hours.
#[derive(Serialize)]
pub struct AuthenticationResponse {
    access_token: String,
    expires_in: i64,
}

/// Gives a device its token.
pub async fn handle(
    State(state): State<DeviceState>,
    Caller(from): Caller,
    SmallBody(body): SmallBody,
) -> Result<Json<AuthenticationResponse>, ApiError> {
    let started = Instant::now();
    match state.ingest.authenticate(&body, from).await {
        Ok(token) => Ok(Json(AuthenticationResponse {
            access_token: token.access_token,
            expires_in: token.expires_in,
        })),
        Err(refusal) => {
            if matches!(refusal, AuthenticationRefusal::Denied { .. }) {
                tokio::time::sleep_until(started + REFUSAL_DELAY).await;
            }
            Err(refusal.into())
        }
    }
}
