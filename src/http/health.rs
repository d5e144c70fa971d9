//! `/healthz`: the process answers. `/readyz`: it can take reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::storage::EventLog;
use crate::tls::CertificateStore;

/// How long the database may take: whoever asks does not wait for ever either.
const ANSWER: Duration = Duration::from_secs(2);

/// Knows whether the instance can take reports.
pub struct Readiness {
    log: Arc<dyn EventLog>,
    certificates: Arc<CertificateStore>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Over the log that reports go to, and the certificates that devices see.
    pub fn new(log: Arc<dyn EventLog>, certificates: Arc<CertificateStore>) -> Arc<Self> {
        Arc::new(Self {
            log,
            certificates,
            stopping: AtomicBool::new(false),
        })
    }

    /// From now on not ready: the instance is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// When the first of the certificates ends.
    pub fn certificate_ends(&self) -> Timestamp {
        self.certificates.ends()
    }

    /// Why reports cannot be taken now.
    pub async fn reason_against(&self) -> Option<String> {
        if self.stopping.load(Ordering::SeqCst) {
            return Some("stopping".to_owned());
        }
        if let Err(error) = self.log.takes_writes() {
            return Some(error.to_string());
        }
        match tokio::time::timeout(ANSWER, self.log.bounds()).await {
            Ok(answer) => answer.err().map(|error| error.to_string()),
            Err(_) => Some("the database does not answer in time".to_owned()),
        }
    }
}

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`
    status: &'static str,
}

/// That reports can be taken.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// `ready`
    status: &'static str,
    /// When the first of the certificates ends.
    certificate_ends: String,
}

/// That reports cannot be taken.
#[derive(Serialize, ToSchema)]
struct NotReady {
    /// `not ready`
    status: &'static str,
    reason: String,
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "show_health", tag = "instance", security(()),
    responses((status = OK, body = Health)),
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the instance can take reports.
#[utoipa::path(
    get, path = "/readyz", operation_id = "show_readiness", tag = "instance", security(()),
    responses((status = OK, body = Ready), (status = SERVICE_UNAVAILABLE, body = NotReady)),
)]
pub async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.reason_against().await {
        None => {
            let certificate_ends = event_time::with_millis(readiness.certificate_ends());
            let status = "ready";
            Json(Ready {
                status,
                certificate_ends,
            })
            .into_response()
        }
        Some(reason) => {
            let status = "not ready";
            (StatusCode::SERVICE_UNAVAILABLE, Json(NotReady { status, reason })).into_response()
        }
    }
}
