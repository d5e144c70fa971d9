//! `device-auth` and the check of access tokens (device-api.md, token rules). Every reason for a refusal has a name
//! here and a log line; the device gets one indistinct answer.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Ingest, KnownDevice, LimitReached};
use crate::auth::access_token::TokenClaims;
use crate::auth::device_password;
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::DeviceId;
use crate::domain::json_scan::{self, JsonFault};
use crate::storage::{AuthType, StoreError};

/// A token's life.
const TOKEN_LIFE_SECONDS: i64 = 86_400;

/// How far the hour of a `sign_type` 1 timestamp may be from the platform's, either way.
const HOUR_MS: i64 = 3_600_000;

/// A checked `device-auth` body.
#[derive(Debug)]
pub struct AuthenticationRequest {
    device_id: DeviceId,
    sign_type: u8,
    timestamp: String,
    hour: Timestamp,
    password: String,
}

/// A token for a device.
#[derive(Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token, 32 to 256 characters.
    pub access_token: String,
    /// The seconds left of its 24 hours.
    pub expires_in: i64,
}

/// Why `device-auth` gave no token.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationRefusal {
    /// The body is no JSON that the platform reads.
    #[error("{0}")]
    Json(#[source] JsonFault),
    /// A field breaks its rule.
    #[error("{0}")]
    Field(String),
    /// `sign_type` 1 with an hour too far from the platform's, which is given (`YYYYMMDDHH`).
    #[error("timestamp: is more than one hour away from the platform's hour, which is {platform_hour} (UTC)")]
    HourTooFar {
        /// The platform's hour.
        platform_hour: String,
    },
    /// Too many of them.
    #[error(transparent)]
    Limited(#[from] LimitReached),
    /// Unknown, frozen, a child, or a wrong password: the answer does not tell which.
    #[error("device id or password is wrong, or the device may not authenticate")]
    Denied {
        /// The id that was sent.
        device_id: DeviceId,
        /// Why, for the log and the device's trace alone.
        reason: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token does not open a path.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// Whatever is wrong with it; the answer does not tell which.
    #[error("authenticate again for a new one")]
    Invalid {
        /// Which, for the log and the device's trace alone.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
struct AuthenticationBody<'a> {
    #[serde(borrow)]
    device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sign_type: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    password: Option<&'a RawValue>,
}

impl AuthenticationRequest {
    /// Reads and checks a `device-auth` body.
    pub fn parse(body: &[u8]) -> Result<Self, AuthenticationRefusal> {
        let text = json_scan::scan(body).map_err(AuthenticationRefusal::Json)?;
        // A derived struct would take an array too, by position.
        let body = text
            .trim_start()
            .starts_with('{')
            .then(|| serde_json::from_str(text).ok());
        let body: AuthenticationBody<'_> = body
            .flatten()
            .ok_or_else(|| AuthenticationRefusal::Field("the body must be a JSON object".to_owned()))?;
        let device_id = text_field("device_id", body.device_id)?;
        let device_id = DeviceId::parse(&device_id).map_err(|error| field("device_id", &error))?;
        let sign_type = match body.sign_type {
            None => return Err(field("sign_type", &"is missing")),
            Some(value) => match value.get() {
                "0" => 0,
                "1" => 1,
                _ => return Err(field("sign_type", &"must be the integer 0 or 1")),
            },
        };
        let timestamp = text_field("timestamp", body.timestamp)?;
        let hour = event_time::parse_auth_hour(&timestamp)
            .ok_or_else(|| field("timestamp", &"must be an hour in UTC, YYYYMMDDHH"))?;
        let password = text_field("password", body.password)?;
        if password.len() != 64 || !password.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(field(
                "password",
                &"must be 64 hexadecimal digits (an HMAC-SHA256)",
            ));
        }
        Ok(Self {
            device_id,
            sign_type,
            timestamp,
            hour,
            password,
        })
    }
}

fn text_field(name: &str, value: Option<&RawValue>) -> Result<String, AuthenticationRefusal> {
    let Some(value) = value.filter(|value| value.get() != "null") else {
        return Err(field(name, &"is missing"));
    };
    serde_json::from_str(value.get()).map_err(|_| field(name, &"must be a string"))
}

fn field(name: &str, what: &dyn std::fmt::Display) -> AuthenticationRefusal {
    AuthenticationRefusal::Field(format!("{name}: {what}"))
}

impl Ingest {
    /// Gives a device a token, or refuses it.
    pub async fn authenticate(
        &self,
        body: &[u8],
        from: IpAddr,
    ) -> Result<IssuedToken, AuthenticationRefusal> {
        let request = AuthenticationRequest::parse(body)?;
        let now = self.clock.now();
        let platform_hour = now.0 - now.0.rem_euclid(HOUR_MS);
        if request.sign_type == 1 && (request.hour.0 - platform_hour).abs() > HOUR_MS {
            return Err(AuthenticationRefusal::HourTooFar {
                platform_hour: event_time::auth_hour(now),
            });
        }
        self.counted(self.limits.take_auth(&request.device_id, from, now))?;
        let device = self.directory.device(request.device_id.as_str()).await?;
        let judged = judge(device.as_deref(), &request);
        self.limits
            .authenticated(&request.device_id, from, judged.is_ok(), now);
        let device = match (judged, device) {
            (Ok(()), Some(device)) => device,
            (judged, _) => {
                return Err(AuthenticationRefusal::Denied {
                    device_id: request.device_id,
                    reason: judged.err().unwrap_or_default(),
                });
            }
        };
        let issued = self.activity.issue(&device.traffic, now);
        let claims = TokenClaims {
            device: device.key,
            epoch: device.epoch,
            issued,
            expires: now.plus_seconds(TOKEN_LIFE_SECONDS),
        };
        Ok(IssuedToken {
            access_token: self.tokens.issue(&claims),
            expires_in: TOKEN_LIFE_SECONDS - 1,
        })
    }

    /// Counts any request before anything of it is read.
    pub fn admit(&self) -> Result<(), LimitReached> {
        self.counted(self.limits.take_instance(self.clock.now()))
    }

    fn counted(&self, taken: Result<(), LimitReached>) -> Result<(), LimitReached> {
        taken.inspect_err(|reached| self.metrics.limit_hit(reached.limit.name()))
    }

    /// Counts a request of a device.
    pub fn admit_device(&self, device: &KnownDevice) -> Result<(), LimitReached> {
        self.counted(self.limits.take_device(&device.traffic.pace, self.clock.now()))
    }

    /// The device whose path this token opens.
    pub async fn check_token(&self, device_id: &str, token: &str) -> Result<Arc<KnownDevice>, TokenRefusal> {
        let claims = self
            .tokens
            .read(token)
            .map_err(|reason| refuse(&reason.to_string()))?;
        let now = self.clock.now();
        if now >= claims.expires {
            return Err(refuse("expired"));
        }
        let Some(device) = self.directory.device(device_id).await? else {
            return Err(refuse("no such device"));
        };
        if device.key != claims.device {
            return Err(refuse("another device's"));
        }
        if device.epoch != claims.epoch || device.frozen {
            return Err(refuse("revoked by reset or freeze"));
        }
        if !self.activity.judge(&device.traffic, claims.issued, now) {
            return Err(refuse("superseded by a newer one"));
        }
        Ok(device)
    }
}

fn refuse(reason: &str) -> TokenRefusal {
    TokenRefusal::Invalid {
        reason: reason.to_owned(),
    }
}

/// Both secrets are always compared, those of an unknown device too, so that the time tells nothing.
fn judge(device: Option<&KnownDevice>, request: &AuthenticationRequest) -> Result<(), &'static str> {
    const NOBODY: &str = "00000000000000000000000000000000";
    let primary = device.map_or(NOBODY, |device| device.secret.expose());
    let secondary = device
        .and_then(|device| device.secondary_secret.as_ref())
        .map(Secret::expose);
    let first = device_password::verify(primary, &request.timestamp, &request.password);
    let second = device_password::verify(secondary.unwrap_or(NOBODY), &request.timestamp, &request.password);
    let Some(device) = device else {
        return Err("unknown device");
    };
    if !(first || (second && secondary.is_some())) {
        return Err("wrong password");
    }
    if device.auth_type != AuthType::Secret {
        return Err("its auth_type is CERTIFICATES");
    }
    if device.frozen {
        return Err("frozen");
    }
    if !device.ancestors.is_empty() {
        return Err("a child: its gateway reports for it");
    }
    if device.product.require_sign_type_1 && request.sign_type == 0 {
        return Err("its product requires sign_type 1");
    }
    Ok(())
}
