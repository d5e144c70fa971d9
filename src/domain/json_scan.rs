//! One strict pass over JSON before serde reads it (device-api.md, transport): serde alone lets duplicate members, deep
//! nesting and lone surrogates pass where a value is kept as text. Refuses; builds nothing.

use std::borrow::Cow;
use std::collections::HashSet;

/// How deep arrays and objects may nest.
const MAX_DEPTH: usize = 32;
/// The longest number.
const MAX_NUMBER: usize = 400;
/// The largest exponent, either way.
const MAX_EXPONENT: u32 = 1000;
/// Up to so many members are compared in place.
const FEW_MEMBERS: usize = 16;

/// What a text was refused for, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct JsonFault {
    /// Bytes before the fault.
    pub offset: usize,
    /// What it is.
    pub reason: JsonReason,
}

/// Why JSON is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonReason {
    /// A byte order mark.
    #[error("the JSON begins with a byte order mark")]
    ByteOrderMark,
    /// Not UTF-8.
    #[error("the JSON is not UTF-8")]
    NotUtf8,
    /// Not JSON: what was expected.
    #[error("malformed JSON, expected {0},")]
    Expected(&'static str),
    /// The text ends early.
    #[error("the JSON ends early")]
    EndsEarly,
    /// More text after the value.
    #[error("text after the JSON value")]
    TrailingText,
    /// A member twice in one object.
    #[error("duplicate member \"{0}\"")]
    DuplicateMember(String),
    /// Nesting over 32 levels.
    #[error("nesting over {MAX_DEPTH} levels")]
    TooDeep,
    /// Half of a surrogate pair.
    #[error("a lone surrogate")]
    LoneSurrogate,
    /// A number of over 400 characters.
    #[error("a number of over {MAX_NUMBER} characters")]
    LongNumber,
    /// An exponent beyond ±1,000.
    #[error("an exponent beyond {MAX_EXPONENT}")]
    LargeExponent,
}

/// The text, when it is one JSON value within all bounds.
pub fn scan(bytes: &[u8]) -> Result<&str, JsonFault> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonFault {
            offset: 0,
            reason: JsonReason::ByteOrderMark,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| JsonFault {
        offset: error.valid_up_to(),
        reason: JsonReason::NotUtf8,
    })?;
    let mut scanner = Scanner {
        text,
        bytes,
        at: 0,
        members: Vec::new(),
    };
    scanner.space();
    scanner.value(0)?;
    scanner.space();
    if scanner.at < bytes.len() {
        return Err(scanner.fault(JsonReason::TrailingText));
    }
    Ok(text)
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The names of all open objects, innermost last: one allocation serves the whole text.
    members: Vec<Cow<'a, str>>,
}

impl<'a> Scanner<'a> {
    const fn fault(&self, reason: JsonReason) -> JsonFault {
        JsonFault {
            offset: self.at,
            reason,
        }
    }

    fn expected(&self, what: &'static str) -> JsonFault {
        let ended = self.at >= self.bytes.len();
        self.fault(if ended {
            JsonReason::EndsEarly
        } else {
            JsonReason::Expected(what)
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonFault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonFault> {
        self.enter(depth)?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("',' or ']'"));
            }
            self.space();
        }
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonFault> {
        if depth > MAX_DEPTH {
            return Err(self.fault(JsonReason::TooDeep));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonFault> {
        self.enter(depth)?;
        if self.take(b'}') {
            return Ok(());
        }
        let first = self.members.len();
        let mut many: Option<HashSet<Cow<'a, str>>> = None;
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name"));
            }
            let name = self.string()?;
            self.note(name, first, &mut many, start)?;
            self.space();
            if !self.take(b':') {
                return Err(self.expected("':'"));
            }
            self.space();
            self.value(depth)?;
            self.space();
            if self.take(b'}') {
                self.members.truncate(first);
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("',' or '}'"));
            }
            self.space();
        }
    }

    fn note(
        &mut self,
        name: Cow<'a, str>,
        first: usize,
        many: &mut Option<HashSet<Cow<'a, str>>>,
        start: usize,
    ) -> Result<(), JsonFault> {
        let few = self.members.get(first..).unwrap_or_default();
        let known = match many {
            Some(set) => !set.insert(name.clone()),
            None => few.contains(&name),
        };
        if known {
            let shown = name.chars().take(64).collect();
            return Err(JsonFault {
                offset: start,
                reason: JsonReason::DuplicateMember(shown),
            });
        }
        if many.is_none() {
            if few.len() == FEW_MEMBERS {
                let mut set: HashSet<_> = few.iter().cloned().collect();
                set.insert(name);
                *many = Some(set);
            } else {
                self.members.push(name);
            }
        }
        Ok(())
    }

    /// A string; its value, unescaped.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return Err(self.fault(JsonReason::EndsEarly)),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.expected("an escaped control character")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let whole = self.text.get(start..self.at).unwrap_or_default();
        if escaped {
            let value = serde_json::from_str(whole).map_err(|_| JsonFault {
                offset: start,
                reason: JsonReason::Expected("a string"),
            })?;
            return Ok(Cow::Owned(value));
        }
        Ok(Cow::Borrowed(whole.trim_matches('"')))
    }

    fn escape(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let lone = JsonFault {
                    offset: start,
                    reason: JsonReason::LoneSurrogate,
                };
                match self.unit()? {
                    0xdc00..=0xdfff => Err(lone),
                    0xd800..=0xdbff => {
                        let paired = self.take(b'\\')
                            && self.peek() == Some(b'u')
                            && matches!(self.unit()?, 0xdc00..=0xdfff);
                        if paired { Ok(()) } else { Err(lone) }
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(self.expected("an escape")),
        }
    }

    /// `uXXXX`
    fn unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
        let text = std::str::from_utf8(digits).unwrap_or_default();
        if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(self.expected("four hexadecimal digits"));
        }
        self.at += 5;
        u32::from_str_radix(text, 16).map_err(|_| self.expected("four hexadecimal digits"))
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.expected("a digit"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            let from = self.at;
            self.digits()?;
            let exponent = self
                .text
                .get(from..self.at)
                .unwrap_or_default()
                .trim_start_matches('0');
            let small = exponent.is_empty() || exponent.parse::<u32>().is_ok_and(|size| size <= MAX_EXPONENT);
            if !small {
                return Err(JsonFault {
                    offset: start,
                    reason: JsonReason::LargeExponent,
                });
            }
        }
        if self.at - start > MAX_NUMBER {
            return Err(JsonFault {
                offset: start,
                reason: JsonReason::LongNumber,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &[u8]) -> JsonReason {
        scan(text).unwrap_err().reason
    }

    #[test]
    fn good_json_passes_as_it_is() {
        for text in [
            "{}",
            "[]",
            " [1, -0, 1.5e-3, true, false, null] ",
            r#"{"a":{"a":1},"b":"\ud83d\ude00"}"#,
            "0",
            "\"x\"",
            r#"{"":1}"#,
            "1E1000",
        ] {
            assert_eq!(scan(text.as_bytes()), Ok(text));
        }
        let nines = "9".repeat(400);
        assert!(scan(nines.as_bytes()).is_ok());
        assert!(scan(format!("{}{}", "[".repeat(32), "]".repeat(32)).as_bytes()).is_ok());
    }

    #[test]
    fn each_refusal_has_its_reason() {
        assert_eq!(reason(b"\xef\xbb\xbf{}"), JsonReason::ByteOrderMark);
        assert_eq!(reason(b"\"\xff\""), JsonReason::NotUtf8);
        assert_eq!(reason(b""), JsonReason::EndsEarly);
        assert_eq!(reason(b"{} x"), JsonReason::TrailingText);
        assert_eq!(
            reason(br#"{"a":1,"a":2}"#),
            JsonReason::DuplicateMember("a".into())
        );
        assert_eq!(
            reason(br#"{"a":1,"\u0061":2}"#),
            JsonReason::DuplicateMember("a".into())
        );
        assert_eq!(
            reason(br#"[{"x":{"b":1,"b":2}}]"#),
            JsonReason::DuplicateMember("b".into())
        );
        assert_eq!(
            reason(format!("{}{}", "[".repeat(33), "]".repeat(33)).as_bytes()),
            JsonReason::TooDeep
        );
        assert_eq!(reason(br#""\ud800""#), JsonReason::LoneSurrogate);
        assert_eq!(reason(br#""\ud800\u0041""#), JsonReason::LoneSurrogate);
        assert_eq!(reason(br#""\udc00""#), JsonReason::LoneSurrogate);
        assert_eq!(reason("9".repeat(401).as_bytes()), JsonReason::LongNumber);
        assert_eq!(reason(b"1e1001"), JsonReason::LargeExponent);
        assert_eq!(reason(b"1e-99999999999999999999"), JsonReason::LargeExponent);
        for text in ["{", "[1,", "[1", "{\"a\"", "\"a", "\"\\"] {
            assert_eq!(reason(text.as_bytes()), JsonReason::EndsEarly, "{text}");
        }
        for text in [
            "01",
            "1.x",
            "[1,]",
            "{a:1}",
            "NaN",
            "\"\u{1}\"",
            r#""\x""#,
            "tru",
            "+1",
            ".5",
            "{\"a\" 1}",
            "1.]",
        ] {
            assert!(scan(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duplicate_among_many_members_is_found() {
        let members: Vec<_> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
        assert!(scan(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
        let text = format!("{{{},\"k3\":0}}", members.join(","));
        assert_eq!(reason(text.as_bytes()), JsonReason::DuplicateMember("k3".into()));
        let text = format!("{{{},\"k99\":0}}", members.join(","));
        assert_eq!(reason(text.as_bytes()), JsonReason::DuplicateMember("k99".into()));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = scan(&bytes);
        }

        #[test]
        fn what_it_takes_serde_takes(text in r#"[\[\]{}",:0-9a-fu\\. eE+-]{0,40}"#) {
            if scan(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok());
            }
        }
    }
}
