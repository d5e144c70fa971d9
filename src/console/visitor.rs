//! Who looks at a page: the extractor that every handler but the sign-in names, with the least role that it needs. Read
//! from the store at each request, so that what ends a session or disables a user holds at once.

use std::marker::PhantomData;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Method, StatusCode};

use super::Console;
use super::answer::Refusal;
use super::cookies::{self, Theme};
use super::fields::query;
use super::navigation;
use super::page::{Frame, Who};
use crate::auth::person::UserRole;
use crate::auth::secret::RandomError;
use crate::auth::session_token::SessionToken;
use crate::http::{Caller, Principal};
use crate::server::PeerAddress;
use crate::storage::{DONE, NewAuditEntry, User};

/// The least that a page needs.
pub trait Needs: Send + Sync + 'static {
    /// A user's role.
    const ROLE: UserRole;
    /// Whether it opens to someone whose one-time password is not changed yet.
    const BEFORE_CHANGE: bool = false;
}

/// Any user.
pub struct Reader;

/// Any user, also before the one-time password is changed.
pub struct Newcomer;

/// Someone who may change what a reader sees.
pub struct Operator;

/// Someone who may everything.
pub struct Admin;

impl Needs for Reader {
    const ROLE: UserRole = UserRole::Reader;
}

impl Needs for Newcomer {
    const ROLE: UserRole = UserRole::Reader;
    const BEFORE_CHANGE: bool = true;
}

impl Needs for Operator {
    const ROLE: UserRole = UserRole::Operator;
}

impl Needs for Admin {
    const ROLE: UserRole = UserRole::Admin;
}

/// A signed-in user who may what `N` needs.
pub struct Visitor<N: Needs = Reader> {
    /// Who it is.
    pub user: User,
    pub(super) console: Console,
    pub(super) token: SessionToken,
    pub(super) peer: Option<PeerAddress>,
    theme: Theme,
    path: String,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<Console> for Visitor<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Refusal> {
        let signed_out = || Refusal::To(sign_in_path(parts));
        let token = cookies::session(&parts.headers).ok_or_else(signed_out)?;
        let now = console.0.settings.clock.now();
        let user = console
            .stores()
            .users
            .session(&token.fingerprint(), now)
            .await?
            .ok_or_else(signed_out)?;
        let visitor = Self {
            user,
            console: console.clone(),
            token,
            peer: parts.extensions.get().copied(),
            theme: cookies::theme(&parts.headers),
            path: path_of(parts),
            needs: PhantomData,
        };
        if visitor.user.must_change && !N::BEFORE_CHANGE {
            return Err(Refusal::To("/console/password".to_owned()));
        }
        if visitor.user.role < N::ROLE {
            let needed = N::ROLE.as_str();
            let text = format!("Your role does not open this: it takes the role {needed}.");
            return Err(visitor.refuse(StatusCode::FORBIDDEN, text));
        }
        Ok(visitor)
    }
}

impl<N: Needs> Visitor<N> {
    /// The frame of a page with this title.
    pub fn frame(&self, title: &str) -> Frame {
        Frame {
            title: title.to_owned(),
            theme: self.theme,
            who: Some(Who {
                name: self.user.name.to_string(),
                role: self.user.role.as_str(),
                form_token: self.token.form_token(),
                // Nothing opens before the password is changed.
                entries: if self.user.must_change {
                    Vec::new()
                } else {
                    navigation::entries(self.user.role, self.path.split('?').next().unwrap_or_default())
                },
                path: self.path.clone(),
            }),
            notice: None,
        }
    }

    /// A refusal within the navigation.
    pub fn refuse(&self, status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal::new(status, text).within(self.frame(""))
    }

    /// Whether the user may what this role may.
    pub fn may(&self, role: UserRole) -> bool {
        self.user.role >= role
    }

    /// The address that the request comes from.
    pub fn address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.0.ip())
    }

    /// For whom the management API is called.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            principal: Principal::person(&self.user.name, self.user.role),
            peer: self.peer,
        }
    }

    /// What the audit log says of what this user does now.
    pub fn noted(&self, action: &str, resource: String) -> Result<NewAuditEntry, RandomError> {
        let actor = self.user.name.as_str();
        self.console.noted(actor, action, resource, self.address(), DONE)
    }
}

/// The path that leads back to a page; a form's own path shows no page.
fn path_of(parts: &Parts) -> String {
    let path = parts.uri.path();
    if parts.method == Method::GET {
        parts
            .uri
            .path_and_query()
            .map_or(path, |whole| whole.as_str())
            .to_owned()
    } else {
        path.to_owned()
    }
}

/// Where to sign in, and which page to come back to.
fn sign_in_path(parts: &Parts) -> String {
    let back = match parts.uri.path_and_query() {
        Some(path) if parts.method == Method::GET && path.path() != "/console/" => path.as_str(),
        _ => "",
    };
    format!("/console/sign-in{}", query([("to", back)]))
}

/// A path of the console's own, so that a redirect leads nowhere else.
pub(super) fn own_path(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let own = text.starts_with("/console/") && text.bytes().all(plain);
    own.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_the_console_alone() {
        for own in ["/console/", "/console/audit?actor=a&marker=b"] {
            assert_eq!(own_path(own), Some(own));
        }
        for foreign in [
            "",
            "/",
            "//evil/console/",
            "https://evil/console/",
            "/console",
            "/console/\r\nSet-Cookie: a=b",
            "/console/\\evil",
            "/consolex/",
        ] {
            assert_eq!(own_path(foreign), None, "{foreign}");
        }
    }
}
