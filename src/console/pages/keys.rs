//! The access keys of applications. They are not in the API; what is done here is what `fieldgate keys` does.

use askama::Template;
use axum::extract::Path;
use http::StatusCode;

use crate::auth::access_key::Role;
use crate::console::components::{Badge, Field, Tone, time};
use crate::console::fields::segment;
use crate::console::page::{self, Frame, show_with, to};
use crate::console::{Admin, Answer, Asked, Form, Refusal, Visitor};
use crate::domain::event_time;
use crate::storage::{AccessKey, ListedKey};

const DONE: &[(&str, &str)] = &[
    ("disabled", "The key is disabled: it opens nothing from now on."),
    ("enabled", "The key is enabled."),
    ("deleted", "The key is deleted."),
];

const ROLES: &[(&str, &str)] = &[
    ("admin", "Administrator: reads and changes"),
    ("reader", "Reader: reads"),
];

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 64;

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    frame: Frame,
    project_id: String,
    /// Just made, with its secret.
    made: Option<AccessKey>,
    rows: Vec<Row>,
    fields: [Field; 2],
}

struct Row {
    access_key: String,
    name: String,
    role: &'static str,
    state: Badge,
    is_disabled: bool,
    made: String,
}

impl Row {
    fn of(key: &ListedKey) -> Self {
        let state = if key.disabled {
            Badge::new(Tone::Quiet, "Disabled")
        } else {
            Badge::new(Tone::Good, "Enabled")
        };
        Self {
            access_key: key.access_key.clone(),
            name: key.name.clone(),
            role: key.role.as_str(),
            state,
            is_disabled: key.disabled,
            made: time(&event_time::compact(key.created)),
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/console/keys/{}/{what}", segment(&self.access_key))
    }
}

fn fields() -> [Field; 2] {
    [
        Field::text("name", "Name")
            .hint("Which application it is for.")
            .required(),
        Field::choice("role", "Role", ROLES),
    ]
}

async fn keys(visitor: &Visitor<Admin>, fields: [Field; 2]) -> Result<Keys, Refusal> {
    let listed = visitor.console.stores().settings.list_keys().await?;
    Ok(Keys {
        frame: visitor.frame("Keys"),
        project_id: visitor.console.0.settings.project_id.clone(),
        made: None,
        rows: listed.iter().map(Row::of).collect(),
        fields,
    })
}

/// All keys without their secrets, and the form for one more.
pub async fn list(visitor: Visitor<Admin>, Asked(asked): Asked) -> Answer {
    let mut page = keys(&visitor, fields()).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    page::show(&page)
}

/// Makes one; the page that answers shows its secret, and no later one does.
pub async fn create(form: Form<Admin>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let name = said.text("name");
    let [name_field, role_field] = fields();
    let role_field = role_field.value(said.text("role"));
    let refused = async |error: String| {
        let page = keys(visitor, [name_field.value(name).error(error), role_field]).await?;
        show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        return refused(format!(
            "The name must be 1 to {LONGEST_NAME} characters without line breaks."
        ))
        .await;
    }
    let Ok(role) = said.text("role").parse::<Role>() else {
        return refused("The role is none of those offered.".to_owned()).await;
    };
    let key = AccessKey::generate(name, role, visitor.console.0.settings.clock.now())?;
    let noted = visitor.noted("create_key", format!("/keys/{}", key.access_key))?;
    visitor.console.stores().settings.create_key(&key, &noted).await?;
    let mut page = keys(visitor, fields()).await?;
    page.made = Some(key);
    page::show(&page)
}

fn done(visitor: &Visitor<Admin>, found: bool, what: &str) -> Answer {
    if found {
        to(&format!("/console/keys?done={what}"))
    } else {
        Err(visitor.refuse(StatusCode::NOT_FOUND, "There is no such key."))
    }
}

async fn set_disabled(form: &Form<Admin>, access_key: &str, disabled: bool) -> Answer {
    let visitor = &form.visitor;
    let (action, what) = if disabled {
        ("disable_key", "disabled")
    } else {
        ("enable_key", "enabled")
    };
    let noted = visitor.noted(action, format!("/keys/{access_key}"))?;
    let settings = &visitor.console.stores().settings;
    let found = settings.set_key_disabled(access_key, disabled, &noted).await?;
    done(visitor, found, what)
}

/// Refuses a key from now on.
pub async fn disable(Path(access_key): Path<String>, form: Form<Admin>) -> Answer {
    set_disabled(&form, &access_key, true).await
}

/// Takes it again.
pub async fn enable(Path(access_key): Path<String>, form: Form<Admin>) -> Answer {
    set_disabled(&form, &access_key, false).await
}

/// Deletes it, and with it the tokens that were given for it.
pub async fn delete(Path(access_key): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let noted = visitor.noted("delete_key", format!("/keys/{access_key}"))?;
    let settings = &visitor.console.stores().settings;
    let found = settings.delete_key(&access_key, &noted).await?;
    done(visitor, found, "deleted")
}
