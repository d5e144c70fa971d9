//! Products.

use super::super::commit::{Group, SqliteCommit};
use super::super::{rows, unavailable};
use crate::domain::event::EventKind;
use crate::domain::ids::ProductKey;
use crate::storage::{
    Change as Told, NewProduct, Product, ProductCreation, ProductDeletion, ProductPatch, RegistryChange,
    Result, StoreError,
};

impl SqliteCommit {
    pub(in super::super) async fn create_product(
        &mut self,
        new: NewProduct,
        told: Told<Product>,
        group: &mut Group,
    ) -> Result<ProductCreation> {
        let app = sqlx::query_as("SELECT app_key FROM apps WHERE app_id = ?").bind(new.app_id.as_str());
        let app: Option<(i64,)> = app.fetch_optional(self.connection()).await.map_err(unavailable)?;
        let Some((app_key,)) = app else {
            return Ok(ProductCreation::NoApp);
        };
        let attributes = new.attributes;
        let inserted = sqlx::query(
            "INSERT INTO products (app_key, product_id, name, device_type, protocol_type, data_format,
                 manufacturer_name, industry, description, service_capabilities, validation_mode, require_sign_type_1,
                 created_ms)
             VALUES (?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''), ?, ?, ?, ?) ON CONFLICT (product_id, app_key) DO NOTHING",
        )
        .bind(app_key)
        .bind(new.product_id.as_str())
        .bind(&attributes.name)
        .bind(&attributes.device_type)
        .bind(&attributes.protocol_type)
        .bind(&attributes.data_format)
        .bind(&attributes.manufacturer_name)
        .bind(&attributes.industry)
        .bind(&attributes.description)
        .bind(&attributes.service_capabilities)
        .bind(&attributes.validation_mode)
        .bind(attributes.require_sign_type_1)
        .bind(told.at.0)
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        if inserted.rows_affected() == 0 {
            return Ok(ProductCreation::Exists);
        }
        let key = ProductKey(inserted.last_insert_rowid());
        let product = self.product(key).await?;
        let product = product
            .ok_or_else(|| StoreError::Corrupt("a product is gone right after its insert".to_owned()))?;
        group.changes.push(RegistryChange::Product(key));
        self.tell(group, EventKind::ProductCreated, None, &product, told)
            .await?;
        Ok(ProductCreation::Created(Box::new(product)))
    }

    pub(in super::super) async fn update_product(
        &mut self,
        key: ProductKey,
        patch: ProductPatch,
        told: Told<Product>,
        group: &mut Group,
    ) -> Result<Option<Product>> {
        sqlx::query(
            "UPDATE products SET name = coalesce(?, name), device_type = coalesce(?, device_type),
                 protocol_type = coalesce(?, protocol_type), data_format = coalesce(?, data_format),
                 manufacturer_name = nullif(coalesce(?, manufacturer_name), ''),
                 industry = nullif(coalesce(?, industry), ''), description = nullif(coalesce(?, description), ''),
                 service_capabilities = coalesce(?, service_capabilities),
                 validation_mode = coalesce(?, validation_mode), require_sign_type_1 = coalesce(?, require_sign_type_1)
             WHERE product_key = ?",
        )
        .bind(&patch.name)
        .bind(&patch.device_type)
        .bind(&patch.protocol_type)
        .bind(&patch.data_format)
        .bind(&patch.manufacturer_name)
        .bind(&patch.industry)
        .bind(&patch.description)
        .bind(&patch.service_capabilities)
        .bind(&patch.validation_mode)
        .bind(patch.require_sign_type_1)
        .bind(key.0)
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        let Some(product) = self.product(key).await? else {
            return Ok(None);
        };
        group.changes.push(RegistryChange::Product(key));
        self.tell(group, EventKind::ProductUpdated, None, &product, told)
            .await?;
        Ok(Some(product))
    }

    pub(in super::super) async fn delete_product(
        &mut self,
        key: ProductKey,
        told: Told<Product>,
        group: &mut Group,
    ) -> Result<ProductDeletion> {
        let Some(product) = self.product(key).await? else {
            return Ok(ProductDeletion::NotFound);
        };
        if self
            .any("SELECT 1 FROM devices WHERE product_key = ? LIMIT 1", key.0)
            .await?
        {
            return Ok(ProductDeletion::HasDevices);
        }
        let delete = sqlx::query("DELETE FROM products WHERE product_key = ?").bind(key.0);
        delete.execute(self.connection()).await.map_err(unavailable)?;
        group.changes.push(RegistryChange::Product(key));
        self.tell(group, EventKind::ProductDeleted, None, &product, told)
            .await?;
        Ok(ProductDeletion::Deleted)
    }

    pub(super) async fn product(&mut self, key: ProductKey) -> Result<Option<Product>> {
        let row = self.row(rows::PRODUCT, "p.product_key", key.0).await?;
        row.map(|row| rows::product(&row)).transpose()
    }
}
