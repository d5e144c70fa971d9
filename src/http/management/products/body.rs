//! What creates and updates of a product share: the rules of its fields (management-api.md §4.1).

use crate::domain::model::{ProductModel, ValidationMode};
use crate::domain::model_text;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::fields::Fields;
use crate::http::schema::{choice, documented};

const PROTOCOLS: [&str; 11] = [
    "MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP",
];

const FORMATS: [&str; 2] = ["json", "binary"];

const MODES: [&str; 3] = [
    ValidationMode::Reject.as_str(),
    ValidationMode::Filter.as_str(),
    ValidationMode::Flag.as_str(),
];

documented! {
    /// What the devices speak.
    ProtocolType = choice(&PROTOCOLS);
    /// What their reports are.
    DataFormat = choice(&FORMATS);
    /// What happens to a report that breaks the model.
    Mode = choice(&MODES);
}

/// The largest model, in bytes.
const MAX_MODEL_BYTES: usize = 500 * 1024;

pub(super) fn protocol_type(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    fields.choice("protocol_type", &PROTOCOLS)
}

pub(super) fn data_format(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    fields.choice("data_format", &FORMATS)
}

pub(super) fn validation_mode(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    fields.choice("validation_mode", &MODES)
}

/// The model as it is kept: checked, its `min` and `max` as strings.
pub(super) fn service_capabilities(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    const NAME: &str = "service_capabilities";
    let Some(text) = fields.raw(NAME) else {
        return Ok(None);
    };
    if text.len() > MAX_MODEL_BYTES {
        return Err(fields.fault(NAME, "is larger than 500 KB"));
    }
    ProductModel::parse(text).map_err(|fault| ApiError::new(ErrorKind::INVALID_INPUT, fault.to_string()))?;
    Ok(Some(model_text::with_text_bounds(text)))
}
