//! The console's two cookies: the session's token, and how pages look.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::auth::session_token::SessionToken;

/// `__Host-`: the browser takes it over TLS alone, for this host and for no other.
const SESSION: &str = "__Host-fieldgate";
const THEME: &str = "fieldgate-theme";

/// A year.
const THEME_SECONDS: u32 = 365 * 86_400;

/// Light, dark, or as the system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the system is.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, as the switch shows them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Its name in the cookie and on the page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// How the switch calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "Auto",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// What a form sent.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The session's token, where the browser sent one.
pub fn session(headers: &HeaderMap) -> Option<SessionToken> {
    value(headers, SESSION).and_then(SessionToken::parse)
}

/// How the browser wants pages to look.
pub fn theme(headers: &HeaderMap) -> Theme {
    value(headers, THEME)
        .and_then(Theme::parse)
        .unwrap_or(Theme::System)
}

/// Sets the session's token for so long.
pub fn set_session(token: &SessionToken, seconds: i64) -> Option<HeaderValue> {
    session_line(token.expose(), seconds)
}

/// Takes the session's token away.
pub fn end_session() -> Option<HeaderValue> {
    session_line("", 0)
}

fn session_line(value: &str, seconds: i64) -> Option<HeaderValue> {
    let line = format!("{SESSION}={value}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age={seconds}");
    let mut line = HeaderValue::try_from(line).ok()?;
    line.set_sensitive(true);
    Some(line)
}

/// Sets how pages look.
pub fn set_theme(theme: Theme) -> Option<HeaderValue> {
    let name = theme.as_str();
    let line =
        format!("{THEME}={name}; HttpOnly; Secure; SameSite=Strict; Path=/console; Max-Age={THEME_SECONDS}");
    HeaderValue::try_from(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&str]) -> HeaderMap {
        let pairs = lines
            .iter()
            .map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()));
        pairs.collect()
    }

    #[test]
    fn cookies_are_found_among_others() {
        let token = "ab".repeat(32);
        let line = format!("a=b; __Host-fieldgate={token}; fieldgate-theme=dark");
        assert_eq!(session(&sent(&[&line])).unwrap().expose(), token);
        assert_eq!(theme(&sent(&["x=y", &line])), Theme::Dark);
        for other in ["", "fieldgate=1", "__Host-fieldgate=zz", "__Host-fieldgate"] {
            assert!(session(&sent(&[other])).is_none(), "{other}");
            assert_eq!(theme(&sent(&[other])), Theme::System);
        }
    }

    #[test]
    fn the_sessions_cookie_is_for_this_host_over_tls_and_no_script() {
        let token = SessionToken::parse(&"0".repeat(64)).unwrap();
        let line = set_session(&token, 60).unwrap();
        assert_eq!(
            line.to_str().unwrap(),
            format!(
                "__Host-fieldgate={}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=60",
                "0".repeat(64)
            )
        );
        assert!(end_session().unwrap().to_str().unwrap().ends_with("Max-Age=0"));
    }
}
