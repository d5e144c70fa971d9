//! What a handler answers, and how a refusal reads as a page.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::page::{Frame, html};
use crate::auth::person_password::HashError;
use crate::auth::secret::RandomError;
use crate::http::CallFault;
use crate::http::error::ApiError;
use crate::storage::StoreError;

/// A page or a redirect, or why not.
pub type Answer = Result<Response, Refusal>;

/// Why a handler does not do what it was asked.
#[derive(Debug)]
pub enum Refusal {
    /// The person has to go there first: to sign in, or to change the password.
    To(String),
    /// A page that says so.
    Told(Box<Told>),
}

/// What a page of a refusal says.
#[derive(Debug)]
pub struct Told {
    status: StatusCode,
    text: String,
    retry_after_seconds: Option<u32>,
    frame: Frame,
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page<'a> {
    frame: &'a Frame,
    title: &'a str,
    text: &'a str,
}

impl Refusal {
    /// A status and a sentence, outside of the navigation until [`Refusal::within`].
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Told(Box::new(Told {
            status,
            text: text.into(),
            retry_after_seconds: None,
            frame: Frame::plain(title(status)),
        }))
    }

    /// Come again after so many seconds.
    pub fn later(status: StatusCode, text: impl Into<String>, seconds: u32) -> Self {
        match Self::new(status, text) {
            Self::Told(mut told) => {
                told.retry_after_seconds = Some(seconds);
                Self::Told(told)
            }
            to @ Self::To(_) => to,
        }
    }

    /// The same inside this frame, whose title it replaces.
    #[must_use]
    pub fn within(self, frame: Frame) -> Self {
        match self {
            Self::Told(mut told) => {
                told.frame = frame.titled(title(told.status));
                Self::Told(told)
            }
            to @ Self::To(_) => to,
        }
    }

    /// A fault of the program's own: the log has the reason, the page has none.
    pub fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "a page of the console failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong inside the server. Its log says what.",
        )
    }
}

const fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::METHOD_NOT_ALLOWED => "Not possible this way",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::SERVICE_UNAVAILABLE => "Not right now",
        StatusCode::INTERNAL_SERVER_ERROR => "A fault",
        _ => "That did not work",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let told = match self {
            Self::To(path) => return Redirect::to(&path).into_response(),
            Self::Told(told) => told,
        };
        let page = Page {
            frame: &told.frame,
            title: title(told.status),
            text: &told.text,
        };
        // The template of a refusal must not end in another refusal.
        let body = page.render().unwrap_or_else(|_| told.text.clone());
        let mut response = html(told.status, body);
        if let Some(seconds) = told.retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let (status, text) = error.told();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Self::later(status, text, 1);
        }
        Self::new(status, text)
    }
}

impl From<CallFault> for Refusal {
    fn from(fault: CallFault) -> Self {
        Self::internal(&fault)
    }
}

impl From<RandomError> for Refusal {
    fn from(error: RandomError) -> Self {
        Self::internal(&error)
    }
}

impl From<HashError> for Refusal {
    fn from(error: HashError) -> Self {
        Self::internal(&error)
    }
}
