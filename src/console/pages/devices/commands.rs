//! Commands that speak for a device, to be pasted into a shell: with its password for this hour, so that its secret is not shown.

use crate::auth::device_password::device_password;
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;

/// A command and what it does.
pub(super) struct Command {
    pub(super) title: &'static str,
    pub(super) line: String,
}

/// Those of a device with this secret at `host`; `report` is what it would report.
pub(super) fn commands(
    host: &str,
    device_id: &str,
    secret: &Secret,
    now: Timestamp,
    report: &str,
) -> Vec<Command> {
    let hour = event_time::auth_hour(now);
    let password = hex::encode(device_password(secret.expose(), &hour));
    let post = |path: &str, body: &str| {
        format!(
            "curl -sS --cacert fieldgate-ca.pem -w ' HTTP %{{http_code}}\\n' -H \"access_token: $TOKEN\" -d {} \
             https://{host}/v5/devices/{device_id}/sys/{path}",
            quoted(body)
        )
    };
    let body = format!(
        r#"{{"device_id":"{device_id}","sign_type":0,"timestamp":"{hour}","password":"{password}"}}"#
    );
    vec![
        Command {
            title: "Authenticate",
            line: format!(
                "TOKEN=$(curl -sS --cacert fieldgate-ca.pem -d {} https://{host}/v5/device-auth | sed \
                 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
                quoted(&body)
            ),
        },
        Command {
            title: "Report properties",
            line: post("properties/report", report),
        },
        Command {
            title: "Send a message",
            line: post("messages/up", "hello from the field"),
        },
    ]
}

/// As a shell takes it whole.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_that_of_the_hour_and_the_secret_is_not_in_it() {
        let secret = Secret::new("0123456789abcdef".to_owned());
        let now = event_time::parse_event_time("20261124T223005Z").unwrap();
        let all = commands("gate:8443", "d1", &secret, now, r#"{"a":"it's"}"#);
        let password = hex::encode(device_password("0123456789abcdef", "2026112422"));
        let auth = &all.first().unwrap().line;
        assert!(
            auth.contains(&format!(r#""timestamp":"2026112422","password":"{password}""#)),
            "{auth}"
        );
        let text: String = all.iter().map(|command| command.line.as_str()).collect();
        assert!(!text.contains(secret.expose()));
        assert!(
            text.contains(r#"-d '{"a":"it'\''s"}' https://gate:8443/v5/devices/d1/sys/properties/report"#)
        );
    }
}
