//! All devices by what is known of them, and the form for one more. A page comes from the search, which walks an index from a
//! marker on, so that the last of a hundred thousand devices is as near as the first.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::show::{Showing, page_of};
use super::{path_of, status};
use crate::auth::person::UserRole;
use crate::auth::secret::Secret;
use crate::console::api::object;
use crate::console::components::{Badge, Field, Pager};
use crate::console::page::{self, Frame, show_with};
use crate::console::pages::products;
use crate::console::{Answer, Asked, Fields, Form, Operator, Refusal, Visitor, api};

const DONE: &[(&str, &str)] = &[("deleted", "The device is deleted.")];

const STATUSES: &[(&str, &str)] = &[
    ("", "Any"),
    ("ONLINE", "Online"),
    ("OFFLINE", "Offline"),
    ("INACTIVE", "Never heard"),
    ("FROZEN", "Frozen"),
];

/// The search matches names' beginnings of at least so many characters, and ids in whole.
const SHORTEST_BEGINNING: usize = 4;

/// More products than this are not offered as a choice.
const PRODUCTS_OFFERED: usize = 50;

#[derive(Template)]
#[template(path = "devices.html")]
struct Devices {
    frame: Frame,
    /// Why the API refused the filters.
    error: String,
    filters: [Field; 3],
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
    may_register: bool,
    /// Nothing can be registered without one.
    has_products: bool,
    fields: Vec<Field>,
    /// Why the registration was refused.
    refused: String,
}

struct Row {
    path: String,
    device_id: String,
    name: String,
    product: String,
    product_path: String,
    status: Badge,
    /// The gateway of a child.
    gateway: Option<String>,
}

impl Row {
    fn of(device: &Value) -> Self {
        let text = |name: &str| api::text(device, name).to_owned();
        let (device_id, gateway) = (text("/device_id"), text("/gateway_id"));
        Self {
            path: path_of(&device_id, ""),
            name: text("/device_name"),
            product: text("/product_name"),
            product_path: products::path_of(&text("/product_id"), &text("/app_id"), ""),
            status: status(&text("/status")),
            gateway: (gateway != device_id).then_some(gateway),
            device_id,
        }
    }
}

/// The conditions of the search for what the filters say: four, since it takes five and the marker is one.
fn conditions(asked: &Fields) -> Vec<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut all = Vec::new();
    let sought = asked.text("q");
    if sought.chars().count() >= SHORTEST_BEGINNING && !sought.contains('%') {
        let beginning = quoted(&format!("{sought}%"));
        let whole = quoted(sought);
        all.push(format!("(device_id = {whole} or device_name like {beginning})"));
    } else if !sought.is_empty() {
        let whole = quoted(sought);
        all.push(format!("(device_id = {whole} or device_name = {whole})"));
    }
    for name in ["product_id", "status"] {
        let value = asked.text(name);
        if !value.is_empty() {
            all.push(format!("{name} = {}", quoted(value)));
        }
    }
    all
}

fn clause(conditions: &[String]) -> String {
    if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    }
}

fn filters(asked: &Fields) -> [Field; 3] {
    [
        Field::text("q", "Device id, or how its name begins").value(asked.text("q")),
        Field::text("product_id", "Product id").value(asked.text("product_id")),
        Field::choice("status", "Status", STATUSES).value(asked.text("status")),
    ]
}

/// What a search found, or the API's words.
async fn search<N: crate::console::visitor::Needs>(
    visitor: &Visitor<N>,
    sql: String,
) -> Result<Result<Value, api::ApiRefusal>, Refusal> {
    let body = json!({ "sql": sql });
    visitor.call(Method::POST, "/search/query-devices", &body).await
}

async fn devices<N: crate::console::visitor::Needs>(
    visitor: &Visitor<N>,
    asked: &Fields,
    fields: Vec<Field>,
) -> Result<(StatusCode, Devices), Refusal> {
    let mut wanted = conditions(asked);
    let counted = search(visitor, format!("select count(*) from device{}", clause(&wanted))).await?;
    let marker = asked.text("marker");
    let is_filtered = !wanted.is_empty();
    if !marker.is_empty() {
        wanted.push(format!("marker < '{}'", marker.replace('\'', "''")));
    }
    let sql = format!(
        "select * from device{} order by marker desc limit {}",
        clause(&wanted),
        Pager::LIMIT
    );
    let (found, error, code) = match search(visitor, sql).await? {
        Ok(found) => (found, String::new(), StatusCode::OK),
        Err(refused) => (Value::Null, refused.message, refused.status),
    };
    let listed = api::list(&found, "/devices");
    let last = listed.last().map_or("", |device| api::text(device, "/marker"));
    let count = counted.map_or(0, |counted| api::number(&counted, "/count"));
    let page = json!({"page": {"count": count, "marker": last}});
    let kept = ["q", "product_id", "status"].map(|name| (name, asked.text(name)));
    Ok((
        code,
        Devices {
            frame: visitor.frame("Devices"),
            error,
            filters: filters(asked),
            is_filtered,
            rows: listed.iter().map(Row::of).collect(),
            pager: Pager::of(&page, listed.len(), "/console/devices", &kept, marker),
            may_register: visitor.may(UserRole::Operator),
            has_products: !fields.is_empty(),
            fields,
            refused: String::new(),
        },
    ))
}

/// The form's fields with what was written in them; none where there is no product.
async fn fields<N: crate::console::visitor::Needs>(
    visitor: &Visitor<N>,
    said: &Fields,
) -> Result<Vec<Field>, Refusal> {
    let found = visitor
        .get(&format!("/products?limit={PRODUCTS_OFFERED}"))
        .await?;
    let listed = api::list(&found, "/products");
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let product = if !api::text(&found, "/page/marker").is_empty() && listed.len() == PRODUCTS_OFFERED {
        Field::text("of_product", "Id of its product").required()
    } else {
        let mut choice = Field::choice("of_product", "Product", &[]);
        choice.choices = listed.iter().map(offered).collect();
        choice
    };
    let optional = |name, label| Field {
        is_optional: true,
        ..Field::text(name, label)
    };
    let all = [
        product,
        Field::text("node_id", "Node id")
            .hint("What the device is called at its maker, like its serial number.")
            .required(),
        optional("device_id", "Device id")
            .hint("What it authenticates with; else product id and node id, with _ between."),
        optional("device_name", "Name"),
        optional("secret", "Secret")
            .hint("8 to 32 letters, digits, '_' or '-'; else one is made. It is shown once, after this."),
        optional("gateway_id", "Id of its gateway").hint("For a device that reports through another."),
    ];
    Ok(all
        .into_iter()
        .map(|field| {
            let value = said.text(field.name);
            // A secret that was refused is written again.
            if field.name == "secret" {
                field
            } else {
                field.value(value)
            }
        })
        .collect())
}

fn offered(product: &Value) -> (String, String) {
    let text = |name: &str| api::text(product, name);
    let value = format!("{} {}", text("/product_id"), text("/app_id"));
    (value, format!("{} ({})", text("/name"), text("/product_id")))
}

/// A page of those that the filters leave.
pub async fn list(visitor: Visitor, Asked(asked): Asked) -> Answer {
    let fields = fields(&visitor, &Fields::default()).await?;
    let (code, mut page) = devices(&visitor, &asked, fields).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    show_with(code, &page)
}

/// Registers one; the page that answers is the device's, with its secret this once.
pub async fn register(form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    match visitor
        .call(Method::POST, "/devices", &registration(said))
        .await?
    {
        Ok(made) => {
            let secret = Secret::new(api::text(&made, "/auth_info/secret").to_owned());
            let showing = Showing {
                secret: Some(secret),
                notice: Some("The device is registered."),
                ..Showing::default()
            };
            page::show(&page_of(visitor, api::text(&made, "/device_id"), showing).await?)
        }
        Err(refused) => {
            let fields = fields(visitor, said).await?;
            let (_, mut page) = devices(visitor, &Fields::default(), fields).await?;
            page.refused = refused.message;
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// The API's body: what stays empty is left out.
fn registration(said: &Fields) -> Value {
    let (product_id, app_id) = said
        .text("of_product")
        .split_once(' ')
        .unwrap_or((said.text("of_product"), ""));
    let own = ["node_id", "device_id", "device_name", "gateway_id"].map(|name| (name, said.text(name)));
    let product = [("product_id", product_id), ("app_id", app_id)];
    let mut body = object(&[&own[..], &product[..]].concat());
    let secret = said.text("secret");
    if let (Value::Object(members), false) = (&mut body, secret.is_empty()) {
        let info = json!({"auth_type": "SECRET", "secret": secret});
        members.insert("auth_info".to_owned(), info);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::device_search::DeviceSearch;

    #[test]
    fn filters_become_a_statement_that_the_search_takes() {
        let asked = Fields::parse(b"q=o'meter&product_id=p1&status=ONLINE");
        let wanted = conditions(&asked);
        let sql = format!(
            "select * from device{} order by marker desc limit 25",
            clause(&wanted)
        );
        assert_eq!(
            sql,
            "select * from device where (device_id = 'o''meter' or device_name like 'o''meter%') and product_id = \
             'p1' and status = 'ONLINE' order by marker desc limit 25"
        );
        DeviceSearch::parse(&sql).unwrap();
        let short = conditions(&Fields::parse(b"q=m1"));
        assert_eq!(short, ["(device_id = 'm1' or device_name = 'm1')"]);
        assert_eq!(clause(&conditions(&Fields::default())), "");
    }

    #[test]
    fn a_registration_says_what_was_written() {
        let said = Fields::parse(b"of_product=p1+a1&node_id=n1&secret=abcdefgh&device_name=");
        let body = json!({"product_id": "p1", "app_id": "a1", "node_id": "n1",
            "auth_info": {"auth_type": "SECRET", "secret": "abcdefgh"}});
        assert_eq!(registration(&said), body);
        assert_eq!(registration(&Fields::parse(b"of_product=p2"))["product_id"], "p2");
    }
}
