//! `--verify`: reads every device's events back through the management API, all pages, and has them compared.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::compare::{Findings, Side, Stored, compare};
use super::fleet::Member;
use super::journal::Journal;
use super::payload::read_mark;
use crate::cli::client::bounded::each;
use crate::cli::client::management::Management;
use crate::cli::client::progress::Progress;

/// Where to read, and whose marks to expect.
#[derive(Clone)]
struct Reader {
    management: Arc<Management>,
    run: Arc<str>,
    /// Events of a page.
    limit: usize,
}

/// Compares what `journals` know of the fleet with what the store has.
pub(super) async fn verify(
    management: Arc<Management>,
    run: Arc<str>,
    members: &[Member],
    journals: Vec<Journal>,
    payload_bytes: usize,
    stop: &CancellationToken,
) -> Result<Findings, Failure> {
    let reader = Reader {
        management,
        run,
        limit: (PAGE_BYTES / payload_bytes.max(1)).clamp(1, MOST_EVENTS),
    };
    let mut by_reporter: HashMap<u32, Arc<Journal>> = journals
        .into_iter()
        .map(|journal| (journal.reporter(), Arc::new(journal)))
        .collect();
    let mut devices = Vec::new();
    for member in members {
        let Some(journal) = by_reporter.remove(&member.reporter.number) else {
            continue;
        };
        for child in &member.reporter.children {
            devices.push((child.clone(), Side::Child, journal.clone()));
        }
        devices.push((member.reporter.device_id.clone(), Side::Own, journal));
    }
    let mut progress = Progress::new("verifying", Some(devices.len() as u64));
    let results = each(
        devices,
        AT_ONCE,
        stop,
        &mut progress,
        |(device_id, side, journal)| {
            let reader = reader.clone();
            async move {
                let stored = reader.stored(&device_id, journal.reporter()).await?;
                Ok(compare(&journal, side, &device_id, &stored))
            }
        },
    )
    .await?;
    let mut findings = Findings::default();
    for of_one in results {
        findings.add(of_one);
    }
    Ok(findings)
}

impl Reader {
    /// The marks of a device's reports and messages, newest first; nothing where the device is gone.
    async fn stored(&self, device_id: &str, reporter: u32) -> Result<Stored, Failure> {
        let mut stored = Stored::default();
        let mut marker = "f".repeat(24);
        loop {
            let limit = self.limit;
            let path = format!("/devices/{device_id}/events?limit={limit}&marker={marker}");
            let Some(page) = self.management.read(&path).await? else {
                return Ok(stored);
            };
            let events = page.get("events").and_then(Value::as_array);
            for event in events.into_iter().flatten().filter(|event| is_report(event)) {
                match mark_of(event).and_then(|mark| read_mark(mark, &self.run, reporter)) {
                    Some(report) => stored.reports.push(report),
                    None => stored.foreign += 1,
                }
            }
            match page.pointer("/page/marker").and_then(Value::as_str) {
                Some(next) if next != marker => next.clone_into(&mut marker),
                _ => return Ok(stored),
            }
        }
    }
}

/// False for what tells of the device itself: its creation, its status.
fn is_report(event: &Value) -> bool {
    let resource = event.get("resource").and_then(Value::as_str);
    matches!(resource, Some("device.property" | "device.message"))
}

fn mark_of(event: &Value) -> Option<&str> {
    let body = event.pointer("/notify_data/body")?;
    body.pointer("/content/mark")
        .or_else(|| body.pointer("/services/0/properties/mark"))?
        .as_str()
}

/// Devices read at once.
const AT_ONCE: usize = 8;
/// The most that the API gives in a page.
const MOST_EVENTS: usize = 50;
/// What a page may take, about.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_found_in_reports_and_messages() {
        let property = json!({"resource": "device.property",
            "notify_data": {"body": {"services": [{"properties": {"mark": "r-0-1"}}]}}});
        let message =
            json!({"resource": "device.message", "notify_data": {"body": {"content": {"mark": "r-0-2"}}}});
        let text = json!({"resource": "device.message", "notify_data": {"body": {"content": "hello"}}});
        let created = json!({"resource": "device", "event": "create", "notify_data": {"body": {}}});
        assert_eq!(mark_of(&property), Some("r-0-1"));
        assert_eq!(mark_of(&message), Some("r-0-2"));
        assert_eq!(mark_of(&text), None);
        let status = json!({"resource": "device.status", "event": "update"});
        assert!(is_report(&text) && !is_report(&created) && !is_report(&status));
    }
}
