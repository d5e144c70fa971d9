//! Modules depend downwards only, in the order that `src/lib.rs` lists them, and crates stay where they belong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that only some modules may name, with the modules that may.
const FENCES: &[(&str, &[&str])] = &[
    ("axum", &["http", "console"]),
    ("utoipa", &["http"]),
    ("utoipa_axum", &["http"]),
    ("sqlx", &["storage"]),
    ("rcgen", &["tls"]),
    ("jsonwebtoken", &["auth"]),
    ("argon2", &["auth"]),
    ("askama", &["console"]),
    ("clap", &["cli"]),
    ("reqwest", &["routing"]),
    ("rustls_native_certs", &["routing"]),
    ("webpki_roots", &["routing"]),
];

/// One file of `src`: its top module, its path, its text without comment lines.
struct Source {
    module: String,
    path: PathBuf,
    code: String,
}

fn modules() -> Vec<String> {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    map.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

fn paths(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    paths(Path::new("src"), &mut found);
    let source = |path: PathBuf| {
        let below = path.strip_prefix("src").unwrap();
        let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        Source {
            module,
            code: code.join("\n"),
            path,
        }
    };
    found
        .into_iter()
        .map(source)
        .filter(|source| source.module != "lib" && source.module != "main")
        .collect()
}

/// The top modules that a text names after `crate::`, also in a braced list.
fn named(code: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let (mut depth, mut starts) = (0, true);
        for (index, c) in list.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && !c.is_whitespace() => {
                    found.push(word(&list[index..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn modules_depend_downwards_only() {
    let order = modules();
    let place = |module: &str| order.iter().position(|known| known == module);
    let mut against = Vec::new();
    for source in sources() {
        let own = place(&source.module).unwrap_or_else(|| panic!("{} is not in the list", source.module));
        for other in named(&source.code) {
            if place(&other).is_some_and(|other| other < own) {
                against.push(format!(
                    "{} names {other}, which stands above it",
                    source.path.display()
                ));
            }
        }
    }
    assert!(against.is_empty(), "{}", against.join("\n"));
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut outside = Vec::new();
    for source in sources() {
        for (name, allowed) in FENCES {
            let used = [
                format!("use {name}::"),
                format!(" {name}::"),
                format!("({name}::"),
            ]
            .iter()
            .any(|form| source.code.contains(form));
            if used && !allowed.contains(&source.module.as_str()) {
                outside.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(outside.is_empty(), "{}", outside.join("\n"));
}

#[test]
fn only_the_root_and_storage_name_a_backend() {
    for source in sources() {
        if source.module != "app" && source.module != "storage" {
            let names = ["sqlite::", "postgres::", "storage::sqlite", "storage::postgres"]
                .iter()
                .any(|name| source.code.contains(name));
            assert!(!names, "{} names a backend", source.path.display());
        }
    }
}

#[test]
fn a_route_is_added_with_its_documentation() {
    for source in sources() {
        let bare = source.code.contains(".route(") && !source.path.ends_with("management/unbuilt.rs");
        // The console has no document; its routes are listed by what adds them.
        let adds_pages = source.path.ends_with("console/routes.rs");
        assert!(
            !bare || adds_pages,
            "{}: add it with `routes!`",
            source.path.display()
        );
    }
}

#[test]
fn the_check_sees_imports_in_all_their_forms() {
    let code = "use crate::{config, domain::{clock, ids}};\nlet x = crate::http::Routes::new();";
    assert_eq!(named(code), ["config", "domain", "http"]);
}
