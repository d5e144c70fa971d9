//! The device whose path a token opens, within its own limit and the instance's: right after the token, before the body.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::domain::ids::RequestId;
use crate::http::device::DeviceState;
use crate::http::error::{ApiError, ErrorKind};
use crate::ingest::KnownDevice;

/// The header that carries a device's token.
const ACCESS_TOKEN: &str = "access_token";

/// An authenticated device, and the id of its request.
pub struct AuthenticatedDevice {
    /// The device of the path, which the token opens.
    pub device: Arc<KnownDevice>,
    /// The request's id.
    pub request_id: RequestId,
}

impl FromRequestParts<DeviceState> for AuthenticatedDevice {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &DeviceState) -> Result<Self, ApiError> {
        let Path(device_id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(ErrorKind::NO_PATH, "the device id in the path is not UTF-8"))?;
        let mut tokens = parts.headers.get_all(ACCESS_TOKEN).iter();
        let Some(token) = tokens.next() else {
            return Err(ApiError::new(
                ErrorKind::UNAUTHENTICATED,
                "The access_token header is missing.",
            ));
        };
        if tokens.next().is_some() {
            return Err(ApiError::new(
                ErrorKind::INVALID_TOKEN,
                "There are two access_token headers.",
            ));
        }
        let token = token.to_str().map_err(|_| ErrorKind::INVALID_TOKEN)?;
        let device = state.ingest.check_token(&device_id, token).await?;
        state.ingest.admit_device(&device)?;
        state.ingest.admit()?;
        let request_id = request_id(parts)?;
        Ok(Self { device, request_id })
    }
}

/// The id that the request was given on arrival.
pub(super) fn request_id(parts: &Parts) -> Result<RequestId, ApiError> {
    parts
        .extensions
        .get::<RequestId>()
        .cloned()
        .ok_or_else(|| ApiError::new(ErrorKind::INTERNAL, "a request without an id"))
}
