//! HTTP push against a real receiver: what goes over the wire, what each answer means, and what is never called.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod guard;
mod outcomes;
mod rate;
mod receiver;
mod tls;
mod wire;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fieldgate::auth::webhook_signature::{SigningSecret, SigningSecrets};
use fieldgate::domain::clock::{Clock, ManualClock, Timestamp};
use fieldgate::domain::ids::Position;
use fieldgate::routing::channel::http::{HttpChannel, HttpForwarding};
use fieldgate::routing::channel::{Channel, Outgoing, Report};
use fieldgate::routing::egress::{AddressPolicy, Egress, EgressSettings, Lookup};
use serde_json::Value;

/// 2023-11-14T22:13:20.250Z.
const NOW: Timestamp = Timestamp(1_700_000_000_250);

/// Every name is this machine.
struct Here;

impl Lookup for Here {
    fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// What a channel is made of.
struct Setup {
    policy: AddressPolicy,
    lookup: Arc<dyn Lookup>,
    settings: EgressSettings,
    ca: Option<String>,
    secrets: SigningSecrets,
    clock: Arc<dyn Clock>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: AddressPolicy::new(false, vec!["127.0.0.1/32".parse().unwrap()]),
            lookup: Arc::new(Here),
            settings: EgressSettings {
                total: Duration::from_secs(2),
                connect: Duration::from_secs(1),
                lookup: Duration::from_millis(500),
                drain: Duration::from_millis(300),
                ..EgressSettings::default()
            },
            ca: None,
            secrets: SigningSecrets::new(SigningSecret::from_random([5; 32])),
            clock: Arc::new(ManualClock::new(NOW)),
        }
    }
}

impl Setup {
    fn channel(self, forwarding: &Value) -> HttpChannel {
        let forwarding = HttpForwarding::parse(forwarding, &self.policy).unwrap();
        self.channel_of(forwarding)
    }

    fn channel_of(self, forwarding: HttpForwarding) -> HttpChannel {
        let egress = Egress::new(self.policy, self.lookup, self.settings);
        let ca = self.ca.as_deref().map(str::as_bytes);
        HttpChannel::new(&egress, forwarding, ca, self.secrets, self.clock).unwrap()
    }
}

fn event(position: i64, body: &'static [u8]) -> Outgoing {
    Outgoing {
        position: Position(position),
        device_id: Some("meter_1".to_owned()),
        product_id: Some("meter".to_owned()),
        app_id: None,
        body: Bytes::from_static(body),
    }
}

/// Delivers one event.
async fn deliver(channel: &HttpChannel) -> Report {
    let mut reports = channel.deliver(&[event(7, b"{}")]).await;
    assert_eq!(reports.len(), 1);
    reports.pop().unwrap()
}
