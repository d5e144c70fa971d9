//! Query parameters of the management API: paging (management-api.md §1.4) and times.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use utoipa::IntoParams;

use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::parse_marker;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::schema::CompactTime;
use crate::storage::PageRequest;

/// What [`Parameters::page`] reads, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what `page` reads")]
pub struct Paging {
    /// How many to show.
    #[param(minimum = 1, maximum = 50, default = 10)]
    limit: Option<u32>,
    /// The `page.marker` of the page before; empty is absent.
    #[param(pattern = "^([0-9a-fA-F]{24})?$", default = "ffffffffffffffffffffffff")]
    marker: Option<String>,
    /// How many to leave out after the marker.
    #[param(maximum = 500, default = 0)]
    offset: Option<u32>,
}

/// What [`Parameters::time_range`] reads, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what `time_range` reads")]
pub struct TimeRange {
    /// From this second on, like `20261123T081530Z`.
    #[param(value_type = Option<CompactTime>, inline)]
    start_time: Option<String>,
    /// Up to the end of this second.
    #[param(value_type = Option<CompactTime>, inline)]
    end_time: Option<String>,
}

/// The query's parameters by name; the last of a repeated one counts.
pub struct Parameters(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(map) = Query::<HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        Ok(Self(map))
    }
}

impl Parameters {
    /// A parameter, none when it is absent or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// `true` or `false`; absent is false.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::new(
                ErrorKind::INVALID_INPUT,
                format!("{name}: must be true or false"),
            )),
        }
    }

    /// `limit` 1 to 50 (10), `marker` 24 hexadecimal digits (`f…`), `offset` 0 to 500 (0).
    pub fn page(&self) -> Result<PageRequest, ApiError> {
        let limit = self.number("limit", 10).filter(|limit| (1..=50).contains(limit));
        let limit = limit.ok_or_else(|| ApiError::new(ErrorKind::BAD_LIMIT, "limit: must be 1 to 50"))?;
        let offset = self.number("offset", 0).filter(|offset| *offset <= 500);
        let offset =
            offset.ok_or_else(|| ApiError::new(ErrorKind::INVALID_INPUT, "offset: must be 0 to 500"))?;
        let before = match self.text("marker") {
            None => i64::MAX,
            Some(text) => parse_marker(&text).ok_or_else(|| {
                ApiError::new(ErrorKind::BAD_MARKER, "marker: must be 24 hexadecimal digits")
            })?,
        };
        Ok(PageRequest {
            before,
            offset,
            limit,
        })
    }

    fn number(&self, name: &str, default: u32) -> Option<u32> {
        self.text(name).map_or(Some(default), |text| text.parse().ok())
    }

    /// `start_time` and `end_time`, `yyyyMMdd'T'HHmmss'Z'`.
    pub fn time_range(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
        let (from, to) = (self.time("start_time")?, self.time("end_time")?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(ErrorKind::BAD_RANGE.into());
        }
        // The form has seconds: an end includes the whole of its second.
        Ok((from, to.map(|to| to.plus_millis(999))))
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match event_time::parse_compact(&text) {
            Some(time) => Ok(Some(time)),
            None => Err(ApiError::new(
                ErrorKind::BAD_TIME,
                format!("{name}: must be like 20261123T081530Z"),
            )),
        }
    }
}
