//! The frame around every page, and how a page becomes an answer.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{Answer, Refusal};
use super::assets;
use super::cookies::{self, Theme};
use super::navigation::Entry;

/// What `base.html` shows around a page's own content.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's heading, and the browser's title.
    pub title: String,
    /// Light, dark, or as the system is.
    pub theme: Theme,
    /// Whose session it is; none before the sign-in.
    pub who: Option<Who>,
    /// What was done.
    pub notice: Option<String>,
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub struct Who {
    /// The user's name.
    pub name: String,
    /// The user's role.
    pub role: &'static str,
    /// What every form on the page carries.
    pub form_token: String,
    /// The navigation, without pages that the user may not see.
    pub entries: Vec<Entry>,
    /// Where this is, for what leads back here.
    pub path: String,
}

impl Frame {
    /// Before the sign-in.
    pub fn plain(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            theme: Theme::System,
            who: None,
            notice: None,
        }
    }

    /// The same with the theme that the browser asks for.
    #[must_use]
    pub fn themed(mut self, headers: &HeaderMap) -> Self {
        self.theme = cookies::theme(headers);
        self
    }

    /// With another title.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// With the notice that the query's `done` stands for among `texts`.
    #[must_use]
    pub fn noticing(mut self, done: &str, texts: &[(&str, &str)]) -> Self {
        let found = texts.iter().find(|(name, _)| *name == done);
        self.notice = found.map(|(_, text)| (*text).to_owned());
        self
    }

    /// What every form on the page carries.
    pub fn form_token(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.form_token.as_str())
    }

    /// The user's name.
    pub fn who_name(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.name.as_str())
    }

    /// The stylesheet's path.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub fn stylesheet(&self) -> &'static str {
        assets::path("console.css")
    }

    /// The script's path.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub fn script(&self) -> &'static str {
        assets::path("console.js")
    }

    /// The icon's path.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub fn icon(&self) -> &'static str {
        assets::path("icon.svg")
    }

    /// The path of a file that one page alone takes.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    /// The program's version.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A page with status 200.
pub fn show(page: &impl Template) -> Answer {
    show_with(StatusCode::OK, page)
}

/// A page with another status: a form that was refused.
pub fn show_with(status: StatusCode, page: &impl Template) -> Answer {
    let body = page.render().map_err(|error| Refusal::internal(&error))?;
    Ok(html(status, body))
}

/// After a change: the browser goes on to `path`, so that loading again repeats nothing.
#[expect(clippy::unnecessary_wraps, reason = "it is what a handler answers")]
pub fn to(path: &str) -> Answer {
    Ok(Redirect::to(path).into_response())
}

pub(super) fn html(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
