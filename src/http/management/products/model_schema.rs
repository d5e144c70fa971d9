//! The product model as the document shows it (management-api.md §4.2 to §4.4). It describes what
//! [`crate::domain::model::ProductModel`] reads; the model itself is kept as the text that was sent.

#![expect(dead_code, reason = "the model is read and shown as text")]

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::http::schema::{Description128, Name32, Name64, NameDollar64, choice, documented};

/// A service: what belongs together in a report.
#[derive(ToSchema)]
pub struct ServiceCapability {
    /// Unique in the product.
    service_id: NameDollar64,
    service_type: NameDollar64,
    #[schema(max_items = 500)]
    properties: Option<Vec<ServiceProperty>>,
    #[schema(max_items = 500)]
    commands: Option<Vec<ServiceCommand>>,
    #[schema(max_items = 500)]
    events: Option<Vec<ServiceEvent>>,
    description: Option<Description128>,
    /// Master, Mandatory or Optional; informative.
    option: Option<String>,
}

/// A property that a device reports.
#[derive(ToSchema)]
struct ServiceProperty {
    /// Unique in the service.
    property_name: Name64,
    data_type: DataTypeName,
    /// Informative: partial reports are normal.
    required: Option<bool>,
    enum_list: Option<Vec<String>>,
    min: Option<Bound>,
    max: Option<Bound>,
    /// 0: no limit.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    max_length: Option<i64>,
    step: Option<f64>,
    #[schema(max_length = 16)]
    unit: Option<String>,
    method: PropertyMethod,
    description: Option<Description128>,
    /// Goes into the shadow's desired values of every new device.
    default_value: Option<Value>,
}

/// A command that a device takes.
#[derive(ToSchema)]
struct ServiceCommand {
    command_name: Name64,
    paras: Option<Vec<ServicePara>>,
    responses: Option<Vec<ServiceResponse>>,
}

/// A command's answer.
#[derive(ToSchema)]
struct ServiceResponse {
    #[schema(min_length = 1, max_length = 128)]
    response_name: String,
    paras: Option<Vec<ServicePara>>,
}

/// An event of a device.
#[derive(ToSchema)]
struct ServiceEvent {
    event_type: Name32,
    paras: Option<Vec<ServicePara>>,
}

/// A parameter of a command, an answer or an event.
#[derive(ToSchema)]
struct ServicePara {
    para_name: Name64,
    data_type: DataTypeName,
    required: Option<bool>,
    enum_list: Option<Vec<String>>,
    min: Option<Bound>,
    max: Option<Bound>,
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    max_length: Option<i64>,
    step: Option<f64>,
    #[schema(max_length = 16)]
    unit: Option<String>,
    description: Option<Description128>,
}

documented! {
    /// A number of at most 16 characters as a string, or a number itself.
    Bound = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Number]))
        .max_length(Some(16))
        .pattern(Some(r"^(-?(0|[1-9][0-9]*)(\.[0-9]+)?)?$"))
        .build();
    /// A type of values; `double` reads as `decimal`.
    DataTypeName = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(in_any_case(&DATA_TYPES)))
        .examples(DATA_TYPES)
        .build();
    /// Whether it can be read, written and observed.
    PropertyMethod = choice(&["RWE", "RW", "RE", "WE", "E", "W", "R"]);
}

const DATA_TYPES: [&str; 10] = [
    "int",
    "long",
    "decimal",
    "string",
    "DateTime",
    "jsonObject",
    "enum",
    "boolean",
    "string list",
    "double",
];

/// A pattern that these words fit in any case.
fn in_any_case(words: &[&str]) -> String {
    let letter = |letter: char| match letter {
        ' ' => " ".to_owned(),
        letter => format!("[{}{}]", letter.to_ascii_uppercase(), letter.to_ascii_lowercase()),
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| word.chars().map(letter).collect())
        .collect();
    format!("^({})$", words.join("|"))
}
