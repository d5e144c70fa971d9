//! Which devices a list's filter, a search or a query by tags means, as conditions on `devices d` alone: what they name
//! is looked up in subqueries, so that an index of `devices` finds them. Products are looked up before ([`ProductKeys`]).

use std::collections::HashMap;

use super::{Statement as Query, Value, rows};
use crate::domain::clock::Timestamp;
use crate::domain::device_search::{
    Choice, Condition, DeviceSearch, Direction, OrderedTest, TextField, TextTest, Tree,
};
use crate::storage::{AnyTag, DeviceFilter};

/// The keys of the products of an id, of which each space may have one. With the one key itself in the statement, an
/// index gives the devices in their order; from a subquery, all of the product's devices would be sorted for each page.
pub(in crate::storage) type ProductKeys = HashMap<String, Vec<i64>>;

/// Whose keys a search needs.
pub(in crate::storage) fn product_ids(search: &DeviceSearch) -> Vec<String> {
    fn walk(tree: &Tree<Condition>, ids: &mut Vec<String>) {
        match tree {
            Tree::Leaf(Condition::Text {
                field: TextField::ProductId,
                test: TextTest::Choice(Choice::Equal(id)),
            }) => ids.push(id.clone()),
            Tree::Leaf(_) => {}
            Tree::And(parts) | Tree::Or(parts) => parts.iter().for_each(|part| walk(part, ids)),
        }
    }
    let mut ids = Vec::new();
    if let Some(filter) = &search.filter {
        walk(filter, &mut ids);
    }
    ids
}

fn push_product(query: &mut Query, product_id: &str, products: &ProductKeys) {
    let keys = products.get(product_id).map_or(&[][..], Vec::as_slice);
    if let [key] = keys {
        query.push("d.product_key = ").push_bind(*key);
        return;
    }
    if keys.is_empty() {
        query.push("1 = 0");
        return;
    }
    query.push("d.product_key IN (");
    push_list(query, keys.iter().copied());
    query.push(")");
}

/// ` AND …` for each member of the filter.
pub(in crate::storage) fn push_filter(query: &mut Query, filter: &DeviceFilter, products: &ProductKeys) {
    if let Some(app_id) = &filter.app_id {
        query.push(" AND d.app_key = (SELECT app_key FROM apps WHERE app_id = ");
        query.push_bind(app_id.clone()).push(")");
    }
    if let Some(product_id) = &filter.product_id {
        query.push(" AND ");
        push_product(query, product_id, products);
    }
    for (condition, value) in [
        (" AND d.node_id = ", &filter.node_id),
        (" AND d.name = ", &filter.name),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    if let Some(gateway) = &filter.gateway_id {
        let key = "(SELECT device_key FROM devices WHERE device_id = ";
        query.push(" AND (d.gateway_key = ").push(key);
        query.push_bind(gateway.clone()).push(")");
        if filter.cascade {
            query.push(" OR d.gateway_key IN (SELECT device_key FROM devices WHERE gateway_key = ");
            query.push(key).push_bind(gateway.clone()).push("))");
        }
        query.push(")");
    }
    if let Some(from) = filter.created_from {
        query.push(" AND d.created_ms >= ").push_bind(from.0);
    }
    if let Some(to) = filter.created_to {
        query.push(" AND d.created_ms <= ").push_bind(to.0);
    }
}

/// ` AND …`: any of the tags.
pub(in crate::storage) fn push_any_tag(query: &mut Query, tags: &AnyTag) {
    // Nothing beside the tags stands in the OR: SQLite then looks each of them up in the index.
    let mut before = " AND d.device_key IN (SELECT device_key FROM device_tags WHERE (tag_key = ";
    for tag in tags {
        query.push(before).push_bind(tag.tag_key.clone());
        before = " OR (tag_key = ";
        if let Some(value) = &tag.tag_value {
            query.push(" AND tag_value = ").push_bind(value.clone());
        }
        query.push(")");
    }
    query.push(if tags.is_empty() { " AND 1 = 0" } else { ")" });
}

/// What a search is put into SQL with.
pub(in crate::storage) struct Context {
    /// The table of devices' activity.
    pub(in crate::storage) activity: &'static str,
    /// Devices last seen from here on are online.
    pub(in crate::storage) online_since: Timestamp,
    /// Of what [`product_ids`] names.
    pub(in crate::storage) products: ProductKeys,
}

/// The devices that a search finds.
pub(in crate::storage) fn query(search: &DeviceSearch, context: &Context) -> Query {
    let direction = match search.order {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    let mut query = Query::new(rows::DEVICE);
    query.push(" WHERE d.device_key IN (SELECT d.device_key FROM devices d WHERE ");
    push_search(&mut query, search, context);
    query.push(format!(" ORDER BY d.device_key {direction} LIMIT "));
    query
        .push_bind(search.limit)
        .push(" OFFSET ")
        .push_bind(search.offset);
    query.push(format!(") ORDER BY d.device_key {direction}"));
    query
}

/// How many match it.
pub(in crate::storage) fn count(search: &DeviceSearch, context: &Context) -> Query {
    let mut query = Query::new("SELECT count(*) FROM devices d WHERE ");
    push_search(&mut query, search, context);
    query
}

fn push_search(query: &mut Query, search: &DeviceSearch, context: &Context) {
    match &search.filter {
        None => {
            query.push("1 = 1");
        }
        Some(filter) => push_tree(query, filter, &mut |query, condition| {
            push_condition(query, condition, context);
        }),
    }
}

fn push_tree<C>(query: &mut Query, tree: &Tree<C>, leaf: &mut impl FnMut(&mut Query, &C)) {
    let (parts, joint) = match tree {
        Tree::Leaf(condition) => return leaf(query, condition),
        Tree::And(parts) => (parts, " AND "),
        Tree::Or(parts) => (parts, " OR "),
    };
    query.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            query.push(joint);
        }
        push_tree(query, part, leaf);
    }
    query.push(")");
}

fn push_condition(query: &mut Query, condition: &Condition, context: &Context) {
    match condition {
        Condition::Text { field, test } => push_text_field(query, *field, test, context),
        Condition::Status(choice) => {
            push_status(query, context.activity, context.online_since);
            push_choice(query, choice, |status| status.as_str().to_owned());
        }
        Condition::NodeType(choice) => {
            query.push("CASE WHEN d.gateway_key IS NULL THEN 'GATEWAY' ELSE 'ENDPOINT' END");
            push_choice(query, choice, |node_type| node_type.as_str().to_owned());
        }
        Condition::Created(test) => push_ordered(query, "d.created_ms", test, |at| at.0),
        Condition::Marker(test) => push_ordered(query, "d.device_key", test, |key| *key),
        Condition::TagKey(test) => push_tag(query, "tag_key", test),
        Condition::TagValue(test) => push_tag(query, "tag_value", test),
        Condition::Tag { key, value } => {
            query.push("d.device_key IN (SELECT device_key FROM device_tags WHERE ");
            push_tree(query, key, &mut |query, test| push_text(query, "tag_key", test));
            query.push(" AND ");
            push_tree(query, value, &mut |query, test| {
                push_text(query, "tag_value", test);
            });
            query.push(")");
        }
    }
}

/// A device's status, as text.
fn push_status(query: &mut Query, activity: &str, online_since: Timestamp) {
    query.push("CASE WHEN d.frozen THEN 'FROZEN' ELSE coalesce((SELECT CASE WHEN a.last_seen_ms >= ");
    query
        .push_bind(online_since.0)
        .push(" THEN 'ONLINE' WHEN a.last_seen_ms > 0 THEN 'OFFLINE' END FROM ")
        .push(activity)
        .push(" a WHERE a.device_key = d.device_key), 'INACTIVE') END");
}

/// How many devices there are of each status.
pub(in crate::storage) fn by_status(activity: &str, online_since: Timestamp) -> Query {
    let mut query = Query::new("SELECT ");
    push_status(&mut query, activity, online_since);
    query.push(" AS status, count(*) AS devices FROM devices d GROUP BY 1");
    query
}

fn push_text_field(query: &mut Query, field: TextField, test: &TextTest, context: &Context) {
    match (field, test) {
        (TextField::AppId, _) => {
            query.push("d.app_key IN (SELECT app_key FROM apps WHERE ");
            push_text(query, "app_id", test);
            query.push(")");
        }
        (TextField::ProductId, TextTest::Choice(Choice::Equal(id))) => {
            push_product(query, id, &context.products);
        }
        (TextField::ProductId, _) => {
            query.push("d.product_key IN (SELECT product_key FROM products WHERE ");
            push_text(query, "product_id", test);
            query.push(")");
        }
        (TextField::GatewayId, TextTest::Choice(Choice::Equal(gateway))) => {
            query.push("(d.gateway_key = (SELECT device_key FROM devices WHERE device_id = ");
            query.push_bind(gateway.clone());
            query.push(") OR (d.gateway_key IS NULL AND d.device_id = ");
            query.push_bind(gateway.clone()).push("))");
        }
        (TextField::GatewayId, _) => {
            let gateway = "coalesce((SELECT g.device_id FROM devices g WHERE g.device_key = d.gateway_key), d.device_id)";
            push_text(query, gateway, test);
        }
        (TextField::DeviceId, _) => push_text(query, "d.device_id", test),
        (TextField::DeviceName, _) => push_text(query, "d.name", test),
        (TextField::NodeId, _) => push_text(query, "d.node_id", test),
        // No device over HTTPS tells its versions, and there are no groups.
        (TextField::SwVersion | TextField::FwVersion | TextField::GroupId, _) => {
            push_text(query, "NULL", test);
        }
    }
}

/// Some tag's key or value passes; with `!=` and `not in`, every one does.
fn push_tag(query: &mut Query, column: &'static str, test: &TextTest) {
    let (within, positive) = match test {
        TextTest::Choice(Choice::NotEqual(one)) => ("NOT IN", TextTest::Choice(Choice::Equal(one.clone()))),
        TextTest::Choice(Choice::NotIn(list)) => ("NOT IN", TextTest::Choice(Choice::In(list.clone()))),
        other => ("IN", other.clone()),
    };
    query.push(format!(
        "d.device_key {within} (SELECT device_key FROM device_tags WHERE "
    ));
    push_text(query, column, &positive);
    query.push(")");
}

/// A test of a text that may be NULL, which is unlike every text.
fn push_text(query: &mut Query, expression: &'static str, test: &TextTest) {
    match test {
        TextTest::Choice(choice) => {
            query.push(expression);
            push_choice(query, choice, Clone::clone);
            if let Choice::NotIn(_) = choice {
                query.push(" IS NOT FALSE");
            }
        }
        // A range, which an index serves; no text that begins so sorts behind the highest character.
        TextTest::StartsWith(prefix) => {
            query.push("(").push(expression).push(" >= ");
            query.push_bind(prefix.clone());
            query.push(" AND ").push(expression).push(" < ");
            query.push_bind(format!("{prefix}{}", char::MAX)).push(")");
        }
    }
}

fn push_ordered<T>(
    query: &mut Query,
    column: &'static str,
    test: &OrderedTest<T>,
    value: impl Fn(&T) -> i64,
) {
    query.push(column);
    match test {
        OrderedTest::Choice(choice) => push_choice(query, choice, value),
        OrderedTest::Compare(compare, bound) => {
            query
                .push(format!(" {} ", compare.as_str()))
                .push_bind(value(bound));
        }
    }
}

/// ` = …`, ` IS DISTINCT FROM …`, ` IN (…)` or ` NOT IN (…)`, after an expression.
fn push_choice<T, V: Into<Value>>(query: &mut Query, choice: &Choice<T>, value: impl Fn(&T) -> V) {
    let (operator, list) = match choice {
        Choice::Equal(one) => {
            query.push(" = ").push_bind(value(one));
            return;
        }
        Choice::NotEqual(one) => {
            query.push(" IS DISTINCT FROM ").push_bind(value(one));
            return;
        }
        Choice::In(list) => (" IN (", list),
        Choice::NotIn(list) => (" NOT IN (", list),
    };
    query.push(operator);
    push_list(query, list.iter().map(value));
    query.push(")");
}

fn push_list<V: Into<Value>>(query: &mut Query, list: impl Iterator<Item = V>) {
    for (index, one) in list.enumerate() {
        if index > 0 {
            query.push(", ");
        }
        query.push_bind(one);
    }
}
