//! The fleet's product and devices: made through the management API, a bounded number at once, and deleted at the end.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::options::Plan;
use super::payload::{MODEL, Reporter};
use crate::auth::secret::{Secret, generate_device_secret};
use crate::cli::client::bounded::each;
use crate::cli::client::management::Management;
use crate::cli::client::progress::Progress;

/// A reporter with the secret that it authenticates by.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) reporter: Arc<Reporter>,
    pub(super) secret: Secret,
}

/// What a run registers: ids that start with the run's own.
pub(super) struct Fleet {
    management: Arc<Management>,
    product_id: String,
    pub(super) members: Vec<Member>,
    /// Whether the product is there, and with it devices.
    begun: bool,
}

impl Fleet {
    /// Names everyone; registers nobody.
    pub(super) fn new(management: Arc<Management>, run: &str, plan: &Plan) -> Result<Self, Failure> {
        let kid = |gateway: u32, child: u32| format!("{run}-g{gateway:05}-c{child:02}");
        let device = |number: u32| format!("{run}-d{number:05}");
        let stranger = |gateway: u32| {
            if plan.fleet.gateways > 1 {
                kid((gateway + 1) % plan.fleet.gateways, 0)
            } else {
                device(0)
            }
        };
        let direct = (0..plan.fleet.devices).map(|number| Reporter {
            number,
            device_id: device(number),
            children: Vec::new(),
            stranger: String::new(),
        });
        let gateways = (0..plan.fleet.gateways).map(|gateway| Reporter {
            number: plan.fleet.devices + gateway,
            device_id: format!("{run}-g{gateway:05}"),
            children: (0..plan.fleet.children)
                .map(|child| kid(gateway, child))
                .collect(),
            stranger: stranger(gateway),
        });
        let member = |reporter| {
            let reporter = Arc::new(reporter);
            generate_device_secret().map(|secret| Member { reporter, secret })
        };
        Ok(Self {
            management,
            product_id: run.to_owned(),
            members: direct.chain(gateways).map(member).collect::<Result<_, _>>()?,
            begun: false,
        })
    }

    /// Registers the product, the reporters, then the children.
    pub(super) async fn register(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let reporters: Vec<_> = self
            .members
            .iter()
            .map(|member| self.registration(&member.reporter.device_id, Some(&member.secret), None))
            .collect();
        let children: Vec<_> = self
            .members
            .iter()
            .flat_map(|member| member.reporter.children.iter().map(move |child| (child, member)))
            .map(|(child, member)| self.registration(child, None, Some(&member.reporter.device_id)))
            .collect();
        let mut progress = Progress::new("registering", Some((reporters.len() + children.len()) as u64));
        if let Err(error) = self.management.create("/products", self.product()).await {
            // Without an answer it may be there; after a refusal there is nothing to delete.
            let _ = self.management.delete(&self.product_path()).await;
            return Err(error);
        }
        self.begun = true;
        for bodies in [reporters, children] {
            let management = self.management.clone();
            each(bodies, AT_ONCE, stop, &mut progress, |body| {
                let management = management.clone();
                async move { management.create("/devices", body).await.map(drop) }
            })
            .await?;
        }
        Ok(())
    }

    fn product(&self) -> String {
        let id = &self.product_id;
        // A bad report has to be refused, whatever the instance's own mode.
        format!(
            r#"{{"product_id":"{id}","name":"{id}","device_type":"Simulated","protocol_type":"HTTPS","data_format":"json","validation_mode":"reject","service_capabilities":{MODEL}}}"#
        )
    }

    fn product_path(&self) -> String {
        format!("/products/{}", self.product_id)
    }

    fn registration(&self, device_id: &str, secret: Option<&Secret>, gateway_id: Option<&str>) -> String {
        let mut body = Map::new();
        for name in ["device_id", "node_id"] {
            body.insert(name.to_owned(), device_id.into());
        }
        body.insert("product_id".to_owned(), self.product_id.as_str().into());
        if let Some(secret) = secret {
            body.insert("auth_info".to_owned(), json!({"secret": secret.expose()}));
        }
        if let Some(gateway_id) = gateway_id {
            body.insert("gateway_id".to_owned(), gateway_id.into());
        }
        Value::Object(body).to_string()
    }

    /// Deletes the children, the reporters, then the product; tells what stays behind.
    pub(super) async fn remove(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        let reporters: Vec<String> = self
            .members
            .iter()
            .map(|member| member.reporter.device_id.clone())
            .collect();
        let children: Vec<String> = self
            .members
            .iter()
            .flat_map(|member| member.reporter.children.clone())
            .collect();
        let mut progress = Progress::new("removing", Some((reporters.len() + children.len()) as u64));
        let all = async {
            for ids in [children, reporters] {
                let management = self.management.clone();
                each(ids, AT_ONCE, &CancellationToken::new(), &mut progress, |id| {
                    let management = management.clone();
                    async move { management.delete(&format!("/devices/{id}")).await }
                })
                .await?;
            }
            self.management.delete(&self.product_path()).await
        };
        let id = &self.product_id;
        all.await.map_err(|error| {
            format!("the product {id} and devices of it are left behind (`fieldgate simulate --remove {id}` deletes them): {error}").into()
        })
    }

    /// What `--keep` leaves.
    pub(super) fn product_id(&self) -> &str {
        &self.product_id
    }
}

/// Management calls at once.
pub(super) const AT_ONCE: usize = 16;
