//! Signing in and out.

use askama::Template;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Redirect};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::console::components::Field;
use crate::console::form::is_form;
use crate::console::page::{self, Frame, show_with, to};
use crate::console::sessions::{Proof, signed_out};
use crate::console::visitor::own_path;
use crate::console::{Answer, Asked, Console, Fields, Form, Newcomer, Refusal, Visitor, origin};
use crate::http::SmallBody;
use crate::server::PeerAddress;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Why it was refused.
    error: String,
    fields: [Field; 2],
    /// The page that was asked for.
    to: String,
}

impl SignIn {
    fn new(headers: &HeaderMap, said: &Fields, error: &str) -> Self {
        Self {
            frame: Frame::plain("Sign in").themed(headers),
            error: error.to_owned(),
            fields: [
                Field::text("name", "Name")
                    .value(said.text("name"))
                    .autocomplete("username")
                    .required(),
                Field::password("password", "Password", "current-password"),
            ],
            to: own_path(said.text("to")).unwrap_or_default().to_owned(),
        }
    }
}

/// The form; who is signed in goes on.
pub async fn show(
    visitor: Result<Visitor<Newcomer>, Refusal>,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Answer {
    if visitor.is_ok() {
        return to("/console/");
    }
    page::show(&SignIn::new(&headers, &asked, ""))
}

/// Checks the password and opens a session. The body is small and outside of the budget of bodies, since its sender is not
/// known yet.
pub async fn sign_in(State(console): State<Console>, request: Request) -> Answer {
    let (headers, peer) = (
        request.headers().clone(),
        request.extensions().get::<PeerAddress>().copied(),
    );
    let refused =
        |status, text: &str| Err(Refusal::new(status, text).within(Frame::plain("").themed(&headers)));
    if origin::is_foreign(&headers) {
        return refused(StatusCode::FORBIDDEN, "The form was sent by another site.");
    }
    if !is_form(&headers) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Sign in with the form.");
    }
    let SmallBody(body) = SmallBody::from_request(request, &()).await?;
    let said = Fields::parse(&body);
    let proof = console
        .prove(said.text("name"), said.secret("password"), peer)
        .await?;
    let user = match proof {
        Proof::Given(user) => user,
        Proof::Wrong => {
            let page = SignIn::new(&headers, &said, "The name or the password is wrong.");
            return show_with(StatusCode::UNAUTHORIZED, &page);
        }
        Proof::Later(seconds) => return later(&SignIn::new(&headers, &said, &wait(seconds)), seconds),
    };
    let Some(token) = console.open_session(&user, peer, "sign_in").await? else {
        let page = SignIn::new(&headers, &said, "The name or the password is wrong.");
        return show_with(StatusCode::UNAUTHORIZED, &page);
    };
    let next = if user.must_change {
        "/console/password"
    } else {
        own_path(said.text("to")).unwrap_or("/console/")
    };
    Ok(console.signed_in(&token, Redirect::to(next).into_response()))
}

/// What is said while passwords are delayed.
pub fn wait(seconds: u32) -> String {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Too many wrong passwords. Try again in {seconds} {unit}.")
}

/// A form that says to come again.
pub fn later(page: &impl Template, seconds: u32) -> Answer {
    let mut response = show_with(StatusCode::TOO_MANY_REQUESTS, page)?;
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}

/// Ends this session.
pub async fn sign_out(form: Form<Newcomer>) -> Answer {
    let visitor = form.visitor;
    let noted = visitor.noted("sign_out", format!("/users/{}", visitor.user.name))?;
    let fingerprint = visitor.token.fingerprint();
    visitor
        .console
        .stores()
        .users
        .close_session(&fingerprint, &noted)
        .await?;
    Ok(signed_out(Redirect::to("/console/sign-in").into_response()))
}
