//! The OpenAPI document of both listeners, made once from the routers themselves. What every operation has in common
//! (refusals, credentials, the parameters that its path names) is written here, not at each handler.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::{ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::{
    Components, Content, Info, License, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder, Schema,
};

use super::error::ErrorBody;

/// The document as it is served.
#[derive(Clone)]
pub struct Document {
    text: Bytes,
    etag: HeaderValue,
    /// The names of the operations, by method and path.
    operations: Arc<HashMap<(Method, String), String>>,
}

impl Document {
    /// From the two routers' own documents; `device_host` is the address that devices are told.
    pub(super) fn new(
        mut management: OpenApi,
        mut device: OpenApi,
        device_host: &str,
    ) -> serde_json::Result<Self> {
        complete(&mut management, &["token", "signature"]);
        complete(&mut device, &["access_token"]);
        let server = ServerBuilder::new()
            .url("https://{device_host}")
            .description(Some("The device listener"))
            .parameter(
                "device_host",
                ServerVariableBuilder::new().default_value(device_host),
            )
            .build();
        for item in device.paths.paths.values_mut() {
            item.servers = Some(vec![server.clone()]);
        }
        let mut whole = OpenApi::new(info(), utoipa::openapi::Paths::new());
        whole.merge(management);
        whole.merge(device);
        let operations = Arc::new(names(&whole));
        describe_common(whole.components.get_or_insert_with(Components::new));
        let text = serde_json::to_string(&whole)?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let etag = format!("\"{}\"", hex::encode(digest.as_ref()));
        Ok(Self {
            text: Bytes::from(text),
            etag: HeaderValue::try_from(etag).map_err(serde::ser::Error::custom)?,
            operations,
        })
    }

    /// The name of the operation behind a route.
    pub(super) fn operation(&self, method: &Method, path: &str) -> Option<&str> {
        let key = (method.clone(), path.to_owned());
        self.operations.get(&key).map(String::as_str)
    }
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "show_openapi", tag = "instance", security(()),
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of a copy that the caller has.")),
    responses(
        (status = OK, body = Object, headers(("ETag" = String, description = "Changes with the document."))),
        (status = NOT_MODIFIED, description = "The copy is current."),
    ),
)]
pub async fn show(State(document): State<Document>, headers: HeaderMap) -> Response {
    let etag = (ETAG, document.etag.clone());
    if headers.get(IF_NONE_MATCH) == Some(&document.etag) {
        return (StatusCode::NOT_MODIFIED, [etag]).into_response();
    }
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([kind, etag], document.text).into_response()
}

/// Refusals that any operation may answer with, as components by status.
const REFUSALS: [(&str, &str); 9] = [
    ("400", "The request breaks a rule; the text says which."),
    ("401", "No credentials, or wrong ones."),
    (
        "403",
        "A token that does not open this, a limit, or an operation that is not allowed.",
    ),
    ("404", "No such path, or nothing by that id."),
    ("405", "Another method than the path takes; `Allow` names those."),
    ("408", "The body came too slowly; the connection closes."),
    (
        "431",
        "The head of the request is too large; the connection closes.",
    ),
    ("500", "A fault of the platform's own."),
    (
        "503",
        "Nothing can be stored now; try again after `Retry-After` seconds.",
    ),
];

fn info() -> Info {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let mut info = Info::new("Fieldgate", env!("CARGO_PKG_VERSION"));
    info.description = Some("Huawei Cloud IoTDA's HTTPS device access and application API.".to_owned());
    info.license = Some(license);
    info
}

fn complete(api: &mut OpenApi, credentials: &[&str]) {
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            add_path_parameters(path, operation);
            add_refusals(operation);
            refuse_null(operation);
            operation.security.get_or_insert_with(|| {
                let one = |name: &&str| SecurityRequirement::new::<_, [&str; 0], &str>(*name, []);
                credentials.iter().map(one).collect()
            });
        }
    }
}

fn names(api: &OpenApi) -> HashMap<(Method, String), String> {
    let mut names = HashMap::new();
    for (path, item) in &api.paths.paths {
        let operations = [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::DELETE, &item.delete),
        ];
        for (method, operation) in operations {
            if let Some(name) = operation
                .as_ref()
                .and_then(|operation| operation.operation_id.clone())
            {
                names.insert((method, path.clone()), name);
            }
        }
    }
    names
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete]
        .into_iter()
        .flatten()
}

fn add_path_parameters(path: &str, operation: &mut Operation) {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for name in names {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(String::schema()))
            .build();
        let parameters: &mut Vec<RefOr<Parameter>> = operation.parameters.get_or_insert_default();
        parameters.push(parameter.into());
    }
}

/// A body that may be absent is not the text `null` then.
fn refuse_null(operation: &mut Operation) {
    let Some(RefOr::T(body)) = operation.request_body.as_mut() else {
        return;
    };
    if body.required == Some(Required::True) {
        return;
    }
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(either))) = &mut content.schema
            && let [one, _] = either.items.as_slice()
        {
            content.schema = Some(one.clone());
        }
    }
}

fn add_refusals(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let reason = status
            .parse::<StatusCode>()
            .ok()
            .and_then(|code| code.canonical_reason());
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            reason.unwrap_or_default().clone_into(&mut response.description);
        }
    }
    for (status, _) in REFUSALS {
        let shared = || Ref::from_response_name(format!("Refusal{status}")).into();
        responses.entry(status.to_owned()).or_insert_with(shared);
    }
}

fn describe_common(components: &mut Components) {
    components
        .schemas
        .insert("Error".to_owned(), <ErrorBody as PartialSchema>::schema());
    for (status, description) in REFUSALS {
        let response = ResponseBuilder::new()
            .description(description)
            .content(
                "application/json",
                Content::new(Some(Ref::from_schema_name("Error"))),
            )
            .build();
        components
            .responses
            .insert(format!("Refusal{status}"), response.into());
    }
    for (name, header, description) in [
        (
            "token",
            "X-Auth-Token",
            "`<access_key>:<secret_key>` of a management key.",
        ),
        (
            "signature",
            "Authorization",
            "A request signed with a management key, as the official SDK does.",
        ),
        (
            "access_token",
            "access_token",
            "A device's token, from device-auth.",
        ),
    ] {
        let key = ApiKey::Header(ApiKeyValue::with_description(header, description));
        components.add_security_scheme(name, SecurityScheme::ApiKey(key));
    }
}
