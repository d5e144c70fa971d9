//! What SQLite means to do for lists, searches and queries by tags: indexes find the devices, and where one gives them in
//! their order, nothing is sorted.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite as Database};
use tempfile::TempDir;

use super::registry::page_query;
use super::{SqliteSynchronous, connect, migrations, rows, search};
use crate::domain::clock::Timestamp;
use crate::domain::device_search::DeviceSearch;
use crate::storage::{DeviceFilter, PageRequest, Tag};

const PAGE: PageRequest = PageRequest {
    before: 1000,
    offset: 10,
    limit: 10,
};

/// The lines of a plan that tell how devices are found: those of the joins behind it left out.
async fn plan(folder: &TempDir, query: &QueryBuilder<Database>) -> Vec<String> {
    let path = folder.path().join("plans.db");
    let beside = folder.path().join("beside.db");
    let mut connection = connect(&path, SqliteSynchronous::Full).await.unwrap();
    migrations::run(&mut connection, &path, migrations::MAIN)
        .await
        .unwrap();
    let mut second = connect(&beside, SqliteSynchronous::Normal).await.unwrap();
    migrations::run(&mut second, &beside, migrations::FOLLOWERS)
        .await
        .unwrap();
    second.close().await.unwrap();
    sqlx::query("ATTACH DATABASE ? AS followers")
        .bind(beside.display().to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
    let found = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let lines = found
        .iter()
        .map(|row| row.try_get::<String, _>("detail").unwrap());
    lines.collect()
}

fn list(filter: &DeviceFilter, products: &[i64]) -> QueryBuilder<Database> {
    let products: HashMap<_, _> = HashMap::from([("p".to_owned(), products.to_vec())]);
    page_query(rows::DEVICE, ("devices d", "d.device_key"), PAGE, |query| {
        search::push_filter(query, filter, &products);
    })
}

fn tagged(text: &str) -> QueryBuilder<Database> {
    let tags: Vec<_> = text
        .split(' ')
        .map(|word| Tag {
            tag_key: word.to_owned(),
            tag_value: word.strip_prefix('=').map(str::to_owned),
        })
        .collect();
    page_query(rows::DEVICE, ("devices d", "d.device_key"), PAGE, |query| {
        search::push_any_tag(query, &tags);
    })
}

fn searched(conditions: &str) -> QueryBuilder<Database> {
    let search = DeviceSearch::parse(&format!("select * from device where {conditions}")).unwrap();
    let products = search::product_ids(&search);
    let context = search::Context {
        online_since: Timestamp(0),
        products: products.into_iter().map(|id| (id, vec![1])).collect(),
    };
    search::query(&search, &context)
}

fn by(set: impl FnOnce(&mut DeviceFilter, Option<String>)) -> DeviceFilter {
    let mut filter = DeviceFilter::default();
    set(&mut filter, Some("p".to_owned()));
    filter
}

#[tokio::test]
async fn lists_searches_and_tags_are_found_by_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let key = "SEARCH d USING INTEGER PRIMARY KEY (rowid<?)";
    let own = "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)";
    let gateway = by(|filter, value| {
        filter.gateway_id = value;
        filter.cascade = true;
    });
    // The query, how devices are found, and whether they have to be sorted.
    let cases = [
        (list(&DeviceFilter::default(), &[]), key, false),
        (
            list(&by(|filter, value| filter.app_id = value), &[]),
            "devices_by_app (app_key=? AND rowid<?)",
            false,
        ),
        (
            list(&by(|filter, value| filter.product_id = value), &[1]),
            "devices_by_product (product_key=? AND rowid<?)",
            false,
        ),
        (
            list(&by(|filter, value| filter.product_id = value), &[1, 2]),
            "devices_by_product (product_key=? AND rowid<?)",
            true,
        ),
        (
            list(&by(|filter, value| filter.node_id = value), &[]),
            "devices_by_node (node_id=? AND rowid<?)",
            false,
        ),
        (
            list(&by(|filter, value| filter.name = value), &[]),
            "devices_by_name (name=? AND rowid<?)",
            false,
        ),
        (
            list(&by(|filter, value| filter.gateway_id = value), &[]),
            "devices_by_gateway (gateway_key=? AND rowid<?)",
            false,
        ),
        (
            list(&gateway, &[]),
            "devices_by_gateway (gateway_key=? AND rowid<?)",
            true,
        ),
        (tagged("a"), "device_tags_by_tag (tag_key=?)", false),
        (tagged("a =b c"), "device_tags_by_tag (tag_key=?", false),
        (searched("device_id = 'p'"), "(device_id=?)", false),
        (
            searched("product_id = 'p'"),
            "devices_by_product (product_key=?)",
            false,
        ),
        (searched("device_name = 'p'"), "devices_by_name (name=?)", false),
        (
            searched("device_name like 'pppp%'"),
            "devices_by_name (name>? AND name<?)",
            true,
        ),
        (
            searched("node_id = 'p' and status = 'ONLINE'"),
            "devices_by_node (node_id=?)",
            false,
        ),
        (
            searched("gateway_id = 'p'"),
            "devices_by_gateway (gateway_key=?)",
            true,
        ),
        (
            searched("tag_key = 'a' and tag_value = 'b'"),
            "device_tags_by_tag (tag_key=? AND tag_value=?)",
            false,
        ),
        (searched("marker < '00000000000000000000000a'"), key, false),
        // Nothing but a look at each device in its order, up to the limit.
        (searched("status = 'ONLINE'"), "SCAN d", false),
    ];
    for (query, found, sorted) in &cases {
        let plan = plan(&folder, query).await;
        let sql = query.sql();
        let sql = sql.as_str();
        assert!(plan.iter().any(|line| line.contains(found)), "{sql}\n{plan:#?}");
        let sorts = plan.iter().filter(|line| line.contains("TEMP B-TREE"));
        assert_eq!(sorts.count() > 0, *sorted, "{sql}\n{plan:#?}");
        let scans = plan.iter().filter(|line| line.starts_with("SCAN "));
        assert_eq!(scans.count(), usize::from(*found == "SCAN d"), "{sql}\n{plan:#?}");
        assert!(
            plan.iter().any(|line| line == own),
            "the page is joined by key: {plan:#?}"
        );
    }
}
