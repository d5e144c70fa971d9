//! Messages, property reports and gateway batches: scan, shape, children, model, stamp, append. A report is one unit,
//! a batch too: stored whole or refused whole.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use super::{Ingest, KnownDevice, TracedRequest};
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{DeviceKey, RequestId};
use crate::domain::json_scan::{self, JsonFault};
use crate::domain::model::ValidationMode;
use crate::domain::report::{self, ChildReport, ServiceReport, ShapeFault};
use crate::domain::validation::{self, Faults};
use crate::storage::StoreError;

/// The most children that one gateway report may hold (device-api.md, transport).
pub const MAX_CHILDREN: usize = 50;

/// How many faults a refusal names.
const FAULTS_NAMED: usize = 10;

/// Why a report was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ReportRefusal {
    /// The body is no JSON that the platform reads.
    #[error("{0}")]
    Json(#[source] JsonFault),
    /// A required member is missing or has the wrong type.
    #[error("{0}")]
    Shape(#[source] ShapeFault),
    /// It breaks the product model; the text names the first faults with their paths.
    #[error("{0}")]
    Model(String),
    /// More than 50 children; how many there were.
    #[error("the report holds {0} children")]
    TooManyChildren(usize),
    /// The device was frozen, reset or deleted while its body came.
    #[error("the device was frozen, reset or deleted meanwhile")]
    Revoked,
    /// A child is unknown or not under this gateway.
    #[error("{0}")]
    ForeignChild(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ingest {
    /// Stores a message: the body as it is.
    pub async fn report_message(
        &self,
        device: &Arc<KnownDevice>,
        body: Bytes,
        request_id: RequestId,
    ) -> Result<(), ReportRefusal> {
        self.still_opens(device).await?;
        let now = self.clock.now();
        let event = event_of(device, EventKind::MessageReport, body, now, request_id);
        self.store(device, vec![event], now).await
    }

    /// Checks a property report against the device's model and stores it.
    pub async fn report_properties(
        &self,
        device: &Arc<KnownDevice>,
        body: &[u8],
        request_id: RequestId,
    ) -> Result<(), ReportRefusal> {
        self.still_opens(device).await?;
        let now = self.clock.now();
        let event = {
            let text = json_scan::scan(body).map_err(ReportRefusal::Json)?;
            let services = report::parse_properties(text).map_err(ReportRefusal::Shape)?;
            self.judge(device, &services, now, &request_id, "")?
        };
        if let Some(event) = event {
            return self.store(device, vec![event], now).await;
        }
        self.activity.seen(&device.traffic, now);
        Ok(())
    }

    /// Checks a gateway's report for its children, each against its own model, and stores all of them.
    pub async fn report_children(
        &self,
        gateway: &Arc<KnownDevice>,
        body: &[u8],
        request_id: RequestId,
    ) -> Result<(), ReportRefusal> {
        self.still_opens(gateway).await?;
        let now = self.clock.now();
        let text = json_scan::scan(body).map_err(ReportRefusal::Json)?;
        let entries = report::parse_batch(text).map_err(ReportRefusal::Shape)?;
        if entries.len() > MAX_CHILDREN {
            return Err(ReportRefusal::TooManyChildren(entries.len()));
        }
        let mut children = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            children.push(report::parse_child(index, entry).map_err(ReportRefusal::Shape)?);
        }
        let devices = self.children_of(gateway, &children).await?;
        let mut events = Vec::with_capacity(children.len());
        for (index, (child, known)) in children.iter().zip(&devices).enumerate() {
            let place = format!("devices[{index}] ({}): ", known.device_id);
            if let Some(mut event) = self.judge(known, &child.services, now, &request_id, &place)? {
                event.reported_by = Some(gateway.key);
                events.push(event);
            }
        }
        for known in &devices {
            self.activity.seen(&known.traffic, now);
        }
        if events.is_empty() {
            self.activity.seen(&gateway.traffic, now);
            return Ok(());
        }
        self.store(gateway, events, now).await
    }

    /// A body may take minutes: the token that was good before it must still be.
    async fn still_opens(&self, device: &Arc<KnownDevice>) -> Result<(), ReportRefusal> {
        let current = self.directory.device(device.device_id.as_str()).await?;
        let same = current.is_some_and(|current| {
            Arc::ptr_eq(&current, device)
                || (current.key == device.key && current.epoch == device.epoch && !current.frozen)
        });
        if same { Ok(()) } else { Err(ReportRefusal::Revoked) }
    }

    async fn children_of(
        &self,
        gateway: &KnownDevice,
        children: &[ChildReport<'_>],
    ) -> Result<Vec<Arc<KnownDevice>>, ReportRefusal> {
        let mut devices = Vec::with_capacity(children.len());
        for (index, child) in children.iter().enumerate() {
            match self.directory.device(&child.device_id).await? {
                Some(known) if known.ancestors.contains(&gateway.key) => devices.push(known),
                // One text for unknown and foreign: whether another device exists is not the gateway's to learn.
                _ => {
                    let shown: String = child.device_id.chars().take(128).collect();
                    return Err(ReportRefusal::ForeignChild(format!(
                        "devices[{index}].device_id: {shown}"
                    )));
                }
            }
        }
        Ok(devices)
    }

    /// The event of one device's report, in its product's mode; none when a filter leaves nothing.
    fn judge(
        &self,
        device: &KnownDevice,
        services: &[ServiceReport<'_>],
        now: Timestamp,
        request_id: &RequestId,
        place: &str,
    ) -> Result<Option<NewEvent>, ReportRefusal> {
        let faults = validation::validate(&device.product.model, services);
        for fault in faults.first() {
            self.metrics.fault(fault.kind.name());
        }
        let mode = device.product.mode;
        if let Some(refusal) = refusal_of(mode, &faults, place) {
            return Err(refusal);
        }
        let left_out = (mode == ValidationMode::Filter).then_some(&faults);
        let ahead = self.settings.event_time_max_ahead_ms;
        let (payload, notes) = validation::stamped_body(services, left_out, now, ahead);
        let left_out = left_out.map_or(&[][..], Faults::first);
        for remark in notes.into_iter().chain(left_out.iter().map(ToString::to_string)) {
            self.remark(device, remark, request_id, now);
        }
        Ok(payload.map(|payload| {
            let kind = EventKind::PropertyReport;
            let mut event = event_of(device, kind, payload.into(), now, request_id.clone());
            if mode == ValidationMode::Flag && !faults.is_empty() {
                let texts: Vec<_> = faults.first().iter().map(ToString::to_string).collect();
                event.faults = serde_json::to_string(&texts).ok();
            }
            event
        }))
    }

    /// Something to know about a report that was taken.
    fn remark(&self, device: &KnownDevice, message: String, request_id: &RequestId, now: Timestamp) {
        let taken = TracedRequest {
            device_id: device.device_id.to_string(),
            method: "POST".to_owned(),
            path: "properties/report".to_owned(),
            status: 200,
            code: String::new(),
            message,
        };
        self.trace.note(taken, request_id, now);
    }

    async fn store(
        &self,
        reporter: &KnownDevice,
        events: Vec<NewEvent>,
        now: Timestamp,
    ) -> Result<(), ReportRefusal> {
        self.stores.log.append(events).await?;
        self.activity.seen(&reporter.traffic, now);
        Ok(())
    }
}

fn event_of(
    device: &KnownDevice,
    kind: EventKind,
    payload: Bytes,
    received: Timestamp,
    request_id: RequestId,
) -> NewEvent {
    const NO_REPORTER: Option<DeviceKey> = None;
    NewEvent {
        kind,
        device: Some((device.key, device.version)),
        reported_by: NO_REPORTER,
        received,
        request_id,
        payload,
        faults: None,
    }
}

/// Why a report with these faults is refused in this mode, if it is.
pub(super) fn refusal_of(mode: ValidationMode, faults: &Faults, place: &str) -> Option<ReportRefusal> {
    (mode == ValidationMode::Reject && !faults.is_empty()).then(|| ReportRefusal::Model(named(place, faults)))
}

fn named(place: &str, faults: &Faults) -> String {
    let mut text = String::from(place);
    for (index, fault) in faults.first().iter().take(FAULTS_NAMED).enumerate() {
        if index > 0 {
            text.push_str("; ");
        }
        text.push_str(&fault.to_string());
    }
    if faults.count() > FAULTS_NAMED {
        // Writing to a String cannot fail.
        let _ = write!(text, "; and {} more", faults.count() - FAULTS_NAMED);
    }
    text
}
