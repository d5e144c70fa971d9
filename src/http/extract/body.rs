//! The capped body: refused by its announced length before it is read, and while it streams when it lied or said
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body_util::BodyExt;

use crate::http::error::{ApiError, ErrorKind};
use crate::observability::Metrics;
use crate::server::is_too_slow;

/// The largest body: 1 MB (device-api.md, transport).
pub const MAX_BODY_BYTES: usize = 1_048_576;

/// What is set aside before the first byte came: an announced length is only a promise.
const FIRST_BUFFER: usize = 64 * 1024;

/// The bytes of bodies that may be in memory at once (`limits.body_bytes_in_flight`).
#[derive(Clone)]
pub struct BodyBudget {
    used: Arc<AtomicUsize>,
    most: usize,
    metrics: Arc<Metrics>,
}

impl BodyBudget {
    /// Of so many bytes.
    pub fn new(most: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            used: Arc::default(),
            most,
            metrics,
        }
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        self.used.load(Ordering::Relaxed).saturating_add(bytes) <= self.most
    }
}

/// A part of the budget; given back when it is dropped.
struct Reserved {
    budget: BodyBudget,
    bytes: usize,
}

impl Reserved {
    /// Takes more; false when there is no room.
    fn grow(&mut self, bytes: usize) -> bool {
        let before = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before.saturating_add(bytes) <= self.budget.most
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body of at most a mebibyte, in any coding; it holds its part of the budget until its last clone is gone.
#[derive(Clone)]
pub struct CappedBody {
    /// The body.
    pub bytes: Bytes,
    _reserved: Arc<Reserved>,
}

impl CappedBody {
    /// Reads the body of a request.
    pub async fn read(parts: &Parts, body: Body, budget: BodyBudget) -> Result<Self, ApiError> {
        let announced = announced_length(&parts.headers)?.unwrap_or(0);
        if !budget.has_room_for(announced) {
            return Err(no_room(&budget));
        }
        // Taken as it comes: an announced length is only a promise, and must not keep others out.
        let mut reserved = Reserved { budget, bytes: 0 };
        let bytes = read(body, announced, |so_far, more| {
            if so_far + more > MAX_BODY_BYTES {
                return Err(ErrorKind::BODY_TOO_LARGE.into());
            }
            if !reserved.grow(more) {
                return Err(no_room(&reserved.budget));
            }
            Ok(())
        })
        .await?;
        Ok(Self {
            bytes,
            _reserved: Arc::new(reserved),
        })
    }

    /// Puts a body that was read back into its request, for the extractors behind: they take it as it is, under the
    /// same part of the budget.
    pub fn hand_on(self, parts: Parts) -> Request {
        let mut request = Request::from_parts(parts, Body::from(self.bytes.clone()));
        request.extensions_mut().insert(self);
        request
    }
}

/// A body of at most [`MAX_BODY_BYTES`] that is not compressed.
pub struct PlainBody(CappedBody);

impl PlainBody {
    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl<S> FromRequest<S> for CappedBody
where
    S: Send + Sync,
    BodyBudget: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        match parts.extensions.remove::<Self>() {
            Some(read_before) => Ok(read_before),
            None => Self::read(&parts, body, BodyBudget::from_ref(state)).await,
        }
    }
}

impl<S> FromRequest<S> for PlainBody
where
    S: Send + Sync,
    BodyBudget: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        announced_length(request.headers())?;
        refuse_codings(request.headers())?;
        CappedBody::from_request(request, state).await.map(Self)
    }
}

/// The body of an authentication: small, since its sender is not known yet, and outside the budget, so that strangers
/// cannot use it up.
pub struct SmallBody(pub Bytes);

/// Five times the largest body that an authentication has a use for.
const SMALL_BODY_BYTES: usize = 4096;

impl<S: Send + Sync> FromRequest<S> for SmallBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let too_large = || {
            let detail = format!("The body of an authentication cannot exceed {SMALL_BODY_BYTES} bytes.");
            ApiError::new(ErrorKind::INVALID_INPUT, detail)
        };
        let announced = announced_length(request.headers())?;
        refuse_codings(request.headers())?;
        if announced.is_some_and(|length| length > SMALL_BODY_BYTES) {
            return Err(too_large());
        }
        let bytes = read(request.into_body(), announced.unwrap_or(0), |so_far, more| {
            if so_far + more > SMALL_BODY_BYTES {
                return Err(too_large());
            }
            Ok(())
        });
        Ok(Self(bytes.await?))
    }
}

/// Reads a body; `admit` hears of each part, after what came so far, before it is kept.
async fn read(
    mut body: Body,
    announced: usize,
    mut admit: impl FnMut(usize, usize) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::with_capacity(announced.min(FIRST_BUFFER));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&error))?;
        if let Ok(data) = frame.into_data() {
            admit(bytes.len(), data.len())?;
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn refuse_codings(headers: &HeaderMap) -> Result<(), ApiError> {
    for coding in headers.get_all(CONTENT_ENCODING) {
        if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
            let detail = "Content-Encoding: only identity is taken here, send the body uncompressed";
            return Err(ApiError::new(ErrorKind::INVALID_INPUT, detail));
        }
    }
    Ok(())
}

fn no_room(budget: &BodyBudget) -> ApiError {
    budget.metrics.limit_hit("limits.body_bytes_in_flight");
    let detail = "limits.body_bytes_in_flight is reached, try again.";
    ApiError::new(ErrorKind::UNAVAILABLE, detail)
}

fn announced_length(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    let length = headers
        .get(CONTENT_LENGTH)
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
