//! Reads what strace wrote (`-f -y -xx -ttt`): the calls that change files, in the order in which they began and ended.

use std::collections::{HashMap, HashSet};

/// What a call does to files. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opens a file, making it where it is missing; with `truncate` it is emptied.
    Open {
        path: String,
        create: bool,
        truncate: bool,
    },
    MakeFolder(String),
    /// Bytes at an offset; none: at the end of what was written before, as `write` does.
    Write {
        path: String,
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: String,
        length: usize,
    },
    /// `fsync` or `fdatasync` of a file or a folder.
    Sync(String),
    Unlink(String),
    Rename {
        from: String,
        to: String,
    },
    /// A second name of a file.
    Link {
        from: String,
        to: String,
    },
}

/// A step of a recording: a call begins, or one ends. One that failed does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Microseconds of the machine's clock.
    pub at: u64,
    /// Index of the call.
    pub call: usize,
    pub ends: bool,
}

/// Calls and the order of their beginnings and ends.
#[derive(Debug, Default)]
pub struct Recording {
    pub calls: Vec<Call>,
    pub steps: Vec<Step>,
    ended: HashSet<usize>,
}

impl Recording {
    /// From strace's text.
    pub fn parse(text: &str) -> Self {
        let mut recording = Self::default();
        // What each thread has begun and not ended.
        let mut begun: HashMap<&str, usize> = HashMap::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let Some((at, rest)) = rest.trim_start().split_once(' ') else {
                continue;
            };
            let at = microseconds(at);
            let ended = if rest.starts_with("<... ") {
                begun.remove(thread)
            } else {
                let Some(call) = call(rest) else { continue };
                recording.calls.push(call);
                let call = recording.calls.len() - 1;
                recording.steps.push(Step {
                    at,
                    call,
                    ends: false,
                });
                if rest.ends_with("<unfinished ...>") {
                    begun.insert(thread, call);
                    None
                } else {
                    Some(call)
                }
            };
            if let Some(call) = ended.filter(|_| succeeded(rest)) {
                recording.steps.push(Step { at, call, ends: true });
                recording.ended.insert(call);
            }
        }
        recording
    }

    /// A call that ends before anything else begins.
    pub fn add(&mut self, call: Call) {
        let index = self.calls.len();
        self.calls.push(call);
        let step = |ends| Step {
            at: 0,
            call: index,
            ends,
        };
        self.steps.extend([step(false), step(true)]);
        self.ended.insert(index);
    }

    /// Whether a call came to its end: it did not fail, and the program was not killed in it.
    pub fn succeeds(&self, call: usize) -> bool {
        self.ended.contains(&call)
    }
}

fn microseconds(text: &str) -> u64 {
    let (seconds, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 6, "{text}");
    seconds.parse::<u64>().unwrap() * 1_000_000 + fraction.parse::<u64>().unwrap()
}

fn succeeded(rest: &str) -> bool {
    let (_, result) = rest.rsplit_once(" = ").unwrap_or(("", "-1"));
    !result.starts_with('-')
}

fn call(rest: &str) -> Option<Call> {
    let (name, arguments) = rest.split_once('(')?;
    let path = |index: usize| quoted(arguments, index).map(text);
    Some(match name {
        "open" | "openat" => Call::Open {
            path: path(0)?,
            create: arguments.contains("O_CREAT"),
            truncate: arguments.contains("O_TRUNC"),
        },
        "mkdir" => Call::MakeFolder(path(0)?),
        "pwrite64" | "write" => {
            let (bytes, after) = quoted_and_rest(arguments, 0)?;
            // After the text come its length and, with pwrite64, the offset.
            let mut numbers = after.trim_start_matches(", ").split([',', ')', ' ']);
            let length: usize = numbers.next()?.parse().ok()?;
            assert_eq!(bytes.len(), length, "strace cut a write short");
            let offset = (name == "pwrite64").then(|| numbers.nth(1).unwrap().parse().unwrap());
            Call::Write {
                path: of_descriptor(arguments)?,
                offset,
                bytes,
            }
        }
        "ftruncate" => Call::Truncate {
            path: of_descriptor(arguments)?,
            length: arguments
                .split_once(", ")?
                .1
                .split([')', ' '])
                .next()?
                .parse()
                .ok()?,
        },
        "fsync" | "fdatasync" => Call::Sync(of_descriptor(arguments)?),
        "unlink" => Call::Unlink(path(0)?),
        "rename" | "renameat2" => Call::Rename {
            from: path(0)?,
            to: path(1)?,
        },
        "linkat" => Call::Link {
            from: path(0)?,
            to: path(1)?,
        },
        other => {
            // A signal, an end, or a socket's write; anything else would be a change that the images lack.
            let by_path = arguments.starts_with('"');
            assert!(
                !by_path && of_descriptor(arguments).is_none(),
                "not understood: {other}"
            );
            return None;
        }
    })
}

/// The path behind a descriptor, `3<\x2f…>`; none for a socket, or a file that has no name any more.
fn of_descriptor(arguments: &str) -> Option<String> {
    let (path, after) = arguments.split_once('<')?.1.split_once('>')?;
    let named = path.starts_with("\\x2f") && !after.starts_with("(deleted)");
    named.then(|| text(unescape(path)))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn quoted(arguments: &str, index: usize) -> Option<Vec<u8>> {
    quoted_and_rest(arguments, index).map(|(bytes, _)| bytes)
}

/// The quoted argument of this index and what follows it; every byte of it is `\x` and two digits, so no quote is inside.
fn quoted_and_rest(arguments: &str, index: usize) -> Option<(Vec<u8>, &str)> {
    let mut rest = arguments;
    for _ in 0..index {
        rest = rest.split_once('"')?.1.split_once('"')?.1;
    }
    let (inside, after) = rest.split_once('"')?.1.split_once('"')?;
    Some((unescape(inside), after))
}

fn unescape(hexadecimal: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte - b'a' + 10,
    };
    let bytes = hexadecimal.as_bytes().chunks_exact(4);
    bytes.map(|four| digit(four[2]) << 4 | digit(four[3])).collect()
}

#[test]
fn a_trace_gives_calls_in_the_order_they_begin_and_end() {
    let trace = r#"7 1795544932.000001 openat(AT_FDCWD<\x2f\x64>, "\x2f\x64\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 9<\x2f\x64\x2f\x61> <0.000018>
7 1795544932.000002 pwrite64(9<\x2f\x64\x2f\x61>, "\x00\xff", 2, 4096 <unfinished ...>
8 1795544932.000003 openat(AT_FDCWD<\x2f\x64>, "\x2f\x64\x2f\x62", O_RDONLY) = -1 ENOENT (No such file or directory) <0.000018>
7 1795544932.000004 <... pwrite64 resumed>) = 2 <0.000100>
7 1795544932.000005 write(5<socket:[1]>, "\x00", 1) = 1 <0.000018>
7 1795544932.000006 ftruncate(9<\x2f\x64\x2f\x61>, 3) = 0 <0.000018>
8 1795544932.000007 fdatasync(9<\x2f\x64\x2f\x61>) = -1 EIO (Input/output error) (INJECTED)
7 1795544932.000008 unlink("\x2f\x64\x2f\x61") = 0 <0.000125>
7 1795544932.000009 write(9<\x2f\x64\x2f\x61>(deleted), "\x00", 1) = 1 <0.000018>
7 1795544932.000010 +++ exited with 0 +++
"#;
    let recording = Recording::parse(trace);
    let path = "/d/a".to_owned();
    assert_eq!(
        recording.calls,
        [
            Call::Open {
                path: path.clone(),
                create: true,
                truncate: false
            },
            Call::Write {
                path: path.clone(),
                offset: Some(4096),
                bytes: vec![0, 255]
            },
            Call::Open {
                path: "/d/b".to_owned(),
                create: false,
                truncate: false
            },
            Call::Truncate {
                path: path.clone(),
                length: 3
            },
            Call::Sync(path.clone()),
            Call::Unlink(path),
        ]
    );
    let steps: Vec<_> = recording
        .steps
        .iter()
        .map(|step| (step.at % 1000, step.call, step.ends))
        .collect();
    let expected = [
        (1, 0, false),
        (1, 0, true),
        (2, 1, false),
        (3, 2, false),
        (4, 1, true),
        (6, 3, false),
        (6, 3, true),
        (7, 4, false),
        (8, 5, false),
        (8, 5, true),
    ];
    assert_eq!(steps, expected);
}
