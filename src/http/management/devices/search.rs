//! `POST …/search/query-devices`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{DeviceSummary, Heard};
use crate::domain::device_search::{DeviceSearch, Field, Selection};
use crate::domain::event_time;
use crate::domain::ids::Position;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::storage::Device;

/// The longest statement, in characters.
const MAX_SQL: usize = 400;

/// What to search for.
#[derive(ToSchema)]
struct SearchDevices {
    /// Like `select * from device where product_id = 'p1' and status = 'ONLINE' order by marker desc limit 0,50`.
    #[schema(max_length = 400)]
    sql: String,
}

/// `{devices, count}`; `count` for count queries alone.
#[derive(Serialize, ToSchema)]
pub struct DevicesFound {
    /// Those that match, each with the fields that were asked for.
    #[schema(value_type = Vec<Object>)]
    devices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
}

/// Searches devices by a statement of IoTDA's own SQL.
#[utoipa::path(
    post, path = "/search/query-devices", operation_id = "search_devices", tag = "devices",
    request_body = SearchDevices,
    responses((status = OK, body = DevicesFound)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    body: PlainBody,
) -> Result<Json<DevicesFound>, ApiError> {
    let asked = SearchDevices::read(&Fields::parse(body.bytes())?)?;
    let search = DeviceSearch::parse(&asked.sql)
        .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, format!("sql: {error}")))?;
    let online_since = state.clock.now().plus_millis(-state.offline_after_ms);
    let registry = &state.stores.registry;
    if search.select == Selection::Count {
        return Ok(Json(DevicesFound {
            devices: Vec::new(),
            count: Some(registry.count_devices(&search, online_since).await?),
        }));
    }
    let found = registry.search_devices(&search, online_since).await?;
    let keys: Vec<_> = found.iter().map(|device| device.key).collect();
    let heard = Heard::of_each(&state, &keys).await?;
    let never = Heard::never(&state);
    let shown = found
        .iter()
        .map(|device| shown(device, heard.get(&device.key).unwrap_or(&never), &search.select));
    Ok(Json(DevicesFound {
        devices: shown.collect::<Result<_, _>>()?,
        count: None,
    }))
}

impl SearchDevices {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            sql: fields.required("sql", MAX_SQL, |_| true)?,
        })
    }
}

fn shown(device: &Device, heard: &Heard, select: &Selection) -> Result<Value, ApiError> {
    let summary = serde_json::to_value(DeviceSummary::new(device, heard))
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    let Value::Object(mut whole) = summary else {
        return Err(ApiError::new(ErrorKind::INTERNAL, "a device that is no object"));
    };
    whole.insert(
        "create_time".to_owned(),
        json!(event_time::with_millis(device.created)),
    );
    whole.insert("marker".to_owned(), json!(Position(device.key.0).marker()));
    whole.insert("groups".to_owned(), json!([]));
    whole.insert("modules".to_owned(), json!([]));
    let Selection::Fields(fields) = select else {
        return Ok(Value::Object(whole));
    };
    let named = fields.iter().map(|field| match field {
        Field::TagKey | Field::TagValue => "tags",
        field => field.as_str(),
    });
    let chosen = named.filter_map(|name| Some((name.to_owned(), whole.get(name)?.clone())));
    Ok(Value::Object(chosen.collect::<Map<_, _>>()))
}
