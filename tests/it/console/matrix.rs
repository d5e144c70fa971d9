//! Who may do what, and by which request: every path of the console is tried by everyone. The table is also the list of the
//! paths: one that is added without a row fails here.

use std::collections::BTreeSet;

use super::{Browser, FORM, SAME, encoded, first_password};
use crate::harness::{Gate, Reply};

/// Who a path opens to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone.
    Open,
    /// Any user, for what is the user's own.
    Own,
    /// Any user.
    Reader,
    /// An operator or an administrator.
    Operator,
    /// An administrator.
    Admin,
}

use Access::{Admin, Open, Operator, Own, Reader};

#[rustfmt::skip]
const PATHS: &[(&str, &str, Access)] = &[
    ("GET", "/console", Open),
    ("GET", "/console/", Reader),
    ("GET", "/console/overview/rates", Reader),
    ("GET", "/console/messages", Reader),
    ("GET", "/console/messages/stream", Reader),
    ("GET", "/console/events/{sequence}", Reader),
    ("GET", "/console/sign-in", Open),
    ("POST", "/console/sign-in", Open),
    ("POST", "/console/sign-out", Own),
    ("GET", "/console/password", Own),
    ("POST", "/console/password", Own),
    ("GET", "/console/account", Own),
    ("POST", "/console/account/sign-out-everywhere", Own),
    ("POST", "/console/theme", Own),
    ("GET", "/console/users", Admin),
    ("POST", "/console/users", Admin),
    ("POST", "/console/users/{name}/role", Admin),
    ("POST", "/console/users/{name}/disable", Admin),
    ("POST", "/console/users/{name}/enable", Admin),
    ("POST", "/console/users/{name}/reset-password", Admin),
    ("POST", "/console/users/{name}/sign-out", Admin),
    ("POST", "/console/users/{name}/delete", Admin),
    ("GET", "/console/keys", Admin),
    ("POST", "/console/keys", Admin),
    ("POST", "/console/keys/{access_key}/disable", Admin),
    ("POST", "/console/keys/{access_key}/enable", Admin),
    ("POST", "/console/keys/{access_key}/delete", Admin),
    ("GET", "/console/rules", Reader),
    ("GET", "/console/rules/new", Operator),
    ("POST", "/console/rules/new", Operator),
    ("GET", "/console/rules/{rule_id}", Reader),
    ("POST", "/console/rules/{rule_id}", Operator),
    ("POST", "/console/rules/{rule_id}/activate", Operator),
    ("POST", "/console/rules/{rule_id}/deactivate", Operator),
    ("POST", "/console/rules/{rule_id}/delete", Operator),
    ("GET", "/console/rules/{rule_id}/actions/new", Operator),
    ("POST", "/console/rules/{rule_id}/actions/new", Operator),
    ("GET", "/console/rules/actions/{action_id}", Reader),
    ("POST", "/console/rules/actions/{action_id}", Operator),
    ("GET", "/console/rules/actions/{action_id}/state", Reader),
    ("POST", "/console/rules/actions/{action_id}/rotate-secret", Operator),
    ("POST", "/console/rules/actions/{action_id}/test", Operator),
    ("POST", "/console/rules/actions/{action_id}/pause", Operator),
    ("POST", "/console/rules/actions/{action_id}/resume", Operator),
    ("POST", "/console/rules/actions/{action_id}/replay", Operator),
    ("POST", "/console/rules/actions/{action_id}/delete", Operator),
    ("GET", "/console/rules/actions/{action_id}/dead-letters", Reader),
    ("POST", "/console/rules/actions/{action_id}/dead-letters/replay", Operator),
    ("POST", "/console/rules/actions/{action_id}/dead-letters/drop", Operator),
    ("GET", "/console/rules/actions/{action_id}/dead-letters/{letter_id}", Reader),
    ("POST", "/console/rules/actions/{action_id}/dead-letters/{letter_id}/replay", Operator),
    ("POST", "/console/rules/actions/{action_id}/dead-letters/{letter_id}/drop", Operator),
    ("GET", "/console/audit", Admin),
    ("GET", "/console/products", Reader),
    ("POST", "/console/products", Operator),
    ("GET", "/console/products/{product_id}", Reader),
    ("POST", "/console/products/{product_id}/settings", Operator),
    ("POST", "/console/products/{product_id}/check", Reader),
    ("POST", "/console/products/{product_id}/delete", Operator),
    ("GET", "/console/products/{product_id}/model", Operator),
    ("POST", "/console/products/{product_id}/model", Operator),
    ("POST", "/console/products/{product_id}/import", Operator),
    ("GET", "/console/products/{product_id}/model.json", Reader),
    ("GET", "/console/devices", Reader),
    ("POST", "/console/devices", Operator),
    ("GET", "/console/devices/{device_id}", Reader),
    ("POST", "/console/devices/{device_id}/freeze", Operator),
    ("POST", "/console/devices/{device_id}/unfreeze", Operator),
    ("POST", "/console/devices/{device_id}/reset-secret", Operator),
    ("POST", "/console/devices/{device_id}/delete", Operator),
    ("GET", "/console/device-ca", Reader),
    ("GET", "/console/assets/{hash}/{name}", Open),
];

/// What stands for a thing's name: nothing has it. A stream is asked for something that no stream gives, since it would not end.
fn filled(path: &str) -> String {
    if path.ends_with("/stream") {
        return format!("{path}?kind=nothing");
    }
    let part = |part: &str| {
        if part.starts_with('{') {
            "nothing".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[track_caller]
fn assert_hardened(what: &str, reply: &Reply) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src \
             'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{what}: {}", reply.text());
    }
    let kept = reply.header("cache-control").unwrap_or_default();
    assert!(
        kept == "no-store" || what.contains("/assets/") && kept.ends_with("immutable"),
        "{what}: {}",
        reply.text()
    );
    let page = reply.text().to_lowercase();
    for inline in ["<script>", "<style", " style=", "javascript:", " onclick="] {
        assert!(
            !page.contains(inline),
            "{what}: {inline} would be stopped by the policy"
        );
    }
}

fn leads_to_sign_in(reply: &Reply) -> bool {
    let place = reply.header("location").unwrap_or_default();
    reply.status == 303 && place.starts_with("/console/sign-in")
}

#[test]
fn every_path_has_a_row_and_every_row_a_path() {
    let served: BTreeSet<_> = fieldgate::console::paths().into_iter().collect();
    let rows: BTreeSet<_> = PATHS.iter().map(|(method, path, _)| (*method, *path)).collect();
    let missing: Vec<_> = served.difference(&rows).collect();
    let strange: Vec<_> = rows.difference(&served).collect();
    assert!(missing.is_empty(), "paths without a row: {missing:#?}");
    assert!(strange.is_empty(), "rows without a path: {strange:#?}");
}

#[test]
fn who_is_not_signed_in_comes_to_the_sign_in_and_every_answer_is_hardened() {
    let gate = Gate::start();
    let mut nobody = Browser::new(&gate);
    for (method, path, access) in PATHS {
        let what = format!("{method} {path}");
        for cookie in ["", &format!("__Host-fieldgate={}", "0".repeat(64))] {
            cookie.clone_into(&mut nobody.cookie);
            let reply = nobody.call(method, &filled(path), &[FORM, SAME], "");
            assert_hardened(&what, &reply);
            if *access == Open {
                assert!(
                    [200, 303, 401, 404].contains(&reply.status),
                    "{what}: {}",
                    reply.text()
                );
            } else {
                assert!(leads_to_sign_in(&reply), "{what}: {}", reply.text());
            }
        }
    }
    for (method, path, status) in [
        ("DELETE", "/console/users", 405),
        ("GET", "/console/none", 303),
        ("POST", "/console/none", 303),
    ] {
        let reply = nobody.call(method, path, &[], "");
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_hardened(path, &reply);
    }
}

#[test]
fn a_form_counts_from_its_own_session_and_site_alone() {
    let gate = Gate::start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    let mut other = Browser::again(&gate, "admin");
    let (own, foreign) = (admin.form_token(), other.form_token());
    assert_ne!(own, foreign);
    let before = (admin.page("/console/users"), admin.page("/console/keys"));
    for (_, path, access) in PATHS.iter().filter(|(method, ..)| *method == "POST") {
        let at = filled(path);
        let mut refused = |what: &str, headers: &[(&str, &str)], token: &str, status: u16| {
            let body = encoded(&[("form_token", token), ("name", "made"), ("role", "admin")]);
            let reply = admin.call("POST", &at, headers, &body);
            assert_eq!(reply.status, status, "{path}, {what}: {}", reply.text());
            assert_hardened(path, &reply);
        };
        for site in ["cross-site", "same-site", "none"] {
            refused(site, &[FORM, ("Sec-Fetch-Site", site)], &own, 403);
        }
        for origin in ["https://elsewhere", "null", "http://localhost"] {
            refused(origin, &[FORM, ("Origin", origin)], &own, 403);
        }
        refused("no form", &[SAME, ("Content-Type", "text/plain")], &own, 415);
        if *access != Open {
            refused("no token", &[FORM, SAME], "", 403);
            refused("another session's token", &[FORM, SAME], &foreign, 403);
            refused("the token cut short", &[FORM, SAME], &own[1..], 403);
        }
    }
    assert_eq!(
        (admin.page("/console/users"), admin.page("/console/keys")),
        before,
        "nothing was changed"
    );
}

/// Sends a right form, which may end the session: a new one for each.
fn sent(gate: &Gate, name: &str, path: &str) -> Reply {
    let mut browser = Browser::again(gate, name);
    let reply = browser.post(&filled(path), &[("name", "Not A Name"), ("role", "none")]);
    // A user has so many sessions at once; this one's are not to end the one that reads.
    if browser.is_signed_in() {
        browser.post("/console/sign-out", &[]);
    }
    reply
}

#[test]
fn each_role_opens_what_the_table_says() {
    let gate = Gate::start();
    let mut people = vec![(
        Admin,
        "admin",
        Browser::first(&gate, "admin", &first_password(&gate)),
    )];
    for (role, name, word) in [(Operator, "olga", "operator"), (Reader, "rhea", "reader")] {
        people.push((role, name, Browser::of(&gate, name, word)));
    }
    for (role, name, browser) in &mut people {
        for (method, path, access) in PATHS {
            let may = match access {
                Open | Own | Reader => true,
                Operator => *role != Reader,
                Admin => *role == Admin,
            };
            let reply = if *method == "GET" {
                browser.get(&filled(path))
            } else if *access == Open {
                continue;
            } else {
                sent(&gate, name, path)
            };
            assert_hardened(&format!("{method} {path}"), &reply);
            let what = format!("{name}: {method} {path}: {}", reply.text());
            if may {
                let answered = [200, 303, 404, 422].contains(&reply.status);
                assert!(
                    answered || path.ends_with("/stream") && reply.status == 400,
                    "{what}"
                );
                let signs_out = path.contains("sign-out") && *access == Own;
                assert!(signs_out || !leads_to_sign_in(&reply), "{what}");
            } else {
                assert_eq!(reply.status, 403, "{what}");
                assert!(reply.text().contains("Your role does not open this"), "{what}");
            }
            // Each form came from a sign-in of its own, of which a user has so many at most; one ends them all.
            if *method == "POST" {
                *browser = Browser::again(&gate, name);
            }
        }
        let page = browser.page("/console/");
        for (link, least) in [("keys", Admin), ("users", Admin), ("audit", Admin)] {
            let shown = page.contains(&format!(r#"href="/console/{link}""#));
            assert_eq!(shown, *role == least, "{name}: {link} in the navigation");
        }
    }
}
