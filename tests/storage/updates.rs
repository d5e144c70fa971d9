//! Changes of products and devices that are there.

use std::sync::{Arc, Mutex};

use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::{AppId, DeviceKey, ProductKey, VersionKey};
use fieldgate::storage::{
    Change, Device, DeviceDeletion, DevicePatch, GatewayChange, NewProduct, Payload, Product,
    ProductAttributes, ProductCreation, ProductPatch, RegistryChange, Slot,
};

use crate::bed::{Bed, NOW, device_id, message_of, new_device, new_product, told};

/// A change whose event tells the record's name and what else is asked.
fn telling<T: 'static>(view: fn(&T) -> String) -> Change<T> {
    Change {
        payload: Payload::json(move |record| Ok(view(record))),
        ..told("")
    }
}

#[expect(clippy::unnecessary_wraps, reason = "short for what the records hold")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn heard(bed: &Bed) -> Arc<Mutex<Vec<RegistryChange>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    bed.stores.registry.subscribe(Box::new(move |change| {
        listener.lock().unwrap().push(change.clone());
    }));
    heard
}

pub async fn of_a_product_what_is_absent_stays(bed: Bed) {
    let product = bed.product("p").await;
    let heard = heard(&bed);
    let registry = &bed.stores.registry;
    let model = r#"[{"service_id":"T","service_type":"T"}]"#;
    let patch = ProductPatch {
        name: some("another"),
        industry: some("Water"),
        service_capabilities: some(model),
        validation_mode: some("flag"),
        require_sign_type_1: Some(true),
        ..ProductPatch::default()
    };
    let change = telling(|product: &Product| {
        let attributes = &product.attributes;
        format!("{} {}", attributes.name, attributes.service_capabilities)
    });
    let updated = registry.update_product(product.key, patch, change).await.unwrap();
    let expected = ProductAttributes {
        name: "another".to_owned(),
        industry: some("Water"),
        service_capabilities: model.to_owned(),
        validation_mode: some("flag"),
        require_sign_type_1: true,
        ..product.attributes.clone()
    };
    assert_eq!(updated.unwrap().attributes, expected);
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!((event.kind, event.device), (EventKind::ProductUpdated, None));
    let shown: String = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(shown, format!("another {model}"), "the product as it is left");
    assert!(
        matches!(heard.lock().unwrap().as_slice(), [RegistryChange::Product(key)] if *key == product.key)
    );
    let bed = bed.reopened().await;
    let found = bed.stores.registry.product_by_key(product.key).await.unwrap();
    assert_eq!(found.unwrap().attributes, expected);
}

pub async fn of_a_product_an_empty_text_clears_what_is_optional(bed: Bed) {
    let app_id = bed.stores.registry.default_app().await.unwrap().app_id;
    let bare = new_product("p", app_id);
    let new = NewProduct {
        attributes: ProductAttributes {
            industry: some("Water"),
            description: some(""),
            ..bare.attributes.clone()
        },
        ..bare
    };
    let made = bed.stores.registry.create_product(new, told("")).await.unwrap();
    let ProductCreation::Created(made) = made else {
        panic!("{made:?}");
    };
    assert_eq!(made.attributes.description, None, "an empty text is none");
    let patch = ProductPatch {
        manufacturer_name: some(""),
        industry: some(""),
        description: some("what"),
        ..ProductPatch::default()
    };
    let registry = &bed.stores.registry;
    let updated = registry.update_product(made.key, patch, told("x")).await.unwrap();
    let attributes = updated.unwrap().attributes;
    let optional = (
        attributes.manufacturer_name,
        attributes.industry,
        attributes.description,
    );
    assert_eq!(optional, (None, None, some("what")));
    let before = bed.kinds().await;
    let nobody = registry.update_product(ProductKey(999), ProductPatch::default(), told("x"));
    assert!(nobody.await.unwrap().is_none());
    assert_eq!(bed.kinds().await, before);
}

pub async fn of_a_device_what_is_absent_stays_and_an_empty_text_clears(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let heard = heard(&bed);
    let registry = &bed.stores.registry;
    let patch = DevicePatch {
        description: some("what"),
        secure_access: Some(false),
        timeout_seconds: Some(7),
        ..DevicePatch::default()
    };
    let change = telling(|device: &Device| format!("{:?} {:?}", device.name, device.description));
    let updated = registry.update_device(made.key, patch, change).await.unwrap();
    let updated = updated.unwrap();
    assert_eq!(updated.name, made.name);
    assert_eq!(updated.extension_info, made.extension_info);
    assert_eq!(
        (updated.secure_access, updated.timeout_seconds, updated.epoch),
        (false, 7, made.epoch)
    );
    assert_eq!(updated.version, made.version, "what events show did not change");
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DeviceUpdated);
    let shown: String = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(shown, r#"Some("name-of-d") Some("what")"#);
    let patch = DevicePatch {
        name: some(""),
        description: some(""),
        extension_info: some(r#"{"n": 2.00}"#),
        ..DevicePatch::default()
    };
    registry.update_device(made.key, patch, told("x")).await.unwrap();
    let bed = bed.reopened().await;
    let found = bed
        .stores
        .registry
        .device(&device_id("d"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.name, found.description), (None, None));
    assert_eq!(found.extension_info, some(r#"{"n": 2.00}"#));
    assert_eq!((found.secure_access, found.timeout_seconds), (false, 7));
    assert_eq!(heard.lock().unwrap().len(), 2);
    let before = bed.kinds().await;
    let nobody = bed
        .stores
        .registry
        .update_device(DeviceKey(999), DevicePatch::default(), told("x"));
    assert!(nobody.await.unwrap().is_none());
    assert_eq!(bed.kinds().await, before);
}

pub async fn each_fingerprint_is_set_and_cleared_for_itself(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let registry = &bed.stores.registry;
    let reset = async |slot: Slot, text: Option<&str>| {
        let fingerprint = text.map(str::to_owned);
        registry
            .reset_fingerprint(made.key, slot, fingerprint, told("x"))
            .await
            .unwrap()
    };
    let shown = async || {
        let device = registry.device(&device_id("d")).await.unwrap().unwrap();
        (device.fingerprint, device.secondary_fingerprint)
    };
    assert!(reset(Slot::Primary, Some("aa")).await);
    assert!(reset(Slot::Secondary, Some("bb")).await);
    assert_eq!(shown().await, (some("aa"), some("bb")));
    assert!(reset(Slot::Primary, None).await);
    assert_eq!(shown().await, (None, some("bb")));
    assert!(reset(Slot::Secondary, None).await);
    assert_eq!(shown().await, (None, None));
    let before = bed.kinds().await;
    assert_eq!(before.last(), Some(&EventKind::DeviceUpdated));
    let nobody = registry.reset_fingerprint(DeviceKey(999), Slot::Primary, some("aa"), told("x"));
    assert!(!nobody.await.unwrap());
    assert_eq!(bed.kinds().await, before);
}

async fn gateway_of(bed: &Bed, version: VersionKey) -> String {
    let described = bed.stores.log.describe(&[version]).await.unwrap();
    described[&version].gateway_id.clone()
}

pub async fn a_child_moves_to_another_gateway_and_old_events_keep_theirs(bed: Bed) {
    let product = bed.product("p").await;
    bed.device("one", product.key, None).await;
    let two = bed.device("two", product.key, None).await;
    let kid = bed.device("kid", product.key, Some("one")).await;
    let before = message_of(&kid, "before");
    bed.stores.log.append(vec![before]).await.unwrap();
    let heard = heard(&bed);
    let registry = &bed.stores.registry;
    let moved = registry
        .change_gateway(kid.key, device_id("two"), told("moved"))
        .await
        .unwrap();
    let GatewayChange::Changed(moved) = moved else {
        panic!("{moved:?}");
    };
    assert_eq!(moved.gateway, Some(device_id("two")));
    assert_eq!(moved.ancestors, [two.key]);
    assert!(moved.version > kid.version);
    assert_eq!(heard.lock().unwrap().len(), 1);
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DeviceUpdated);
    assert_eq!(event.device, Some((kid.key, moved.version)));
    let after = message_of(&moved, "after");
    bed.stores.log.append(vec![after]).await.unwrap();
    let bed = bed.reopened().await;
    let messages = bed.all().await;
    let messages = messages
        .iter()
        .filter(|stored| stored.event.kind == EventKind::MessageReport);
    let mut gateways = Vec::new();
    for stored in messages {
        gateways.push(gateway_of(&bed, stored.event.device.unwrap().1).await);
    }
    assert_eq!(gateways, ["one", "two"]);
    let found = bed
        .stores
        .registry
        .device(&device_id("kid"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.gateway, Some(device_id("two")));
    assert_eq!(found.secret.expose(), "a-secret-of-it");
}

pub async fn a_child_stays_where_the_move_is_refused(bed: Bed) {
    let product = bed.product("p").await;
    let registry = &bed.stores.registry;
    let elsewhere = AppId::parse("elsewhere").unwrap();
    registry
        .create_app(elsewhere.clone(), "x".to_owned(), told(""))
        .await
        .unwrap();
    let foreign = new_product("p", elsewhere);
    let ProductCreation::Created(foreign) = registry.create_product(foreign, told("")).await.unwrap() else {
        panic!("the product was not made");
    };
    for (id, gateway) in [
        ("one", None),
        ("two", None),
        ("kid", Some("one")),
        ("grandkid", Some("kid")),
        ("lone", Some("one")),
    ] {
        bed.device(id, product.key, gateway).await;
    }
    let stranger = new_device("stranger", foreign.key, None);
    registry.create_device(stranger, told("")).await.unwrap();
    let before = bed.kinds().await;
    let change = async |id: &str, gateway: &str| {
        let device = registry.device(&device_id(id)).await.unwrap();
        let key = device.map_or(DeviceKey(999), |device| device.key);
        let change = registry.change_gateway(key, device_id(gateway), told("x")).await;
        match change.unwrap() {
            GatewayChange::Changed(_) => "Changed",
            GatewayChange::NotFound => "NotFound",
            GatewayChange::NotAChild => "NotAChild",
            GatewayChange::HasChildren => "HasChildren",
            GatewayChange::NoGateway => "NoGateway",
            GatewayChange::SameGateway => "SameGateway",
            GatewayChange::OtherApp => "OtherApp",
            GatewayChange::TooDeep => "TooDeep",
        }
    };
    for (id, gateway, outcome) in [
        ("nobody", "one", "NotFound"),
        ("one", "two", "NotAChild"),
        ("kid", "two", "HasChildren"),
        ("lone", "nobody", "NoGateway"),
        ("lone", "one", "SameGateway"),
        ("lone", "lone", "SameGateway"),
        ("lone", "stranger", "OtherApp"),
        ("lone", "grandkid", "TooDeep"),
    ] {
        assert_eq!(change(id, gateway).await, outcome, "{id} to {gateway}");
    }
    assert_eq!(bed.kinds().await, before, "a refused change leaves nothing");
    assert_eq!(change("lone", "kid").await, "Changed", "the second level");
    let lone = registry.device(&device_id("lone")).await.unwrap().unwrap();
    assert_eq!(lone.ancestors.len(), 2);
    assert_eq!(change("lone", "two").await, "Changed", "and back to the first");
}

pub async fn registrations_run_out_unless_they_are_kept(bed: Bed) {
    let product = bed.product("p").await;
    let registry = &bed.stores.registry;
    let register = async |id: &str, gateway: Option<&str>, timeout_seconds: i64| {
        let mut device = new_device(id, product.key, gateway);
        device.timeout_seconds = timeout_seconds;
        registry.create_device(device, told("")).await.unwrap();
        registry.device(&device_id(id)).await.unwrap().unwrap()
    };
    register("gateway", None, 5).await;
    register("kid", Some("gateway"), 10).await;
    register("never", None, 0).await;
    let short = register("short", None, 5).await;
    let expired = async |seconds: i64, limit: u32| {
        let now = NOW.plus_millis(seconds * 1000 + 1);
        let found = registry.expired_registrations(now, limit).await.unwrap();
        let ids: Vec<_> = found.iter().map(|device| device.device_id.to_string()).collect();
        ids.join(" ")
    };
    assert_eq!(expired(4, 10).await, "");
    assert_eq!(expired(5, 10).await, "short gateway", "those with children last");
    assert_eq!(expired(10, 10).await, "kid short gateway");
    assert_eq!(expired(10, 1).await, "kid");
    registry.keep_registration(short.key).await.unwrap();
    registry.keep_registration(DeviceKey(999)).await.unwrap();
    assert_eq!(expired(10, 10).await, "kid gateway");
    let patch = DevicePatch {
        timeout_seconds: Some(3),
        ..DevicePatch::default()
    };
    registry.update_device(short.key, patch, told("x")).await.unwrap();
    assert_eq!(expired(3, 10).await, "short");
}

pub async fn a_registration_that_was_changed_meanwhile_does_not_end(bed: Bed) {
    let product = bed.product("p").await;
    let registry = &bed.stores.registry;
    let mut device = new_device("d", product.key, None);
    device.timeout_seconds = 5;
    registry.create_device(device, told("")).await.unwrap();
    let device = registry.device(&device_id("d")).await.unwrap().unwrap();
    let end = async |seconds: i64| {
        let before = NOW.plus_millis(seconds * 1000 + 1);
        registry
            .end_registration(device.key, before, told("ends"))
            .await
            .unwrap()
    };
    assert_eq!(end(4).await, DeviceDeletion::NotFound, "it has not run out");
    // It was found to have run out; then someone set it to stay.
    let stays = |timeout_seconds| DevicePatch {
        timeout_seconds: Some(timeout_seconds),
        ..DevicePatch::default()
    };
    registry
        .update_device(device.key, stays(0), told("stays"))
        .await
        .unwrap();
    assert_eq!(end(60).await, DeviceDeletion::NotFound);
    registry
        .update_device(device.key, stays(5), told("ends"))
        .await
        .unwrap();
    assert_eq!(end(60).await, DeviceDeletion::Deleted);
    assert!(registry.device(&device_id("d")).await.unwrap().is_none());
}
