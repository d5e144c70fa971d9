//! Every rule of a field that the management API writes (management-api.md §4.1 to §4.4, §5.1, §5.3, §7, §8): what it takes,
//! what it refuses, and that a refusal names the field's path. The shadow's own fields stand in `shadow`.

mod devices;
mod others;
mod products;

use serde_json::{Value, json};

use crate::harness::{Gate, Reply};

const SECRET: &str = "s3cret-of-the-device";

/// A field by its JSON pointer, what it takes, and what it refuses with which reason.
struct Rule {
    at: &'static str,
    takes: Vec<Value>,
    refuses: Vec<(Value, &'static str)>,
}

fn rule<const T: usize, const R: usize>(
    at: &'static str,
    takes: [Value; T],
    refuses: [(Value, &'static str); R],
) -> Rule {
    Rule {
        at,
        takes: takes.into(),
        refuses: refuses.into(),
    }
}

/// `/tags/0/tag_key` as a refusal names it: `tags[0].tag_key`.
fn path_of(at: &str) -> String {
    let mut path = String::new();
    for step in at.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            path.extend(["[", step, "]"]);
        } else {
            path += if path.is_empty() { "" } else { "." };
            path += step;
        }
    }
    path
}

/// The body with another value at a place; null takes a member away.
fn with(body: &Value, at: &str, value: &Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{at}"));
    match parent {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value.clone(),
        Value::Object(members) if value.is_null() => {
            members.remove(name);
        }
        parent => parent[name] = value.clone(),
    }
    body
}

/// Tries every rule; `prepare` makes a body that is to be taken unlike those before.
fn try_all(rules: &[Rule], base: &Value, prepare: impl Fn(&mut Value), call: impl Fn(&str) -> Reply) {
    for Rule { at, takes, refuses } in rules {
        assert!(
            !takes.is_empty() && !refuses.is_empty(),
            "{at}: one of each, at least"
        );
        let path = path_of(at);
        for value in takes {
            let mut whole = base.clone();
            prepare(&mut whole);
            let reply = call(&with(&whole, at, value).to_string());
            let shown: String = value.to_string().chars().take(100).collect();
            assert!(reply.status < 300, "{path} {shown}: {}", reply.text());
        }
        for (value, reason) in refuses {
            let shown: String = value.to_string().chars().take(100).collect();
            let reply = call(&with(base, at, value).to_string());
            assert_eq!(reply.status, 400, "{path} {shown}: {}", reply.text());
            assert_eq!(
                reply.error_code(),
                "IOTDA.000006",
                "{path} {shown}: {}",
                reply.text()
            );
            let message = reply.error_msg();
            let expected = format!(" {path}: {reason}");
            assert!(
                message.contains(&expected),
                "{expected:?} for {shown} is not in {message}"
            );
        }
    }
}

fn long(length: usize) -> Value {
    json!("x".repeat(length))
}

fn many(count: usize, entry: impl Fn(usize) -> Value) -> Value {
    (0..count).map(entry).collect()
}

const MISSING: &str = "is missing";
const EMPTY: &str = "must not be empty";
const CHARACTER: &str = "holds a character that is not allowed";
const ID: &str = "may hold only letters, digits, '_' and '-'";
const STRING: &str = "must be a string";
const ARRAY: &str = "must be an array";
const OBJECT: &str = "must be an object";
const FLAG: &str = "must be true or false";
const NUMBER: &str = "must be a whole number from";
const OF: &str = "must be one of";

fn name() -> Value {
    json!("温度_?'#().,&%@!-")
}

fn description() -> Value {
    json!("a b;/，、：；。\n$".trim_end_matches('$'))
}
