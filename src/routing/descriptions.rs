//! What events tell of their devices: an event names the version of its device's description that was in force when it came.
//! Versions never change, so those that were read are kept, bounded in bytes; else each read of the log's end under load
//! would read about as many descriptions as events.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::event::DeviceDescription;
use crate::domain::ids::VersionKey;
use crate::storage::{EventLog, Result};

/// What one takes in memory beside its texts, about.
const OVERHEAD: usize = 300;

/// What a description takes, about; the cache is told how many there may be.
const USUAL: u64 = 500;

/// Those that were read.
pub(super) struct Descriptions(Cache<VersionKey, Arc<DeviceDescription>, Bytes>);

impl Descriptions {
    /// Of at most so many bytes.
    pub(super) fn new(most_bytes: u64) -> Self {
        let items = usize::try_from(most_bytes / USUAL).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items, most_bytes, Bytes))
    }

    /// These versions; what the log does not know is left out.
    pub(super) async fn of(
        &self,
        log: &dyn EventLog,
        mut versions: Vec<VersionKey>,
    ) -> Result<HashMap<VersionKey, Arc<DeviceDescription>>> {
        versions.sort_unstable();
        versions.dedup();
        let mut found = HashMap::with_capacity(versions.len());
        versions.retain(|version| match self.0.get(version) {
            Some(known) => {
                found.insert(*version, known);
                false
            }
            None => true,
        });
        for (version, read) in log.describe(&versions).await? {
            let read = Arc::new(read);
            self.0.insert(version, read.clone());
            found.insert(version, read);
        }
        Ok(found)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<VersionKey, Arc<DeviceDescription>> for Bytes {
    fn weight(&self, _: &VersionKey, description: &Arc<DeviceDescription>) -> u64 {
        let texts = [
            &description.app_id,
            &description.device_id,
            &description.node_id,
            &description.product_id,
            &description.gateway_id,
        ];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        let tags = description.tags.as_ref().map_or(0, String::len);
        u64::try_from(texts + tags + OVERHEAD).unwrap_or(u64::MAX)
    }
}
