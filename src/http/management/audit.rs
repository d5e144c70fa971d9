//! `GET …/audit`: who changed what (routing.md §6).

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{ManagementState, PageView};
use crate::domain::event_time;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters, TimeRange};
use crate::storage::{AuditEntry, AuditFilter};

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListAudit {
    /// Those of one access key.
    actor: Option<String>,
}

/// `{entries, page}`.
#[derive(Serialize, ToSchema)]
pub struct AuditList {
    entries: Vec<AuditEntryView>,
    page: PageView,
}

/// One deed.
#[derive(Serialize, ToSchema)]
struct AuditEntryView {
    /// Like `2026-11-23T08:15:30.250Z`.
    time: String,
    /// The access key, or the part of the program that acted by itself.
    actor: String,
    /// The operation.
    action: String,
    /// What it was done to, as a path below the project.
    resource: String,
    /// The address that it came from, or `local`.
    from: String,
    /// `done`, or the status and code of the refusal.
    outcome: String,
    request_id: String,
}

/// A page of the audit log, newest first: every change, and every attempt of a known caller that was refused.
#[utoipa::path(
    get, path = "/audit", operation_id = "list_audit", tag = "instance",
    params(ListAudit, TimeRange, Paging),
    responses((status = OK, body = AuditList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<AuditList>, ApiError> {
    let (from, to) = query.time_range()?;
    let asked = ListAudit {
        actor: query.text("actor"),
    };
    let filter = AuditFilter {
        actor: asked.actor,
        from,
        to,
    };
    let found = state.stores.audit.entries(&filter, query.page()?).await?;
    let page = PageView::new(found.total, found.items.last().map(|entry| entry.id));
    let entries = found.items.into_iter().map(AuditEntryView::of).collect();
    Ok(Json(AuditList { entries, page }))
}

impl AuditEntryView {
    fn of(entry: AuditEntry) -> Self {
        let told = entry.told;
        Self {
            time: event_time::with_millis(told.at),
            actor: told.deed.actor,
            action: told.deed.action,
            resource: told.deed.resource,
            from: told.deed.from,
            outcome: told.outcome,
            request_id: told.request_id.to_string(),
        }
    }
}
