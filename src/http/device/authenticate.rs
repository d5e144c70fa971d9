//! `POST /v5/device-auth`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::DeviceState;
use crate::http::error::ApiError;
use crate::http::extract::body::SmallBody;
use crate::http::extract::caller::Caller;
use crate::ingest::AuthenticationRefusal;

/// Refusals are answered this long after the request, whatever the reason: a device in memory, one that must be read
/// and one that does not exist take different times, and the difference would tell which ids exist.
const REFUSAL_DELAY: Duration = Duration::from_millis(10);

/// What a device proves itself with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`ingest` reads the body")]
struct DeviceAuthentication {
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    device_id: String,
    /// 0: the timestamp is not compared with the platform's clock; 1: it is.
    #[schema(minimum = 0, maximum = 1)]
    sign_type: u8,
    /// `YYYYMMDDHH`, UTC.
    #[schema(pattern = "^[0-9]{10}$")]
    timestamp: String,
    /// HMAC-SHA256 with the timestamp as key and the device's secret as message.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    password: String,
}

/// The answer: a token for 24 hours.
#[derive(Serialize, ToSchema)]
pub struct AuthenticationResponse {
    access_token: String,
    /// Seconds.
    expires_in: i64,
}

/// Gives a device its token.
#[utoipa::path(
    post, path = "/v5/device-auth", operation_id = "authenticate_device", tag = "device", security(()),
    request_body = DeviceAuthentication,
    responses((status = OK, body = AuthenticationResponse)),
)]
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
