//! Devices' tags.

use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::{DeviceKey, VersionKey};
use fieldgate::storage::{Device, PageRequest, Tag, TagChange};

use crate::bed::{Bed, PAGE, device_id, message_of, told};

/// `a=1 b` reads as the tag `a` of value `1`, and the tag `b` without one.
pub fn tags(text: &str) -> Vec<Tag> {
    let tag = |word: &str| match word.split_once('=') {
        None => Tag {
            tag_key: word.to_owned(),
            tag_value: None,
        },
        Some((key, value)) => Tag {
            tag_key: key.to_owned(),
            tag_value: Some(value.to_owned()),
        },
    };
    text.split_whitespace().map(tag).collect()
}

pub async fn bind(bed: &Bed, key: DeviceKey, text: &str) -> TagChange {
    let registry = &bed.stores.registry;
    registry
        .bind_tags(key, tags(text), 3, told("tagged"))
        .await
        .unwrap()
}

async fn unbind(bed: &Bed, key: DeviceKey, keys: &[&str]) -> TagChange {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let registry = &bed.stores.registry;
    registry.unbind_tags(key, keys, told("untagged")).await.unwrap()
}

async fn device(bed: &Bed, id: &str) -> Device {
    let found = bed.stores.registry.device(&device_id(id)).await.unwrap();
    found.unwrap()
}

async fn described(bed: &Bed, version: VersionKey) -> Option<String> {
    let described = bed.stores.log.describe(&[version]).await.unwrap();
    described[&version].tags.clone()
}

pub async fn tags_are_bound_overwritten_and_taken_off(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let TagChange::Changed(bound) = bind(&bed, made.key, "b=1 a").await else {
        panic!("not bound");
    };
    assert_eq!(bound.tags, tags("a b=1"), "by key");
    assert!(bound.version > made.version);
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DeviceUpdated);
    assert_eq!(event.device, Some((made.key, bound.version)));
    bind(&bed, made.key, "b=2 c=x").await;
    let bed = bed.reopened().await;
    assert_eq!(device(&bed, "d").await.tags, tags("a b=2 c=x"));
    let TagChange::Changed(left) = unbind(&bed, made.key, &["a", "c"]).await else {
        panic!("not taken off");
    };
    assert_eq!(left.tags, tags("b=2"));
    unbind(&bed, made.key, &["b"]).await;
    assert_eq!(device(&bed, "d").await.tags, []);
}

pub async fn events_keep_the_tags_of_their_time(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let mut versions = vec![made.version];
    for text in ["site=3", "site=4 floor"] {
        bind(&bed, made.key, text).await;
        versions.push(device(&bed, "d").await.version);
    }
    unbind(&bed, made.key, &["site", "floor"]).await;
    versions.push(device(&bed, "d").await.version);
    let mut shown = Vec::new();
    for version in &versions {
        shown.push(described(&bed, *version).await);
    }
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        shown,
        [
            None,
            text(r#"[{"tag_key":"site","tag_value":"3"}]"#),
            text(r#"[{"tag_key":"floor"},{"tag_key":"site","tag_value":"4"}]"#),
            None
        ]
    );
    let registry = &bed.stores.registry;
    registry.delete_device(made.key, told("x")).await.unwrap();
    assert_eq!(described(&bed, versions[1]).await, shown[1]);
}

pub async fn tags_that_are_refused_change_nothing(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    bind(&bed, made.key, "a=1 b=2").await;
    let before = bed.kinds().await;
    let nobody = DeviceKey(999);
    assert!(matches!(bind(&bed, nobody, "a").await, TagChange::NotFound));
    assert!(matches!(unbind(&bed, nobody, &["a"]).await, TagChange::NotFound));
    let many = bind(&bed, made.key, "a=9 c d").await;
    assert!(matches!(many, TagChange::TooMany), "{many:?}");
    let unknown = unbind(&bed, made.key, &["a", "z"]).await;
    assert!(
        matches!(&unknown, TagChange::Unknown(key) if key == "z"),
        "{unknown:?}"
    );
    assert_eq!(device(&bed, "d").await.tags, tags("a=1 b=2"));
    assert_eq!(bed.kinds().await, before);
    let full = bind(&bed, made.key, "a=9 c").await;
    assert!(
        matches!(full, TagChange::Changed(_)),
        "three are allowed: {full:?}"
    );
}

pub async fn devices_are_found_by_any_of_some_tags(bed: Bed) {
    let product = bed.product("p").await;
    for (id, text) in [
        ("one", "site=1 floor=1"),
        ("two", "site=2"),
        ("three", "site"),
        ("four", ""),
        ("five", "floor=1 site=1"),
    ] {
        let key = bed.device(id, product.key, None).await.key;
        if !text.is_empty() {
            bind(&bed, key, text).await;
        }
    }
    let registry = &bed.stores.registry;
    let find = async |text: &str, page: PageRequest| {
        let found = registry.devices_by_tag(&tags(text), page).await.unwrap();
        let ids: Vec<_> = found.items.iter().map(|(_, id)| id.to_string()).collect();
        (ids.join(" "), found.total)
    };
    for (text, expected) in [
        ("site=1", "five one"),
        ("site", "five three two one"),
        ("site=2 floor=1", "five two one"),
        ("site=1 site=2", "five two one"),
        ("site=9", ""),
        ("Site=1", ""),
        ("", ""),
    ] {
        let total = i64::try_from(expected.split_whitespace().count()).unwrap();
        assert_eq!(find(text, PAGE).await, (expected.to_owned(), total), "{text:?}");
    }
    let page = PageRequest { limit: 2, ..PAGE };
    assert_eq!(find("site", page).await, ("five three".to_owned(), 4));
    let page = PageRequest { offset: 3, ..page };
    assert_eq!(find("site", page).await, ("one".to_owned(), 4));
    let page = PageRequest {
        before: device(&bed, "three").await.key.0,
        offset: 0,
        ..page
    };
    assert_eq!(find("site", page).await, ("two one".to_owned(), 4));
    let gone = device(&bed, "one").await.key;
    registry.delete_device(gone, told("x")).await.unwrap();
    assert_eq!(find("site=1", PAGE).await, ("five".to_owned(), 1));
    // Made anew, it has none of the old tags.
    assert_eq!(bed.device("one", product.key, None).await.tags, []);
    assert_eq!(find("floor=1", PAGE).await, ("five".to_owned(), 1));
    let message = message_of(&device(&bed, "one").await, "x");
    bed.stores.log.append(vec![message]).await.unwrap();
}
