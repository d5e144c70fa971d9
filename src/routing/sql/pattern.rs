//! Patterns of `LIKE`.

/// `%` is any run of characters, `_` any one character; everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// What stands between the `%`, at least one part: the first begins the text, the last ends it.
    parts: Vec<String>,
}

impl Pattern {
    pub(super) fn new(text: String) -> Self {
        let parts = text.split('%').map(str::to_owned).collect();
        Self { text, parts }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `text` is like it. Linear in the text, but for parts between two `%` that hold a `_`: those
    /// are tried at each place.
    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, middle @ ..] = self.parts.as_slice() else {
            return false;
        };
        let Some(begin) = prefix(first, text) else {
            return false;
        };
        let Some((last, middle)) = middle.split_last() else {
            return begin == text.len();
        };
        let mut rest = text.get(begin..).unwrap_or_default();
        let Some(end) = suffix_start(last, rest) else {
            return false;
        };
        rest = rest.get(..end).unwrap_or_default();
        for part in middle {
            let Some(behind) = find(part, rest) else {
                return false;
            };
            rest = rest.get(behind..).unwrap_or_default();
        }
        true
    }
}

/// How many bytes of `text` a part takes from its beginning.
fn prefix(part: &str, text: &str) -> Option<usize> {
    let mut characters = text.chars();
    for wanted in part.chars() {
        let character = characters.next()?;
        if wanted != '_' && wanted != character {
            return None;
        }
    }
    Some(text.len() - characters.as_str().len())
}

/// Where a part begins that ends `text`.
fn suffix_start(part: &str, text: &str) -> Option<usize> {
    let mut characters = text.chars();
    for wanted in part.chars().rev() {
        let character = characters.next_back()?;
        if wanted != '_' && wanted != character {
            return None;
        }
    }
    Some(characters.as_str().len())
}

/// The end of the first place in `text` where a part fits.
fn find(part: &str, text: &str) -> Option<usize> {
    if !part.contains('_') {
        return Some(text.find(part)? + part.len());
    }
    text.char_indices().find_map(|(at, _)| {
        let length = prefix(part, text.get(at..).unwrap_or_default())?;
        Some(at + length)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern.to_owned()).matches(text)
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("", "%%"),
            ("abc", "abc"),
            ("abc", "a%"),
            ("abc", "%c"),
            ("abc", "%b%"),
            ("abc", "a_c"),
            ("abc", "___"),
            ("abc", "_%_"),
            ("温度计", "温_计"),
            ("温度计", "%度%"),
            ("aXbYb", "a%_b"),
            ("a%b", "a%b"),
            ("aab", "%_ab"),
            ("abab", "ab%ab"),
        ] {
            assert!(like(text, pattern), "{text} like {pattern}");
        }
        for (text, pattern) in [
            ("a", ""),
            ("", "_"),
            ("abc", "ab"),
            ("abc", "bc"),
            ("abc", "____"),
            ("aba", "ab%ba"),
            ("abc", "%_%_%_%_%"),
            ("ABC", "abc"),
            ("abc", "%c%c"),
        ] {
            assert!(!like(text, pattern), "{text} not like {pattern}");
        }
    }

    /// Tries everything.
    fn slow(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| slow(&text[skip..], rest)),
            [wanted, rest @ ..] => {
                text.first().is_some_and(|c| *wanted == '_' || wanted == c) && slow(&text[1..], rest)
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_trying_everything(text in "[ab度]{0,8}", pattern in "[ab度%_]{0,6}") {
            let (chars, wanted): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
            prop_assert_eq!(like(&text, &pattern), slow(&chars, &wanted), "{} {}", text, pattern);
        }
    }
}
