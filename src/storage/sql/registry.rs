//! Resource spaces, products and devices: reads through the pool, changes through the writer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::changes::Change;
use super::{Columns, SqlStore, Statement, rows, search};
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::device_search::DeviceSearch;
use crate::domain::event::EventKind;
use crate::domain::ids::{AppId, DeviceId, DeviceKey, Position, ProductId, ProductKey};
use crate::storage::{
    AnyTag, App, AppDeletion, Change as Told, Device, DeviceCreation, DeviceDeletion, DeviceFilter,
    DevicePatch, FreezeOutcome, GatewayChange, NewDevice, NewProduct, Page, PageRequest, Product,
    ProductCreation, ProductDeletion, ProductFilter, ProductPatch, Registry, RegistryListener, Result,
    ShadowChange, Slot, StoreError, Tag, TagChange,
};

/// One page: found on the table alone, by its key, so that its depth costs nothing, and joined then.
pub(in crate::storage) fn page_query(
    select: &'static str,
    (table, key): (&str, &str),
    page: PageRequest,
    conditions: impl Fn(&mut Statement),
) -> Statement {
    let mut query = Statement::new(select);
    query.push(format!(
        " WHERE {key} IN (SELECT {key} FROM {table} WHERE {key} < "
    ));
    query.push_bind(page.before);
    conditions(&mut query);
    query.push(format!(" ORDER BY {key} DESC LIMIT "));
    query
        .push_bind(page.limit)
        .push(" OFFSET ")
        .push_bind(page.offset);
    query.push(format!(") ORDER BY {key} DESC"));
    query
}

/// The rows of one page of a table, joined as `select` says, and how many match in all.
pub(super) async fn page_of<S: SqlStore>(
    store: &S,
    select: &'static str,
    (table, key): (&str, &str),
    page: PageRequest,
    conditions: impl Fn(&mut Statement) + Send + Sync,
) -> Result<(Vec<S::Row>, i64)> {
    let query = page_query(select, (table, key), page, &conditions);
    let found = store.rows(query).await?;
    let mut count = Statement::new(format!("SELECT count(*) FROM {table} WHERE 1 = 1"));
    conditions(&mut count);
    Ok((found, store.number(count).await?))
}

async fn devices<S: SqlStore>(store: &S, query: Statement) -> Result<Vec<Device>> {
    let found = store.rows(query).await?;
    let device = |row| rows::device(row, store.secrets());
    found.iter().map(device).collect()
}

/// The keys of the products of these ids.
async fn product_keys<S: SqlStore>(store: &S, ids: &[String]) -> Result<search::ProductKeys> {
    let mut keys = search::ProductKeys::new();
    for id in ids {
        let query = Statement::new("SELECT product_key FROM products WHERE product_id = $1").bind(id);
        let found = store.rows(query).await?;
        let found = found.iter().map(|row| row.int_at(0)).collect::<Result<_>>()?;
        keys.insert(id.clone(), found);
    }
    Ok(keys)
}

async fn search_context<S: SqlStore>(
    store: &S,
    search: &DeviceSearch,
    online_since: Timestamp,
) -> Result<search::Context> {
    Ok(search::Context {
        activity: S::ACTIVITY,
        online_since,
        products: product_keys(store, &search::product_ids(search)).await?,
    })
}

#[async_trait]
impl<S: SqlStore> Registry for S {
    async fn default_app(&self) -> Result<App> {
        let row = self
            .row(Statement::new("SELECT * FROM apps WHERE is_default"))
            .await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("there is no default space".to_owned()))?;
        rows::app(&row)
    }

    async fn app(&self, app_id: &AppId) -> Result<Option<App>> {
        let row = Statement::new("SELECT * FROM apps WHERE app_id = $1").bind(app_id.as_str());
        let row = self.row(row).await?;
        row.map(|row| rows::app(&row)).transpose()
    }

    async fn list_apps(&self, is_default: Option<bool>) -> Result<Vec<App>> {
        let found =
            Statement::new("SELECT * FROM apps WHERE is_default = coalesce($1, is_default) ORDER BY app_key")
                .bind(is_default);
        self.rows(found).await?.iter().map(rows::app).collect()
    }

    async fn create_app(&self, app_id: AppId, name: String, change: Told<App>) -> Result<App> {
        self.change(Change::CreateApp(app_id, name, change), 0).await
    }

    async fn rename_app(&self, app_id: AppId, name: String, change: Told<App>) -> Result<Option<App>> {
        self.change(Change::RenameApp(app_id, name, change), 0).await
    }

    async fn delete_app(&self, app_id: AppId, change: Told<App>) -> Result<AppDeletion> {
        self.change(Change::DeleteApp(app_id, change), 0).await
    }

    async fn create_product(&self, product: NewProduct, change: Told<Product>) -> Result<ProductCreation> {
        let bytes = product.attributes.service_capabilities.len() * 2;
        self.change(Change::CreateProduct(Box::new(product), change), bytes)
            .await
    }

    async fn product(&self, product_id: &ProductId, app: Option<&AppId>) -> Result<Option<Product>> {
        let mut query = Statement::new(rows::PRODUCT);
        query
            .push(" WHERE p.product_id = ")
            .push_bind(product_id.as_str().to_owned());
        if let Some(app) = app {
            query.push(" AND a.app_id = ").push_bind(app.as_str().to_owned());
        }
        query.push(" ORDER BY a.is_default DESC, p.product_key LIMIT 1");
        self.row(query).await?.map(|row| rows::product(&row)).transpose()
    }

    async fn product_by_key(&self, key: ProductKey) -> Result<Option<Product>> {
        let sql = format!("{} WHERE p.product_key = $1", rows::PRODUCT);
        let row = Statement::new(sql).bind(key.0);
        let row = self.row(row).await?;
        row.map(|row| rows::product(&row)).transpose()
    }

    async fn list_products(&self, filter: &ProductFilter, page: PageRequest) -> Result<Page<Product>> {
        let conditions = |query: &mut Statement| {
            if let Some(app_id) = &filter.app_id {
                query.push(" AND p.app_key = (SELECT app_key FROM apps WHERE app_id = ");
                query.push_bind(app_id.clone()).push(")");
            }
            if let Some(name) = &filter.name {
                query.push(" AND p.name = ").push_bind(name.clone());
            }
        };
        let (found, total) = page_of(
            self,
            rows::PRODUCT,
            ("products p", "p.product_key"),
            page,
            conditions,
        )
        .await?;
        let items = found.iter().map(rows::product).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_product(
        &self,
        key: ProductKey,
        patch: ProductPatch,
        change: Told<Product>,
    ) -> Result<Option<Product>> {
        let bytes = patch.service_capabilities.as_ref().map_or(0, String::len) * 2;
        self.change(Change::UpdateProduct(key, Box::new(patch), change), bytes)
            .await
    }

    async fn delete_product(&self, key: ProductKey, change: Told<Product>) -> Result<ProductDeletion> {
        self.change(Change::DeleteProduct(key, change), 0).await
    }

    async fn create_device(&self, device: NewDevice, change: Told<Device>) -> Result<DeviceCreation> {
        let bytes = 4096 + device.desired.as_ref().map_or(0, Bytes::len);
        self.change(Change::CreateDevice(Box::new(device), change), bytes)
            .await
    }

    async fn device(&self, device_id: &DeviceId) -> Result<Option<Device>> {
        let sql = format!("{} WHERE d.device_id = $1", rows::DEVICE);
        let row = Statement::new(sql).bind(device_id.as_str());
        let row = self.row(row).await?;
        row.map(|row| rows::device(&row, self.secrets())).transpose()
    }

    async fn devices_by_key(&self, keys: &[DeviceKey]) -> Result<Vec<Device>> {
        let list: Vec<_> = keys.iter().map(|key| key.0.to_string()).collect();
        let sql = format!("{} WHERE d.device_key IN ({})", rows::DEVICE, list.join(","));
        devices(self, Statement::new(sql)).await
    }

    async fn list_devices(&self, filter: &DeviceFilter, page: PageRequest) -> Result<Page<Device>> {
        let products = product_keys(self, filter.product_id.as_slice()).await?;
        let conditions = |query: &mut Statement| search::push_filter(query, filter, &products);
        let (found, total) = page_of(
            self,
            rows::DEVICE,
            ("devices d", "d.device_key"),
            page,
            conditions,
        )
        .await?;
        let items = found
            .iter()
            .map(|row| rows::device(row, self.secrets()))
            .collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn search_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<Vec<Device>> {
        let context = search_context(self, search, online_since).await?;
        devices(self, search::query(search, &context)).await
    }

    async fn count_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<i64> {
        let context = search_context(self, search, online_since).await?;
        self.number(search::count(search, &context)).await
    }

    async fn devices_by_status(&self, online_since: Timestamp) -> Result<BTreeMap<String, i64>> {
        let found = self.rows(search::by_status(S::ACTIVITY, online_since)).await?;
        found
            .iter()
            .map(|row| Ok((row.text("status")?, row.int("devices")?)))
            .collect()
    }

    async fn devices_by_tag(&self, tags: &AnyTag, page: PageRequest) -> Result<Page<(DeviceKey, DeviceId)>> {
        let conditions = |query: &mut Statement| search::push_any_tag(query, tags);
        let select = "SELECT d.device_key, d.device_id FROM devices d";
        let (found, total) = page_of(self, select, ("devices d", "d.device_key"), page, conditions).await?;
        let item = |row: &S::Row| {
            let device_id = row.text("device_id")?;
            Ok((
                DeviceKey(row.int("device_key")?),
                rows::id(DeviceId::parse(&device_id))?,
            ))
        };
        let items = found.iter().map(item).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn expired_registrations(&self, now: Timestamp, limit: u32) -> Result<Vec<Device>> {
        let mut query = Statement::new(rows::DEVICE);
        query.push(" WHERE d.timeout_seconds > 0 AND d.created_ms + d.timeout_seconds * 1000 < ");
        query.push_bind(now.0);
        // Those that have children cannot go yet, and must not keep others from their turn.
        query.push(" ORDER BY EXISTS (SELECT 1 FROM devices c WHERE c.gateway_key = d.device_key), d.device_key LIMIT ");
        query.push_bind(limit);
        devices(self, query).await
    }

    async fn end_registration(
        &self,
        key: DeviceKey,
        before: Timestamp,
        change: Told<Device>,
    ) -> Result<DeviceDeletion> {
        self.change(Change::EndRegistration(key, before, change), 0).await
    }

    async fn keep_registration(&self, key: DeviceKey) -> Result<()> {
        let _: bool = self.change(Change::KeepRegistration(key), 0).await?;
        Ok(())
    }

    async fn update_device(
        &self,
        key: DeviceKey,
        patch: DevicePatch,
        change: Told<Device>,
    ) -> Result<Option<Device>> {
        self.change(Change::UpdateDevice(key, Box::new(patch), change), 8192)
            .await
    }

    async fn delete_device(&self, key: DeviceKey, change: Told<Device>) -> Result<DeviceDeletion> {
        self.change(Change::DeleteDevice(key, change), 0).await
    }

    async fn set_frozen(
        &self,
        key: DeviceKey,
        frozen: bool,
        status: Option<Bytes>,
        change: Told<Device>,
    ) -> Result<FreezeOutcome> {
        self.change(Change::SetFrozen(key, frozen, status, change), 0)
            .await
    }

    async fn reset_secret(
        &self,
        key: DeviceKey,
        slot: Slot,
        secret: Secret,
        change: Told<Device>,
    ) -> Result<bool> {
        self.change(Change::ResetSecret(key, slot, secret, change), 0)
            .await
    }

    async fn reset_fingerprint(
        &self,
        key: DeviceKey,
        slot: Slot,
        fingerprint: Option<String>,
        change: Told<Device>,
    ) -> Result<bool> {
        self.change(Change::ResetFingerprint(key, slot, fingerprint, change), 0)
            .await
    }

    async fn change_gateway(
        &self,
        key: DeviceKey,
        gateway: DeviceId,
        change: Told<Device>,
    ) -> Result<GatewayChange> {
        self.change(Change::MoveToGateway(key, gateway, change), 0).await
    }

    async fn bind_tags(
        &self,
        key: DeviceKey,
        tags: Vec<Tag>,
        most: usize,
        change: Told<Device>,
    ) -> Result<TagChange> {
        self.change(Change::BindTags(key, tags, most, change), 0).await
    }

    async fn unbind_tags(
        &self,
        key: DeviceKey,
        tag_keys: Vec<String>,
        change: Told<Device>,
    ) -> Result<TagChange> {
        self.change(Change::UnbindTags(key, tag_keys, change), 0).await
    }

    async fn change_shadow(
        &self,
        key: DeviceKey,
        kind: EventKind,
        unless_since: Option<Position>,
        change: Told<Device>,
    ) -> Result<ShadowChange> {
        self.change(Change::TellShadow(key, kind, unless_since, change), 8192)
            .await
    }

    fn subscribe(&self, listener: RegistryListener) {
        self.listeners().add(listener);
    }
}
