//! The form of an action over HTTP push, and what of it goes to the API.

use serde_json::{Value, json};

use super::standing;
use crate::console::api;
use crate::console::components::Field;
use crate::console::visitor::Needs;
use crate::console::{Fields, Refusal, Visitor};

/// The fields: the target, how it proves itself, the documented platform's signature, where dead letters go.
pub type ActionFields = [Field; 5];

/// What a new action's form begins with.
pub async fn blank<N: Needs>(visitor: &Visitor<N>) -> Result<ActionFields, Refusal> {
    fields(visitor, &Value::Null).await
}

/// As the API shows an action; null is none.
pub async fn fields<N: Needs>(visitor: &Visitor<N>, action: &Value) -> Result<ActionFields, Refusal> {
    let told = |name: &str| api::text(action, &format!("/channel_detail/http_forwarding/{name}")).to_owned();
    let signs = action.pointer("/channel_detail/http_forwarding/signature_enable") == Some(&true.into());
    let cas = authorities(visitor, &told("cert_id")).await?;
    let letters_to = api::text(action, "/dead_letter_action");
    let others = others(visitor, api::text(action, "/action_id"), letters_to).await?;
    let choice = |name, label, choices, value: &str| Field {
        choices,
        ..Field::choice(name, label, &[]).value(value)
    };
    Ok([
        Field::text("url", "URL")
            .hint("Each event is posted there as JSON. https:// or http://.")
            .value(told("url"))
            .required(),
        choice("cert_id", "The target proves itself by", cas, &told("cert_id")),
        Field {
            is_optional: true,
            ..Field::text("token", "Token")
                .hint("3 to 32 letters and digits; ****** keeps the one that is stored.")
                .value(told("token"))
        },
        Field::text("signature_enable", "Sign with the token too")
            .kind("checkbox")
            .hint("Sends timestamp, nonce and signature. The action's own secret signs in any case.")
            .value(if signs { "yes" } else { "" }),
        choice("dead_letter_action", "Dead letters go to", others, letters_to),
    ])
}

/// The same with what a form says.
pub fn filled(mut fields: ActionFields, said: &Fields) -> ActionFields {
    for field in &mut fields {
        said.text(field.name).clone_into(&mut field.value);
    }
    fields
}

/// What a form says as `channel_detail`, with the members of `stored` that the form does not show.
pub fn channel_detail(said: &Fields, stored: &Value) -> Value {
    let mut detail = match stored.pointer("/channel_detail/http_forwarding") {
        Some(detail) if detail.is_object() => detail.clone(),
        _ => json!({}),
    };
    if let Some(members) = detail.as_object_mut() {
        for name in ["url", "cert_id", "token"] {
            members.remove(name);
            if !said.text(name).is_empty() {
                members.insert(name.to_owned(), said.text(name).into());
            }
        }
        let signs = said.flag("signature_enable");
        members.insert("signature_enable".to_owned(), signs.into());
    }
    json!({ "http_forwarding": detail })
}

async fn authorities<N: Needs>(visitor: &Visitor<N>, chosen: &str) -> Result<Vec<(String, String)>, Refusal> {
    let found = visitor.get("/certificates?limit=50").await?;
    let none = "A certificate of a public authority";
    let cas = api::list(&found, "/certificates").iter().map(|ca| {
        let [id, name] = ["/certificate_id", "/cn_name"].map(|at| api::text(ca, at).to_owned());
        let text = format!("One of the CA {name} ({id}), or of a public one");
        (id, text)
    });
    Ok(choices(none, cas, chosen))
}

async fn others<N: Needs>(
    visitor: &Visitor<N>,
    own: &str,
    chosen: &str,
) -> Result<Vec<(String, String)>, Refusal> {
    let found = visitor.get("/routing-rule/actions?limit=50").await?;
    let actions = api::list(&found, "/actions").iter();
    let others = actions.filter_map(|action| {
        let id = api::text(action, "/action_id");
        (id != own).then(|| (id.to_owned(), format!("{} ({id})", standing::target(action))))
    });
    Ok(choices("Nowhere: they stay here", others, chosen))
}

/// With nothing chosen first; what is chosen is among them even where the list was cut.
fn choices(none: &str, some: impl Iterator<Item = (String, String)>, chosen: &str) -> Vec<(String, String)> {
    let mut all = vec![(String::new(), none.to_owned())];
    all.extend(some);
    if all.iter().all(|(value, _)| value != chosen) {
        all.push((chosen.to_owned(), chosen.to_owned()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_the_form_does_not_show_and_clears_what_is_left_empty() {
        let stored = json!({"channel_detail": {"http_forwarding": {
            "url": "https://a/", "token": "******", "cn_name": "a", "sni_enable": true, "signature_enable": true,
        }}});
        let said = Fields::parse(b"url=https://b/&token=&cert_id=");
        let wanted =
            json!({"url": "https://b/", "cn_name": "a", "sni_enable": true, "signature_enable": false});
        assert_eq!(
            channel_detail(&said, &stored),
            json!({ "http_forwarding": wanted })
        );
    }

    #[test]
    fn a_choice_has_what_is_chosen() {
        let ids = |chosen: &str| {
            let all = choices("none", [("a".to_owned(), "A".to_owned())].into_iter(), chosen);
            all.into_iter()
                .map(|(value, _)| value)
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!([ids(""), ids("a"), ids("b")], [",a", ",a", ",a,b"]);
    }
}
