//! HTTP push: each event is a POST of its own (routing.md §3).

mod configuration;
mod outcome;
mod request;

pub use configuration::{ConfigurationFault, HttpForwarding};

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::Method;

use super::{Channel, Outcome, Outgoing, Report};
use crate::auth::secret::{Secret, random_bytes};
use crate::auth::webhook_signature::SigningSecrets;
use crate::domain::clock::Clock;
use crate::routing::egress::{Egress, EgressError, GuardedClient};

/// A way to one application's URL.
pub struct HttpChannel {
    client: GuardedClient,
    forwarding: HttpForwarding,
    secrets: SigningSecrets,
    clock: Arc<dyn Clock>,
}

impl HttpChannel {
    /// `ca` is the PEM that `cert_id` names. Connects at the first event.
    pub fn new(
        egress: &Egress,
        forwarding: HttpForwarding,
        ca: Option<&[u8]>,
        secrets: SigningSecrets,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EgressError> {
        let client = egress.client(&forwarding.url, ca, forwarding.server_name.as_deref())?;
        Ok(Self {
            client,
            forwarding,
            secrets,
            clock,
        })
    }

    async fn push(&self, event: &Outgoing) -> (Outcome, String) {
        let now = self.clock.now();
        let token = self.forwarding.token.as_ref();
        let headers = random_bytes()
            .map_err(|error| error.to_string())
            .and_then(|nonce| {
                request::headers(event, token, &self.secrets, now, nonce).map_err(|error| error.to_string())
            });
        let headers = match headers {
            Ok(headers) => headers,
            Err(cause) => {
                return (
                    outcome::failed(false),
                    format!("the request cannot be made: {cause}"),
                );
            }
        };
        let url = &self.forwarding.url;
        match self
            .client
            .send(Method::POST, url, headers, event.body.clone())
            .await
        {
            Ok(answer) => (
                // The wait counts from the answer on.
                outcome::judge(answer.status, &answer.headers, self.clock.now()),
                outcome::detail(&answer, &self.secret_texts()),
            ),
            Err(fault) => (outcome::judge_fault(&fault), fault.to_string()),
        }
    }

    /// What must not be told even if the target repeats it: the token, the signing secrets, keys in the URL.
    fn secret_texts(&self) -> Vec<&str> {
        let token = self.forwarding.token.as_ref().map(Secret::expose);
        let url = &self.forwarding.url;
        let values = url.query().unwrap_or_default().split('&');
        let values = values
            .filter_map(|pair| pair.split_once('='))
            .map(|(_, value)| value);
        let of_url = url
            .query()
            .into_iter()
            .chain(values)
            .chain([url.path()])
            .filter(|text| text.len() >= URL_SECRET);
        token
            .into_iter()
            .chain(self.secrets.texts())
            .chain(of_url)
            .collect()
    }
}

/// Shorter parts of a URL hide nothing, and masking them would make what a target says unreadable.
const URL_SECRET: usize = 6;

impl fmt::Debug for HttpChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpChannel")
            .field("forwarding", &self.forwarding)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Channel for HttpChannel {
    fn batch_size(&self) -> usize {
        1
    }

    async fn deliver(&self, events: &[Outgoing]) -> Vec<Report> {
        let mut reports = Vec::with_capacity(events.len());
        for event in events {
            let begun = Instant::now();
            let (outcome, detail) = self.push(event).await;
            reports.push(Report {
                outcome,
                detail,
                took: begun.elapsed(),
            });
        }
        reports
    }
}
