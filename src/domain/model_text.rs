//! The text of a product model as it is kept: its sender's own, but with every `min` and `max` a string, as the contract
//! answers them whatever was sent (management-api.md §4.3).

use serde_json::value::RawValue;

use super::report::Members;

/// The lists of a model whose elements have bounds, or lists of such.
const LISTS: [&str; 5] = ["properties", "commands", "paras", "responses", "events"];

/// The model with its numeric bounds as strings. `text` was checked by [`ProductModel::parse`].
///
/// [`ProductModel::parse`]: super::model::ProductModel::parse
pub fn with_text_bounds(text: &str) -> String {
    list(text).unwrap_or_else(|| text.to_owned())
}

/// None: there is no such list in it.
fn list(text: &str) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let elements: Vec<_> = elements
        .iter()
        .map(|element| entry(element.get()).unwrap_or_else(|| element.get().to_owned()))
        .collect();
    Some(format!("[{}]", elements.join(",")))
}

fn entry(text: &str) -> Option<String> {
    let Members(members) = serde_json::from_str(text).ok()?;
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| {
            let value = value.get();
            let is_number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            let value = match name.as_ref() {
                "min" | "max" if is_number => format!("\"{value}\""),
                name if LISTS.contains(&name) => list(value).unwrap_or_else(|| value.to_owned()),
                _ => value.to_owned(),
            };
            format!("{}:{value}", serde_json::Value::from(name.as_ref()))
        })
        .collect();
    Some(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_bounds_become_strings_and_all_else_stays() {
        let model = r#"[{"service_id":"温","properties":[{"property_name":"p","min":-1.50,"max":"9","step":0.10,"default_value":{"min":1.0}}],"commands":[{"paras":[{"max":1e2}],"responses":[{"paras":[{"min":0}]}]}],"events":null}]"#;
        let kept = r#"[{"service_id":"温","properties":[{"property_name":"p","min":"-1.50","max":"9","step":0.10,"default_value":{"min":1.0}}],"commands":[{"paras":[{"max":"1e2"}],"responses":[{"paras":[{"min":"0"}]}]}],"events":null}]"#;
        assert_eq!(with_text_bounds(model), kept);
        assert_eq!(with_text_bounds("[]"), "[]");
    }
}
