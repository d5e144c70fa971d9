//! The audit log: written with what it tells of, or not at all.

use fieldgate::auth::access_key::Role;
use fieldgate::auth::secret::Secret;
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::ids::{AppId, DeviceKey, ProductKey};
use fieldgate::storage::{
    AccessKey, AuditEntry, AuditFilter, Change, DONE, Deed, DevicePatch, NewAuditEntry, PageRequest,
    ProductPatch, Slot,
};

use crate::bed::{Bed, NOW, PAGE, device_id, noted, told};
use crate::tags::tags;

fn by<T>(action: &str) -> Change<T> {
    let change = told("");
    Change {
        deed: Deed {
            action: action.to_owned(),
            ..change.deed
        },
        ..change
    }
}

async fn entries(bed: &Bed) -> Vec<AuditEntry> {
    let page = bed.stores.audit.entries(&AuditFilter::default(), PAGE).await;
    let page = page.unwrap();
    assert_eq!(page.total, i64::try_from(page.items.len()).unwrap());
    page.items
}

async fn actions(bed: &Bed) -> Vec<String> {
    let entries = entries(bed).await;
    entries
        .into_iter()
        .rev()
        .map(|entry| entry.told.deed.action)
        .collect()
}

pub async fn each_change_leaves_its_entry(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    let gateway = bed.device("g", product.key, None).await;
    let child = bed.device("kid", product.key, Some("d")).await;
    let registry = &bed.stores.registry;
    let app = AppId::parse("second").unwrap();
    let key = device.key;
    registry
        .create_app(app.clone(), "x".to_owned(), by("create_app"))
        .await
        .unwrap();
    registry
        .rename_app(app.clone(), "y".to_owned(), by("rename_app"))
        .await
        .unwrap();
    registry.delete_app(app, by("delete_app")).await.unwrap();
    registry
        .update_product(product.key, ProductPatch::default(), by("update_product"))
        .await
        .unwrap();
    registry
        .update_device(key, DevicePatch::default(), by("update_device"))
        .await
        .unwrap();
    registry.set_frozen(key, true, None, by("freeze")).await.unwrap();
    let secret = Secret::new("another-secret".to_owned());
    registry
        .reset_secret(key, Slot::Primary, secret, by("reset_secret"))
        .await
        .unwrap();
    registry
        .reset_fingerprint(key, Slot::Primary, None, by("reset_fingerprint"))
        .await
        .unwrap();
    registry
        .change_gateway(child.key, device_id("g"), by("change_gateway"))
        .await
        .unwrap();
    registry
        .bind_tags(key, tags("a"), 9, by("bind_tags"))
        .await
        .unwrap();
    registry
        .unbind_tags(key, vec!["a".to_owned()], by("unbind_tags"))
        .await
        .unwrap();
    let kind = fieldgate::domain::event::EventKind::ShadowCleared;
    registry
        .change_shadow(key, kind, None, by("clear_shadow"))
        .await
        .unwrap();
    registry
        .delete_device(child.key, by("delete_device"))
        .await
        .unwrap();
    for key in [key, gateway.key] {
        registry.delete_device(key, by("delete_device")).await.unwrap();
    }
    registry
        .delete_product(product.key, by("delete_product"))
        .await
        .unwrap();
    let bed = bed.reopened().await;
    let expected = "an_operation an_operation an_operation an_operation create_app rename_app delete_app update_product \
                    update_device freeze reset_secret reset_fingerprint change_gateway bind_tags unbind_tags \
                    clear_shadow delete_device delete_device delete_device delete_product";
    assert_eq!(actions(&bed).await.join(" "), expected);
    let newest = entries(&bed).await.swap_remove(0).told;
    assert_eq!((newest.at, newest.outcome.as_str()), (NOW, DONE));
    let change: Change<()> = by("delete_product");
    assert_eq!((newest.request_id, newest.deed), (change.request_id, change.deed));
}

pub async fn a_refused_change_leaves_no_entry(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    bed.device("kid", product.key, Some("d")).await;
    let before = actions(&bed).await;
    let registry = &bed.stores.registry;
    let default = registry.default_app().await.unwrap().app_id;
    let nobody = AppId::parse("nobody").unwrap();
    let gone = DeviceKey(999);
    bed.try_product("p").await;
    bed.try_device("d", product.key, None).await;
    registry
        .rename_app(nobody.clone(), "x".to_owned(), told(""))
        .await
        .unwrap();
    registry.delete_app(nobody, told("")).await.unwrap();
    registry.delete_app(default, told("")).await.unwrap();
    registry
        .update_product(ProductKey(999), ProductPatch::default(), told(""))
        .await
        .unwrap();
    registry.delete_product(product.key, told("")).await.unwrap();
    registry
        .update_device(gone, DevicePatch::default(), told(""))
        .await
        .unwrap();
    registry.delete_device(device.key, told("")).await.unwrap();
    registry
        .set_frozen(device.key, false, None, told(""))
        .await
        .unwrap();
    registry
        .reset_fingerprint(gone, Slot::Primary, None, told(""))
        .await
        .unwrap();
    registry
        .change_gateway(device.key, device_id("kid"), told(""))
        .await
        .unwrap();
    registry
        .bind_tags(device.key, tags("a b"), 1, told(""))
        .await
        .unwrap();
    registry
        .unbind_tags(device.key, vec!["z".to_owned()], told(""))
        .await
        .unwrap();
    let kind = fieldgate::domain::event::EventKind::ShadowCleared;
    registry.change_shadow(gone, kind, None, told("")).await.unwrap();
    assert_eq!(actions(&bed).await, before);
}

pub async fn what_is_done_to_keys_is_noted(bed: Bed) {
    let key = AccessKey {
        access_key: "AK".to_owned(),
        name: "n".to_owned(),
        role: Role::Admin,
        secret: Secret::new("secret".to_owned()),
        disabled: false,
        created: NOW,
    };
    let named = |action: &str| {
        let entry = noted();
        NewAuditEntry {
            deed: Deed {
                action: action.to_owned(),
                ..entry.deed
            },
            ..entry
        }
    };
    let settings = &bed.stores.settings;
    settings.create_key(&key, &named("create_key")).await.unwrap();
    assert!(
        settings
            .set_key_disabled("AK", true, &named("disable_key"))
            .await
            .unwrap()
    );
    assert!(
        !settings
            .set_key_disabled("none", true, &named("lost"))
            .await
            .unwrap()
    );
    assert!(settings.delete_key("AK", &named("delete_key")).await.unwrap());
    assert!(!settings.delete_key("AK", &named("lost")).await.unwrap());
    assert_eq!(actions(&bed).await, ["create_key", "disable_key", "delete_key"]);
}

async fn note(bed: &Bed, number: i64, actor: &str) {
    let entry = noted();
    let entry = NewAuditEntry {
        at: NOW.plus_millis(number),
        deed: Deed {
            actor: actor.to_owned(),
            action: format!("n{number}"),
            ..entry.deed
        },
        outcome: "403 IOTDA.000022".to_owned(),
        ..entry
    };
    bed.stores.audit.note(entry).await.unwrap();
}

async fn shown(bed: &Bed, filter: &AuditFilter, page: PageRequest) -> (String, i64) {
    let page = bed.stores.audit.entries(filter, page).await.unwrap();
    let actions: Vec<_> = page
        .items
        .into_iter()
        .map(|entry| entry.told.deed.action)
        .collect();
    (actions.join(" "), page.total)
}

pub async fn entries_are_filtered_and_paged(bed: Bed) {
    for number in 0..6 {
        note(&bed, number, if number % 2 == 0 { "even" } else { "odd" }).await;
    }
    let all = AuditFilter::default();
    let of = |actor: &str, from: Option<i64>, to: Option<i64>| AuditFilter {
        actor: (!actor.is_empty()).then(|| actor.to_owned()),
        from: from.map(|after| NOW.plus_millis(after)),
        to: to.map(|after| NOW.plus_millis(after)),
    };
    let told = entries(&bed).await.swap_remove(0).told;
    assert_eq!(told.outcome, "403 IOTDA.000022");
    for (filter, expected) in [
        (all.clone(), "n5 n4 n3 n2 n1 n0"),
        (of("odd", None, None), "n5 n3 n1"),
        (of("", Some(2), Some(4)), "n4 n3 n2"),
        (of("even", Some(1), None), "n4 n2"),
        (of("nobody", None, None), ""),
    ] {
        let total = i64::try_from(expected.split_whitespace().count()).unwrap();
        assert_eq!(
            shown(&bed, &filter, PAGE).await,
            (expected.to_owned(), total),
            "{filter:?}"
        );
    }
    let first = PageRequest { limit: 2, ..PAGE };
    assert_eq!(shown(&bed, &all, first).await, ("n5 n4".to_owned(), 6));
    let last = entries(&bed).await[1].id;
    let second = PageRequest {
        before: last,
        offset: 1,
        ..first
    };
    assert_eq!(shown(&bed, &all, second).await, ("n2 n1".to_owned(), 6));
}

pub async fn retention_alone_takes_entries_away(bed: Bed) {
    for number in 0..5 {
        note(&bed, number, "AK").await;
    }
    let audit = &bed.stores.audit;
    let before = NOW.plus_millis(3);
    assert_eq!(audit.forget_before(Timestamp(0), 10).await.unwrap(), 0);
    assert_eq!(audit.forget_before(before, 2).await.unwrap(), 2);
    assert_eq!(audit.forget_before(before, 2).await.unwrap(), 1);
    assert_eq!(audit.forget_before(before, 2).await.unwrap(), 0);
    assert_eq!(actions(&bed).await, ["n3", "n4"]);
    let newest = entries(&bed).await[0].id;
    audit.forget_before(NOW.plus_millis(100), 10).await.unwrap();
    let bed = bed.reopened().await;
    note(&bed, 9, "AK").await;
    assert!(entries(&bed).await[0].id > newest, "ids are never used again");
}
