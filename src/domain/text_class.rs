//! Character classes of names and descriptions (management-api.md §1.5).

/// CJK, letters, digits and `_?'#().,&%@!-`.
pub fn is_name(text: &str) -> bool {
    text.chars().all(is_name_char)
}

/// [`is_name`] plus `$`.
pub fn is_name_dollar(text: &str) -> bool {
    text.chars().all(|c| c == '$' || is_name_char(c))
}

/// [`is_name`] plus white space, `;/` and the full-width marks `，、：；。`.
pub fn is_description(text: &str) -> bool {
    text.chars()
        .all(|c| is_name_char(c) || c.is_whitespace() || ";/，、：；。".contains(c))
}

/// CJK, letters, digits and `_.-`.
pub fn is_tag(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || is_cjk(c) || "_.-".contains(c))
}

/// What is wrong with a text that `rule` refuses, by its first character that is not in the class.
pub fn unfit(text: &str, rule: impl Fn(&str) -> bool) -> String {
    let mut buffer = [0; 4];
    match text.chars().find(|c| !rule(c.encode_utf8(&mut buffer))) {
        Some(c) => format!("holds a character that is not allowed: {c:?}"),
        None => "holds a character that is not allowed".to_owned(),
    }
}

fn is_cjk(c: char) -> bool {
    ('\u{4e00}'..='\u{9ffc}').contains(&c)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_cjk(c) || "_?'#().,&%@!-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_take_what_the_contract_lists() {
        assert!(is_name("温度_1?'#().,&%@!-"));
        assert!(!is_name("a b") && !is_name("a$") && !is_name("é"));
        assert!(is_name_dollar("$oc"));
        assert!(is_description("a b；c，d\n/"));
        assert!(!is_description("<b>"));
        assert!(is_tag("位置_3.a-b") && !is_tag("a b") && !is_tag("a/b"));
    }

    #[test]
    fn the_first_unfit_character_is_named() {
        assert_eq!(
            unfit("水表 一/二", is_name),
            "holds a character that is not allowed: ' '"
        );
        assert_eq!(
            unfit("a\n", is_name),
            "holds a character that is not allowed: '\\n'"
        );
        assert_eq!(unfit("", |_| false), "holds a character that is not allowed");
    }
}
