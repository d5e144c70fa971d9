//! What a device was told when it was refused, and what was remarked on what was taken (routing.md §5): gathered in memory,
//! equal ones folded, written about once a second; bounded, so that it cannot be used to load the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::directory::DeviceDirectory;
use super::{lock, write_now_and_then};
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::storage::{FollowerStore, NewTraceEntry, Result};

/// How many different entries may wait; more are not kept, their log lines are.
const MOST_WAITING: usize = 10_000;

/// The longest message that is kept, characters.
const MESSAGE_CHARS: usize = 1000;

/// One request of a device, as its trace tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TracedRequest {
    /// The device, as it was sent: known or not.
    pub device_id: String,
    /// The request's method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What it was answered.
    pub status: u16,
    /// The error code; empty for a remark on what was taken.
    pub code: String,
    /// What was wrong; never a secret or a token.
    pub message: String,
}

/// The entries that wait to be written.
pub struct TraceBook {
    store: Arc<dyn FollowerStore>,
    directory: Arc<DeviceDirectory>,
    entries_per_device: u32,
    waiting: Mutex<HashMap<TracedRequest, Seen>>,
}

struct Seen {
    last: Timestamp,
    request_id: RequestId,
    count: i64,
}

impl TraceBook {
    pub(super) fn new(
        store: Arc<dyn FollowerStore>,
        directory: Arc<DeviceDirectory>,
        entries_per_device: u32,
    ) -> Self {
        Self {
            store,
            directory,
            entries_per_device,
            waiting: Mutex::default(),
        }
    }

    /// Notes a request; costs no more than a table's entry.
    pub fn note(&self, mut request: TracedRequest, request_id: &RequestId, at: Timestamp) {
        if let Some((end, _)) = request.message.char_indices().nth(MESSAGE_CHARS) {
            request.message.truncate(end);
        }
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST_WAITING && !waiting.contains_key(&request) {
            return;
        }
        let seen = waiting.entry(request).or_insert_with(|| Seen {
            last: at,
            request_id: request_id.clone(),
            count: 0,
        });
        seen.last = at;
        seen.request_id = request_id.clone();
        seen.count += 1;
    }

    /// Writes what waits, again and again, and once more after `stop`.
    pub(super) async fn run(&self, stop: CancellationToken) {
        write_now_and_then("device traces", stop, || self.write()).await;
    }

    async fn write(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut entries = Vec::with_capacity(waiting.len());
        for (request, seen) in waiting {
            // A device that does not exist has no trace.
            if let Some(device) = self.directory.device(&request.device_id).await? {
                entries.push(NewTraceEntry {
                    device: device.key,
                    at: seen.last,
                    method: request.method,
                    path: request.path,
                    status: request.status,
                    code: request.code,
                    message: request.message,
                    request_id: seen.request_id.to_string(),
                    count: seen.count,
                });
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_by_key(|entry| entry.at);
        self.store.save_trace(&entries, self.entries_per_device).await
    }
}
