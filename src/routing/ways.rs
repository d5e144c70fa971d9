//! Where the channels come from: the composition root knows which there are, whoever runs actions asks for one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::channel::http::{HttpChannel, HttpForwarding};
use super::channel::{Channel, Outcome, Outgoing, Report};
use super::egress::Egress;
use crate::auth::secret::Secret;
use crate::auth::webhook_signature::{SigningSecret, SigningSecrets};
use crate::domain::clock::Clock;
use crate::storage::{Action, CaCertificate};

/// Opens the way out of an action.
pub trait WaysOut: Send + Sync {
    /// The id of the CA that the action's target is verified against, if it names one.
    fn certificate_id(&self, action: &Action) -> Option<String>;
    /// The channel of an action, not yet connected; or why there is none.
    fn open(&self, action: &Action, ca: Option<&CaCertificate>) -> Result<Arc<dyn Channel>, String>;
}

/// The channel of an action that cannot have one: it refuses everything and says why.
pub struct Closed(pub String);

#[async_trait]
impl Channel for Closed {
    fn batch_size(&self) -> usize {
        1
    }

    async fn deliver(&self, events: &[Outgoing]) -> Vec<Report> {
        let report = Report {
            outcome: Outcome::TargetRefused,
            detail: self.0.clone(),
            took: Duration::ZERO,
        };
        vec![report; events.len()]
    }
}

/// The channels that are built in.
pub struct Channels {
    egress: Egress,
    clock: Arc<dyn Clock>,
}

impl Channels {
    /// Over this egress.
    pub fn new(egress: Egress, clock: Arc<dyn Clock>) -> Self {
        Self { egress, clock }
    }

    fn http(&self, action: &Action, ca: Option<&CaCertificate>) -> Result<HttpChannel, String> {
        let member = whole_detail(action)?;
        let forwarding =
            HttpForwarding::parse(&member, self.egress.policy()).map_err(|fault| fault.to_string())?;
        if let Some(id) = &forwarding.cert_id
            && ca.is_none()
        {
            return Err(format!("the certificate {id} does not exist"));
        }
        let pem = ca.map(|ca| ca.pem.as_bytes());
        let secrets = signing(action)?;
        HttpChannel::new(&self.egress, forwarding, pem, secrets, self.clock.clone())
            .map_err(|error| error.to_string())
    }
}

impl WaysOut for Channels {
    fn certificate_id(&self, action: &Action) -> Option<String> {
        let member = whole_detail(action).ok()?;
        member.get("cert_id")?.as_str().map(str::to_owned)
    }

    fn open(&self, action: &Action, ca: Option<&CaCertificate>) -> Result<Arc<dyn Channel>, String> {
        match action.channel.as_str() {
            "HTTP_FORWARDING" => Ok(Arc::new(self.http(action, ca)?)),
            other => Err(format!("the channel {other} is not available")),
        }
    }
}

/// The channel's member of `channel_detail` with its credentials back in their places.
pub fn whole_detail(action: &Action) -> Result<Value, String> {
    let object = |text: &str| -> Result<Map<String, Value>, String> {
        serde_json::from_str(text).map_err(|error| format!("the stored detail is not usable: {error}"))
    };
    let mut members = object(&action.detail)?;
    if let Some(credentials) = &action.credentials {
        members.extend(object(credentials.expose())?);
    }
    Ok(Value::Object(members))
}

fn signing(action: &Action) -> Result<SigningSecrets, String> {
    let parse = |secret: &Secret| {
        SigningSecret::parse(secret.expose()).map_err(|error| format!("the signing secret {error}"))
    };
    let secrets = SigningSecrets::new(parse(&action.signing.current)?);
    Ok(match &action.signing.previous {
        Some((previous, until)) => secrets.with_previous(parse(previous)?, *until),
        None => secrets,
    })
}
