//! Products and devices: reads through the pool, changes through the writer.

use std::sync::PoisonError;

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite as Database};

use super::commit::{Change, Outcome};
use super::{Sqlite, rows, settings, unavailable};
use crate::auth::secret::Secret;
use crate::domain::ids::{AppId, DeviceId, DeviceKey, ProductId, ProductKey};
use crate::storage::{
    App, Change as Told, Device, DeviceCreation, DeviceDeletion, DeviceFilter, FreezeOutcome, NewDevice,
    NewProduct, Page, PageRequest, Product, ProductCreation, ProductDeletion, ProductFilter, Registry,
    RegistryListener, Result, SecretSlot, StoreError,
};

fn other_answer() -> StoreError {
    StoreError::Corrupt("the writer answered another change".to_owned())
}

impl Sqlite {
    async fn change(&self, change: Change, bytes: usize) -> Result<Outcome> {
        self.writer.change(change, bytes).await
    }

    /// The rows of one page, and how many match in all.
    async fn page(
        &self,
        select: &'static str,
        key: &'static str,
        page: PageRequest,
        conditions: impl Fn(&mut QueryBuilder<Database>),
    ) -> Result<(Vec<sqlx::sqlite::SqliteRow>, i64)> {
        let mut query = QueryBuilder::<Database>::new(select);
        query.push(" WHERE ").push(key).push(" < ").push_bind(page.before);
        conditions(&mut query);
        query
            .push(" ORDER BY ")
            .push(key)
            .push(" DESC LIMIT ")
            .push_bind(page.limit);
        query.push(" OFFSET ").push_bind(page.offset);
        let found = query.build().fetch_all(&self.pool).await.map_err(unavailable)?;
        let mut count = QueryBuilder::<Database>::new("SELECT count(*) FROM (");
        count.push(select).push(" WHERE 1 = 1");
        conditions(&mut count);
        count.push(")");
        let total = count
            .build()
            .fetch_one(&self.pool)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(unavailable)?;
        Ok((found, total))
    }
}

#[async_trait]
impl Registry for Sqlite {
    async fn default_app(&self) -> Result<App> {
        Ok(self.default_app.clone())
    }

    async fn app(&self, app_id: &AppId) -> Result<Option<App>> {
        let row = sqlx::query("SELECT app_id, name FROM apps WHERE app_id = ?").bind(app_id.as_str());
        row.fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?
            .map(|row| settings::app(&row))
            .transpose()
    }

    async fn create_product(&self, product: NewProduct, change: Told) -> Result<ProductCreation> {
        let bytes = product.attributes.service_capabilities.len() + change.payload.len();
        match self
            .change(Change::CreateProduct(Box::new(product), change), bytes)
            .await?
        {
            Outcome::ProductCreated(outcome) => Ok(outcome),
            _ => Err(other_answer()),
        }
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
        let row = query
            .build()
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.map(|row| rows::product(&row)).transpose()
    }

    async fn product_by_key(&self, key: ProductKey) -> Result<Option<Product>> {
        let sql = format!("{} WHERE p.product_key = ?", rows::PRODUCT);
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(key.0)
            .fetch_optional(&self.pool)
            .await;
        row.map_err(unavailable)?
            .map(|row| rows::product(&row))
            .transpose()
    }

    async fn list_products(&self, filter: &ProductFilter, page: PageRequest) -> Result<Page<Product>> {
        let (found, total) = self
            .page(rows::PRODUCT, "p.product_key", page, |query| {
                if let Some(app_id) = &filter.app_id {
                    query.push(" AND a.app_id = ").push_bind(app_id.clone());
                }
                if let Some(name) = &filter.name {
                    query.push(" AND p.name = ").push_bind(name.clone());
                }
            })
            .await?;
        Ok(Page {
            items: found.iter().map(rows::product).collect::<Result<_>>()?,
            total,
        })
    }

    async fn delete_product(&self, key: ProductKey, change: Told) -> Result<ProductDeletion> {
        match self.change(Change::DeleteProduct(key, change), 0).await? {
            Outcome::ProductDeleted(outcome) => Ok(outcome),
            _ => Err(other_answer()),
        }
    }

    async fn create_device(&self, device: NewDevice, change: Told) -> Result<DeviceCreation> {
        let bytes = change.payload.len() * 2;
        match self
            .change(Change::CreateDevice(Box::new(device), change), bytes)
            .await?
        {
            Outcome::DeviceCreated(outcome) => Ok(outcome),
            _ => Err(other_answer()),
        }
    }

    async fn device(&self, device_id: &DeviceId) -> Result<Option<Device>> {
        let sql = format!("{} WHERE d.device_id = ?", rows::DEVICE);
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(device_id.as_str())
            .fetch_optional(&self.pool)
            .await;
        row.map_err(unavailable)?
            .map(|row| rows::device(&row, &self.secrets))
            .transpose()
    }

    async fn list_devices(&self, filter: &DeviceFilter, page: PageRequest) -> Result<Page<Device>> {
        let (found, total) = self
            .page(rows::DEVICE, "d.device_key", page, |query| {
                push_conditions(query, filter);
            })
            .await?;
        let devices = found
            .iter()
            .map(|row| rows::device(row, &self.secrets))
            .collect::<Result<_>>()?;
        Ok(Page {
            items: devices,
            total,
        })
    }

    async fn delete_device(&self, key: DeviceKey, change: Told) -> Result<DeviceDeletion> {
        match self.change(Change::DeleteDevice(key, change), 0).await? {
            Outcome::DeviceDeleted(outcome) => Ok(outcome),
            _ => Err(other_answer()),
        }
    }

    async fn set_frozen(&self, key: DeviceKey, frozen: bool, change: Told) -> Result<FreezeOutcome> {
        match self.change(Change::SetFrozen(key, frozen, change), 0).await? {
            Outcome::Frozen(outcome) => Ok(outcome),
            _ => Err(other_answer()),
        }
    }

    async fn reset_secret(
        &self,
        key: DeviceKey,
        slot: SecretSlot,
        secret: Secret,
        change: Told,
    ) -> Result<bool> {
        match self
            .change(Change::ResetSecret(key, slot, secret, change), 0)
            .await?
        {
            Outcome::SecretReset(done) => Ok(done),
            _ => Err(other_answer()),
        }
    }

    fn subscribe(&self, listener: RegistryListener) {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }
}

fn push_conditions(query: &mut QueryBuilder<Database>, filter: &DeviceFilter) {
    let equal = [
        (" AND a.app_id = ", &filter.app_id),
        (" AND p.product_id = ", &filter.product_id),
        (" AND d.node_id = ", &filter.node_id),
        (" AND d.name = ", &filter.name),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    if let Some(gateway) = &filter.gateway_id {
        query.push(" AND (g.device_id = ").push_bind(gateway.clone());
        if filter.cascade {
            query.push(" OR g.gateway_key = (SELECT device_key FROM devices WHERE device_id = ");
            query.push_bind(gateway.clone()).push(")");
        }
        query.push(")");
    }
    if let Some(from) = filter.created_from {
        query.push(" AND d.created_ms >= ").push_bind(from.0);
    }
    if let Some(to) = filter.created_to {
        query.push(" AND d.created_ms <= ").push_bind(to.0);
    }
}
