//! What the lexers of device searches and of rules' SQL share.

/// Whether it can stand in a name without quotes.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// As much of the beginning as belongs.
pub fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let behind = text.trim_start_matches(belongs);
    text.strip_suffix(behind).unwrap_or_default()
}

/// The quoted text at the beginning, with its quotes, those inside it doubled; none when nothing closes it.
pub fn quoted(text: &str, quote: char) -> Option<&str> {
    let mut end = 1;
    loop {
        end += text.get(end..)?.find(quote)? + 1;
        if !text.get(end..)?.starts_with(quote) {
            return text.get(..end);
        }
        end += 1;
    }
}

/// Without the first and the last byte.
pub fn inside(text: &str) -> &str {
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default()
}

/// The first of the symbols that the text begins with: longer ones stand before those that they begin with.
pub fn symbol(text: &str, symbols: &[&'static str]) -> Option<&'static str> {
    symbols.iter().copied().find(|symbol| text.starts_with(symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_end_at_the_first_that_is_not_doubled() {
        for (text, found) in [
            ("'a'b", Some("'a'")),
            ("'a''b'c", Some("'a''b'")),
            ("''", Some("''")),
            ("'''", None),
            ("'é''", None),
            ("'a", None),
            ("'", None),
        ] {
            assert_eq!(quoted(text, '\''), found, "{text}");
        }
        assert_eq!(inside("'a''b'"), "a''b");
        assert_eq!(inside("\"\""), "");
    }

    #[test]
    fn beginnings_are_words_and_the_longest_symbols() {
        assert_eq!(leading("aé_1-b", is_word), "aé_1");
        assert_eq!(leading("-a", is_word), "");
        assert_eq!(symbol(">=1", &[">=", ">"]), Some(">="));
        assert_eq!(symbol("?", &[">=", ">"]), None);
    }
}
