//! Proving a password, and the session that a proved one opens.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use tokio::time::{Instant, sleep_until};

use super::answer::Refusal;
use super::{Console, cookies};
use crate::auth::person::UserName;
use crate::auth::secret::Secret;
use crate::auth::session_token::SessionToken;
use crate::server::PeerAddress;
use crate::storage::{DONE, NewSession, User};

/// The newest sessions of a user that stay; a sign-in beyond ends the oldest.
const SESSIONS: u32 = 20;

/// A refusal comes no sooner, so that its time does not tell whether the audit log had to take it: whether the name is known.
const REFUSED_AFTER: Duration = Duration::from_millis(300);

/// What a password came to.
pub(super) enum Proof {
    /// It is this user's.
    Given(Box<User>),
    /// There is no such user, or it is another's, or the user is disabled: the caller hears which of them in no case.
    Wrong,
    /// Too many wrong ones came before it: it was not looked at.
    Later(u32),
}

impl Console {
    /// Compares a password with the user's. A refusal takes as long for a name that nobody has.
    pub(super) async fn prove(
        &self,
        name: &str,
        password: Secret,
        from: Option<PeerAddress>,
    ) -> Result<Proof, Refusal> {
        let (parts, begun) = (&*self.0, Instant::now());
        let from = from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        if let Some(later) = self.delay(name, from) {
            return Ok(later);
        }
        let turn = self.turn().await?;
        // Those that came together may have failed meanwhile.
        if let Some(later) = self.delay(name, from) {
            return Ok(later);
        }
        let user = match UserName::parse(name) {
            Ok(name) => self.stores().users.user(&name).await?,
            Err(_) => None,
        };
        let hash = user.as_ref().map(|user| user.password.clone());
        let fits = turn.check(hash, password).await?;
        let proved = user.clone().filter(|user| fits && !user.disabled);
        let now = parts.settings.clock.now();
        parts.trials.record(name, from, proved.is_some(), now);
        if let Some(proved) = proved {
            return Ok(Proof::Given(Box::new(proved)));
        }
        if let Some(user) = user {
            let outcome = if fits {
                "401 disabled"
            } else {
                "401 wrong password"
            };
            let (actor, resource) = (user.name.as_str(), format!("/users/{}", user.name));
            let noted = self.noted(actor, "sign_in", resource, Some(from), outcome)?;
            self.stores().audit.note(noted).await?;
        }
        sleep_until(begun + REFUSED_AFTER).await;
        Ok(Proof::Wrong)
    }

    fn delay(&self, name: &str, from: IpAddr) -> Option<Proof> {
        let settings = &self.0.settings;
        let wait_ms = self.0.trials.wait_ms(name, from, settings.clock.now());
        let seconds = u64::try_from(wait_ms)
            .ok()
            .filter(|wait| *wait > 0)?
            .div_ceil(1000);
        settings.metrics.limit_hit("limits.wrong_password_tries");
        Some(Proof::Later(u32::try_from(seconds).unwrap_or(u32::MAX)))
    }

    /// A turn to work on a password.
    pub(super) async fn turn(&self) -> Result<super::passwords::Turn, Refusal> {
        let text = "Too many people sign in at the moment.";
        let turn = self.0.passwords.turn().await;
        turn.ok_or_else(|| Refusal::later(StatusCode::SERVICE_UNAVAILABLE, text, 1))
    }

    /// Opens a session for a proved user; none when the user was changed meanwhile.
    pub(super) async fn open_session(
        &self,
        user: &User,
        from: Option<PeerAddress>,
        action: &str,
    ) -> Result<Option<SessionToken>, Refusal> {
        let token = SessionToken::generate()?;
        let (now, address) = (self.0.settings.clock.now(), from.map(|peer| peer.0.ip()));
        let session = NewSession {
            fingerprint: token.fingerprint(),
            user: user.name.clone(),
            epoch: user.epoch,
            from: address.map_or_else(|| "local".to_owned(), |address| address.to_string()),
            created: now,
            expires: now.plus_millis(self.0.settings.session_ms),
        };
        let resource = format!("/users/{}", user.name);
        let noted = self.noted(user.name.as_str(), action, resource, address, DONE)?;
        let users = &self.stores().users;
        if !users.open_session(&session, &noted).await? {
            return Ok(None);
        }
        users.forget_sessions(&user.name, now, SESSIONS).await?;
        Ok(Some(token))
    }

    /// The answer, with the cookie of a session that was just opened.
    pub(super) fn signed_in(&self, token: &SessionToken, mut response: Response) -> Response {
        let seconds = self.0.settings.session_ms / 1000;
        if let Some(line) = cookies::set_session(token, seconds) {
            response.headers_mut().append(SET_COOKIE, line);
        }
        response
    }
}

/// The answer, with the session's cookie taken away.
pub(super) fn signed_out(mut response: Response) -> Response {
    if let Some(line) = cookies::end_session() {
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}
