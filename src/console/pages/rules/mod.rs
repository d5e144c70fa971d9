//! Rules, their actions, and what became of the events: a page a file, and beside them what pages share.

pub(in crate::console) mod action;
mod action_fields;
mod clauses;
pub(in crate::console) mod letters;
pub(in crate::console) mod list;
pub(in crate::console) mod new_action;
pub(in crate::console) mod new_rule;
pub(in crate::console) mod replay;
pub(in crate::console) mod rule;
pub(in crate::console) mod standing;
mod subject;
mod trial;

use serde_json::{Map, Value};

use crate::console::Fields;
use crate::console::api::ApiRefusal;
use crate::console::components::Field;

/// Puts what the API refused beside the field that it names; answers what is of none of them.
fn blame(fields: &mut [Field], refused: &ApiRefusal) -> String {
    let named = |field: &&mut Field| refused.message.contains(&format!("{}:", field.name));
    match fields.iter_mut().find(named) {
        Some(field) => {
            field.error.clone_from(&refused.message);
            String::new()
        }
        None => refused.message.clone(),
    }
}

/// Those of the fields that say something, as members of a body.
fn members(said: &Fields, names: &[&str]) -> Map<String, Value> {
    let filled = names.iter().filter(|name| !said.text(name).is_empty());
    filled
        .map(|name| ((*name).to_owned(), said.text(name).into()))
        .collect()
}
