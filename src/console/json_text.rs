//! JSON with line breaks for people, its numbers and texts left as they were written.

const DEEPEST: usize = 16;

/// Indents JSON that was read as such before.
pub fn set_out(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                out.push(c);
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => {
                in_text = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// Deeper than this nothing is moved further in: a text of brackets alone must not grow with the square of its length.
fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_gets_lines_and_keeps_its_texts_and_numbers() {
        let shown = set_out(r#"{ "a,{": [21.50,1e3], "b\\": "\"x: [y]\"", "c":{}, "d" : [ ] }"#);
        let lines = [
            "{",
            "  \"a,{\": [",
            "    21.50,",
            "    1e3",
            "  ],",
            r#"  "b\\": "\"x: [y]\"","#,
            "  \"c\": {},",
            "  \"d\": []",
            "}",
        ];
        assert_eq!(shown, lines.join("\n"));
    }

    #[test]
    fn json_is_set_out_without_a_change_to_its_tokens() {
        let text = r#"{"a":[],"b":[1.50,{"c":"x,\"{:"}],"d":{}}"#;
        let lines = "{\n  \"a\": [],\n  \"b\": [\n    1.50,\n    {\n      \"c\": \"x,\\\"{:\"\n    }\n  ],\n  \"d\": {}\n}";
        assert_eq!(set_out(text), lines);
        assert!(set_out(&"[".repeat(100_000)).len() < 100_000 * 40);
    }
}
