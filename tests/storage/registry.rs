//! Products, devices, settings and keys.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fieldgate::auth::access_key::Role;
use fieldgate::auth::access_token::TokenKey;
use fieldgate::auth::secret::Secret;
use fieldgate::auth::secret_box::MasterKey;
use fieldgate::domain::clock::{ManualClock, Timestamp};
use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::ProductId;
use fieldgate::domain::model::ValidationMode;
use fieldgate::ingest::{Ingest, IngestSettings, LimitSettings, PasswordSettings, TokenRefusal};
use fieldgate::observability::Metrics;
use fieldgate::storage::{
    AccessKey, DeviceCreation, DeviceDeletion, DeviceFilter, FreezeOutcome, ListedKey, PageRequest,
    ProductCreation, ProductDeletion, ProductFilter, RegistryChange, Slot,
};

use crate::bed::{Bed, NOW, PAGE, device_id, noted, told};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub async fn the_default_space_and_the_project_are_made_once(bed: Bed) {
    let app = bed.stores.registry.default_app().await.unwrap();
    let project = bed.stores.settings.project_id().await.unwrap();
    let found = bed.stores.registry.app(&app.app_id).await.unwrap();
    assert_eq!(found, Some(app.clone()));
    let bed = bed.reopened().await;
    assert_eq!(bed.stores.registry.default_app().await.unwrap(), app);
    assert_eq!(bed.stores.settings.project_id().await.unwrap(), project);
}

pub async fn a_product_and_its_event_are_one_change(bed: Bed) {
    let product = bed.product("p").await;
    let all = bed.all().await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].event.kind, EventKind::ProductCreated);
    assert_eq!(&all[0].event.payload[..], b"product made");
    let bed = bed.reopened().await;
    let id = ProductId::parse("p").unwrap();
    let found = bed.stores.registry.product(&id, None).await.unwrap().unwrap();
    assert_eq!((found.key, &found.attributes), (product.key, &product.attributes));
    assert_eq!(found.created, NOW);
    let by_key = bed.stores.registry.product_by_key(product.key).await.unwrap();
    assert_eq!(by_key.unwrap().product_id, id);
    let deleted = bed
        .stores
        .registry
        .delete_product(product.key, told("gone"))
        .await
        .unwrap();
    assert_eq!(deleted, ProductDeletion::Deleted);
    assert_eq!(
        bed.kinds().await,
        [EventKind::ProductCreated, EventKind::ProductDeleted]
    );
    assert!(bed.stores.registry.product(&id, None).await.unwrap().is_none());
}

pub async fn a_refused_change_leaves_no_event(bed: Bed) {
    let product = bed.product("p").await;
    let device = bed.device("d", product.key, None).await;
    bed.device("kid", product.key, Some("d")).await;
    let before = bed.kinds().await;
    let registry = &bed.stores.registry;
    assert!(matches!(bed.try_product("p").await, ProductCreation::Exists));
    assert_eq!(
        registry.delete_product(product.key, told("x")).await.unwrap(),
        ProductDeletion::HasDevices
    );
    assert!(matches!(
        bed.try_device("d", product.key, None).await,
        DeviceCreation::Exists
    ));
    assert!(matches!(
        bed.try_device("e", product.key, Some("none")).await,
        DeviceCreation::NoGateway
    ));
    let gone = fieldgate::domain::ids::ProductKey(999);
    assert!(matches!(
        bed.try_device("e", gone, None).await,
        DeviceCreation::NoProduct
    ));
    assert_eq!(
        registry.delete_device(device.key, told("x")).await.unwrap(),
        DeviceDeletion::HasChildren
    );
    assert_eq!(
        registry
            .set_frozen(device.key, false, None, told("x"))
            .await
            .unwrap(),
        FreezeOutcome::AlreadySo
    );
    let nobody = fieldgate::domain::ids::DeviceKey(999);
    assert_eq!(
        registry.delete_device(nobody, told("x")).await.unwrap(),
        DeviceDeletion::NotFound
    );
    assert_eq!(
        registry.set_frozen(nobody, true, None, told("x")).await.unwrap(),
        FreezeOutcome::NotFound
    );
    let secret = Secret::new("another-secret".to_owned());
    assert!(
        !registry
            .reset_secret(nobody, Slot::Primary, secret, told("x"))
            .await
            .unwrap()
    );
    assert_eq!(bed.kinds().await, before);
}

pub async fn a_device_and_its_event_are_one_change(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DeviceCreated);
    assert_eq!(event.device, Some((made.key, made.version)));
    let bed = bed.reopened().await;
    let found = bed
        .stores
        .registry
        .device(&device_id("d"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.key, made.key);
    assert_eq!(found.secret.expose(), "a-secret-of-it");
    assert_eq!(found.extension_info.as_deref(), Some(r#"{"n": 1.50}"#));
    assert_eq!(
        (found.epoch, found.frozen, found.gateway),
        (made.epoch, false, None)
    );
    assert_eq!(found.created, NOW);
    let deleted = bed
        .stores
        .registry
        .delete_device(made.key, told("gone"))
        .await
        .unwrap();
    assert_eq!(deleted, DeviceDeletion::Deleted);
    let event = bed.all().await.pop().unwrap().event;
    assert_eq!(event.kind, EventKind::DeviceDeleted);
    assert_eq!(event.device, Some((made.key, made.version)));
    assert!(
        bed.stores
            .registry
            .device(&device_id("d"))
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn children_go_two_levels_deep_and_hold_their_parent(bed: Bed) {
    let product = bed.product("p").await;
    let gateway = bed.device("gw", product.key, None).await;
    let kid = bed.device("kid", product.key, Some("gw")).await;
    let grandkid = bed.device("grandkid", product.key, Some("kid")).await;
    assert_eq!(gateway.ancestors, []);
    assert_eq!(kid.ancestors, [gateway.key]);
    assert_eq!(grandkid.ancestors, [kid.key, gateway.key]);
    assert_eq!(grandkid.gateway, Some(device_id("kid")));
    let deeper = bed.try_device("deeper", product.key, Some("grandkid")).await;
    assert!(matches!(deeper, DeviceCreation::TooDeep), "{deeper:?}");
    let registry = &bed.stores.registry;
    assert_eq!(
        registry.delete_device(kid.key, told("x")).await.unwrap(),
        DeviceDeletion::HasChildren
    );
    assert_eq!(
        registry.delete_device(grandkid.key, told("x")).await.unwrap(),
        DeviceDeletion::Deleted
    );
    assert_eq!(
        registry.delete_device(kid.key, told("x")).await.unwrap(),
        DeviceDeletion::Deleted
    );
}

pub async fn freezing_raises_the_epoch_and_unfreezing_does_not(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    let registry = &bed.stores.registry;
    assert_eq!(
        registry
            .set_frozen(made.key, true, None, told("x"))
            .await
            .unwrap(),
        FreezeOutcome::Done
    );
    let frozen = registry.device(&device_id("d")).await.unwrap().unwrap();
    assert_eq!((frozen.frozen, frozen.epoch), (true, made.epoch + 1));
    assert_eq!(
        registry
            .set_frozen(made.key, true, None, told("x"))
            .await
            .unwrap(),
        FreezeOutcome::AlreadySo
    );
    assert_eq!(
        registry
            .set_frozen(made.key, false, None, told("x"))
            .await
            .unwrap(),
        FreezeOutcome::Done
    );
    let thawed = registry.device(&device_id("d")).await.unwrap().unwrap();
    assert_eq!((thawed.frozen, thawed.epoch), (false, made.epoch + 1));
}

pub async fn each_secret_is_reset_for_itself(bed: Bed) {
    let product = bed.product("p").await;
    let made = bed.device("d", product.key, None).await;
    for (slot, text) in [
        (Slot::Primary, "first-secret"),
        (Slot::Secondary, "second-secret"),
    ] {
        let secret = Secret::new(text.to_owned());
        assert!(
            bed.stores
                .registry
                .reset_secret(made.key, slot, secret, told("x"))
                .await
                .unwrap()
        );
    }
    let bed = bed.reopened().await;
    let found = bed
        .stores
        .registry
        .device(&device_id("d"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.secret.expose(), "first-secret");
    assert_eq!(found.secondary_secret.unwrap().expose(), "second-secret");
    assert_eq!(found.epoch, made.epoch + 2);
}

pub async fn keys_of_deleted_devices_and_products_are_never_used_again(bed: Bed) {
    let product = bed.product("p").await;
    let first = bed.device("d", product.key, None).await;
    bed.stores
        .registry
        .delete_device(first.key, told("x"))
        .await
        .unwrap();
    let bed = bed.reopened().await;
    let second = bed.device("d", product.key, None).await;
    assert!(second.key > first.key);
    assert!(second.version > first.version);
    bed.stores
        .registry
        .delete_device(second.key, told("x"))
        .await
        .unwrap();
    bed.stores
        .registry
        .delete_product(product.key, told("x"))
        .await
        .unwrap();
    let bed = bed.reopened().await;
    assert!(bed.product("p").await.key > product.key);
}

pub async fn a_device_made_anew_does_not_honour_the_old_token(bed: Bed) {
    let master = MasterKey::parse(&"77".repeat(32)).unwrap();
    let settings = IngestSettings {
        default_mode: ValidationMode::Reject,
        event_time_max_ahead_ms: 600_000,
        cached_devices: 100,
        trace_entries: 10,
        offline_after_ms: 60_000,
        limits: LimitSettings {
            device_requests_per_second: 0,
            instance_requests_per_second: 0,
            device_auth_per_minute: 0,
            tracked_callers: 10,
            passwords: PasswordSettings {
                tries: 5,
                ids: 5,
                max_delay_seconds: 60,
            },
        },
    };
    let metrics = Arc::new(Metrics::new().unwrap());
    let clock = Arc::new(ManualClock::new(Timestamp(NOW.0)));
    let ingest = Ingest::new(
        bed.stores.clone(),
        TokenKey::new(&master),
        clock,
        metrics,
        settings,
    );
    let product = bed.product("p").await;
    let body = |secret: &str| {
        let hour = "2026112308";
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, hour.as_bytes());
        let password = hex::encode(aws_lc_rs::hmac::sign(&key, secret.as_bytes()));
        format!(r#"{{"device_id":"d","sign_type":0,"timestamp":"{hour}","password":"{password}"}}"#)
    };
    let first = bed.device("d", product.key, None).await;
    let token = ingest
        .authenticate(body("a-secret-of-it").as_bytes(), HERE)
        .await
        .unwrap()
        .access_token;
    assert_eq!(ingest.check_token("d", &token).await.unwrap().key, first.key);
    bed.stores
        .registry
        .delete_device(first.key, told("x"))
        .await
        .unwrap();
    assert!(matches!(
        ingest.check_token("d", &token).await,
        Err(TokenRefusal::Invalid { .. })
    ));
    let second = bed.device("d", product.key, None).await;
    assert!(matches!(
        ingest.check_token("d", &token).await,
        Err(TokenRefusal::Invalid { .. })
    ));
    let token = ingest
        .authenticate(body("a-secret-of-it").as_bytes(), HERE)
        .await
        .unwrap()
        .access_token;
    assert_eq!(ingest.check_token("d", &token).await.unwrap().key, second.key);
}

pub async fn listeners_hear_of_a_change_before_its_caller(bed: Bed) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    bed.stores.registry.subscribe(Box::new(move |change| {
        ears.lock().unwrap().push(match change {
            RegistryChange::Device(id, _) => id.to_string(),
            RegistryChange::Product(_) => "product".to_owned(),
            RegistryChange::Everything => "everything".to_owned(),
            RegistryChange::Routing => "routing".to_owned(),
        });
    }));
    let product = bed.product("p").await;
    assert_eq!(heard.lock().unwrap().last().unwrap(), "product");
    let device = bed.device("d", product.key, None).await;
    assert_eq!(heard.lock().unwrap().last().unwrap(), "d");
    // A backend that hears of changes on other nodes hears its own a second time, later.
    let echoes = || tokio::time::sleep(Duration::from_millis(100));
    for (times, refused) in [("once", false), ("again", true)] {
        echoes().await;
        heard.lock().unwrap().clear();
        let registry = &bed.stores.registry;
        registry
            .set_frozen(device.key, true, None, told("x"))
            .await
            .unwrap();
        echoes().await;
        assert_eq!(heard.lock().unwrap().is_empty(), refused, "frozen {times}");
    }
}

pub async fn lists_are_newest_first_and_filtered(bed: Bed) {
    let one = bed.product("one").await;
    let two = bed.product("two").await;
    let products = bed
        .stores
        .registry
        .list_products(&ProductFilter::default(), PAGE)
        .await
        .unwrap();
    let ids: Vec<_> = products
        .items
        .iter()
        .map(|product| product.product_id.to_string())
        .collect();
    assert_eq!(
        (ids, products.total),
        (vec!["two".to_owned(), "one".to_owned()], 2)
    );
    let named = ProductFilter {
        name: Some("name of one".to_owned()),
        ..ProductFilter::default()
    };
    assert_eq!(
        bed.stores
            .registry
            .list_products(&named, PAGE)
            .await
            .unwrap()
            .total,
        1
    );

    bed.device("gw", one.key, None).await;
    bed.device("kid", one.key, Some("gw")).await;
    bed.device("grandkid", two.key, Some("kid")).await;
    let ids = async |filter: DeviceFilter, page: PageRequest| {
        let found = bed.stores.registry.list_devices(&filter, page).await.unwrap();
        let ids: Vec<_> = found
            .items
            .iter()
            .map(|device| device.device_id.to_string())
            .collect();
        (ids.join(" "), found.total)
    };
    let all = DeviceFilter::default();
    assert_eq!(ids(all.clone(), PAGE).await, ("grandkid kid gw".to_owned(), 3));
    let page = PageRequest {
        limit: 1,
        offset: 1,
        ..PAGE
    };
    assert_eq!(ids(all.clone(), page).await, ("kid".to_owned(), 3));
    let of = |change: fn(&mut DeviceFilter)| {
        let mut filter = DeviceFilter::default();
        change(&mut filter);
        filter
    };
    let filtered = [
        (
            of(|filter| filter.product_id = Some("two".to_owned())),
            "grandkid",
        ),
        (of(|filter| filter.gateway_id = Some("gw".to_owned())), "kid"),
        (
            of(|filter| (filter.gateway_id, filter.cascade) = (Some("gw".to_owned()), true)),
            "grandkid kid",
        ),
        (of(|filter| filter.node_id = Some("node-kid".to_owned())), "kid"),
        (of(|filter| filter.name = Some("name-of-gw".to_owned())), "gw"),
        (of(|filter| filter.app_id = Some("none".to_owned())), ""),
        (of(|filter| filter.created_from = Some(NOW.plus_millis(1))), ""),
        (of(|filter| filter.created_to = Some(NOW)), "grandkid kid gw"),
    ];
    for (filter, expected) in filtered {
        assert_eq!(ids(filter.clone(), PAGE).await.0, expected, "{filter:?}");
    }
}

pub async fn a_description_outlives_its_device(bed: Bed) {
    let product = bed.product("p").await;
    bed.device("gw", product.key, None).await;
    let kid = bed.device("kid", product.key, Some("gw")).await;
    bed.stores
        .registry
        .delete_device(kid.key, told("x"))
        .await
        .unwrap();
    let described = bed.stores.log.describe(&[kid.version]).await.unwrap();
    let description = &described[&kid.version];
    assert_eq!(description.device_id, "kid");
    assert_eq!(description.gateway_id, "gw");
    assert_eq!(description.node_id, "node-kid");
    assert_eq!(description.product_id, "p");
    assert_eq!(description.tags, None);
}

fn access_key(access_key: &str, created: Timestamp) -> AccessKey {
    AccessKey {
        access_key: access_key.to_owned(),
        name: "someone".to_owned(),
        role: Role::Reader,
        secret: Secret::new("a-secret-key".to_owned()),
        disabled: false,
        created,
    }
}

pub async fn access_keys_are_found_again(bed: Bed) {
    let key = access_key("AK", NOW);
    bed.stores.settings.create_key(&key, &noted()).await.unwrap();
    let bed = bed.reopened().await;
    let found = bed.stores.settings.key("AK").await.unwrap().unwrap();
    assert_eq!(
        (found.name, found.role, found.disabled),
        (key.name, key.role, false)
    );
    assert_eq!(found.secret.expose(), "a-secret-key");
    assert!(bed.stores.settings.key("BK").await.unwrap().is_none());
}

pub async fn access_keys_are_listed_disabled_and_deleted(bed: Bed) {
    let settings = bed.stores.settings.clone();
    for (id, created) in [("AK-B", NOW), ("AK-A", NOW), ("AK-0", NOW.plus_millis(1))] {
        settings
            .create_key(&access_key(id, created), &noted())
            .await
            .unwrap();
    }
    // One access key names one key; its name may repeat.
    assert!(
        settings
            .create_key(&access_key("AK-A", NOW), &noted())
            .await
            .is_err()
    );
    assert!(settings.set_key_disabled("AK-B", true, &noted()).await.unwrap());
    assert!(!settings.set_key_disabled("AK-X", true, &noted()).await.unwrap());
    let listed = settings.list_keys().await.unwrap();
    let shown: Vec<_> = listed
        .iter()
        .map(|key| (key.access_key.as_str(), key.disabled))
        .collect();
    assert_eq!(shown, [("AK-A", false), ("AK-B", true), ("AK-0", false)]);
    let ListedKey {
        name, role, created, ..
    } = &listed[2];
    assert_eq!(
        (name.as_str(), *role, *created),
        ("someone", Role::Reader, NOW.plus_millis(1))
    );
    assert!(settings.key("AK-B").await.unwrap().unwrap().disabled);
    assert!(settings.set_key_disabled("AK-B", false, &noted()).await.unwrap());
    assert!(settings.set_key_disabled("AK-B", false, &noted()).await.unwrap());
    assert!(!settings.key("AK-B").await.unwrap().unwrap().disabled);
    assert!(settings.delete_key("AK-B", &noted()).await.unwrap());
    assert!(!settings.delete_key("AK-B", &noted()).await.unwrap());
    assert!(settings.key("AK-B").await.unwrap().is_none());
    assert_eq!(settings.list_keys().await.unwrap().len(), 2);
}
