//! What an action's `http_forwarding` says (management-api.md §9.2), checked field by field.

use rustls_pki_types::DnsName;
use serde_json::{Map, Value};
use url::Url;

use crate::auth::secret::Secret;
use crate::domain::ids::is_id_byte;
use crate::routing::egress::AddressPolicy;

/// The longest URL.
const URL_BYTES: usize = 2048;

/// The longest id of a certificate.
const CERT_ID_BYTES: usize = 64;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {cause}")]
pub struct ConfigurationFault {
    /// The field, as a path inside `channel_detail`.
    pub field: &'static str,
    /// What is wrong with it, to follow the field's name: never its value, which may hold a secret.
    pub cause: String,
}

/// A checked `http_forwarding`.
#[derive(Clone)]
pub struct HttpForwarding {
    /// Where events go.
    pub url: Url,
    /// The uploaded CA that may have signed the target's certificate.
    pub cert_id: Option<String>,
    /// With `sni_enable`: the name that the target is asked for and must prove, in place of the URL's host.
    pub server_name: Option<String>,
    /// With `signature_enable`: the token that the headers `timestamp`, `nonce` and `signature` are made with.
    pub token: Option<Secret>,
}

impl HttpForwarding {
    /// Checks the member. `policy` judges an address in the URL; a name is judged at each connection.
    pub fn parse(member: &Value, policy: &AddressPolicy) -> Result<Self, ConfigurationFault> {
        let Value::Object(members) = member else {
            return Err(fault("http_forwarding", "must be an object"));
        };
        let url = text(members, "url", URL)?.ok_or_else(|| fault(URL, "is missing"))?;
        let url = parse_url(url, policy)?;
        let cert_id = text(members, "cert_id", CERT_ID)?.filter(|id| !id.is_empty());
        if let Some(id) = cert_id
            && (id.len() > CERT_ID_BYTES || !id.bytes().all(is_id_byte))
        {
            return Err(fault(CERT_ID, "must be up to 64 of letters, digits, '_' and '-'"));
        }
        let sni = flag(members, "sni_enable", SNI_ENABLE)?;
        let cn_name = text(members, "cn_name", CN_NAME)?.filter(|name| !name.is_empty());
        let signs = flag(members, "signature_enable", SIGNATURE_ENABLE)?;
        let token = text(members, "token", TOKEN)?.filter(|token| !token.is_empty());
        if token.is_some_and(|token| !is_token(token)) {
            return Err(fault(TOKEN, "must be 3 to 32 letters and digits"));
        }
        Ok(Self {
            url,
            cert_id: cert_id.map(str::to_owned),
            server_name: if sni { Some(server_name(cn_name)?) } else { None },
            token: match (signs, token) {
                (false, _) => None,
                (true, Some(token)) => Some(Secret::new(token.to_owned())),
                (true, None) => return Err(fault(TOKEN, "is missing: signature_enable is true")),
            },
        })
    }
}

impl std::fmt::Debug for HttpForwarding {
    /// Without the URL's path and query, which may hold a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpForwarding")
            .field("host", &self.url.host_str())
            .field("cert_id", &self.cert_id)
            .field("server_name", &self.server_name)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn parse_url(text: &str, policy: &AddressPolicy) -> Result<Url, ConfigurationFault> {
    if text.len() > URL_BYTES {
        return Err(fault(URL, "is longer than 2048 bytes"));
    }
    // The parser would drop them without a word.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(fault(URL, "must not hold white space or control characters"));
    }
    let url = Url::parse(text).map_err(|error| fault(URL, format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault(URL, "must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault(URL, "must not hold a user name or password"));
    }
    if url.fragment().is_some() {
        return Err(fault(URL, "must not hold a fragment (#)"));
    }
    if url.port() == Some(0) {
        return Err(fault(URL, "must not name port 0"));
    }
    policy
        .check_url(&url)
        .map_err(|refused| fault(URL, refused.to_string()))?;
    Ok(url)
}

fn server_name(cn_name: Option<&str>) -> Result<String, ConfigurationFault> {
    let name = cn_name.ok_or_else(|| fault(CN_NAME, "is missing: sni_enable is true"))?;
    let is_name = DnsName::try_from(name).is_ok()
        && url::Host::parse(name) == Ok(url::Host::Domain(name.to_ascii_lowercase()));
    if is_name {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(fault(CN_NAME, "must be a host name, such as push.example.com"))
    }
}

fn is_token(text: &str) -> bool {
    (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A member that is text; none when it is absent or null.
fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    field: &'static str,
) -> Result<Option<&'a str>, ConfigurationFault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(fault(field, "must be a string")),
    }
}

/// A member that is true or false; false when it is absent or null.
fn flag(members: &Map<String, Value>, name: &str, field: &'static str) -> Result<bool, ConfigurationFault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(fault(field, "must be true or false")),
    }
}

fn fault(field: &'static str, cause: impl Into<String>) -> ConfigurationFault {
    ConfigurationFault {
        field,
        cause: cause.into(),
    }
}

const URL: &str = "http_forwarding.url";
const CERT_ID: &str = "http_forwarding.cert_id";
const CN_NAME: &str = "http_forwarding.cn_name";
const SNI_ENABLE: &str = "http_forwarding.sni_enable";
const SIGNATURE_ENABLE: &str = "http_forwarding.signature_enable";
const TOKEN: &str = "http_forwarding.token";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(member: &Value) -> Result<HttpForwarding, ConfigurationFault> {
        HttpForwarding::parse(member, &AddressPolicy::default())
    }

    #[test]
    fn every_field_is_taken() {
        let all = parse(&json!({
            "url": "https://Push.Example.com:8443/a?b=c", "cert_id": "61c970ce2d63eb6ee655dbf0",
            "cn_name": "Inner.Example.com", "sni_enable": true, "signature_enable": true, "token": "Abc123",
        }))
        .unwrap();
        assert_eq!(all.url.as_str(), "https://push.example.com:8443/a?b=c");
        assert_eq!(all.cert_id.as_deref(), Some("61c970ce2d63eb6ee655dbf0"));
        assert_eq!(all.server_name.as_deref(), Some("inner.example.com"));
        assert_eq!(all.token.unwrap().expose(), "Abc123");
        let least =
            parse(&json!({"url": "http://8.8.8.8", "cn_name": null, "cert_id": "", "token": ""})).unwrap();
        assert_eq!(least.url.as_str(), "http://8.8.8.8/");
        assert!(least.cert_id.is_none() && least.server_name.is_none() && least.token.is_none());
    }

    #[test]
    fn what_is_not_enabled_has_no_effect() {
        let off =
            parse(&json!({"url": "https://a.example", "cn_name": "b.example", "token": "abc"})).unwrap();
        assert!(off.server_name.is_none() && off.token.is_none());
    }

    #[test]
    fn each_refusal_names_its_field() {
        let url = "https://a.example/";
        for (member, field, word) in [
            (json!("x"), "http_forwarding", "object"),
            (json!({}), URL, "missing"),
            (json!({"url": null}), URL, "missing"),
            (json!({"url": 7}), URL, "string"),
            (json!({"url": ""}), URL, "URL"),
            (json!({"url": "a.example"}), URL, "URL"),
            (json!({"url": "https://"}), URL, "URL"),
            (json!({"url": "ftp://a.example"}), URL, "begin"),
            (json!({"url": "file:///etc/passwd"}), URL, "begin"),
            (json!({"url": "https://a.example/\n"}), URL, "white space"),
            (json!({"url": " https://a.example/"}), URL, "white space"),
            (json!({"url": "https://me:pw@a.example/"}), URL, "password"),
            (json!({"url": "https://me@a.example/"}), URL, "user name"),
            (json!({"url": "https://a.example/#x"}), URL, "fragment"),
            (json!({"url": "https://a.example:0/"}), URL, "port 0"),
            (json!({"url": "https://a.example:99999/"}), URL, "port"),
            (json!({"url": "https://0x7f.1/"}), URL, "loopback"),
            (json!({"url": "http://[fd00:ec2::254]/latest"}), URL, "private"),
            (json!({"url": "http://169.254.169.254/latest"}), URL, "metadata"),
            (
                json!({"url": format!("https://a.example/{}", "x".repeat(2048))}),
                URL,
                "2048",
            ),
            (json!({"url": url, "cert_id": "a b"}), CERT_ID, "64"),
            (json!({"url": url, "cert_id": 1}), CERT_ID, "string"),
            (
                json!({"url": url, "sni_enable": "true"}),
                SNI_ENABLE,
                "true or false",
            ),
            (json!({"url": url, "sni_enable": true}), CN_NAME, "missing"),
            (
                json!({"url": url, "sni_enable": true, "cn_name": ""}),
                CN_NAME,
                "missing",
            ),
            (
                json!({"url": url, "sni_enable": true, "cn_name": "*.a.example"}),
                CN_NAME,
                "host name",
            ),
            (
                json!({"url": url, "sni_enable": true, "cn_name": "127.0.0.1"}),
                CN_NAME,
                "host name",
            ),
            (
                json!({"url": url, "sni_enable": true, "cn_name": "a/b"}),
                CN_NAME,
                "host name",
            ),
            (
                json!({"url": url, "sni_enable": true, "cn_name": "a b"}),
                CN_NAME,
                "host name",
            ),
            (
                json!({"url": url, "signature_enable": 1}),
                SIGNATURE_ENABLE,
                "true or false",
            ),
            (json!({"url": url, "signature_enable": true}), TOKEN, "missing"),
            (
                json!({"url": url, "signature_enable": true, "token": "ab"}),
                TOKEN,
                "3 to 32",
            ),
            (json!({"url": url, "token": "a".repeat(33)}), TOKEN, "3 to 32"),
            (json!({"url": url, "token": "a-bc"}), TOKEN, "3 to 32"),
            (json!({"url": url, "token": "äbc"}), TOKEN, "3 to 32"),
        ] {
            let refused = parse(&member).expect_err(&member.to_string());
            assert_eq!(refused.field, field, "{member}");
            assert!(refused.cause.contains(word), "{member}: {}", refused.cause);
        }
    }

    #[test]
    fn neither_url_nor_token_prints() {
        let forwarding =
            json!({"url": "https://a.example/k3y?key=s3cret", "signature_enable": true, "token": "t0ken"});
        let shown = format!("{:?}", parse(&forwarding).unwrap());
        for secret in ["k3y", "s3cret", "t0ken"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
