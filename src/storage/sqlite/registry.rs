//! Resource spaces, products and devices: reads through the pool, changes through the writer.

use std::sync::PoisonError;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite as Database};

use super::commit::{Change, Outcome};
use super::{Sqlite, rows, search, unavailable};
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

impl Sqlite {
    /// Makes a change; `bytes` is about what it holds in the queue.
    pub(super) async fn change<T>(&self, change: Change, bytes: usize) -> Result<T>
    where
        T: TryFrom<Outcome, Error = StoreError>,
    {
        self.writer.change(change, bytes).await?.try_into()
    }

    /// The rows of one page of a table, joined as `select` says, and how many match in all.
    pub(super) async fn page(
        &self,
        select: &str,
        (table, key): (&str, &str),
        page: PageRequest,
        conditions: impl Fn(&mut QueryBuilder<Database>),
    ) -> Result<(Vec<SqliteRow>, i64)> {
        let mut query = page_query(select, (table, key), page, &conditions);
        let found = query.build().fetch_all(&self.pool).await.map_err(unavailable)?;
        let mut count = QueryBuilder::<Database>::new(format!("SELECT count(*) FROM {table} WHERE 1 = 1"));
        conditions(&mut count);
        let total = count.build().fetch_one(&self.pool).await;
        let total = total.and_then(|row| row.try_get(0)).map_err(unavailable)?;
        Ok((found, total))
    }

    fn devices(&self, rows: &[SqliteRow]) -> Result<Vec<Device>> {
        rows.iter().map(|row| rows::device(row, &self.secrets)).collect()
    }

    /// The keys of the products of these ids.
    async fn product_keys(&self, ids: &[String]) -> Result<search::ProductKeys> {
        let mut keys = search::ProductKeys::new();
        for id in ids {
            let found = sqlx::query_scalar("SELECT product_key FROM products WHERE product_id = ?")
                .bind(id)
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
            keys.insert(id.clone(), found);
        }
        Ok(keys)
    }

    async fn search_context(
        &self,
        search: &DeviceSearch,
        online_since: Timestamp,
    ) -> Result<search::Context> {
        Ok(search::Context {
            online_since,
            products: self.product_keys(&search::product_ids(search)).await?,
        })
    }

    async fn devices_where(&self, mut query: QueryBuilder<Database>) -> Result<Vec<Device>> {
        let found = query.build().fetch_all(&self.pool).await.map_err(unavailable)?;
        self.devices(&found)
    }
}

/// One page: found on the table alone, by its key, so that its depth costs nothing, and joined then.
pub(super) fn page_query(
    select: &str,
    (table, key): (&str, &str),
    page: PageRequest,
    conditions: impl Fn(&mut QueryBuilder<Database>),
) -> QueryBuilder<Database> {
    let mut query = QueryBuilder::<Database>::new(select);
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

#[async_trait]
impl Registry for Sqlite {
    async fn default_app(&self) -> Result<App> {
        let row = sqlx::query("SELECT * FROM apps WHERE is_default = 1");
        rows::app(&row.fetch_one(&self.pool).await.map_err(unavailable)?)
    }

    async fn app(&self, app_id: &AppId) -> Result<Option<App>> {
        let row = sqlx::query("SELECT * FROM apps WHERE app_id = ?").bind(app_id.as_str());
        let row = row.fetch_optional(&self.pool).await.map_err(unavailable)?;
        row.map(|row| rows::app(&row)).transpose()
    }

    async fn list_apps(&self, is_default: Option<bool>) -> Result<Vec<App>> {
        let found =
            sqlx::query("SELECT * FROM apps WHERE is_default = coalesce(?, is_default) ORDER BY app_key")
                .bind(is_default)
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        found.iter().map(rows::app).collect()
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
        let mut query = QueryBuilder::<Database>::new(rows::PRODUCT);
        query
            .push(" WHERE p.product_id = ")
            .push_bind(product_id.as_str().to_owned());
        if let Some(app) = app {
            query.push(" AND a.app_id = ").push_bind(app.as_str().to_owned());
        }
        query.push(" ORDER BY a.is_default DESC, p.product_key LIMIT 1");
        let row = query.build().fetch_optional(&self.pool).await;
        row.map_err(unavailable)?
            .map(|row| rows::product(&row))
            .transpose()
    }

    async fn product_by_key(&self, key: ProductKey) -> Result<Option<Product>> {
        let sql = format!("{} WHERE p.product_key = ?", rows::PRODUCT);
        let row = sqlx::query(AssertSqlSafe(sql)).bind(key.0);
        let row = row.fetch_optional(&self.pool).await.map_err(unavailable)?;
        row.map(|row| rows::product(&row)).transpose()
    }

    async fn list_products(&self, filter: &ProductFilter, page: PageRequest) -> Result<Page<Product>> {
        let conditions = |query: &mut QueryBuilder<Database>| {
            if let Some(app_id) = &filter.app_id {
                query.push(" AND p.app_key = (SELECT app_key FROM apps WHERE app_id = ");
                query.push_bind(app_id.clone()).push(")");
            }
            if let Some(name) = &filter.name {
                query.push(" AND p.name = ").push_bind(name.clone());
            }
        };
        let (found, total) = self
            .page(rows::PRODUCT, ("products p", "p.product_key"), page, conditions)
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
        let sql = format!("{} WHERE d.device_id = ?", rows::DEVICE);
        let row = sqlx::query(AssertSqlSafe(sql)).bind(device_id.as_str());
        let row = row.fetch_optional(&self.pool).await.map_err(unavailable)?;
        row.map(|row| rows::device(&row, &self.secrets)).transpose()
    }

    async fn devices_by_key(&self, keys: &[DeviceKey]) -> Result<Vec<Device>> {
        let list: Vec<_> = keys.iter().map(|key| key.0.to_string()).collect();
        let sql = format!("{} WHERE d.device_key IN ({})", rows::DEVICE, list.join(","));
        self.devices_where(QueryBuilder::new(sql)).await
    }

    async fn list_devices(&self, filter: &DeviceFilter, page: PageRequest) -> Result<Page<Device>> {
        let products = self.product_keys(filter.product_id.as_slice()).await?;
        let conditions = |query: &mut QueryBuilder<Database>| search::push_filter(query, filter, &products);
        let (found, total) = self
            .page(rows::DEVICE, ("devices d", "d.device_key"), page, conditions)
            .await?;
        let items = self.devices(&found)?;
        Ok(Page { items, total })
    }

    async fn search_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<Vec<Device>> {
        let context = self.search_context(search, online_since).await?;
        self.devices_where(search::query(search, &context)).await
    }

    async fn count_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<i64> {
        let context = self.search_context(search, online_since).await?;
        let mut query = search::count(search, &context);
        let row = query.build().fetch_one(&self.pool).await;
        row.and_then(|row| row.try_get(0)).map_err(unavailable)
    }

    async fn devices_by_tag(&self, tags: &AnyTag, page: PageRequest) -> Result<Page<(DeviceKey, DeviceId)>> {
        let conditions = |query: &mut QueryBuilder<Database>| search::push_any_tag(query, tags);
        let select = "SELECT d.device_key, d.device_id FROM devices d";
        let (found, total) = self
            .page(select, ("devices d", "d.device_key"), page, conditions)
            .await?;
        let item = |row: &SqliteRow| {
            let key = DeviceKey(row.try_get(0).map_err(unavailable)?);
            let device_id: String = row.try_get(1).map_err(unavailable)?;
            Ok((key, rows::id(DeviceId::parse(&device_id))?))
        };
        let items = found.iter().map(item).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn expired_registrations(&self, now: Timestamp, limit: u32) -> Result<Vec<Device>> {
        let mut query = QueryBuilder::<Database>::new(rows::DEVICE);
        query.push(" WHERE d.timeout_seconds > 0 AND d.created_ms + d.timeout_seconds * 1000 < ");
        query.push_bind(now.0);
        // Those that have children cannot go yet, and must not keep others from their turn.
        query.push(" ORDER BY EXISTS (SELECT 1 FROM devices c WHERE c.gateway_key = d.device_key), d.device_key LIMIT ");
        query.push_bind(limit);
        self.devices_where(query).await
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
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }
}
