//! The people who sign in. They are not in the API; what is done here is what `fieldgate users` does.

use askama::Template;
use axum::extract::Path;
use http::StatusCode;

use crate::auth::person::{UserName, UserRole};
use crate::auth::person_password::generate_one_time;
use crate::auth::secret::Secret;
use crate::console::components::{Badge, Field, Tone, time};
use crate::console::page::{self, Frame, show_with, to};
use crate::console::{Admin, Answer, Asked, Form, Refusal, Visitor};
use crate::domain::event_time;
use crate::storage::{NewAuditEntry, NewUser, User};

const DONE: &[(&str, &str)] = &[
    (
        "role",
        "The role is changed; it holds from the user's next click.",
    ),
    ("disabled", "The user is disabled and signed out."),
    ("enabled", "The user is enabled."),
    ("signed-out", "The user is signed out everywhere."),
    ("deleted", "The user is deleted."),
];

/// The roles as a choice, the usual one first.
const ROLES: &[(&str, &str)] = &[
    ("operator", "Operator: all but keys, users and audit"),
    ("reader", "Reader: looks at what an operator sees"),
    ("admin", "Administrator: everything"),
];

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    /// Just made: the user and the one-time password.
    made: Option<(String, Secret)>,
    rows: Vec<Row>,
    fields: [Field; 2],
}

struct Row {
    name: String,
    role: &'static str,
    state: Badge,
    is_disabled: bool,
    added: String,
    /// Whose page it is: nobody takes away the own rights here, so that an administrator is left.
    is_self: bool,
}

impl Row {
    fn of(user: &User, own: &UserName) -> Self {
        let state = match (user.disabled, user.must_change) {
            (true, _) => Badge::new(Tone::Quiet, "Disabled"),
            (false, true) => Badge::new(Tone::Warning, "One-time password"),
            (false, false) => Badge::new(Tone::Good, "Enabled"),
        };
        Self {
            name: user.name.to_string(),
            role: user.role.as_str(),
            state,
            is_disabled: user.disabled,
            added: time(&event_time::compact(user.created)),
            is_self: user.name == *own,
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/console/users/{}/{what}", self.name)
    }
}

fn fields() -> [Field; 2] {
    [
        Field::text("name", "Name")
            .hint("Of a to z, 0 to 9, '.', '_' and '-'.")
            .required(),
        Field::choice("role", "Role", ROLES),
    ]
}

async fn users(visitor: &Visitor<Admin>, fields: [Field; 2]) -> Result<Users, Refusal> {
    let listed = visitor.console.stores().users.list_users().await?;
    Ok(Users {
        frame: visitor.frame("Users"),
        made: None,
        rows: listed
            .iter()
            .map(|user| Row::of(user, &visitor.user.name))
            .collect(),
        fields,
    })
}

/// All users, and the form for one more.
pub async fn list(visitor: Visitor<Admin>, Asked(asked): Asked) -> Answer {
    let mut page = users(&visitor, fields()).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    page::show(&page)
}

/// Adds one; the page that answers shows the password, and no later one does.
pub async fn add(form: Form<Admin>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let [name_field, role_field] = fields();
    let role_field = role_field.value(said.text("role"));
    let refused = async |error: String| {
        let name_field = name_field.value(said.text("name")).error(error);
        let page = users(visitor, [name_field, role_field]).await?;
        show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let name = match UserName::parse(said.text("name")) {
        Ok(name) => name,
        Err(error) => return refused(format!("The name {error}.")).await,
    };
    let Ok(role) = said.text("role").parse() else {
        return refused("The role is none of those offered.".to_owned()).await;
    };
    let password = generate_one_time()?;
    let user = NewUser {
        name: name.clone(),
        role,
        password: hash(visitor, &password).await?,
        created: visitor.console.0.settings.clock.now(),
    };
    let noted = noted(visitor, "add_user", &name)?;
    if !visitor.console.stores().users.add_user(&user, &noted).await? {
        return refused("There is a user of this name.".to_owned()).await;
    }
    show_password(visitor, &name, password).await
}

async fn hash(
    visitor: &Visitor<Admin>,
    password: &Secret,
) -> Result<crate::auth::person_password::PasswordHash, Refusal> {
    visitor.console.turn().await?.hash(password.clone()).await
}

async fn show_password(visitor: &Visitor<Admin>, name: &UserName, password: Secret) -> Answer {
    let mut page = users(visitor, fields()).await?;
    page.made = Some((name.to_string(), password));
    page::show(&page)
}

fn noted(visitor: &Visitor<Admin>, action: &str, name: &UserName) -> Result<NewAuditEntry, Refusal> {
    Ok(visitor.noted(action, format!("/users/{name}"))?)
}

/// The user that a path names.
fn named(visitor: &Visitor<Admin>, name: &str) -> Result<UserName, Refusal> {
    UserName::parse(name).map_err(|_| none(visitor))
}

fn none(visitor: &Visitor<Admin>) -> Refusal {
    visitor.refuse(StatusCode::NOT_FOUND, "There is no such user.")
}

/// The same, unless it is one's own: what takes rights away is left to another administrator or to the command line.
fn another(visitor: &Visitor<Admin>, name: &str) -> Result<UserName, Refusal> {
    let name = named(visitor, name)?;
    if name == visitor.user.name {
        let text = "This is your own account: another administrator can do that, or `fieldgate users` beside the server.";
        return Err(visitor.refuse(StatusCode::CONFLICT, text));
    }
    Ok(name)
}

fn done(visitor: &Visitor<Admin>, found: bool, what: &str) -> Answer {
    if found {
        to(&format!("/console/users?done={what}"))
    } else {
        Err(none(visitor))
    }
}

/// Gives another role.
pub async fn set_role(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let Ok(role) = form.fields.text("role").parse::<UserRole>() else {
        let text = "The role is none of those offered.";
        return Err(visitor.refuse(StatusCode::UNPROCESSABLE_ENTITY, text));
    };
    let noted = noted(visitor, "set_user_role", &name)?;
    let users = &visitor.console.stores().users;
    done(visitor, users.set_user_role(&name, role, &noted).await?, "role")
}

/// Refuses the user's sign-ins and ends the sessions.
pub async fn disable(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let noted = noted(visitor, "disable_user", &name)?;
    let users = &visitor.console.stores().users;
    done(
        visitor,
        users.set_user_disabled(&name, true, &noted).await?,
        "disabled",
    )
}

/// Takes the user's sign-ins again.
pub async fn enable(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let noted = noted(visitor, "enable_user", &name)?;
    let users = &visitor.console.stores().users;
    done(
        visitor,
        users.set_user_disabled(&name, false, &noted).await?,
        "enabled",
    )
}

/// Gives a one-time password, shown on the page that answers, and ends the sessions.
pub async fn reset_password(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let password = generate_one_time()?;
    let hash = hash(visitor, &password).await?;
    let noted = noted(visitor, "reset_user_password", &name)?;
    let users = &visitor.console.stores().users;
    if !users.reset_password(&name, &hash, &noted).await? {
        return Err(none(visitor));
    }
    show_password(visitor, &name, password).await
}

/// Ends the user's sessions.
pub async fn sign_out(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let noted = noted(visitor, "sign_out_user", &name)?;
    let users = &visitor.console.stores().users;
    done(visitor, users.close_sessions(&name, &noted).await?, "signed-out")
}

/// Deletes the user.
pub async fn delete(Path(name): Path<String>, form: Form<Admin>) -> Answer {
    let visitor = &form.visitor;
    let name = another(visitor, &name)?;
    let noted = noted(visitor, "delete_user", &name)?;
    let users = &visitor.console.stores().users;
    done(visitor, users.delete_user(&name, &noted).await?, "deleted")
}
