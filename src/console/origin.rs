//! Whether a request that changes something comes from the console's own pages, as far as the browser tells. A check beside
//! the form's token, and the only one of the sign-in, which has no session yet.

use http::HeaderMap;
use http::header::{HOST, HeaderName, ORIGIN};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// True when the browser says that another site sent it. `Sec-Fetch-Site` decides where there is one: no page can forge it,
/// and it does not depend on the host's name behind a proxy. A client that tells neither is no browser.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(&SEC_FETCH_SITE) {
        return site != "same-origin";
    }
    let Some(origin) = text(&ORIGIN) else {
        return false;
    };
    let own = text(&HOST).map(|host| format!("https://{host}"));
    own.is_none_or(|own| !own.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(pairs: &[(&'static str, &str)]) -> bool {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        is_foreign(&pairs.collect())
    }

    #[test]
    fn what_the_browser_says_is_another_sites_is_foreign() {
        assert!(!foreign(&[("host", "gate:8444")]));
        assert!(!foreign(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://elsewhere"),
            ("host", "gate")
        ]));
        for site in ["cross-site", "same-site", "none", "", "SAME-ORIGIN"] {
            assert!(foreign(&[("sec-fetch-site", site), ("host", "gate")]), "{site}");
        }
        assert!(!foreign(&[
            ("origin", "https://Gate:8444"),
            ("host", "gate:8444")
        ]));
        for origin in ["https://gate", "http://gate:8444", "null", "https://evil:8444"] {
            assert!(foreign(&[("origin", origin), ("host", "gate:8444")]), "{origin}");
        }
        assert!(foreign(&[("origin", "https://gate")]), "no host to compare with");
    }
}
