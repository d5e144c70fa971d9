//! What a form or a query says, by name.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

use crate::auth::secret::Secret;

/// Fields by name, in the order in which they came.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of a form's body or a query: `application/x-www-form-urlencoded`, of which every text is one.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first of this name without blanks around it; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default().trim()
    }

    /// The first of this name as it came: for passwords, in which blanks count.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.all(name).next().unwrap_or_default().to_owned())
    }

    /// Whether a box was ticked.
    pub fn flag(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Every one of this name: of a choice of many.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the query says.
pub struct Asked(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Fields::parse(
            parts.uri.query().unwrap_or_default().as_bytes(),
        )))
    }
}

/// A query of those pairs that say something, with its question mark; empty when none does.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if !value.is_empty() {
            text.append_pair(name, value);
        }
    }
    let text = text.finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

/// A part of a path, whatever it holds.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let shown = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name() {
        let fields = Fields::parse(b"name=+a%20b+&role=admin&tag=1&tag=2&password=+x+&ticked=");
        assert_eq!(fields.text("name"), "a b");
        assert_eq!(fields.text("none"), "");
        assert_eq!(fields.secret("password").expose(), " x ");
        assert_eq!(fields.all("tag").collect::<Vec<_>>(), ["1", "2"]);
        assert!(fields.flag("ticked") && !fields.flag("none"));
    }

    #[test]
    fn queries_and_paths_are_written_as_they_are_read() {
        assert_eq!(query([("a", ""), ("b", "x y"), ("c", "&")]), "?b=x+y&c=%26");
        assert_eq!(query([("a", "")]), "");
        assert_eq!(segment("a/b?c ä"), "a%2Fb%3Fc%20%C3%A4");
    }
}
