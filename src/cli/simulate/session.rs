//! A device's side of the conversation: its connection and its token. Sends one request at a time; decides nothing about
//! reports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::fleet::Member;
use super::judge::{is_held_back, wait};
use super::options::ConnectionMode;
use super::payload::{Bad, Report};
use super::run::Run;
use super::tally::Why;
use crate::auth::device_password::device_password;
use crate::cli::client::connection::{Answer, Connection, SendError};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::event_time;

/// Why a report has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It did not go out.
    NotSent(String),
    /// Nobody knows what became of it.
    NoAnswer(String),
    /// Its authentication was told to come again later.
    Held(Duration),
    /// The device may not authenticate.
    Denied(String),
}

/// One device's.
pub(super) struct Session {
    run: Arc<Run>,
    member: Member,
    connection: Option<Connection>,
    token: Option<Token>,
    /// What the next token is for.
    why: Why,
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

impl Session {
    /// Without a connection or a token yet.
    pub(super) const fn new(run: Arc<Run>, member: Member) -> Self {
        Self {
            run,
            member,
            connection: None,
            token: None,
            why: Why::First,
        }
    }

    pub(super) const fn member(&self) -> &Member {
        &self.member
    }

    /// Sends a report with a token that is good, as far as is known, or as bad as the report is to be.
    pub(super) async fn send(&mut self, report: &Report) -> Result<Answer, Trouble> {
        if self
            .token
            .as_ref()
            .is_none_or(|token| Instant::now() >= token.renew_at)
        {
            self.authenticate().await?;
        }
        let token = self.token.as_ref().map(|token| token.header.clone());
        let token = match report.bad {
            Some(Bad::MissingToken) => None,
            Some(Bad::ForgedToken) => token.as_ref().and_then(forged),
            _ => token,
        };
        self.post(&report.path, token, report.body.clone()).await
    }

    /// Gets a token over the present connection, or a new one.
    pub(super) async fn authenticate(&mut self) -> Result<(), Trouble> {
        let started = Instant::now();
        let device_id = &self.member.reporter.device_id;
        let hour = event_time::auth_hour(SystemClock.now());
        let password = hex::encode(device_password(self.member.secret.expose(), &hour));
        let body = json!({"device_id": device_id, "sign_type": 0, "timestamp": hour, "password": password});
        let answer = self.post("/v5/device-auth", None, body.to_string().into()).await;
        let answer = answer.map_err(|trouble| match trouble {
            // The report itself has not gone out.
            Trouble::NoAnswer(cause) => Trouble::NotSent(format!("authentication: {cause}")),
            other => other,
        })?;
        let status = answer.status.as_u16();
        let read = |name: &str| {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            body.get(name).cloned().unwrap_or_default()
        };
        let token = read("access_token");
        let header = token.as_str().and_then(|text| HeaderValue::from_str(text).ok());
        if let (true, Some(header)) = (answer.status.is_success(), header) {
            let renew_at = self.renew_at(read("expires_in").as_u64().unwrap_or(0));
            self.token = Some(Token { header, renew_at });
            self.run.tally().authenticated(self.why, started.elapsed());
            self.why = Why::Renewal;
            return Ok(());
        }
        let (code, said) = (answer.code(), answer.message());
        self.run.tally().refused_authentication(status, &code);
        if is_held_back(status, &code) {
            return Err(Trouble::Held(wait(&answer)));
        }
        let device_id = &self.member.reporter.device_id;
        let advice = if status == 404 {
            "; is this the device listener's address?"
        } else {
            ""
        };
        Err(Trouble::Denied(format!(
            "{device_id} may not authenticate: {status} {code} {said}{advice}"
        )))
    }

    /// Renewals are spread: a fleet that came online together does not renew together.
    fn renew_at(&self, expires_in: u64) -> Instant {
        let first = matches!(self.why, Why::First);
        let period = match self.run.plan.fleet.renew_every {
            None => Duration::from_secs(expires_in / 5 * 4),
            Some(period) if first => period * (self.member.reporter.number % SPREAD + 1) / SPREAD,
            Some(period) => period,
        };
        Instant::now() + period
    }

    /// The server takes the token no more.
    pub(super) fn forget_token(&mut self) {
        self.token = None;
        self.why = Why::Refused;
    }

    /// After a report.
    pub(super) async fn rest(&mut self) {
        if self.run.plan.fleet.connection == ConnectionMode::PerReport {
            self.close().await;
        }
    }

    /// Ends the connection.
    pub(super) async fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    async fn post(&mut self, path: &str, token: Option<HeaderValue>, body: Bytes) -> Result<Answer, Trouble> {
        loop {
            let rested = self.connection.take().filter(Connection::is_open);
            let is_new = rested.is_none();
            let mut connection = match rested {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let mut request = Request::post(path).header("Content-Type", "application/json");
            if let Some(token) = &token {
                request = request.header("access_token", token.clone());
            }
            let request = request
                .body(Full::new(body.clone()))
                .map_err(|error| Trouble::NotSent(error.to_string()))?;
            match connection.send(request).await {
                Ok(answer) => {
                    self.connection = Some(connection);
                    return Ok(answer);
                }
                // The server ended a connection that rested, which it may at any time.
                Err(SendError::NotSent) if !is_new => {}
                Err(SendError::NotSent) => return Err(Trouble::NotSent(SendError::NotSent.to_string())),
                Err(SendError::NoAnswer(cause)) => return Err(Trouble::NoAnswer(cause)),
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Trouble> {
        match self.run.client.connect().await {
            Ok(connection) => {
                self.run.tally().connected(connection.resumed, connection.took);
                Ok(connection)
            }
            Err(error) => Err(Trouble::NotSent(error.to_string())),
        }
    }
}

/// The same token with another last character but one: the very last carries bits that a decoder may drop.
fn forged(token: &HeaderValue) -> Option<HeaderValue> {
    let mut bytes = token.as_bytes().to_vec();
    let at = bytes.len().checked_sub(2)?;
    let byte = bytes.get_mut(at)?;
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    HeaderValue::from_bytes(&bytes).ok()
}

/// Parts of a period that first renewals are spread over.
const SPREAD: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_token_differs_and_has_the_same_length() {
        for text in ["abcA1", "abcB1", "xyzz"] {
            let token = HeaderValue::from_static(text);
            let forged = forged(&token).unwrap();
            assert_ne!(forged, token);
            assert_eq!(forged.len(), token.len());
        }
        assert_eq!(forged(&HeaderValue::from_static("x")), None);
    }
}
