//! The capped body: refused by its announced length before it is read, and while it streams when it lied or said
//! nothing.

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;

use crate::http::error::{ApiError, ErrorKind};
use crate::server::is_too_slow;

/// The largest body: 1 MB (device-api.md, transport).
pub const MAX_BODY_BYTES: usize = 1_048_576;

/// What is set aside before the first byte came: an announced length is only a promise.
const FIRST_BUFFER: usize = 64 * 1024;

/// A body of at most [`MAX_BODY_BYTES`], in any coding.
pub struct CappedBody(pub Bytes);

/// A body of at most [`MAX_BODY_BYTES`] that is not compressed.
pub struct PlainBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for CappedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let announced = announced_length(&request)?;
        let mut body = request.into_body();
        let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0).min(FIRST_BUFFER));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreadable(&error))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > MAX_BODY_BYTES {
                    return Err(ErrorKind::BODY_TOO_LARGE.into());
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Self(bytes.freeze()))
    }
}

impl<S: Send + Sync> FromRequest<S> for PlainBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        announced_length(&request)?;
        for coding in request.headers().get_all(CONTENT_ENCODING) {
            if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
                let detail = "Content-Encoding: only identity is taken here, send the body uncompressed";
                return Err(ApiError::new(ErrorKind::INVALID_INPUT, detail));
            }
        }
        CappedBody::from_request(request, state)
            .await
            .map(|body| Self(body.0))
    }
}

fn announced_length(request: &Request) -> Result<Option<usize>, ApiError> {
    let header = request.headers().get(CONTENT_LENGTH);
    let length = header
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    match length.map(usize::try_from) {
        None => Ok(None),
        Some(Ok(length)) if length <= MAX_BODY_BYTES => Ok(Some(length)),
        Some(_) => Err(ErrorKind::BODY_TOO_LARGE.into()),
    }
}

fn unreadable(error: &axum::Error) -> ApiError {
    if is_too_slow(error) {
        ApiError::new(ErrorKind::TOO_SLOW, "The body came slower than the minimum rate.")
    } else {
        ApiError::new(
            ErrorKind::INVALID_INPUT,
            "The body ended early or is not framed as HTTP says.",
        )
    }
}
