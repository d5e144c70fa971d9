//! One's own password: at the first sign-in it must be changed, later it can be.

use askama::Template;
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;

use super::sign_in;
use crate::auth::person_password::{LONGEST, PasswordFault, SHORTEST, check_new};
use crate::console::components::Field;
use crate::console::page::{self, Frame, show_with};
use crate::console::sessions::{Proof, signed_out};
use crate::console::{Answer, Form, Newcomer, Visitor};

#[derive(Template)]
#[template(path = "password.html")]
struct Password {
    frame: Frame,
    is_first: bool,
    fields: [Field; 3],
}

/// What was wrong with which field.
#[derive(Default)]
struct Faults {
    current: String,
    new: String,
    repeated: String,
}

impl Password {
    fn new(visitor: &Visitor<Newcomer>, faults: Faults) -> Self {
        let is_first = visitor.user.must_change;
        let current = if is_first {
            "One-time password"
        } else {
            "Current password"
        };
        Self {
            frame: visitor.frame("Change your password"),
            is_first,
            fields: [
                Field::password("current", current, "current-password").error(faults.current),
                Field::password("new", "New password", "new-password")
                    .hint(format!(
                        "{SHORTEST} characters at least. A few words that you can remember do well."
                    ))
                    .error(faults.new),
                Field::password("repeated", "New password, once more", "new-password").error(faults.repeated),
            ],
        }
    }
}

/// The form.
pub async fn show(visitor: Visitor<Newcomer>) -> Answer {
    page::show(&Password::new(&visitor, Faults::default()))
}

/// Takes the new password, ends every other session and goes on in a new one.
pub async fn change(form: Form<Newcomer>) -> Answer {
    let Form { visitor, fields } = form;
    let (current, new) = (fields.secret("current"), fields.secret("new"));
    let refused = |faults| show_with(StatusCode::UNPROCESSABLE_ENTITY, &Password::new(&visitor, faults));
    let name = &visitor.user.name;
    if let Err(fault) = check_new(&new, name) {
        return refused(Faults {
            new: sentence(fault),
            ..Faults::default()
        });
    }
    if fields.secret("repeated") != new {
        return refused(Faults {
            repeated: "This is not what you wrote above.".to_owned(),
            ..Faults::default()
        });
    }
    if current.expose().len() <= LONGEST && current == new {
        return refused(Faults {
            new: sentence(PasswordFault::IsOld),
            ..Faults::default()
        });
    }
    let console = &visitor.console;
    let mut user = match console.prove(name.as_str(), current, visitor.peer).await? {
        Proof::Given(user) => *user,
        Proof::Wrong => {
            return refused(Faults {
                current: "This is not your password.".to_owned(),
                ..Faults::default()
            });
        }
        Proof::Later(seconds) => {
            let current = sign_in::wait(seconds);
            let faults = Faults {
                current,
                ..Faults::default()
            };
            return sign_in::later(&Password::new(&visitor, faults), seconds);
        }
    };
    let hash = console.turn().await?.hash(new).await?;
    let users = &console.stores().users;
    let noted = visitor.noted("change_password", format!("/users/{name}"))?;
    if !users.change_password(name, user.epoch, &hash, &noted).await? {
        return Ok(signed_out(Redirect::to("/console/sign-in").into_response()));
    }
    user.epoch += 1;
    match console.open_session(&user, visitor.peer, "sign_in").await? {
        Some(token) => {
            let next = Redirect::to("/console/account?done=password").into_response();
            Ok(console.signed_in(&token, next))
        }
        None => Ok(signed_out(Redirect::to("/console/sign-in").into_response())),
    }
}

fn sentence(fault: PasswordFault) -> String {
    format!("The new password {fault}.")
}
