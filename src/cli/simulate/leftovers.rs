//! `--remove`: deletes what a run left behind, by `--keep` or because its server went away.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::fleet::AT_ONCE;
use crate::cli::client::bounded::each;
use crate::cli::client::management::Management;
use crate::cli::client::progress::Progress;

/// Deletes the run's product and every device of it; how many devices there were.
pub(super) async fn remove(
    management: Arc<Management>,
    run: &str,
    stop: &CancellationToken,
) -> Result<u64, Failure> {
    let product = format!("/products/{run}");
    if management.read(&product).await?.is_none() {
        return Err(format!("there is no product {run}: nothing is left of that run").into());
    }
    let mut progress = Progress::new("removing", None);
    let mut removed = 0;
    loop {
        let list = management
            .read(&format!("/devices?product_id={run}&limit=50"))
            .await?;
        let list = list.unwrap_or_default();
        let devices = list.get("devices").and_then(Value::as_array);
        let (children, others) = apart(devices.map_or(&[][..], Vec::as_slice));
        // The newest come first, and children are younger than their gateways: no gateway comes before its last child.
        let before = removed;
        for ids in [children, others] {
            removed += ids.len() as u64;
            let management = management.clone();
            each(ids, AT_ONCE, stop, &mut progress, |id| {
                let management = management.clone();
                async move { management.delete(&format!("/devices/{id}")).await }
            })
            .await?;
        }
        if removed == before {
            management.delete(&product).await?;
            return Ok(removed);
        }
    }
}

/// The ids of children, and of the rest.
fn apart(devices: &[Value]) -> (Vec<String>, Vec<String>) {
    let text = |device: &Value, name: &str| device.get(name).and_then(Value::as_str).map(str::to_owned);
    let (children, others): (Vec<&Value>, Vec<&Value>) = devices
        .iter()
        .partition(|device| text(device, "gateway_id") != text(device, "device_id"));
    let ids = |devices: Vec<&Value>| {
        devices
            .into_iter()
            .filter_map(|device| text(device, "device_id"))
            .collect()
    };
    (ids(children), ids(others))
}
