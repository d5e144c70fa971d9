//! A caller who is not known yet, within the instance's limit: before the body.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::http::device::DeviceState;
use crate::http::error::ApiError;
use crate::server::PeerAddress;

/// The address that calls.
pub struct Caller(pub IpAddr);

impl FromRequestParts<DeviceState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &DeviceState) -> Result<Self, ApiError> {
        state.ingest.admit()?;
        let peer = parts.extensions.get::<PeerAddress>();
        Ok(Self(
            peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip()),
        ))
    }
}
