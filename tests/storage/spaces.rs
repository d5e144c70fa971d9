//! Resource spaces, and lists narrowed by them.

use std::collections::BTreeSet;

use fieldgate::domain::ids::{AppId, CertificateId, ProductId, RuleId};
use fieldgate::storage::{
    App, AppDeletion, DeviceFilter, NewRule, PageRequest, ProductCreation, ProductDeletion, ProductFilter,
    RuleText,
};

use crate::bed::{Bed, NOW, PAGE, device_id, new_product, told};

fn app_id(text: &str) -> AppId {
    AppId::parse(text).unwrap()
}

async fn made(bed: &Bed, id: &str) -> App {
    let registry = &bed.stores.registry;
    let name = format!("name of {id}");
    registry.create_app(app_id(id), name, told("")).await.unwrap()
}

fn ids(apps: &[App]) -> Vec<&str> {
    apps.iter().map(|app| app.app_id.as_str()).collect()
}

pub async fn spaces_are_made_listed_and_renamed(bed: Bed) {
    let registry = &bed.stores.registry;
    let default = registry.default_app().await.unwrap();
    let second = made(&bed, "second").await;
    made(&bed, "third").await;
    assert_eq!(
        (second.name.as_str(), second.is_default, second.created),
        ("name of second", false, NOW)
    );
    let all = registry.list_apps(None).await.unwrap();
    assert_eq!(ids(&all), [default.app_id.as_str(), "second", "third"]);
    assert_eq!(registry.list_apps(Some(true)).await.unwrap(), [default]);
    let others = registry.list_apps(Some(false)).await.unwrap();
    assert_eq!(ids(&others), ["second", "third"]);
    let renamed = registry
        .rename_app(app_id("second"), "another".to_owned(), told(""))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        renamed,
        App {
            name: "another".to_owned(),
            ..second
        }
    );
    let nobody = registry.rename_app(app_id("nobody"), "x".to_owned(), told(""));
    assert_eq!(nobody.await.unwrap(), None);
    let bed = bed.reopened().await;
    let found = bed.stores.registry.app(&app_id("second")).await.unwrap();
    assert_eq!(found, Some(renamed));
    assert_eq!(bed.kinds().await, [], "spaces have no events");
}

pub async fn a_space_goes_only_when_it_is_empty_and_not_the_default(bed: Bed) {
    let registry = &bed.stores.registry;
    let default = registry.default_app().await.unwrap();
    made(&bed, "second").await;
    let product = new_product("p", app_id("second"));
    let ProductCreation::Created(product) = registry.create_product(product, told("")).await.unwrap() else {
        panic!("the product was not made");
    };
    let delete = async |id: &AppId| registry.delete_app(id.clone(), told("")).await.unwrap();
    assert_eq!(delete(&default.app_id).await, AppDeletion::IsDefault);
    assert_eq!(delete(&app_id("second")).await, AppDeletion::HasProducts);
    assert_eq!(delete(&app_id("nobody")).await, AppDeletion::NotFound);
    assert_eq!(registry.list_apps(None).await.unwrap().len(), 2);
    let gone = registry.delete_product(product.key, told("")).await.unwrap();
    assert_eq!(gone, ProductDeletion::Deleted);
    let rules = &bed.stores.rules;
    let pem = "a CA".to_owned();
    let ca = CertificateId::parse("ca").unwrap();
    let added = rules.create_certificate(ca.clone(), Some(app_id("second")), pem, told(""));
    added.await.unwrap();
    let rule_id = RuleId::parse("r").unwrap();
    let rule = NewRule {
        rule_id: rule_id.clone(),
        text: RuleText {
            name: None,
            description: None,
            resource: "device".to_owned(),
            event: "create".to_owned(),
            app_id: Some(app_id("second")),
            select: String::new(),
            condition: String::new(),
        },
    };
    rules.create_rule(rule, told("")).await.unwrap();
    assert_eq!(
        delete(&app_id("second")).await,
        AppDeletion::HasRule(rule_id.clone())
    );
    assert!(rules.delete_rule(&rule_id, told("")).await.unwrap());
    assert_eq!(
        delete(&app_id("second")).await,
        AppDeletion::HasCertificate(ca.clone())
    );
    assert!(rules.delete_certificate(&ca, told("")).await.unwrap());
    assert_eq!(delete(&app_id("second")).await, AppDeletion::Deleted);
    assert_eq!(registry.app(&app_id("second")).await.unwrap(), None);
    let lost = new_product("p", app_id("second"));
    let lost = registry.create_product(lost, told("")).await.unwrap();
    assert!(matches!(lost, ProductCreation::NoApp), "{lost:?}");
}

pub async fn a_product_id_stands_once_in_each_space(bed: Bed) {
    let registry = &bed.stores.registry;
    made(&bed, "second").await;
    made(&bed, "third").await;
    let create = async |app: &AppId| {
        let product = new_product("p", app.clone());
        match registry.create_product(product, told("")).await.unwrap() {
            ProductCreation::Created(product) => Some(product.key),
            _ => None,
        }
    };
    let in_second = create(&app_id("second")).await.unwrap();
    let in_third = create(&app_id("third")).await.unwrap();
    assert_eq!(create(&app_id("third")).await, None);
    let find = async |app: Option<&AppId>| {
        let id = ProductId::parse("p").unwrap();
        let found = registry.product(&id, app).await.unwrap();
        found.map(|product| product.key)
    };
    assert_eq!(find(None).await, Some(in_second), "the earliest made");
    assert_eq!(find(Some(&app_id("third"))).await, Some(in_third));
    let default = registry.default_app().await.unwrap().app_id;
    assert_eq!(find(Some(&default)).await, None);
    let in_default = create(&default).await;
    assert_eq!(find(None).await, in_default, "the default space's comes first");
    let filter = |app: &str| ProductFilter {
        app_id: Some(app.to_owned()),
        name: Some("name of p".to_owned()),
    };
    let third = registry.list_products(&filter("third"), PAGE).await.unwrap();
    assert_eq!((third.total, third.items[0].key), (1, in_third));
    let none = registry.list_products(&filter("nobody"), PAGE).await.unwrap();
    assert_eq!((none.total, none.items.len()), (0, 0));
}

/// Two spaces with a product of one id, and 120 devices, every third in the second space.
async fn fleet(bed: &Bed) {
    made(bed, "second").await;
    let first = bed.product("p").await;
    let product = new_product("p", app_id("second"));
    let product = bed
        .stores
        .registry
        .create_product(product, told(""))
        .await
        .unwrap();
    let ProductCreation::Created(second) = product else {
        panic!("the product was not made");
    };
    for n in 0..120 {
        let product = if n % 3 == 2 { second.key } else { first.key };
        bed.device(&format!("d{n:03}"), product, None).await;
    }
}

async fn walk(bed: &Bed, filter: &DeviceFilter, limit: u32, offset: u32) -> Vec<String> {
    let (mut seen, mut before) = (Vec::new(), i64::MAX);
    loop {
        let page = PageRequest {
            before,
            offset,
            limit,
        };
        let page = bed.stores.registry.list_devices(filter, page).await.unwrap();
        let Some(last) = page.items.last() else {
            return seen;
        };
        before = last.key.0;
        seen.extend(page.items.iter().map(|device| device.device_id.to_string()));
    }
}

pub async fn pages_of_devices_have_no_gap_and_no_duplicate(bed: Bed) {
    fleet(&bed).await;
    let of = |app: Option<&str>| DeviceFilter {
        app_id: app.map(str::to_owned),
        ..DeviceFilter::default()
    };
    let default = bed.stores.registry.default_app().await.unwrap().app_id;
    for (filter, expected) in [
        (of(None), 120),
        (of(Some("second")), 40),
        (of(Some(default.as_str())), 80),
        (of(Some("nobody")), 0),
        (
            DeviceFilter {
                product_id: Some("p".to_owned()),
                ..of(None)
            },
            120,
        ),
        (
            DeviceFilter {
                product_id: Some("p".to_owned()),
                ..of(Some("second"))
            },
            40,
        ),
    ] {
        for limit in [1, 7, 50] {
            let seen = walk(&bed, &filter, limit, 0).await;
            assert_eq!(seen.len(), expected, "{filter:?} by {limit}");
            let distinct: BTreeSet<_> = seen.iter().collect();
            assert_eq!(distinct.len(), expected, "{filter:?} by {limit}");
            assert!(
                seen.windows(2).all(|pair| pair[0] > pair[1]),
                "not the newest first: {seen:?}"
            );
        }
        // By offset alone, and by a marker with an offset behind it.
        let whole = walk(&bed, &filter, 50, 0).await;
        for (skip, offset) in [(0_usize, 45_u32), (0, 119), (5, 3), (0, 500)] {
            let before = match skip.checked_sub(1).and_then(|at| whole.get(at)) {
                None => i64::MAX,
                Some(id) => {
                    let device = bed.stores.registry.device(&device_id(id)).await.unwrap();
                    device.unwrap().key.0
                }
            };
            let page = PageRequest {
                before,
                offset,
                limit: 10,
            };
            let page = bed.stores.registry.list_devices(&filter, page).await.unwrap();
            let shown: Vec<_> = page
                .items
                .iter()
                .map(|device| device.device_id.to_string())
                .collect();
            let skip = if before == i64::MAX { 0 } else { skip };
            let from = (skip + offset as usize).min(whole.len());
            let to = (from + 10).min(whole.len());
            assert_eq!(shown, whole[from..to], "{filter:?} {skip} {offset}");
            assert_eq!(page.total, i64::try_from(expected).unwrap());
        }
    }
}

pub async fn devices_are_listed_by_gateway_name_node_and_time(bed: Bed) {
    let product = bed.product("p").await;
    for (id, gateway) in [
        ("gw", None),
        ("kid", Some("gw")),
        ("grandkid", Some("kid")),
        ("other", None),
    ] {
        bed.device(id, product.key, gateway).await;
    }
    let every = DeviceFilter::default();
    let gateway = |cascade: bool| DeviceFilter {
        gateway_id: Some("gw".to_owned()),
        cascade,
        ..every.clone()
    };
    let after = DeviceFilter {
        created_from: Some(NOW.plus_millis(1)),
        ..every.clone()
    };
    let within = DeviceFilter {
        created_from: Some(NOW),
        created_to: Some(NOW),
        ..every.clone()
    };
    let named = DeviceFilter {
        name: Some("name-of-kid".to_owned()),
        ..every.clone()
    };
    let node = DeviceFilter {
        node_id: Some("node-other".to_owned()),
        ..every.clone()
    };
    let flag_alone = DeviceFilter {
        cascade: true,
        ..every.clone()
    };
    let both = DeviceFilter {
        name: Some("name-of-grandkid".to_owned()),
        ..gateway(true)
    };
    for (filter, expected) in [
        (every.clone(), "other grandkid kid gw"),
        (gateway(false), "kid"),
        (gateway(true), "grandkid kid"),
        (after, ""),
        (within, "other grandkid kid gw"),
        (named, "kid"),
        (node, "other"),
        (flag_alone, "other grandkid kid gw"),
        (both, "grandkid"),
    ] {
        let page = bed.stores.registry.list_devices(&filter, PAGE).await.unwrap();
        let shown: Vec<_> = page
            .items
            .iter()
            .map(|device| device.device_id.to_string())
            .collect();
        assert_eq!(shown.join(" "), expected, "{filter:?}");
        assert_eq!(page.total, i64::try_from(shown.len()).unwrap());
    }
}
