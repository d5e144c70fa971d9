//! The management API as pages call it: inside the process, in the name of who looks.

use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Refusal;
use super::visitor::{Needs, Visitor};

/// What the API refused, in its own words: for a form that is shown again.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiRefusal {
    /// The API's status.
    pub status: StatusCode,
    /// Its `error_msg`.
    pub message: String,
    /// Everything that it answered.
    pub body: Value,
}

impl<N: Needs> Visitor<N> {
    /// Reads from the API; what it refuses is the page's own refusal. `path` is below the project; see `fields::segment` and
    /// `fields::query` for its parts.
    pub async fn get(&self, path: &str) -> Result<Value, Refusal> {
        match self.call(Method::GET, path, &Value::Null).await? {
            Ok(found) => Ok(found),
            Err(refused) => Err(self.refuse(refused.status, refused.message)),
        }
    }

    /// Reads from the API what a page shows as it was written: numbers with their digits, or what is no JSON.
    pub async fn get_text(&self, path: &str) -> Result<String, Refusal> {
        let api = &self.console.0.settings.api;
        let (status, bytes) = Box::pin(api.bytes_as(self.caller(), Method::GET, path, String::new())).await?;
        if status.is_success() {
            return String::from_utf8(bytes.into()).map_err(|error| Refusal::internal(&error));
        }
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Err(self.refuse(status, self::text(&body, "/error_msg")))
    }

    /// Calls the API; null is no body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Result<Value, ApiRefusal>, Refusal> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.call_raw(method, path, body).await
    }

    /// The same with a body that is text already: what holds numbers that must stay as they were written.
    pub async fn call_raw(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<Result<Value, ApiRefusal>, Refusal> {
        let api = &self.console.0.settings.api;
        let (status, body) = Box::pin(api.call_as(self.caller(), method, path, body)).await?;
        if status.is_success() {
            return Ok(Ok(body));
        }
        Ok(Err(ApiRefusal::new(status, body)))
    }

    /// The same with an answer of a shape of its own: one in which numbers stay as devices wrote them (`RawValue`).
    pub async fn call_for<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<Result<T, ApiRefusal>, Refusal> {
        let api = &self.console.0.settings.api;
        let (status, bytes) = Box::pin(api.bytes_as(self.caller(), method, path, body)).await?;
        let fault = |error: serde_json::Error| Refusal::internal(&error);
        if status.is_success() {
            return Ok(Ok(serde_json::from_slice(&bytes).map_err(fault)?));
        }
        let body = serde_json::from_slice(&bytes).map_err(fault)?;
        Ok(Err(ApiRefusal::new(status, body)))
    }

    /// Changes something by the API; what it refuses is the page's own refusal.
    pub async fn change(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
        match self.call(method, path, body).await? {
            Ok(done) => Ok(done),
            Err(refused) => Err(self.refuse(refused.status, refused.message)),
        }
    }

    /// Reads from the API what must stay as it is: the body of an answer below 400, as it comes.
    pub async fn open(
        &self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Result<Response, ApiRefusal>, Refusal> {
        let api = &self.console.0.settings.api;
        let response = Box::pin(api.open_as(self.caller(), path, headers)).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let body: Value = serde_json::from_str(&whole(response).await?).unwrap_or_default();
        Ok(Err(ApiRefusal::new(status, body)))
    }
}

impl ApiRefusal {
    fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            message: text(&body, "/error_msg").to_owned(),
            body,
        }
    }
}

/// An answer's body as text.
pub async fn whole(response: Response) -> Result<String, Refusal> {
    let body = response.into_body().collect().await;
    let bytes = body.map_err(|error| Refusal::internal(&error))?.to_bytes();
    String::from_utf8(bytes.into()).map_err(|error| Refusal::internal(&error))
}

/// The text at a place of an answer; empty when there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a place of an answer; 0 when there is none.
pub fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The elements of a list in an answer.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// An object of those texts that say something.
pub fn object(texts: &[(&str, &str)]) -> Value {
    let said = texts.iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
