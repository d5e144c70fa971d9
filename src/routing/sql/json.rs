//! Walks through JSON text without building anything. The text was checked when it was taken in; on any other text it
//! ends early, and neither panics nor recurses.

use std::borrow::Cow;
use std::fmt::Write;

/// A place in JSON text.
pub(super) struct Cursor<'e> {
    text: &'e str,
    at: usize,
}

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Raw<'e> {
    inner: &'e str,
    escaped: bool,
}

impl<'e> Raw<'e> {
    /// Whether it says `text`.
    pub(super) fn is(self, text: &str) -> bool {
        if self.escaped {
            self.value().is_some_and(|value| value == text)
        } else {
            self.inner == text
        }
    }

    /// What it says; none for an escape that JSON does not have.
    pub(super) fn value(self) -> Option<Cow<'e, str>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.inner));
        }
        serde_json::from_str(&format!("\"{}\"", self.inner))
            .ok()
            .map(Cow::Owned)
    }
}

impl<'e> Cursor<'e> {
    /// At the first value of `text`.
    pub(super) fn new(text: &'e str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.space();
        cursor
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Enters an object or array; false when another thing stands here.
    pub(super) fn enter(&mut self, open: u8) -> bool {
        let there = self.peek() == Some(open);
        if there {
            self.at += 1;
            self.space();
        }
        there
    }

    /// The name of an object's next member, the cursor at its value; none behind the last one.
    pub(super) fn name(&mut self) -> Option<Raw<'e>> {
        self.comma();
        let name = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return None;
        }
        self.at += 1;
        self.space();
        Some(name)
    }

    /// Whether an array has another element, the cursor at it.
    pub(super) fn element(&mut self) -> bool {
        self.comma();
        self.peek().is_some_and(|byte| byte != b']')
    }

    /// The value here, as it stands; the cursor goes behind it.
    pub(super) fn value(&mut self) -> Option<&'e str> {
        let start = self.at;
        self.skip()?;
        self.text.get(start..self.at)
    }

    /// Goes behind the value here.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => {
                self.at += 1;
                self.leave()
            }
            _ => {
                let rest = self.text.as_bytes().get(self.at..)?;
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                self.at += length;
                (length > 0).then_some(())
            }
        }
    }

    /// Goes behind the object or array that the cursor is in.
    pub(super) fn leave(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Some(())
    }

    /// The string here; the cursor goes behind it.
    pub(super) fn string(&mut self) -> Option<Raw<'e>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut escaped = false;
        loop {
            let rest = bytes.get(end..)?;
            end += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            escaped = true;
            end += 2;
        }
        self.at = end + 1;
        let inner = self.text.get(start..end)?;
        Some(Raw { inner, escaped })
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn comma(&mut self) {
        self.space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.space();
        }
    }
}

/// The value of an object's member; none when it is missing, or `text` is no object.
pub(super) fn member<'e>(text: &'e str, name: &str) -> Option<&'e str> {
    let mut cursor = Cursor::new(text);
    if !cursor.enter(b'{') {
        return None;
    }
    while let Some(found) = cursor.name() {
        if found.is(name) {
            return cursor.value();
        }
        cursor.skip()?;
    }
    None
}

/// The elements of an array; none of what is no array.
pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut cursor = Cursor::new(text);
    let inside = cursor.enter(b'[');
    std::iter::from_fn(move || {
        if inside && cursor.element() {
            cursor.value()
        } else {
            None
        }
    })
}

/// Whether a string says `text`; false of what is no string.
pub(super) fn says(raw: &str, text: &str) -> bool {
    Cursor::new(raw).string().is_some_and(|string| string.is(text))
}

/// What a string says; none of what is no string.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    Cursor::new(raw).string()?.value()
}

/// `text` as a JSON string, added to `out`.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\u{1f}')) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some(c @ ('"' | '\\')) => out.extend(['\\', c]),
            // Writing to a String cannot fail.
            Some(c) => write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_what_their_names_say() {
        let text = r#" { "a" : {"a":1} , "\u0062":[ 1,"]" ], "c":"x\"}", "":null,"d":-1.50e3 } "#;
        assert_eq!(member(text, "a"), Some(r#"{"a":1}"#));
        assert_eq!(member(text, "b"), Some(r#"[ 1,"]" ]"#));
        assert_eq!(member(text, "c"), Some(r#""x\"}""#));
        assert_eq!(member(text, ""), Some("null"));
        assert_eq!(member(text, "d"), Some("-1.50e3"));
        assert_eq!(member(text, "e"), None);
        let list: Vec<_> = elements(" [ 1 ,[2],\"3\" ] ").collect();
        assert_eq!(list, ["1", "[2]", "\"3\""]);
        assert_eq!(
            elements("[]").chain(elements("{}")).chain(elements("")).count(),
            0
        );
    }

    #[test]
    fn strings_are_written_as_json() {
        for text in ["", "a", "\"\\\u{0}\n\u{1f}", "温度\u{7f}😀"] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            assert_eq!(string(&out).unwrap(), text);
        }
    }
}
