//! The operator's console over the wire and in a browser.

mod browser;
mod markup;
mod matrix;
mod messages;
mod people;
mod rules;
mod sign_in;
mod speed;

use crate::harness::{Gate, Reply, program_output};

/// What everyone's password is, once it was chosen.
const PASSWORD: &str = "a password of the tests";

/// `fieldgate users …` beside the server: whether it went well, what it printed, what it complained of.
fn users(gate: &Gate, arguments: &[&str]) -> (bool, String, String) {
    let folder = gate.folder.to_str().unwrap();
    let whole = [&["users"], arguments, &["--data-dir", folder]].concat();
    let output = program_output(&whole, &[]);
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The one-time password that a command printed.
fn printed_password(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("password "));
    line.unwrap_or_else(|| panic!("no password in {text}")).to_owned()
}

/// The one-time password of the first user, as quickstart prints it.
fn first_password(gate: &Gate) -> String {
    loop {
        let line = gate.line();
        if let Some(rest) = line.strip_prefix("console=https://") {
            let (place, password) = rest.split_once(" user=admin password=").unwrap();
            assert_eq!(place, format!("{}/console/", gate.management));
            return password.to_owned();
        }
    }
}

/// A person's browser: keeps the session's cookie, and sends forms as the pages' own do.
#[derive(Clone)]
struct Browser<'a> {
    gate: &'a Gate,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(gate: &'a Gate) -> Self {
        Self {
            gate,
            cookie: String::new(),
        }
    }

    /// A new user with this role, signed in, with a password of its own.
    fn of(gate: &'a Gate, name: &str, role: &str) -> Self {
        let (done, text, complaint) = users(gate, &["add", name, "--role", role]);
        assert!(done, "{complaint}");
        Self::first(gate, name, &printed_password(&text))
    }

    /// Signs in for the first time and chooses the password.
    fn first(gate: &'a Gate, name: &str, one_time: &str) -> Self {
        let mut browser = Self::new(gate);
        let reply = browser.sign_in(name, one_time);
        assert_eq!(
            reply.header("location"),
            Some("/console/password"),
            "{}",
            reply.text()
        );
        let fields = [("current", one_time), ("new", PASSWORD), ("repeated", PASSWORD)];
        let reply = browser.post("/console/password", &fields);
        assert_eq!(
            reply.header("location"),
            Some("/console/account?done=password"),
            "{}",
            reply.text()
        );
        browser
    }

    /// Someone who has a password already.
    fn again(gate: &'a Gate, name: &str) -> Self {
        let mut browser = Self::new(gate);
        let reply = browser.sign_in(name, PASSWORD);
        assert_eq!(reply.status, 303, "{}", reply.text());
        browser
    }

    fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let cookie = format!("other=1; {}", self.cookie);
        let mut all = vec![("Cookie", cookie.as_str())];
        all.extend(headers);
        let mut wire = self.gate.management_wire();
        let reply = wire.call(method, path, &all, body.as_bytes());
        if let Some(line) = reply.header("set-cookie")
            && line.starts_with("__Host-")
        {
            line.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        reply
    }

    fn get(&mut self, path: &str) -> Reply {
        self.call("GET", path, &[], "")
    }

    /// A page that must be there, as text.
    fn page(&mut self, path: &str) -> String {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        String::from_utf8(reply.body).unwrap()
    }

    fn sign_in(&mut self, name: &str, password: &str) -> Reply {
        let body = encoded(&[("name", name), ("password", password)]);
        self.call("POST", "/console/sign-in", &[FORM, SAME], &body)
    }

    /// The token that this session's forms carry.
    fn form_token(&mut self) -> String {
        let page = self.get("/console/password").text();
        let (_, rest) = page
            .split_once(r#"name="form_token" value=""#)
            .unwrap_or_else(|| panic!("no form in {page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Sends a form as a page of this session does.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token();
        let fields = [&[("form_token", token.as_str())], fields].concat();
        self.call("POST", path, &[FORM, SAME], &encoded(&fields))
    }

    fn is_signed_in(&mut self) -> bool {
        let reply = self.get("/console/account");
        match reply.status {
            200 => true,
            303 => {
                assert!(
                    reply.header("location").unwrap().starts_with("/console/sign-in"),
                    "{}",
                    reply.text()
                );
                false
            }
            _ => panic!("{}", reply.text()),
        }
    }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const SAME: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}

/// The audit log's entries, newest first: who did what to what, and what came of it.
fn audit(gate: &Gate) -> Vec<String> {
    let reply = gate.api("GET", "/audit?limit=50", "");
    let shown = |entry: &serde_json::Value| {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        [text("actor"), text("action"), text("resource"), text("outcome")].join(" ")
    };
    reply.json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(shown)
        .collect()
}
