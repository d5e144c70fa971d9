//! `http_forwarding`: as JSON, and as a URL and a name alone. What is accepted may be called, and holds nothing that the
//! request would lose or give away.

#![no_main]

use fieldgate::routing::channel::http::HttpForwarding;
use fieldgate::routing::egress::AddressPolicy;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn check(member: &Value) {
    let policy = AddressPolicy::default();
    let Ok(forwarding) = HttpForwarding::parse(member, &policy) else {
        return;
    };
    let url = &forwarding.url;
    assert!(matches!(url.scheme(), "http" | "https"));
    assert!(url.host_str().is_some_and(|host| !host.is_empty()));
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert_eq!(policy.check_url(url), Ok(()));
    let again = HttpForwarding::parse(&json!({"url": url.as_str()}), &policy);
    assert_eq!(again.map(|again| again.url).as_ref(), Ok(url));
    if let Some(name) = &forwarding.server_name {
        assert_eq!(url.clone().set_host(Some(name)).map_err(|_| name), Ok(()));
    }
}

fuzz_target!(|text: &str| {
    if let Ok(member) = serde_json::from_str(text) {
        check(&member);
    }
    check(&json!({"url": text}));
    check(&json!({"url": format!("https://{text}")}));
    check(&json!({"url": "https://a.example", "sni_enable": true, "cn_name": text}));
});
