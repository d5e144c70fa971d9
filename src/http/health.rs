//! `/healthz`: the process answers. `/readyz`: it can take reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;

use crate::domain::event_time;
use crate::storage::EventLog;
use crate::tls::CertificateStore;

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

    async fn reason_against(&self) -> Option<String> {
        if self.stopping.load(Ordering::SeqCst) {
            return Some("stopping".to_owned());
        }
        self.log.bounds().await.err().map(|error| error.to_string())
    }
}

/// The two routes; open to all.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(readiness: Arc<Readiness>) -> Router<S> {
    Router::new()
        .route(
            "/healthz",
            get(async || Json(serde_json::json!({"status": "ok"}))),
        )
        .route("/readyz", get(readyz).with_state(readiness))
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let certificate_ends = event_time::with_millis(readiness.certificates.ends());
    match readiness.reason_against().await {
        None => {
            Json(serde_json::json!({"status": "ready", "certificate_ends": certificate_ends})).into_response()
        }
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({"status": "not ready", "reason": reason})),
        )
            .into_response(),
    }
}
