//! Registers one row.

use http::{Method, StatusCode};
use serde_json::Value;

use super::results::{Noted, State};
use super::rows::Row;
use crate::cli::client::Failure;
use crate::cli::client::connection::Answer;
use crate::cli::client::management::Management;

/// The code of a device id that is taken.
const EXISTS: &str = "IOTDA.014031";

/// Registers a row's device and binds its tags. A refusal is a result; an error is what ends the import.
pub(super) async fn register(management: &Management, row: &Row) -> Result<Noted, Failure> {
    let body = match row.body() {
        Ok(body) => body,
        Err(fault) => return Ok(refused(String::new(), fault)),
    };
    let answer = management.call(&Method::POST, "/devices", body).await?;
    let (state, shown) = if answer.status == StatusCode::CREATED {
        (State::Registered, serde_json::from_slice(&answer.body)?)
    } else if answer.code() == EXISTS {
        // By an earlier import that did not come to note it, or by someone else.
        match management.read(&format!("/devices/{}", row.device_id)).await? {
            Some(shown) if row.is_like(&shown) => (State::Found, shown),
            _ => return Ok(refusal(&answer)),
        }
    } else {
        check_caller(&answer)?;
        return Ok(refusal(&answer));
    };
    // Noted whatever becomes of the tags: it is told here alone.
    let secret = shown.pointer("/auth_info/secret").and_then(Value::as_str);
    let secret = secret.unwrap_or_default().to_owned();
    if let Some(tags) = row.tags() {
        let answer = management
            .call(&Method::POST, "/tags/bind-resource", tags)
            .await?;
        if answer.status != StatusCode::OK {
            check_caller(&answer)?;
            let text = format!("registered, but its tags were refused: {}", answer.message());
            return Ok(Noted {
                secret,
                ..refused(answer.code(), text)
            });
        }
    }
    Ok(Noted {
        state,
        code: String::new(),
        message: String::new(),
        secret,
    })
}

/// What would be the same for every row ends the import.
fn check_caller(answer: &Answer) -> Result<(), Failure> {
    let everyones = ["IOTDA.000002", "IOTDA.000004", "IOTDA.000021", "IOTDA.000022"];
    let code = answer.code();
    if answer.status.is_server_error() || everyones.contains(&code.as_str()) {
        let said = answer.message();
        return Err(format!(
            "the management API answered {} {code}: {said}",
            answer.status.as_u16()
        )
        .into());
    }
    Ok(())
}

fn refusal(answer: &Answer) -> Noted {
    refused(answer.code(), answer.message())
}

fn refused(code: String, message: String) -> Noted {
    Noted {
        state: State::Refused,
        code,
        message,
        secret: String::new(),
    }
}
