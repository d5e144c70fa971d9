//! One's own page: who one is, where one is signed in, and how pages look.

use askama::Template;
use axum::response::{IntoResponse, Redirect};
use http::header::SET_COOKIE;

use crate::console::components::time;
use crate::console::cookies::{Theme, set_theme};
use crate::console::page::{self, Frame};
use crate::console::sessions::signed_out;
use crate::console::visitor::own_path;
use crate::console::{Answer, Asked, Form, Newcomer, Visitor};
use crate::domain::event_time;

const DONE: &[(&str, &str)] = &[(
    "password",
    "Your password is changed. Every other sign-in of yours has ended.",
)];

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    role: &'static str,
    sessions: Vec<Session>,
}

struct Session {
    is_this: bool,
    from: String,
    since: String,
    until: String,
}

/// Shows it.
pub async fn show(visitor: Visitor, Asked(asked): Asked) -> Answer {
    let now = visitor.console.0.settings.clock.now();
    let users = &visitor.console.stores().users;
    let this = visitor.token.fingerprint();
    let sessions = users.list_sessions(&visitor.user.name, now).await?;
    let sessions = sessions.into_iter().map(|session| Session {
        is_this: session.fingerprint == this,
        from: session.from,
        since: time(&event_time::compact(session.created)),
        until: time(&event_time::compact(session.expires)),
    });
    page::show(&Account {
        frame: visitor.frame("Your account").noticing(asked.text("done"), DONE),
        role: visitor.user.role.as_str(),
        sessions: sessions.collect(),
    })
}

/// Ends every session of one's own, this one too.
pub async fn sign_out_everywhere(form: Form) -> Answer {
    let (visitor, name) = (&form.visitor, &form.visitor.user.name);
    let noted = visitor.noted("sign_out_everywhere", format!("/users/{name}"))?;
    visitor
        .console
        .stores()
        .users
        .close_sessions(name, &noted)
        .await?;
    Ok(signed_out(Redirect::to("/console/sign-in").into_response()))
}

/// Keeps how pages look in a cookie, and goes back to where it was asked.
pub async fn choose_theme(form: Form<Newcomer>) -> Answer {
    let back = own_path(form.fields.text("back")).unwrap_or("/console/");
    let mut response = Redirect::to(back).into_response();
    let chosen = Theme::parse(form.fields.text("theme")).unwrap_or(Theme::System);
    if let Some(line) = set_theme(chosen) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    Ok(response)
}
