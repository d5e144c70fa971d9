//! The only way to a form's fields: its sender is signed in and may do what the handler does, the form is of the sender's own
//! session, and no other site sent it.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::Console;
use super::answer::Refusal;
use super::fields::Fields;
use super::origin;
use super::visitor::{Needs, Reader, Visitor};
use crate::http::CappedBody;

/// The field that every form carries; see `ui::token` of the templates.
const FORM_TOKEN: &str = "form_token";

/// A form that a signed-in user sent.
pub struct Form<N: Needs = Reader> {
    /// Who sent it.
    pub visitor: Visitor<N>,
    /// What it says.
    pub fields: Fields,
}

impl<N: Needs> FromRequest<Console> for Form<N> {
    type Rejection = Refusal;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::<N>::from_request_parts(&mut parts, console).await?;
        let refused = |text| visitor.refuse(StatusCode::FORBIDDEN, text);
        if origin::is_foreign(&parts.headers) {
            return Err(refused("The form was sent by another site. Nothing was changed."));
        }
        if !is_form(&parts.headers) {
            let text = "Only a form of the console changes something here.";
            return Err(visitor.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let body = CappedBody::from_request(Request::from_parts(parts, body), console).await?;
        let fields = Fields::parse(&body.bytes);
        if !visitor.token.has_sent(fields.text(FORM_TOKEN)) {
            return Err(refused(
                "The form is of another sign-in. Nothing was changed: open the page again and repeat what you did.",
            ));
        }
        Ok(Self { visitor, fields })
    }
}

pub(super) fn is_form(headers: &http::HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
