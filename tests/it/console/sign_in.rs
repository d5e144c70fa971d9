//! Signing in and out, and what ends a session.

use std::time::{Duration, Instant};

use super::{Browser, FORM, PASSWORD, SAME, audit, encoded, first_password, printed_password, users};
use crate::harness::Gate;

#[test]
fn the_first_password_is_for_one_time_and_a_session_outlives_a_restart() {
    let gate = Gate::start();
    let one_time = first_password(&gate);
    let mut admin = Browser::new(&gate);
    let reply = admin.get("/console/audit?actor=x");
    assert_eq!(
        reply.header("location"),
        Some("/console/sign-in?to=%2Fconsole%2Faudit%3Factor%3Dx")
    );
    let reply = admin.sign_in("admin", &one_time);
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/console/password"))
    );
    let line = reply.header("set-cookie").unwrap();
    let (value, flags) = line.split_once("; ").unwrap();
    assert_eq!(value.len(), "__Host-fieldgate=".len() + 64, "{line}");
    assert_eq!(flags, "HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=43200");
    for path in ["/console/", "/console/users", "/console/account", "/console/none"] {
        assert_eq!(
            admin.get(path).header("location"),
            Some("/console/password"),
            "{path}"
        );
    }
    let before = admin.clone();
    let refused = |admin: &mut Browser, fields: &[(&str, &str)], part: &str| {
        let reply = admin.post("/console/password", fields);
        assert_eq!(reply.status, 422, "{}", reply.text());
        assert!(reply.text().contains(part), "{}", reply.text());
    };
    for (new, part) in [
        ("elevenchars", "at least 12 characters"),
        ("admin", "must not be your name"),
        (one_time.as_str(), "must not be the password that you have"),
    ] {
        let fields = [("current", one_time.as_str()), ("new", new), ("repeated", new)];
        refused(&mut admin, &fields, part);
    }
    let fields = [("current", &*one_time), ("new", PASSWORD), ("repeated", "other")];
    refused(&mut admin, &fields, "not what you wrote above");
    let fields = [("current", "wrong"), ("new", PASSWORD), ("repeated", PASSWORD)];
    refused(&mut admin, &fields, "not your password");

    let fields = [("current", &*one_time), ("new", PASSWORD), ("repeated", PASSWORD)];
    let reply = admin.post("/console/password", &fields);
    assert_eq!(reply.status, 303, "{}", reply.text());
    assert!(
        !before.clone().is_signed_in(),
        "the session of the one-time password ended"
    );
    assert!(admin.page("/console/account").contains("This browser"));
    assert_eq!(Browser::new(&gate).sign_in("admin", &one_time).status, 401);

    let cookie = admin.cookie;
    let gate = gate.restart();
    let mut admin = Browser { gate: &gate, cookie };
    assert!(admin.is_signed_in(), "a session outlives a restart");
    loop {
        let line = gate.line();
        assert!(!line.contains("password="), "{line}");
        if line.contains("users reset-password admin") {
            break;
        }
    }
    let done = audit(&gate);
    for entry in [
        "command line add_user /users/admin done",
        "admin sign_in /users/admin done",
        "admin sign_in /users/admin 401 wrong password",
        "admin change_password /users/admin done",
    ] {
        assert!(done.iter().any(|line| line == entry), "{entry}: {done:#?}");
    }
}

#[test]
fn a_sign_in_leads_back_to_the_console_alone_and_a_sign_out_ends_it() {
    let gate = Gate::start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    let mut lead = |to: &str| {
        let body = encoded(&[("name", "admin"), ("password", PASSWORD), ("to", to)]);
        let reply = admin.call("POST", "/console/sign-in", &[FORM, SAME], &body);
        assert_eq!(reply.status, 303, "{}", reply.text());
        reply.header("location").unwrap().to_owned()
    };
    assert_eq!(lead("/console/audit?actor=a"), "/console/audit?actor=a");
    for foreign in ["https://elsewhere/", "//elsewhere/console/", "/v5/", ""] {
        assert_eq!(lead(foreign), "/console/", "{foreign}");
    }
    assert_eq!(
        admin.get("/console/sign-in").header("location"),
        Some("/console/")
    );
    let mut elsewhere = Browser::again(&gate, "admin");
    let kept = admin.clone();
    let reply = admin.post("/console/sign-out", &[]);
    assert!(
        reply
            .header("set-cookie")
            .unwrap()
            .starts_with("__Host-fieldgate=; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=0"),
        "{}",
        reply.text()
    );
    assert!(!kept.clone().is_signed_in(), "also with the cookie that was kept");
    assert!(elsewhere.is_signed_in());
    let mut third = Browser::again(&gate, "admin");
    third.post("/console/account/sign-out-everywhere", &[]);
    assert!(!elsewhere.is_signed_in() && !third.is_signed_in());
    let done = audit(&gate);
    for entry in [
        "admin sign_out /users/admin done",
        "admin sign_out_everywhere /users/admin done",
    ] {
        assert!(done.iter().any(|line| line == entry), "{entry}: {done:#?}");
    }
}

#[test]
fn a_session_ends_with_its_hours() {
    let gate = Gate::builder().with("CONSOLE__SESSION_HOURS", "2").start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    assert!(admin.is_signed_in());
    let cookie = admin.cookie;
    let mut gate = gate;
    gate.stop();
    let (folder, own) = (gate.folder.clone(), gate);
    let later = Gate::builder().hours_ahead(3).on(&folder).start();
    let mut admin = Browser { gate: &later, cookie };
    assert!(!admin.is_signed_in());
    drop((later, own));
}

/// Sends wrong passwords until a delay of some seconds; the pages that refused them before it.
fn guess_until_delayed(browser: &mut Browser, name: &str) -> Vec<String> {
    let mut refused = Vec::new();
    loop {
        let begun = Instant::now();
        let reply = browser.sign_in(name, "wrong");
        if reply.status == 401 {
            assert!(
                begun.elapsed() >= Duration::from_millis(300),
                "its time tells whether {name} is known"
            );
            refused.push(String::from_utf8(reply.body).unwrap());
            continue;
        }
        assert_eq!(reply.status, 429, "{}", reply.text());
        assert!(reply.text().contains("Too many wrong passwords. Try again in"));
        assert!(refused.len() >= 5, "delayed after {}", refused.len());
        let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        if seconds >= 3 {
            return refused;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn wrong_passwords_are_delayed_whether_the_name_is_known_or_not() {
    let gate = Gate::start();
    first_password(&gate);
    let (done, text, _) = users(&gate, &["add", "ann", "--role", "reader"]);
    assert!(done);
    let right = printed_password(&text);
    let mut browser = Browser::new(&gate);
    let mut of_nobody = guess_until_delayed(&mut browser, "nobody");
    let of_ann = guess_until_delayed(&mut browser, "ann");
    assert_eq!(
        browser.sign_in("ann", &right).status,
        429,
        "the right password has to wait too"
    );
    assert!(of_ann[0].contains("The name or the password is wrong."));
    let unnamed = of_nobody.remove(0).replace("nobody", "ann");
    assert_eq!(unnamed, of_ann[0], "the page tells which names there are");
    let end = Instant::now() + Duration::from_secs(30);
    while browser.sign_in("ann", &right).status == 429 {
        assert!(Instant::now() < end, "a delay of some seconds does not end");
        std::thread::sleep(Duration::from_millis(200));
    }
    let entries = audit(&gate);
    let noted = entries
        .iter()
        .filter(|line| *line == "ann sign_in /users/ann 401 wrong password");
    assert_eq!(noted.count(), of_ann.len());
    assert!(!entries.iter().any(|line| line.contains("nobody")));
}

#[test]
fn a_sign_in_is_small_and_comes_from_the_console() {
    let gate = Gate::start();
    let password = first_password(&gate);
    let mut browser = Browser::new(&gate);
    let right = encoded(&[("name", "admin"), ("password", &password)]);
    for headers in [
        [FORM, ("Sec-Fetch-Site", "cross-site")],
        [FORM, ("Origin", "https://elsewhere")],
    ] {
        let reply = browser.call("POST", "/console/sign-in", &headers, &right);
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(reply.header("set-cookie"), None);
    }
    let large = encoded(&[("name", "admin"), ("password", &"x".repeat(5000))]);
    let reply = browser.call("POST", "/console/sign-in", &[FORM, SAME], &large);
    assert_eq!(reply.status, 400, "{}", reply.text());
    let reply = browser.call(
        "POST",
        "/console/sign-in",
        &[FORM, ("Origin", "https://localhost")],
        &right,
    );
    assert_eq!(reply.status, 303, "{}", reply.text());
}
