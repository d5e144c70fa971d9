//! Devices' shadows (management-api.md §6.1): show, set desired values, clear.

pub mod clear;
pub mod desire;
pub mod show;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::event_time;
use crate::domain::model::ProductModel;
use crate::domain::shadow::{DeviceShadow, ServiceShadow};
use crate::http::error::ApiError;
use crate::http::extract::fields::Fields;

/// The most services of one request.
const MAX_SERVICES: usize = 500;

/// A device's shadow; values stand as their senders wrote them.
#[derive(Serialize, ToSchema)]
pub struct ShadowView {
    device_id: String,
    shadow: Vec<ServiceShadowView>,
}

#[derive(Serialize, ToSchema)]
struct ServiceShadowView {
    service_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired: Option<SectionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<SectionView>,
    /// How many changes the service's shadow has taken.
    version: i64,
}

#[derive(Serialize, ToSchema)]
struct SectionView {
    /// Values by property.
    #[schema(value_type = Object)]
    properties: BTreeMap<String, Box<RawValue>>,
    /// Like `20261123T081530Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<String>,
}

impl ShadowView {
    fn of(device_id: &str, shadow: &DeviceShadow) -> Self {
        Self {
            device_id: device_id.to_owned(),
            shadow: shadow
                .services()
                .iter()
                .map(|(service_id, service)| ServiceShadowView::of(service_id, service))
                .collect(),
        }
    }
}

impl ServiceShadowView {
    fn of(service_id: &str, service: &ServiceShadow) -> Self {
        let section = |properties: BTreeMap<String, Box<RawValue>>, at| {
            (!properties.is_empty()).then(|| SectionView {
                properties,
                event_time: Option::map(at, event_time::compact),
            })
        };
        let (desired, desired_at) = service.desired();
        let (reported, reported_at) = service.reported();
        let reported = reported
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            service_id: service_id.to_owned(),
            desired: section(desired.clone(), desired_at),
            reported: section(reported.collect(), reported_at),
            version: service.version(),
        }
    }
}

/// Desired values of one service, as a request names them.
pub(super) struct Desired {
    index: usize,
    service_id: String,
    /// Name and JSON text.
    values: Vec<(String, String)>,
    version: Option<i64>,
}

impl Desired {
    /// `shadow`: `[{service_id, desired, version}]`; empty when it is absent.
    pub(super) fn read_list(fields: &Fields<'_>) -> Result<Vec<Self>, ApiError> {
        let list = fields.list("shadow", MAX_SERVICES)?.unwrap_or_default();
        list.iter()
            .enumerate()
            .map(|(index, entry)| Self::read(index, entry))
            .collect()
    }

    fn read(index: usize, entry: &Fields<'_>) -> Result<Self, ApiError> {
        let desired = entry.object("desired")?;
        let desired = desired.ok_or_else(|| entry.fault("desired", "is missing"))?;
        for (name, _) in desired.members() {
            if name.contains(['.', '$', '\0']) {
                return Err(entry.fault("desired", &format!("the name {name:?} holds '.', '$' or NUL")));
            }
        }
        Ok(Self {
            index,
            service_id: entry.required("service_id", 64, |_| true)?,
            values: desired
                .members()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            version: entry.number("version", 0..=i64::MAX)?,
        })
    }

    /// The service and its properties must be the model's.
    pub(super) fn check(&self, model: &ProductModel, fields: &Fields<'_>) -> Result<(), ApiError> {
        let place = format!("shadow[{}]", self.index);
        let Some(service) = model.service(&self.service_id) else {
            let what = format!("{} is no service of the product model", self.service_id);
            return Err(fields.fault(&format!("{place}.service_id"), &what));
        };
        let unknown = self
            .values
            .iter()
            .find(|(name, _)| service.property(name).is_none());
        match unknown {
            None => Ok(()),
            Some((name, _)) => Err(fields.fault(
                &format!("{place}.desired.{name}"),
                "is no property of the service",
            )),
        }
    }

    /// The payload of a `DesiredSet` event.
    fn payload(entries: &[Self]) -> Bytes {
        let services = entries.iter().map(|entry| {
            let values = entry
                .values
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            service_text(&entry.service_id, values)
        });
        wrapped(services)
    }

    /// What a new device's shadow desires: the model's defaults and over them what the request says. None: nothing.
    pub(super) fn first_payload(model: &ProductModel, entries: &[Self]) -> Option<Bytes> {
        let mut services: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (service_id, name, value) in model.defaults() {
            services.entry(service_id).or_default().insert(name, value);
        }
        for entry in entries {
            let service = services.entry(&entry.service_id).or_default();
            service.extend(
                entry
                    .values
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
        }
        services.retain(|_, values| !values.is_empty());
        let texts = services.iter().map(|(service_id, values)| {
            service_text(service_id, values.iter().map(|(name, value)| (*name, *value)))
        });
        (!services.is_empty()).then(|| wrapped(texts))
    }
}

fn service_text<'a>(service_id: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<_> = values
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name)))
        .collect();
    let id = serde_json::Value::from(service_id);
    format!(r#"{{"service_id":{id},"desired":{{{}}}}}"#, members.join(","))
}

fn wrapped(services: impl Iterator<Item = String>) -> Bytes {
    let services: Vec<_> = services.collect();
    Bytes::from(format!(r#"{{"services":[{}]}}"#, services.join(",")))
}
