//! What lists, searches and queries by tag of the registry cost with 1,000 and with 100,000 devices: `scripts/verify registry`.
//!
//! `registry [FEW MANY]` fills a database of each size through storage, and prints each operation's median time at both
//! sizes with their ratio, and a deep page's beside the first one's. It fails where the depth of a page costs more than
//! twice the first page.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fieldgate::auth::secret::Secret;
use fieldgate::auth::secret_box::{MasterKey, SecretBox};
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::device_search::DeviceSearch;
use fieldgate::domain::ids::{DeviceId, NodeId, ProductId, ProductKey, RequestId};
use fieldgate::lifecycle::Lifecycle;
use fieldgate::observability::Metrics;
use fieldgate::storage::sqlite::{SqliteOptions, open};
use fieldgate::storage::writer::WriterLimits;
use fieldgate::storage::{
    AuthType, Change, Deed, DeviceCreation, DeviceFilter, NewDevice, NewProduct, PageRequest, Payload,
    ProductAttributes, ProductCreation, Stores, Tag,
};
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const NOW: Timestamp = Timestamp(1_795_421_730_000);

/// How many creations wait for the writer at once.
const AT_ONCE: usize = 256;

/// Every so many devices have a tag, and another product.
const RARE: usize = 100;

/// How often each operation is measured.
const TIMES: usize = 21;

/// How much more than the first page a deep one may cost.
const DEEP: f64 = 2.0;

#[tokio::main]
async fn main() -> Result<()> {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let (few, many) = match sizes.as_slice() {
        [few, many] => (*few, *many),
        _ => (1000, 100_000),
    };
    let one = measured(few).await?;
    let other = measured(many).await?;
    line(&format!("{:<44} {few:>12} {many:>12}   ratio", "median, µs"));
    for ((name, before), (_, after)) in one.iter().zip(&other) {
        let ratio = after / before;
        line(&format!("{name:<44} {before:>12.0} {after:>12.0} {ratio:>7.1}"));
    }
    let mut too_deep = false;
    for (size, times) in [(few, &one), (many, &other)] {
        let of = |wanted: &str| {
            times
                .iter()
                .find(|(name, _)| *name == wanted)
                .map_or(0.0, |(_, time)| *time)
        };
        for (first, deep) in [
            (FIRST, LAST),
            (FIRST_OF_PRODUCT, LAST_OF_PRODUCT),
            (FIRST_OF_TAG, LAST_OF_TAG),
        ] {
            let ratio = of(deep) / of(first);
            line(&format!("{size} devices: {deep} costs {ratio:.2} of {first}"));
            too_deep |= ratio > DEEP;
        }
    }
    if too_deep {
        return Err("a page's depth costs too much".into());
    }
    Ok(())
}

const FIRST: &str = "list, first page";
const LAST: &str = "list, deepest page (marker and offset 500)";
const FIRST_OF_PRODUCT: &str = "list by product, first page";
const LAST_OF_PRODUCT: &str = "list by product, deepest page";
const FIRST_OF_TAG: &str = "query by tag, first page";
const LAST_OF_TAG: &str = "query by tag, deepest page";

/// The median time of each operation on so many devices, in microseconds.
async fn measured(count: usize) -> Result<Vec<(&'static str, f64)>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/bench.db", folder.path().display());
    let lifecycle = Lifecycle::new();
    let options = SqliteOptions {
        metrics: Arc::new(Metrics::new()?),
        writer: WriterLimits {
            queue_rows: 20_000,
            queue_bytes: 1 << 26,
            batch_rows: 1000,
            batch_bytes: 1 << 22,
            commit_timeout: Duration::from_mins(1),
        },
        read_connections: 4,
    };
    let secrets = Arc::new(SecretBox::new(&MasterKey::parse(&"5a".repeat(32))?));
    let stores = open(&url, options, secrets, &lifecycle, NOW).await?;
    let started = Instant::now();
    fill(&stores, count).await?;
    let seconds = started.elapsed().as_secs_f64();
    line(&format!("{count} devices registered in {seconds:.1} s"));
    let times = operations(&stores, count).await?;
    stores.log.close().await;
    lifecycle.shutdown();
    lifecycle.drain(Duration::from_secs(10)).await;
    Ok(times)
}

async fn operations(stores: &Stores, count: usize) -> Result<Vec<(&'static str, f64)>> {
    let registry = &stores.registry;
    let all = DeviceFilter::default();
    let of_product = |id: &str| DeviceFilter {
        product_id: Some(id.to_owned()),
        ..DeviceFilter::default()
    };
    let (common, rare) = (of_product("common"), of_product("rare"));
    let named = DeviceFilter {
        name: Some(format!("name-{}", count / 2)),
        ..DeviceFilter::default()
    };
    let tags = [Tag {
        tag_key: "rare".to_owned(),
        tag_value: None,
    }];
    let first = PageRequest {
        before: i64::MAX,
        offset: 0,
        limit: 10,
    };
    // As deep as paging goes: close above the last records.
    let deep = PageRequest {
        before: 520,
        offset: 500,
        ..first
    };
    let tag_deep = PageRequest {
        before: 1 + 3 * i64::try_from(RARE)?,
        ..first
    };
    let search = |conditions: &str| DeviceSearch::parse(&format!("select * from device where {conditions}"));
    let by_product = search("product_id = 'common' and status = 'INACTIVE'")?;
    let by_name = search(&format!("device_name like 'name-{}%'", count / 2))?;
    let by_tag = search("tag_key = 'rare' and tag_value = '7'")?;
    let online = search("status = 'ONLINE'")?;
    Ok(vec![
        (FIRST, median(|| registry.list_devices(&all, first)).await?),
        (LAST, median(|| registry.list_devices(&all, deep)).await?),
        (
            FIRST_OF_PRODUCT,
            median(|| registry.list_devices(&common, first)).await?,
        ),
        (
            LAST_OF_PRODUCT,
            median(|| registry.list_devices(&common, deep)).await?,
        ),
        (
            "list by a small product",
            median(|| registry.list_devices(&rare, first)).await?,
        ),
        (
            "list by name",
            median(|| registry.list_devices(&named, first)).await?,
        ),
        (
            FIRST_OF_TAG,
            median(|| registry.devices_by_tag(&tags, first)).await?,
        ),
        (
            LAST_OF_TAG,
            median(|| registry.devices_by_tag(&tags, tag_deep)).await?,
        ),
        (
            "search by product and status",
            median(|| registry.search_devices(&by_product, NOW)).await?,
        ),
        (
            "search by the beginning of a name",
            median(|| registry.search_devices(&by_name, NOW)).await?,
        ),
        (
            "search by tag",
            median(|| registry.search_devices(&by_tag, NOW)).await?,
        ),
        (
            "search by status alone, nothing found",
            median(|| registry.search_devices(&online, NOW)).await?,
        ),
        (
            "count by product and status",
            median(|| registry.count_devices(&by_product, NOW)).await?,
        ),
    ])
}

async fn median<T, F>(operation: impl Fn() -> F) -> Result<f64>
where
    F: Future<Output = fieldgate::storage::Result<T>>,
{
    let mut times = Vec::with_capacity(TIMES);
    operation().await?;
    for _ in 0..TIMES {
        let started = Instant::now();
        operation().await?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times
        .get(TIMES / 2)
        .copied()
        .ok_or_else(|| "nothing was measured".into())
}

async fn fill(stores: &Stores, count: usize) -> Result<()> {
    let (common, rare) = (product(stores, "common").await?, product(stores, "rare").await?);
    let mut making = JoinSet::new();
    for number in 1..=count {
        if making.len() >= AT_ONCE
            && let Some(made) = making.join_next().await
        {
            made??;
        }
        let product = if number.is_multiple_of(RARE) { rare } else { common };
        making.spawn(device(stores.clone(), number, product));
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    Ok(())
}

async fn device(stores: Stores, number: usize, product: ProductKey) -> Result<()> {
    let new = NewDevice {
        device_id: DeviceId::parse(&format!("device-{number}"))?,
        node_id: NodeId::parse(&format!("node-{number}"))?,
        product,
        gateway: None,
        name: Some(format!("name-{number}")),
        description: None,
        extension_info: None,
        auth_type: AuthType::Secret,
        secret: Secret::new("a-secret-of-it".to_owned()),
        fingerprint: None,
        secure_access: true,
        timeout_seconds: 0,
        desired: None,
    };
    let DeviceCreation::Created(made) = stores.registry.create_device(new, change()).await? else {
        return Err("a device was not made".into());
    };
    if number.is_multiple_of(RARE) {
        let tag = Tag {
            tag_key: "rare".to_owned(),
            tag_value: Some((number / RARE % 10).to_string()),
        };
        stores
            .registry
            .bind_tags(made.key, vec![tag], 10, change())
            .await?;
    }
    Ok(())
}

async fn product(stores: &Stores, id: &str) -> Result<ProductKey> {
    let new = NewProduct {
        product_id: ProductId::parse(id)?,
        app_id: stores.registry.default_app().await?.app_id,
        attributes: ProductAttributes {
            name: id.to_owned(),
            device_type: "Meter".to_owned(),
            protocol_type: "HTTPS".to_owned(),
            data_format: "json".to_owned(),
            manufacturer_name: None,
            industry: None,
            description: None,
            service_capabilities: "[]".to_owned(),
            validation_mode: None,
            require_sign_type_1: false,
        },
    };
    match stores.registry.create_product(new, change()).await? {
        ProductCreation::Created(product) => Ok(product.key),
        _ => Err("a product was not made".into()),
    }
}

fn change<T>() -> Change<T> {
    Change {
        at: NOW,
        request_id: RequestId::new(NOW, [0; 10]),
        deed: Deed {
            actor: "bench".to_owned(),
            action: "fill".to_owned(),
            resource: "/".to_owned(),
            from: "local".to_owned(),
        },
        payload: Payload::empty(),
    }
}

fn line(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Whoever reads no further does not want the rest.
    let _ = writeln!(out, "{text}");
}
