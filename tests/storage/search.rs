//! Searches for devices, beside a model that judges plain structs.

use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::device_search::{
    Choice, Compare, Condition, DeviceSearch, Direction, Filter, NodeType, OrderedTest, Selection, Status,
    TextField, TextTest, Tree,
};
use fieldgate::domain::ids::{AppId, NodeId, Position};
use fieldgate::storage::{Change, DeviceActivity, DeviceCreation, NewDevice, ProductCreation, Tag};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::bed::{Bed, NOW, new_device, new_product, told};
use crate::tags::{bind, tags};

/// What the model knows of a device.
#[derive(Clone, Debug)]
struct Known {
    key: i64,
    app_id: String,
    device_id: String,
    node_id: String,
    product_id: String,
    gateway_id: Option<String>,
    name: Option<String>,
    tags: Vec<Tag>,
    status: Status,
    created: Timestamp,
}

/// Id, product, space, gateway, node id, name, tags, status.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
    &'static str,
    Status,
);

#[rustfmt::skip]
const FLEET: &[Row] = &[
    ("gw1", "meters", "default", None, "node-one", Some("Gateway one"), "site=north floor=1", Status::Online),
    ("kid1", "meters", "default", Some("gw1"), "node-two", Some("Meter"), "site=north", Status::Offline),
    ("kid2", "meters", "default", Some("kid1"), "node-three", None, "", Status::Inactive),
    ("gw2", "pumps", "default", None, "pump-one", Some("Gateway two"), "site=south floor", Status::Frozen),
    ("kid3", "pumps", "default", Some("gw2"), "pump-two", Some("gateway one"), "site", Status::Online),
    ("gw3", "meters", "second", None, "node-one", Some("温度计一号"), "north=site", Status::Inactive),
    ("gw4", "meters", "second", None, "node_one", Some("温度计二号"), "floor=north site=1", Status::Online),
    ("gw5", "Meters", "default", None, "Node-one", Some("it's"), "", Status::Offline),
];

const ONLINE_SINCE: Timestamp = Timestamp(NOW.0 - 1000);

async fn fleet(bed: &Bed) -> Vec<Known> {
    let registry = &bed.stores.registry;
    let default = registry.default_app().await.unwrap().app_id;
    let second = AppId::parse("second").unwrap();
    registry
        .create_app(second.clone(), "x".to_owned(), told(""))
        .await
        .unwrap();
    let mut known = Vec::new();
    let mut products = std::collections::HashMap::new();
    for (index, (id, product_id, app, gateway, node, name, tagged, status)) in FLEET.iter().enumerate() {
        let app = if *app == "second" { &second } else { &default };
        let product = if let Some(product) = products.get(&(*product_id, app.clone())) {
            *product
        } else {
            let new = new_product(product_id, app.clone());
            let ProductCreation::Created(made) = registry.create_product(new, told("")).await.unwrap() else {
                panic!("{product_id} was not made");
            };
            products.insert((*product_id, app.clone()), made.key);
            made.key
        };
        let created = NOW.plus_millis(i64::try_from(index).unwrap());
        let new = NewDevice {
            node_id: NodeId::parse(node).unwrap(),
            name: name.map(str::to_owned),
            ..new_device(id, product, *gateway)
        };
        let change = Change {
            at: created,
            ..told("")
        };
        let DeviceCreation::Created(device) = registry.create_device(new, change).await.unwrap() else {
            panic!("{id} was not made");
        };
        if !tagged.is_empty() {
            bind(bed, device.key, tagged).await;
        }
        let last_seen = match status {
            Status::Online => Some(ONLINE_SINCE),
            // A frozen device was heard, too: that does not show.
            Status::Offline | Status::Frozen => Some(ONLINE_SINCE.plus_millis(-1)),
            _ => None,
        };
        if let Some(last_seen) = last_seen {
            let activity = DeviceActivity {
                device: device.key,
                token_instants: [0; 32],
                last_seen,
            };
            bed.stores.followers.save_activity(&[activity]).await.unwrap();
        }
        if *status == Status::Frozen {
            registry
                .set_frozen(device.key, true, None, told(""))
                .await
                .unwrap();
        }
        known.push(Known {
            key: device.key.0,
            app_id: app.to_string(),
            device_id: (*id).to_owned(),
            node_id: (*node).to_owned(),
            product_id: (*product_id).to_owned(),
            gateway_id: gateway.map(str::to_owned),
            name: name.map(str::to_owned),
            tags: tags(tagged),
            status: *status,
            created,
        });
    }
    known
}

fn any<T>(choice: &Choice<T>, is: impl Fn(&T) -> bool) -> bool {
    match choice {
        Choice::Equal(one) => is(one),
        Choice::NotEqual(one) => !is(one),
        Choice::In(list) => list.iter().any(is),
        Choice::NotIn(list) => !list.iter().any(is),
    }
}

fn text(test: &TextTest, value: Option<&str>) -> bool {
    match test {
        TextTest::Choice(choice) => any(choice, |one| value == Some(one)),
        TextTest::StartsWith(prefix) => value.is_some_and(|value| value.starts_with(prefix.as_str())),
    }
}

fn ordered<T: PartialOrd>(test: &OrderedTest<T>, value: &T) -> bool {
    match test {
        OrderedTest::Choice(choice) => any(choice, |one| one == value),
        OrderedTest::Compare(Compare::Greater, bound) => value > bound,
        OrderedTest::Compare(Compare::GreaterOrEqual, bound) => value >= bound,
        OrderedTest::Compare(Compare::Less, bound) => value < bound,
        OrderedTest::Compare(Compare::LessOrEqual, bound) => value <= bound,
    }
}

/// `!=` and `not in` ask it of every tag, the others of some.
fn some_tag(test: &TextTest, known: &Known, side: fn(&Tag) -> Option<&str>) -> bool {
    let passes = |tag: &Tag| text(test, side(tag));
    match test {
        TextTest::Choice(Choice::NotEqual(_) | Choice::NotIn(_)) => known.tags.iter().all(passes),
        _ => known.tags.iter().any(passes),
    }
}

fn holds<C>(tree: &Tree<C>, leaf: &dyn Fn(&C) -> bool) -> bool {
    match tree {
        Tree::Leaf(condition) => leaf(condition),
        Tree::And(parts) => parts.iter().all(|part| holds(part, leaf)),
        Tree::Or(parts) => parts.iter().any(|part| holds(part, leaf)),
    }
}

fn passes(condition: &Condition, known: &Known) -> bool {
    let gateway = known.gateway_id.as_ref();
    match condition {
        Condition::Text { field, test } => {
            let value = match field {
                TextField::AppId => Some(&known.app_id),
                TextField::DeviceId => Some(&known.device_id),
                TextField::GatewayId => Some(gateway.unwrap_or(&known.device_id)),
                TextField::ProductId => Some(&known.product_id),
                TextField::DeviceName => known.name.as_ref(),
                TextField::NodeId => Some(&known.node_id),
                TextField::SwVersion | TextField::FwVersion | TextField::GroupId => None,
            };
            text(test, value.map(String::as_str))
        }
        Condition::Status(choice) => any(choice, |one| *one == known.status),
        Condition::NodeType(choice) => any(choice, |one| {
            *one == if gateway.is_some() {
                NodeType::Endpoint
            } else {
                NodeType::Gateway
            }
        }),
        Condition::Created(test) => ordered(test, &known.created),
        Condition::Marker(test) => ordered(test, &known.key),
        Condition::TagKey(test) => some_tag(test, known, |tag| Some(&tag.tag_key)),
        Condition::TagValue(test) => some_tag(test, known, |tag| tag.tag_value.as_deref()),
        Condition::Tag { key, value } => known.tags.iter().any(|tag| {
            holds(key, &|test| text(test, Some(&tag.tag_key)))
                && holds(value, &|test| text(test, tag.tag_value.as_deref()))
        }),
    }
}

/// What the model finds: the page, and how many match.
fn expected(known: &[Known], search: &DeviceSearch) -> (Vec<String>, i64) {
    let matches = |known: &&Known| match &search.filter {
        None => true,
        Some(filter) => holds(filter, &|condition| passes(condition, known)),
    };
    let mut found: Vec<&Known> = known.iter().filter(matches).collect();
    found.sort_by_key(|known| known.key);
    if search.order == Direction::Descending {
        found.reverse();
    }
    let total = i64::try_from(found.len()).unwrap();
    let page = found
        .iter()
        .skip(search.offset as usize)
        .take(search.limit as usize);
    (page.map(|known| known.device_id.clone()).collect(), total)
}

async fn found(bed: &Bed, search: &DeviceSearch) -> (Vec<String>, i64) {
    let registry = &bed.stores.registry;
    let devices = registry.search_devices(search, ONLINE_SINCE).await.unwrap();
    let total = registry.count_devices(search, ONLINE_SINCE).await.unwrap();
    let ids = devices.iter().map(|device| device.device_id.to_string());
    (ids.collect(), total)
}

/// A condition, and the devices that pass, by hand.
#[rustfmt::skip]
const SEARCHES: &[(&str, &str)] = &[
    ("device_id = 'gw1'", "gw1"),
    ("device_id = 'GW1'", ""),
    ("device_id != 'gw1'", "gw5 gw4 gw3 kid3 gw2 kid2 kid1"),
    ("device_id in ('gw1', 'kid2', 'nobody')", "kid2 gw1"),
    ("device_id not in ('gw1', 'kid2', 'nobody')", "gw5 gw4 gw3 kid3 gw2 kid1"),
    ("app_id = 'second'", "gw4 gw3"),
    ("app_id != 'second'", "gw5 kid3 gw2 kid2 kid1 gw1"),
    ("app_id not in ('second')", "gw5 kid3 gw2 kid2 kid1 gw1"),
    ("product_id = 'meters'", "gw4 gw3 kid2 kid1 gw1"),
    ("product_id = 'meters' and app_id = 'second'", "gw4 gw3"),
    ("product_id != 'meters'", "gw5 kid3 gw2"),
    ("product_id in ('pumps', 'Meters')", "gw5 kid3 gw2"),
    ("product_id = 'nothing'", ""),
    ("product_id = 'pumps' or product_id = 'nothing'", "kid3 gw2"),
    ("gateway_id = 'gw1'", "kid1 gw1"),
    ("gateway_id = 'kid1'", "kid2"),
    ("gateway_id = 'kid2'", ""),
    ("gateway_id != 'gw1'", "gw5 gw4 gw3 kid3 gw2 kid2"),
    ("gateway_id in ('gw1', 'gw2')", "kid3 gw2 kid1 gw1"),
    ("gateway_id not in ('gw1', 'gw2')", "gw5 gw4 gw3 kid2"),
    ("node_id = 'node-one'", "gw3 gw1"),
    ("node_id like 'node%'", "gw4 gw3 kid2 kid1 gw1"),
    ("node_id like 'node-%'", "gw3 kid2 kid1 gw1"),
    ("node_id like 'node_%'", "gw4"),
    ("device_name = 'Gateway one'", "gw1"),
    ("device_name != 'Gateway one'", "gw5 gw4 gw3 kid3 gw2 kid2 kid1"),
    ("device_name not in ('Gateway one', 'Meter')", "gw5 gw4 gw3 kid3 gw2 kid2"),
    ("device_name in ('Gateway one', 'it''s')", "gw5 gw1"),
    ("device_name like 'Gate%'", "gw2 gw1"),
    ("device_name like '温度计一%'", "gw3"),
    ("device_name like '温度计%' ", "!"),
    ("status = 'ONLINE'", "gw4 kid3 gw1"),
    ("status = 'OFFLINE'", "gw5 kid1"),
    ("status = 'INACTIVE'", "gw3 kid2"),
    ("status = 'FROZEN'", "gw2"),
    ("status = 'ABNORMAL'", ""),
    ("status != 'ONLINE'", "gw5 gw3 gw2 kid2 kid1"),
    ("status in ('ONLINE', 'FROZEN')", "gw4 kid3 gw2 gw1"),
    ("status not in ('ONLINE', 'FROZEN')", "gw5 gw3 kid2 kid1"),
    ("node_type = 'GATEWAY'", "gw5 gw4 gw3 gw2 gw1"),
    ("node_type = 'ENDPOINT'", "kid3 kid2 kid1"),
    ("node_type != 'ENDPOINT'", "gw5 gw4 gw3 gw2 gw1"),
    ("tag_key = 'site'", "gw4 kid3 gw2 kid1 gw1"),
    ("tag_key != 'site'", "gw5 gw3 kid2"),
    ("tag_value = 'north'", "gw4 kid1 gw1"),
    ("tag_value != 'north'", "gw5 gw3 kid3 gw2 kid2"),
    ("tag_key like 'nort%'", "gw3"),
    ("tag_value like 'nort%'", "gw4 kid1 gw1"),
    ("tag_key = 'site' and tag_value = 'north'", "kid1 gw1"),
    ("tag_key = 'floor' and tag_value = 'north'", "gw4"),
    ("tag_key = 'site' and tag_value != 'north'", "gw4 kid3 gw2"),
    ("tag_key = 'site' and (tag_value = 'north' or tag_value = 'south')", "gw2 kid1 gw1"),
    ("tag_key = 'site' and tag_value = 'north' and tag_key = 'floor' and tag_value = '1'", "gw1"),
    ("tag_key = 'site' or tag_value = 'site'", "gw4 gw3 kid3 gw2 kid1 gw1"),
    ("sw_version = '1'", ""),
    ("sw_version != '1'", "gw5 gw4 gw3 kid3 gw2 kid2 kid1 gw1"),
    ("fw_version not in ('1')", "gw5 gw4 gw3 kid3 gw2 kid2 kid1 gw1"),
    ("group_id in ('g')", ""),
    ("status = 'ONLINE' and node_type = 'GATEWAY' or device_id = 'kid2'", "gw4 kid2 gw1"),
    ("status = 'ONLINE' and (node_type = 'ENDPOINT' or device_id = 'gw1')", "kid3 gw1"),
];

pub async fn searches_find_what_they_say(bed: Bed) {
    let known = fleet(&bed).await;
    for (condition, ids) in SEARCHES {
        let statement = format!("select * from device where {condition} limit 50");
        let Ok(search) = DeviceSearch::parse(&statement) else {
            assert_eq!(*ids, "!", "{condition} does not parse");
            continue;
        };
        let ids: Vec<_> = ids.split_whitespace().map(str::to_owned).collect();
        let total = i64::try_from(ids.len()).unwrap();
        assert_eq!(found(&bed, &search).await, (ids, total), "{condition}");
        let by_model = expected(&known, &search);
        assert_eq!(found(&bed, &search).await, by_model, "{condition}, by the model");
    }
}

pub async fn searches_keep_their_order_and_their_bounds(bed: Bed) {
    let known = fleet(&bed).await;
    let time = |index: usize| fieldgate::domain::event_time::with_millis(known[index].created);
    let marker = |index: usize| Position(known[index].key).marker();
    let conditions = [
        (String::new(), 8),
        (format!("where create_time > '{}'", time(2)), 5),
        (format!("where create_time < '{}'", time(2)), 2),
        (format!("where create_time = '{}'", time(2)), 1),
        (format!("where create_time != '{}'", time(2)), 7),
        (format!("where marker > '{}'", marker(5)), 2),
        (format!("where marker < '{}'", marker(5)), 5),
        (format!("where marker in ('{}', '{}')", marker(1), marker(5)), 2),
        (format!("where marker not in ('{}')", marker(1)), 7),
        (
            format!("where create_time > '{}' and marker < '{}'", time(1), marker(6)),
            4,
        ),
    ];
    let ends = [
        "",
        "order by marker asc",
        "limit 3",
        "limit 2, 3",
        "order by marker asc limit 6, 50",
        "limit 8, 1",
    ];
    for (condition, total) in conditions {
        for end in ends {
            let search = DeviceSearch::parse(&format!("select * from device {condition} {end}")).unwrap();
            let result = found(&bed, &search).await;
            assert_eq!(result, expected(&known, &search), "{condition} {end}");
            assert_eq!(result.1, total, "{condition}: the count knows no limit");
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    select(vec![
        "gw1",
        "kid1",
        "kid2",
        "gw2",
        "meters",
        "pumps",
        "second",
        "node-one",
        "node_one",
        "Gateway one",
        "Meter",
        "site",
        "floor",
        "north",
        "1",
        "温度计一号",
        "",
        "nothing",
        "it's",
    ])
    .prop_map(str::to_owned)
}

fn choices<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Choice<T>> {
    let list = proptest::collection::vec(value.clone(), 1..4);
    prop_oneof![
        value.clone().prop_map(Choice::Equal),
        value.prop_map(Choice::NotEqual),
        list.clone().prop_map(Choice::In),
        list.prop_map(Choice::NotIn),
    ]
}

fn text_tests() -> BoxedStrategy<TextTest> {
    let prefixes = select(vec!["node", "node-", "node_", "Gate", "温度计一", "nort", "xxxx"]);
    let prefixes = prefixes.prop_map(|prefix| TextTest::StartsWith(prefix.to_owned()));
    prop_oneof![
        4 => choices(words().boxed()).prop_map(TextTest::Choice),
        1 => prefixes,
    ]
    .boxed()
}

fn ordered_tests<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = OrderedTest<T>> {
    let compare = select(vec![
        Compare::Greater,
        Compare::GreaterOrEqual,
        Compare::Less,
        Compare::LessOrEqual,
    ]);
    prop_oneof![
        choices(value.clone()).prop_map(OrderedTest::Choice),
        (compare, value).prop_map(|(compare, bound)| OrderedTest::Compare(compare, bound)),
    ]
}

fn joined<C: Clone + std::fmt::Debug + 'static>(leaf: BoxedStrategy<C>) -> BoxedStrategy<Tree<C>> {
    leaf.prop_map(Tree::Leaf)
        .prop_recursive(2, 6, 3, |inner| {
            let parts = proptest::collection::vec(inner, 2..4);
            prop_oneof![parts.clone().prop_map(Tree::And), parts.prop_map(Tree::Or)]
        })
        .boxed()
}

fn conditions() -> BoxedStrategy<Condition> {
    let fields = select(vec![
        TextField::AppId,
        TextField::DeviceId,
        TextField::GatewayId,
        TextField::ProductId,
        TextField::DeviceName,
        TextField::NodeId,
        TextField::SwVersion,
    ]);
    let statuses = select(vec![
        Status::Online,
        Status::Offline,
        Status::Inactive,
        Status::Frozen,
    ]);
    let times = (-1_i64..9).prop_map(|after| NOW.plus_millis(after));
    let pairs = (joined(text_tests()), joined(text_tests()));
    prop_oneof![
        6 => (fields, text_tests()).prop_map(|(field, test)| Condition::Text { field, test }),
        1 => choices(statuses.boxed()).prop_map(Condition::Status),
        1 => choices(select(vec![NodeType::Gateway, NodeType::Endpoint]).boxed()).prop_map(Condition::NodeType),
        1 => ordered_tests(times.boxed()).prop_map(Condition::Created),
        1 => ordered_tests((0_i64..10).boxed()).prop_map(Condition::Marker),
        1 => text_tests().prop_map(Condition::TagKey),
        1 => text_tests().prop_map(Condition::TagValue),
        2 => pairs.prop_map(|(key, value)| Condition::Tag { key, value }),
    ]
    .boxed()
}

fn searches() -> impl Strategy<Value = DeviceSearch> {
    let filter: BoxedStrategy<Filter> = joined(conditions());
    let order = select(vec![Direction::Ascending, Direction::Descending]);
    (
        proptest::option::weighted(0.95, filter),
        order,
        0_u32..4,
        1_u32..12,
    )
        .prop_map(|(filter, order, offset, limit)| DeviceSearch {
            select: Selection::All,
            filter,
            order,
            offset,
            limit,
        })
}

pub async fn random_searches_find_what_the_model_finds(bed: Bed) {
    let known = fleet(&bed).await;
    let mut runner = TestRunner::default();
    for _ in 0..400 {
        let search = searches().new_tree(&mut runner).unwrap().current();
        assert_eq!(
            found(&bed, &search).await,
            expected(&known, &search),
            "{search} {search:?}"
        );
    }
}
